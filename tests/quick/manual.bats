#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The manual pages say what the program does: the same settings, verbs, log
# fields and so on, no more and no fewer.
# packages: libgsasl18 mandoc

load ../helpers

setup() {
	MAN=$ROOT/man
	tree
}

# same WHAT A B: the two lists have the same members; else say which differ.
same() {
	[ -n "$2" ] || { echo "$1: nothing found"; return 1; }
	diff <(sort -u <<<"$2") <(sort -u <<<"$3") ||
		{ echo "$1: < the program, > the manual"; return 1; }
}

# section PAGE TITLE: the lines of a section or a subsection
section() {
	awk -v title="$2" '/^\.S[hs] / { on = substr($0, 5) == title; next } on' \
		"$MAN/$1"
}

# "name VALUE" for each setting of smtpd.conf(5), from its line "WORD: VALUE."
told() {
	section smtpd.conf.5 SETTINGS | awk -v word="$1: " '
		/^\.It Cm / { name = $3 }
		index($0, word) == 1 {
			value = substr($0, length(word) + 1)
			sub(/\.$/, "", value)
			print name, value
		}'
}

# What "smtpd --help" calls the settings, with their defaults: "name VALUE". An
# empty one is "none".
settings() {
	"$SMTPD" --help | sed -n 's/^  --\([a-z-]*\) .*(\(.*\))$/\1 \2/p' |
		sed 's/ $/ none/'
}

# Flags by which a session on a pipe has all there is.
all() {
	# shellcheck disable=SC2016 # these are no variables
	printf 'alice@example.org:$2b$12$%053d\n' 0 \
		>"$BATS_TEST_TMPDIR/passwords"
	chmod 600 "$BATS_TEST_TMPDIR/passwords"
	ALL=(--vrfy=yes --expn=yes --certificates="$BATS_TEST_TMPDIR"
		--passwords="$BATS_TEST_TMPDIR/passwords" --auth-clear=loopback)
}

# Answers to a session.
talk() {
	printf '%s\n' "$1" QUIT | smtpd "${@:2}" 2>/dev/null | tr -d '\r'
}

# Whether the lines of a file are settings, and go together with those of a
# section, "" for none: are_settings FILE SECTION
are_settings() {
	local said

	grep -q ' = ' "$1"
	said=$(smtpd -c "$1" ${2:+--profile="$2"} --log=stderr --sandbox=auto \
		</dev/null 2>&1)
	[[ $said != *'421 4.3.5'* ]] || { echo "$said"; return 1; }
}

verbs() {
	talk HELP "$@" | sed -n 's/^214-.*commands: //p' | tr ' ' '\n'
}

# The here-document of a file, without its indentation: here FILE INDENT
here() {
	sed -n "s/^$2//; /smtpd .*<<END\$/,/^END\$/p" "$1" |
		sed '1d; $d; s/^\\&//'
}

@test "every setting, and no other, is in smtpd.conf(5)" {
	same settings "$(settings | cut -d' ' -f1)" \
		"$(section smtpd.conf.5 SETTINGS |
			sed -n 's/^\.It Cm //p')"
}

@test "smtpd.conf(5) gives the defaults of the program" {
	# Those of this machine are told in words.
	local own='^(hostname|domains|rates) '

	same defaults "$(settings | grep -Ev "$own")" \
		"$(told Default | grep -Ev "$own")"
	told Default | grep -q '^hostname '
	told Default | grep -q '^domains /var/lib/smtpd/domains$'
	told Default | grep -q '^rates /var/lib/smtpd/rates$'
}

@test "smtpd.conf(5) says what each setting takes, as the program does" {
	local name allowed long

	long=$(printf 'x%.0s' {1..1100})
	allowed=$(settings | while read -r name _; do
		"$SMTPD" -c /dev/null "--$name=$long" --check |
			sed -n "s/^.*: \($name\): .* it takes /\1 /p"
	done)
	same "allowed values" "$allowed" "$(told Takes)"
}

