#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# packages: mmdebstrap openssl procps python3 systemd-container util-linux
#
# A Debian of its own, booted by systemd in a container without a network but
# its loopback: the installation as a whole. Tests build on those before them.
# shellcheck disable=SC2016 # scripts in quotes are for the machine's own bash
load ../helpers

boot() {
	local units=$MACHINE/etc/systemd/system

	# A unit that tells us when the system is up.
	mkfifo "$MACHINE/booted"
	printf '[Service]\nType=oneshot\nExecStart=/bin/sh -c "echo >/booted"\n' \
		>"$units/booted.service"
	mkdir -p "$units/multi-user.target.wants"
	ln -s ../booted.service "$units/multi-user.target.wants"
	# What it would refuse, as of Debian 12; without a container it is there.
	local calls="landlock_create_ruleset landlock_add_rule \
		landlock_restrict_self"
	systemd-nspawn --quiet --register=no --keep-unit --private-network \
		--system-call-filter="$calls" -D "$MACHINE" --boot </dev/null >"$BATS_FILE_TMPDIR/console" \
		2>&1 3>&- &
	NSPAWN=$!
	if ! timeout 120 cat "$MACHINE/booted"; then
		cat "$BATS_FILE_TMPDIR/console" >&2
		return 1
	fi
	INIT=$(pgrep -P "$NSPAWN")
	export NSPAWN INIT
}

setup_file() {
	root_only
	need mmdebstrap nsenter openssl pgrep python3 systemd-nspawn
	export MACHINE=$BATS_FILE_TMPDIR/machine
	mkdir "$MACHINE"
	"$ROOT/tests/root" "$MACHINE" dbus libgsasl18 systemd systemd-sysv
	cp "$BATS_TEST_DIRNAME/talk" "$MACHINE/usr/bin/talk"
	boot
}

teardown_file() {
	[ -n "${NSPAWN:-}" ] || return 0
	# To nspawn this is a request to shut the machine down.
	kill -TERM "$NSPAWN"
	timeout 60 tail --pid="$NSPAWN" -f /dev/null || kill -KILL "$INIT"
}

# Run a command in the machine; one that hangs is ended.
inside() {
	timeout 120 nsenter -t "$INIT" -m -u -i -n -p -r -w -- env -i LC_ALL=C \
		PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin "$@" 3>&-
}

# No session is left, neither a process nor a dead unit.
idle() {
	local try
	for ((try = 0; try < 1000; try++)); do
		[ -n "$(inside systemctl list-units --all --no-legend \
			'smtpd@*' 'submission*@*')" ] || return 0
	done
	return 1
}

# A mailbox as README says.
mailbox() {
	inside install -d -o smtpd -g smtpd "/var/lib/smtpd/domains/$1"
}

# What to say for one message to mailboxes.
lines_to() {
	printf '%s\n' 'EHLO client.example' 'MAIL FROM:<carol@example.com>'
	printf 'RCPT TO:<%s>\n' "$@"
	printf '%s\n' DATA 'Subject: hello' '' hello .
}

# One message for mailboxes through port 25; prints its id.
send_to() {
	{
		lines_to "$@"
		echo QUIT
	} | inside talk | sed -n 's/^250 2.0.0 .*id=//p'
}

# The file of a message in a mailbox: stored MAILBOX ID
stored() {
	inside find "/var/lib/smtpd/domains/$1/new" -name "*.$2.*" "${@:3}"
}

# One message, and all that the journal is to say of it and of the unit that
# took it: journal_tells UNIT
journal_tells() {
	local before field id size
	before=$(inside journalctl -q -o cat SMTPD_RESULT=stored | wc -l)
	# Fields that begin with _ are journald's: it looks at the process, if
	# that is still there.
	id=$({
		lines_to alice@example.org
		await sh -c '[ "$(journalctl -q -o cat SMTPD_RESULT=stored |
			wc -l)" -gt '"$before"' ]'
		echo QUIT
	} | inside talk | sed -n 's/^250 2.0.0 .*id=//p')
	inside journalctl --sync
	run inside journalctl -o json SMTPD_ID="$id"
	[ "${#lines[@]}" = 1 ]
	for field in MESSAGE_ID:5d2c6cbc1f0b4d0f9d7d0b8c2a4e6f11 \
	    SMTPD_PEER:127.0.0.1 SMTPD_HELO:client.example \
	    'SMTPD_FROM:<carol@example.com>' 'SMTPD_TO:<alice@example.org>' \
	    SMTPD_RECIPIENTS:1 SMTPD_RESULT:stored PRIORITY:6 \
	    SYSLOG_IDENTIFIER:smtpd SYSLOG_FACILITY:2 _COMM:smtpd \
	    _TRANSPORT:journal; do
		[[ $output = *"\"${field%%:*}\":\"${field#*:}\""* ]] ||
			{ echo "no $field in $output"; return 1; }
	done
	[[ $output = *"\"_SYSTEMD_UNIT\":\"$1"* ]]
	size=$(stored example.org/alice "$id" -printf %s)
	[[ $output = *"\"SMTPD_SIZE\":\"$size\""* ]]
}

# Mail for mailboxes of system users under the unit that listens: a file for
# each group, in directories that smtpd makes.
mail_for_groups() {
	local id user
	inside systemd-sysusers --inline 'u alice' 'u bob'
	for user in alice bob; do
		inside rm -rf "/var/lib/smtpd/domains/groups.example/$user"
		mailbox groups.example
		inside install -d -o smtpd -g "$user" -m 2770 \
			"/var/lib/smtpd/domains/groups.example/$user"
	done
	id=$(send_to {alice,bob}@groups.example)
	for user in alice bob; do
		run stored "groups.example/$user" "$id" -printf '%u %g %m %n'
		[ "$output" = "smtpd $user 660 1" ]
		run inside stat -c '%G %a' \
			"/var/lib/smtpd/domains/groups.example/$user/new"
		[ "$output" = "$user 2770" ]
	done
}

