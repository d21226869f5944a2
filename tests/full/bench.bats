#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# packages: gnuplot-nox libssl-dev openssl python3 systemd ucspi-tcp valgrind
#
# The language takes no more instructions than it did, and the suite that
# measures speed runs. What it measures here is not looked at: only counts are
# the same on a busy machine.
load ../helpers

# Started as root, what is measured runs as nobody, who has to get there.
setup() {
	WORK=$(mktemp -d)
	chmod 755 "$WORK"
}

teardown() {
	rm -rf "$WORK"
}

bench() {
	run env PATH="${FEWER:-$PATH}" "$ROOT/bench/run" --program "$SMTPD" \
		--cache "$WORK" --out "$WORK/out" "$@"
	printf '%s\n' "$output"
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
	need gcc valgrind
	counts
	[ "$status" -eq 0 ]
}

@test "more instructions are noticed, and fewer" {
	need gcc valgrind
	export COUNTS=$WORK/counts
	awk '$1 == "MAIL" { sub(/[0-9]+ per/, int($2 * 0.94) " per") }
		$1 == "RCPT" { sub(/[0-9]+ per/, int($2 * 1.07) " per") }
		$1 == "EHLO" { sub(/[0-9]+ per/, int($2 * 1.03) " per") }
		{ print }' "$ROOT/bench/counts.txt" >"$COUNTS"
	counts
	[ "$status" -eq 1 ]
	[[ $output = *"MAIL: "*" instructions instead of "*"+6."* ]]
	[[ $output = *"RCPT: "*" instructions instead of "*"-6."* ]]
	[[ $output != *EHLO* ]]
	[[ $output = *"bench/counts --update"* ]]
}

@test "the suite measures both activations, and draws them" {
	need gnuplot openssl systemd-socket-activate tcpserver
	bench --quick
	[ "$status" -eq 0 ]
	[[ $output != *"Left out"* ]]
	grep -qF '| file system alone | smtpd, accept loop |' \
		"$WORK/out/table.md"
	[ "$(grep -c '^|.*100 recipients.*\*\*.*\*\*.*\*\*' \
		"$WORK/out/table.md")" -eq 2 ]
	grep -q '^| 4 KiB, 10 .*, STARTTLS | - | \*\*.* | \*\*' \
		"$WORK/out/summary.md"
	# The accept loop's children know the tickets of their siblings.
	grep -q '^| no message, 10 .*, resumed, .* | - | [^²]* | .* ² |$' \
		"$WORK/out/table.md"
	python3 - "$WORK/out/sessions.svg" <<-'END'
	import sys, xml.etree.ElementTree
	texts = ' '.join(xml.etree.ElementTree.parse(sys.argv[1]).getroot()
	    .itertext())
	assert 'smtpd, accept loop' in texts and 'sessions at a time' in texts
	END
	# Its mailboxes are gone, and whoever listened.
	[ "$(ls "$WORK")" = out ]
}

@test "the suite says what it left out, and why" {
	local command
	need findmnt python3 tcpserver
	FEWER=$WORK/bin
	mkdir "$FEWER"
	for command in findmnt git tcpserver; do
		ln -s "$(command -v "$command")" "$FEWER"
	done
	ln -s "$(python3 -c 'import sys; print(sys.executable)')" \
		"$FEWER/python3"
	bench --quick --cases=p1,p2 --peers=nobodys
	[ "$status" -eq 0 ]
	[[ $output = *"Left out: loop: needs systemd-socket-activate"* ]]
	[[ $output = *"Left out: nobodys: there is no such script"* ]]
	[[ $output = *"Left out: plot: needs gnuplot"* ]]
	[[ $output = *"4 KiB, 1 session"*"**"* ]]
}

@test "what STARTTLS costs an exec'ed smtpd is told by step" {
	need gcc openssl
	run "$ROOT/bench/handshake" 3
	printf '%s\n' "$output"
	[ "$status" -eq 0 ]
	[ "${#lines[@]}" -eq 8 ]
	[[ ${lines[5]} =~ ^the\ handshake\ +[1-9][0-9]*\ us\ +[1-9] ]]
}

@test "README.md shows what bench/results holds" {
	run "$ROOT/bench/run" --from "$ROOT/bench/results/results.json" \
		--out "$WORK/out"
	[ "$status" -eq 0 ]
	diff "$ROOT/bench/results/table.md" "$WORK/out/table.md"
	diff "$ROOT/bench/results/summary.md" "$WORK/out/summary.md"
	sed -n '/bench\/run --keep.* from here/,/to here/p' "$ROOT/README.md" |
		grep -v '^<!--\|^!\[' | diff -B - "$WORK/out/summary.md"
	[ -s "$ROOT/bench/results/sessions.svg" ]
}
