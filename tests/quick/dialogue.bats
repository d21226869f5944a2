#!/usr/bin/env bats
# Sessions of text files, and every verb in every state.
# packages: python3 libidn2-0

load ../helpers

export BATS_TEST_TIMEOUT=100	# seconds until a test counts as hanging

setup() {
	need python3
}

@test "every dialogue: whole, an octet a packet, by turns" {
	"$ROOT/tests/dialogue/run" "$ROOT"/tests/dialogue/*.txt
}

@test "every verb in every state, SMTP and LMTP" {
	"$ROOT/tests/dialogue/states" >"$BATS_TEST_TMPDIR/states.txt"
	"$ROOT/tests/dialogue/states" lmtp >"$BATS_TEST_TMPDIR/lmtp.txt"
	[ "$(grep -c '^==' "$BATS_TEST_TMPDIR/states.txt")" -eq 174 ]
	[ "$(grep -c '^==' "$BATS_TEST_TMPDIR/lmtp.txt")" -eq 60 ]
	"$ROOT/tests/dialogue/run" "$BATS_TEST_TMPDIR"/{states,lmtp}.txt
}
