#!/usr/bin/env bats
# packages: ucspi-tcp swaks curl msmtp s-nail mutt git git-email gsasl
# packages: node-nodemailer python3 openssl libssl3 libgsasl18 libcrypt1
# packages: dovecot-core util-linux strace fail2ban libgdbm6
# packages: libsasl2-modules libauthen-sasl-perl
#
# Submission: real clients with TLS and every mechanism they know, and what a
# user, a local program and a printer may send.

load ../helpers
load net
load submission/submission

setup_file() {
	command -v tcpserver openssl python3 >/dev/null || return 0
	file_tree
	cd "$BATS_FILE_TMPDIR" || return
	mkdir -p "$DOMAINS"/example.org/{carol,dave} "$DOMAINS"/example.com/dan
	compose | sed "s/sender@example.net/alice@example.org/" >message
	sed 's/$/\r/' message >message.crlf
	sed '1,/^$/d' message >body
	export MESSAGE=$PWD/message BODY=$PWD/body HOME=$PWD
	# Where other users come to, too.
	OPEN=$(mktemp -d /tmp/smtpd.XXXXXX)
	chmod 711 "$OPEN"
	export OPEN
	make_certificates
	make_passwords passwords
	make_settings >smtpd.conf
	export CONF=$PWD/smtpd.conf
	start_dovecot
	start_loop "$CONF" {submission,submissions,clear,any}=127.0.0.1 \
		{limited,printers,others,impatient,dovecot,full}=127.0.0.1 \
		six=::1 mapped=::ffff:127.0.0.1 local="$OPEN/local" plain=127.0.0.1
	listen -c "$CONF" --log=stderr --profile=submission
	export EXEC_STARTTLS=$PORT LISTENER_STARTTLS=$LISTENER
	listen -c "$CONF" --log=stderr --profile=submissions
	export EXEC_IMPLICIT=$PORT LISTENER_IMPLICIT=$LISTENER
}

teardown_file() {
	finish "${LISTENER_STARTTLS:-}"
	finish "${LISTENER_IMPLICIT:-}"
	finish "${LOOP:-}"
	finish "${DOVECOT:-}"
	rm -rf "${OPEN:-/nonexistent}"
}

setup() {
	need tcpserver python3 openssl
	cd "$BATS_TEST_TMPDIR" || return
	empty_mailboxes
	export PIDS=()
}

# The sandbox is on, and refuses nothing that a session does.
teardown() {
	finish_started
	fresh_log
}

# Only what comes from here on.
fresh_log() {
	run ! grep 'the sandbox refused\|was ended by signal' "$LOG"
	: >"$LOG"
}

# --- clients ---

# Run COMMAND MECHANISM for each way to speak TLS, with MODE (starttls or
# implicit) and PORT, and hold what has arrived. The accept loop gets every
# mechanism, a process of its own the first: for_each MECHANISMS COMMAND...
for_each() {
	local mechanism ports
	for mechanism in $1; do
		for MODE in ${MODES:-starttls implicit}; do
			ports=$(loop_port)
			[ "$mechanism" != "${1%% *}" ] || ports+=" $(exec_port)"
			for PORT in $ports; do
				empty_mailboxes
				fresh_log
				"$2" "$mechanism" || {
					echo "$mechanism $MODE $PORT" >&2
					return 1
				}
				submitted "$mechanism"
			done
		done
	done
}

loop_port() {
	[ "$MODE" = starttls ] && port_of submission || port_of submissions
}

exec_port() {
	[ "$MODE" = starttls ] && echo "$EXEC_STARTTLS" || echo "$EXEC_IMPLICIT"
}

# The message that alice submitted, by which means the records and the trace
# tell: submitted MECHANISM
submitted() {
	local mechanism=${1^^}
	[[ $(trace_of "$(the_message example.org/alice)") == \
		*" with ESMTPSA "*"tls TLS_"* ]]
	await_record "^auth peer=127.0.0.1 .*result=ok mechanism=$mechanism user=alice@example.org"
	await_record '^message .*user=alice@example.org .*result=stored'
	await_record '^session .*end=\(quit\|hangup\) .*tls=TLSv1.3 .*user=alice@example.org'
}

by_swaks() {
	local tls=--tls
	[ "$MODE" = starttls ] || tls=--tls-on-connect
	swaks --server "127.0.0.1:$PORT" "$tls" --auth "$1" \
		--auth-user alice@example.org --auth-password "$SECRET" \
		--from alice@example.org --to alice@example.org \
		--data "@$MESSAGE" >transcript || { cat transcript; return 1; }
	printf '\r\n' | cat "$MESSAGE.crlf" - >sent
	arrived_verbatim example.org/alice sent
}

@test "swaks: PLAIN and LOGIN" {
	need swaks
	for_each "PLAIN LOGIN" by_swaks
}

by_msmtp() {
	local starttls=on certificate=()
	[ "$MODE" = starttls ] || starttls=off
	[ "$1" != external ] || certificate=(--tls-cert-file="$HOME/alice.pem"
		--tls-key-file="$HOME/alice.key")
	msmtp --file=/dev/null --host=127.0.0.1 --port="$PORT" --tls=on \
		--tls-starttls="$starttls" --tls-trust-file="$HOME/ca.pem" \
		"${certificate[@]}" --auth="$1" --user=alice@example.org \
		--passwordeval="printf '%s' '$SECRET'" \
		--from=alice@example.org alice@example.org <"$MESSAGE"
	arrived_verbatim
}

