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
	make_certificates
	make_passwords passwords
	make_settings >smtpd.conf
	export CONF=$PWD/smtpd.conf
	start_loop "$CONF" {submission,submissions,clear,any}=127.0.0.1 \
		{limited,printers,others,impatient,slow}=127.0.0.1
	listen -c "$CONF" --log=stderr --profile=submission
	export EXEC_STARTTLS=$PORT LISTENER_STARTTLS=$LISTENER
	listen -c "$CONF" --log=stderr --profile=submissions
	export EXEC_IMPLICIT=$PORT LISTENER_IMPLICIT=$LISTENER
}

teardown_file() {
	finish "${LISTENER_STARTTLS:-}"
	finish "${LISTENER_IMPLICIT:-}"
	finish "${LOOP:-}"
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
# implicit) and PORT, and hold what has arrived: for_each MECHANISMS COMMAND...
for_each() {
	local mechanism mechanisms=$1
	shift
	for mechanism in $mechanisms; do
		for MODE in starttls implicit; do
			for PORT in "$(loop_port)" "$(exec_port)"; do
				empty_mailboxes
				: >"$LOG"
				"$@" "$mechanism" || {
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
	[ "$mechanism" = AUTO ] && mechanism=.*
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

@test "msmtp: PLAIN, LOGIN, SCRAM-SHA-1, SCRAM-SHA-256, and what it chooses" {
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

by_gsasl() {
	local certificate=()
	[ "$1" != EXTERNAL ] ||
		certificate=(--x509-cert-file="$HOME/alice.pem"
			--x509-key-file="$HOME/alice.key")
	{
		printf 'MAIL FROM:<alice@example.org>\n'
		printf 'RCPT TO:<alice@example.org>\nDATA\n'
	} >lines
	gsasl --smtp --starttls --x509-ca-file="$HOME/ca.pem" \
		--connect="127.0.0.1:$PORT" --hostname=mx.example.org \
		"${certificate[@]}" --mechanism="$1" \
		--authentication-id=alice@example.org --authorization-id= \
		--password="$SECRET" <lines >transcript 2>&1 || {
		cat transcript
		return 1
	}
}

@test "gsasl alone" {
	MODE=starttls PORT=$(port_of submission)
	for m in PLAIN LOGIN SCRAM-SHA-1 SCRAM-SHA-256 SCRAM-SHA-256-PLUS EXTERNAL; do echo "== $m"
	by_gsasl $m; cat transcript; done
	false
}
