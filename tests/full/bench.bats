#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# packages: gnuplot-nox python3 systemd ucspi-tcp valgrind
#
# The language takes no more instructions than it did, and the suite that
# measures speed runs. What it measures here is not looked at: only counts are
# the same on a busy machine.
load ../helpers

bench() {
	run --separate-stderr "$ROOT/bench/run" --program "$SMTPD" \
		--cache "$BATS_TEST_TMPDIR" --out "$BATS_TEST_TMPDIR/out" "$@"
	printf '%s\n' "$output" "$stderr"
}

counts() {
	BUILD=$BATS_FILE_TMPDIR run "$ROOT/bench/counts" --check
	printf '%s\n' "$output"
	[ "$status" -ne 77 ] || cannot "$output"
}

setup_file() {
	make -s -C "$ROOT" bench-programs
}

@test "the language takes as many instructions as bench/counts.txt says" {
	need valgrind gcc
	counts
	[ "$status" -eq 0 ]
}

@test "more instructions are noticed, and fewer" {
	need valgrind gcc
	export COUNTS=$BATS_TEST_TMPDIR/counts
	awk '$1 == "MAIL" { sub(/[0-9]+ a/, int($2 * 0.94) " a") }
		$1 == "RCPT" { sub(/[0-9]+ a/, int($2 * 1.07) " a") }
		$1 == "EHLO" { sub(/[0-9]+ a/, int($2 * 1.03) " a") }
		{ print }' "$ROOT/bench/counts.txt" >"$COUNTS"
	counts
	[ "$status" -eq 1 ]
	[[ $output = *"MAIL: "*" instructions instead of "*"+6."* ]]
	[[ $output = *"RCPT: "*" instructions instead of "*"-6."* ]]
	[[ $output != *EHLO* ]]
	[[ $output = *"bench/counts --update"* ]]
}

@test "the suite measures both activations, and draws them" {
	need gnuplot systemd-socket-activate tcpserver
	bench --quick
	[ "$status" -eq 0 ]
	[[ $output != *"Left out"* ]]
	head -1 < <(grep '^|' "$BATS_TEST_TMPDIR/out/table.md") | grep -qF \
		'| file system alone | smtpd, accept loop | smtpd, a process each |'
	[ "$(grep -c '^|.*100 recipients.*\*\*.*\*\*.*\*\*' \
		"$BATS_TEST_TMPDIR/out/table.md")" -eq 2 ]
	python3 - "$BATS_TEST_TMPDIR/out/sessions.svg" <<-'END'
	import sys, xml.etree.ElementTree
	texts = ' '.join(xml.etree.ElementTree.parse(sys.argv[1]).getroot()
	    .itertext())
	assert 'smtpd, accept loop' in texts and 'sessions at a time' in texts
	END
	# Its mailboxes are gone, and whoever listened.
	[ "$(ls "$BATS_TEST_TMPDIR")" = out ]
}

@test "the suite says what it left out, and why" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	ln -s "$(command -v python3 git findmnt tcpserver dpkg-query)" \
		"$BATS_TEST_TMPDIR/bin" 2>/dev/null || need tcpserver
	PATH=$BATS_TEST_TMPDIR/bin bench --quick --cases=p1,p2 --peers=nobodys
	[ "$status" -eq 0 ]
	[[ $output = *"Left out: loop: needs systemd-socket-activate"* ]]
	[[ $output = *"Left out: nobodys: there is no such script"* ]]
	[[ $output = *"Left out: plot: needs gnuplot"* ]]
	[[ $output = *"4 KiB, 1 session"*"**"* ]]
}

@test "README.md shows what bench/results holds" {
	run "$ROOT/bench/run" --from "$ROOT/bench/results/results.json" \
		--out "$BATS_TEST_TMPDIR/out"
	[ "$status" -eq 0 ]
	diff "$ROOT/bench/results/table.md" "$BATS_TEST_TMPDIR/out/table.md"
	sed -n '/bench\/run --keep/,/to here/p' "$ROOT/README.md" |
		grep '^[|M]' | diff - <(grep '^[|M]' \
		"$BATS_TEST_TMPDIR/out/table.md")
	[ -s "$ROOT/bench/results/sessions.svg" ]
}
