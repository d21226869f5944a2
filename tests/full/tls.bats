#!/usr/bin/env bats
# packages: openssl python3 socat systemd testssl.sh ucspi-tcp
#
# TLS as clients, attackers and testssl.sh see it, a process a session and in
# the accept loop. What is done is in tls/*.py.

load ../helpers
load net

setup_file() {
	command -v openssl python3 >/dev/null || return 0
	file_tree
	export CERTIFICATES=$BATS_FILE_TMPDIR/authority
	python3 "$BATS_TEST_DIRNAME/tls/peers.py" authority
	SANDBOX=require
	smtpd --check --sandbox=require >/dev/null || SANDBOX=auto
	export SANDBOX
	command -v testssl systemd-socket-activate >/dev/null || return 0
	begin_testssl
}

teardown_file() {
	finish "${ACTIVATOR:-}"
	finish "${TESTSSL:-}"
	finish "${TESTSSL_IMPLICIT:-}"
}

setup() {
	need openssl python3 tcpserver
	tree
	cd "$BATS_TEST_TMPDIR" || return
}

# Run a function of tls/FILE.py, and print its tables: scenario FILE NAME [KIND]
scenario() {
	run python3 "$BATS_TEST_DIRNAME/tls/$1.py" "${@:2}"
	[ "$status" -ne 0 ] || grep '^#' <<<"$output" >&3 || true
	echo "$output"
	[ "$status" -eq 0 ]
}

# The same for a process a session and for the accept loop.
both() {
	scenario "$@" exec
	find "$DOMAINS" -type f -delete
	scenario "$@" loop
}

# --- testssl.sh, while the other tests run ---

# Everything but what is slow and tells nothing new of us: each cipher alone
# (-e, -E), clients that we do not have (-c), HTTP (-h), bugs of others (-g).
testssl_for() {
	cd "$BATS_FILE_TMPDIR" && exec testssl --quiet --color 0 \
		--warnings off --openssl-timeout 10 --connect-timeout 10 \
		--ip 127.0.0.1 --nodns none \
		--add-ca "$CERTIFICATES/root.pem" -p -s -f -P -S -U "$@"
}

begin_testssl() {
	local smtp submissions place=$BATS_FILE_TMPDIR/served
	mkdir "$place"
	(cd "$place" && python3 "$BATS_TEST_DIRNAME/tls/peers.py" certificates)
	smtp=$(free_port) submissions=$(free_port)
	smtpd_command --certificates="$place/certificates" \
		--sessions-per-source=0 >"$place/command"
	printf '[submissions]\ntls = implicit\n' >"$place/conf"
	mapfile -t command <"$place/command"
	systemd-socket-activate -l "127.0.0.1:$smtp" \
		-l "127.0.0.1:$submissions" --fdname=smtp:submissions \
		"${command[@]}" -c "$place/conf" </dev/null >/dev/null \
		2>>"$LOG" 3>&- &
	export ACTIVATOR=$!
	await is_open "$submissions"
	testssl_for --jsonfile starttls.json --starttls smtp \
		"mx.example.org:$smtp" </dev/null >/dev/null 2>&1 3>&- &
	export TESTSSL=$!
	testssl_for --jsonfile implicit.json "mx.example.org:$submissions" \
		</dev/null >/dev/null 2>&1 3>&- &
	export TESTSSL_IMPLICIT=$!
}

# No finding above "low", and none missing: verdict FILE PID
verdict() {
	timeout 300 tail --pid="$2" -f /dev/null
	run python3 "$BATS_TEST_DIRNAME/tls/verdict.py" "$BATS_FILE_TMPDIR/$1"
	grep '^#' <<<"$output" >&3
	echo "$output"
	[ "$status" -eq 0 ]
}

# --- how TLS begins ---

@test "TLS 1.2 and 1.3, STARTTLS and implicit, ECDSA and RSA for one name" {
	both handshake kinds
}

