#!/usr/bin/env bats
# bats file_tags=sandbox
# packages: gcc libc6-dev ucspi-tcp systemd python3 strace util-linux
#
# The sandbox from inside: code of an intruder (intruder.c) that runs in a
# session, and kernels that lack a layer.

# Each test is a process of its own.
# shellcheck disable=SC2030,SC2031

load ../helpers
load net

setup_file() {
	# Where other users may go, unlike a directory of bats.
	PLACE=$(mktemp -d)
	export PLACE
	chmod 755 "$PLACE"
	"${CC:-gcc}" -shared -fPIC -D_GNU_SOURCE -o "$PLACE/intruder.so" \
		"$BATS_TEST_DIRNAME/intruder.c"
}

teardown_file() {
	rm -rf "$PLACE"
}

# The sandbox must be one that the kernel and the build can enter.
setup() {
	local layer
	need python3 strace
	export DOMAINS=$PLACE/domains LOG=$PLACE/log OUTSIDE=$PLACE/outside
	export INSIDE=$DOMAINS/example.org/alice
	rm -rf "$DOMAINS" "$OUTSIDE"
	mkdir -p "$INSIDE"/{cur,new,tmp} "$DOMAINS/example.org/postmaster" \
		"$OUTSIDE"
	echo 1000000S >"$INSIDE/maildirsize"
	echo secret >"$OUTSIDE/file"
	chmod -R a+rwX "$OUTSIDE"
	: >"$LOG"
	chmod 666 "$LOG"
	SERVER=$(id -un)
	[ "$SERVER" != root ] || SERVER=nobody
	cd "$PLACE" || return
	run -0 smtpd --check
	for layer in landlock seccomp; do
		[[ $output == *"sandbox: $layer: active"* ]] ||
			cannot "$layer: not here"
	done
	LANDLOCK=$(sed -n 's/.*landlock: active, version \([0-9]*\).*/\1/p' \
		<<<"$output")
	PIDS=()
	export PORT=1
}

teardown() {
	finish_started
}

# The mailboxes belong to the user that serves.
own() {
	[ "$(id -u)" != 0 ] || chown -R "$SERVER" "$DOMAINS" "$OUTSIDE"
}

command_of() {
	own
	mapfile -t COMMAND < <(smtpd_command --user="$SERVER" --log=stderr "$@")
}

# Three ways to a session. talk sends standard input to one.
# shellcheck disable=SC2120 # options are for other tests
over_pipe() {
	command_of "$@"
	talk() {
		env LD_PRELOAD="$PLACE/intruder.so" "${COMMAND[@]}" 2>>"$LOG"
	}
}

# shellcheck disable=SC2120
over_tcpserver() {
	local fifo=$PLACE/port
	command_of "$@"
	[ -p "$fifo" ] || mkfifo "$fifo"
	tcpserver -1 -HR -l 0 127.0.0.1 0 env LD_PRELOAD="$PLACE/intruder.so" \
		"${COMMAND[@]}" >"$fifo" 2>>"$LOG" 3>&- &
	PIDS+=($!)
	read -r PORT <"$fifo"
	talk() {
		speak 127.0.0.1 "$PORT"
	}
}

# BEFORE: words before the command.
over_loop() {
	command_of "$@"
	need systemd-socket-activate
	PORT=$(free_port)
	start systemd-socket-activate -l "127.0.0.1:$PORT" \
		-E LD_PRELOAD="$PLACE/intruder.so" -E PORT="$PORT" \
		-E INSIDE="$INSIDE" -E OUTSIDE="$OUTSIDE" -E PATH="$PATH" \
		"${BEFORE[@]}" "${COMMAND[@]}"
	await is_open "$PORT"
	LOOP=${PIDS[-1]}
	talk() {
		speak 127.0.0.1 "$PORT"
	}
}

# has PATTERN: wait for a line of the records. There are many to wait for, so
# this looks often.
has() {
	await grep -q -- "$1" "$LOG"
}

