#!/usr/bin/env bats
# packages: strace python3 util-linux fuse3 libfuse3-dev pkg-config gcc libidn2-0
# What fails in a delivery: each system call in turn, full and read-only disks,
# mailboxes that go away. All or none, the right code, and the session goes on.

# shellcheck disable=SC2154 # stderr is set by run
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
	printf '# %s\n' "${lines[@]}" >&3
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

@test "each system call fails where there are no links and no O_TMPFILE" {
	need strace python3
	show -o no_link
	run python3 "$ROOT/tests/full/faults.py" "$SMTPD" "$DOMAINS" few
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

@test "by LMTP the disk that is full may be the first one" {
	root_only
	local name
	for name in u1 u3; do
		mkdir -p "$DOMAINS/example.org/$name"
		mount -t tmpfs -o size=64k none "$DOMAINS/example.org/$name"
		mounted "$DOMAINS/example.org/$name"
	done
	mkdir "$DOMAINS"/example.org/{u2,u4}
	converse smtpd --lmtp=yes
	say 'LHLO client.example'
	begin u1 u2 u3 u4
	say "$(seq 100000)"$'\n.'
	[[ $REPLY_LAST = "452 4.3.1 "* ]]
	hear
	[[ $REPLY_LAST = "250 "* ]]
	hear
	[[ $REPLY_LAST = "452 4.3.1 "* ]]
	hear
	[[ $REPLY_LAST = "250 "* ]]
	[ -z "$(leftovers)" ]
	[ "$(delivered | wc -l)" -eq 2 ]
	for name in u2 u4; do
		cmp <(tail -n 100000 "$(messages "example.org/$name")") \
			<(seq 100000)
	done
	rm "$(messages example.org/u2)" "$(messages example.org/u4)"
	# What fits comes in everywhere; what fits nowhere is refused for all.
	say 'MAIL FROM:<>'
	say 'RCPT TO:<u1@example.org>'
	say 'RCPT TO:<u3@example.org>'
	say DATA
	say "$(seq 100000)"$'\n.'
	[[ $REPLY_LAST = "452 4.3.1 "* ]]
	hear
	[[ $REPLY_LAST = "452 4.3.1 "* ]]
	[ -z "$(delivered)$(leftovers)" ]
	hang_up
	# By SMTP it is all or none.
	converse smtpd
	begin u1 u2 u3 u4
	say "$(seq 100000)"$'\n.'
	[[ $REPLY_LAST = "452 4.3.1 "* ]]
	[ -z "$(delivered)$(leftovers)" ]
	after u1 u2 u3 u4
}

@test "by LMTP a group without disk quota left fails alone: 452 4.2.2" {
	root_only
	need strace
	local recipients=({alice,bob,postmaster}@example.org)
	maildirs alice bob postmaster
	chgrp -R mail "$DOMAINS/example.org/alice"
	chmod -R 2770 "$DOMAINS/example.org/alice"
	run --separate-stderr strace -o /dev/null \
		-e inject=writev:error=EDQUOT:when=1 "$SMTPD" \
		--user=root --hostname=mx.example.org --domains="$DOMAINS" \
		--lmtp=yes < <(session "${recipients[@]}" | sed s/EHLO/LHLO/)
	[ "$(tail -4 <<<"$output" | cut -c1-9)" = "452 4.2.2
250 2.0.0
250 2.0.0
221 2.0.0" ]
	[ "$(delivered | wc -l)" -eq 2 ]
	[ -z "$(messages example.org/alice)$(leftovers)" ]
	diff -q <(sed 1,/^$/d "$(messages example.org/bob)") <(echo hello)
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
	tree=$(mktemp -d)
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

@test "more Maildirs than descriptors: all or none" {
	local limit names
	mapfile -t names < <(seq -f 'n%.0f' 50)
	maildirs "${names[@]}"
	for limit in 8 16 32 40 64; do
		# shellcheck disable=SC2016 # as above
		run bash -c 'ulimit -n "$1"; shift; exec "$@"' - "$limit" \
			"$SMTPD" --user="$(id -un)" --hostname=mx.example.org \
			--domains="$DOMAINS" 3>&- 4>&- \
			< <(session "${names[@]/%/@example.org}")
		echo "with $limit: $(delivered | wc -l)"
		if [[ $output = *"stored, id="* ]]; then
			[ "$(delivered | wc -l)" -eq 50 ]
		else
			[[ $output = *"451 4.3.0 "* ]]
			[ -z "$(delivered)" ]
		fi
		[ -z "$(leftovers)" ]
		find "$DOMAINS" -type f -delete
	done
	[ "$limit" -eq 64 ] && [[ $output = *"stored, id="* ]]
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

# failing RULE... -- ARGS...: smtpd with system calls that fail, as strace -e
# has it.
failing() {
	local rules=()
	while [ "$1" != -- ]; do
		rules+=(-e "inject=$1")
		shift
	done
	strace -f -o /dev/null "${rules[@]}" "$SMTPD" --user="$(id -un)" \
		--hostname=mx.example.org --domains="$DOMAINS" "${@:2}"
}

@test "by LMTP no disk quota, and no copy for the others either: nothing" {
	root_only
	need strace
	local recipients=({alice,bob,postmaster}@example.org) preads
	maildirs alice bob postmaster
	chgrp -R mail "$DOMAINS/example.org/alice"
	chmod -R 2770 "$DOMAINS/example.org/alice"
	# The loader reads libraries in this way, too.
	strace -f -e trace=pread64 -o "$BATS_TEST_TMPDIR/trace" "$SMTPD" \
		--user=root --domains="$DOMAINS" </dev/null >/dev/null
	preads=$(grep -c pread64 "$BATS_TEST_TMPDIR/trace") || true
	# shellcheck disable=SC2034 # session says it
	BODY=$(seq 50000)
	run --separate-stderr failing writev:error=EDQUOT:when=2 \
		copy_file_range:error=EXDEV \
		"pread64:error=EIO:when=$((preads + 1))+" -- --lmtp=yes \
		< <(session "${recipients[@]}" | sed s/EHLO/LHLO/)
	[ "$(tail -4 <<<"$output" | cut -c1-9)" = "452 4.2.2
452 4.2.2
452 4.2.2
221 2.0.0" ]
	[ -z "$(delivered)$(leftovers)" ]
	# With one of them intact the others have it whole.
	run --separate-stderr failing writev:error=EDQUOT:when=2 \
		copy_file_range:error=EXDEV -- --lmtp=yes \
		< <(session "${recipients[@]}" | sed s/EHLO/LHLO/)
	[ "$(tail -4 <<<"$output" | cut -c1-9)" = "452 4.2.2
250 2.0.0
250 2.0.0
221 2.0.0" ]
	cmp <(sed 1,/^$/d "$(messages example.org/bob)") <(seq 50000)
}

@test "cur cannot be made, in more Maildirs than descriptors: 451 4.3.5" {
	need strace
	local names
	mapfile -t names < <(seq -f 'n%.0f' 50)
	maildirs alice "${names[@]}"
	rmdir "$DOMAINS"/example.org/n*/cur
	run --separate-stderr failing mkdirat:error=EACCES -- \
		< <(session {alice,n1}@example.org)
	[[ $output = *"451 4.3.5 "* ]]
	[[ $stderr = *"make cur in example.org/n1: Permission denied"* ]]
	[ -z "$(delivered)$(leftovers)" ]
	ulimit -n 50
	run --separate-stderr failing mkdirat:error=EACCES -- --lmtp=yes \
		< <(session alice@example.org "${names[@]/%/@example.org}" |
			sed s/EHLO/LHLO/)
	[ "$(grep -c '^451 4.3.5 ' <<<"$output")" -eq 50 ]
	[ "$(messages example.org/alice | wc -l)" -eq 1 ]
	[ "$(delivered | wc -l)" -eq 1 ]
	[ -z "$(leftovers)" ]
}

@test "what cannot be taken back is told to the operator" {
	need strace
	maildirs alice bob
	run --separate-stderr failing linkat:error=EIO:when=2 \
		unlinkat:error=EROFS -- < <(session {alice,bob}@example.org)
	[[ $output = *"451 4.3.0 "* ]]
	[[ $stderr = *"take back from example.org/alice: Read-only"* ]]
	[ -z "$(messages example.org/bob)" ]
}

@test "without libidn2 a name in UTF-8 is no reason to refuse for good" {
	root_only
	need unshare
	local library
	library=$(ldconfig -p | awk '$1 == "libidn2.so.0" { print $NF; exit }')
	[ -n "$library" ] || cannot "needs libidn2"
	# shellcheck disable=SC2016 # the inner shell's
	run --separate-stderr unshare -m bash -c '
		mount --bind /dev/null "$1" && shift && exec "$@"' - \
		"$library" "$SMTPD" --user=root --domains="$DOMAINS" < <(
		printf '%s\n' 'EHLO x' 'MAIL FROM:<> SMTPUTF8' \
			'RCPT TO:<alice@bücher.example>' \
			'RCPT TO:<alice@example.org>')
	[[ $output = *$'\n'"451 4.3.5 "*$'\n'"250 2.1.5 "* ]]
	[[ $stderr = *"needs libidn2, which is not installed"* ]]
}

@test "without a journal records go to syslog" {
	root_only
	need unshare python3
	# shellcheck disable=SC2016 # the inner shell's
	run -0 unshare -m bash -c '
		! [ -d /run/systemd ] || mount -t tmpfs none /run/systemd
		mount -t tmpfs none /dev && exec "$@"' - \
		python3 -c '
import socket, subprocess, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("/dev/log")
log.settimeout(10)
subprocess.run(sys.argv[1:], input=b"QUIT\n", stdout=subprocess.DEVNULL,
               check=True)
print(log.recv(4096))' "$SMTPD" --user=root --domains="$DOMAINS" \
		--log=journal
	# Facility mail, severity info.
	[[ $output = *"<22>"*"smtpd["*"]: session "*"end=quit"* ]]
}

@test "a machine whose name is no host name greets as localhost" {
	root_only
	need unshare
	# shellcheck disable=SC2016 # the inner shell's
	run unshare --uts bash -c 'echo not_a_name >/proc/sys/kernel/hostname && exec "$@"' - \
		"$SMTPD" --user=root --domains="$DOMAINS" </dev/null
	[[ $output = "220 localhost ESMTP smtpd"* ]]
}

@test "no chance to be had: ids are unique still" {
	need strace
	run --separate-stderr failing getrandom:error=EAGAIN -- \
		< <(session alice@example.org)
	[[ $output = *"stored, id="*-0000* ]]
}