@test "msmtp: PLAIN, LOGIN, SCRAM-SHA-1, SCRAM-SHA-256" {
	need msmtp
	for_each "plain login scram-sha-1 scram-sha-256" by_msmtp
}

@test "msmtp: EXTERNAL, by a certificate for alice" {
	need msmtp
	for_each external by_msmtp
}

by_curl() {
	local scheme=smtp
	[ "$MODE" = starttls ] || scheme=smtps
	curl -sS "$scheme://127.0.0.1:$PORT/client.example" --ssl-reqd \
		--cacert "$HOME/ca.pem" --login-options "AUTH=$1" \
		--user "alice@example.org:$SECRET" \
		--mail-from alice@example.org --mail-rcpt alice@example.org \
		--upload-file "$MESSAGE" --crlf
	arrived_verbatim
}

@test "curl: PLAIN and LOGIN" {
	need curl
	for_each "PLAIN LOGIN" by_curl
}

by_nodemailer() {
	node "$PARTS/nodemailer.js" "$MODE" "$PORT" "$1" alice@example.org \
		"$SECRET" "$MESSAGE"
	arrived_verbatim
}

by_plus() {
	node "$PARTS/plus.js" "$MODE" "$PORT" alice@example.org "$SECRET" \
		alice@example.org alice@example.org "$MESSAGE"
	arrived_verbatim
}

need_nodemailer() {
	need node
	export NODE_PATH=/usr/share/nodejs
	node -e 'require("nodemailer")' 2>/dev/null || cannot "needs nodemailer"
}

@test "nodemailer: PLAIN and LOGIN" {
	need_nodemailer
	for_each "PLAIN LOGIN" by_nodemailer
}

@test "nodemailer with an exchange of its own: SCRAM-SHA-256-PLUS" {
	need_nodemailer
	for_each SCRAM-SHA-256-PLUS by_plus
}

by_smtplib() {
	python3 "$PARTS/login.py" "$MODE" "$PORT" "$1" alice@example.org \
		"$SECRET" "$HOME/ca.pem" "$MESSAGE.crlf" "$INITIAL"
	arrived_verbatim
}

@test "smtplib: PLAIN and LOGIN, with and without an initial response" {
	INITIAL=yes for_each "PLAIN LOGIN" by_smtplib
	INITIAL=no MODES=implicit for_each "PLAIN LOGIN" by_smtplib
}

# gsasl says STARTTLS before EHLO. It reads what to say after AUTH from a pipe,
# and waits for the next line even where it has buffered it.
by_gsasl() {
	local options=() fd pid
	case $1 in
	EXTERNAL) options=(--authorization-id= --x509-cert-file="$HOME/alice.pem"
		--x509-key-file="$HOME/alice.key") ;;
	SCRAM-*-PLUS) ;;
	SCRAM-*) options=(--no-cb) ;; # it would insist on -PLUS
	esac
	rm -f pipe
	mkfifo pipe
	stdbuf -i0 gsasl --smtp --starttls --x509-ca-file="$HOME/ca.pem" \
		--connect="127.0.0.1:$PORT" --hostname=mx.example.org \
		"${options[@]}" --mechanism="$1" \
		--authentication-id=alice@example.org --password="$SECRET" \
		<pipe >transcript 2>&1 3>&- &
	pid=$!
	exec {fd}>pipe
	printf '%s\n' 'MAIL FROM:<alice@example.org>' \
		'RCPT TO:<alice@example.org>' DATA >&"$fd"
	if await grep -q ^354 transcript; then
		{ sed 's/^\./../' "$MESSAGE" && echo .; } >&"$fd"
		await grep -q '^250 2.0.0 stored' transcript || true
	fi
	exec {fd}>&-
	wait "$pid" || { cat transcript; return 1; }
	arrived_verbatim
}

@test "gsasl: every mechanism, -PLUS by tls-exporter among them" {
	need gsasl
	MODES=starttls for_each "SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS \
		SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN EXTERNAL" by_gsasl
}

by_s_nail() {
	local url=submissions
	[ "$MODE" = implicit ] || url=smtp
	LC_ALL=C.UTF-8 s-nail -:/ -S v15-compat \
		-S "mta=$url://localhost:$PORT" -S "smtp-auth=${1,,}" \
		-S smtp-use-starttls -S user=alice@example.org \
		-S "password=$SECRET" -S tls-ca-file="$HOME/ca.pem" \
		-S tls-verify=strict -S from=alice@example.org \
		-S hostname=client.example -S sendwait -S ttycharset=utf-8 \
		-S sendcharsets=utf-8 -s Greetings alice@example.org <"$BODY"
	arrived_decoded
}

@test "s-nail: PLAIN and LOGIN" {
	need s-nail
	for_each "PLAIN LOGIN" by_s_nail
}

