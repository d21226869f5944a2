#!/usr/bin/env bats
# packages: util-linux strace
# Maildir++ quotas: maildirsize at RCPT, after the dot, and at a delivery.

# shellcheck disable=SC2154 # stderr is set by run
load ../helpers
load store

setup() {
	tree
	maildirs alice bob
	ALICE=$DOMAINS/example.org/alice
	FAILING=()
}

# failing CALL:error=ERROR[:when=N] [FILE]: from now on smtpd runs with that
# call failing (where a descriptor is of that file, or the path is just this).
failing() {
	FAILING=(strace -f -o /dev/null -e "inject=$1" ${2:+-P "$2"})
}

smtpd() {
	"${FAILING[@]}" "$SMTPD" --user="$(id -un)" \
		--hostname=mx.example.org --domains="$DOMAINS" "$@"
}

# maildirsize TEXT...: alice's, a line each.
maildirsize() {
	printf '%s\n' "$@" >"$ALICE/maildirsize"
}

older() {
	touch -d '20 minutes ago' "$ALICE/maildirsize"
}

# rcpt SIZE: the reply to RCPT for alice of a message with that SIZE=, with
# more options of smtpd, and what was logged.
rcpt() {
	local size=$1
	shift
	run --separate-stderr smtpd "$@" < <(printf '%s\n' 'EHLO x' \
		"MAIL FROM:<> SIZE=$size" 'RCPT TO:<alice@example.org>' QUIT)
	[ "$status" -eq 0 ]
	RCPT=$(tail -2 <<<"$output" | head -1 | tr -d '\r')
	echo "$RCPT"
}

# deliver RECIPIENT...: of a message without SIZE=; the last reply before QUIT
# is in DELIVER.
deliver() {
	run --separate-stderr smtpd < <(session "${@/%/@example.org}")
	[ "$status" -eq 0 ]
	DELIVER=$(tail -2 <<<"$output" | head -1 | tr -d '\r')
	echo "$DELIVER"
}

# put FOLDER/SUBDIRECTORY NAME SIZE: a message of that real size.
put() {
	mkdir -p "$ALICE/$1"
	truncate -s "$3" "$ALICE/$1/$2"
}

@test "no maildirsize: no quota, and none is made" {
	rcpt 40000000
	[[ $RCPT = 250* ]]
	deliver alice
	[[ $DELIVER = 250* ]]
	[ ! -e "$ALICE/maildirsize" ]
}

@test "SIZE= that does not fit: 452 4.2.2; what just fits: 250" {
	maildirsize 1000S '300 2' '200 1'
	rcpt 500
	[[ $RCPT = "250 2.1.5 "* ]]
	rcpt 501
	[[ $RCPT = "452 4.2.2 "* ]]
	[[ $stderr = *"over quota"* ]]
}

@test "over-quota=reject: 552 5.2.2" {
	maildirsize 1000S '300 2' '200 1'
	rcpt 501 --over-quota=reject
	[[ $RCPT = "552 5.2.2 "* ]]
	rcpt 500 --over-quota=reject
	[[ $RCPT = "250 "* ]]
}

@test "a full mailbox: 452 4.2.2 whatever the size" {
	maildirsize 1000S '1000 1'
	rcpt 0
	[[ $RCPT = "452 4.2.2 "* ]]
	maildirsize 1000S '3000 1'
	rcpt 1
	[[ $RCPT = "452 4.2.2 "* ]]
}

@test "quotas of messages, alone and with octets" {
	maildirsize 3C '10 1' '10 1'
	rcpt 40000000
	[[ $RCPT = "250 "* ]]
	maildirsize 3C '10 1' '10 2'
	rcpt 1
	[[ $RCPT = "452 4.2.2 "* ]]
	maildirsize 1000S,3C '10 2'
	rcpt 990
	[[ $RCPT = "250 "* ]]
	rcpt 991
	[[ $RCPT = "452 4.2.2 "* ]]
	maildirsize 3C,1000S '10 3'
	rcpt 1
	[[ $RCPT = "452 4.2.2 "* ]]
}

@test "0S and 0C are no limit; what left counts down" {
	maildirsize 0S,0C '999999999 999999'
	rcpt 40000000
	[[ $RCPT = "250 "* ]]
	maildirsize 1000S '900 9' '-500 -5'
	rcpt 600
	[[ $RCPT = "250 "* ]]
	rcpt 601
	[[ $RCPT = "452 4.2.2 "* ]]
	maildirsize 1000S '-900 -9'
	rcpt 1000
	[[ $RCPT = "250 "* ]]
}

