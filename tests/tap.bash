# shellcheck shell=bash
# SPDX-License-Identifier: ISC
# Steps of tests/check as TAP: step NAME COMMAND... says ok or not ok, and what
# the command printed where it failed. failed counts.
failed=0

step() {
	local name=$1 output start=$SECONDS
	shift
	if output=$("$@" 2>&1 </dev/null); then
		[ -z "$output" ] || echo "# ${output##*$'\n'}"
		echo "ok $name: $((SECONDS - start)) s"
	else
		printf '%s\n' "${output//$'\n'/$'\n'# }" | sed '1s/^/# /'
		echo "not ok $name"
		failed=$((failed + 1))
	fi
}
