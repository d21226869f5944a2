#!/usr/bin/env bats
# packages: python3 strace iproute2 util-linux
#
# The accept loop: limits, signals, shortage, the service manager. Who listens
# for it in earnest is in inetd.bats.

load ../helpers

setup() {
	need python3
	tree
	cd "$BATS_TEST_TMPDIR" || return
}

scenario() {
	python3 "$BATS_TEST_DIRNAME/listen.py" "$1"
}

@test "300 connections of one source: 20 sessions, 280 times 421, one record" {
	scenario one_source
}

@test "the limit of all sessions is told beside that of a source" {
	scenario all_sources
}

@test "a source is an IPv4 address, an IPv6 network of 64 bits, a local user" {
	root_only
	unshare --net true 2>/dev/null || cannot "needs network namespaces"
	unshare --net python3 "$BATS_TEST_DIRNAME/listen.py" sources
}

@test "a session that is killed in mid-message, or stopped, costs nobody else" {
	scenario crash
}

@test "every message of many sessions at once is counted" {
	scenario parallel
}

@test "clients that never read or say anything: nobody waits for them" {
	scenario mute_clients
}

@test "SIGHUP: new settings for new sessions, wrong ones change nothing" {
	scenario reload_settings
}

@test "the domains directory comes, is replaced, is another after SIGHUP" {
	scenario other_trees
}

@test "SIGTERM in mid-message: it is finished; a second one ends the waiting" {
	scenario drain
}

@test "SIGTERM: after drain-timeout 421 to the idle, none in a message" {
	scenario drain_timeout
}

@test "SIGTERM: a client that reads no reply does not hold it up" {
	scenario drain_mute
}

@test "SIGTERM at each system call of the start is never lost" {
	need strace
	scenario stop_at_start
}

@test "out of processes: 421, a pause, and on it goes" {
	root_only
	scenario processes
}

@test "out of processes with no session: no end that would forget the pause" {
	root_only
	scenario pause_when_idle
}

@test "out of descriptors: clients wait, and on it goes" {
	root_only # looks into a process that is not dumpable
	scenario descriptors
}

@test "idle-exit: with nobody there it ends, where it is started again" {
	scenario idle_exit
}

@test "idle-exit: no connection is lost at the moment it ends" {
	scenario idle_race
}

@test "what the service manager is told" {
	scenario notify
}

@test "a service manager that wants a sign of life gets it" {
	scenario watchdog
}

@test "READY=1 is not lost in a full queue" {
	root_only # looks into a process that is not dumpable
	scenario busy_manager
}

@test "sockets that were passed: several, another's, one that does not listen" {
	scenario descriptors_passed
}
