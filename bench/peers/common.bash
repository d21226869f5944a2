# SPDX-License-Identifier: ISC
# What the scripts of the peers share. Each is called as
#
#   bench/peers/NAME about              lines KEY=VALUE, see bench/run
#   bench/peers/NAME configure ROOT     once its packages are in ROOT
#   bench/peers/NAME start ROOT PORT    in the foreground, on 127.0.0.1
#
# STARTTLS is offered where bench/run has put a certificate and its key, PEM,
# into ROOT/etc/bench.crt and ROOT/etc/bench.key (root alone reads it).
#
# Peers are as their Debian packages ship them, but for: one port, no name
# service, room for 25 MiB, 100 mailboxes in example.org, and limits of
# concurrency raised. Nothing that concerns durability is touched. No syslog
# daemon runs in a root, so what a peer logs there costs it nearly nothing.
# shellcheck shell=bash
set -euo pipefail
mailboxes=100

# Accounts user1 .. user100 in group 5000, with a Maildir each. Its owner is
# user 5000, or with "each" the account's own.
accounts() {
	local root=$1 each=${2:-} i uid
	echo 'bench:x:5000:' >>"$root/etc/group"
	echo 'bench:x:5000:5000::/home:/bin/sh' >>"$root/etc/passwd"
	for ((i = 1; i <= mailboxes; i++)); do
		uid=$((5000 + i))
		echo "user$i:x:$uid:5000::/home/user$i:/bin/sh" \
			>>"$root/etc/passwd"
		mkdir -p "$root/home/user$i/Maildir"/{cur,new,tmp}
		[ "$each" = each ] || uid=5000
		chown -R "$uid:5000" "$root/home/user$i"
		chmod -R u=rwX,go= "$root/home/user$i"
	done
	echo '127.0.0.1 localhost mx.example.org' >"$root/etc/hosts"
	echo mx.example.org >"$root/etc/hostname"
	: >"$root/etc/resolv.conf"
}