# intrude NAME OUTCOME: an attempt fails as it should, or is the last thing that
# a session does, and the log says which call it was (killed:CALL).
intrude() {
	local name=$1 expected=$2
	: >"$LOG"
	# bash tells of each process that a signal ends.
	(talk <<<"NOOP intrude=$name"$'\n'QUIT) >"$PLACE/out" 2>/dev/null || true
	if [[ $expected == killed:* ]]; then
		has "refused system call [0-9]* (${expected#*:})" &&
			! grep "^intruder $name\|^session " "$LOG" &&
			! grep '^250\|^221' "$PLACE/out"
	else
		has "^session .*commands=2 .*end=quit" &&
			grep -qx "intruder $name: $expected" "$LOG" &&
			! grep 'refused system call' "$LOG"
	fi || {
		echo "$name: expected $expected"
		cat "$LOG" "$PLACE/out"
		return 1
	}
}

# All of them; those that fare otherwise in this place are NAME=OUTCOME.
intrude_all() {
	local name outcome other failed=0 count=0
	while read -r name outcome; do
		[[ $name ]] || continue
		for other; do
			[[ $other != "$name="* ]] || outcome=${other#*=}
		done
		intrude "$name" "$outcome" || failed=1
		count=$((count + 1))
	done < <(attempts)
	[ "$count" -gt 70 ]
	# Nothing has changed.
	[ "$(cat "$OUTSIDE/file")" = secret ]
	[ "$(ls "$OUTSIDE")" = file ]
	[ "$(ls "$INSIDE")" = $'cur\nmaildirsize\nnew\ntmp' ]
	[ "$(cat "$INSIDE/maildirsize")" = 1000000S ]
	return "$failed"
}

# What may be done is in it too, so that the intruder is known to be able.
attempts() {
	cat <<-'END'
		write_passwd      EACCES
		append_passwd     EACCES
		read_passwd       EACCES
		read_shadow       EACCES
		list_root         EACCES
		read_environment  EACCES
		write_memory      EACCES
		read_link         done
		create_outside    EACCES
		unnamed_outside   EACCES
		mkdir_outside     EACCES
		unlink_outside    EACCES
		create_inside     done
		rmdir_inside      EACCES
		rename_outside    EACCES
		rename_inside_out EACCES
		link_outside_in   EXDEV
		symlink_inside    killed:symlinkat
		fifo_inside       killed:mknodat
		device_inside     killed:mknodat
		chmod_inside      killed:fchmodat
		truncate_inside   killed:truncate
		open_by_handle_at killed:open_by_handle_at
		name_to_handle_at killed:name_to_handle_at
		mount             killed:mount
		chroot            killed:chroot
		chdir             killed:chdir
		memfd_create      killed:memfd_create
		exec              killed:execve
		execveat          killed:execveat
		fork              killed:clone
		thread            killed:clone
		clone3            killed:clone3
		ptrace            killed:ptrace
		read_memory       killed:process_vm_readv
		kill_term         killed:kill
		kill_kill         killed:kill
		kill_zero         killed:kill
		kill_all          killed:kill
		kill_thread       killed:tgkill, abort
		abort             killed:tgkill, abort
		rt_sigqueueinfo   killed:rt_sigqueueinfo
		pidfd_open        killed:pidfd_open
		own_signals       killed:fcntl
		choose_signal     killed:fcntl
		limit_other       killed:prlimit64
		limit_pointer     killed:prlimit64
		limit_more        EPERM
		limit_processes   EPERM
		dump              killed:prctl
		setuid            killed:setuid
		setresuid         killed:setresuid
		capset            killed:capset
		unshare           killed:unshare
		setns             killed:setns
		personality       killed:personality
		rt_sigaction      killed:rt_sigaction
		tcp               killed:socket
		tcp6              killed:socket
		udp               killed:socket
		packet            killed:socket
		unix_stream       killed:socket
		netfilter         killed:socket
		connect           killed:connect
		listen            killed:listen
		accept            killed:accept4
		socket_option     killed:setsockopt
		sendmsg           killed:sendmsg
		map_code          killed:mmap
		make_code         killed:mprotect
		push_input        killed:ioctl
		io_uring_setup    killed:io_uring_setup
		bpf               killed:bpf
		perf_event_open   killed:perf_event_open
		userfaultfd       killed:userfaultfd
		keyctl            killed:keyctl
		add_key           killed:add_key
		newer             ENOSYS
	END
	[ "$(uname -m)" != x86_64 ] || cat <<-'END'
		plain_fork        killed:fork
		vfork             killed:vfork
		x32               killed:call
		i386              killed:of another architecture
	END
	# Of a socket, where there is one.
	[ "$PORT" = 1 ] || cat <<-END
		fast_open         EISCONN
		bind              $([ "$LANDLOCK" -ge 4 ] && echo EACCES || echo EINVAL)
	END
}

# What the accept loop's filter lets through to its sessions, where other layers
# refuse it. A signal to all is well where it reaches nobody.
LOOP_CALLS=(accept=EINVAL fork=EAGAIN kill_term=EPERM kill_all=done)

@test "an intruder in a session on a pipe" {
	over_pipe
	intrude_all
}

@test "an intruder in a session on a pipe, as root" {
	root_only
	SERVER=root
	over_pipe
	intrude_all
}

@test "an intruder in a session of tcpserver" {
	over_tcpserver
	intrude_all
}

@test "an intruder in a session of the accept loop" {
	local loop=("${LOOP_CALLS[@]}")
	[ "$LANDLOCK" -ge 6 ] || loop=()
	over_loop
	intrude_all "${loop[@]}"
	# The loop is the one it was, and told of each that it lost.
	kill -0 "$LOOP"
	intrude exec killed:execve
	await_record 'problem=.*session [0-9]* with 127.0.0.1 was ended by signal'
}

@test "an intruder in a session of the accept loop, as root" {
	root_only
	SERVER=root
	over_loop
	intrude_all
	kill -0 "$LOOP"
}

@test "an intruder in a session of the accept loop, where Landlock is that of Linux 6.1" {
	root_only
	BEFORE=(strace -D -f -qq -o "$PLACE/trace" -e trace=landlock_create_ruleset
		-e inject=landlock_create_ruleset:retval=2:when=1)
	LANDLOCK=2
	over_loop
	intrude_all
	kill -0 "$LOOP"
}

# status PROCESS FIELD
status() {
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status"
}

limits() {
	awk -v name="$2" 'index($0, name) == 1 {
		sub(name, ""); print $1, $2 }' "/proc/$1/limits"
}

