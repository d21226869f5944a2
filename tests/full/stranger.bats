#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# packages: mmdebstrap procps systemd-container
#
# README's two commands in a Debian where nothing was installed yet. It shares
# the network with this machine: apt-get has to reach its sources.
load ../helpers

setup_file() {
	root_only
	need git mmdebstrap pgrep systemd-nspawn
	export BARE=$BATS_FILE_TMPDIR/bare
	mkdir "$BARE"
	"$ROOT/tests/root" "$BARE"
	mkdir "$BARE/smtpd"
	# Just what a clone has.
	git -C "$ROOT" ls-files -z | tar -C "$ROOT" --null -T - -c |
		tar -C "$BARE/smtpd" -x
}

setup() {
	# Runs a command in it as a stranger would, in the project's directory.
	bare=(systemd-nspawn --quiet --register=no --keep-unit --as-pid2 --pipe
		--resolv-conf=copy-host -D "$BARE" --chdir=/smtpd
		--setenv=CI=)
}

teardown() {
	local leader

	[ -n "${NSPAWN:-}" ] || return 0
	leader=$(pgrep -P "$NSPAWN") && kill -KILL "$leader"
	timeout 60 tail --pid="$NSPAWN" -f /dev/null
}

@test "apt-get install -y make && make run: a message sent as it says arrives" {
	# The port is this machine's: other runs of this test have to end.
	exec 8>"${SMTPD_TEST_CACHE:-/var/cache/smtpd-tests}/port-2525.lock"
	flock --timeout 600 8
	(exec 4<>/dev/tcp/127.0.0.1/2525) 2>/dev/null &&
		cannot "port 2525 is taken"
	grep -q '^    apt-get install -y make && make run$' "$ROOT/README.md"
	mkfifo "$BATS_TEST_TMPDIR/says"
	"${bare[@]}" sh -c 'apt-get install -y make && make run' \
		>"$BATS_TEST_TMPDIR/says" 2>&1 </dev/null \
		3>&- 8>&- &
	NSPAWN=$!
	exec 4<"$BATS_TEST_TMPDIR/says"
	send='' named='' listening=''
	while read -r -t 300 -u 4 line; do
		echo "$line"
		case $line in
		"Needed Debian packages that are missing: "*gcc*) named=yes ;;
		"bash -c 'exec 3<>/dev/tcp/127.0.0.1/2525; "*) send=$line ;;
		"Listening on 127.0.0.1:2525"*) listening=yes; break ;;
		esac
	done
	[ -n "$named" ]
	[ -n "$listening" ]
	# The line for bash is tried as it was printed, in a shell.
	run -0 timeout 60 bash -c "$send"
	[[ $output = *$'\n250 2.0.0 '*id=* ]]
	id=${output##*id=}
	id=${id%%[!-0-9a-f]*}
	run -0 find "$BARE/smtpd/mail/new/" -type f
	[ "${#lines[@]}" = 1 ]
	[[ $output = *".$id."* ]]
	grep 'It works' "$output"
}

@test "make check ends with a green count (nested: its quick part)" {
	run "${bare[@]}" env SMTPD_CHECK=quick make check
	echo "$output"
	[ "$status" = 0 ]
	count=$(grep -Ex '[1-9][0-9]* passed, 0 failed(, .*)?' <<<"$output")
	echo "# $count" >&3
}
