#!/usr/bin/env bats
# The table of settings: file, flags, profiles, --check, --explain, --help.
# packages: libcrypt1 libgsasl18 python3

load ../helpers

export BATS_TEST_TIMEOUT=100	# seconds until a test counts as hanging

setup() {
	tree
	FILE=$BATS_TEST_TMPDIR/smtpd.conf
}

# Whether a line of $output is exactly this.
has() {
	grep -qxF -e "$1" <<<"$output" || {
		printf 'no line: %s\nbut:\n%s\n' "$1" "$output"
		return 1
	}
}

# The line of --check that sums up what is in the tree. Those of the sandbox,
# which follow, are as the kernel is.
sum() {
	grep -v '^sandbox: ' <<<"$output" | tail -n 1
}

# Settings that do not go together, as flags: what is said of them there, in the
# file, and to a client.
conflict() {
	local said=$1

	shift
	run -78 smtpd --check "$@"
	has "$said"
	printf '%s\n' "${@#--}" | sed 's/=/ = /' >"$FILE"
	run -78 smtpd -c "$FILE" --check
	has "$said"
	run -78 --separate-stderr smtpd -c "$FILE" <<<QUIT
	[ "$output" = $'421 4.3.5 service not available: a local configuration error\r' ]
	# shellcheck disable=SC2154 # run sets it
	[ "$stderr" = "problem problem=\"$said\"" ]
}

# name|default|values that are allowed|values that are not|what is said then
table() {
	cat <<'END'
hostname||mx.example.org a [192.0.2.1]|-a a_b a..b |a host name
domains|/var/lib/smtpd/domains|/tmp||a path
message-size|50M|0 1 1K 2M 3G 9223372036854775807|-1 1k 1T M 9223372036854775808 17179869184G 18446744073709551616|0 to 9223372036854775807, with K, M or G
recipients|1000|1 999999|0 1000000 1K -1 x |1 to 999999
mailboxes|10000|1 1000000|0 1000001 x|1 to 1000000
alias-depth|10|1 100|0 101|1 to 100
messages|1000|1 999999|0 1000000|1 to 999999
hops|100|1 10000|0 10001|1 to 10000
errors|20|0 1000000|1000001 -1|0 to 1000000
idle-timeout|5min|1 1s 2min 24h 86400|0 25h 1m 1d|1 to 86400 seconds, or with s, min or h
session-timeout|1h|1 30s 720h|0 721h|1 to 2592000 seconds, or with s, min or h
data-rate|100|0 1K 2147483647|-1 2147483648|0 to 2147483647, with K, M or G
sessions|500|0 1 100000|100001 -1 1K|0 to 100000
sessions-per-source|20|0 1 100000|100001 x|0 to 100000
idle-exit|5s|0 1s 5min 720h|721h never|0 to 2592000 seconds, or with s, min or h
drain-timeout|30s|0 1 24h 86400|86401 25h|0 to 86400 seconds, or with s, min or h
lmtp|no|yes no|true 1 Yes|no, yes
vrfy|no|yes no|maybe|no, yes
expn|no|yes no|on|no, yes
bare-newline|auto|auto reject accept|no|auto, reject, accept
early-talker|refuse|refuse allow|drop|refuse, allow
delimiter|+|+ - +-=_.~!#|123456789|0 to 8 characters
over-quota|retry|retry reject|bounce|retry, reject
user|smtpd|root nobody||1 to 255 characters
sandbox|auto|require off auto|on yes|auto, require, off
memory|256M|0 64M 1G 9223372036854775807|-1 9223372036854775808|0 to 9223372036854775807, with K, M or G
tls|offer|off offer|yes starttls|off, offer, require, implicit
certificates||/tmp||a path
client-authorities||/tmp/authorities.pem||a path
passwords||/tmp/passwords||a path
dovecot-auth||/tmp/auth||a path
auth-clear|no|no loopback|yes always|no, loopback
auth-failures|3|1 1000|0 1001 1K -1|1 to 1000
auth-delay|1s|0 1 60s 1min|61 2min 1h -1|0 to 60 seconds, or with s, min or h
submission|no|yes no|on|no, yes
sender|own|any own|all no|own, any
hide-client|no|yes no|maybe|no, yes
user-messages|0|0 1 1000000|1000001 -1 1K|0 to 1000000
user-recipients|0|0 1 10000000|10000001 x|0 to 10000000
rates|/var/lib/smtpd/rates|/tmp||a path
networks||192.0.2.0/24 192.0.2.1 2001:db8::/32 ::1 192.0.2.0/24,198.51.100.7|192.0.2.1/24 192.0.2.0/33 192.0.2 2001:db8::/129 2001:db8::1/32 printers 192.0.2.0/24;::1|networks like 192.0.2.0/24
network-recipients||example.org alice@example.org example.org,bob@example.net|@example.org alice@ -a|domains and addresses
log|auto|auto journal syslog stderr|file|auto, journal, syslog, stderr
END
}