@test "a delivery appends its size and 1" {
	local size
	maildirsize 100000S '300 2'
	deliver alice bob
	[[ $DELIVER = 250* ]]
	size=$(stat -c %s "$(messages example.org/alice)")
	[ "$(cat "$ALICE/maildirsize")" = "100000S
300 2
$size 1" ]
	[ ! -e "$DOMAINS/example.org/bob/maildirsize" ]
}

@test "a quota written without a line end is not broken by a delivery" {
	printf 100000S >"$ALICE/maildirsize"
	deliver alice
	deliver alice
	[[ $DELIVER = 250* ]]
	[ "$(wc -l <"$ALICE/maildirsize")" -eq 3 ]
	[ "$(head -1 "$ALICE/maildirsize")" = 100000S ]
}

@test "without SIZE=, what goes over is refused after the dot: 452 4.2.2" {
	maildirsize 1000S '900 1'
	rcpt 0
	[[ $RCPT = "250 "* ]]
	deliver alice bob
	[[ $DELIVER = "452 4.2.2 "* ]]
	[ -z "$(delivered)$(leftovers)" ]
	[ "$(wc -l <"$ALICE/maildirsize")" -eq 2 ]
	run --separate-stderr smtpd --over-quota=reject < <(
		session alice@example.org)
	[[ $output = *$'\n'"552 5.2.2 "* ]]
	[ -z "$(delivered)$(leftovers)" ]
}

@test "by LMTP the full mailbox alone fails" {
	maildirsize 1000S '900 1'
	run --separate-stderr smtpd --lmtp=yes < <(
		session {bob,alice,postmaster}@example.org | sed s/EHLO/LHLO/)
	[[ $(tail -4 <<<"$output" | cut -c1-9) = "250 2.0.0
452 4.2.2
250 2.0.0
221 2.0.0" ]]
	[ -z "$(messages example.org/alice)" ]
	[ "$(delivered | wc -l)" -eq 2 ]
	[ "$(wc -l <"$ALICE/maildirsize")" -eq 2 ]
}

@test "a full mailbox that became so is counted anew after 15 minutes" {
	put new 1.a.x,S=100 500 # the name tells the size
	put cur 2.b.x:2,S 50 # the file does
	put cur 3.c.x,S=9999:2,ST 10 # trashed
	put .lists/new 4.d.x,S=200 1
	put .lists.deep/cur 5.e.x,S=300:2, 1
	put .Trash/cur 6.f.x,S=7777:2, 1
	put tmp 7.g.x,S=5555 1
	put notafolder/cur 8.h.x,S=5555 1
	maildirsize 1000S,10C '2000 9'
	rcpt 10
	[[ $RCPT = "452 4.2.2 "* ]]
	older
	rcpt 351
	[[ $RCPT = "452 4.2.2 "* ]]
	[ "$(cat "$ALICE/maildirsize")" = "1000S,10C
650 4" ]
	rcpt 350
	[[ $RCPT = "250 "* ]]
	[ "$(leftovers | wc -l)" -eq 1 ] # the one put there
}

@test "one that is full for this message only is counted anew as well" {
	put cur 1.a.x,S=100:2,S 1
	maildirsize 1000S '900 3'
	rcpt 500
	[[ $RCPT = "452 4.2.2 "* ]]
	older
	rcpt 500
	[[ $RCPT = "250 "* ]]
	[ "$(cat "$ALICE/maildirsize")" = "1000S
100 1" ]
}

@test "an old one that is not full is left alone" {
	maildirsize 1000S '10 1'
	older
	rcpt 500
	[[ $RCPT = "250 "* ]]
	[ "$(cat "$ALICE/maildirsize")" = "1000S
10 1" ]
}

@test "a file of 5120 octets is made anew, even one cut within a line" {
	local length
	put cur 1.a.x,S=100:2,S 1
	for length in 5120 5121 30000; do
		{
			echo 1000000S
			yes '12345 1' | head -c $((length - 9))
		} >"$ALICE/maildirsize"
		rcpt 10
		[[ $RCPT = "250 "* ]]
		[ "$(cat "$ALICE/maildirsize")" = "1000000S
100 1" ]
	done
	{
		echo 1000000S
		yes '1234 1' | head -c 5110
	} >"$ALICE/maildirsize"
	rcpt 10
	[[ $RCPT = "250 "* ]]
	[ "$(wc -l <"$ALICE/maildirsize")" -gt 100 ]
}

@test "a folder counts to the quota of its mailbox" {
	mkdir -p "$ALICE/.lists"/{cur,new,tmp}
	maildirsize 1000S '900 1'
	deliver alice+lists
	[[ $DELIVER = "452 4.2.2 "* ]]
	maildirsize 100000S '900 1'
	deliver alice+lists
	[[ $DELIVER = "250 "* ]]
	[ "$(messages example.org/alice/.lists | wc -l)" -eq 1 ]
	[ "$(wc -l <"$ALICE/maildirsize")" -eq 3 ]
	[ ! -e "$ALICE/.lists/maildirsize" ]
}

@test "maildirsize of a set-group-id mailbox keeps its mode and group" {
	root_only
	chgrp -R mail "$ALICE"
	chmod -R 2770 "$ALICE"
	maildirsize 100000S '200000 1'
	chmod 660 "$ALICE/maildirsize"
	chgrp mail "$ALICE/maildirsize"
	older
	rcpt 10
	[[ $RCPT = "250 "* ]]
	[ "$(cat "$ALICE/maildirsize")" = "100000S
0 0" ]
	[ "$(stat -c %a:%G "$ALICE/maildirsize")" = 660:mail ]
	deliver alice
	[ "$(stat -c %a:%G "$ALICE/maildirsize")" = 660:mail ]
	chmod 644 "$ALICE/maildirsize"
	maildirsize 100000S '200000 1'
	older
	rcpt 10
	[ "$(stat -c %a:%G "$ALICE/maildirsize")" = 644:mail ]
}

@test "what is no quota: 451 4.3.5 and a problem" {
	local text
	for text in '' garbage 1000 -1000S 1000X 1000S,garbage '1000S 10C' \
		S '1000S,' ,1000S 99999999999999999999S 9223372036854775808S \
		' 1000S' '1000S,5C,x'; do
		maildirsize "$text" '10 1'
		echo "maildirsize: $text"
		rcpt 10
		[[ $RCPT = "451 4.3.5 "* ]]
		[[ $stderr = *"problem "*maildirsize* ]]
	done
	run smtpd --check
	[[ $output = *"example.org/alice/maildirsize: not a Maildir++ quota"* ]]
}

@test "an empty maildirsize: 451 4.3.5" {
	: >"$ALICE/maildirsize"
	rcpt 10
	[[ $RCPT = "451 4.3.5 "* ]]
}

@test "counts that are none are made anew, at once" {
	local text
	put cur 1.a.x,S=100:2,S 1
	for text in garbage '10' '10 x' '1 1 1' '- 1' '--5 1' \
		'99999999999999999999 1' '1 99999999999999999999' \
		$'9223372036854775799 1\n9223372036854775799 1' \
		$'10 1\n\n10 1'; do
		maildirsize 1000S "$text"
		echo "maildirsize: $text"
		rcpt 10
		[[ $RCPT = "250 "* ]]
		[ "$(cat "$ALICE/maildirsize")" = "1000S
100 1" ]
	done
}

@test "sizes in names are not believed beyond reason" {
	put cur 1.a.x,S=9223372036854775799:2,S 1
	put cur 2.a.x,S=9223372036854775799:2,S 1
	put cur 3.a.x,S=99999999999999999999999:2,S 7
	put cur 4.a.x,S=-5:2,S 7
	put cur 5.a.x,S=:2,S 7
	maildirsize 1000S garbage
	rcpt 10
	[[ $RCPT = "452 4.2.2 "* ]]
}

@test "SIZE= near 2^64" {
	maildirsize 1000S '10 1'
	rcpt 9223372036854775808 --message-size=0
	[[ $RCPT != 250* ]]
}

@test "maildirsize as a link is not followed, as a FIFO not waited for" {
	echo 'an alias' >"$DOMAINS/example.org/info"
	ln -s ../info "$ALICE/maildirsize"
	rcpt 10
	[[ $RCPT = "451 4.3.5 "* ]]
	printf '100000S\n' >"$DOMAINS/example.org/bob/maildirsize"
	ln -sf ../bob/maildirsize "$ALICE/maildirsize"
	deliver alice
	[ -z "$(delivered)" ]
	[ "$(cat "$DOMAINS/example.org/bob/maildirsize")" = 100000S ]
	rm "$ALICE/maildirsize"
	mkfifo "$ALICE/maildirsize"
	rcpt 10
	[[ $RCPT = "451 4.3.5 "* ]]
	rm "$ALICE/maildirsize"
	mkdir "$ALICE/maildirsize"
	rcpt 10
	[[ $RCPT = "451 4.3.5 "* ]]
}

@test "a count that cannot be written down still holds" {
	put cur 1.a.x,S=100:2,S 1
	rmdir "$ALICE/tmp"
	maildirsize 1000S '900 3'
	older
	rcpt 500
	[[ $RCPT = "250 "* ]]
	[ "$(tail -1 "$ALICE/maildirsize")" = '900 3' ]
}

@test "one full mailbox of an alias refuses the alias; others still work" {
	printf 'alice\nbob\n' >"$DOMAINS/example.org/team"
	maildirsize 1000S '1000 1'
	deliver team bob
	[[ $output = *$'\n'"452 4.2.2 "*$'\n'"250 2.1.5 "* ]]
	[[ $DELIVER = "250 2.0.0 "* ]]
	[ "$(delivered | wc -l)" -eq 1 ]
	[ "$(messages example.org/bob | wc -l)" -eq 1 ]
}

@test "what is named like a folder and is none is not counted" {
	put cur 1.a.x,S=100:2,S 1
	echo text >"$ALICE/.note"
	mkdir -p "$BATS_TEST_TMPDIR/other/cur"
	echo text >"$BATS_TEST_TMPDIR/other/cur/2.b.x,S=500"
	ln -s "$BATS_TEST_TMPDIR/other" "$ALICE/.link"
	maildirsize 1000S '2000 9'
	older
	rcpt 900
	[[ $RCPT = "250 "* ]]
	[ "$(cat "$ALICE/maildirsize")" = "1000S
100 1" ]
}

@test "a count that fails half-way is no count: 451, nothing is written" {
	need strace
	local nth
	put cur 1.a.x,S=100:2,S 1
	put .lists/new 2.b.x,S=200 1
	for nth in {1..20}; do
		maildirsize 1000S '2000 9'
		older
		failing getdents64:error=EIO:when="$nth"
		rcpt 700
		[[ $RCPT != 250* ]] || break
		[[ $RCPT = "451 4.3.0 "* ]]
		[[ $stderr = *"maildirsize of example.org/alice: Input/output"* ]]
		[ "$(cat "$ALICE/maildirsize")" = "1000S
2000 9" ]
	done
	# Of the mailbox, cur and new of two folders, some of them in two calls.
	[ "$nth" -gt 5 ]
	[ "$(cat "$ALICE/maildirsize")" = "1000S
300 2" ]
}

@test "a folder that cannot be opened: 451; one that went away: 250" {
	need strace
	put cur 1.a.x,S=100:2,S 1
	put .lists/new 2.b.x,S=200 1
	maildirsize 1000S '2000 9'
	older
	failing openat:error=EMFILE .lists
	rcpt 700
	[[ $RCPT = "451 4.3.0 "* ]]
	failing openat:error=ENOENT .lists
	rcpt 900
	[[ $RCPT = "250 "* ]]
	# In another one, what is in it.
	maildirsize 1000S '2000 9'
	older
	failing openat:error=EMFILE "$ALICE/.lists"
	rcpt 700
	[[ $RCPT = "451 4.3.0 "* ]]
}

@test "a count that cannot be written down counts" {
	need strace
	local what
	put cur 1.a.x,S=100:2,S 1
	# shellcheck disable=SC2016 # $@ is the inner shell's
	for what in rename write open; do
		maildirsize 1000S '2000 9'
		older
		case $what in
		rename) failing renameat:error=EIO ;;
		write) FAILING=(bash -c 'ulimit -f 0 && exec "$@"' -) ;;
		open) FAILING=() && rmdir "$ALICE/tmp" ;;
		esac
		rcpt 900
		[[ $RCPT = "250 "* ]]
		[ -z "$(leftovers)" ]
		[ "$(tail -1 "$ALICE/maildirsize")" = '2000 9' ]
	done
}

@test "a maildirsize that cannot be read: 451 4.3.0" {
	need strace
	maildirsize 1000S
	failing read:error=EIO "$ALICE/maildirsize"
	rcpt 1
	[[ $RCPT = "451 4.3.0 "* ]]
	[[ $stderr = *"maildirsize of example.org/alice: Input/output"* ]]
}

@test "mail that cannot be counted stays, and the operator is told" {
	need strace
	local call
	for call in write openat; do
		maildirsize 100000S '1 1'
		case $call in
		write) failing write:error=ENOSPC "$ALICE/maildirsize" ;;
		# The third time: after RCPT and after the dot.
		openat) failing openat:error=ENOSPC:when=3 maildirsize ;;
		esac
		deliver alice
		[[ $DELIVER = "250 2.0.0 "* ]]
		[[ $stderr = *"maildirsize of example.org/alice: No space"* ]]
		[ "$(wc -l <"$ALICE/maildirsize")" -eq 2 ]
	done
	# Whether it lacks a line end cannot be seen: it has one.
	failing pread64:error=EIO "$ALICE/maildirsize"
	deliver alice
	[[ $DELIVER = "250 2.0.0 "* ]]
	[ "$(wc -l <"$ALICE/maildirsize")" -eq 3 ]
}
