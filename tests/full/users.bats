#!/usr/bin/env bats
# packages: mutt util-linux passwd
#
# Mailboxes of system users: delivered to by smtpd under its own id, read,
# moved and deleted by the user under his.

load ../helpers
load net

# Names nobody has.
SERVER=smtpdtest0
ALICE=smtpdtest1
BOB=smtpdtest2

setup_file() {
	[ "$(id -u)" -eq 0 ] || return 0
	# Where the users may go, unlike a directory of bats.
	TREE=$(mktemp -d)
	export TREE DOMAINS=$TREE/domains
	chmod 755 "$TREE"
	local user
	for user in "$SERVER" "$ALICE" "$BOB"; do
		# Left over where a run was cut off.
		userdel "$user" 2>/dev/null || true
		useradd --system --user-group --no-create-home \
			--home-dir "$TREE/$user" "$user"
		install -d -o "$user" -g "$user" -m 700 "$TREE/$user"
	done
}

teardown_file() {
	local user
	[ -n "${TREE:-}" ] || return 0
	for user in "$SERVER" "$ALICE" "$BOB"; do
		userdel "$user" 2>/dev/null || true
	done
	rm -rf "$TREE"
}

setup() {
	root_only
	need useradd userdel runuser mutt script
	cd "$BATS_TEST_TMPDIR" || return
	rm -rf "$DOMAINS"
	install -d -o "$SERVER" -m 755 "$DOMAINS" "$DOMAINS/example.org"
	mailbox alice "$ALICE"
	mailbox second "$ALICE"
	mailbox bob "$BOB"
	install -d -o "$SERVER" -g "$SERVER" -m 700 \
		"$DOMAINS/example.org/plain"
}

# As the manual has it: mailbox NAME USER
mailbox() {
	local dir=$DOMAINS/example.org/$1
	install -d -o "$SERVER" -g "$2" -m 2770 "$dir" "$dir"/{cur,new,tmp}
}

# smtpd as root, to become the server's user; one message: deliver SUBJECT TO...
deliver() {
	local subject=$1
	shift
	{
		printf 'EHLO client.example\nMAIL FROM:<sender@example.net>\n'
		printf 'RCPT TO:<%s@example.org>\n' "$@"
		printf 'DATA\nFrom: sender@example.net\nSubject: %s\n\n' \
			"$subject"
		printf 'text\n.\nQUIT\n'
	} | "$SMTPD" --user="$SERVER" --hostname=mx.example.org \
		--domains="$DOMAINS" 2>"$BATS_TEST_TMPDIR/log" >replies
	grep -q '^250 2.0.0 stored' replies
}

# mutt on a screen of its own as a user: mutt_as USER MAILDIR KEYS
mutt_as() {
	cat >"$TREE/$1/muttrc" <<-'END'
		set mbox_type=Maildir quit=yes delete=yes confirmappend=no
		set confirmcreate=no move=no wait_key=no record=""
		set sort=subject resolve=no mark_old=no folder=~
	END
	printf 'push "%s"\n' "$3" >>"$TREE/$1/muttrc"
	timeout 20 runuser -u "$1" -- env HOME="$TREE/$1" TERM=xterm \
		LC_ALL=C.UTF-8 script -qec \
		"mutt -n -F $TREE/$1/muttrc -f $2" /dev/null \
		</dev/null >screen 2>&1
}