@test "every option is in smtpd(8)" {
	local option

	for option in config profile check explain hash-password help version; do
		run "$SMTPD" "--$option" </dev/null
		[[ $output != *"no such option"* ]]
		section smtpd.8 DESCRIPTION |
			grep -Eq "^\.It .*Fl -$option( |$)" ||
			{ echo "--$option is not in smtpd(8)"; return 1; }
	done
}

@test "every verb of HELP, and no other, is in smtpd(8)" {
	all
	same verbs "$(verbs "${ALL[@]}"; verbs "${ALL[@]}" --lmtp=yes)" \
		"$(section smtpd.8 Commands | sed -n 's/^\.It //p' |
			sed 's/ , /\n/g' | grep -o '^[A-Z]*')"
}

@test "every extension of EHLO, and no other, is in smtpd(8)" {
	all
	same extensions "$(talk 'EHLO me' "${ALL[@]}" |
		sed -n 's/^250[- ]\([A-Z0-9]*\)\( .*\)\{0,1\}$/\1/p')" \
		"$(section smtpd.8 Extensions | grep -o '[A-Z0-9]\{4,\}' |
			grep -Ev '^(EHLO|LHLO|RCPTMAX|MAILMAX)$')"
}

@test "every record and every field of the log is in smtpd(8)" {
	same records "$(sed -n 's/^\t\[LOG_[A-Z]*\] = { "\([a-z]*\)",$/\1/p' \
		"$ROOT/lib/log.c")" \
		"$(section smtpd.8 LOGGING | sed -n 's/^\.It Sy //p')"
	# A call may be longer than a line.
	same fields "$(cat "$ROOT"/*.c "$ROOT"/lib/*.c | tr -s '\n\t ' ' ' |
		grep -o 'log_\(field\|path\|listener\)([^;{]*;' |
		sed -n 's/^log_\(field\|path\)([^,]*, "\([a-z]*\)".*/\2/p
		s/^log_listener([^"]*\(".*\)\{0,1\}"[a-z]*", "\([a-z]*\)".*/\2/p')" \
		"$(section smtpd.8 LOGGING | sed -n 's/^\.It Cm //p')"
}

@test "every way a session ends is in smtpd(8)" {
	local end

	for end in quit $(sed -n 's/^.*->end = "\([a-z]*\)";$/\1/p
		s/^\t*\[PROTOCOL_END_[A-Z]*\] = "\([a-z]*\)",$/\1/p' \
		"$ROOT/session.c" "$ROOT/serve.c"); do
		section smtpd.8 LOGGING | grep -qx "\.Li $end\( [,;]\)\{0,1\}" ||
			{ echo "end=$end is not in smtpd(8)"; return 1; }
	done
}

@test "every state of the accept loop is in smtpd(8)" {
	local state states

	# "name", or condition ? "name" : "name"
	states=$(tr -s '\n\t ' ' ' <"$ROOT/smtpd.c" |
		grep -o 'log_listener( \{0,1\}server, [^;]*;' |
		sed 's/[^"]*\("[a-z]*"\( : "[a-z]*"\)\{0,1\}\).*/\1/' |
		grep -o '[a-z]*')
	[ "$(wc -l <<<"$states")" -gt 5 ]
	for state in $states; do
		section smtpd.8 LOGGING | grep -qx "\.Li $state" ||
			{ echo "state=$state is not in smtpd(8)"; return 1; }
	done
}

@test "every layer of the sandbox is in smtpd(8), in the order of --check" {
	diff <("$SMTPD" --user="$(id -un)" --domains="$DOMAINS" --check |
		sed -n 's/^sandbox: \([a-z_]*\): .*/\1/p') \
		<(section smtpd.8 SANDBOX | sed -n 's/^\.It //p')
}

@test "every variable of the environment is in smtpd(8)" {
	local name names

	names=$(sed -n 's/.*getenv("\([A-Z_]*\)").*/\1/p
		s/.*\(number\|is_us\)("\([A-Z_]*\)").*/\2/p' "$ROOT"/*.c \
		"$ROOT"/lib/*.c)
	grep -q LISTEN_PID <<<"$names"
	for name in $names TCPREMOTEIP REMOTE_ADDR; do
		section smtpd.8 ENVIRONMENT | grep -Eq "^\.It Ev .*$name( |$)" ||
			{ echo "$name is not in smtpd(8)"; return 1; }
	done
}

@test "every exit status is in smtpd(8)" {
	local name used

	used=$(grep -ho 'EX_[A-Z]*' "$ROOT"/{smtpd,check,lib/auth-check,lib/prompt}.c)
	same "exit status" "$(for name in $used; do
		awk -v name="$name" '$1 == "#define" && $2 == name {
			print $3 }' \
			/usr/include/sysexits.h
	done)" "$(section smtpd.8 'EXIT STATUS' | sed -n 's/^\.It //p')"
}

# The replies of protocol.c whose names match: "535 5.7.8", one a line.
replies() {
	tr -s '\n\t ' ' ' <"$ROOT/protocol.c" |
		grep -oE "$1"' = "[0-9]{3} [0-9.]+ ' |
		sed 's/.*"\(.*\) /\1/'
}

@test "every reply to STARTTLS and AUTH is in smtpd(8)" {
	same replies "$(replies '(TLS|AUTH)_[A-Z0-9]*\[\]'
		replies '\[VERDICT_(NOT_AUTHENTIC|MALFORMED|UNKNOWN_MECHANISM)\]'
		grep -o '"334 ' "$ROOT/protocol.c" | tr -d '" ')" \
		"$( (section smtpd.8 TLS; section smtpd.8 AUTHENTICATION) |
			sed -n 's/^\.It \([0-9]\)/\1/p')"
}

