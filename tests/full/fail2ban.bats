#!/usr/bin/env bats
# packages: fail2ban python3 python3-systemd systemd-journal-remote ucspi-tcp
#
# The filter for fail2ban reads the records that smtpd writes: it finds the
# peers that failed to log in and no others, whatever a client says.

load ../helpers
load net

setup_file() {
	need fail2ban-regex python3 tcpserver
	file_tree
	(umask 077 && printf 'alice:%s\n' \
		"$("$SMTPD" --hash-password=sha512 <<<secret)" \
		>"$BATS_FILE_TMPDIR/passwords")
	listen --passwords="$BATS_FILE_TMPDIR/passwords" --auth-clear=loopback \
		--auth-delay=0
	# What the clients try, and from where.
	fails 127.0.0.11 x alice
	fails 127.0.0.12 '[127.0.0.99]' ''
	fails 127.0.0.13 x 'peer=127.0.0.99'
	fails 127.0.0.14 x 'x result=failed'
	fails 127.0.0.15 x 'x" peer=127.0.0.99 result=failed user="x'
	fails 127.0.0.16 x 'x\nauth peer=127.0.0.99 result=failed'
	fails 127.0.0.17 x 'x\\" peer=127.0.0.99 result=failed'
	fails 127.0.0.18 x '\x80\xff\x7f\x1b[31m'
	fails 127.0.0.19 x '2001-01-01 00:00:00 x'
	fails 127.0.0.20 x 'Jan  1 00:00:00 mail smtpd[1]: auth peer=127.0.0.99'
	fails 127.0.0.21 x "$(printf '%0300d' 0)"
	fails 127.0.0.22 'x"result=failed' alice
	fails 127.0.0.23 'x"peer=127.0.0.99' 'alice'
	fails 127.0.0.24 'x=failed\"' 'a\\" result=failed'
	succeeds 127.0.0.50
	finish "$LISTENER"
}

fails() {
	[[ $(python3 "$BATS_TEST_DIRNAME/fail2ban.py" "$PORT" "$@") = 5* ]]
}

# And after it a record with all that is wanted, but of another kind.
succeeds() {
	python3 - "$PORT" "$1" <<-'END'
		import smtplib, sys
		client = smtplib.SMTP("127.0.0.1", int(sys.argv[1]),
		    source_address=(sys.argv[2], 0), local_hostname="x")
		client.ehlo()
		client.login("alice", "secret")
		client.docmd("MAIL", 'FROM:<"auth peer=x result=failed"@x>')
		client.docmd("RCPT", 'TO:<"auth peer=127.0.0.99 result=failed"@x>')
		client.docmd("auth", "peer=127.0.0.99 result=failed")
		client.quit()
	END
}

# What fail2ban finds in a log: addresses, or what a second argument says.
found() {
	fail2ban-regex -o "${2:-ip}" "$1" ./smtpd.conf | sort -V
}

setup() {
	cd "$BATS_TEST_TMPDIR" || return
	cp "$ROOT/systemd/smtpd.fail2ban" smtpd.conf
	all=$(printf '127.0.0.%d\n' {11..24})
}

# The records as syslogd writes them: dated DATE
dated() {
	sed "s/^/$1 mail smtpd[123]: /" "$LOG"
}

# The records as journald keeps them: exported COMM
exported() {
	local id line
	id=$(sed -n '/"auth"/{n;s/.*MESSAGE_ID=\([0-9a-f]*\).*/\1/p}' \
		"$ROOT/lib/log.c")
	[ ${#id} -eq 32 ] || return
	while IFS= read -r line; do
		printf '%s\n' "__REALTIME_TIMESTAMP=$(date +%s%6N)" \
			__MONOTONIC_TIMESTAMP=1 "_BOOT_ID=$id" _HOSTNAME=mail \
			SYSLOG_IDENTIFIER=smtpd _PID=123 "_COMM=$1" \
			"MESSAGE_ID=$id" "MESSAGE=$line" ''
	done <"$LOG"
}

@test "the records of failed logins are there, and of one that was none" {
	[ "$(grep -c '^auth .* result=failed' "$LOG")" -eq 14 ]
	grep '^auth peer=127.0.0.50 .*result=ok' "$LOG"
	grep '^reject peer=127.0.0.50 .*auth peer=' "$LOG"
}

@test "fail2ban finds each peer that failed once, and no other address" {
	[ "$(found "$LOG")" = "$all" ]
}

@test "the same behind what syslogd puts before a line" {
	dated "$(LC_ALL=C date '+%b %e %T')" >lines
	[ "$(found lines)" = "$all" ]
	dated "$(date '+%Y-%m-%dT%H:%M:%S.123456+00:00')" >lines
	[ "$(found lines)" = "$all" ]
}

@test "not in the records of another program" {
	dated today | sed 's/smtpd\[/x&/' >lines
	[ -z "$(found lines)" ]
	dated today | sed 's/smtpd\[123\]:/sshd[1]: &/' >lines
	[ -z "$(found lines)" ]
	sed 's/^auth/x &/' "$LOG" >lines
	[ -z "$(found lines)" ]
}

@test "not where only what a client chose says that it failed" {
	cat >lines <<-'END'
	auth peer=127.0.0.99 helo="x result=failed" result=ok
	auth peer=127.0.0.99 result=ok user=" result=failed"
	auth peer=127.0.0.99 result=cancelled user="\" result=failed"
	auth peer=127.0.0.99 result=failed2
	auth peer="uid 1000" result=failed mechanism=PLAIN user=127.0.0.99
	auth peer=unknown result=failed mechanism=PLAIN user=127.0.0.99
	END
	[ -z "$(found lines)" ]
}

@test "the same in a journal, by the fields that the kernel vouches for" {
	local remote=/lib/systemd/systemd-journal-remote
	[ -x "$remote" ] || cannot "needs systemd-journal-remote"
	/usr/bin/python3 -c 'import systemd.journal' || cannot "needs python3-systemd"
	mkdir ours theirs
	exported smtpd | "$remote" -o ours/x.journal -
	exported other | "$remote" -o theirs/x.journal -
	[ "$(found "systemd-journal[journalpath=$PWD/ours]")" = "$all" ]
	[ -z "$(found "systemd-journal[journalpath=$PWD/theirs]")" ]
}

@test "a date in a user name is not the time of the record" {
	run -0 found "$LOG" '<ip> <time>'
	[ "${#lines[@]}" -eq 14 ]
	# 978307200 is the time in that user name.
	run -0 awk '$2 < 978307200 + 86400 * 365' <<<"$output"
	[ -z "$output" ]
}
