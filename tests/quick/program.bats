#!/usr/bin/env bats
# The program around the language: descriptors, signals, time, the log.
# packages: python3 libidn2-0 binutils

load ../helpers

export BATS_TEST_TIMEOUT=100	# seconds until a test counts as hanging

# What has to wait for seconds begins before the other tests and ends after
# them: patience FLAG... runs all its sessions at once.
patience() {
	python3 - "$@" <<-'END'
		import select, socket, subprocess, sys

		class Session:
		    def __init__(self, data, drip, reply, end, *flags):
		        self.drip, self.reply, self.end = drip, reply, end
		        self.client, server = socket.socketpair()
		        self.process = subprocess.Popen(sys.argv[1:] + list(flags),
		            stdin=server, stdout=server, stderr=subprocess.PIPE)
		        server.close()
		        self.client.sendall(data)
		        self.got = b''

		    # Whatever there is, or else a drop; False when it is over.
		    def step(self):
		        if select.select([self.client], [], [], 0.05)[0]:
		            more = self.client.recv(4096)
		            self.got += more
		            return more != b''
		        try:
		            self.client.sendall(self.drip)
		        except BrokenPipeError:
		            pass    # what it said before is still to be read
		        return True

		    def check(self):
		        log = self.process.communicate()[1]
		        last = self.got.split(b'\r\n')[-2]
		        assert last.startswith(self.reply), self.got
		        assert self.got.count(b'\n421 ') == 1, self.got
		        assert b' end=' + self.end + b' ' in log, log
		        assert b'reply="' + self.reply in log, log
		        assert self.process.returncode == 0

		body = (b'EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<alice@example.org>\r\n'
		        b'DATA\r\n')
		sessions = [
		    Session(b'', b'', b'421 4.4.2 ', b'idle', '--idle-timeout=1'),
		    Session(b'EHLO x\r\nNOOP', b'', b'421 4.4.2 ', b'idle',
		            '--idle-timeout=1'),
		    # Octets that make no command are no progress.
		    Session(b'EHLO x\r\nNOOP ', b'x', b'421 4.4.2 ', b'idle',
		            '--idle-timeout=1'),
		    Session(body, b'', b'421 4.4.2 ', b'idle', '--idle-timeout=1'),
		    Session(body, b'x', b'421 4.4.2 ', b'slow', '--idle-timeout=1',
		            '--data-rate=1000'),
		    Session(b'EHLO x\r\n', b'NOOP\r\n', b'421 4.4.2 ', b'deadline',
		            '--session-timeout=1'),
		    Session(body, b'x\r\n', b'421 4.4.2 ', b'deadline',
		            '--session-timeout=1'),
		]
		# A client that does not read its replies is cut off.
		deaf, server = socket.socketpair()
		server.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
		process = subprocess.Popen(sys.argv[1:] + ['--idle-timeout=1'],
		    stdin=server, stdout=server, stderr=subprocess.PIPE)
		server.close()
		deaf.setblocking(False)
		try:
		    while True:
		        deaf.send(b'HELP\r\n' * 1000)
		except BlockingIOError:
		    pass

		going = list(sessions)
		while going:
		    going = [session for session in going if session.step()]
		for session in sessions:
		    session.check()
		log = process.communicate(timeout=20)[1]
		assert process.returncode == 0 and b'session ' in log, log
		print('done')
	END
}

setup_file() {
	command -v python3 >/dev/null || return 0
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR tree
	patience "$SMTPD" --user="$(id -un)" --domains="$DOMAINS" \
		>"$BATS_FILE_TMPDIR/patience" 2>&1 3>&- &
	echo $! >"$BATS_FILE_TMPDIR/pid"
}

setup() {
	tree
	LOG=$BATS_TEST_TMPDIR/log
}

# Start a session that the test talks to: start [FLAG...]; then say and hear.
start() {
	coproc SESSION { exec "$SMTPD" --user="$(id -un)" \
		--hostname=mx.example.org --domains="$DOMAINS" "$@" \
		2>"$LOG" 3>&-; }
	hold
}

# Copies of the descriptors: the shell closes its own when the session ends.
# shellcheck disable=SC2034,SC2154,SC2153 # the coprocess sets them
hold() {
	PID=$SESSION_PID
	exec {IN}>&"${SESSION[1]}" {OUT}<&"${SESSION[0]}"
}