@test "every reply of a submission server is in smtpd(8)" {
	local code codes

	codes=$(replies '\[VERDICT_(NO_QUEUE|NOT_OWNER|NOT_FOR_NETWORK)\]'
		replies '\[VERDICT_TOO_FAST_[A-Z]*\]'
		replies 'AUTH_FIRST\[\]')
	[ "$(wc -l <<<"$codes")" -eq 6 ]
	while read -r code; do
		section smtpd.8 SUBMISSION | grep -q "$code" ||
			{ echo "$code is not in smtpd(8)"; return 1; }
	done <<<"$codes"
}

@test "every mechanism is in the manual" {
	local mechanisms

	mechanisms=$(sed -n 's/^\t{ [A-Z0-9_]*, .*, "\([A-Z0-9-]*\)" },$/\1/p' \
		"$ROOT/lib/auth.c")
	same mechanisms "$mechanisms" "$(section smtpd.8 AUTHENTICATION |
		sed -n 's/^\.It Li //p' | sed 's/ , /\n/g')"
	same mechanisms "$(grep -v EXTERNAL <<<"$mechanisms")" \
		"$(section smtpd-passwords.5 'The hash' |
			sed -n 's/^\.It \([A-Z0-9, -]*\) Ta .*/\1/p' |
			sed 's/, /\n/g')"
}

@test "what an AUTH can come to is in smtpd(8)" {
	local result results

	results=$(sed -n '/^log_auth/,/^}/d; /^reset(/,/^}/p; /^authenticate(/,/^}/p' \
		"$ROOT/session.c" | grep -o '"[a-z]*"' | tr -d '"')
	[ "$(wc -l <<<"$results")" -eq 5 ]
	for result in $results; do
		section smtpd.8 LOGGING | grep -qx "\.Li $result\( ;\)\{0,1\}" ||
			{ echo "result=$result is not in smtpd(8)"; return 1; }
	done
}

@test "every kind of hash is in smtpd-passwords(5)" {
	run -64 "$SMTPD" --hash-password=x </dev/null
	same kinds "$(sed 's/.* it takes //; s/, /\n/g' <<<"$output")" \
		"$(section smtpd-passwords.5 'Making a hash' |
			sed -n 's/^\.Li \([a-z0-9-]*\)\( ,\)\{0,1\}$/\1/p')"
}

