# Functions for tests with a real listener. Use: load ../helpers, load net
# shellcheck shell=bash

# Tests of a file share its listener and its mailboxes.
export BATS_NO_PARALLELIZE_WITHIN_FILE=true

# The tree of the whole file instead of one for each test; LOG takes the
# records of smtpd.
file_tree() {
	BATS_TEST_TMPDIR=$BATS_FILE_TMPDIR tree
	export LOG=$BATS_FILE_TMPDIR/log
	: >"$LOG"
}

empty_mailboxes() {
	find "$DOMAINS" -type f -path '*/new/*' -delete
}

# The command line of smtpd for those who start it, an argument a line. Where
# something is wrong a client may wait for ever, but not smtpd for the client.
smtpd_command() {
	printf '%s\n' "$SMTPD" --user="$(id -un)" --hostname=mx.example.org \
		--domains="$DOMAINS" --idle-timeout=30 "$@"
}

# Where other programs and packages of the tests are kept between runs.
cache() {
	local dir=${SMTPD_TEST_CACHE:-/var/cache/smtpd-tests}
	mkdir -p "$dir" && echo "$dir"
}

# tcpserver with smtpd on a free port of 127.0.0.1. Sets PORT and LISTENER,
# its process id: listen ARGS...
listen() {
	local command fifo
	mapfile -t command < <(smtpd_command "$@")
	fifo=$(mktemp -u -p "$BATS_FILE_TMPDIR")
	mkfifo "$fifo"
	tcpserver -1 -HR -l 0 127.0.0.1 0 "${command[@]}" \
		>"$fifo" 2>>"$LOG" 3>&- &
	LISTENER=$!
	read -r PORT <"$fifo"
	export PORT LISTENER
}

# End a process that we started, and wait for that: finish PID
finish() {
	[ -n "$1" ] || return 0
	kill "$1" 2>/dev/null || return 0
	wait "$1" 2>/dev/null || true
}

# Run in the background until finish_started: start COMMAND ARGS... What it
# says goes to the test's file "out", its process id to PIDS, which a test
# empties first.
start() {
	"$@" >"$BATS_TEST_TMPDIR/out" 2>>"$LOG" </dev/null 3>&- &
	PIDS+=($!)
}

finish_started() {
	local pid
	for pid in "${PIDS[@]}"; do
		finish "$pid"
	done
}

free_port() {
	python3 -c 'import socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
print(s.getsockname()[1])'
}

# Whether anybody listens on a TCP port; asks the kernel, as a connection might
# be counted as a session.
is_open() {
	grep -qE "^ *[0-9]+: [0-9A-F]+:$(printf %04X "$1") [0-9A-F]+:0000 0A" \
		/proc/net/tcp /proc/net/tcp6
}

# Wait until COMMAND succeeds; fail after ten seconds: await COMMAND ARGS...
await() {
	local end=$((SECONDS + 10))
	until "$@"; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.02
	done
}

# Wait for a line of the records: await_record PATTERN [LOG]
await_record() {
	timeout 10 tail -n +1 -f "${2:-$LOG}" 2>/dev/null 3>&- |
		grep -qm1 -- "$1" || {
		echo "no record of $1 in:"
		cat "${2:-$LOG}"
		return 1
	}
}

# A client that waits for the greeting, then sends the lines of standard input
# ended by CR LF, and prints all that it was told: speak HOST PORT
speak() {
	local greeting
	exec 4<>"/dev/tcp/$1/$2"
	IFS= read -r -t 10 greeting <&4
	printf '%s\n' "$greeting"
	sed 's/$/\r/' >&4
	timeout 10 cat <&4
	exec 4>&-
}

# The name of the one message in a mailbox; more or fewer are a failure.
the_message() {
	local found
	mapfile -t found < <(messages "$1")
	if [ "${#found[@]}" -ne 1 ]; then
		echo "${#found[@]} messages in $1 instead of one" >&2
		return 1
	fi
	echo "${found[0]}"
}

# A message without the trace fields that smtpd wrote before it.
untraced() {
	awk 'trace < 2 && /^(Return-Path|Received):/ { trace++; next }
		trace == 1 || (trace == 2 && !rest && /^[ \t]/) { next }
		{ rest = 1; print }' "$1"
}

# The fields that smtpd wrote, on one line.
trace_of() {
	awk '/^[ \t]/ || ++fields <= 2 { print; next } { exit }' "$1" |
		tr -d '\r\n'
}

# Everything that transport may spoil: dots where lines begin, a line as long
# as RFC 5321 allows, UTF-8, blanks at a line's end, empty lines at the end.
compose() {
	cat <<-'END'
		From: Sender <sender@example.net>
		To: alice@example.org
		Subject: =?UTF-8?Q?Gr=C3=BC=C3=9Fe?=
		Date: Sat, 1 Feb 2025 10:00:00 +0100
		Message-ID: <1@example.net>
		MIME-Version: 1.0
		Content-Type: text/plain; charset=UTF-8
		Content-Transfer-Encoding: 8bit

		.
		..
		.dot
		...
		From here the word From begins a line
		Grüße, 今日は, ☃
		trailing blanks  
	END
	printf '%0997d\n.%0996d\n' 0 0
	printf ' . \n\n.QUIT\n.'
	printf '\n\nlast\n'
}

# What a mailbox got is octet by octet what was sent; the id is the same in the
# file name, the trace and the record: arrived_verbatim [MAILBOX [SENT]]
arrived_verbatim() {
	local file id
	file=$(the_message "${1:-example.org/alice}")
	untraced "$file" | cmp - "${2:-$MESSAGE.crlf}"
	id=$(cut -d. -f2 <<<"${file##*/}")
	[[ $(trace_of "$file") == *" id $id"* ]]
	await_record "^message .*id=$id .*result=\(stored\|partial\)"
	[ "${file##*,S=}" -eq "$(stat -c %s "$file")" ]
}

# The text that a client encoded as it liked is the text that it was given.
arrived_decoded() {
	local file
	file=$(the_message example.org/alice)
	python3 - "$file" <<-'END' | cmp - "$BODY"
		import email, sys
		message = email.message_from_bytes(open(sys.argv[1], 'rb').read())
		text = message.get_payload(decode=True)
		sys.stdout.buffer.write(text.replace(b'\r\n', b'\n'))
	END
	if grep -q '[^'$'\r'']$' "$file"; then
		echo "a line that ends with LF alone" >&2
		return 1
	fi
}