@test "a process as the kernel sees it: no privileges, no capabilities, limits" {
	local pid field
	root_only
	# A log that is no file, or files would have no limit.
	# shellcheck disable=SC2016 # for the other shell
	BEFORE=(bash -c 'exec "$@" 2> >(cat >>"$0")' "$LOG")
	over_loop --message-size=1000000 --memory=64M
	exec 4<>"/dev/tcp/127.0.0.1/$PORT"
	read -r -t 10 _ <&4
	pid=$(pgrep -P "$LOOP" -x smtpd)
	for field in CapInh CapPrm CapEff CapBnd CapAmb; do
		[ "$(status "$pid" "$field")" = 0000000000000000 ]
	done
	[ "$(status "$pid" NoNewPrivs)" = 1 ]
	[ "$(status "$pid" Seccomp)" = 2 ]
	[ "$(status "$pid" Groups | tr -d ' ')" = "$(id -G "$SERVER" | tr -d ' ')" ]
	[ "$(status "$pid" Uid | tr '\t' '\n' | sort -u)" = "$(id -u "$SERVER")" ]
	# Not dumpable: its files in /proc are root's.
	[ "$(stat -c %u "/proc/$pid/environ")" = 0 ]
	[ "$(limits "$pid" 'Max processes')" = '0 0' ]
	[ "$(limits "$pid" 'Max core file size')" = '0 0' ]
	[ "$(limits "$pid" 'Max open files')" = '256 256' ]
	[ "$(limits "$pid" 'Max data size')" = '67108864 67108864' ]
	[ "$(limits "$pid" 'Max file size')" = '2048576 2048576' ]
	# The loop itself.
	[ "$(status "$LOOP" Seccomp)" = 2 ]
	[ "$(status "$LOOP" CapPrm)" = 0000000000000000 ]
	exec 4>&-
}

