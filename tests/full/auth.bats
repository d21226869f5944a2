#!/usr/bin/env bats
# Logging in, below SMTP: a real Dovecot, and passwords that are made, by a
# program (login.c) that is the server and the client.
# packages: dovecot-core gcc libc6-dev libgsasl-dev procps python3

load ../helpers

export BATS_NO_PARALLELIZE_WITHIN_FILE=true

# Where Dovecot's own users may go, unlike a directory of bats.
setup_file() {
	local object objects=()

	PLACE=$(mktemp -d)
	export PLACE LOGIN=$PLACE/login
	chmod 755 "$PLACE"
	for object in address auth auth-check base64 dovecot hash passwords \
	    prompt sasl users; do
		objects+=("$ROOT/lib/$object.c")
	done
	"${CC:-gcc}" -std=c17 -D_GNU_SOURCE -I"$ROOT" -o "$LOGIN" \
		"$BATS_TEST_DIRNAME/login.c" "${objects[@]}" -lgsasl
}

teardown_file() {
	rm -rf "$PLACE"
}

setup() {
	DOVECOT=
	FILE=$BATS_TEST_TMPDIR/passwords
	: >"$FILE"
	chmod 600 "$FILE"
}

teardown() {
	[ -z "$DOVECOT" ] || kill "$DOVECOT" 2>/dev/null || true
	[ -z "$DOVECOT" ] || wait "$DOVECOT" || true
}

# What both versions of Dovecot understand, then what one of them does.
dovecot_conf() {
	local version=$1

	[[ $version != 2.3.* ]] || version=
	cat <<-END
		${version:+dovecot_config_version = $version}
		${version:+dovecot_storage_version = $version}
		base_dir = $PLACE/run
		state_dir = $PLACE/run
		log_path = $PLACE/dovecot.log
		protocols =
		ssl = no
		auth_failure_delay = 0
		auth_mechanisms = plain login cram-md5 anonymous scram-sha-1 scram-sha-256${version:+ scram-sha-256-plus}
		service auth {
		  unix_listener $PLACE/auth {
		    mode = 0600
		  }
		}
		# Without the waits that it has for those who fail.
		service anvil {
		  chroot =
		  unix_listener anvil-auth-penalty {
		    mode = 0
		  }
		}
	END
	if [ -n "$version" ]; then
		cat <<-END
			passdb passwd-file {
			  passwd_file_path = $PLACE/users
			}
		END
	else
		cat <<-END
			passdb {
			  driver = passwd-file
			  args = $PLACE/users
			}
		END
	fi
}

# A Dovecot that is nothing but its auth service, and has two users.
dovecot() {
	local version

	root_only
	need dovecot doveadm
	version=$(command dovecot --version)
	version=${version%%[ -]*}
	[[ $version = 2.[34].* ]] || cannot "Dovecot $version is not known"
	dovecot_conf "$version" >"$PLACE/dovecot.conf"
	printf '%s\n' "alice:$(doveadm pw -s SCRAM-SHA-256 -p pencil)" \
		'bob:{PLAIN}pencil' >"$PLACE/users"
	chmod 644 "$PLACE/users"
	rm -f "$PLACE/auth"
	command dovecot -F -c "$PLACE/dovecot.conf" >"$PLACE/out" 2>&1 3>&- &
	DOVECOT=$!
	until [ -S "$PLACE/auth" ]; do
		kill -0 "$DOVECOT" || { cat "$PLACE/out"; return 1; }
	done
	VERSION=$version
}

# login ARGS...: what it says is "text"
says() {
	local want=$1

	shift
	run "$LOGIN" "$@"
	[ "$output" = "$want" ] || { echo "$*: $output"; return 1; }
}

by_dovecot() {
	says "$1" dovecot "$PLACE/auth" "${@:2}"
}

@test "Dovecot's mechanisms are offered in our order, but for some" {
	dovecot
	plus=
	[[ $VERSION = 2.3.* ]] || plus='SCRAM-SHA-256-PLUS '
	by_dovecot "${plus}SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN"
	says "dovecot-auth = $PLACE/auth: it offers ${plus}SCRAM-SHA-256 SCRAM-SHA-1 CRAM-MD5 PLAIN LOGIN" \
		check dovecot "$PLACE/auth"
}

