# What the tests of the store share. Use after: load ../helpers
# shellcheck shell=bash

# session RECIPIENT...: a message to each of them, as a client on a pipe says
# it. BODY is its body.
session() {
	local recipient
	printf 'EHLO client.example\nMAIL FROM:<carol@client.example>\n'
	for recipient; do
		printf 'RCPT TO:<%s>\n' "$recipient"
	done
	printf 'DATA\nSubject: a test\n\n%s\n.\nQUIT\n' "${BODY:-hello}"
}

# What stands in any tmp/ of the tree, a name a line.
leftovers() {
	(cd "$DOMAINS" && find . -path '*/tmp/*' | LC_ALL=C sort)
}

# The messages in all mailboxes.
delivered() {
	(cd "$DOMAINS" && find . -path '*/new/*' -type f | LC_ALL=C sort)
}

maildirs() {
	local name
	for name; do
		mkdir -p "$DOMAINS/example.org/$name"/{cur,new,tmp}
	done
}

# Mounts are undone by unmount, in teardown.
MOUNTED=()
mounted() {
	MOUNTED+=("$1")
}

unmount() {
	local i
	for ((i = ${#MOUNTED[@]} - 1; i >= 0; i--)); do
		umount "${MOUNTED[i]}" || umount -l "${MOUNTED[i]}"
	done
	MOUNTED=()
}

# converse COMMAND...: start a session that is talked to with say; REPLY_LAST
# is the last line of the last reply.
converse() {
	coproc CLIENT { "$@" 2>"$BATS_TEST_TMPDIR/log" 3>&- 4>&-; }
	# bash closes its own descriptors as soon as the session is over.
	exec {HEAR}<&"${CLIENT[0]}" {SAY}>&"${CLIENT[1]}"
	CLIENT_PROCESS=$CLIENT_PID
	eval "exec ${CLIENT[0]}<&- ${CLIENT[1]}>&-"
	hear
}

hear() {
	REPLY_LAST='no reply'
	while IFS= read -r REPLY_LAST <&"$HEAR"; do
		REPLY_LAST=${REPLY_LAST%$'\r'}
		echo "S: $REPLY_LAST"
		[[ $REPLY_LAST = ???-* ]] || break
	done
}

say() {
	echo "C: ${1:0:200}"
	printf '%s\n' "$1" >&"$SAY"
	hear
}

# The client hangs up; done when the server is.
hang_up() {
	exec {SAY}>&- {HEAR}<&-
	wait "$CLIENT_PROCESS" || true
}

# show [OPTION...]: put a file system without unnamed files over DOMAINS.
show() {
	root_only
	need fusermount3 pkg-config
	pkg-config --exists fuse3 || cannot "needs libfuse3-dev"
	[ -e /dev/fuse ] || cannot "needs /dev/fuse"
	local program=$BATS_FILE_TMPDIR/passthrough flags
	read -ra flags < <(pkg-config --cflags --libs fuse3)
	[ -x "$program" ] || "${CC:-gcc}" -D_GNU_SOURCE -O -o "$program" \
		"$ROOT/tests/full/passthrough.c" "${flags[@]}"
	mv "$DOMAINS" "$DOMAINS.real"
	mkdir "$DOMAINS"
	"$program" "$@" "$DOMAINS.real" "$DOMAINS"
	mounted "$DOMAINS"
}