# The address a client connects to is ours in brackets, another one is not.
mail_for_literals() {
	local name
	name=$(inside sed -n 's/^hostname = //p' /etc/smtpd/smtpd.conf)
	mailbox "$name/carol"
	run inside talk 127.0.0.2 <<-END
		HELO client.example
		MAIL FROM:<>
		RCPT TO:<carol@[127.0.0.2]>
		RCPT TO:<carol@[127.0.0.3]>
		QUIT
	END
	[[ ${lines[3]} = "250 2.1.5 "* ]]
	[[ ${lines[4]} = "550 5.7.1 "* ]]
	inside rm -r "/var/lib/smtpd/domains/$name/carol"
}

# What smtpd --check says of the sandbox as a unit would run it, which is what
# it says without one: no directive is in its way. check_as UNIT [PROFILE]
check_as() {
	local check=/run/systemd/system/check.service free
	free=$(inside runuser -u smtpd -- smtpd --check ${2:+"--profile=$2"})
	inside sed -e '/^StandardInput=/d; /^StandardOutput=/d; /^Requires=/d' \
		-e '/^Restart/d; /^WatchdogSec=/d; /^Type=/d' \
		-e 's/^\[Service\]/&\nType=oneshot/' \
		-e "s/ --profile=%j/ --profile=${2:-}/" \
		-e '/^ExecStart=/s,$, --check\nStandardOutput=truncate:/said,' \
		"/usr/local/lib/systemd/system/$1" >"$MACHINE/check"
	inside mv /check "$check"
	inside systemctl daemon-reload
	inside systemctl start check.service
	run inside cat /said
	inside rm "$check" /said
	inside systemctl daemon-reload
	echo "$output"
	[[ $free = *", 0 problems"*"seccomp: active" ]]
	[ "$output" = "$free" ]
}

# How exposed a unit is, by systemd-analyze; prints it.
exposure() {
	run inside systemd-analyze security --no-pager "$1"
	[[ ${lines[-1]} =~ "level for $1: "([0-9]+\.[0-9]) ]]
	echo "# $1: exposure ${BASH_REMATCH[1]}" >&3
}

# Say yes as soon as a command in the machine does: await COMMAND...
await() {
	local try
	for ((try = 0; try < 500; try++)); do
		! inside "$@" || return 0
	done
	echo "never: $*"
	return 1
}

# A line of smtpd.conf, before its sections: set_to NAME VALUE
set_to() {
	inside sed -i -e "1i $1 = $2" -e "/^$1 = /d" /etc/smtpd/smtpd.conf
}

# A property of the accept loop's unit.
loop() {
	inside systemctl show -P "$1" smtpd.service
}

# A new loop with the settings there are. No mail is lost by that.
fresh_loop() {
	inside systemctl stop smtpd.service 2>/dev/null
	inside talk <<<QUIT >/dev/null
	[ "$(loop ActiveState)" = active ]
}

# The journal has a record of the loop: told FROM-CURSOR TEXT
told() {
	await bash -c 'journalctl --sync; journalctl -q -o cat -t smtpd \
		--after-cursor="$1" | grep -F -e "$2"' bash "$1" "$2"
}

# The last record of smtpd's. (One of another's and "-t smtpd" skip a record.)
cursor() {
	inside journalctl --sync
	inside journalctl -q -t smtpd -n 1 -o json --output-fields=__CURSOR |
		sed 's/.*"__CURSOR":"\([^"]*\)".*/\1/'
}

# --- submission ---

# The client is this machine's, on the network and at the sockets of that one.
# The place of local programs is smtpd/submit. As tests/full/submit.py says.
submit() {
	(cd "/proc/$INIT/root/run" && timeout 120 nsenter -t "$INIT" -n -- \
		python3 "$BATS_TEST_DIRNAME/submit.py" "$@" 3>&-)
}

# A new certificate and key in a directory of the machine; prints its digest, as
# submit does.
certify() {
	mkdir -p "$MACHINE/$1"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 \
		-nodes -subj "/CN=${1##*/}" -days 90 \
		-addext "subjectAltName=DNS:${1##*/}" \
		-keyout "$MACHINE/$1/privkey.pem" \
		-out "$MACHINE/$1/fullchain.pem" 2>/dev/null
	openssl x509 -in "$MACHINE/$1/fullchain.pem" -outform der |
		sha256sum | cut -d ' ' -f 1
}

# The certificate that a client gets at 587 and at 465.
served() {
	local place
	for place in 587 465; do
		submit "$place" '<>' | sed -n 's/^certificate //p'
	done | sort -u
}