teardown() {
	[ -z "${PID:-}" ] || kill "$PID" 2>/dev/null || true
}

say() {
	printf '%b\n' "$1" >&"$IN"
}

# Read replies until one is like the pattern.
hear() {
	local line

	while read -r -t 20 line <&"$OUT"; do
		line=${line%$'\r'}
		# shellcheck disable=SC2254 # a pattern is meant
		case $line in
		$1) return 0 ;;
		esac
	done
	echo "no reply like $1"
	return 1
}

# The session ends, with success and no more replies.
ends() {
	local rest

	! read -r -t 20 rest <&"$OUT" || return 1
	wait "$PID"
	PID=
}

# Enter a message for alice.
begin() {
	say 'EHLO client.example\nMAIL FROM:<>\nRCPT TO:<alice@example.org>\nDATA'
	hear '354 *'
}

title() {
	tr '\0' '\n' <"/proc/$PID/cmdline" | head -1
}

# Wait until ps shows this.
shows() {
	local _

	for _ in {1..2000}; do
		[ "$(title)" != "$1" ] || return 0
	done
	echo "ps shows: $(title)"
	return 1
}

@test "a here-document is a session" {
	run -0 smtpd <<-'END'
		HELO client.example
		MAIL FROM:<>
		RCPT TO:<alice@example.org>
		DATA
		Subject: hello

		hello
		.
		QUIT
	END
	[ "$(messages example.org/alice | wc -l)" -eq 1 ]
	grep -qx 'hello' "$(messages example.org/alice)"
	[ ! -s "$DOMAINS/example.org/alice/tmp" ] ||
		[ -z "$(ls "$DOMAINS/example.org/alice/tmp")" ]
}

