#!/usr/bin/env bats
# packages: python3
# Memory: a message of 1 GiB is never held in it, an idle session has little.

load ../helpers
load store

MEBIBYTES=1024

setup() {
	root_only
	need python3
	tree
}

large() {
	run python3 "$ROOT/tests/full/large.py" "$SMTPD" "$DOMAINS" "$@"
	printf '# %s\n' "${lines[@]}" >&3
	[ "$status" -eq 0 ]
}

# A gibibyte must be worth it, and fit.
room() {
	[ "$(df --output=avail -m "$BATS_TEST_TMPDIR" | tail -1)" -gt \
		$((MEBIBYTES + 512)) ] || cannot "needs $MEBIBYTES MiB of disk"
}

@test "1 GiB through DATA: under 4 MiB resident, stored as sent" {
	room
	large data "$MEBIBYTES"
}

@test "1 GiB through BDAT: under 4 MiB resident, stored as sent" {
	room
	large bdat "$MEBIBYTES"
}

@test "an idle session: at most 200 KiB of private memory" {
	large idle 0
}
