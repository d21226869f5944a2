# Functions that all bats files share. Use: load ../helpers
# shellcheck shell=bash

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
SMTPD=${SMTPD:-$ROOT/smtpd}
[[ $SMTPD = /* ]] || SMTPD=$PWD/$SMTPD
export ROOT SMTPD
bats_require_minimum_version 1.5.0

# This test cannot run here. Where nobody reads what was skipped, it fails.
cannot() {
	if [ "${CI:-}" = true ]; then
		echo "cannot run, and under CI=true that is a failure: $1" >&2
		return 1
	fi
	skip "$1"
}

root_only() {
	[ "$(id -u)" -eq 0 ] || cannot "needs root"
}

need() {
	local command
	for command; do
		command -v "$command" >/dev/null || cannot "needs $command"
	done
}

# A domains directory with three mailboxes; DOMAINS is its name.
tree() {
	export DOMAINS=$BATS_TEST_TMPDIR/domains
	mkdir -p "$DOMAINS"/example.org/{alice,bob,postmaster}
}

# Started as root it stays root: the tree is the test's own.
smtpd() {
	"$SMTPD" --user="$(id -un)" --hostname=mx.example.org \
		--domains="$DOMAINS" "$@"
}

# The messages in a mailbox, a name a line: messages example.org/alice
messages() {
	local new=$DOMAINS/$1/new
	[ ! -d "$new" ] || find "$new" -type f | LC_ALL=C sort
}