@test "the id of the reply is in the name, in Received and in the record" {
	start
	begin
	say 'text\n.'
	read -r -t 20 line <&"$OUT"
	[[ $line = '250 2.0.0 stored, id='* ]]
	id=${line##*id=}
	id=${id%$'\r'}
	say QUIT
	hear '221 *'
	ends
	file=$(messages example.org/alice)
	[[ ${file##*/} =~ ^[0-9]+\."$id".mx.example.org,S=[0-9]+$ ]]
	grep -q "with ESMTP id $id\$" "$file"
	grep -q "^message .* id=$id from=<> to=<alice@example.org> recipients=1 size=$(stat -c %s "$file") stored=1 result=stored commit=[0-9]*\.[0-9]*\$" "$LOG"
	grep -q '^session peer=unknown helo=client.example commands=5 messages=1 octets=[0-9]* rejected=0 end=quit duration=[0-9]*\.[0-9]*\( unconfined=.*\)\?$' "$LOG"
}

@test "an absent or an empty domains directory: 451, and nothing is made" {
	for place in none empty found; do
		place=$BATS_TEST_TMPDIR/$place
		case $place in
		*/empty) mkdir "$place" ;;
		*/found) mkdir -p "$place/lost+found" "$place/.snap" ;;
		esac
		DOMAINS=$place run -0 --separate-stderr smtpd <<-'END'
			HELO client.example
			MAIL FROM:<> SIZE=1000
			RCPT TO:<alice@example.org>
			RCPT TO:<postmaster>
			RCPT TO:<postmaster@example.org>
		END
		[[ ${lines[2]} = '250 2.1.0 '* ]]
		[[ ${lines[3]} = '451 4.3.'* ]]
		[[ ${lines[4]} = '451 4.3.'* ]]
		[[ ${lines[5]} = '451 4.3.'* ]]
		# shellcheck disable=SC2154 # run sets it
		[[ $stderr = *problem=*'domains directory'* ]]
	done
	[ ! -e "$BATS_TEST_TMPDIR/none" ]
	[ -z "$(ls "$BATS_TEST_TMPDIR/empty")" ]
}

@test "a pipe in place of a mailbox is not waited for" {
	mkfifo "$DOMAINS/example.org/fifo"
	run -0 --separate-stderr smtpd <<-'END'
		HELO client.example
		MAIL FROM:<>
		RCPT TO:<fifo@example.org>
	END
	[[ ${lines[3]} = '451 4.3.5 '* ]]
	[[ $stderr = *'example.org/fifo: neither a directory nor a file'* ]]
}

@test "the Maildir's folders are made when they are missing, with its mode" {
	chmod 2770 "$DOMAINS/example.org/alice"
	start
	begin
	say '.'
	hear '250 *'
	for folder in cur new tmp; do
		[ "$(stat -c %a "$DOMAINS/example.org/alice/$folder")" = 2770 ]
	done
	[ "$(stat -c %a "$(messages example.org/alice)")" = 660 ]
	[ ! -e "$DOMAINS/example.org/bob/new" ]
}

@test "libidn2 is loaded for a U-label, and for nothing else" {
	session() {
		printf 'EHLO x\nMAIL FROM:<> SMTPUTF8\nRCPT TO:<alice@%s>\nQUIT\n' "$1" |
			LD_DEBUG=files LD_DEBUG_OUTPUT=$BATS_TEST_TMPDIR/debug \
			"$SMTPD" --user="$(id -un)" --domains="$DOMAINS"
	}
	run -0 session example.org
	[[ $output = *'250 2.1.5 '* ]]
	grep -q libc.so "$BATS_TEST_TMPDIR"/debug.*
	run -1 grep -l 'libidn2\|libsystemd\|libssl\|libnss' "$BATS_TEST_TMPDIR"/debug.*
	mkdir -p "$DOMAINS/xn--bcher-kva.example/alice"
	run -0 session bücher.example
	[[ $output = *'250 2.1.5 '* ]]
	grep -q libidn2.so.0 "$BATS_TEST_TMPDIR"/debug.*
}

@test "records escape what a terminal or a parser would take for more" {
	run -0 --separate-stderr smtpd <<-END
		EHLO a"b=c\\
		MAIL FROM:<"\\"=; b"@example.com> SMTPUTF8
		RCPT TO:<näme@example.org>
		RCPT TO:<"two words"@example.org>
		NOOP $(printf '\033')[2J
	END
	[[ $stderr = *'helo="a\"b=c\x5c" '* ]]
	[[ $stderr = *'address=<n\xc3\xa4me@example.org> '* ]]
	[[ $stderr = *'address="<\"two words\"@example.org>" '* ]]
	run -1 grep -q '[^ -~]' <<<"$stderr"
}

@test "nothing but replies reaches a client who is standard error, too" {
	need python3
	python3 - "$SMTPD" --user="$(id -un)" --domains="$DOMAINS" <<-'END'
		import re, socket, subprocess, sys

		def session(data, *flags):
		    client, server = socket.socketpair()
		    process = subprocess.Popen(sys.argv[1:] + list(flags),
		        stdin=server, stdout=server, stderr=server)
		    server.close()
		    try:
		        client.sendall(data)
		        client.shutdown(socket.SHUT_WR)
		    except OSError:
		        pass                    # it hung up already
		    got = b''.join(iter(lambda: client.recv(4096), b''))
		    process.wait()
		    bad = [line for line in got.split(b'\r\n')[:-1]
		           if not re.match(rb'[2345]\d\d[ -]', line)]
		    assert got.endswith(b'\r\n') and not bad, got
		    return got, process.returncode

		talk = (b'EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<no@example.org>\r\n'
		        b'RCPT TO:<alice@example.org>\r\nDATA\r\n.\r\n')
		for log in 'auto', 'stderr', 'syslog', 'journal':
		    got, status = session(talk, '--log=' + log)
		    assert b'\r\n250 2.0.0 stored' in got and status == 0, got
		got, status = session(b'', '--log=stderr', '--recipients=0')
		assert got.startswith(b'421 4.3.5 ') and status == 78, got
	END
	[ "$(messages example.org/alice | wc -l)" -eq 4 ]
}

@test "a body as slow as data-rate allows is taken" {
	start --idle-timeout=2 --data-rate=0
	begin
	say 'text\n.'
	hear '250 2.0.0 *'
}

@test "SIGTERM between commands: 421 4.3.2 at once" {
	start
	hear '220 *'
	say 'EHLO x\nMAIL FROM:<>'
	hear '250 2.1.0 *'
	kill -TERM "$PID"
	hear '421 4.3.2 *'
	ends
	grep -q '^session .* end=shutdown ' "$LOG"
}

@test "SIGTERM that was blocked by whoever started us" {
	local blocked=$BATS_TEST_TMPDIR/blocked

	printf '#!/bin/sh\nexec env --block-signal=TERM,ALRM "%s" "$@"\n' \
		"$SMTPD" >"$blocked"
	chmod +x "$blocked"
	SMTPD=$blocked start
	hear '220 *'
	kill -TERM "$PID"
	hear '421 4.3.2 *'
	ends
}

@test "SIGTERM in a message: it is finished first" {
	start
	begin
	say 'first'
	shows 'smtpd: unknown DATA 6 octets'
	kill -TERM "$PID"
	say 'second\n.'
	hear '250 2.0.0 stored, id=*'
	hear '421 4.3.2 *'
	ends
	grep -q '^second$' "$(messages example.org/alice)"
	grep -q '^session .* messages=1 .* end=shutdown ' "$LOG"
}

@test "SIGTERM in a message: what is pipelined behind it is not begun" {
	start
	begin
	say 'first'
	shows 'smtpd: unknown DATA 6 octets'
	# In one write: bash would make one of each line, and the end could
	# come between two.
	printf '.\nMAIL FROM:<>\nRCPT TO:<alice@example.org>\nBDAT 6 LAST\nsecond' \
		>"$BATS_TEST_TMPDIR/rest"
	kill -TERM "$PID"
	cat "$BATS_TEST_TMPDIR/rest" >&"$IN"
	hear '250 2.0.0 stored, id=*'
	hear '421 4.3.2 *'
	ends
	[ "$(messages example.org/alice | wc -l)" -eq 1 ]
}

@test "SIGTERM between chunks of a message: 421, and nothing is stored" {
	start
	say 'EHLO x\nMAIL FROM:<>\nRCPT TO:<alice@example.org>\nBDAT 5\ntext'
	hear '250 2.0.0 *'
	kill -TERM "$PID"
	hear '421 4.3.2 *'
	ends
	[ -z "$(messages example.org/alice)" ]
}

@test "ps shows the peer, the verb and the octets" {
	TCPREMOTEIP=192.0.2.7 start
	shows 'smtpd: 192.0.2.7 -'
	say 'EHLO x'
	shows 'smtpd: 192.0.2.7 EHLO'
	say 'XYZZY'
	shows 'smtpd: 192.0.2.7 -'
	say 'MAIL FROM:<>\nRCPT TO:<alice@example.org>\nDATA\n12345678'
	shows 'smtpd: 192.0.2.7 DATA 9 octets'
	say '.\nMAIL FROM:<>\nRCPT TO:<alice@example.org>\nBDAT 100\n1234'
	shows 'smtpd: 192.0.2.7 BDAT 5 octets'
	[ "$(tr -d '\0' <"/proc/$PID/cmdline")" = "$(title)" ]
}

@test "who the peer is, without a socket: TCPREMOTEIP, REMOTE_ADDR, unknown" {
	peer() {
		env "$@" "$SMTPD" --user="$(id -un)" --domains="$DOMAINS" \
			</dev/null 2>&1 >/dev/null
	}
	run -0 peer TCPREMOTEIP=192.0.2.7 REMOTE_ADDR=192.0.2.8
	[[ $output = *' peer=192.0.2.7 '* ]]
	run -0 peer REMOTE_ADDR=2001:db8::1
	[[ $output = *' peer=2001:db8::1 '* ]]
	run -0 peer TCPREMOTEIP=::ffff:192.0.2.9
	[[ $output = *' peer=192.0.2.9 '* ]]
	run -0 peer 'TCPREMOTEIP=x y' 'REMOTE_ADDR=1.2.3.4)'
	[[ $output = *' peer=unknown '* ]]
	run -0 peer "TCPREMOTEIP=$(printf '%0100d' 1)"
	[[ $output = *' peer=unknown '* ]]
}

@test "a client that goes away in a message leaves nothing" {
	for last in 'DATA\ntext\n.' 'DATA\ntext\n.\r' 'BDAT 9 LAST\ntext' 'BDAT 4\ntext'; do
		printf 'EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<alice@example.org>\r\n%b' "$last" |
			smtpd --bare-newline=reject >/dev/null 2>"$LOG"
	done
	printf 'EHLO x\nMAIL FROM:<>\nRCPT TO:<alice@example.org>\nDATA\ntext\n.' |
		smtpd >/dev/null 2>"$LOG"
	grep -q ' end=hangup ' "$LOG"
	[ -z "$(find "$DOMAINS" -type f)" ]
}

@test "closed descriptors do no harm" {
	closed() {
		sh -c 'exec "$@" '"$1" sh "$SMTPD" --user="$(id -un)" \
			--domains="$DOMAINS"
	}
	run -0 closed '<&-'
	[[ $output = '220 '* ]]
	run -0 closed '</dev/null >&-'
	run -0 closed '<&- >&- 2>&-'
	[ -z "$output" ]
	printf 'EHLO x\nMAIL FROM:<>\nRCPT TO:<alice@example.org>\nDATA\ntext\n.\nQUIT\n' |
		smtpd >/dev/null 2>&-
	[ "$(messages example.org/alice | wc -l)" -eq 1 ]
	run -1 grep -l '^message ' "$(messages example.org/alice)"
}

@test "a client that is not there to read leaves nothing" {
	printf 'EHLO x\nMAIL FROM:<>\nRCPT TO:<alice@example.org>\nDATA\n.\n' |
		smtpd 2>"$LOG" >/dev/full
	grep -q '^session .* messages=0 .* end=hangup ' "$LOG"
	[ -z "$(find "$DOMAINS" -type f)" ]
	run -78 sh -c '"$@" >/dev/full' sh "$SMTPD" --recipients=0 </dev/null
}

@test "a socket that does not block: waits, replies, and lingers" {
	need python3
	python3 - "$SMTPD" --user="$(id -un)" --domains="$DOMAINS" <<-'END'
		import socket, subprocess, sys, threading

		client, server = socket.socketpair()
		server.setblocking(False)
		process = subprocess.Popen(sys.argv[1:] + ['--errors=1000000'],
		    stdin=server, stdout=server, stderr=subprocess.DEVNULL)
		server.close()

		def waits():
		    while process.poll() is None:
		        with open('/proc/%d/stat' % process.pid) as file:
		            if file.read().rsplit(')', 1)[1].split()[0] == 'S':
		                return True
		    return False

		replies = client.makefile('rb')
		assert replies.readline().startswith(b'220 ') and waits()
		# More replies than the socket holds: it waits for the reader.
		thread = threading.Thread(target=client.sendall,
		    args=(b'x\r\n' * 8000,))
		thread.start()
		assert waits()
		for _ in range(8000):
		    assert replies.readline().startswith(b'500 ')
		thread.join()
		client.sendall(b'GET /\r\n')
		assert replies.read().startswith(b'500 ') and waits()
		client.sendall(b'Host: still there\r\n')
		replies.close()
		client.close()
		assert process.wait() == 0
	END
}

@test "a descriptor of systemd wins over standard input that is no socket" {
	need python3
	python3 - "$SMTPD" --user="$(id -un)" --domains="$DOMAINS" <<-'END'
		import os, socket, subprocess, sys

		def session(variables):
		    client, server = socket.socketpair()
		    third = os.fdopen(os.dup(server.fileno()))
		    process = subprocess.Popen(
		        ['sh', '-c', 'exec 3<&%d; ' % third.fileno() + variables +
		            ' exec "$@"', 'sh'] + sys.argv[1:],
		        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
		        stderr=subprocess.DEVNULL, pass_fds=[third.fileno()])
		    server.close()
		    third.close()
		    client.shutdown(socket.SHUT_WR)
		    output = process.communicate()[0]
		    assert process.returncode == 0
		    return client.recv(4096), output

		given, output = session('LISTEN_FDS=1 LISTEN_PID=$$')
		assert given.startswith(b'220 ') and output == b'', (given, output)
		# Not ours.
		given, output = session('LISTEN_FDS=1 LISTEN_PID=1')
		assert output.startswith(b'220 ') and given == b'', (given, output)
	END
}

@test "records go where systemd reads standard error, or to the journal" {
	: >"$LOG"
	stream=$(stat -c %d:%i "$LOG")
	JOURNAL_STREAM=$stream smtpd <<<QUIT 2>>"$LOG"
	[ ! -s "$LOG" ]
	JOURNAL_STREAM=${stream}0 smtpd <<<QUIT 2>>"$LOG"
	grep -q '^session ' "$LOG"
}

@test "a name in brackets is escaped in file names" {
	printf 'HELO x\nMAIL FROM:<>\nRCPT TO:<alice@example.org>\nDATA\n.\n' |
		smtpd --hostname='[IPv6:2001:db8::1]'
	name=$(messages example.org/alice)
	[[ ${name##*/} =~ ^[0-9]+\.[^.]+\.\[IPv6'\0722001\072db8\072\0721]',S=[0-9]+$ ]]
}

@test "an address literal of this machine is ours, IPv4 and IPv6" {
	mkdir -p "$DOMAINS/mx.example.org/carol"
	run -0 smtpd --explain='carol@[127.0.0.1]'
	run -67 smtpd --explain='carol@[192.0.2.1]'
	run -67 smtpd --explain='carol@[IPv6:2001:db8::1]'
	if grep -q '^0\{31\}1 ' /proc/net/if_inet6; then
		run -0 smtpd --explain='carol@[IPv6:::1]'
	fi
	run -67 smtpd --explain="carol@[tag:$(printf '%0100d' 0)]"
}

@test "root becomes the user, or does not run" {
	root_only
	run -78 --separate-stderr "$SMTPD" --user=nobody-of-this-name \
		--domains="$DOMAINS" </dev/null
	[[ $output = '421 4.3.5 '* ]]
	[[ $stderr = *'there is no user \"nobody-of-this-name\"'* ]]
	coproc SESSION { exec "$SMTPD" --user=nobody --domains=/usr \
		2>"$LOG" 3>&-; }
	hold
	hear '220 *'
	id=$(id -u nobody)
	[ "$(awk '$1 == "Uid:" { print $2, $3, $4, $5 }' "/proc/$PID/status")" = "$id $id $id $id" ]
	[[ " $(awk '$1 == "Groups:" { $1 = ""; print }' "/proc/$PID/status") " != *' 0 '* ]]
}

# Whether this is a build for finding faults: its size and libraries say
# nothing about the product.
instrumented() {
	nm "$SMTPD" | grep -q '__asan_init\|__ubsan_handle\|__gcov_\|__tsan_init'
}

@test "the program links libc alone, and is small" {
	need ldd size nm
	! instrumented || return 0
	run -0 ldd "$SMTPD"
	run -1 grep -v 'linux-vdso\|libc\.so\|ld-linux\|linux-gate\|ld\.so\|ld64' <<<"$output"
	run -0 size "$SMTPD"
	[ "$(awk 'NR == 2 { print $1 + $2 }' <<<"$output")" -lt 262144 ]
}

@test "what is pure is pure: memory and string functions, and lib/address" {
	need nm
	cd "$ROOT"
	[ -e protocol.o ] && [ -e body.o ] && [ -e parameter.o ] && [ -e lib/address.o ] || cannot "needs the objects of make"
	! instrumented || return 0
	address=$(nm -g --defined-only lib/address.o | awk '$2 == "T" { printf "|%s", $3 }')
	libc='(mem(cpy|move|set|chr|cmp)|str(len|chr|cmp|ncmp)|__(mem(cpy|move|set))_chk|__stack_chk_fail|_GLOBAL_OFFSET_TABLE_)'
	[[ $address = *address_parse_path* ]]
	body=$(nm -g --defined-only body.o parameter.o | awk '$2 == "T" { printf "|%s", $3 }')
	run -1 sh -c "nm -u protocol.o | grep -Evx ' *U ($libc$address$body)'"
	run -1 sh -c "nm -u parameter.o | grep -Evx ' *U ($libc$address)'"
	run -1 sh -c "nm -u body.o | grep -Evx ' *U ($libc$address)'"
	run -1 sh -c "nm -u lib/address.o | grep -Evx ' *U $libc'"
	run -1 sh -c "nm -u lib/complete.o | grep -Evx ' *U ($libc$address)'"
	# Which only reads text.
	libc+='|strc?spn|inet_pton'
	run -1 sh -c "nm -u lib/network.o | grep -Evx ' *U ($libc$address)'"
}

@test "patience ends: idle, a slow body, a long session; one 421 and a record" {
	need python3
	tail -s 0.1 --pid="$(cat "$BATS_FILE_TMPDIR/pid")" -f /dev/null
	cat "$BATS_FILE_TMPDIR/patience"
	[ "$(tail -n 1 "$BATS_FILE_TMPDIR/patience")" = "done" ]
	[ -z "$(find "$BATS_FILE_TMPDIR/domains" -type f)" ]
}