@test "--help names every setting of the table with its default, and no other" {
	run -0 smtpd --help
	while IFS='|' read -r name start _; do
		grep -q -e "^  --$name .*($start" <<<"$output" || {
			echo "--help: $name, $start"
			return 1
		}
	done < <(table)
	[ "$(grep -c '^  --' <<<"$output")" -eq "$(table | wc -l)" ]
	has 'usage: smtpd [-c FILE] [--profile=NAME] [--name=value ...]'
}

@test "every setting takes what is allowed, in the file" {
	# Where they do not count, what they name need not be there.
	echo '[other]' >"$FILE"
	table | while IFS='|' read -r name _ good _; do
		for value in $good; do
			echo "$name = $value"
		done
	done >>"$FILE"
	run -0 smtpd -c "$FILE" --check
	[ "$(wc -l <"$FILE")" -gt 90 ]
}

@test "every setting refuses the rest, with line, value and what is allowed" {
	local number=0

	while IFS='|' read -r name _ _ bad allowed; do
		: >"$FILE"
		number=0
		for value in $bad ''; do
			[ -n "$value" ] || [[ $name = user ]] || continue
			echo "$name = $value" >>"$FILE"
		done
		run -78 smtpd -c "$FILE" --check
		while read -r _ _ value; do
			has "$FILE:$((++number)): $name: \"$value\" is not allowed; it takes $allowed"
		done <"$FILE"
	done < <(table | awk -F'|' '$4 != "" || $1 == "user"')
	[ "$number" -gt 0 ]
}

@test "lines: comments, spaces, tabs, CR LF, empty values, the last without an end" {
	printf '# x\n\n   \t\n\thostname\t=  one.example \t\n#hostname = two.example\ndelimiter =\r\nlmtp=yes' >"$FILE"
	run -0 "$SMTPD" --user="$(id -un)" --domains="$DOMAINS" -c "$FILE" \
		</dev/null
	[[ ${lines[0]} = '220 one.example LMTP smtpd'* ]]
}

@test "lines that are none stop with their number" {
	printf 'lmtp\n= x\nfuture = 1\nHostname = a.example\n[]\n[x\n[x] y\n = \nhostname =\nhostname = a b\n' >"$FILE"
	run -78 smtpd -c "$FILE" --check
	has "$FILE:1: a line is \"name = value\""
	has "$FILE:2: \"\" is not a setting; see smtpd --help"
	has "$FILE:3: \"future\" is not a setting; see smtpd --help"
	has "$FILE:4: \"Hostname\" is not a setting; see smtpd --help"
	has "$FILE:5: a section is written [name]"
	has "$FILE:6: a section is written [name]"
	has "$FILE:7: a section is written [name]"
	has "$FILE:9: hostname: \"\" is not allowed; it takes a host name"
	has "$FILE:10: hostname: \"a b\" is not allowed; it takes a host name"
}

@test "of too many problems the first are told, and that there are more" {
	for i in {1..200}; do
		echo "future$i = 1"
	done >"$FILE"
	run -78 smtpd -c "$FILE" --check
	has "$FILE:1: \"future1\" is not a setting; see smtpd --help"
	said=$(sed '/ problems$/,$d' <<<"$output")
	[ "$(tail -n 1 <<<"$said")" = 'and more' ]
	run ! grep -v "^$FILE:[0-9]*: \"future[0-9]*\" is not a setting; see smtpd --help$" <<<"$(sed '$d' <<<"$said")"
}

@test "NUL, a control character, or too much in a value" {
	{
		printf 'hostname = a\0b\n'
		printf 'delimiter = \033\n'
		printf 'domains = /%01024d\n' 0
	} >"$FILE"
	run -78 smtpd -c "$FILE" --check
	grep -q "^$FILE:1: hostname: .* is not allowed" <<<"$output"
	grep -q "^$FILE:2: delimiter: .* is not allowed" <<<"$output"
	grep -q "^$FILE:3: domains: .* is not allowed" <<<"$output"
	yes '# a comment' | head -c 70000 >"$FILE"
	run -78 smtpd -c "$FILE" --check
	has "$FILE: longer than 64 KiB"
}