@test "users of Dovecot log in by each mechanism, and others do not" {
	dovecot
	for mechanism in PLAIN LOGIN SCRAM-SHA-256; do
		by_dovecot "yes alice" "$mechanism" alice pencil
		by_dovecot "yes bob" "$mechanism" bob pencil
		by_dovecot "no bob" "$mechanism" bob pencils
		by_dovecot "no nobody" "$mechanism" nobody pencil
	done
	for mechanism in SCRAM-SHA-1 CRAM-MD5; do
		by_dovecot "yes bob" "$mechanism" bob pencil
		by_dovecot "no alice" "$mechanism" alice pencil
	done
	by_dovecot "yes bob" PLAIN bob pencil bob
	by_dovecot "no bob" PLAIN bob pencil alice
	by_dovecot "unknown " ANONYMOUS bob pencil
}

@test "SCRAM-SHA-256-PLUS is bound to the channel, where Dovecot can" {
	dovecot
	if [[ $VERSION = 2.3.* ]]; then
		by_dovecot "unknown " SCRAM-SHA-256-PLUS alice pencil
		return
	fi
	by_dovecot "yes alice" SCRAM-SHA-256-PLUS alice pencil
	by_dovecot "yes bob" SCRAM-SHA-256-PLUS bob pencil
	by_dovecot "no alice" SCRAM-SHA-256-PLUS alice pencils
	LOGIN_BINDING=other by_dovecot "no alice" SCRAM-SHA-256-PLUS alice \
		pencil
}

@test "a Dovecot that has gone is a problem for the operator" {
	dovecot
	kill "$DOVECOT"
	wait "$DOVECOT" || true
	DOVECOT=
	run "$LOGIN" dovecot "$PLACE/auth" PLAIN bob pencil
	[[ ${lines[0]} = 'later '* ]]
	[[ ${lines[1]} = "problem: dovecot-auth = $PLACE/auth: "* ]]
	run -1 "$LOGIN" check dovecot "$PLACE/auth"
	[[ $output = "problem: dovecot-auth = $PLACE/auth: "* ]]
}

@test "a user who may not log in, says his passdb, does not" {
	dovecot
	echo 'carol:{PLAIN}pencil::::::nologin=y' >>"$PLACE/users"
	by_dovecot "no carol" PLAIN carol pencil
}

@test "what is made of a password lets in who has it" {
	for kind in scram-sha-256 scram-sha-1 yescrypt bcrypt sha512; do
		hash=$(printf 'pen cil\xc3\xbc\n' | "$LOGIN" hash $kind)
		echo "$kind:$hash" >>"$FILE"
		says "yes $kind" passwords "$FILE" PLAIN $kind $'pen cil\xc3\xbc'
		says "no $kind" passwords "$FILE" PLAIN $kind 'pen cil'
	done
	[[ $(<"$FILE") = *'SCRAM-SHA-256$10000:'*'SCRAM-SHA-1$10000:'* ]]
	says "yes scram-sha-256" passwords "$FILE" SCRAM-SHA-256-PLUS \
		scram-sha-256 $'pen cil\xc3\xbc'
	says "yes scram-sha-1" passwords "$FILE" SCRAM-SHA-1 scram-sha-1 \
		$'pen cil\xc3\xbc'
	run -0 "$LOGIN" check passwords "$FILE"
	[ "$output" = "passwords = $FILE: 5 users, 5 lines" ]
	# Another time it is another one.
	[ "$(echo x | "$LOGIN" hash scram-sha-256)" != \
		"$(echo x | "$LOGIN" hash scram-sha-256)" ]
}

