#!/usr/bin/env bats
# packages: ucspi-tcp swaks curl msmtp s-nail mutt git git-email
# packages: node-nodemailer python3 libidn2-0
#
# Real clients against a real listener: what each sent is what is stored.

load ../helpers
load net

setup_file() {
	command -v tcpserver >/dev/null || return 0
	file_tree
	mkdir -p "$DOMAINS"/example.org/jürgen "$DOMAINS"/xn--bcher-kva.example/info
	compose >"$BATS_FILE_TMPDIR/message"
	sed 's/$/\r/' "$BATS_FILE_TMPDIR/message" >"$BATS_FILE_TMPDIR/message.crlf"
	sed '1,/^$/d' "$BATS_FILE_TMPDIR/message" >"$BATS_FILE_TMPDIR/body"
	listen
	SMTP=$PORT SMTP_LISTENER=$LISTENER
	listen --lmtp=yes
	export SMTP SMTP_LISTENER
	export LMTP=$PORT LMTP_LISTENER=$LISTENER
	export HOME=$BATS_FILE_TMPDIR MESSAGE=$BATS_FILE_TMPDIR/message
	export BODY=$BATS_FILE_TMPDIR/body CLIENTS=$BATS_TEST_DIRNAME/clients
}

teardown_file() {
	finish "${SMTP_LISTENER:-}"
	finish "${LMTP_LISTENER:-}"
}

setup() {
	need tcpserver python3
	cd "$BATS_TEST_TMPDIR" || return
	empty_mailboxes
}

# The same, with the empty line that swaks puts at the end.
arrived_from_swaks() {
	printf '\r\n' | cat "$MESSAGE.crlf" - >sent
	arrived_verbatim "${1:-example.org/alice}" sent
}

@test "swaks over TCP" {
	need swaks
	swaks --server "127.0.0.1:$SMTP" --from sender@example.net \
		--to alice@example.org --data "@$MESSAGE" >transcript
	arrived_from_swaks
	[[ $(trace_of "$(the_message example.org/alice)") == \
		*"([127.0.0.1])"*" with ESMTP "*"for <alice@example.org>;"* ]]
}

@test "swaks through a pipe" {
	need swaks
	swaks --pipe "$(smtpd_command | paste -sd ' ') 2>$LOG" \
		--from sender@example.net --to alice@example.org \
		--data "@$MESSAGE" >transcript
	arrived_from_swaks
}

@test "swaks pipelines, asks for help, and quits after HELO" {
	need swaks
	swaks --server "127.0.0.1:$SMTP" --pipeline --from sender@example.net \
		--to alice@example.org,bob@example.org --data "@$MESSAGE" \
		>transcript
	arrived_from_swaks
	arrived_from_swaks example.org/bob
	swaks --server "127.0.0.1:$SMTP" --protocol SMTP --quit-after HELO \
		>transcript
	grep -q '^<-  250 mx.example.org' transcript
}

@test "curl" {
	need curl
	curl -sS "smtp://127.0.0.1:$SMTP/client.example" \
		--mail-from sender@example.net --mail-rcpt alice@example.org \
		--upload-file "$MESSAGE" --crlf
	arrived_verbatim
}

@test "curl is told of an unknown user" {
	need curl
	run -55 curl -sS "smtp://127.0.0.1:$SMTP/client.example" \
		--mail-from sender@example.net --mail-rcpt nobody@example.org \
		--upload-file "$MESSAGE.crlf"
	[[ $output == *550* ]]
	run -0 curl -sS "smtp://127.0.0.1:$SMTP/client.example" \
		--mail-rcpt-allowfails --mail-from sender@example.net \
		--mail-rcpt nobody@example.org --mail-rcpt alice@example.org \
		--upload-file "$MESSAGE.crlf"
	arrived_verbatim
}

@test "curl gets HELP" {
	need curl
	run -0 curl -sS "smtp://127.0.0.1:$SMTP/client.example" \
		--request HELP
	[[ $output == *214-*BDAT* ]]
}

@test "msmtp" {
	need msmtp
	msmtp --file=/dev/null --host=127.0.0.1 --port="$SMTP" --tls=off \
		--auth=off --from=sender@example.net alice@example.org \
		<"$MESSAGE"
	arrived_verbatim
}

@test "msmtp reads what the server offers" {
	need msmtp
	run -0 msmtp --file=/dev/null --host=127.0.0.1 --port="$SMTP" \
		--tls=off --serverinfo
	[[ $output == *"SIZE 52428800"* && $output == *PIPELINING* ]]
}