@test "flags win over the profile, the profile over the rest of the file" {
	printf 'hostname = one.example\nlmtp = yes\n[other]\nhostname = two.example\nlmtp = no\n[mine]\nhostname = three.example\n' >"$FILE"
	greeting() {
		"$SMTPD" --user="$(id -un)" --domains="$DOMAINS" -c "$FILE" \
			"$@" </dev/null 2>/dev/null
	}
	run -0 greeting
	[[ $output = '220 one.example LMTP'* ]]
	run -0 greeting --profile=mine
	[[ $output = '220 three.example LMTP'* ]]
	run -0 greeting --profile=other
	[[ $output = '220 two.example ESMTP'* ]]
	run -0 greeting --profile=mine --hostname=four.example --lmtp no
	[[ $output = '220 four.example ESMTP'* ]]
	run -0 greeting --hostname=four.example --hostname=five.example
	[[ $output = '220 five.example LMTP'* ]]
}

@test "a wrong line in another profile is a wrong line" {
	printf '[other]\nlmtp = maybe\n' >"$FILE"
	run -78 smtpd -c "$FILE" --check
	has "$FILE:2: lmtp: \"maybe\" is not allowed; it takes no, yes"
}

@test "a file, a profile or an option that is not there" {
	run -78 smtpd -c "$FILE" --check
	has "$FILE: No such file or directory"
	echo 'lmtp = no' >"$FILE"
	run -78 smtpd --config="$FILE" --profile=x --check
	has "$FILE: no section [x]"
	run -78 smtpd --check --future=1
	has 'command line: "--future=1" is not an option, or not so; see smtpd --help'
	run -78 smtpd --check -x
	has 'command line: "-x" is not an option, or not so; see smtpd --help'
	run -78 smtpd --check --lmtp
	has 'command line: "--lmtp" lacks its value; see smtpd --help'
	run -78 smtpd --check --recipients=0
	has 'command line: recipients: "0" is not allowed; it takes 1 to 999999'
	run -78 smtpd --check stray
	grep -q '^command line: "stray" is not an option' <<<"$output"
	run -78 smtpd -c "$DOMAINS" --check
	has "$DOMAINS: Is a directory"
}

@test "lists take spaces and commas, and may be empty" {
	cat >"$FILE" <<'END'
networks =  192.0.2.0/24 , 2001:db8::/32   198.51.100.7
network-recipients = example.org,alice@example.net  bob@example.net
networks =
network-recipients =
END
	run -0 smtpd -c "$FILE" --check
}

@test "tls = require and implicit need certificates" {
	conflict 'tls = require: needs certificates = DIRECTORY' --tls=require
	conflict 'tls = implicit: needs certificates = DIRECTORY' --tls=implicit
	run -0 smtpd --check --tls=offer
	run -0 smtpd --check --tls=off
}

@test "passwords and dovecot-auth exclude each other" {
	conflict 'passwords and dovecot-auth: users are in one of them, not in both' \
		--passwords=/none --dovecot-auth=/none
}

@test "networks need network-recipients" {
	conflict 'networks: needs network-recipients, those that may be reached without authentication' \
		--networks=192.0.2.0/24
	run -0 smtpd --check --networks=192.0.2.0/24 \
		--network-recipients=example.org
	run -0 smtpd --check --network-recipients=example.org
}

@test "a conflict counts where its section does" {
	cat >"$FILE" <<'END'
networks = 192.0.2.0/24
network-recipients = example.org
[submission]
submission = yes
tls = require
[open]
network-recipients =
END
	run -0 smtpd -c "$FILE" --check
	run -78 smtpd -c "$FILE" --check --profile=submission
	has 'tls = require: needs certificates = DIRECTORY'
	run -78 smtpd -c "$FILE" --check --profile=open
	has 'networks: needs network-recipients, those that may be reached without authentication'
}

