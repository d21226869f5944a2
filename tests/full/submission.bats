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
	PIDS=()
}

teardown() {
	finish_started
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
				: >"$LOG"
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
	local INITIAL
	for INITIAL in yes no; do
		for_each "PLAIN LOGIN" by_smtplib
	done
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
