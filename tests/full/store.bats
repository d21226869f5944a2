#!/usr/bin/env bats
# packages: strace fuse3 libfuse3-dev pkg-config gcc util-linux
# The store, on the file systems there are: what is done before 250, names,
# modes, and the fallbacks.

load ../helpers
load store

setup() {
	tree
}

teardown() {
	unmount
}

# traced [STRACE OPTION...] -- RECIPIENT...: one message; what was done to the
# message and the new/ directories until 250 is in CALLS, "count word" a line.
traced() {
	local options=()
	while [ "$1" != -- ]; do
		options+=("$1")
		shift
	done
	shift
	session "$@" | strace -f -y -s 4096 -o "$BATS_TEST_TMPDIR/trace" \
		-e trace=openat2,write,writev,fsync,linkat,renameat,mkdirat \
		"${options[@]}" "$SMTPD" --user=root --hostname=mx.example.org \
		--domains="$DOMAINS" >"$BATS_TEST_TMPDIR/replies"
	CALLS=$(sed -nE '
		/O_TMPFILE.* = [0-9]/ s/.*/open-unnamed/p
		/ (writev|write)\([0-9]+<[^>]*>\(deleted\)/ s/.*/write/p
		/ fsync\([0-9]+<[^>]*>\(deleted\).* = 0$/ s/.*/sync-file/p
		/ linkat\(.* = 0$/ s/.*/link/p
		/ renameat\(.* = 0$/ s/.*/rename/p
		/ fsync\([0-9]+<[^>]*\/new>.* = 0$/ s/.*/sync-new/p
		/ fsync\([0-9]+<.*\/example.org\/[a-z]+>.* = 0$/ s/.*/sync-maildir/p
		/ write\(1<.*250 2.0.0 stored/ { s/.*/reply/p; q }
		' "$BATS_TEST_TMPDIR/trace" | uniq -c | awk '{ print $1, $2 }')
}

# Each recipient has one whole message, and nothing else is anywhere.
all_have_it() {
	local name
	for name; do
		[ "$(messages "example.org/$name" | wc -l)" -eq 1 ]
		diff <(sed 1,/^$/d "$(messages "example.org/$name")") \
			<(printf '%s\n' "${BODY:-hello}")
	done
	[ -z "$(leftovers)" ]
	[ "$(delivered | wc -l)" -eq $# ]
}

@test "file, sync, link, sync of the directory, and only then 250" {
	need strace
	maildirs alice
	traced -- alice@example.org
	echo "$CALLS"
	[ "$CALLS" = "1 open-unnamed
1 write
1 sync-file
1 link
1 sync-new
1 reply" ]
}

@test "ten recipients: one file of ten links, synced once" {
	need strace
	local names=(a0 a1 a2 a3 a4 a5 a6 a7 a8 a9) name
	maildirs "${names[@]}"
	traced -- "${names[@]/%/@example.org}"
	echo "$CALLS"
	[ "$CALLS" = "1 open-unnamed
1 write
1 sync-file
10 link
10 sync-new
1 reply" ]
	all_have_it "${names[@]}"
	for name in "${names[@]}"; do
		[ "$(stat -c %h "$(messages "example.org/$name")")" -eq 10 ]
	done
	[ "$(cd "$DOMAINS" && delivered | xargs stat -c %i | sort -u |
		wc -l)" -eq 1 ]
}

@test "what is made is synced: missing cur, new and tmp" {
	need strace
	traced -- alice@example.org
	echo "$CALLS"
	[ "$CALLS" = "1 sync-maildir
1 open-unnamed
1 write
1 sync-file
1 link
1 sync-new
1 reply" ]
}

@test "names tell the second, the id, the host and the size" {
	local path name id
	run --separate-stderr smtpd < <(session alice@example.org)
	id=$(sed -n 's/.*stored, id=\([^[:space:]]*\).*/\1/p' <<<"$output")
	[ -n "$id" ]
	path=$(messages example.org/alice)
	name=${path##*/}
	[[ $name =~ ^[0-9]{9,}\.$id\.mx\.example\.org,S=([0-9]+)$ ]]
	[ "${BASH_REMATCH[1]}" -eq "$(stat -c %s "$path")" ]
	grep -q "id $id" "$path"
	[[ $stderr = *"id=$id "* ]]
}

@test "names are unique over 200 sessions at once" {
	session alice@example.org >"$BATS_TEST_TMPDIR/session"
	export -f smtpd
	seq 200 | xargs -P 50 -I{} bash -c \
		'smtpd <"$1" 2>/dev/null >"$1.{}"' - "$BATS_TEST_TMPDIR/session"
	[ "$(cat "$BATS_TEST_TMPDIR"/session.* | grep -c '^250 2.0.0 stored')" \
		-eq 200 ]
	[ "$(messages example.org/alice | wc -l)" -eq 200 ]
	[ "$(messages example.org/alice | sed 's/^[^.]*\.//' |
		sort -u | wc -l)" -eq 200 ]
}

@test "missing cur, new and tmp are made as the mailbox is" {
	root_only
	local name
	chmod 700 "$DOMAINS/example.org/alice"
	chmod 2770 "$DOMAINS/example.org/bob"
	chgrp mail "$DOMAINS/example.org/bob"
	chmod 2750 "$DOMAINS/example.org/postmaster"
	session {alice,bob,postmaster}@example.org | smtpd
	all_have_it alice bob postmaster
	for name in cur new tmp; do
		[ "$(stat -c %a:%G "$DOMAINS/example.org/alice/$name")" = \
			700:root ]
		[ "$(stat -c %a:%G "$DOMAINS/example.org/bob/$name")" = \
			2770:mail ]
		[ "$(stat -c %a:%G "$DOMAINS/example.org/postmaster/$name")" = \
			2750:root ]
	done
	[ "$(stat -c %a:%G "$(messages example.org/alice)")" = 600:root ]
	[ "$(stat -c %a:%G "$(messages example.org/bob)")" = 660:mail ]
	[ "$(stat -c %a:%G "$(messages example.org/postmaster)")" = 640:root ]
}

@test "mailboxes of one group and mode share a file, others have a copy" {
	root_only
	local name
	maildirs u1 u2 u3 u4 u5
	for name in u3 u4 u5; do
		chgrp -R mail "$DOMAINS/example.org/$name"
		chmod -R 2770 "$DOMAINS/example.org/$name"
	done
	chmod -R 2750 "$DOMAINS/example.org/u5"
	session u{3,1,4,2,5}@example.org | smtpd
	all_have_it u1 u2 u3 u4 u5
	for name in u1 u2 u3 u4; do
		[ "$(stat -c %h "$(messages "example.org/$name")")" -eq 2 ]
	done
	[ "$(stat -c %h:%a "$(messages example.org/u5)")" = 1:640 ]
}

@test "a mailbox directory is never made" {
	rmdir "$DOMAINS/example.org/bob"
	run --separate-stderr smtpd < <(session bob@example.org)
	[[ $output = *"550 5.1.1"* ]]
	[ ! -e "$DOMAINS/example.org/bob" ]
}

# What the file system was told, "count word" a line.
told() {
	uniq -c "$BATS_TEST_TMPDIR/calls" | awk '{ print $1, $2 }'
}

@test "without unnamed files: a name in tmp/, links, no name in tmp/" {
	maildirs alice bob postmaster
	show
	session {alice,bob,postmaster}@example.org | smtpd
	all_have_it alice bob postmaster
	told
	[ "$(told)" = "1 fsync
3 link
3 fsyncdir" ]
	[ "$(stat -c %h "$(messages example.org/bob)")" -eq 3 ]
}

@test "without hard links: the file is moved, the others get copies" {
	maildirs alice bob postmaster
	show -o no_link
	BODY=$(seq 20000) session {alice,bob,postmaster}@example.org | smtpd
	BODY=$(seq 20000) all_have_it alice bob postmaster
	told
	[ "$(told)" = "1 fsync
1 rename
1 fsync
1 rename
1 fsync
1 rename
3 fsyncdir" ]
}

@test "a file system that does not tell its size takes mail with SIZE=" {
	show -o no_size
	run --separate-stderr smtpd < <(session alice@example.org |
		sed '/^MAIL/ s/$/ SIZE=1000/')
	[[ $output = *"250 2.0.0 stored"* ]]
}

@test "what the disk cannot hold is refused at MAIL, up to 2^64-1" {
	local size
	for size in 9000000000000000 18446744073709551615; do
		run --separate-stderr smtpd --message-size=0 < <(
			session alice@example.org |
				sed "/^MAIL/ s/\$/ SIZE=$size/; /^RCPT/,/^\.\$/d")
		[[ $output = *"452 4.3.1"* ]]
	done
}

@test "tmpfs" {
	root_only
	mount -t tmpfs -o size=4m none "$DOMAINS"
	mounted "$DOMAINS"
	mkdir -p "$DOMAINS"/example.org/{alice,bob}
	session {alice,bob}@example.org | smtpd
	all_have_it alice bob
}

@test "Maildirs on three file systems: each recipient has it whole" {
	root_only
	local name
	maildirs u1 u2 u3 u4 u5
	for name in u2 u4; do
		mount -t tmpfs -o size=4m none "$DOMAINS/example.org/$name"
		mounted "$DOMAINS/example.org/$name"
	done
	BODY=$(seq 20000) session u{1,2,3,4,5}@example.org | smtpd
	BODY=$(seq 20000) all_have_it u1 u2 u3 u4 u5
	[ "$(stat -c %h "$(messages example.org/u3)")" -eq 3 ]
	[ "$(stat -c %h "$(messages example.org/u4)")" -eq 1 ]
}

@test "without /proc" {
	root_only
	need unshare
	export -f smtpd
	session {alice,bob}@example.org | unshare -m bash -c \
		'umount -l /proc && [ ! -e /proc/self ] && smtpd'
	all_have_it alice bob
	[ "$(stat -c %h "$(messages example.org/bob)")" -eq 2 ]
}

@test "as a user without privileges" {
	root_only
	need strace
	chown -R nobody "$DOMAINS"
	chmod 755 "$BATS_TEST_TMPDIR" # the path to it is root's own business
	session {alice,bob}@example.org | unprivileged "$SMTPD" \
		--hostname=mx.example.org --domains="$DOMAINS"
	all_have_it alice bob
	[ "$(stat -c %h:%U "$(messages example.org/bob)")" = 2:nobody ]
}

@test "as a user whose kernel links by /proc only" {
	need strace
	traced -e inject=linkat:error=ENOENT:when=1+2 -- {alice,bob}@example.org
	all_have_it alice bob
	[ "$(stat -c %h "$(messages example.org/bob)")" -eq 2 ]
	[ "$(grep -c '/proc/self/fd/[0-9]*".*AT_SYMLINK_FOLLOW) = 0' \
		"$BATS_TEST_TMPDIR/trace")" -eq 2 ]
}

@test "as such a user, without /proc: copies" {
	root_only
	need unshare
	export -f smtpd
	session {alice,bob}@example.org | unshare -m strace -f -o /dev/null \
		-e inject=linkat:error=ENOENT bash -c \
		'umount -l /proc && smtpd'
	all_have_it alice bob
}

# It may have to reach a tree that is in root's own directory.
unprivileged() {
	setpriv --reuid=nobody --regid=nogroup --clear-groups \
		--inh-caps=+dac_read_search --ambient-caps=+dac_read_search "$@"
}