@test "a section that --profile names has to be there, by exactly that name" {
	printf '%s\n' 'lmtp = no' '[inner]' 'lmtp = yes' >"$FILE"
	for name in inners Inner inne Submission '' ']' ' inner'; do
		run -78 smtpd -c "$FILE" --check --profile="$name"
		has "$FILE: no section [$name]"
		run -78 --separate-stderr smtpd -c "$FILE" --profile="$name" \
			<<<QUIT
		[[ $output = '421 4.3.5 '* ]]
		[[ $stderr = *"no section [$name]"* ]]
	done
	run -0 smtpd -c "$FILE" --profile=inner </dev/null
	[[ $output = '220 '*' LMTP '* ]]
}

@test "some names of sections mean something by themselves" {
	# What is replied to MAIL: by --profile NAME, and flags.
	mail() {
		local hello=EHLO
		[ "$1" != lmtp ] || hello=LHLO
		printf '%s\n' "$hello me" 'MAIL FROM:<>' QUIT |
			smtpd --profile="$1" "${@:2}" 2>/dev/null |
			sed -n 's/^\([245][0-9][0-9]\) \([0-9.]*\).*/\1 \2/p' |
			sed -n '$!p' | tail -n 1
	}
	: >"$FILE"
	# With a file that lacks the section, and without a file.
	for config in "$FILE" ''; do
		set -- ${config:+-c "$config"}
		[ "$(mail submission "$@")" = '530 5.7.0' ]
		[ "$(mail local "$@")" = '530 5.7.0' ]
		[ "$(mail lmtp "$@")" = '250 2.1.0' ]
		run -78 smtpd "$@" --check --profile=submissions
		has 'tls = implicit: needs certificates = DIRECTORY'
		[ "$(mail submission "$@" --submission=no)" = '250 2.1.0' ]
	done
	# The name wins over the lines before all sections, its lines over it.
	printf '%s\n' 'submission = no' '[other]' >"$FILE"
	[ "$(mail submission -c "$FILE")" = '530 5.7.0' ]
	[ "$(mail other -c "$FILE")" = '250 2.1.0' ]
	printf '%s\n' '[submission]' 'submission = no' >"$FILE"
	[ "$(mail submission -c "$FILE")" = '250 2.1.0' ]
}

@test "a section overrides settings of a session, and flags override it" {
	printf '%s\n' 'vrfy = yes' 'submission = no' '[strict]' 'vrfy = no' \
		'submission = yes' >"$FILE"
	replies() {
		smtpd -c "$FILE" "$@" 2>/dev/null <<'END' |
EHLO me
VRFY bob@example.org
MAIL FROM:<alice@example.org>
QUIT
END
			sed -n 's/^\([2-5][0-9][0-9] [0-9.]*\) .*/\1/p' |
			tail -n 3 | tr '\n' ,
	}
	[ "$(replies)" = '250 2.1.5,250 2.1.0,221 2.0.0,' ]
	[ "$(replies --profile=strict)" = '530 5.7.0,530 5.7.0,221 2.0.0,' ]
	[ "$(replies --profile=strict --submission=no)" = \
		'252 2.0.0,250 2.1.0,221 2.0.0,' ]
}

@test "two sections of one name both count, and of two lines the later" {
	printf '%s\n' '[a]' 'hostname = one.example' 'lmtp = yes' '[b]' \
		'hostname = two.example' '[a]' 'hostname = three.example' >"$FILE"
	run -0 "$SMTPD" --user="$(id -un)" --domains="$DOMAINS" -c "$FILE" \
		--profile=a </dev/null
	[[ ${lines[0]} = '220 three.example LMTP'* ]]
}

# Which of two extensions EHLO offers, and what AUTH gets: offers FLAG...
offers() {
	printf 'EHLO me\nAUTH X\nQUIT\n' | smtpd "$@" 2>/dev/null |
		tr -d '\r' | sed -n 's/^250[- ]\(AUTH .*\|STARTTLS\)$/\1/p
			s/^\([45][0-9][0-9] [0-9.]*\) .*/\1/p' | tr '\n' ,
}

# A password file of a kind, with a user "a" of the password "b".
users() {
	PASSWORDS=$BATS_TEST_TMPDIR/passwords
	(umask 077; echo "a:$("$SMTPD" --hash-password="$1" <<<b)" >"$PASSWORDS")
}

