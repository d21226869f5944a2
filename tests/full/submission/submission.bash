# Functions of submission.bats. Use: load ../helpers, net, submission/submission
# shellcheck shell=bash

PARTS=$ROOT/tests/full/submission
SECRET='pa=ss "w,rd"\ 1'

# An authority, a certificate of ours, and one of alice: for EXTERNAL.
make_certificates() {
	mkdir -p certificates/mx.example.org
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
		-nodes -keyout ca.key -out ca.pem -days 30 -subj /CN=Authority 2>/dev/null
	issue mx.example.org DNS:mx.example.org,DNS:localhost,IP:127.0.0.1
	issue alice email:alice@example.org
	issue eve email:eve@example.net
	cat alice.pem alice.key >alice.both
	cat eve.pem eve.key >eve.both
	mv mx.example.org.pem certificates/mx.example.org/fullchain.pem
	mv mx.example.org.key certificates/mx.example.org/privkey.pem
}

# issue NAME ALTERNATIVE: NAME.pem and NAME.key
issue() {
	openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes \
		-keyout "$1.key" -out "$1.csr" -subj "/CN=$1" \
		2>/dev/null
	openssl x509 -req -in "$1.csr" -CA ca.pem -CAkey ca.key -days 20 \
		-CAcreateserial -out "$1.pem" -extfile \
		<(echo "subjectAltName=$2") 2>/dev/null
}

# A line of the password file: hashed USER KIND [PASSWORD]
hashed() {
	printf '%s:%s\n' "$1" "$(printf '%s\n' "${3:-$SECRET}" |
		"$SMTPD" --hash-password="$2")"
}

make_passwords() {
	install -m 600 /dev/null "$1"
	{
		hashed alice@example.org scram-sha-256
		hashed alice@example.org scram-sha-1
		hashed alice@example.org yescrypt
		hashed bob@example.org bcrypt
		hashed carol@example.org sha512
		hashed dave@example.org scram-sha-256 pässwörd
	} >"$1"
}

# Sections for every listener that a test wants.
make_settings() {
	cat <<-END
		certificates = $PWD/certificates
		passwords = $PWD/passwords
		rates = $PWD/rates
		auth-delay = 0
		idle-timeout = 30
		sandbox = require
		[submission]
		submission = yes
		tls = require
		client-authorities = $PWD/ca.pem
		[submissions]
		submission = yes
		tls = implicit
		client-authorities = $PWD/ca.pem
		[clear]
		submission = yes
		auth-clear = loopback
		[any]
		submission = yes
		auth-clear = loopback
		sender = any
		hide-client = yes
		[limited]
		submission = yes
		auth-clear = loopback
		user-messages = 4
		user-recipients = 6
		[printers]
		submission = yes
		auth-clear = loopback
		networks = 127.0.0.0/8 ::1 192.0.2.0/24
		network-recipients = bob@example.org example.com
		[others]
		submission = yes
		networks = 192.0.2.0/24
		network-recipients = example.org
		[local]
		submission = yes
		[impatient]
		submission = yes
		auth-clear = loopback
		idle-timeout = 1
		[slow]
		submission = yes
		auth-clear = loopback
		auth-delay = 1
		[slow]
		submission = yes
		auth-clear = loopback
		auth-delay = 1
		[plain]
		submission = yes
		auth-clear = loopback
		[dovecot]
		submission = yes
		tls = require
		passwords =
		dovecot-auth = $OPEN/auth
		[full]
		submission = yes
		auth-clear = loopback
		user-messages = 4
		rates = $PWD/absent/rates
		[six]
		submission = yes
		networks = ::1
		network-recipients = bob@example.org
		[mapped]
		submission = yes
		networks = 127.0.0.0/8
		network-recipients = bob@example.org
	END
}

# Dovecot's auth service alone, over the socket $OPEN/auth. Sets DOVECOT, its
# process id, where it can run.
start_dovecot() {
	DOVECOT=
	export DOVECOT
	command -v dovecot >/dev/null && [ "$(id -u)" -eq 0 ] || return 0
	cat >"$OPEN/dovecot.conf" <<-END
		base_dir = $OPEN/run
		state_dir = $OPEN/state
		log_path = $OPEN/log
		protocols =
		ssl = no
		auth_mechanisms = plain login scram-sha-1 scram-sha-256
		auth_failure_delay = 0
		passdb {
		  driver = passwd-file
		  args = scheme=PLAIN $OPEN/users
		}
		userdb {
		  driver = static
		  args = uid=dovecot gid=dovecot home=/nonexistent
		}
		service auth {
		  unix_listener $OPEN/auth {
		    mode = 0666
		  }
		}
		# Or it would let our address wait after a failure.
		service anvil {
		  unix_listener anvil-auth-penalty {
		    mode = 0
		  }
		}
	END
	install -m 640 -g dovecot /dev/null "$OPEN/users"
	echo "alice@example.org:{PLAIN}$SECRET" >"$OPEN/users"
	dovecot -c "$OPEN/dovecot.conf" -F >>"$LOG" 2>&1 </dev/null 3>&- &
	DOVECOT=$!
	await test -S "$OPEN/auth"
}

# An accept loop with listeners NAME=ADDRESS of the settings; sets LOOP, its
# process id, and PORTS, a file: start_loop CONF NAME=ADDRESS...
start_loop() {
	local command conf=$1
	shift
	# What a section may set no flag must.
	mapfile -t command < <(smtpd_command -c "$conf" --log=stderr \
		--sessions-per-source=0 | grep -v '^--idle-timeout')
	PORTS=$(mktemp -u -p "$BATS_FILE_TMPDIR")
	python3 "$PARTS/loop.py" "$PORTS" "$@" -- "${command[@]}" \
		>>"$LOG" 2>&1 </dev/null 3>&- &
	LOOP=$!
	await test -e "$PORTS"
	export LOOP PORTS
}

port_of() {
	awk -v name="$1" '$1 == name { print $2; found = 1 }
		END { exit !found }' "$PORTS"
}

# say [OPTIONS] NAME <LINES: at the accept loop's listener of that name
say() {
	local options=()
	while [[ $1 == --* ]]; do
		options+=("$1")
		shift
	done
	python3 "$PARTS/say.py" "${options[@]}" 127.0.0.1 "$(port_of "$1")"
}

# AUTH PLAIN's initial response: plain USER [PASSWORD]
plain() {
	printf '\0%s\0%s' "$1" "${2:-$SECRET}" | base64 -w0
}

# The codes and enhanced codes of the replies on standard input, on a line.
codes() {
	sed -nE 's/^([0-9]{3}) ([0-9.]+ )?.*/\1 \2/p' | sed 's/ *$//' |
		paste -sd , | tr -d '\r'
}

# Log in at a listener of the accept loop by AUTH PLAIN, say the lines of
# standard input and QUIT, and print the codes of these replies alone:
# logged_in LISTENER USER [PASSWORD]
logged_in() {
	{
		printf 'EHLO client.example\nAUTH PLAIN %s\n' \
			"$(plain "$2" "${3:-$SECRET}")"
		cat
		echo QUIT
	} | say "$1" | tee said | codes | sed 's/^220,250,235 2.7.0,//; s/,221 2.0.0$//'
}

# The lines of a transaction: transaction FROM TO...
transaction() {
	printf 'MAIL FROM:<%s>\n' "$1"
	shift
	printf 'RCPT TO:<%s>\n' "$@"
	printf 'DATA\nSubject: hello\n\ntext\n.\n'
}
