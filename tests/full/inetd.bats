#!/usr/bin/env bats
# packages: openbsd-inetd ucspi-tcp systemd socat python3 util-linux
# packages: libwrap0 libtirpc3 libnsl2
#
# Those who listen for us: inetd, xinetd, tcpserver, systemd. xinetd's package
# cannot be installed beside openbsd-inetd, so it is unpacked into the cache.

# Each test is a process of its own.
# shellcheck disable=SC2030,SC2031

load ../helpers
load net

setup() {
	need python3
	file_tree
	empty_mailboxes
	cd "$BATS_TEST_TMPDIR" || return
	PIDS=()
}

teardown() {
	finish_started
}

# A syslog of our own: its records go to $LOG.
start_syslog() {
	root_only
	unshare --mount true 2>/dev/null || cannot "needs mount namespaces"
	mkdir -p dev
	start python3 "$BATS_TEST_DIRNAME/inetd/syslog.py" "$PWD/dev/log" "$LOG"
	await test -S dev/log
}

start_inetd() {
	local family=${1:-tcp} host=${2:-127.0.0.1}
	shift $(($# < 2 ? $# : 2))
	need inetd
	start_syslog
	PORT=$(free_port)
	echo "$host:$PORT stream $family ${WAIT:-nowait} root $SMTPD" \
		"smtpd $(smtpd_command "$@" | sed 1d | paste -sd ' ')" >inetd.conf
	start "$BATS_TEST_DIRNAME/inetd/private-dev" "$PWD/dev" \
		inetd -i "$PWD/inetd.conf"
	await is_open "$PORT"
}

# Sets XINETD to the program, from the package in the cache.
get_xinetd() {
	local dir
	dir=$(cache)/xinetd
	if [ ! -x "$dir/usr/sbin/xinetd" ]; then
		rm -rf "$dir"
		mkdir -p "$dir"
		(cd "$dir" && apt-get download xinetd) >apt.log 2>&1 ||
			cannot "cannot get xinetd"
		dpkg -x "$dir"/xinetd*.deb "$dir"
	fi
	XINETD=$dir/usr/sbin/xinetd
	ldd "$XINETD" | grep -q 'not found' && cannot "xinetd lacks a library"
	return 0
}

# systemd-socket-activate ADDRESS [OPTION...] [-- ARGS of smtpd]
start_activate() {
	local address=$1 command options=()
	shift
	while [ $# -gt 0 ] && [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	[ "${1:-}" != -- ] || shift
	mapfile -t command < <(smtpd_command "$@")
	need systemd-socket-activate
	start systemd-socket-activate -l "$address" "${options[@]}" \
		"${command[@]}"
}

# A session with a delivery and every kind of record about it: refused
# recipients, a broken alias, an unknown command.
session() {
	echo 'bob@elsewhere.example' >"$DOMAINS/example.org/broken"
	cat <<-'END'
		EHLO client.example
		MAIL FROM:<sender@example.net>
		RCPT TO:<nobody@example.org>
		RCPT TO:<broken@example.org>
		WHAT
		RCPT TO:<alice@example.org>
		DATA
		Subject: hello

		..
		text
		.
		QUIT
	END
}

are_replies() {
	if grep -v '^[2-5][0-9][0-9][ -]' <<<"$output"; then
		return 1
	fi
}

# What the client got in answer to session() is replies alone, in order.
only_replies() {
	[ "$(cut -c1-3 <<<"$output" | uniq | paste -sd ' ')" = \
		"220 250 550 500 250 354 250 221" ]
	are_replies
}

# The records of session(), and the message, name the peer: told ADDRESS LITERAL
told() {
	local file
	file=$(the_message example.org/alice)
	[[ $(trace_of "$file") == *"from client.example ($2)"* ]]
	await_record "session peer=$1 .*messages=1 .*rejected=3 end=quit"
	await_record "message peer=$1 .*result=stored"
	await_record "reject peer=$1 .*verb=RCPT .*nobody"
	await_record "problem peer=$1 .*elsewhere.example is not local"
}

@test "inetd: greeting, delivery, records in syslog, not a word of them to the client" {
	start_inetd
	run -0 speak 127.0.0.1 "$PORT" < <(session)
	only_replies
	told 127.0.0.1 '[127.0.0.1]'
	grep -q '^<22>.*smtpd\[[0-9]*\]: message' "$LOG"
}

@test "inetd: records for standard error do not reach the client either" {
	start_inetd tcp 127.0.0.1 --log=stderr
	run -0 speak 127.0.0.1 "$PORT" < <(session)
	only_replies
	told 127.0.0.1 '[127.0.0.1]'
}

@test "inetd: a wrong setting is one 421 to the client, and a record" {
	start_inetd tcp 127.0.0.1 --errors=many
	run -0 speak 127.0.0.1 "$PORT" <<<QUIT
	[ "$output" = "421 4.3.5 service not available: a local configuration error"$'\r' ]
	await_record 'smtpd\[[0-9]*\]: problem problem=.*errors: .*many'
}

@test "inetd: no domains directory is a 451, and a record" {
	start_inetd tcp 127.0.0.1 --domains="$BATS_TEST_TMPDIR/absent"
	run -0 speak 127.0.0.1 "$PORT" < <(session)
	are_replies
	[ "$(grep -c '^451 4.3.0' <<<"$output")" -eq 3 ]
	await_record 'problem peer=127.0.0.1 .*not there'
	[ ! -e absent ]
}

@test "inetd over IPv6" {
	start_inetd tcp6 '[::1]'
	run -0 speak ::1 "$PORT" < <(session)
	only_replies
	told ::1 '[IPv6:::1]'
}

# How many processes have the listening socket of PORT.
holders() {
	local inode
	inode=$(awk -v port=":$(printf %04X "$PORT")$" \
		'$2 ~ port && $4 == "0A" { print $10 }' /proc/net/tcp)
	find /proc/[0-9]*/fd -lname "socket:\[$inode\]" 2>/dev/null |
		cut -d / -f 3 | sort -u | wc -l
}

# Two sessions of one loop, which holds the socket beside the one who listens;
# then it ends, and is started again for the next one.
waits() {
	local one two greeting
	exec {one}<>"/dev/tcp/127.0.0.1/$PORT"
	read -r -t 10 greeting <&"$one"
	exec {two}<>"/dev/tcp/127.0.0.1/$PORT"
	read -r -t 10 greeting <&"$two"
	[[ $greeting == "220 mx.example.org "* ]]
	[ "$(grep -c ' listener state=ready' "$LOG")" -eq 1 ]
	[ "$(holders)" -eq 2 ]
	exec {one}>&- {two}>&-
	await_record 'listener state=done running=0 messages=0 refused=0'
	await has_holders 1
	run -0 speak 127.0.0.1 "$PORT" < <(session)
	only_replies
	told 127.0.0.1 '[127.0.0.1]'
	await_record 'listener state=done running=0 messages=1 refused=0'
}

has_holders() {
	[ "$(holders)" -eq "$1" ]
}

@test "inetd, wait: one loop for several sessions, which ends when idle" {
	WAIT="wait" start_inetd tcp 127.0.0.1 --idle-exit=0
	waits
}

@test "inetd, wait: a wrong setting is 421 for each client, until it is mended" {
	mkdir broken
	echo 'errors = many' >broken/smtpd.conf
	WAIT="wait" start_inetd tcp 127.0.0.1 -c "$PWD/broken/smtpd.conf" \
		--idle-exit=1h
	for _ in 1 2; do
		run -0 speak 127.0.0.1 "$PORT" <<<QUIT
		[[ $output == "421 4.3.5 "* ]]
	done
	[ "$(grep -c 'problem problem=.*smtpd.conf:1: ' "$LOG")" -eq 1 ]
	echo 'errors = 5' >broken/smtpd.conf
	kill -HUP "$(grep -m1 'listener state=closed' "$LOG" |
		sed 's/.*smtpd\[\([0-9]*\)\].*/\1/')"
	await_record 'listener state=ready'
	run -0 speak 127.0.0.1 "$PORT" < <(session)
	only_replies
	# It would wait for an hour.
	kill "$(grep -m1 'listener state=closed' "$LOG" |
		sed 's/.*smtpd\[\([0-9]*\)\].*/\1/')"
	await_record 'listener state=done'
}

# xinetd for PORT: start_xinetd WAIT ARGS-OF-SMTPD...
start_xinetd() {
	local wait=$1
	shift
	start_syslog
	get_xinetd
	PORT=$(free_port)
	cat >xinetd.conf <<-END
		service smtpd-test
		{
			type            = UNLISTED
			socket_type     = stream
			protocol        = tcp
			wait            = $wait
			user            = root
			bind            = 127.0.0.1
			port            = $PORT
			server          = $SMTPD
			server_args     = $(smtpd_command "$@" | sed 1d | paste -sd ' ')
			disable         = no
		}
	END
	start "$BATS_TEST_DIRNAME/inetd/private-dev" "$PWD/dev" "$XINETD" \
		-dontfork -f "$PWD/xinetd.conf" -pidfile "$PWD/pid" \
		-filelog "$PWD/xinetd.log"
	await is_open "$PORT"
}

@test "xinetd: the file that is installed, for submission" {
	start_syslog
	get_xinetd
	printf 'user = root\ndomains = %s\n[submission]\nhostname = %s\n' \
		"$DOMAINS" submission.example >conf
	PORT=$(free_port)
	sed -n "/^service submission\$/,/^}/p" "$ROOT/systemd/smtpd.xinetd" |
		sed -e "s,/usr/local/sbin/smtpd,$SMTPD,; s/= smtpd\$/= root/" \
		-e "s,--profile=,-c $PWD/conf &,; s/= yes\$/= no/" \
		-e "s/^{/&\ntype = UNLISTED\nport = $PORT/" >xinetd.conf
	start "$BATS_TEST_DIRNAME/inetd/private-dev" "$PWD/dev" "$XINETD" \
		-dontfork -f "$PWD/xinetd.conf" -pidfile "$PWD/pid" \
		-filelog "$PWD/xinetd.log"
	await is_open "$PORT"
	run timeout 60 bash -c "head -n 1 <>/dev/tcp/127.0.0.1/$PORT"
	[[ $output = "220 submission.example "* ]]
}

@test "xinetd" {
	start_xinetd no
	run -0 speak 127.0.0.1 "$PORT" < <(session)
	only_replies
	told 127.0.0.1 '[127.0.0.1]'
}

@test "xinetd, wait: one loop for several sessions, which ends when idle" {
	start_xinetd yes --idle-exit=0
	waits
}

@test "tcpserver" {
	need tcpserver
	listen
	PIDS+=("$LISTENER")
	run -0 speak 127.0.0.1 "$PORT" < <(session)
	only_replies
	told 127.0.0.1 '[127.0.0.1]'
}

@test "systemd, Accept=yes with the socket as standard input" {
	PORT=$(free_port)
	start_activate "127.0.0.1:$PORT" --accept --inetd \
		-E LD_DEBUG=files -E "LD_DEBUG_OUTPUT=$PWD/loaded"
	await is_open "$PORT"
	run -0 speak 127.0.0.1 "$PORT" < <(session)
	only_replies
	told 127.0.0.1 '[127.0.0.1]'
	grep -q libc.so loaded.*
	run -1 grep libsystemd loaded.*
}

@test "systemd, Accept=yes with the socket passed" {
	PORT=$(free_port)
	start_activate "127.0.0.1:$PORT" --accept \
		-E LD_DEBUG=files -E "LD_DEBUG_OUTPUT=$PWD/loaded"
	await is_open "$PORT"
	run -0 speak 127.0.0.1 "$PORT" < <(session)
	only_replies
	told 127.0.0.1 '[127.0.0.1]'
	grep -q libc.so loaded.*
	run -1 grep libsystemd loaded.*
}

@test "systemd over IPv6; an IPv4 client of the same socket has an IPv4 address" {
	PORT=$(free_port)
	start_activate "[::]:$PORT" --accept --inetd
	await is_open "$PORT"
	run -0 speak ::1 "$PORT" < <(session)
	only_replies
	told ::1 '[IPv6:::1]'
	empty_mailboxes
	: >"$LOG"
	run -0 speak 127.0.0.1 "$PORT" < <(session)
	only_replies
	told 127.0.0.1 '[127.0.0.1]'
}

@test "systemd, Accept=no: a loop on one socket or several, of any kind" {
	PORT=$(free_port)
	start_activate "127.0.0.1:$PORT" -E "LD_DEBUG=files" \
		-E "LD_DEBUG_OUTPUT=$PWD/loaded"
	await is_open "$PORT"
	run -0 speak 127.0.0.1 "$PORT" < <(session)
	only_replies
	told 127.0.0.1 '[127.0.0.1]'
	run -1 grep libsystemd loaded.*
	finish "${PIDS[-1]}"
	await_record 'listener state=done running=0 messages=1'

	need socat
	empty_mailboxes
	: >"$LOG"
	PORT=$(free_port)
	start_activate "127.0.0.1:$PORT" -l "$PWD/socket"
	await is_open "$PORT"
	run -0 speak 127.0.0.1 "$PORT" < <(session)
	only_replies
	told 127.0.0.1 '[127.0.0.1]'
	empty_mailboxes
	: >"$LOG"
	run -0 socat -t 10 - "UNIX-CONNECT:socket" \
		< <(session | sed 's/$/\r/')
	only_replies
	told "\"uid $(id -u)\"" "uid $(id -u)"
}

@test "systemd, Accept=no with the socket as standard input" {
	PORT=$(free_port)
	start_activate "127.0.0.1:$PORT" --inetd -- --idle-exit=0
	await is_open "$PORT"
	run -0 speak 127.0.0.1 "$PORT" < <(session)
	only_replies
	told 127.0.0.1 '[127.0.0.1]'
	# Activated, it has taken the process of the one who listened.
	wait "${PIDS[-1]}"
	await_record 'listener state=done running=0 messages=1'
}

@test "a UNIX socket: the peer is a user" {
	root_only
	need socat
	# Where other users may go.
	SOCKET=$(mktemp -d)/socket
	chmod 755 "${SOCKET%/*}"
	start_activate "$SOCKET" --accept --inetd
	await test -S "$SOCKET"
	chmod 666 "$SOCKET"
	run -0 setpriv --reuid=65534 --regid=65534 --clear-groups \
		socat -t 10 - "UNIX-CONNECT:$SOCKET" < <(session | sed 's/$/\r/')
	rm -r "${SOCKET%/*}"
	only_replies
	told '"uid 65534"' 'uid 65534'
}

@test "a pipe: the peer is what the environment says, else unknown" {
	local name file
	for name in TCPREMOTEIP REMOTE_ADDR; do
		empty_mailboxes
		run -0 --separate-stderr env "$name=192.0.2.7" "$SMTPD" \
			--user="$(id -un)" --domains="$DOMAINS" < <(session)
		# shellcheck disable=SC2154 # bats sets it
		echo "$stderr" >"$LOG"
		told 192.0.2.7 '[192.0.2.7]'
	done
	empty_mailboxes
	run -0 --separate-stderr env TCPREMOTEIP=2001:db8::7 \
		REMOTE_ADDR=192.0.2.7 "$SMTPD" --user="$(id -un)" \
		--domains="$DOMAINS" < <(session)
	echo "$stderr" >"$LOG"
	told 2001:db8::7 '[IPv6:2001:db8::7]'
	for name in '' 'not an address' '192.0.2.7 (forged' '1.2.3.4]'; do
		empty_mailboxes
		run -0 --separate-stderr env TCPREMOTEIP="$name" "$SMTPD" \
			--user="$(id -un)" --domains="$DOMAINS" < <(session)
		[[ $stderr == *"message peer=unknown "* ]]
		file=$(the_message example.org/alice)
		[[ $(trace_of "$file") == *"from client.example"$'\t'"by "* ]]
	done
}

@test "closed descriptors: nobody is there, no file of ours takes their place" {
	local command
	mapfile -t command < <(smtpd_command)
	run -0 --separate-stderr bash -c '"$@" <&-' - "${command[@]}"
	[[ $stderr == session*end=hangup* ]]
	run -0 --separate-stderr bash -c '"$@" >&-' - "${command[@]}" <<<NOOP
	[[ $stderr == session*end=hangup* ]]
	run -0 --separate-stderr bash -c '"$@" 2>&-' - "${command[@]}" \
		< <(session)
	only_replies
	# The records went nowhere, above all not into the message.
	run -1 grep -a peer= "$(the_message example.org/alice)"
}