@test "what EHLO offers and AUTH gets follows from the settings" {
	local there=$BATS_TEST_TMPDIR

	users sha512
	[ "$(offers)" = '502 5.5.1,' ]
	[ "$(offers --certificates="$there")" = 'STARTTLS,502 5.5.1,' ]
	[ "$(offers --certificates="$there" --tls=off)" = '502 5.5.1,' ]
	[ "$(offers --passwords="$PASSWORDS")" = '538 5.7.11,' ]
	[ "$(offers --passwords="$PASSWORDS" --auth-clear=loopback)" = \
		'AUTH PLAIN LOGIN,504 5.5.4,' ]
	chmod o+r "$PASSWORDS"
	[ "$(offers --passwords="$PASSWORDS" --auth-clear=loopback)" = \
		'454 4.7.0,' ]
	[ "$(offers --dovecot-auth="$there/none" --auth-clear=loopback)" = \
		'454 4.7.0,' ]
}

@test "auth-clear = loopback is not for a pipe that names another machine" {
	local peer

	users sha512
	for peer in 127.0.0.1 127.9.9.9 ::1; do
		[ "$(TCPREMOTEIP=$peer offers --passwords="$PASSWORDS" \
			--auth-clear=loopback)" = 'AUTH PLAIN LOGIN,504 5.5.4,' ]
	done
	for peer in 192.0.2.1 2001:db8::1; do
		[ "$(TCPREMOTEIP=$peer offers --passwords="$PASSWORDS" \
			--auth-clear=loopback)" = '538 5.7.11,' ]
	done
}

@test "a password file offers what its lines are good for" {
	users scram-sha-256
	[ "$(offers --passwords="$PASSWORDS" --auth-clear=loopback)" = \
		'AUTH SCRAM-SHA-256 PLAIN LOGIN,504 5.5.4,' ]
	users scram-sha-1
	[ "$(offers --passwords="$PASSWORDS" --auth-clear=loopback)" = \
		'AUTH SCRAM-SHA-1 PLAIN LOGIN,504 5.5.4,' ]
	: >"$PASSWORDS"
	[ "$(offers --passwords="$PASSWORDS" --auth-clear=loopback)" = \
		'504 5.5.4,' ]
}

# How many of four wrong passwords get 535: wrong FLAG...
wrong() {
	{
		echo 'EHLO me'
		printf 'AUTH PLAIN AGEAeA==\n%.0s' {1..4}
		echo QUIT
	} | smtpd --passwords="$PASSWORDS" --auth-clear=loopback "$@" \
		2>/dev/null | grep -c '^535 5.7.8 '
}

@test "auth-failures: the last of them gets 421 instead" {
	users sha512
	[ "$(wrong --auth-delay=0 --auth-failures=1)" -eq 0 ]
	[ "$(wrong --auth-delay=0)" -eq 2 ]
	[ "$(wrong --auth-delay=0 --auth-failures=5)" -eq 4 ]
}

@test "auth-delay: a reply to who failed waits, and twice as long the next time" {
	users sha512
	run -124 timeout 2.5 "$SMTPD" --user="$(id -un)" --domains="$DOMAINS" \
		--passwords="$PASSWORDS" --auth-clear=loopback < <(
		echo 'EHLO me'
		printf 'AUTH PLAIN AGEAeA==\n%.0s' {1..2}
		echo QUIT
	)
}

# What four sessions of one message get, as a user: limited FLAG...
limited() {
	for _ in 1 2 3 4; do
		smtpd --rates="$BATS_TEST_TMPDIR/rates" --auth-clear=loopback \
			--passwords="$PASSWORDS" "$@" 2>/dev/null <<'END' |
EHLO me
AUTH PLAIN AGEAYg==
MAIL FROM:<alice@example.org>
RCPT TO:<bob@example.org>
RCPT TO:<alice@example.org>
QUIT
END
			sed -n 's/^\(45[0-9] [0-9.]*\) .*/\1/p'
	done | tr '\n' ,
}

@test "user-messages and user-recipients hold over sessions" {
	users sha512
	[ "$(limited)" = '' ]
	[ ! -e "$BATS_TEST_TMPDIR/rates" ]
	[ "$(limited --user-messages=3)" = '450 4.7.1,' ]
	[ -d "$BATS_TEST_TMPDIR/rates" ]
	rm -r "$BATS_TEST_TMPDIR/rates"
	[ "$(limited --user-recipients=7)" = '452 4.5.3,' ]
}