@test "root keeps the capabilities over files alone" {
	local pid
	root_only
	SERVER=root
	over_loop
	exec 4<>"/dev/tcp/127.0.0.1/$PORT"
	read -r -t 10 _ <&4
	pid=$(pgrep -P "$LOOP" -x smtpd)
	# chown, dac_override, dac_read_search, fowner, fsetid
	[ "$(status "$pid" CapEff)" = 000000000000001f ]
	[ "$(status "$pid" CapPrm)" = 000000000000001f ]
	exec 4>&-
}

# --- kernels that lack something ---

# lacking INJECTION...: a session, and --check, where system calls fail. Sets
# output to replies and records, CHECK to what --check says.
lacking() {
	local options=() injection
	for injection in "${INJECT[@]}"; do
		options+=(-e "inject=$injection")
	done
	own
	CHECK=$(strace -f -qq -o "$PLACE/trace" "${options[@]}" \
		"${COMMAND[@]}" --check)
	run strace -f -qq -o "$PLACE/trace" "${options[@]}" "${COMMAND[@]}" \
		"$@" <<-'END'
			EHLO client.example
			MAIL FROM:<sender@example.net>
			RCPT TO:<alice@example.org>
			DATA
			Subject: hello

			.
			QUIT
		END
}

# A session works, and says once what is missing; with sandbox = require there
# is none.
goes_without() {
	lacking
	[ "$status" -eq 0 ]
	[[ $output == *'250 2.0.0 stored'* ]]
	[ "$(grep -c 'unconfined=' <<<"$output")" = 1 ]
	[[ $output == *"session "*"unconfined=\"$1"* ]]
	[[ $CHECK == *"sandbox: $1"* ]]
	lacking --sandbox=require
	[ "$status" -eq 69 ]
	[[ $output == *'421 4.3.5'* && $output != *220* ]]
	[[ $output == *"problem problem=\"$1"* ]]
	lacking --sandbox=off
	[ "$status" -eq 0 ]
	[[ $output != *unconfined=* ]]
}

@test "a kernel without Landlock" {
	command_of
	INJECT=(landlock_create_ruleset:error=ENOSYS)
	goes_without 'landlock: not in this kernel (Function not implemented)'
	INJECT=(landlock_create_ruleset:error=EOPNOTSUPP)
	goes_without 'landlock: not in this kernel (Operation not supported)'
}

@test "the first version of Landlock, which forbids links" {
	command_of
	INJECT=(landlock_create_ruleset:retval=1:when=1)
	goes_without "landlock: the kernel's version 1 forbids links; 2 is needed"
}

@test "versions of Landlock between, by what they lack" {
	local version text
	command_of
	while IFS=: read -r version text; do
		[ "$version" -lt "$LANDLOCK" ] || continue
		INJECT=("landlock_create_ruleset:retval=$version:when=1")
		lacking --sandbox=require
		[ "$status" -eq 0 ]
		[[ $output == *'250 2.0.0 stored'* && $output != *unconfined* ]]
		grep -qx "sandbox: landlock: active, version $version$text" \
			<<<"$CHECK"
	done <<-'END'
		2: without truncation, TCP, devices, signals
		3: without TCP, devices, signals
		4: without devices, signals
		5: without signals
		6:
	END
}