@test "a password from a pipe is a line" {
	one=$(printf 'pencil' | "$LOGIN" hash sha512)
	echo "a:$one" >"$FILE"
	two=$(printf 'pencil\nand more\n' | "$LOGIN" hash sha512)
	echo "b:$two" >>"$FILE"
	says "yes a" passwords "$FILE" PLAIN a pencil
	says "yes b" passwords "$FILE" PLAIN b pencil
	printf 'rest\n' >"$BATS_TEST_TMPDIR/rest"
	run -65 --separate-stderr "$LOGIN" hash sha512 </dev/null
	[ -z "$output" ]
	[[ $stderr = *'the password is empty'* ]]
	run -65 "$LOGIN" hash sha512 < <(printf 'pen\0cil\n')
	[[ $output = *'has a NUL'* ]]
	run -65 "$LOGIN" hash sha512 < <(printf '%0512d\n' 0)
	[[ $output = *'too long'* ]]
	run -0 "$LOGIN" hash sha512 < <(printf '%0511d\n' 0)
	run -65 "$LOGIN" hash bcrypt < <(printf '%073d\n' 0)
	[[ $output = *'72 octets'* ]]
	# Newer than SASLprep: it is no password for SCRAM.
	run -65 "$LOGIN" hash scram-sha-256 < <(printf '\xf0\x9f\x98\x80\n')
	[[ $output = *'another kind'* ]]
	run -0 "$LOGIN" hash sha512 < <(printf '\xf0\x9f\x98\x80\n')
	run -64 "$LOGIN" hash md5 < <(echo x)
	[[ $output = *'it takes scram-sha-256, scram-sha-1, yescrypt'* ]]
}

# A terminal: type what the questions ask for, and see what it shows.
terminal() {
	python3 - "$LOGIN" "$@" <<-'END'
		import os, select, signal, subprocess, sys, termios

		login, *typed = sys.argv[1:]
		master, slave = os.openpty()
		def heed():  # what who runs the tests may ignore
		    for name in 'SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP':
		        signal.signal(getattr(signal, name), signal.SIG_DFL)

		process = subprocess.Popen([login, 'hash', 'sha512'], stdin=slave,
		    stdout=slave, stderr=slave, start_new_session=True,
		    preexec_fn=heed)
		shown = b''

		def echoes():
		    return bool(termios.tcgetattr(slave)[3] & termios.ECHO)

		for question, word in zip((b'Password: ', b'Again: '), typed):
		    while question not in shown:
		        shown += os.read(master, 1000)
		    assert not echoes()
		    if word.startswith('SIG'):
		        process.send_signal(getattr(signal, word))
		    else:
		        os.write(master, word.encode() + b'\n')
		status = process.wait()
		while select.select([master], [], [], 0)[0]:
		    shown += os.read(master, 1000)
		print(status, echoes(), shown.decode().replace('\r\n', '|'))
	END
}

@test "a terminal shows no password, and asks twice" {
	need python3
	run -0 terminal pencil pencil
	[[ $output = '0 True Password: |Again: |$6$'* ]]
	[[ $output != *pencil* ]]
	run -0 terminal pencil pencils
	[[ $output = "65 True Password: |Again: |smtpd: these were two different ones|" ]]
}

@test "whatever signal ends it, the terminal echoes again" {
	need python3
	for signal in SIGINT:2 SIGQUIT:3 SIGTERM:15 SIGHUP:1; do
		run -0 terminal "${signal%:*}"
		[[ $output = "-${signal#*:} True "* ]]
		run -0 terminal pencil "${signal%:*}"
		[[ $output = "-${signal#*:} True "* ]]
	done
}

@test "the check names each line that is none, and who may read them" {
	hash=$(echo pencil | "$LOGIN" hash sha512)
	printf '%s\n' "bob:$hash" 'ann:pencil' '' '# c' \
		'eve:$1$saltsalt$qjXMvbEw8oaL.CzflDtaK/' "bob:$hash" >"$FILE"
	run -1 "$LOGIN" check passwords "$FILE"
	[[ ${lines[0]} = "problem: passwords = $FILE:2: the hash is none that counts: "* ]]
	[[ ${lines[1]} = "problem: passwords = $FILE:5: "* ]]
	[[ ${lines[2]} = "problem: passwords = $FILE:6: the user has another line of this kind"* ]]
	[[ ${lines[3]} = "passwords = $FILE: 1 users, 2 lines" ]]
	[[ $output != *pencil* ]]
	chmod 644 "$FILE"
	run -1 "$LOGIN" check passwords "$FILE"
	[[ $output = *'others may read it'*'chmod g-w,o='* ]]
}