# A session of lines on a TCP socket from 127.0.0.1, and its replies: tcp FLAG...
tcp() {
	python3 -c '
import socket, subprocess, sys
listener = socket.create_server(("127.0.0.1", 0))
client = socket.create_connection(listener.getsockname())
server, _ = listener.accept()
subprocess.Popen(sys.argv[1:], stdin=server, stdout=server)
server.close()
replies = client.makefile("r", newline="\r\n")
replies.readline()
client.sendall(sys.stdin.read().replace("\n", "\r\n").encode())
print(replies.read().replace("\r", ""), end="")
' "$SMTPD" --user="$(id -un)" --hostname=mx.example.org \
		--domains="$DOMAINS" --log=stderr "$@" 2>"$BATS_TEST_TMPDIR/log"
}

# The replies to a reverse-path and two recipients: from FLAG...
from() {
	tcp --submission=yes --networks='192.0.2.0/28 127.0.0.1 2001:db8::/64' \
		--network-recipients=bob@example.org "$@" <<'END' |
EHLO me
MAIL FROM:<printer@example.net>
RCPT TO:<bob@example.org>
RCPT TO:<alice@example.org>
QUIT
END
		sed -n 's/^\(250 2.1\|[45][0-9][0-9]\)/\1/p' | cut -d' ' -f1-2 |
		tr '\n' ,
}

@test "networks reach network-recipients, and others have to log in" {
	need python3
	[ "$(from)" = '250 2.1.0,250 2.1.5,550 5.7.1,' ]
	grep -q 'reply="550 5.7.1 not a recipient for clients without AUTH"' \
		"$BATS_TEST_TMPDIR/log"
	[ "$(from --network-recipients=example.org)" = \
		'250 2.1.0,250 2.1.5,250 2.1.5,' ]
	[[ $(from --networks=127.0.0.2) = '530 5.7.0,503 '* ]]
	# They are for submission alone.
	[ "$(from --submission=no)" = '250 2.1.0,250 2.1.5,250 2.1.5,' ]
	[[ $(from --certificates=/ --tls=require) = '530 5.7.0,503 '* ]]
}

@test "hide-client leaves it out of Received" {
	need python3
	for hide in no yes; do
		tcp --submission=yes --networks=127.0.0.0/8 \
			--network-recipients=example.org \
			--hide-client="$hide" <<END
EHLO name-of-mine
MAIL FROM:<printer@example.net>
RCPT TO:<$([ $hide = yes ] && echo bob || echo alice)@example.org>
DATA

.
QUIT
END
	done
	grep -q '^Received: from name-of-mine (\[127.0.0.1\])' \
		"$(messages example.org/alice)"
	run ! grep -q -e 127.0.0.1 -e name-of-mine "$(messages example.org/bob)"
	grep -q '^Received: from unknown' "$(messages example.org/bob)"
	grep -q '^session peer=127.0.0.1 helo=name-of-mine ' \
		"$BATS_TEST_TMPDIR/log"
}

@test "sender: whose reverse-path, and no recipient elsewhere" {
	# The replies to a reverse-path and a recipient elsewhere.
	talk() {
		{
			echo 'EHLO me'
			printf 'AUTH PLAIN %s\n' \
				"$(printf '\0bob@example.org\0b' | base64)"
			echo "MAIL FROM:<$1>"
			echo 'RCPT TO:<bob@example.net>'
			echo QUIT
		} | smtpd --passwords="$PASSWORDS" --auth-clear=loopback \
			--submission=yes "${@:2}" 2>/dev/null |
			sed -n 's/^\(5[0-9][0-9] .*\)\r$/\1/p' | head -n 1
	}
	local own='550 5.7.1 no outgoing queue: only recipients here'

	users sha512
	sed -i 's/^a:/bob@example.org:/' "$PASSWORDS"
	echo bob >"$DOMAINS/example.org/sales"
	[ "$(talk alice@example.org)" = '550 5.7.1 this reverse-path is not yours' ]
	[ "$(talk alice@example.org --sender=any)" = "$own" ]
	for address in bob@example.org bob+x@example.org sales@example.org ''; do
		[ "$(talk "$address")" = "$own" ]
	done
}

@test "the directories of systemd: configuration and state" {
	mkdir "$BATS_TEST_TMPDIR/etc"
	echo 'hostname = unit.example' >"$BATS_TEST_TMPDIR/etc/smtpd.conf"
	run -0 env CONFIGURATION_DIRECTORY="$BATS_TEST_TMPDIR/etc" \
		STATE_DIRECTORY="$BATS_TEST_TMPDIR" "$SMTPD" \
		--user="$(id -un)" --explain=alice@example.org
	has "delivers to $DOMAINS/example.org/alice"
	run -0 env CONFIGURATION_DIRECTORY="$BATS_TEST_TMPDIR/etc" \
		"$SMTPD" --user="$(id -un)" --domains="$DOMAINS" </dev/null
	[[ ${lines[0]} = '220 unit.example '* ]]
}