@test "a kernel without seccomp" {
	local when
	command_of
	# The calls of prctl(2): after the capabilities of root come
	# no_new_privs, dumpable and seccomp.
	strace -f -qq -e trace=prctl -o "$PLACE/calls" "${COMMAND[@]}" \
		</dev/null >/dev/null 2>&1
	when=$(grep -n PR_SET_SECCOMP "$PLACE/calls" | cut -d: -f1)
	[ "$when" -gt 0 ]
	INJECT=("prctl:error=EINVAL:when=$when")
	goes_without 'seccomp: not in this kernel (Invalid argument)'
	INJECT=("prctl:error=EINVAL:when=$((when - 1))")
	goes_without 'dump: not in this kernel (Invalid argument)'
	INJECT=(capget:error=EPERM)
	goes_without 'capabilities: Operation not permitted'
}

@test "the accept loop without Landlock: said once; with sandbox = require it is closed" {
	root_only
	BEFORE=(strace -D -f -qq -o "$PLACE/trace" -e trace=landlock_create_ruleset
		-e inject=landlock_create_ruleset:error=ENOSYS)
	over_loop
	run -0 talk <<<QUIT
	[[ $output == *'221 '* ]]
	await_record '^listener state=ready .*unconfined="landlock: not in'
	await_record '^session '
	[ "$(grep -c unconfined= "$LOG")" = 1 ]
	# Its sessions can do no more for that than others.
	intrude fork killed:clone
	intrude kill_term killed:kill
	: >"$LOG"
	over_loop --sandbox=require
	run -0 talk <<<QUIT
	[[ $output == '421 4.3.5 '* ]]
	await_record '^listener state=closed '
	await_record '^problem problem="landlock: not in this kernel'
}

# --- what a session has to be able to do ---

# Deliver a message: deliver ADDRESS [OPTION...]; output has replies and records.
deliver() {
	local address=$1
	shift
	run -0 "${COMMAND[@]}" "$@" <<-END
		EHLO client.example
		MAIL FROM:<sender@example.net> ${PARAMETERS:-}
		RCPT TO:<$address>
		DATA
		Subject: hello

		.
		QUIT
	END
	[[ $output != *refused\ system* ]]
}