@test "s-nail" {
	need s-nail
	LC_ALL=C.UTF-8 s-nail -:/ -S v15-compat -S "mta=smtp://127.0.0.1:$SMTP" \
		-S smtp-auth=none -S from=sender@example.net \
		-S hostname=client.example -S sendwait -S ttycharset=utf-8 \
		-S sendcharsets=utf-8 -s Greetings alice@example.org <"$BODY"
	arrived_decoded
}

@test "mutt sends" {
	need mutt
	printf 'set smtp_url="smtp://127.0.0.1:%s"\nset from=sender@example.net
set ssl_starttls=no\nset ssl_force_tls=no\nset copy=no\nset charset=utf-8\nset send_charset=utf-8
set hostname=client.example\nset use_envelope_from=yes\n' "$SMTP" >muttrc
	LC_ALL=C.UTF-8 TERM=dumb mutt -n -F muttrc -s Greetings \
		alice@example.org <"$BODY"
	arrived_decoded
}

@test "git send-email" {
	need git
	git send-email -h 2>&1 | grep -q smtp-server ||
		cannot "needs git send-email"
	git config --global user.name Sender
	git config --global user.email sender@example.net
	git init -q .
	printf '.\n..\nGrüße\n' >file
	git add file
	git commit -qm 'Begin lines with dots'
	git format-patch -q --root -o patch
	git send-email --quiet --confirm=never --smtp-server=127.0.0.1 \
		--smtp-server-port="$SMTP" --to=alice@example.org \
		--suppress-cc=all --8bit-encoding=UTF-8 patch/*
	rm -rf .git file
	git init -q .
	git am -q "$(the_message example.org/alice)"
	printf '.\n..\nGrüße\n' | cmp - file
}

@test "nodemailer, three messages on one connection" {
	need node
	export NODE_PATH=/usr/share/nodejs
	node -e 'require("nodemailer")' 2>/dev/null || cannot "needs nodemailer"
	node "$CLIENTS/pool.js" "$SMTP" "$MESSAGE"
	arrived_verbatim
	arrived_verbatim example.org/bob
	arrived_verbatim example.org/postmaster
}

@test "smtplib: BODY=8BITMIME and SIZE" {
	python3 "$CLIENTS/eightbit.py" "$SMTP" "$MESSAGE.crlf"
	arrived_verbatim
}

@test "smtplib: SMTPUTF8, an address and a domain beyond ASCII" {
	python3 "$CLIENTS/utf8.py" "$SMTP" "$MESSAGE.crlf"
	arrived_verbatim example.org/jürgen
	arrived_verbatim xn--bcher-kva.example/info
	grep -q 'with UTF8SMTP' "$(the_message example.org/jürgen)"
	grep -q '^Return-Path: <søren@example.net>' \
		"$(the_message example.org/jürgen)"
}

@test "smtplib: a hundred recipients and three refused" {
	local name file files
	for name in {1..100}; do
		mkdir -p "$DOMAINS/example.org/many$name"
	done
	python3 "$CLIENTS/many.py" "$SMTP" "$MESSAGE.crlf"
	mapfile -t files < <(find "$DOMAINS"/example.org/many*/new -type f)
	[ "${#files[@]}" -eq 100 ]
	for file in "${files[@]}"; do
		untraced "$file" | cmp - "$MESSAGE.crlf"
	done
	# One file in a hundred mailboxes.
	[ "$(stat -c %h "${files[0]}")" -eq 100 ]
}

@test "smtplib: everybody refused, then a message after all" {
	python3 "$CLIENTS/refused.py" "$SMTP" "$MESSAGE.crlf"
	arrived_verbatim
}

@test "BDAT from a client of a few lines" {
	python3 "$CLIENTS/chunks.py" "$SMTP" "$MESSAGE.crlf"
	arrived_verbatim
}

@test "LMTP: smtplib" {
	python3 "$CLIENTS/lmtp.py" "$LMTP" "$MESSAGE.crlf"
	arrived_verbatim
	grep -q 'with LMTP' "$(the_message example.org/alice)"
}

@test "LMTP: swaks, two recipients and a full mailbox, each its own reply" {
	need swaks
	mkdir -p "$DOMAINS/example.org/full"
	printf '1000S\n900 1\n' >"$DOMAINS/example.org/full/maildirsize"
	run -0 swaks --server "127.0.0.1:$LMTP" --protocol LMTP \
		--from sender@example.net \
		--to alice@example.org,full@example.org,bob@example.org \
		--data "@$MESSAGE"
	arrived_from_swaks
	arrived_from_swaks example.org/bob
	[ -z "$(messages example.org/full)" ]
	[ "$(grep -c '^<-  250 2.0.0 stored, id=' <<<"$output")" -eq 2 ]
	[ "$(grep -c '^<\*\* 452 4.2.2' <<<"$output")" -eq 1 ]
}
