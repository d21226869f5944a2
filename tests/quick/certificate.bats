#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# The certificate that an installation begins with.
# packages: openssl

load ../helpers

setup() {
	need openssl
	directory=$BATS_TEST_TMPDIR/certificates
}

first() {
	"$ROOT/systemd/first-certificate" "$directory" "$@"
}

@test "one is made, and smtpd --check has nothing against it" {
	first mx.example.org
	[ "$(ls -A "$directory")" = mx.example.org ]
	[ "$(stat -c %a "$directory/mx.example.org/fullchain.pem")" = 644 ]
	[[ $(stat -c %a "$directory/mx.example.org/privkey.pem") = 6[04]0 ]]
	openssl x509 -in "$directory/mx.example.org/fullchain.pem" -noout \
	    -checkhost mx.example.org | grep 'does match'
	openssl x509 -in "$directory/mx.example.org/fullchain.pem" -noout \
	    -checkend $((9 * 365 * 24 * 3600))
	run "$SMTPD" --user="$(id -un)" --check --hostname=mx.example.org \
	    --certificates="$directory" --domains="$BATS_TEST_TMPDIR"
	[[ $output != *"built without TLS"* ]] || cannot "smtpd has no TLS"
	[[ $output = *"mx.example.org: self-signed"* ]]
	[[ $output = *"mx.example.org: valid until"* ]]
	[[ $output != *"mx.example.org"*"renew"* ]]
}

@test "one that is there is left alone" {
	mkdir -p "$directory/other.example"
	touch "$directory/other.example/fullchain.pem"
	first mx.example.org
	[ "$(ls -A "$directory")" = other.example ]
}

@test "a long name, and names that are none" {
	local long name

	long=$(printf 'a%.0s' {1..60}).$(printf 'b%.0s' {1..60}).example
	first "$long"
	openssl x509 -in "$directory/$long/fullchain.pem" -noout \
	    -checkhost "$long" | grep 'does match'
	directory+=.none
	for name in ../x . -x 'a b' 'a/b' $'a\nb'; do
		run -64 first "$name"
		[[ $output = *"is no host name"* ]]
	done
	[ ! -e "$directory" ]
}

@test "where it cannot be made nothing is left behind" {
	mkdir "$BATS_TEST_TMPDIR/bin"
	printf '#!/bin/sh\necho "no key for you" >&2\nexit 1\n' \
		>"$BATS_TEST_TMPDIR/bin/openssl"
	chmod +x "$BATS_TEST_TMPDIR/bin/openssl"
	PATH=$BATS_TEST_TMPDIR/bin:$PATH run -1 first mx.example.org
	[[ $output = *"no key for you"* ]]
	[ -z "$(ls -A "$directory")" ]
}
