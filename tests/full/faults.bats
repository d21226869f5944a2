#!/usr/bin/env bats
# packages: strace python3 util-linux
# What fails in a delivery: each system call in turn, full and read-only disks,
# mailboxes that go away. All or none, the right code, and the session goes on.

load ../helpers
load store

setup() {
	tree
}

teardown() {
	unmount
}

# To descriptor 3 goes what a reader of the log wants to see.
table() {
	sed 's/^/# /' <<<"$output" >&3
}

@test "each system call of a delivery fails with each error" {
	root_only
	need strace python3
	run python3 "$ROOT/tests/full/faults.py" "$SMTPD" "$BATS_TEST_TMPDIR"
	table
	[ "$status" -eq 0 ]
}

@test "each system call of a delivery by LMTP fails with each error" {
	root_only
	need strace python3
	run python3 "$ROOT/tests/full/faults.py" "$SMTPD" "$BATS_TEST_TMPDIR" \
		lmtp
	table
	[ "$status" -eq 0 ]
}

# after NAME...: the session is still good for a message to these.
after() {
	local before name
	before=$(delivered | wc -l)
	say 'MAIL FROM:<>'
	for name; do
		say "RCPT TO:<$name@example.org>"
		[[ $REPLY_LAST = 250* ]]
	done
	say 'DATA'
	[[ $REPLY_LAST = 354* ]]
	say $'Subject: later\n\nhello\n.'
	[[ $REPLY_LAST = 250* ]]
	[ "$(delivered | wc -l)" -eq $((before + $#)) ]
	say QUIT
	[[ $REPLY_LAST = 221* ]]
	hang_up
	[ -z "$(leftovers)" ]
}

# begin NAME...: as far as the 354 of a message.
begin() {
	local name
	say 'EHLO client.example'
	say 'MAIL FROM:<>'
	for name; do
		say "RCPT TO:<$name@example.org>"
		[[ $REPLY_LAST = 250* ]]
	done
	say 'DATA'
	[[ $REPLY_LAST = 354* ]]
}

@test "a full disk: 452 4.3.1, nothing is left, what fits comes in" {
	root_only
	mount -t tmpfs -o size=1m none "$DOMAINS"
	mounted "$DOMAINS"
	mkdir -p "$DOMAINS"/example.org/{alice,bob}
	converse smtpd
	begin alice bob
	say "$(seq 300000)"$'\n.'
	[[ $REPLY_LAST = "452 4.3.1 "* ]]
	[ -z "$(delivered)" ]
	[ -z "$(leftovers)" ]
	[ "$(df --output=used -k "$DOMAINS" | tail -1)" -lt 100 ]
	after alice bob
	grep -q '^problem .*No space left' "$BATS_TEST_TMPDIR/log"
}

@test "a full disk and SIZE=: 452 4.3.1 at MAIL" {
	root_only
	mount -t tmpfs -o size=1m none "$DOMAINS"
	mounted "$DOMAINS"
	mkdir -p "$DOMAINS"/example.org/alice
	converse smtpd
	say 'EHLO client.example'
	say 'MAIL FROM:<> SIZE=2000000'
	[[ $REPLY_LAST = "452 4.3.1 "* ]]
	after alice
}

@test "no inode for another file: 452 4.3.1" {
	root_only
	mount -t tmpfs -o size=4m,nr_inodes=6 none "$DOMAINS"
	mounted "$DOMAINS"
	maildirs alice
	run --separate-stderr smtpd < <(session alice@example.org)
	[[ $output = *"452 4.3.1"* ]]
	[ -z "$(delivered)$(leftovers)" ]
}

@test "one of two disks is full: none gets it; by LMTP the other one does" {
	root_only
	mount -t tmpfs -o size=64k none "$DOMAINS/example.org/bob"
	mounted "$DOMAINS/example.org/bob"
	converse smtpd
	begin alice bob
	say "$(seq 30000)"$'\n.'
	[[ $REPLY_LAST = "452 4.3.1 "* ]]
	[ -z "$(delivered)$(leftovers)" ]
	after alice bob
	rm "$(messages example.org/alice)"
	converse smtpd --lmtp=yes
	say 'LHLO client.example'
	begin alice bob
	say "$(seq 30000)"$'\n.'
	[[ $REPLY_LAST = "250 "* ]]
	hear
	[[ $REPLY_LAST = "452 4.3.1 "* ]]
	hang_up
	[ "$(messages example.org/alice | wc -l)" -eq 1 ]
	[ "$(messages example.org/bob | wc -l)" -eq 1 ] # the one from before
	[ -z "$(leftovers)" ]
}

@test "a mailbox is removed after its RCPT: none gets the message" {
	local order
	for order in "alice bob" "bob alice"; do
		mkdir -p "$DOMAINS/example.org/bob"
		converse smtpd
		# shellcheck disable=SC2086 # two words
		begin $order
		rm -r "$DOMAINS/example.org/bob"
		say $'hello\n.'
		[[ $REPLY_LAST = "451 4.3.0 "* ]]
		[ ! -e "$DOMAINS/example.org/bob" ]
		[ -z "$(delivered)$(leftovers)" ]
		after alice
		rm "$(messages example.org/alice)"
	done
}

@test "a mailbox is removed between RCPT and DATA: as well" {
	converse smtpd
	say 'EHLO client.example'
	say 'MAIL FROM:<>'
	say 'RCPT TO:<bob@example.org>'
	rmdir "$DOMAINS/example.org/bob"
	say DATA
	[[ $REPLY_LAST = "451 4.3.0 "* ]]
	[ ! -e "$DOMAINS/example.org/bob" ]
	after alice
}

@test "a removed mailbox by LMTP: only its recipient fails" {
	root_only
	local name
	maildirs alice bob postmaster
	# On the other disk bob comes first: the copy for him fails.
	mkdir -p "$DOMAINS/example.net" "$BATS_TEST_TMPDIR/disk"
	mount -t tmpfs none "$DOMAINS/example.net"
	mounted "$DOMAINS/example.net"
	mkdir "$DOMAINS"/example.net/{bob,carol}
	converse smtpd --lmtp=yes
	say 'LHLO client.example'
	say 'MAIL FROM:<>'
	for name in alice@example.org {bob,carol}@example.net; do
		say "RCPT TO:<$name>"
		[[ $REPLY_LAST = 250* ]]
	done
	say DATA
	rmdir "$DOMAINS/example.net/bob"
	say $'hello\n.'
	[[ $REPLY_LAST = 250* ]]
	hear
	[[ $REPLY_LAST = "451 4.3.0 "* ]]
	hear
	[[ $REPLY_LAST = 250* ]]
	hang_up
	[ "$(messages example.org/alice | wc -l)" -eq 1 ]
	[ "$(messages example.net/carol | wc -l)" -eq 1 ]
	[ -z "$(leftovers)" ]
}

@test "a read-only disk: 451 4.3.0 for all" {
	root_only
	maildirs alice bob
	mount --bind "$DOMAINS/example.org/bob" "$DOMAINS/example.org/bob"
	mounted "$DOMAINS/example.org/bob"
	mount -o remount,bind,ro "$DOMAINS/example.org/bob"
	converse smtpd
	begin alice bob
	say $'hello\n.'
	[[ $REPLY_LAST = "451 4.3.0 "* ]]
	[ -z "$(delivered)$(leftovers)" ]
	after alice
}

@test "a mailbox of somebody else: 451 4.3.5, and a problem is logged" {
	root_only
	maildirs alice bob
	chmod 755 "$DOMAINS" "$DOMAINS"/example.org
	chown -R nobody "$DOMAINS/example.org/alice"
	chmod 700 "$DOMAINS/example.org/bob"
	# The path to the tree is root's own: it stands where nobody may go.
	local tree
	tree=$(mktemp -d /tmp/smtpd-faults.XXXXXX)
	chmod 755 "$tree"
	mv "$DOMAINS" "$tree/domains"
	run --separate-stderr "$SMTPD" --user=nobody --hostname=mx.example.org \
		--domains="$tree/domains" < <(session {alice,bob}@example.org)
	mv "$tree/domains" "$DOMAINS"
	rmdir "$tree"
	[[ $output = *"250 2.1.5"*"451 4.3.5"*"250 2.0.0 stored"* ]]
	[[ $stderr = *"problem "*"Permission denied"* ]]
	[ "$(messages example.org/alice | wc -l)" -eq 1 ]
	[ -z "$(messages example.org/bob)" ]
}

@test "a file size limit: 552 5.3.4, and the session goes on" {
	# shellcheck disable=SC2016 # $@ is the inner shell's
	converse bash -c 'ulimit -f 8 && exec "$@"' - "$SMTPD" \
		--user="$(id -un)" --hostname=mx.example.org \
		--domains="$DOMAINS"
	begin alice bob
	say "$(seq 30000)"$'\n.'
	[[ $REPLY_LAST = "552 5.3.4 "* ]]
	[ -z "$(delivered)$(leftovers)" ]
	after alice bob
}

@test "no descriptors left: 451 4.3.0, never 550" {
	local limit replies
	for limit in 4 5 6 7; do
		# shellcheck disable=SC2016 # as above
		run bash -c 'ulimit -n "$1"; shift; exec "$@"' - "$limit" \
			"$SMTPD" --user="$(id -un)" --hostname=mx.example.org \
			--domains="$DOMAINS" 3>&- 4>&- \
			< <(session {alice,bob}@example.org)
		echo "with $limit:"
		replies=$(grep -v '^[a-z]' <<<"$output" | tr -d '\r')
		echo "$replies"
		[[ $replies != *$'\n'55[0-3]* ]]
		if [ -z "$(delivered)" ]; then
			[[ $replies != *"stored, id="* ]]
		else
			[[ $replies = *"stored, id="* ]]
		fi
		[ -z "$(leftovers)" ]
		find "$DOMAINS" -type f -delete
	done
}

@test "a directory that cannot be synced (EINVAL) takes mail" {
	need strace
	maildirs alice
	run strace -f -o /dev/null -e inject=fsync:error=EINVAL:when=2 \
		"$SMTPD" --user="$(id -un)" --hostname=mx.example.org \
		--domains="$DOMAINS" < <(session alice@example.org)
	[[ $output = *"250 2.0.0 stored"* ]]
}

@test "a client that goes away in a message leaves nothing" {
	run --separate-stderr smtpd < <(session {alice,bob}@example.org |
		sed '/^\.$/,$d')
	[ -z "$(delivered)$(leftovers)" ]
	[[ $stderr = *"session "*"messages=0"*"end=hangup"* ]]
}
