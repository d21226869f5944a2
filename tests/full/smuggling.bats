#!/usr/bin/env bats
# packages: ucspi-tcp python3 curl
#
# Clients that hope to be misunderstood, over TCP connections.

load ../helpers
load net

setup_file() {
	command -v tcpserver >/dev/null || return 0
	file_tree
	listen
}

teardown_file() {
	finish "${LISTENER:-}"
}

setup() {
	need tcpserver python3
	empty_mailboxes
	cd "$BATS_TEST_TMPDIR" || return
	SMUGGLING=$BATS_TEST_DIRNAME/smuggling
}

# Send octets without waiting for the greeting, print what comes: the listener
# is held while they are sent, so that they are there before it greets.
early() {
	kill -STOP "$LISTENER"
	exec 4<>"/dev/tcp/127.0.0.1/$PORT"
	printf '%b' "$1" >&4
	kill -CONT "$LISTENER"
	timeout 10 cat <&4
	exec 4>&-
}

# The same after the greeting: send OCTETS
send() {
	local greeting
	exec 4<>"/dev/tcp/127.0.0.1/$PORT"
	IFS= read -r -t 10 greeting <&4
	printf '%s\n' "$greeting"
	printf '%b' "$1" >&4
	timeout 10 cat <&4
	exec 4>&-
}

# The codes of what the client got, one for each reply: codes_are CODE...
codes_are() {
	local codes
	codes=$(grep -E '^[0-9]{3} ' <<<"$output" | cut -c1-3 | paste -sd ' ')
	[ "$codes" = "$*" ] || {
		echo "got $codes instead of $*"
		return 1
	}
}

@test "no sequence smuggles a message" {
	python3 "$SMUGGLING/smuggle.py" "$PORT" "$DOMAINS" >table
	sed 's/^/# /' table >&3
	# As many as were thought of, less those that are a true end.
	[ "$(wc -l <table)" -gt 100 ]
	run -1 grep -v ' ok$' table
}

@test "the same harness sees a message smuggled where it can be" {
	run -0 python3 "$SMUGGLING/smuggle.py" "$PORT" "$DOMAINS" \
		only '\r\n.\r\n'
	[ "$output" = SMUGGLED ]
	local LISTENER PORT
	listen --bare-newline=accept
	run -0 python3 "$SMUGGLING/smuggle.py" "$PORT" "$DOMAINS" only '\n.\n'
	finish "$LISTENER"
	[ "$output" = SMUGGLED ]
}

@test "a bare LF ends no command: 500, and nothing behind it is obeyed" {
	run -0 send 'EHLO client.example\r\nNOOP\nMAIL FROM:<a@example.net>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\ntext\r\n.\r\nQUIT\r\n'
	codes_are 220 250 500
	[[ $output == *"500 5.5.2 bare LF"* ]]
	run -0 send 'EHLO client.example\nQUIT\n'
	codes_are 220 500
	[ -z "$(messages example.org/alice)" ]
}

@test "a bare CR ends no command either" {
	run -0 send 'EHLO client.example\rNOOP\r\nEHLO client.example\r\nNOOP\rQUIT\r\nQUIT\r\n'
	codes_are 220 501 250 501 221
}

@test "bare LF in a chunk; the session goes on" {
	run -0 send 'EHLO c.example\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<alice@example.org>\r\nBDAT 7 LAST\r\na\n.\nb\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<alice@example.org>\r\nBDAT 3\r\na\r\nBDAT 6 LAST\r\n.\r\nb\r\nQUIT\r\n'
	codes_are 220 250 250 250 550 250 250 250 250 221
	local file
	file=$(the_message example.org/alice)
	[ "$(untraced "$file" | od -An -c | tr -d ' \n')" = 'a\r\n.\r\nb\r\n' ]
}