@test "a domain beyond ASCII, an address of this machine, a quota to be counted, EXPN" {
	mkdir -p "$DOMAINS/xn--mller-kva.example/alice" "$DOMAINS/[127.0.0.1]/alice"
	printf '1000000S\n5 1\n' >"$INSIDE/maildirsize"
	echo alice >"$DOMAINS/example.org/all"
	command_of --expn=yes
	PARAMETERS=SMTPUTF8 deliver 'alice@müller.example'
	[[ $output == *'250 2.0.0 stored'* ]]
	deliver 'alice@[127.0.0.1]'
	[[ $output != *'451 '* ]]
	deliver alice@example.org
	[[ $output == *'250 2.0.0 stored'* ]]
	# Counted anew.
	printf '100S\n5000 1\n' >"$INSIDE/maildirsize"
	touch -d '1 hour ago' "$INSIDE/maildirsize"
	rm -rf "${INSIDE:?}"/new/*
	own
	deliver alice@example.org
	run -0 "${COMMAND[@]}" <<<$'HELO c\nEXPN <all@example.org>\nQUIT'
	[[ $output == *'alice@example.org'* && $output != *refused\ system* ]]
}

@test "settings of the environment: time zone, language, tunables of malloc" {
	command_of
	export TZ=America/St_Johns LANG=de_DE.UTF-8 LC_ALL=de_DE.UTF-8
	export LANGUAGE=de MALLOC_ARENA_MAX=1 MALLOC_TRIM_THRESHOLD_=0
	export MALLOC_TOP_PAD_=1000000 MALLOC_MMAP_THRESHOLD_=1 MALLOC_PERTURB_=7
	export GLIBC_TUNABLES=glibc.malloc.hugetlb=1
	deliver alice@example.org
	[[ $output == *'250 2.0.0 stored'* ]]
	grep -qE '[-+]0[23]30$' "$INSIDE"/new/*
}

@test "an older kernel links through /proc" {
	command_of
	own
	run -0 strace -f -qq -o "$PLACE/trace" -e trace=linkat \
		-e inject=linkat:error=ENOENT:when=1 "${COMMAND[@]}" <<-'END'
			HELO c
			MAIL FROM:<>
			RCPT TO:<alice@example.org>
			DATA
			.
			QUIT
		END
	[[ $output == *'250 2.0.0 stored'* && $output != *refused\ system* ]]
	grep -q '/proc/self/fd/.*= 0' "$PLACE/trace"
}

@test "syslog that restarts in the middle of a session" {
	root_only
	unshare --mount true 2>/dev/null || cannot "needs mount namespaces"
	mkdir -p "$PLACE/dev"
	chmod 755 "$PLACE/dev"
	rm -f "$PLACE/dev/log"
	command_of
	listener() {
		start python3 "$BATS_TEST_DIRNAME/inetd/syslog.py" \
			"$PLACE/dev/log" "$LOG"
		await test -S "$PLACE/dev/log"
		chmod 666 "$PLACE/dev/log"
	}
	listener
	coproc CLIENT { "$BATS_TEST_DIRNAME/inetd/private-dev" "$PLACE/dev" \
		"${COMMAND[@]}" --log=syslog 3>&-; }
	read -r -t 10 _ <&"${CLIENT[0]}"
	printf 'HELO one\nWHAT\n' >&"${CLIENT[1]}"
	await_record '^<21>.*smtpd\[[0-9]*\]: reject .*helo=one'
	finish "${PIDS[-1]}"
	rm "$PLACE/dev/log"
	# Nobody there: the record is lost, the session is not.
	printf 'HELO two\nWHAT\nHELO three\n' >&"${CLIENT[1]}"
	for _ in {1..5}; do
		read -r -t 10 _ <&"${CLIENT[0]}"
	done
	listener
	printf 'WHAT\nQUIT\n' >&"${CLIENT[1]}"
	await_record '^<21>.*smtpd\[[0-9]*\]: reject .*helo=three'
	await_record 'smtpd\[[0-9]*\]: session .*end=quit'
	run ! grep 'reject .*helo=two\|refused system' "$LOG"
}

@test "memory that runs out is a 451, and no crash" {
	local i
	mkdir -p "$DOMAINS/example.org"/user{1..300}
	command_of --memory=1 --recipients=1000
	own
	{
		printf 'HELO c\nMAIL FROM:<>\n'
		for i in {1..300}; do
			printf 'RCPT TO:<user%d@example.org>\n' "$i"
		done
		printf 'QUIT\n'
	} >"$PLACE/in"
	run -0 "${COMMAND[@]}" <"$PLACE/in"
	[[ $output == *'221 '* && $output != *refused\ system* ]]
	grep -q '^451 ' <<<"$output"
}

@test "a file is no longer than a message may be; records have no such limit" {
	# A log of many octets that we have come to share.
	truncate -s 100M "$LOG"
	command_of --message-size=1000
	run -0 bash -c '"$@" 2>>"$LOG" <<<QUIT' - "${COMMAND[@]}"
	[[ $output == *'221 '* ]]
	tail -n 1 "$LOG" | grep -aq 'session .*end=quit'
	: >"$LOG"
	command_of --message-size=0
	{
		printf 'HELO c\nMAIL FROM:<>\nRCPT TO:<alice@example.org>\nDATA\n'
		rm "$INSIDE/maildirsize"
		head -c 3000000 /dev/zero | tr '\0' x | fold -w 900
		printf '\n.\nQUIT\n'
	} >"$PLACE/in"
	run -0 "${COMMAND[@]}" <"$PLACE/in"
	[[ $output == *'250 2.0.0 stored'* ]]
}
