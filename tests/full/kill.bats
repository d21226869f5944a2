#!/usr/bin/env bats
# packages: python3 strace fuse3 libfuse3-dev pkg-config gcc
# kill -9 in the middle of deliveries: no partial file in any new/, no 250
# without its message.

load ../helpers
load store

setup() {
	root_only
	need python3
	export DOMAINS=$BATS_TEST_TMPDIR/domains
	mkdir "$DOMAINS"
}

teardown() {
	unmount
}

killed() {
	run python3 "$ROOT/tests/full/kill.py" "$SMTPD" "$DOMAINS" "$@"
	sed 's/^/# /' <<<"$output" >&3
	[ "$status" -eq 0 ]
}

@test "killed after a random number of octets, 200 times" {
	killed bytes 200
	[[ $output != *elsewhere* ]]
}

@test "killed after a random time, 200 times" {
	killed time 200
	[[ $output != *elsewhere* ]]
}

@test "killed at each system call of a delivery" {
	need strace
	killed calls 0
	[[ $output != *elsewhere* ]]
}

@test "killed after a random time where files have a name in tmp/" {
	show
	killed time 100
}

@test "killed after a random time where there are no hard links" {
	show -o no_link
	killed time 100
}