@test "a configuration error: 421 for the client, 78, a record for each" {
	printf 'lmtp = maybe\nfuture = 1\n' >"$FILE"
	run -78 --separate-stderr smtpd -c "$FILE" <<<QUIT
	[ "$output" = $'421 4.3.5 service not available: a local configuration error\r' ]
	# shellcheck disable=SC2154 # run sets it
	[ "$(grep -c '^problem problem=' <<<"$stderr")" -eq 2 ]
	[[ $stderr = *"$FILE:1: lmtp: "* && $stderr = *"$FILE:2: "* ]]
}

@test "a domains directory that cannot be opened: 421, 71, a record that names it" {
	: >"$FILE"
	DOMAINS=$FILE run -71 --separate-stderr smtpd <<<QUIT
	[ "$output" = $'421 4.3.5 service not available: a local configuration error\r' ]
	[ "$stderr" = "problem problem=\"domains = $FILE: Not a directory\"" ]
}

@test "--version, and --check of a good tree" {
	run -0 smtpd --version
	[[ $output = 'smtpd '[0-9]* ]]
	run -0 smtpd --check
	[ "${lines[0]}" = '1 domains, 3 mailboxes, 0 aliases, 0 problems' ]
	[ "$(sum)" = "${lines[0]}" ]
}

@test "what cannot be printed is no success" {
	run -74 sh -c '"$@" >/dev/full' sh "$SMTPD" --help
	run -74 sh -c '"$@" >/dev/full' sh "$SMTPD" --user="$(id -un)" \
		--domains="$DOMAINS" --check
}

@test "--check looks aliases up where they stand, in domains/@ as well" {
	mkdir -p "$DOMAINS/mx.example.org/carol" "$DOMAINS/@/any" \
		"$DOMAINS/lost+found/x" "$DOMAINS/.hidden"
	echo any >"$DOMAINS/@/info"
	echo carol >"$DOMAINS/mx.example.org/info"
	echo alice >"$DOMAINS/example.org/@"
	: >"$DOMAINS/README"
	run -0 smtpd --check
	[ "${lines[0]}" = '3 domains, 5 mailboxes, 3 aliases, 0 problems' ]
	[ "$(sum)" = "${lines[0]}" ]
	echo carol >"$DOMAINS/@/info"
	run -78 smtpd --check
	has '@/info:1: carol does not exist'
}

@test "--check counts what is wrong with the settings, too" {
	printf 'lmtp = maybe\nfuture = 1\n' >"$FILE"
	run -78 smtpd --check -c "$FILE" --errors=x
	[ "$(sum)" = '1 domains, 3 mailboxes, 0 aliases, 3 problems' ]
}

@test "--check says everything that is wrong with the tree" {
	mkdir -p "$DOMAINS/Example.COM" "$DOMAINS/not_a_domain" \
		"$DOMAINS/bare.example/alice" "$DOMAINS/example.org/Carol" \
		"$DOMAINS/example.org/open"
	chmod o+w "$DOMAINS/example.org/open"
	echo nobody@example.org >"$DOMAINS/example.org/broken"
	echo self >"$DOMAINS/example.org/self"
	echo 'not an address' >"$DOMAINS/example.org/junk"
	echo x@example.com >"$DOMAINS/example.org/remote"
	echo alice >"$DOMAINS/example.org/good"
	: >"$DOMAINS/example.org/bob/maildirsize"
	echo x >"$DOMAINS/example.org/postmaster/maildirsize"
	ln -s /etc/hostname "$DOMAINS/example.org/open/maildirsize"
	mkfifo "$DOMAINS/example.org/fifo"
	ln -s /etc "$DOMAINS/example.org/out"
	ln -s none "$DOMAINS/dangling.example"
	run -78 smtpd --check
	grep -q '^not_a_domain: not a domain name' <<<"$output"
	has 'Example.COM: a domain is written in lower case'
	grep -q '^example.org/Carol: no address leads here' <<<"$output"
	has 'example.org/open: everybody may write here; chmod o-w'
	has 'example.org/broken:1: nobody@example.org does not exist'
	has 'example.org/self: the alias leads back to itself'
	has 'example.org/junk:1: not an address'
	grep -q '^example.org/remote:1: x@example.com is not local' <<<"$output"
	has 'example.org/fifo: neither a directory nor a file'
	has 'example.org/postmaster/maildirsize: not a Maildir++ quota'
	has 'example.org/open/maildirsize: Too many levels of symbolic links'
	grep -q '^example.org/out: ' <<<"$output"
	has 'dangling.example: No such file or directory'
	[[ $(sum) = *', 5 aliases, '*' problems' ]]
	run ! grep -q '/good' <<<"$output"
	DOMAINS=$BATS_TEST_TMPDIR/none run -78 smtpd --check
	grep -q "^domains = $BATS_TEST_TMPDIR/none: No such file" <<<"$output"
	mkdir "$BATS_TEST_TMPDIR/none"
	DOMAINS=$BATS_TEST_TMPDIR/none run -78 smtpd --check
	grep -q "^domains = $BATS_TEST_TMPDIR/none: no domain in it" <<<"$output"
}