by_mutt() {
	local url=smtps
	[ "$MODE" = implicit ] || url=smtp
	printf 'set smtp_url="%s://alice@example.org@127.0.0.1:%s"
set smtp_pass="%s"\nset smtp_authenticators="%s"
set ssl_starttls=yes\nset ssl_force_tls=yes\nset certificate_file="%s"
set ssl_usesystemcerts=no\nset ssl_verify_host=no\nset ssl_verify_dates=no
set from=alice@example.org\nset copy=no\nset charset=utf-8
set send_charset=utf-8\nset hostname=client.example
set use_envelope_from=yes\n' "$url" "$PORT" \
		"$(sed 's/[\\"]/\\&/g' <<<"$SECRET")" "${1,,}" \
		"$HOME/ca.pem" >muttrc
	LC_ALL=C.UTF-8 TERM=dumb mutt -n -F muttrc -s Greetings \
		alice@example.org <"$BODY"
	arrived_decoded
}

@test "mutt: PLAIN and LOGIN" {
	need mutt
	for_each "PLAIN LOGIN" by_mutt
}

by_git() {
	local encryption=ssl
	[ "$MODE" = implicit ] || encryption=tls
	git send-email --quiet --confirm=never --smtp-server=127.0.0.1 \
		--smtp-server-port="$PORT" --smtp-encryption="$encryption" \
		--smtp-user=alice@example.org --smtp-pass="$SECRET" \
		--smtp-auth="$1" --smtp-ssl-cert-path="$HOME/ca.pem" \
		--to=alice@example.org --suppress-cc=all \
		--8bit-encoding=UTF-8 patch/*
	mkdir again
	git -C again init -q
	git -C again am -q "$(the_message example.org/alice)"
	printf '.\n..\nGrüße\n' | cmp - again/file
	rm -rf again
}

@test "git send-email: PLAIN and LOGIN" {
	need git
	git send-email -h 2>&1 | grep -q smtp-server ||
		cannot "needs git send-email"
	git config --global user.name Alice
	git config --global user.email alice@example.org
	git init -q .
	printf '.\n..\nGrüße\n' >file
	git add file
	git commit -qm 'Begin lines with dots'
	git format-patch -q --root -o patch
	for_each "PLAIN LOGIN" by_git
}

@test "a real client is told that a password is wrong, and of a certificate" {
	local port
	need curl msmtp
	port=$(port_of submissions)
	run -67 curl -sS "smtps://127.0.0.1:$port/client.example" \
		--cacert "$HOME/ca.pem" --user alice@example.org:wrong \
		--mail-from alice@example.org --mail-rcpt alice@example.org \
		--upload-file "$MESSAGE"
	[[ $output == *"Login denied"* ]]
	# EXTERNAL without a certificate of ours is not offered.
	run ! msmtp --file=/dev/null --host=127.0.0.1 --port="$port" --tls=on \
		--tls-starttls=off --tls-trust-file="$HOME/ca.pem" \
		--auth=external --from=alice@example.org alice@example.org \
		<"$MESSAGE"
	[[ $output == *EXTERNAL* ]]
	[ -z "$(messages example.org/alice)" ]
}

# --- Dovecot ---

@test "Dovecot as back end: every mechanism that it has" {
	local mechanism port
	[ -n "${DOVECOT:-}" ] || cannot "needs dovecot, and root"
	need gsasl msmtp
	port=$(port_of dovecot)
	for mechanism in SCRAM-SHA-256 SCRAM-SHA-1 PLAIN LOGIN; do
		empty_mailboxes
		MODE=starttls PORT=$port by_gsasl "$mechanism"
		submitted "$mechanism"
	done
	MODE=starttls PORT=$port
	empty_mailboxes
	by_msmtp scram-sha-256
	say --starttls dovecot <<-END | codes >said
		EHLO client.example
		AUTH PLAIN $(plain alice@example.org wrong)
		AUTH PLAIN $(plain nobody@example.org)
		MAIL FROM:<alice@example.org>
		QUIT
	END
	[ "$(cat said)" = "250,535 5.7.8,535 5.7.8,530 5.7.0,221 2.0.0" ]
	await_record '^auth .*result=failed mechanism=PLAIN user=alice@example.org'
}

@test "Dovecot that is gone: 454 and a record, and it may come again" {
	[ -n "${DOVECOT:-}" ] || cannot "needs dovecot, and root"
	mv "$OPEN/auth" "$OPEN/away"
	say --starttls dovecot <<-END | codes >said
		EHLO client.example
		AUTH PLAIN $(plain alice@example.org)
		QUIT
	END
	mv "$OPEN/away" "$OPEN/auth"
	[ "$(cat said)" = "250,454 4.7.0,221 2.0.0" ]
	await_record "^problem .*$OPEN/auth"
	say --starttls dovecot <<-END | codes >said
		EHLO client.example
		AUTH PLAIN $(plain alice@example.org)
		QUIT
	END
	[ "$(cat said)" = "250,235 2.7.0,221 2.0.0" ]
}

# --- the rules of submission ---

@test "TLS first, then AUTH, then mail" {
	run -0 say submission < <(printf '%s\n' 'EHLO client.example' \
		'AUTH PLAIN =' 'MAIL FROM:<alice@example.org>' 'RCPT TO:<x>' \
		NOOP QUIT)
	[ "$(codes <<<"$output")" = "220,250,538 5.7.11,530 5.7.0,503 5.5.1,250 2.0.0,221 2.0.0" ]
	[[ $output != *AUTH\ * ]]
	run -0 say --starttls submission < <(printf '%s\n' \
		'MAIL FROM:<alice@example.org>' 'EHLO client.example' \
		'MAIL FROM:<alice@example.org>' 'RCPT TO:<alice@example.org>' \
		DATA 'VRFY alice@example.org' QUIT)
	[ "$(codes <<<"$output")" = "503 5.5.1,250,530 5.7.0,503 5.5.1,503 5.5.1,530 5.7.0,221 2.0.0" ]
	[[ $output == *"AUTH SCRAM-SHA-256-PLUS "* && $output != *EXTERNAL* ]]
	run -0 say --implicit --certificate="$HOME/alice.both" submissions \
		<<<$'EHLO client.example\nQUIT'
	[[ $output == *" EXTERNAL"* ]]
}

@test "EXTERNAL is for whom the certificate names, and for nobody else" {
	local external
	external=$(printf alice@example.org | base64)
	run -0 say --implicit --certificate="$HOME/eve.both" submissions < <(
		printf '%s\n' 'EHLO client.example' "AUTH EXTERNAL $external" \
		'AUTH EXTERNAL =' 'MAIL FROM:<alice@example.org>' QUIT)
	[ "$(codes <<<"$output")" = "220,250,535 5.7.8,235 2.7.0,550 5.7.1,221 2.0.0" ]
	await_record 'auth .*result=ok mechanism=EXTERNAL user=eve@example.net'
}

# whose REVERSE-PATH...: what alice may use, a reply code each
whose() {
	local path
	for path; do
		printf 'MAIL FROM:<%s>\nRSET\n' "$path"
	done | logged_in "${LISTENER_NAME:-clear}" alice@example.org |
		sed 's/,250 2.0.0//g'
}

@test "whose a reverse-path is" {
	echo alice >"$DOMAINS/example.org/info"
	printf 'alice\nbob\n' >"$DOMAINS/example.org/team"
	echo bob >"$DOMAINS/example.org/bobs"
	ln -sfn example.org "$DOMAINS/example.net"
	mkdir -p "$DOMAINS/caught.example"
	echo alice@example.org >"$DOMAINS/caught.example/@"
	[ "$(whose alice@example.org ALICE@Example.ORG alice+tag@example.org \
		'"alice"@example.org' info@example.org info+x@example.org \
		team@example.org alice@example.net any@caught.example '' |
		sed 's/,250 2.1.0//g')" = "250 2.1.0" ]
	[ "$(whose bob@example.org | tail -c 10)" = "550 5.7.1" ]
	run -0 whose bob@example.org bob+alice@example.org bobs@example.org \
		alice@remote.example nobody@example.org alice@example.com
	[ "${output//,550 5.7.1/}" = "550 5.7.1" ]
	await_record 'reject .*user=alice@example.org .*address=<bobs@example.org> .*550 5.7.1'
	# The null reverse-path is nobody's notification: RFC 6409 lets it.
	LISTENER_NAME=any run -0 whose bob@example.org alice@remote.example
	[ "$output" = "250 2.1.0,250 2.1.0" ]
	rm -r "$DOMAINS"/{caught.example,example.net}
	rm "$DOMAINS"/example.org/{info,team,bobs}
}

# What was sent but for the fields that were added; their number.
same_but_added() {
	python3 - "$(the_message example.org/alice)" "$1" <<-'END'
		import re, sys
		got, sent = (open(name, 'rb').read() for name in sys.argv[1:])
		got = re.sub(rb'^(Return-Path: .*\r\n|Received: .*\r\n(\t.*\r\n)+)+',
		             b'', got, count=1)
		end = sent.index(b'\r\n\r\n') + 2
		added = got[end:len(got) - (len(sent) - end)]
		assert got[:end] == sent[:end] and got.endswith(sent[end:]), got
		print(added.decode().replace('\r\n', '\n'), end='')
	END
}

@test "what a message lacks is added, and no other octet is touched" {
	local sent
	for sent in 'From: alice@example.org' \
		$'from : Alice\r\n <alice@example.org>\r\nX-y: \xff\t \r\n\tb '; do
		empty_mailboxes
		printf '%s\r\nSubject: x\r\n\r\n.\r\n..\r\nDate: no\r\n\0\xfe\r\n' \
			"$sent" >sent
		python3 - "$(port_of clear)" "$SECRET" <<-'END'
			import smtplib, sys
			with smtplib.SMTP('127.0.0.1', int(sys.argv[1])) as client:
			    client.login('alice@example.org', sys.argv[2])
			    client.sendmail('alice@example.org',
			        ['alice@example.org'], open('sent', 'rb').read())
		END
		run -0 same_but_added sent
		[ "$(cut -d: -f1 <<<"$output" | sort | paste -sd ' ')" = "Date Message-ID" ]
		grep -Eq '^Date: [A-Z][a-z]{2}, [0-9]+ [A-Z][a-z]{2} 20[0-9]{2} [0-9:]{8} [-+][0-9]{4}$' <<<"$output"
		[[ $(the_message example.org/alice) == *".$(
			sed -n 's/^Message-ID: <\(.*\)@mx.example.org>$/\1/p' \
			<<<"$output")."* ]]
	done
}

@test "a lone local-part in From, To and Sender gets the user's domain" {
	logged_in clear alice@example.org <<-'END'
		MAIL FROM:<alice@example.org>
		RCPT TO:<alice@example.org>
		DATA
		From: Alice <alice>, bob
		Sender: root
		To: undisclosed:;
		Cc: (a) "b c" <d>
		Subject: From: alice
		Date: Sat, 1 Feb 2025 10:00:00 +0100
		Message-ID: <1@example.org>

		From: alice
		.
	END
	untraced "$(the_message example.org/alice)" | tr -d '\r' | diff - <(cat <<-'END'
		From: Alice <alice@example.org>, bob@example.org
		Sender: root@example.org
		To: undisclosed:;
		Cc: (a) "b c" <d@example.org>
		Subject: From: alice
		Date: Sat, 1 Feb 2025 10:00:00 +0100
		Message-ID: <1@example.org>

		From: alice
	END
	)
}

@test "by setting Received says nothing of the client" {
	transaction alice@example.org alice@example.org |
		logged_in any alice@example.org
	run -0 trace_of "$(the_message example.org/alice)"
	[[ $output == *"from unknown"*"by mx.example.org with ESMTPA id "* ]]
	[[ $output != *127.0.0.1* && $output != *client.example* ]]
	# The records know.
	await_record 'message peer=127.0.0.1 helo=client.example .*user=alice'
}

@test "recipients elsewhere are refused until there is a queue" {
	run -0 logged_in clear alice@example.org < <(
		transaction alice@example.org eve@remote.example bob@example.org \
			eve@elsewhere.example nobody@example.org)
	[ "$output" = "250 2.1.0,550 5.7.1,250 2.1.5,550 5.7.1,550 5.1.1,354,250 2.0.0" ]
	grep -q '550 5.7.1 .*queue' said
	the_message example.org/bob
}

# --- limits of a user ---

fresh_rates() {
	rm -rf "$HOME/rates"
	mkdir -m 700 "$HOME/rates"
}

@test "messages and recipients in an hour, over sessions and processes" {
	local other
	fresh_rates
	run -0 logged_in limited alice@example.org < <(
		transaction alice@example.org alice@example.org
		transaction alice@example.org alice@example.org)
	[ "$output" = "250 2.1.0,250 2.1.5,354,250 2.0.0,250 2.1.0,250 2.1.5,354,250 2.0.0" ]
	# A process of its own counts with the loop.
	listen -c "$CONF" --log=stderr --profile=limited
	other=$LISTENER
	run -0 python3 "$PARTS/say.py" 127.0.0.1 "$PORT" < <(
		echo EHLO client.example
		echo "AUTH PLAIN $(plain alice@example.org)"
		transaction alice@example.org alice@example.org
		transaction alice@example.org {alice,bob,carol,dave}@example.org
		echo QUIT)
	finish "$other"
	[ "$(codes <<<"$output")" = "220,250,235 2.7.0,250 2.1.0,250 2.1.5,354,250 2.0.0,250 2.1.0,250 2.1.5,250 2.1.5,250 2.1.5,452 4.5.3,354,250 2.0.0,221 2.0.0" ]
	run -0 logged_in limited alice@example.org < <(
		transaction alice@example.org alice@example.org)
	[[ $output == "450 4.7.1,503 5.5.1,"* ]]
	await_record 'reject .*user=alice@example.org .*450 4.7.1'
	# Others have limits of their own.
	run -0 logged_in limited bob@example.org < <(
		transaction bob@example.org alice@example.org)
	[ "$output" = "250 2.1.0,250 2.1.5,354,250 2.0.0" ]
}

@test "limits hold over clients at once, and not one message more" {
	fresh_rates
	run -0 python3 "$PARTS/crowd.py" "$(port_of limited)" 24 \
		alice@example.org "$SECRET"
	[ "$output" = "250: 4, 450: 20" ]
	[ "$(messages example.org/alice | wc -l)" -eq 4 ]
}

@test "no directory for the limits: 451, a record, and nothing is lost" {
	run -0 logged_in full alice@example.org < <(
		printf '%s\n' 'MAIL FROM:<alice@example.org>' \
			'RCPT TO:<alice@example.org>')
	[ "$output" = "451 4.3.0,503 5.5.1" ]
	await_record '^problem .*absent/rates'
	# As soon as it is there it goes on.
	mkdir -p "$HOME/absent"
	run -0 logged_in full alice@example.org < <(
		transaction alice@example.org alice@example.org)
	rm -r "$HOME/absent"
	[ "$output" = "250 2.1.0,250 2.1.5,354,250 2.0.0" ]
}

# --- printers: networks ---

@test "who is of a network reaches its recipients without AUTH, and no others" {
	run -0 say printers < <(echo 'EHLO printer'
		transaction scanner@example.org bob@example.org \
			dan@example.com alice@example.org eve@remote.example
		echo QUIT)
	[ "$(codes <<<"$output")" = "220,250,250 2.1.0,250 2.1.5,250 2.1.5,550 5.7.1,550 5.7.1,354,250 2.0.0,221 2.0.0" ]
	[[ $(trace_of "$(the_message example.org/bob)") == *" with ESMTP id "* ]]
	grep -q '^Message-ID: ' "$(the_message example.com/dan)"
	# Who logs in there is a user as any other.
	run -0 logged_in printers alice@example.org < <(
		transaction bob@example.org alice@example.org
		transaction alice@example.org alice@example.org)
	[[ $output == "550 5.7.1,503"*"250 2.1.0,250 2.1.5,354,250 2.0.0" ]]
	run -0 say others < <(echo 'EHLO printer'
		echo 'MAIL FROM:<scanner@example.org>')
	[ "$(codes <<<"$output")" = "220,250,530 5.7.0" ]
}

@test "networks of IPv6, and IPv4 that is mapped into it" {
	run -0 python3 "$PARTS/say.py" ::1 "$(port_of six)" < <(
		echo 'EHLO printer'
		transaction scanner@example.org alice@example.org bob@example.org)
	[ "$(codes <<<"$output")" = "220,250,250 2.1.0,550 5.7.1,250 2.1.5,354,250 2.0.0" ]
	run -0 say mapped < <(echo 'EHLO printer'
		transaction scanner@example.org alice@example.org bob@example.org)
	[ "$(codes <<<"$output")" = "220,250,250 2.1.0,550 5.7.1,250 2.1.5,354,250 2.0.0" ]
}

# --- local programs ---

# As a user id, at the socket of local programs: local_say UID <LINES
local_say() {
	python3 "$PARTS/say.py" --uid="$1" "$OPEN/local"
}

@test "local programs are who their user id says, and root is anybody" {
	local id name
	root_only
	# The first user of the system that is no number alone.
	IFS=: read -r name _ id _ < <(getent passwd nobody)
	mkdir -p "$DOMAINS/mx.example.org/$name" "$DOMAINS/mx.example.org/uid-54321"
	run -0 local_say "$id" < <(echo 'EHLO cron'
		transaction "$name@mx.example.org" alice@example.org
		transaction alice@example.org alice@example.org | head -n 1
		echo QUIT)
	[ "$(codes <<<"$output")" = "220,250,250 2.1.0,250 2.1.5,354,250 2.0.0,550 5.7.1,221 2.0.0" ]
	[[ $(trace_of "$(the_message example.org/alice)") == \
		*"from cron (uid $id)"*" with ESMTP id "* ]]
	await_record "^message peer=\"uid $id\" .*user=$name .*result=stored"
	await_record "^reject peer=\"uid $id\" .*user=$name .*550 5.7.1"
	# Without a name in /etc/passwd.
	run -0 local_say 54321 < <(echo 'EHLO cron'
		transaction uid-54321@mx.example.org bob@example.org
		echo "MAIL FROM:<$name@mx.example.org>")
	[ "$(codes <<<"$output")" = "220,250,250 2.1.0,250 2.1.5,354,250 2.0.0,550 5.7.1" ]
	[[ $(trace_of "$(the_message example.org/bob)") == *"(uid 54321)"* ]]
	await_record '^message .*user=uid-54321'
	run -0 local_say 0 < <(echo 'EHLO cron'
		transaction anybody@remote.example carol@example.org)
	[ "$(codes <<<"$output")" = "220,250,250 2.1.0,250 2.1.5,354,250 2.0.0" ]
	# AUTH makes a user of a program that is none.
	empty_mailboxes
	run -0 local_say "$id" < <(echo 'EHLO cron'
		echo "AUTH PLAIN $(plain alice@example.org)"
		transaction alice@example.org alice@example.org
		transaction "$name@mx.example.org" alice@example.org | head -n 1)
	[ "$(codes <<<"$output")" = "220,250,235 2.7.0,250 2.1.0,250 2.1.5,354,250 2.0.0,550 5.7.1" ]
	[[ $(trace_of "$(the_message example.org/alice)") == *" with ESMTPA id "* ]]
	# No TLS over a path, be it required or not.
	run -0 local_say "$id" <<<$'EHLO cron\nSTARTTLS'
	[[ $output != *250-STARTTLS* && $output == *$'\n502 '* ]]
}

@test "swaks and msmtp as local programs" {
	need swaks msmtp
	msmtp --file=/dev/null --host=localhost --socket="$OPEN/local" \
		--tls=off --auth=off --from=alice@example.org \
		alice@example.org <"$MESSAGE"
	arrived_verbatim
	empty_mailboxes
	swaks --socket "$OPEN/local" --from alice@example.org \
		--to alice@example.org --data "@$MESSAGE" >transcript
	printf '\r\n' | cat "$MESSAGE.crlf" - >sent
	arrived_verbatim example.org/alice sent
}

# --- records and secrets ---

@test "the filter for fail2ban finds whoever failed, and nobody else" {
	need fail2ban-regex
	fresh_log
	say clear <<-END >said
		EHLO client.example
		AUTH PLAIN $(plain alice@example.org wrong)
		AUTH PLAIN $(plain 'peer=192.0.2.9 result=failed' wrong)
		AUTH LOGIN
		*
		AUTH PLAIN AAAA
		AUTH PLAIN $(plain alice@example.org)
		QUIT
	END
	say --implicit submissions <<-END >>said
		EHLO auth_peer=192.0.2.9_result=failed
		AUTH PLAIN $(plain alice@example.org wrong)
		AUTH PLAIN $(plain 'bob" result=failed peer=192.0.2.9' wrong)
		AUTH PLAIN $(plain "$(printf 'x\nauth peer=192.0.2.9 result=failed')")
		QUIT
	END
	await_record '^session .*tls='
	[ "$(grep -c '^auth .*result=failed' "$LOG")" -eq 5 ]
	# As a syslog writes them.
	sed 's/^/Nov 22 10:00:00 host smtpd[123]: /' "$LOG" >syslog
	run -0 fail2ban-regex --raw -o ip syslog "$ROOT/systemd/smtpd.fail2ban"
	[ "$(sort <<<"$output" | uniq -c | tr -s ' ')" = " 5 127.0.0.1" ]
}

@test "an exchange in which nobody failed is no failure" {
	fresh_log
	say clear <<-END | codes >said
		EHLO client.example
		AUTH LOGIN
		*
		AUTH PLAIN AAAA
		AUTH CRAM-MD5
		AUTH PLAIN $(plain alice@example.org)
		QUIT
	END
	[ "$(cat said)" = "220,250,334,501 5.7.0,501 5.5.2,504 5.5.4,235 2.7.0,221 2.0.0" ]
	await_record '^session .*user=alice@example.org'
	[ "$(sed -nE 's/^auth .*result=([a-z]+) .*/\1/p' "$LOG" | paste -sd ' ')" = \
		"cancelled malformed malformed ok" ]
}

@test "a password is nowhere: no record, no title, no memory of the process" {
	local mode word=tell-nobody,of-69-lines-in-the-book-about-13-xylophones-and-1-quay
	root_only
	hashed secret@example.org scram-sha-256 "$word" >>"$HOME/passwords"
	hashed secret@example.org yescrypt "$word" >>"$HOME/passwords"
	fresh_log
	for mode in clear "--implicit submissions"; do
		# shellcheck disable=SC2086 # one or two words
		tells_nobody "$word" $mode
	done
	sed -i /^secret@/d "$HOME/passwords"
}

# A session that has used a password, and waits: tells_nobody WORD SAY-ARGS...
tells_nobody() {
	local word=$1 place fd pid
	shift
	rm -f in
	mkfifo in
	say "$@" <in >out 3>&- &
	exec {fd}>in
	printf '%s\n' 'EHLO client.example' \
		"AUTH PLAIN $(plain nobody@example.org "$word")" 'AUTH LOGIN' \
		"$(printf secret@example.org | base64)" \
		"$(printf '%s' "$word" | base64 -w0)" NOOP >&"$fd"
	await grep -q '^250 2.0.0' out
	grep -q ^535 out
	grep -q ^235 out
	pid=$(pgrep -P "$LOOP")
	tr '\0' ' ' <"/proc/$pid/cmdline" >title
	cat "/proc/$pid/environ" >environ
	# What a core dump would hold, whoever could make one.
	memory_of "$pid" >memory
	[ "$(stat -c %s memory)" -gt 100000 ]
	# That it looks in the right place.
	grep -aqF secret@example.org memory
	for place in title environ "$LOG" memory; do
		echo "$* $place"
		tells_of "$place" "$word" "$(printf '%s' "$word" | base64 -w0)" \
			"$(plain nobody@example.org "$word" | cut -c 28-)"
	done
	exec {fd}>&-
	wait "$!"
}

# Fails where a file has 16 octets of one of some texts: tells_of FILE TEXT...
tells_of() {
	python3 - "$@" <<-'END'
		import sys
		with open(sys.argv[1], 'rb') as file:
		    data = file.read()
		found = {text[i:i + 16] for text in sys.argv[2:]
		         for i in range(len(text) - 15)
		         if text[i:i + 16].encode() in data}
		sys.exit(f'{sys.argv[1]} has {sorted(found)}' if found else 0)
	END
}

# All that a process can write to, as root reads it.
memory_of() {
	python3 - "$1" <<-'END'
		import re, sys
		out = sys.stdout.buffer
		with open(f'/proc/{sys.argv[1]}/maps') as maps, \
		        open(f'/proc/{sys.argv[1]}/mem', 'rb', 0) as mem:
		    for line in maps:
		        match = re.match(r'([0-9a-f]+)-([0-9a-f]+) rw', line)
		        if match:
		            start, end = (int(part, 16) for part in match.groups())
		            mem.seek(start)
		            try:
		                out.write(mem.read(end - start))
		            except OSError:
		                pass        # [vvar]
	END
}

# --- the password file ---

# What AUTH PLAIN comes to: verdict_of LISTENER USER [PASSWORD]
verdict_of() {
	say "$1" <<-END | codes | cut -d , -f 3
		EHLO client.example
		AUTH PLAIN $(plain "$2" "${3:-$SECRET}")
		QUIT
	END
}

@test "every kind of hash, and a password beyond ASCII" {
	local user
	for user in alice bob carol; do
		[ "$(verdict_of clear "$user@example.org")" = "235 2.7.0" ]
		[ "$(verdict_of clear "$user@example.org" "$SECRET ")" = "535 5.7.8" ]
	done
	[ "$(verdict_of clear dave@example.org pässwörd)" = "235 2.7.0" ]
	# As another keyboard writes it: RFC 4013.
	[ "$(verdict_of clear dave@example.org "$(printf 'pa\u0308sswo\u0308rd')")" = "235 2.7.0" ]
	[ "$(verdict_of clear ALICE@Example.Org)" = "235 2.7.0" ]
}

@test "an unknown user and a wrong password hear the same" {
	local user
	for user in alice bob carol dave nobody; do
		say clear <<-END >"$user"
			EHLO client.example
			AUTH PLAIN $(plain "$user@example.org" wrong)
			AUTH LOGIN
			$(printf '%s@example.org' "$user" | base64)
			$(printf wrong | base64)
			QUIT
		END
		diff alice "$user"
	done
	grep -q ^535 alice
}

@test "a changed password file counts at once, also one that was replaced" {
	cp -p "$HOME/passwords" saved
	hashed new@example.org sha512 >>"$HOME/passwords"
	[ "$(verdict_of clear new@example.org)" = "235 2.7.0" ]
	grep -v ^new@ "$HOME/passwords" | grep -v ^bob@ >"$HOME/passwords.new"
	chmod 600 "$HOME/passwords.new"
	mv "$HOME/passwords.new" "$HOME/passwords"
	[ "$(verdict_of clear new@example.org)" = "535 5.7.8" ]
	[ "$(verdict_of clear bob@example.org)" = "535 5.7.8" ]
	[ "$(verdict_of clear alice@example.org)" = "235 2.7.0" ]
	mv saved "$HOME/passwords"
	[ "$(verdict_of clear bob@example.org)" = "235 2.7.0" ]
}

@test "a password file that is gone, or that others may read: 454 and a record" {
	fresh_log
	chmod 644 "$HOME/passwords"
	[ "$(verdict_of clear alice@example.org)" = "454 4.7.0" ]
	await_record '^problem .*passwords: others may read it'
	[ "$(verdict_of clear nobody@example.org)" = "454 4.7.0" ]
	chmod 600 "$HOME/passwords"
	mv "$HOME/passwords" "$HOME/away"
	[ "$(verdict_of clear alice@example.org)" = "454 4.7.0" ]
	await_record '^problem .*passwords: No such file'
	mv "$HOME/away" "$HOME/passwords"
	[ "$(verdict_of clear alice@example.org)" = "235 2.7.0" ]
	run ! grep -q 'result=failed' "$LOG"
}

@test "a line of the password file that is none lets nobody in, others count" {
	cp -p "$HOME/passwords" saved
	printf 'eve@example.org:secret\nnonsense\n' >>"$HOME/passwords"
	fresh_log
	[ "$(verdict_of clear eve@example.org secret)" = "535 5.7.8" ]
	[ "$(verdict_of clear alice@example.org)" = "235 2.7.0" ]
	await_record '^problem .*passwords'
	run ! grep -q 'secret\|nonsense' "$LOG"
	mv saved "$HOME/passwords"
}

# --- waits, crowds, and clients that go away ---

@test "after a failed AUTH a wait, after the next one more" {
	need strace
	strace -f -o calls -e trace=poll,write "$SMTPD" --user="$(id -un)" \
		--hostname=mx.example.org --domains="$DOMAINS" -c "$CONF" \
		--profile=slow --sandbox=auto --log=stderr >said 2>>"$LOG" < <(
		printf '%s\r\n' 'EHLO client.example' \
			"AUTH PLAIN $(plain alice@example.org 1)" \
			"AUTH PLAIN $(plain nobody@example.org 2)" NOOP QUIT)
	[ "$(codes <said)" = "220,250,535 5.7.8,535 5.7.8,250 2.0.0,221 2.0.0" ]
	# How often a second went by before each of the two records of AUTH and
	# the end.
	run -0 awk '/write\(2, "auth/ { if (n++) printf "%s ", waits; waits = 0 }
		/poll\(NULL, 0, 1000\)/ { waits++ } END { print waits }' calls
	[[ $output =~ ^([0-9]+)\ ([0-9]+)$ ]]
	[ "${BASH_REMATCH[1]}" -ge 1 ]
	[ "${BASH_REMATCH[2]}" -gt "${BASH_REMATCH[1]}" ]
}

@test "a hundred clients at once log in and send" {
	run -0 python3 "$PARTS/crowd.py" "$(port_of plain)" 100 \
		dave@example.org pässwörd
	[ "$output" = "250: 100" ]
	[ "$(messages example.org/dave | wc -l)" -eq 100 ]
}

@test "a client that falls silent in an exchange is told so, and ended" {
	fresh_log
	mkfifo in
	say impatient <in >out 3>&- &
	exec {fd}>in
	printf 'EHLO client.example\nAUTH LOGIN\n' >&"$fd"
	await_record '^session .*end=idle'
	await_record '^auth .*result=cancelled mechanism=LOGIN'
	printf '%s\n' c2VjcmV0 >&"$fd"
	exec {fd}>&-
	wait "$!"
	[ "$(codes <out)" = "220,250,334,421 4.4.2" ]
}

@test "a client that goes away at any step of AUTH leaves nothing behind" {
	local step lines
	fresh_log
	lines=('EHLO client.example' 'AUTH LOGIN'
		"$(printf alice@example.org | base64)"
		"$(printf '%s' "$SECRET" | base64)")
	for step in 1 2 3 4; do
		printf '%s\n' "${lines[@]:0:step}" '\eof' | say clear >/dev/null
		printf '%s\n' "${lines[@]:0:step}" '\eof' |
			say --implicit submissions >/dev/null
	done
	await has_sessions 8
	await no_children
	[ "$(grep -c '^auth .*result=cancelled' "$LOG")" -eq 4 ]
	[ "$(grep -c '^auth .*result=ok' "$LOG")" -eq 2 ]
	run ! grep -q ^problem "$LOG"
	[ "$(verdict_of clear alice@example.org)" = "235 2.7.0" ]
}

has_sessions() {
	[ "$(grep -c '^session ' "$LOG")" -eq "$1" ]
}

no_children() {
	[ -z "$(pgrep -P "$LOOP")" ]
}