@test "BODY=BINARYMIME takes any octets" {
	run -0 send 'EHLO c.example\r\nMAIL FROM:<a@example.net> BODY=BINARYMIME\r\nRCPT TO:<alice@example.org>\r\nBDAT 12 LAST\r\na\n.\nb\r.\r\r\n.\nQUIT\r\n'
	codes_are 220 250 250 250 250 221
	local file
	file=$(the_message example.org/alice)
	[ "$(untraced "$file" | od -An -c | tr -d ' \n')" = \
		'a\n.\nb\r.\r\r\n.\n' ]
}

@test "a client that speaks first is refused" {
	run -0 early 'EHLO c.example\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\nQUIT\r\n'
	codes_are 554 503 503 503 503 221
	[[ $output == "554 mx.example.org you spoke before"* ]]
}

@test "a client that speaks first is served where that is allowed" {
	local LISTENER PORT
	listen --early-talker=allow
	run early 'EHLO c.example\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\ntext\r\n.\r\nQUIT\r\n'
	finish "$LISTENER"
	codes_are 220 250 250 250 354 250 221
}

@test "HTTP: one 500, and not one line further" {
	local request='POST / HTTP/1.1\r\nHost: mx.example.org\r\nContent-Length: 99\r\n\r\nEHLO c.example\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\ntext\r\n.\r\nQUIT\r\n'
	run -0 send "$request"
	codes_are 220 500
	run -0 early "$request"
	codes_are 554 500
	[ -z "$(messages example.org/alice)" ]
}

@test "a browser's request and a TLS hello end at once" {
	need curl
	run curl -sS --http0.9 --max-time 5 "http://127.0.0.1:$PORT/"
	[ "$status" -ne 28 ]
	run curl -sS --max-time 5 "https://127.0.0.1:$PORT/"
	[ "$status" -eq 35 ]
	run curl -sS --max-time 5 "smtps://127.0.0.1:$PORT/"
	[ "$status" -eq 35 ]
	run -0 send '\026\003\001\002\0\001\0\001\374\003\003'
	codes_are 220 500
	run -0 early '\026\003\001\002\0\001\0\001\374\003\003'
	codes_are 554 500
}

@test "too many errors: 421, received whole while more is sent" {
	local wrong
	printf -v wrong 'WHAT\\r\\n%.0s' {1..21}
	run -0 python3 "$SMUGGLING/blast.py" "$PORT" "$wrong" 500000
	# shellcheck disable=SC2046 # twenty words
	codes_are 220 $(printf '500 %.0s' {1..20}) 421
	[[ ${lines[-1]} == "421 4.7.0 "* ]]
	await_record 'session .*rejected=21'
}

@test "a closing reply is not lost while the client still sends" {
	local text
	for text in 'GET / HTTP/1.0\r\n' 'QUIT\r\n' 'NOOP\nNOOP\n' '\0' \
		'BDAT x\r\n'; do
		run -0 python3 "$SMUGGLING/blast.py" "$PORT" "$text" 800000
		[[ ${lines[-1]} =~ ^(221|500|501)\ .*bye ]]
		[ "${#lines[@]}" -eq 2 ]
	done
}

@test "a 421 for a wrong setting is not lost either" {
	local LISTENER PORT
	listen --errors=many
	run python3 "$SMUGGLING/blast.py" "$PORT" '' 800000
	finish "$LISTENER"
	[ "$status" -eq 0 ]
	codes_are 421
}

@test "a line without an end: 500, and close" {
	local long
	printf -v long '%070000d' 0
	run -0 python3 "$SMUGGLING/blast.py" "$PORT" "$long" 1000
	codes_are 220 500
	printf -v long '%03000d' 0
	run -0 send "$long\r\nQUIT\r\n"
	codes_are 220 500 221
}

@test "a client that hangs up in the middle leaves nothing" {
	local text
	for text in 'first\r\n' 'first\r\n.' 'first\r\n.\r'; do
		: >"$LOG"
		exec 4<>"/dev/tcp/127.0.0.1/$PORT"
		read -r -t 10 _ <&4
		printf '%b' 'EHLO c.example\r\nMAIL FROM:<a@example.net>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\n' "$text" >&4
		exec 4>&-
		await_record 'session .*messages=0 .*end=hangup'
		[ -z "$(find "$DOMAINS" -type f)" ]
	done
}