@test "one inode for a group, a copy for another; modes and owners" {
	deliver one alice bob plain second
	local alice bob plain second
	alice=$(the_message example.org/alice)
	second=$(the_message example.org/second)
	bob=$(the_message example.org/bob)
	plain=$(the_message example.org/plain)
	[ "$(stat -c '%U %G %a %h' "$alice")" = "$SERVER $ALICE 660 2" ]
	[ "$(stat -c '%U %G %a %h' "$bob")" = "$SERVER $BOB 660 1" ]
	[ "$(stat -c '%U %G %a %h' "$plain")" = "$SERVER $SERVER 600 1" ]
	[ "$alice" -ef "$second" ]
	cmp "$alice" "$bob"
	cmp "$alice" "$plain"
	[ -z "$(find "$DOMAINS" -path "$DOMAINS/*/tmp/*")" ]
}

@test "missing cur, new and tmp are made for the user's group" {
	rmdir "$DOMAINS"/example.org/alice/*
	deliver one alice
	local dir
	for dir in cur new tmp; do
		[ "$(stat -c '%U %G %a' "$DOMAINS/example.org/alice/$dir")" = \
			"$SERVER $ALICE 2770" ]
	done
	[ "$(stat -c '%U %G %a' "$(the_message example.org/alice)")" = \
		"$SERVER $ALICE 660" ]
}

@test "a group that may only read gets 0640" {
	chmod 2750 "$DOMAINS"/example.org/alice{,/cur,/new,/tmp}
	deliver one alice
	[ "$(stat -c '%G %a' "$(the_message example.org/alice)")" = \
		"$ALICE 640" ]
}

@test "the user reads, moves and deletes with mutt" {
	local dir=$DOMAINS/example.org/alice
	deliver a-read alice
	deliver b-moved alice
	deliver c-deleted alice
	runuser -u "$ALICE" -- mkdir -p "$TREE/$ALICE/archive"/{cur,new,tmp}
	mutt_as "$ALICE" "$dir" "\
<first-entry><display-message><exit>\
<next-entry><save-message>$TREE/$ALICE/archive<enter>\
<last-entry><delete-message><quit>"
	cat screen
	local kept moved
	kept=$(find "$dir" -type f)
	moved=$(find "$TREE/$ALICE/archive" -type f)
	[[ $kept == "$dir"/cur/*:2,S ]]
	grep -q '^Subject: a-read' "$kept"
	[[ $moved == "$TREE/$ALICE"/archive/* && $moved != *$'\n'* ]]
	grep -q '^Subject: b-moved' "$moved"
	# It goes on: what he has read is no obstacle for what comes.
	deliver d-new alice
	grep -q '^Subject: d-new' "$(the_message example.org/alice)"
}

@test "nobody else's mail can be read" {
	deliver unmistakable alice bob
	local dir=$DOMAINS/example.org/alice
	run -0 runuser -u "$BOB" -- cat "$(the_message example.org/bob)"
	run -1 runuser -u "$BOB" -- cat "$(the_message example.org/alice)"
	[[ $output == *"Permission denied"* ]]
	run -2 runuser -u "$BOB" -- ls "$dir"
	run mutt_as "$BOB" "$dir" "<display-message><exit><exit>"
	[ "$(the_message example.org/alice)" ]
	run -1 grep -a unmistakable screen
	# The same mutt shows it to whom it belongs.
	run mutt_as "$ALICE" "$dir" "<display-message><exit><exit>"
	run -0 grep -a unmistakable screen
}

@test "the server's user has dropped root for good" {
	# It may not deliver where only root may.
	install -d -m 700 "$DOMAINS/example.org/roots"
	run ! deliver one roots
	grep -q '^45[01] ' replies
	grep -q '^problem .*roots.*Permission denied' "$BATS_TEST_TMPDIR/log"
	[ -z "$(find "$DOMAINS/example.org/roots" -mindepth 1)" ]
	# All four user ids and the groups of the running process.
	coproc "$SMTPD" --user="$SERVER" --domains="$DOMAINS" 2>/dev/null 3>&-
	local pid=$COPROC_PID greeting
	read -r greeting <&"${COPROC[0]}"
	[[ $greeting == 220* ]]
	local uid gid
	uid=$(id -u "$SERVER") gid=$(id -g "$SERVER")
	grep -qE "^Uid:(	$uid){4}\$" "/proc/$pid/status"
	grep -qE "^Gid:(	$gid){4}\$" "/proc/$pid/status"
	grep -qE "^Groups:	$gid \$" "/proc/$pid/status"
	grep -qE '^CapEff:	0+$' "/proc/$pid/status"
	echo QUIT >&"${COPROC[1]}"
	wait "$pid"
}

@test "root without a user to become: 421, exit 78, and what to do" {
	run -78 --separate-stderr "$SMTPD" --user=smtpdtest9 \
		--domains="$DOMAINS" <<<QUIT
	[[ $output == "421 4.3.5 "* && $output != *$'\n'* ]]
	# shellcheck disable=SC2154 # bats sets it
	[[ $stderr == problem*"no user \\\"smtpdtest9\\\""* ]]
	[[ $stderr == *--user=NAME*--user=root* ]]
	run -78 "$SMTPD" --user=smtpdtest9 --domains="$DOMAINS" --check
	[[ $output == *'no user "smtpdtest9"'* ]]
}

@test "root insists" {
	install -d -m 700 "$DOMAINS/example.org/roots"
	SERVER=root deliver one roots
	[ "$(stat -c '%U %a' "$(the_message example.org/roots)")" = "root 600" ]
}

@test "a user who is not root needs no other" {
	chown -R "$ALICE:" "$DOMAINS/example.org/plain"
	run -0 --separate-stderr runuser -u "$ALICE" -- "$SMTPD" \
		--user=smtpdtest9 --domains="$DOMAINS" <<-'END'
		EHLO client.example
		MAIL FROM:<>
		RCPT TO:<plain@example.org>
		DATA
		text
		.
		QUIT
	END
	[[ $output == *"250 2.0.0 stored"* ]]
	[ "$(stat -c %U "$(the_message example.org/plain)")" = "$ALICE" ]
}

@test "--check says where the server's user cannot write" {
	install -d -m 755 "$DOMAINS"/example.org/{roots,closed}
	install -d -m 755 "$DOMAINS"/example.org/roots/new
	chmod 700 "$DOMAINS/example.org/closed"
	run -78 "$SMTPD" --user="$SERVER" --domains="$DOMAINS" --check
	local uid
	uid=$(id -u "$SERVER")
	[ "$(grep -vc '^sandbox: ' <<<"$output")" -eq 6 ]
	for name in cur new tmp; do
		grep -qxF "example.org/roots/$name: uid $uid cannot write:\
 Permission denied" <<<"$output"
	done
	grep -qxF 'example.org/closed: Permission denied' <<<"$output"
}

@test "a user that root may not become: 421, exit 78" {
	need unshare
	unshare -Ur true || cannot "needs user namespaces"
	run -78 --separate-stderr unshare -Ur "$SMTPD" --user="$SERVER" \
		--domains="$DOMAINS" <<<QUIT
	[[ $output == "421 4.3.5 "* && $output != *$'\n'* ]]
	# shellcheck disable=SC2154 # bats sets it
	[[ $stderr == problem*"cannot become user \\\"$SERVER\\\": "* ]]
}
