#!/usr/bin/env bats
# The table of settings: file, flags, profiles, --check, --explain, --help.

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
	table | while IFS='|' read -r name _ good _; do
		for value in $good; do
			echo "$name = $value"
		done
	done >"$FILE"
	run -0 smtpd -c "$FILE" --check
	[ "$(wc -l <"$FILE")" -gt 50 ]
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