@test "--explain tells step by step" {
	echo 'info2 # one' >"$DOMAINS/example.org/info"
	printf '#\nbob\nalice+x\n' >"$DOMAINS/example.org/info2"
	ln -s example.org "$DOMAINS/example.net"
	mkdir "$DOMAINS/example.org/alice/.x"
	run -0 smtpd --explain='<info+tag@EXAMPLE.net>'
	has "<info+tag@EXAMPLE.net> in $DOMAINS"
	has '  example.net/info+tag: not there'
	has '  example.net/info: an alias'
	has '  example.net/info:1: info2'
	has '  example.net/info2: an alias'
	has '  example.net/info2:2: bob'
	has '  example.net/bob: a mailbox'
	has '  example.net/alice/.x: a folder'
	has "delivers to $DOMAINS/example.net/bob"
	has "delivers to $DOMAINS/example.net/alice/.x"
	has '<info+tag@EXAMPLE.net>: may receive (250)'
	run -67 smtpd --explain=nobody@example.org
	has 'nobody@example.org: no such mailbox (550 5.1.1)'
	run -67 smtpd --explain nobody@example.com
	has 'nobody@example.com: not a domain of ours (550 5.7.1)'
	run -0 smtpd --explain=postmaster
	has "delivers to $DOMAINS/example.net/postmaster"
	echo self >"$DOMAINS/example.org/self"
	run -75 smtpd --explain=self@example.org
	has 'self@example.org: an alias loop (451 4.4.6)'
	has 'problem: example.org/self: the alias leads back to itself'
	run -64 smtpd --explain='a b@example.org'
	has 'a b@example.org: not an address (RFC 5321, 4.1.2)'
	DOMAINS=$BATS_TEST_TMPDIR/none run -75 smtpd --explain=a@example.org
	has 'a@example.org: cannot be said now (451 4.3.0)'
	[ ! -e "$BATS_TEST_TMPDIR/none" ]
}

@test "a file in place of the domains directory: each says so" {
	: >"$FILE"
	DOMAINS=$FILE run -75 smtpd --explain=alice@example.org
	has "$FILE: Not a directory"
	DOMAINS=$FILE run -78 smtpd --check
	has "domains = $FILE: Not a directory"
	DOMAINS=$FILE run -71 --separate-stderr smtpd <<<QUIT
	[ "$output" = $'421 4.3.5 service not available: a local configuration error\r' ]
	# shellcheck disable=SC2154 # run sets it
	[ "$stderr" = "problem problem=\"domains = $FILE: Not a directory\"" ]
}

@test "no postmaster anywhere: 451 4.3.5, and the operator is told" {
	rmdir "$DOMAINS/example.org/postmaster"
	run -75 smtpd --explain=postmaster@example.org
	has 'problem: no domain has a postmaster: make a mailbox or an alias of that name'
	has 'postmaster@example.org: to be mended (451 4.3.5)'
	run -0 smtpd --check
	grep -q '^warning: no domain has a postmaster' <<<"$output"
}

@test "an alias of over 1 MiB is not read in part" {
	{
		echo bob
		printf '#%01048572d' 0
	} >"$DOMAINS/example.org/info"
	run -75 smtpd --explain=info@example.org
	has 'problem: example.org/info: longer than 1 MiB'
	truncate -s 1048576 "$DOMAINS/example.org/info"
	run -0 smtpd --explain=info@example.org
}