@test "every kind of record has an entry in the catalog, of fields there are" {
	local catalog=$ROOT/systemd/smtpd.catalog

	same ids "$(sed -n 's/.*"MESSAGE_ID=\([0-9a-f]*\)".*/\1/p' \
		"$ROOT/lib/log.c")" "$(sed -n 's/^-- //p' "$catalog")"
	[ -z "$(comm -23 <(grep -o 'SMTPD_[A-Z]*' "$catalog" | sort -u) \
		<(section smtpd.8 LOGGING | sed -n 's/^\.It Cm //p' |
			sed 's/.*/SMTPD_\U&/' | sort))" ]
}

@test "the settings in the examples are settings" {
	local name file=$BATS_TEST_TMPDIR/example

	# What is installed, with all of it uncommented.
	sed 's/^#\([a-z[]\)/\1/' "$ROOT/systemd/smtpd.conf" |
		sed "s,^domains = .*,domains = $DOMAINS," >"$file"
	for name in '' submission submissions local; do
		are_settings "$file" "$name"
	done
	sed -n '/^## A mail server for your users/,/^## /s/^    //p' \
		"$ROOT/README.md" |
		grep -E '^[a-z-]+ = |^\[' >"$file"
	for name in '' submission submissions; do
		are_settings "$file" "$name"
	done
	sed -n '/^\.Sh EXAMPLES/,/^\.Sh SEE/p' "$MAN/smtpd.conf.5" |
		grep -E '^[a-z-]+ = |^\[' >"$file"
	for name in '' submission submissions scanner; do
		are_settings "$file" "$name"
	done
}

@test "the pages are clean under mandoc -T lint" {
	need mandoc
	cd "$MAN"
	# Pages of other programs may not be installed here, and for those of
	# ours there is the next test.
	run bash -c 'mandoc -T lint *.[58] 2>/dev/null |
		grep -v "referenced manual not found:"'
	echo "$output"
	[ -z "$output" ]
}

@test "the pages refer to pages of ours that exist" {
	local page

	while read -r page; do
		[ -e "$MAN/$page" ] || { echo "no $page"; return 1; }
	done < <(sed -n 's/^\.Xr \(smtpd[a-z.-]*\) \([0-9]\).*/\1.\2/p' "$MAN"/*.[58])
}

@test "the sessions in smtpd(8) and in README.md deliver" {
	local session

	mkdir "$DOMAINS/example.org/me"
	session=$(here "$MAN/smtpd.8" '')
	smtpd <<<"$session" | grep '^250 2.0.0 stored, id='
	[ "$(messages example.org/alice | wc -l)" -eq 1 ]
	session=$(here "$ROOT/README.md" '    ')
	smtpd <<<"$session" | grep '^250 2.0.0 stored, id='
	[ "$(messages example.org/me | wc -l)" -eq 1 ]
}

@test "every source file is in the map of CONTRIBUTING.md" {
	local file

	cd "$ROOT"
	for file in *.c lib/*.c; do
		file=${file%.c}
		grep -Eq "^ *${file#lib/}(\.c)?  " CONTRIBUTING.md ||
			{ echo "$file is not in the map"; return 1; }
	done
}

@test "the arrows of CONTRIBUTING.md are those of the source" {
	cd "$ROOT"
	same arrows "$(grep -H '^#include "' ./*.[ch] lib/*.[ch] |
		sed 's|^\([a-z.]*/\)||; s|lib/||; s/\.[ch]:#include "/ /; s/\.h"$//' |
		awk '$1 != $2')" "$(sed -n 's/^\([a-z-]*\)  *-> /\1,/p' CONTRIBUTING.md |
		awk -F', *' '{ for (i = 2; i <= NF; i++) print $1, $i }')"
}

@test "README.md says what each package of the tests is for" {
	local package

	cd "$ROOT"
	while read -r package; do
		grep -q "^|\(.*[ ,;]\)\{0,1\}${package}[ ,;].*|.*|$" README.md ||
			{ echo "$package is not in README.md"; return 1; }
	done < <(sed -n 's/^# packages: *//p' tests/*/*.bats | tr -s ' ' '\n')
}
