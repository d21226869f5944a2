#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# packages: mmdebstrap procps systemd-container util-linux
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
	systemd-nspawn --quiet --register=no --keep-unit --private-network \
		-D "$MACHINE" --boot </dev/null >"$BATS_FILE_TMPDIR/console" \
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
	need mmdebstrap nsenter pgrep systemd-nspawn
	export MACHINE=$BATS_FILE_TMPDIR/machine
	mkdir "$MACHINE"
	"$ROOT/tests/root" "$MACHINE" dbus systemd systemd-sysv
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
			'smtpd@*')" ] || return 0
	done
	return 1
}

# A mailbox as README says.
mailbox() {
	inside install -d -o smtpd -g smtpd "/var/lib/smtpd/domains/$1"
}

# One message for a mailbox through port 25; prints its id.
send_to() {
	inside talk <<-END | sed -n 's/^250 2.0.0 .*id=//p'
		EHLO client.example
		MAIL FROM:<carol@example.com>
		RCPT TO:<$1>
		DATA
		Subject: hello

		hello
		.
		QUIT
	END
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
	run inside runuser -u smtpd -- id -Gn
	[ "$output" = smtpd ]
}

@test "systemd finds no fault with the units" {
	run inside systemd-analyze verify --man=no smtpd.socket \
		smtpd@1.service
	[ "$status" = 0 ]
	[ "$output" = "" ]
}

@test "--check asks for a domain, then for nothing" {
	run -78 inside smtpd --check
	[[ $output = *"no domain in it"* ]]
	mailbox example.org/alice
	mailbox example.org/postmaster
	run -0 inside smtpd --check
	[ "$output" = "1 domains, 2 mailboxes, 0 aliases, 0 problems" ]
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
	inside sh -c 'echo "hostname = mx.example.org" >>/etc/smtpd/smtpd.conf'
	run inside talk <<<QUIT
	[[ ${lines[0]} = "220 mx.example.org "* ]]
	# To install again does not touch them.
	make -C "$ROOT" install DESTDIR="$MACHINE"
	run inside talk <<<QUIT
	[[ ${lines[0]} = "220 mx.example.org "* ]]
}

@test "the journal has the message under the id of its 250, field by field" {
	id=$(send_to alice@example.org)
	inside journalctl --sync
	run inside journalctl -o json SMTPD_ID="$id"
	[ "${#lines[@]}" = 1 ]
	for field in MESSAGE_ID:5d2c6cbc1f0b4d0f9d7d0b8c2a4e6f11 \
	    SMTPD_PEER:127.0.0.1 SMTPD_HELO:client.example \
	    'SMTPD_FROM:<carol@example.com>' 'SMTPD_TO:<alice@example.org>' \
	    SMTPD_RECIPIENTS:1 SMTPD_RESULT:stored PRIORITY:6 \
	    SYSLOG_IDENTIFIER:smtpd SYSLOG_FACILITY:2 _COMM:smtpd; do
		[[ $output = *"\"${field%%:*}\":\"${field#*:}\""* ]] ||
			{ echo "no $field in $output"; return 1; }
	done
	[[ $output = *'"_SYSTEMD_UNIT":"smtpd@'* ]]
	size=$(inside find /var/lib/smtpd/domains -name "*.$id.*" -printf %s)
	[[ $output = *"\"SMTPD_SIZE\":\"$size\""* ]]
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
	run inside systemd-analyze security --no-pager smtpd@1.service
	[[ $output = *"Overall exposure level"* ]]
	echo "# ${lines[-1]#*> }" >&3
}

@test "uninstalled: all gone but mail and settings" {
	inside systemctl disable --now smtpd.socket
	mail=$(inside find /var/lib/smtpd -type f | sort)
	make -C "$ROOT" uninstall DESTDIR="$MACHINE"
	[ -n "$mail" ]
	[ "$mail" = "$(inside find /var/lib/smtpd -type f | sort)" ]
	inside grep -q mx.example.org /etc/smtpd/smtpd.conf
	inside systemctl daemon-reload
	[ "$(inside systemctl show -P LoadState smtpd.socket)" = not-found ]
	(cd "$MACHINE" && find etc/smtpd usr/local -type f) \
		>"$BATS_TEST_TMPDIR/after"
	[ "$(cat "$BATS_TEST_TMPDIR/after")" = etc/smtpd/smtpd.conf ]
}