# Mail by every way of submission, and by whom it was taken: submission UNIT...
# of 587, of 465, of local programs.
submission() {
	local id place unit alice
	alice=$(inside id -u alice)
	for place in 587 465 smtpd/submit; do
		unit=$1
		shift
		export LOGIN=alice@mx.example.org:secret
		[ "$place" != smtpd/submit ] || unset LOGIN
		AS=$alice run -0 submit "$place" alice@mx.example.org \
			bob@mx.example.org
		echo "$output"
		[[ $output = *$'\nDATA 250 2.0.0 '*id=* ]]
		id=${output##*id=}
		inside journalctl --sync
		run inside journalctl -o json SMTPD_ID="$id"
		[[ $output = *"\"_SYSTEMD_UNIT\":\"$unit"* ]]
		[[ $output = *'"SMTPD_USER":"alice'* ]]
		[ -n "$(stored mx.example.org/bob "$id")" ]
	done
	unset LOGIN
}

# Whose reverse-path is whose, where the kernel says who it is.
senders() {
	local bob
	bob=$(inside id -u bob)
	AS=$bob run -0 submit smtpd/submit alice@mx.example.org
	[[ $output = "MAIL 550 5.7.1 "* ]]
	AS=$bob run -0 submit smtpd/submit bob@mx.example.org alice@mx.example.org
	[[ $output = *"DATA 250 "* ]]
	AS=0 run -0 submit smtpd/submit alice@mx.example.org bob@mx.example.org
	[[ $output = *"DATA 250 "* ]]
	AS=65534 run -0 submit smtpd/submit bob@mx.example.org
	[[ $output = "MAIL 550 5.7.1 "* ]]
}

# bob has sent as much as he may in this hour.
bob_has_to_wait() {
	LOGIN=bob@mx.example.org:secret run -0 submit 587 bob@mx.example.org \
		alice@mx.example.org
	echo "$output"
	[[ $output = *$'\n'"AUTH 235 "* ]]
	[[ $output = *$'\n4'[0-9][0-9]" "* || $output = *" 45"[02]" 4."* ]]
	[[ $output != *"DATA 250"* ]]
}

# The sockets that listen, as /proc/net has them: ports in hexadecimal, paths.
listening() {
	inside sed -nE \
		's/^ *[0-9]+: [0-9A-F]+:([0-9A-F]{4}) [0-9A-F:]+ 0A .*/\1/p' \
		/proc/net/tcp /proc/net/tcp6 | sort -u
	inside sed -n 's,.* \(/run/smtpd/.*\),\1,p' /proc/net/unix | sort -u
}

# The commands in the comment of a file in share/doc.
commands_of() {
	sed -n 's/^#\t//p' "$MACHINE/usr/local/share/doc/smtpd/$1"
}

@test "installed: a user and an empty domains directory" {
	make -C "$ROOT" install DESTDIR="$MACHINE"
	inside systemctl daemon-reload
	inside systemd-sysusers
	inside systemd-tmpfiles --create smtpd.conf
	inside journalctl --update-catalog
	[ "$(inside stat -c '%U %G %a' /var/lib/smtpd/domains)" = \
		"smtpd smtpd 755" ]
	[ "$(inside stat -c '%U %a' /etc/smtpd/smtpd.conf)" = "root 644" ]
	[ "$(inside stat -c '%U %G %a' /var/lib/smtpd/rates)" = \
		"smtpd smtpd 700" ]
	[ "$(inside stat -c '%U %G %a' /etc/smtpd/certificates)" = \
		"root smtpd 750" ]
	run inside runuser -u smtpd -- id -Gn
	[ "$output" = smtpd ]
}

@test "systemd finds no fault with the units" {
	run inside systemd-analyze verify --man=no smtpd.socket \
		submission{,s,-local}.socket smtpd@1.service \
		submission{,s,-local}@1.service smtpd.service
	[ "$status" = 0 ]
	[ "$output" = "" ]
}

@test "--check asks for a domain, then for nothing" {
	run -78 inside smtpd --check
	[[ $output = *"no domain in it"* ]]
	mailbox example.org/alice
	mailbox example.org/postmaster
	run -0 inside smtpd --check
	[ "${lines[0]}" = "1 domains, 2 mailboxes, 0 aliases, 0 problems" ]
}

@test "enabled: mail to port 25 becomes a file of smtpd's" {
	inside systemctl enable --now smtpd.socket
	id=$(send_to alice@example.org)
	[ -n "$id" ]
	run inside find /var/lib/smtpd/domains -type f -printf '%h %u %g %m\n'
	[ "$output" = "/var/lib/smtpd/domains/example.org/alice/new smtpd smtpd 600" ]
	inside grep -rl "id $id" /var/lib/smtpd/domains
	idle
}

@test "the same port answers by IPv6" {
	[ -e /proc/net/if_inet6 ] || cannot "no IPv6 in this kernel"
	run inside talk ::1 <<<QUIT
	[[ ${lines[0]} = "220 "* ]]
	[[ ${lines[1]} = "221 "* ]]
}

@test "settings of the file reach the session" {
	set_to hostname mx.example.org
	run inside talk <<<QUIT
	[[ ${lines[0]} = "220 mx.example.org "* ]]
	# To install again does not touch them.
	make -C "$ROOT" install DESTDIR="$MACHINE"
	run inside talk <<<QUIT
	[[ ${lines[0]} = "220 mx.example.org "* ]]
}

@test "the journal has the message under the id of its 250, field by field" {
	journal_tells smtpd@
}

@test "mailboxes of system users, each with its group" {
	mail_for_groups
}

@test "the address in brackets that a client connected to" {
	mail_for_literals
}

@test "the unit of a session leaves the sandbox all of its layers" {
	check_as smtpd@.service
}

@test "each kind of record has an entry in the catalog" {
	inside talk >/dev/null <<-END
		EHLO client.example
		MAIL FROM:<>
		RCPT TO:<nobody@example.org>
		QUIT
	END
	inside mkdir /var/lib/smtpd/domains/example.org/full
	run inside talk <<-END
		EHLO client.example
		MAIL FROM:<>
		RCPT TO:<full@example.org>
		DATA
		QUIT
	END
	inside rmdir /var/lib/smtpd/domains/example.org/full
	id=$(send_to alice@example.org)
	inside journalctl --sync
	run inside journalctl -x -t smtpd -o short
	[[ $output = *"Subject: Message $id from <carol@example.com>: stored"* ]]
	[[ $output = *"Subject: SMTP session with 127.0.0.1 has ended"* ]]
	[[ $output = *"Subject: Refused 127.0.0.1: 550 5.1.1 "* ]]
	[[ $output = *"Subject: Something here needs mending: "* ]]
	# Every field the catalog names was filled in.
	[[ $output != *@SMTPD_* ]]
}

@test "one source gets no more than its share of connections" {
	limit=$(inside systemctl show -P MaxConnectionsPerSource smtpd.socket)
	[ "$limit" = 20 ]
	run inside bash -c '
		for ((i = 0; i < $1; i++)); do
			exec {fd[i]}<>/dev/tcp/127.0.0.1/25
			read -r -u "${fd[i]}" greeting && [[ $greeting = 220* ]] ||
				exit 1
		done
		exec {one}<>/dev/tcp/127.0.0.1/25
		read -r -u "$one" greeting && exit 2
		# When one has gone another may come.
		printf "QUIT\r\n" >&"${fd[0]}"
		cat <&"${fd[0]}"
		exec {fd[0]}>&-
		for ((try = 0; try < 1000; try++)); do
			exec {one}<>/dev/tcp/127.0.0.1/25
			read -r -u "$one" greeting && exit 0
			exec {one}>&-
		done
		exit 3' bash "$limit"
	echo "$output"
	[ "$status" = 0 ]
}

@test "a burst of connections does not close the port" {
	inside bash -c '
		for ((i = 0; i < 400; i++)); do
			exec {fd[i]}<>/dev/tcp/127.0.0.1/25 || exit
		done
		for ((i = 0; i < 400; i++)); do
			read -r -u "${fd[i]}" greeting || :
		done' 2>/dev/null
	[ "$(inside systemctl is-active smtpd.socket)" = active ]
	run inside bash -c '
		for ((try = 0; try < 1000; try++)); do
			talk <<<QUIT && exit
		done'
	[[ $output = *"221 "* ]]
}

@test "a stop waits for the message being sent, then says 421" {
	run inside bash -c '
		exec 4<>/dev/tcp/127.0.0.1/25 || exit
		say() { printf "%s\r\n" "$1" >&4; }
		hear() { read -r -u 4 -t 60 reply; echo "${reply%?}"; }
		hear
		for line in "HELO client.example" "MAIL FROM:<>" \
		    "RCPT TO:<alice@example.org>" DATA; do
			say "$line"
			hear
		done
		say "Subject: stopped"
		systemctl stop --no-block "smtpd@*.service"
		until [ -n "$(systemctl list-units --state=stop-sigterm \
		    --no-legend "smtpd@*")" ]; do :; done
		say .
		hear
		hear'
	echo "$output"
	[[ ${lines[-3]} = "354 "* ]]
	[[ ${lines[-2]} = "250 2.0.0 "*id=* ]]
	[[ ${lines[-1]} = "421 4."* ]]
	inside find /var/lib/smtpd/domains -name "*.${lines[-2]#*id=}.*" | grep .
}

@test "a stop cuts off a message that does not end, and stores none of it" {
	before=$(inside find /var/lib/smtpd/domains -type f)
	inside mkdir /run/systemd/system/smtpd@.service.d
	inside sh -c 'printf "[Service]\nTimeoutStopSec=1s\n" \
		>/run/systemd/system/smtpd@.service.d/soon.conf'
	inside systemctl daemon-reload
	run inside bash -c '
		exec 4<>/dev/tcp/127.0.0.1/25 || exit
		read -r -u 4 reply
		for line in "HELO client.example" "MAIL FROM:<>" \
		    "RCPT TO:<alice@example.org>" DATA; do
			printf "%s\r\n" "$line" >&4
			read -r -u 4 reply
		done
		echo "$reply"
		printf "Subject: never\r\n" >&4
		systemctl stop "smtpd@*.service"
		cat <&4'
	echo "$output"
	[ "${#lines[@]}" = 1 ]
	[[ ${lines[0]} = "354 "* ]]
	[ "$before" = "$(inside find /var/lib/smtpd/domains -type f)" ]
	inside rm -r /run/systemd/system/smtpd@.service.d
	inside systemctl daemon-reload
	inside systemctl reset-failed
}

@test "a stop of the socket lets sessions go on" {
	run inside bash -c '
		exec 4<>/dev/tcp/127.0.0.1/25 || exit
		read -r -u 4 reply
		systemctl stop smtpd.socket
		(exec 5<>/dev/tcp/127.0.0.1/25) 2>/dev/null && exit 1
		printf "NOOP\r\n" >&4
		read -r -u 4 reply
		echo "$reply"
		systemctl start smtpd.socket'
	[ "$status" = 0 ]
	[[ $output = "250 "* ]]
}

@test "nothing has failed, nothing is left running" {
	[ "$(inside systemctl --failed --no-legend)" = "" ]
	inside smtpd --check
}

@test "how exposed a session is, by systemd-analyze" {
	exposure smtpd@1.service
	exposure submission@1.service
}

# --- submission, a unit for each session ---

@test "submission: what smtpd reads and nobody else, as tmpfiles.d makes it" {
	certify etc/smtpd/certificates/mx.example.org
	chmod 600 "$MACHINE/etc/smtpd/certificates/mx.example.org/privkey.pem"
	inside systemd-sysusers --inline 'u alice' 'u bob'
	for user in alice bob; do
		mailbox mx.example.org/$user
		echo "$user@mx.example.org:$(inside smtpd --hash-password \
			<<<secret)"
	done >"$MACHINE/etc/smtpd/passwords"
	inside chmod 666 /etc/smtpd/passwords
	set_to certificates /etc/smtpd/certificates
	cat >>"$MACHINE/etc/smtpd/smtpd.conf" <<-END
		[submission]
		submission = yes
		tls = require
		passwords = /etc/smtpd/passwords
		[submissions]
		submission = yes
		tls = implicit
		passwords = /etc/smtpd/passwords
	END
	run ! inside smtpd --check --profile=submission
	inside systemd-tmpfiles --create smtpd.conf
	[ "$(inside sh -c 'stat -c "%U %G %a" /etc/smtpd/passwords \
		/etc/smtpd/certificates/*/privkey.pem' | uniq)" = \
		"root smtpd 640" ]
	for profile in submission submissions local; do
		inside smtpd --check --profile=$profile
	done
}

@test "submission: nothing listens that nobody has enabled" {
	[ "$(listening)" = 0019 ]
	run -0 inside systemctl enable --now submission.socket \
		submissions.socket submission-local.socket
	[ "$(listening)" = $'0019\n01D1\n024B\n/run/smtpd/submit' ]
}

@test "submission: by 587, by 465 and by local programs" {
	submission submission@ submissions@ submission-local@
	idle
}

@test "submission: nobody without his password" {
	for place in 587 465; do
		run -0 submit $place alice@mx.example.org
		[[ $output = *$'\n'"MAIL 530 5.7.0 "* ]]
		LOGIN=alice@mx.example.org:wrong run -0 submit $place \
			alice@mx.example.org
		[[ $output = *$'\n'"AUTH 535 5.7.8 "* ]]
		[[ $output = *$'\n'"MAIL 530 5.7.0 "* ]]
		LOGIN=alice@mx.example.org:secret run -0 submit $place \
			bob@mx.example.org
		[[ $output = *$'\n'"MAIL 550 5.7.1 "* ]]
	done
}

@test "submission: local programs are known by their user" {
	senders
}

@test "submission: the units leave the sandbox all of its layers" {
	for profile in submission submissions local; do
		check_as "${profile/local/submission-local}@.service" $profile
	done
}

@test "submission: a renewed certificate is served to the next client" {
	before=$(served)
	now=$(certify etc/smtpd/certificates/mx.example.org)
	[ "$before" != "$now" ]
	[ "$(served)" = "$now" ]
}

@test "submission: a key that only root may read, as credentials.conf says" {
	local live=etc/letsencrypt/live/mx.example.org
	local archive=etc/letsencrypt/archive/mx.example.org
	# As certbot makes them.
	now=$(certify $archive)
	mkdir -p "$MACHINE/$live"
	chmod 600 "$MACHINE/$archive/privkey.pem"
	chmod 700 "$MACHINE"/etc/letsencrypt/{live,archive}
	for file in fullchain privkey; do
		ln -s ../../archive/mx.example.org/$file.pem \
			"$MACHINE/$live/$file.pem"
	done
	before=$(served)
	commands_of credentials.conf | head -n 5 |
		sed s/NAME/mx.example.org/ >"$MACHINE/credentials"
	inside bash -e /credentials
	run -0 submit 465 '<>'
	[[ $output = "certificate $now"* ]]
	run -0 submit 587 '<>'
	[[ $output = *"certificate $before"* ]]
	# Renewed, by the next session.
	now=$(certify $archive)
	run -0 submit 465 '<>'
	[[ $output = "certificate $now"* ]]
	idle
	[ "$(inside systemctl --failed --no-legend)" = "" ]
	inside rm -r /etc/systemd/system/submissions@.service.d
	inside systemctl daemon-reload
	[ "$(served)" = "$before" ]
}

@test "submission: a user's limit counts over all units" {
	inside sed -i -e 's/^tls = [ri].*/&\nuser-messages = 1/' \
		/etc/smtpd/smtpd.conf
	LOGIN=bob@mx.example.org:secret run -0 submit 465 bob@mx.example.org \
		alice@mx.example.org
	[[ $output = *$'\n'"DATA 250 "* ]]
	bob_has_to_wait
	[ "$(inside stat -c '%U %a' /var/lib/smtpd/rates)" = "smtpd 700" ]
	idle
	# The tests below go on without sockets that nobody speaks of.
	inside systemctl stop submission{,s,-local}.socket
}

# --- the accept loop ---

@test "a drop-in makes it an accept loop" {
	idle
	[ "$(inside systemctl show -P Accept smtpd.socket)" = yes ]
	# The commands that it has in its comment.
	commands_of accept-loop.conf >"$MACHINE/switch"
	[ "$(wc -l <"$MACHINE/switch")" = 5 ]
	inside bash -e /switch
	[ "$(inside systemctl show -P Accept smtpd.socket)" = no ]
	[ "$(loop ActiveState)" = inactive ]
	set_to idle-exit 1h
	id=$(send_to alice@example.org)
	[ -n "$id" ]
	[ "$(stored example.org/alice "$id" -printf '%u %g %m')" = \
		"smtpd smtpd 600" ]
	[ "$(loop ActiveState)" = active ]
	[ -z "$(inside systemctl list-units --all --no-legend 'smtpd@*')" ]
}

@test "loop: systemctl status shows how many messages there were" {
	await sh -c '[ "$(systemctl show -P StatusText smtpd.service)" = \
		"0 sessions, 1 messages, 0 refused" ]'
	inside systemctl status --no-pager smtpd.service |
		grep 'Status: "0 sessions, 1 messages, 0 refused"'
}

@test "loop: the journal has the message, field by field" {
	journal_tells smtpd.service
}

@test "loop: its own records have an entry in the catalog" {
	inside journalctl --update-catalog
	inside journalctl -q -x -t smtpd SMTPD_STATE=ready |
		grep 'Subject: The accept loop is ready'
}

@test "loop: mailboxes of system users, each with its group" {
	mail_for_groups
}

@test "loop: the address in brackets that a client connected to" {
	mail_for_literals
}

@test "loop: a domain beyond ASCII, for which a library is loaded" {
	inside sh -c 'ls /usr/lib/*/libidn2.so.0' || cannot "no libidn2"
	mailbox xn--bcher-kva.example/alice
	run inside talk <<-END
		EHLO client.example
		MAIL FROM:<> SMTPUTF8
		RCPT TO:<alice@bücher.example>
		QUIT
	END
	inside rm -r /var/lib/smtpd/domains/xn--bcher-kva.example
	[[ ${lines[-2]} = "250 2.1.5 "* ]]
}

@test "loop: the unit leaves the sandbox all of its layers" {
	check_as smtpd.service
	run inside journalctl -q -o json _SYSTEMD_UNIT=smtpd.service \
		SMTPD_STATE=ready
	[ "${#lines[@]}" -gt 0 ]
	[[ $output != *SMTPD_UNCONFINED* ]]
}

@test "loop: what the unit forbids, seen from its process" {
	main=$(loop MainPID)
	# It writes mail only, where nothing is executed, and is alone with a
	# loopback.
	for place in /etc /usr/lib /usr/local/sbin/smtpd /root /var/log; do
		run inside findmnt -N "$main" -n -o OPTIONS -T "$place"
		[[ $output = ro,* ]]
	done
	for place in /var/lib/smtpd{,/rates} /tmp /var/tmp; do
		run inside findmnt -N "$main" -n -o OPTIONS -T "$place"
		[[ $output = rw,* && ,$output, = *,noexec,* ]]
	done
	[ "$(inside readlink "/proc/$main/ns/net")" != \
		"$(inside readlink /proc/1/ns/net)" ]
	run inside grep -E '^(Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):' \
		"/proc/$main/status"
	[ "$(tr -d '\t\n' <<<"${output//0000000000000000/0}")" = \
		CapPrm:0CapEff:0CapBnd:0CapAmb:0NoNewPrivs:1Seccomp:2 ]
}

@test "loop: a reload takes new settings, and keeps the old for wrong ones" {
	main=$(loop MainPID)
	set_to hostname other.example
	before=$(cursor)
	inside systemctl reload smtpd.service
	told "$before" "listener state=ready"
	run inside talk <<<QUIT
	[[ ${lines[0]} = "220 other.example "* ]]

	set_to hostname third.example
	set_to no-such-setting 1
	before=$(cursor)
	inside systemctl reload smtpd.service
	told "$before" "listener state=unchanged"
	told "$before" no-such-setting
	run inside talk <<<QUIT
	[[ ${lines[0]} = "220 other.example "* ]]
	[ "$(loop ActiveState)" = active ]
	[ "$(loop MainPID)" = "$main" ]

	inside sed -i '/^no-such-setting/d' /etc/smtpd/smtpd.conf
	set_to hostname mx.example.org
	before=$(cursor)
	inside systemctl reload smtpd.service
	told "$before" "listener state=ready"
}

@test "loop: a start with wrong settings answers 421, and a reload mends it" {
	set_to no-such-setting 1
	inside systemctl stop smtpd.service
	run inside talk <<<QUIT
	[[ $output = "421 4.3.5 "* ]]
	[ "$(loop ActiveState)" = active ]
	main=$(loop MainPID)
	inside sed -i '/^no-such-setting/d' /etc/smtpd/smtpd.conf
	before=$(cursor)
	inside systemctl reload smtpd.service
	told "$before" "listener state=ready"
	run inside talk <<<QUIT
	[[ $output = "220 "* ]]
	[ "$(loop MainPID)" = "$main" ]
}

@test "loop: a stop waits for the message being sent, then for the session" {
	run inside bash -c '
		exec 4<>/dev/tcp/127.0.0.1/25 || exit
		say() { printf "%s\r\n" "$1" >&4; }
		hear() { read -r -u 4 -t 60 reply; echo "${reply%?}"; }
		hear
		for line in "HELO client.example" "MAIL FROM:<>" \
		    "RCPT TO:<alice@example.org>" DATA; do
			say "$line"
			hear
		done
		say "Subject: stopped"
		main=$(systemctl show -P MainPID smtpd.service)
		systemctl stop --no-block smtpd.service
		until [[ $(systemctl show -P StatusText smtpd.service) = \
		    *", draining" ]]; do :; done
		# Who comes now waits for the next loop.
		exec 5<>/dev/tcp/127.0.0.1/25
		say .
		hear
		say NOOP
		hear
		say QUIT
		hear
		read -r -u 5 -t 60 reply
		echo "next: $reply"
		[ "$(systemctl show -P MainPID smtpd.service)" != "$main" ] &&
			echo another'
	echo "$output"
	[[ ${lines[4]} = "354 "* ]]
	[[ ${lines[5]} = "250 2.0.0 "*id=* ]]
	[[ ${lines[6]} = "250 "* ]]
	[[ ${lines[7]} = "221 "* ]]
	[[ ${lines[8]} = "next: 220 "* ]]
	[ "${lines[9]}" = another ]
	[ -n "$(stored example.org/alice "${lines[5]#*id=}")" ]
}

@test "loop: after drain-timeout a session at rest is told 421" {
	set_to drain-timeout 1s
	fresh_loop
	run inside bash -c '
		exec 4<>/dev/tcp/127.0.0.1/25 || exit
		read -r -u 4 reply
		systemctl stop smtpd.service 2>/dev/null
		cat <&4'
	echo "$output"
	[[ $output = "421 4."* ]]
	[ "$(loop Result)" = success ]
	set_to drain-timeout 30s
}

@test "loop: TimeoutStopSec= leaves the drain its time" {
	conf=$BATS_TEST_TMPDIR/conf
	"$SMTPD" --help >"$conf"
	drain=$(grep -A3 -e --drain-timeout "$conf" | grep -o '[0-9]\+s' |
		head -n 1)
	limit=$(loop TimeoutStopUSec)
	[ "$limit" = 1min ]
	[ "${drain%s}" -lt 60 ]
}

@test "loop: stopping the socket stops it, too" {
	fresh_loop
	inside systemctl stop smtpd.socket
	[ "$(loop ActiveState)" = inactive ]
	run ! inside bash -c 'exec 5<>/dev/tcp/127.0.0.1/25'
	inside systemctl start smtpd.socket
	inside talk <<<QUIT
	# While a loop runs the socket can be made anew.
	inside systemctl restart smtpd.socket
	run inside talk <<<QUIT
	[[ ${lines[0]} = "220 "* ]]
}

@test "loop: a session that is killed is logged, others are unharmed" {
	fresh_loop
	main=$(loop MainPID)
	before=$(cursor)
	run inside bash -c '
		children() {
			grep -l "^PPid:[[:space:]]$1\$" /proc/[0-9]*/status \
				2>/dev/null | tr -dc "0-9\n"
		}
		exec 4<>/dev/tcp/127.0.0.1/25 || exit
		read -r -u 4 reply
		first=$(children "$1")
		exec 5<>/dev/tcp/127.0.0.1/25 || exit
		read -r -u 5 reply
		kill -KILL "$first"
		cat <&4
		printf "NOOP\r\nQUIT\r\n" >&5
		cat <&5' bash "$main"
	echo "$output"
	[ "${#lines[@]}" = 2 ]
	[[ ${lines[0]} = "250 "* ]]
	[[ ${lines[1]} = "221 "* ]]
	told "$before" "was ended by signal 9"
	[ "$(loop MainPID)" = "$main" ]
	[ "$(loop ActiveState)" = active ]
}

@test "loop: one that is killed is started again, with nobody's help" {
	main=$(loop MainPID)
	inside bash -c 'kill -KILL "$1"' bash "$main"
	await bash -c 'now=$(systemctl show -P MainPID smtpd.service)
		[ "$now" != 0 ] && [ "$now" != "$1" ]' bash "$main"
	[ "$(loop NRestarts)" = 1 ]
	id=$(send_to alice@example.org)
	[ -n "$id" ]
}

@test "loop: one that hangs is noticed by the watchdog" {
	inside mkdir /run/systemd/system/smtpd.service.d
	inside sh -c 'printf "[Service]\nWatchdogSec=1s\n" \
		>/run/systemd/system/smtpd.service.d/soon.conf'
	inside systemctl daemon-reload
	fresh_loop
	main=$(loop MainPID)
	# One that does not is left alone: longer than the limit.
	inside bash -c 'read -r -t 2 <> <(:)' || :
	[ "$(loop MainPID)" = "$main" ]
	before=$(cursor)
	inside bash -c 'kill -STOP "$1"' bash "$main"
	await bash -c 'now=$(systemctl show -P MainPID smtpd.service)
		[ "$now" != 0 ] && [ "$now" != "$1" ]' bash "$main"
	inside journalctl -q --after-cursor="$before" | grep 'Watchdog timeout'
	id=$(send_to alice@example.org)
	[ -n "$id" ]
	inside rm -r /run/systemd/system/smtpd.service.d
	inside systemctl daemon-reload
}

@test "loop: a burst of connections does not close the port" {
	inside bash -c '
		for ((i = 0; i < 400; i++)); do
			exec {fd[i]}<>/dev/tcp/127.0.0.1/25 || exit
		done
		for ((i = 0; i < 400; i++)); do
			read -r -u "${fd[i]}" greeting
			echo "${greeting%% *}"
		done' >"$BATS_TEST_TMPDIR/greetings"
	# None was closed without a word.
	run sort <"$BATS_TEST_TMPDIR/greetings"
	[ "$(grep -c 220 <<<"$output")" -ge 20 ]
	[ "$(grep -c 421 <<<"$output")" -ge 1 ]
	[ "$(grep -vcE '^(220|421)$' <<<"$output")" = 0 ]
	run inside bash -c '
		for ((try = 0; try < 1000; try++)); do
			talk <<<QUIT && exit
		done'
	[[ $output = *"221 "* ]]
}

@test "loop: idle it ends, nothing is left, and mail starts it again" {
	set_to idle-exit 1s
	fresh_loop
	await sh -c '[ "$(systemctl is-active smtpd.service)" = inactive ]'
	[ "$(loop Result)" = success ]
	[ "$(loop NRestarts)" = 0 ]
	run inside sh -c 'grep -lx smtpd /proc/[0-9]*/comm'
	[ -z "$output" ]
	[ "$(inside systemctl show -P SubState smtpd.socket)" = listening ]
	id=$(send_to alice@example.org)
	[ -n "$id" ]
}

@test "loop: it may start as often as mail comes" {
	set_to idle-exit 0s
	inside systemctl stop smtpd.service
	before=$(cursor)
	inside bash -c '
		for ((i = 0; i < 40; i++)); do
			talk <<<QUIT || exit
			until [ "$(systemctl is-active smtpd.service)" = \
			    inactive ]; do :; done
		done' >"$BATS_TEST_TMPDIR/said"
	[ "$(grep -c '^221 ' "$BATS_TEST_TMPDIR/said")" = 40 ]
	inside journalctl --sync
	[ "$(inside journalctl -q -o cat -t smtpd --after-cursor="$before" |
		grep -c "listener state=ready")" = 40 ]
	[ "$(inside systemctl is-active smtpd.socket)" = active ]
	inside sed -i '/^idle-exit = /d' /etc/smtpd/smtpd.conf
}

@test "loop: where it cannot start, the port stays and systemd has rest" {
	inside mv /usr/local/sbin/smtpd /usr/local/sbin/away
	inside bash -c '
		exec 4<>/dev/tcp/127.0.0.1/25 || exit
		until [ "$(systemctl show -P NRestarts smtpd.service)" -ge 2 ]
		do :; done'
	# A second for each, whatever the machine.
	[ "$(loop RestartUSec)" = 1s ]
	[ "$(inside systemctl is-active smtpd.socket)" = active ]
	inside mv /usr/local/sbin/away /usr/local/sbin/smtpd
	id=$(send_to alice@example.org)
	[ -n "$id" ]
}

@test "loop: it gets a socket of submission that is restarted" {
	for socket in submission submissions submission-local; do
		sed "s/smtpd\.socket/$socket.socket/; /^systemctl restart/d" \
			"$MACHINE/switch"
	done >"$MACHINE/more"
	inside bash -e /more
	fresh_loop
	main=$(loop MainPID)
	# So systemd wants it.
	run ! inside systemctl start submission.socket
	[ "$(loop MainPID)" = "$main" ]
	[ "$(listening)" = 0019 ]
	inside systemctl reset-failed submission.socket
	for socket in submission submissions submission-local; do
		inside systemctl restart $socket.socket
	done
	[ "$(listening)" = $'0019\n01D1\n024B\n/run/smtpd/submit' ]
	await sh -c '[ "$(systemctl is-active smtpd.service)" = active ]'
	[ "$(loop MainPID)" != "$main" ]
}

@test "loop: submission by 587, by 465 and by local programs" {
	inside sed -i /^user-messages/d /etc/smtpd/smtpd.conf
	inside systemctl reload smtpd.service
	submission smtpd.service smtpd.service smtpd.service
	[ -z "$(inside systemctl list-units --all --no-legend \
		'submission*@*')" ]
	id=$(send_to alice@example.org)
	[ -n "$id" ]
}

@test "loop: local programs are known by their user" {
	senders
}

@test "loop: a renewed certificate is served to the next client" {
	main=$(loop MainPID)
	before=$(served)
	now=$(certify etc/smtpd/certificates/mx.example.org)
	[ "$before" != "$now" ]
	[ "$(served)" = "$now" ]
	[ "$(loop MainPID)" = "$main" ]
}

@test "loop: a key that only root may read, as credentials.conf says" {
	sed 's/submissions@/smtpd/' "$MACHINE/credentials" >"$MACHINE/more"
	inside bash -e /more
	fresh_loop
	now=$(served)
	before=$(served)
	now=$(certify etc/letsencrypt/archive/mx.example.org)
	[ "$before" != "$now" ]
	[ "$(served)" = "$before" ]
	run commands_of credentials.conf
	inside sh -c "${lines[-1]}"
	[ "$(served)" = "$now" ]
	inside rm -r /etc/systemd/system/smtpd.service.d
	inside systemctl daemon-reload
}

@test "loop: a user's limit holds when everything was started again" {
	inside sed -i -e 's/^tls = [ri].*/&\nuser-messages = 1/' \
		/etc/smtpd/smtpd.conf
	inside systemctl stop smtpd.socket submission{,s,-local}.socket
	[ "$(loop ActiveState)" = inactive ]
	[ -z "$(listening)" ]
	# It also holds while old files are removed.
	inside systemd-tmpfiles --create --clean smtpd.conf
	inside systemctl start smtpd.socket submission{,s,-local}.socket
	bob_has_to_wait
	inside sed -i /^user-messages/d /etc/smtpd/smtpd.conf
}

@test "loop: one socket that is stopped leaves the others" {
	inside systemctl stop submission{,s,-local}.socket
	[ "$(listening)" = 0019 ]
	id=$(send_to alice@example.org)
	[ -n "$id" ]
	inside systemctl stop smtpd.socket
	[ "$(loop ActiveState)" = inactive ]
	# At boot, all that are enabled are started before the loop.
	inside systemctl start sockets.target
	[ "$(listening)" = $'0019\n01D1\n024B\n/run/smtpd/submit' ]
	[ "$(loop ActiveState)" = inactive ]
}

@test "loop: idle it ends, and submission starts it again" {
	set_to idle-exit 0s
	for place in 465 587 smtpd/submit; do
		fresh_loop || :
		await sh -c '[ "$(systemctl is-active smtpd.service)" = inactive ]'
		run -0 submit $place '<>'
		[[ $output = *"MAIL "* ]]
	done
	inside sed -i '/^idle-exit = /d' /etc/smtpd/smtpd.conf
	inside systemctl stop submission{,s,-local}.socket
}

@test "loop: how exposed it is, by systemd-analyze: less than 1.0" {
	exposure smtpd.service
	[ "${BASH_REMATCH[1]%.*}" = 0 ]
}

@test "without the drop-in it is a unit for each session again" {
	inside talk <<<QUIT
	inside sed -i 's/^install .*/rm -r \\/
		s,^    .*, /etc/systemd/system/smtpd.socket.d,' /switch
	inside bash -e /switch
	id=$(send_to alice@example.org)
	[ -n "$id" ]
	inside journalctl --sync
	inside journalctl -q -o json SMTPD_ID="$id" |
		grep '"_SYSTEMD_UNIT":"smtpd@'
	[ "$(loop ActiveState)" = inactive ]
	idle
}

@test "without a stop in between the loop comes to rest, too" {
	inside install -D -m 644 -t /etc/systemd/system/smtpd.socket.d \
		/usr/local/share/doc/smtpd/accept-loop.conf
	inside systemctl daemon-reload
	inside systemctl restart smtpd.socket
	inside talk <<<QUIT
	[ "$(loop ActiveState)" = active ]
	inside rm -r /etc/systemd/system/smtpd.socket.d
	inside systemctl daemon-reload
	# It is restarted, gets no socket, and has nothing to do.
	inside systemctl restart smtpd.socket || :
	await sh -c '[ "$(systemctl is-active smtpd.service)" = failed ]'
	[ "$(loop NRestarts)" = 0 ]
	id=$(send_to alice@example.org)
	[ -n "$id" ]
	idle
	inside systemctl reset-failed smtpd.service
}

@test "after all that, nothing has failed and nothing is left running" {
	[ "$(inside systemctl --failed --no-legend)" = "" ]
	run inside sh -c 'grep -lx smtpd /proc/[0-9]*/comm'
	[ -z "$output" ]
	inside smtpd --check
}

@test "uninstalled: all gone but mail and settings" {
	inside systemctl start sockets.target
	[ -n "$(listening)" ]
	inside systemctl disable --now smtpd.socket submission{,s,-local}.socket
	[ -z "$(listening)" ]
	mail=$(inside find /var/lib/smtpd -type f | sort)
	make -C "$ROOT" uninstall DESTDIR="$MACHINE"
	[ -n "$mail" ]
	[ "$mail" = "$(inside find /var/lib/smtpd -type f | sort)" ]
	inside grep -q mx.example.org /etc/smtpd/smtpd.conf
	inside systemctl daemon-reload
	for unit in {smtpd,submission{,s,-local}}{.socket,@1.service} \
	    smtpd.service; do
		[ "$(inside systemctl show -P LoadState "$unit")" = not-found ]
	done
	(cd "$MACHINE" && find etc/smtpd usr/local -type f) \
		>"$BATS_TEST_TMPDIR/after"
	[ "$(sort "$BATS_TEST_TMPDIR/after")" = "$(printf 'etc/smtpd/%s\n' \
		certificates/mx.example.org/{fullchain,privkey}.pem \
		passwords smtpd.conf)" ]
}