@test "SNI: several names, a wildcard, unknown, none, hostile ones" {
	both handshake names
}

@test "TLS 1.1 and 1.0, SSL 3.0 (CVE-2014-3566) and 2.0 (CVE-2016-0800): no" {
	both handshake old
}

@test "downgrades are noticed (RFC 7507, RFC 8446 4.1.3); CRIME CVE-2012-4929" {
	both handshake downgrade
}

@test "no renegotiation: CVE-2009-3555, CVE-2011-1473" {
	both handshake renegotiation
}

@test "0-RTT data is refused and not read" {
	scenario handshake early_data
}

@test "broken off at every octet of the client's flights: one record each" {
	scenario handshake aborted
}

@test "200 handshakes at once" {
	scenario handshake parallel
}

@test "an octet now and then: idle-timeout, and nobody else waits" {
	both handshake slow
}

@test "SIGTERM in a handshake drains" {
	scenario handshake stopped
}

# --- what crosses ---

@test "STARTTLS injection: CVE-2011-0411 in every form" {
	both clear injection
}

@test "STARTTLS injection with the client's handshake behind it" {
	both clear handshake_behind
}

@test "clear text for implicit TLS: not a word of it back" {
	both clear clear_to_implicit
}

@test "nothing learnt before STARTTLS is known after it (RFC 3207, 4.2)" {
	both clear forgotten
}

@test "TLS ends, so does the session: CVE-2017-16943, CVE-2026-45185" {
	both clear truncated
}

# --- tickets and certificates ---

@test "tickets of one child resume at another" {
	scenario certificates tickets
}

@test "a process a session: no tickets" {
	scenario certificates no_tickets
}

@test "resumed: no AUTH, no certificate that was not believed there" {
	scenario certificates resumed_who
}

@test "EXTERNAL for believed certificates alone" {
	both certificates external
}

@test "renewed certificates, new names, without a signal" {
	both certificates renewed
}

@test "certbot's links from live to archive" {
	both certificates certbot
}

@test "a spoilt pair: the old one, or 454 and which file, until it is mended" {
	both certificates broken
}

@test "a spoilt pair beside a good one" {
	both certificates broken_beside
}

@test "a spoilt pair at the start: 454 and which file, until it is mended" {
	both certificates broken_at_start
}

@test "tls=require: 530 5.7.0 for MAIL, VRFY, EXPN before TLS" {
	both certificates required
}

@test "tls=off, and no certificates: no STARTTLS" {
	both certificates off
}

@test "no certificate at all: 454; implicit: an end without a word" {
	both certificates none_at_all
}

@test "files that may not be read: 454, and the record says which" {
	root_only
	both certificates unreadable
}

@test "--check: certificates that are good" {
	scenario certificates check_good
}

@test "--check: certificates that are not, and why" {
	root_only # gives a key to another user
	scenario certificates check_bad
}

# --- what goes through ---

@test "ldd: libc alone; a session maps what it uses" {
	root_only # looks into a process that is not dumpable
	run ldd "$SMTPD"
	echo "$output"
	[ "$(grep -c '=>' <<<"$output")" -eq 1 ]
	[[ $output = *libc.so.6* ]]
	both traffic libraries
}

@test "25 MiB by DATA and by BDAT, in the sandbox and without" {
	both traffic large
}

@test "records and segments of every size" {
	both traffic splits
}

@test "pipelining: 100 transactions in one go" {
	both traffic pipelining
}

@test "clients that read nothing; close_notify behind QUIT" {
	both traffic mute
}

@test "TLS over pipes" {
	need socat
	scenario traffic pipes
}

@test "testssl.sh finds nothing above low, by STARTTLS" {
	need testssl systemd-socket-activate
	verdict starttls.json "$TESTSSL"
}

@test "testssl.sh finds nothing above low, by implicit TLS" {
	need testssl systemd-socket-activate
	verdict implicit.json "$TESTSSL_IMPLICIT"
}
