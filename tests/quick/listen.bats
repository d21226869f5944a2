#!/usr/bin/env bats
# The accept loop: a listening socket on descriptor 0 or by LISTEN_FDS.
# packages: python3

load ../helpers

export BATS_TEST_TIMEOUT=100	# seconds until a test counts as hanging

setup() {
	need python3
	tree
}

# A program in Python that tests/quick/listener.py begins.
python() {
	{
		echo 'import signal; from listener import *'
		cat
	} >"$BATS_TEST_TMPDIR/test.py"
	PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$BATS_TEST_DIRNAME \
		python3 "$BATS_TEST_TMPDIR/test.py" "$SMTPD" \
		--user="$(id -un)" --hostname=mx.example.org \
		--domains="$DOMAINS" "$@"
}

@test "descriptor 0 listens, as inetd wait has it: sessions, then the end" {
	for network in True False; do
		python --idle-exit=0 <<-END
			loop = Listener(passed=False, network=$network, waiting=2)
			for client in loop.waiting:
			    client.hear(b'220 ')
			for client in loop.waiting:
			    client.deliver()
			for client in loop.waiting:
			    client.quit()
			loop.done()
			whose = 'peer=127.0.0.1' if $network else 'peer="uid '
			lines = ''.join(loop.records)
			assert lines.startswith(
			    'listener state=ready running=0 messages=0 refused=0'), lines
			assert lines.count('session ' + whose) == 2, lines
			assert 'state=done running=0 messages=2 refused=0' in lines, lines
		END
	done
	[ "$(messages example.org/alice | wc -l)" -eq 4 ]
}

@test "LISTEN_FDS: all sockets are served, and as a service it ends when idle" {
	python --idle-exit=0 <<-'END'
		loop = Listener(sockets=3, again=True, waiting=1)
		for client in loop.waiting:
		    client.hear(b'220 ')
		for client in loop.waiting:
		    client.deliver()
		for client in loop.waiting:
		    client.quit()
		loop.done()
		assert 'messages=3 ' in loop.records[-1], loop.records
	END
}

@test "LISTEN_FDS where nobody starts it again: it stays" {
	python --idle-exit=0 <<-'END'
		loop = Listener()
		served(loop.address).quit()
		# The session was collected, and still the loop is there.
		while loop.children():
		    pass
		loop.signal(signal.SIGHUP)
		loop.record(r'state=ready running=0 messages=0 refused=0\b')
		served(loop.address).quit()
		loop.signal(signal.SIGTERM)
		loop.done()
	END
}

@test "LISTEN_FDS with one that does not listen: 78, and the reason" {
	for other in file socket; do
		run -78 --separate-stderr timeout 20 python3 - "$SMTPD" $other <<-'END'
			import os, socket, sys
			listener = socket.create_server(('127.0.0.1', 0))
			pair = socket.socketpair()
			other = pair[0].fileno() if sys.argv[2] == 'socket' else 0
			# Out of the way of 3 and 4 first.
			fds = [os.dup2(fd, i) for i, fd in enumerate((listener.fileno(), other), 40)]
			for i, fd in enumerate(fds, 3):
			    os.dup2(fd, i)
			os.environ.update(LISTEN_FDS='2', LISTEN_PID=str(os.getpid()))
			os.execv(sys.argv[1], sys.argv[1:2])
		END
		# shellcheck disable=SC2154 # run sets it
		[[ $output = '' && $stderr = 'problem problem='*'listening socket'* ]]
	done
}

@test "no session is left behind by SIGTERM: they go on, and are the last" {
	python <<-'END'
		loop = Listener()
		one = served(loop.address)
		two = served(loop.address)
		loop.signal(signal.SIGTERM)
		loop.record('^listener state=draining running=2 ')
		loop.told('^STOPPING=1$')
		try:
		    Client(loop.address)
		    assert False, 'it still listens'
		except ConnectionRefusedError:
		    pass
		one.deliver()
		one.quit()
		two.deliver()
		two.quit()
		loop.done()
		assert 'messages=2 ' in loop.records[-1], loop.records
	END
}

@test "SIGTERM and drain-timeout, and twice: 421, but a message is finished" {
	python <<-'END'
		for flags in ['--drain-timeout=0'], []:
		    loop = Listener(*flags)
		    idle, busy = served(loop.address), served(loop.address)
		    busy.say(b'EHLO me\r\n' + MESSAGE[:-6])
		    for start in b'250 ', b'250 2.1.0', b'250 2.1.5', b'354':
		        busy.hear(start)
		    loop.signal(signal.SIGTERM)
		    loop.record('state=draining')
		    if not flags:
		        loop.signal(signal.SIGTERM)
		    idle.hear(b'421 4.3.2 ')
		    idle.ends()
		    busy.say(MESSAGE[-6:])
		    busy.hear(b'250 2.0.0 ')
		    busy.hear(b'421 4.3.2 ')
		    busy.ends()
		    loop.done()
		    lines = ''.join(loop.records)
		    assert lines.count(' end=shutdown ') == 2, lines
	END
	[ "$(messages example.org/alice | wc -l)" -eq 2 ]
}

# bats test_tags=sandbox
@test "SIGHUP: new settings for new sessions; wrong ones change nothing" {
	python <<-'END'
		def memory(pid):
		    with open('/proc/%d/limits' % pid) as file:
		        return int(re.search('^Max data size *([0-9]*)',
		            file.read(), re.MULTILINE)[1])

		settings('errors = 0\nsessions = 1\nmemory = 64M\n')
		loop = Listener('-c', SETTINGS)
		loop.told('^READY=1$')
		one = served(loop.address)
		refused(loop.address, b'421 4.3.2 ')
		loop.record('state=refusing')
		settings('errors = 1\nsessions = 2\nmemory = 65M\nfuture = 1\n')
		loop.signal(signal.SIGHUP)
		loop.record('^problem problem=.*smtpd.conf:4: ')
		loop.record('^listener state=unchanged running=1 ')
		loop.told('^RELOADING=1\nMONOTONIC_USEC=[0-9]+$')
		loop.told('^READY=1\nSTATUS=1 sessions, 0 messages, 1 refused$')
		refused(loop.address, b'421 4.3.2 ')
		one.quit()
		while loop.children():
		    pass
		old = served(loop.address)
		assert memory(loop.children()[0]) == 64 << 20
		settings('errors = 1\nsessions = 2\nmemory = 66M\n')
		loop.signal(signal.SIGHUP)
		loop.record('^listener state=ready running=1 ')
		loop.told('^READY=1$')
		new = served(loop.address)
		assert sorted(map(memory, loop.children())) == [64 << 20, 66 << 20]
		for client in old, new:
		    client.say(b'XYZZY\r\n')
		old.hear(b'421 4.7.0 ')
		old.ends()
		new.hear(b'500 ')
		new.quit()
		loop.signal(signal.SIGTERM)
		loop.done()
	END
}

@test "wrong settings: everybody gets 421 until they are mended" {
	python <<-'END'
		settings('sandbox = of\n')
		loop = Listener('-c', SETTINGS)
		loop.record('^problem problem=.*smtpd.conf:1: sandbox: ')
		loop.record('^listener state=closed ')
		assert 'misconfigured' in loop.told('^READY=1$')
		refused(loop.address, b'421 4.3.5 ')
		refused(loop.address, b'421 4.3.5 ')
		loop.signal(signal.SIGHUP)
		loop.record('^listener state=unchanged ')
		refused(loop.address, b'421 4.3.5 ')
		settings('sandbox = off\n')
		loop.signal(signal.SIGHUP)
		loop.record('^listener state=ready running=0 messages=0 refused=3$')
		client = served(loop.address)
		# As we are, which in a container is confined already.
		assert status(loop.children()[0], 'Seccomp') == \
		    status(os.getpid(), 'Seccomp')
		client.deliver()
		client.quit()
		loop.signal(signal.SIGTERM)
		loop.done()
		# And where it is idle, it ends as it would with right ones.
		loop = Listener('--recipients=0', '--idle-exit=0', passed=False)
		loop.done()
	END
}

@test "a user who does not exist: closed, until there is one to become" {
	root_only
	python <<-'END'
		del sys.argv[2]         # --user
		settings('user = nobody-of-this-name\n')
		loop = Listener('--domains=/usr', '-c', SETTINGS)
		loop.record('^listener state=closed ')
		refused(loop.address, b'421 4.3.5 ')
		settings('user = nobody\n')
		loop.signal(signal.SIGHUP)
		loop.record('^listener state=ready ')
		client = served(loop.address)
		for pid in [loop.process.pid] + loop.children():
		    assert len(set(status(pid, 'Uid').split())) == 1
		    assert '0' not in status(pid, 'Uid').split()
		    assert '0' not in status(pid, 'Groups').split()
		    for name in 'CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb':
		        assert int(status(pid, name), 16) == 0, name
		client.quit()
		loop.signal(signal.SIGTERM)
		loop.done()
	END
}

@test "limits: of a source, and of all; each told once" {
	python <<-'END'
		loop = Listener('--sessions-per-source=2', '--sessions=3', network=True)
		mine = [served(loop.address) for _ in range(2)]
		for _ in range(3):
		    refused(loop.address, b'421 4.7.0 ')
		# Another source has its own.
		other = served(loop.address, source='127.0.0.2')
		for _ in range(3):
		    refused(loop.address, b'421 4.3.2 ', source='127.0.0.3')
		mine[0].quit()
		while True:
		    client = Client(loop.address, source='127.0.0.3')
		    if client.input.readline().startswith(b'220 '):
		        break
		for each in client, other, mine[1]:
		    each.quit()
		loop.signal(signal.SIGTERM)
		loop.done()
		told = [line for line in loop.records if 'state=refusing' in line]
		assert len(told) == 2, told
		assert 'reason="limit of 2 sessions of 127.0.0.1 is reached"' in told[0]
		assert 'reason="limit of 3 sessions of all sources is reached"' in told[1]
		assert int(re.search(' refused=([0-9]+)', loop.records[-1])[1]) >= 6
		# A local user is a source; 0 is no limit.
		loop = Listener('--sessions-per-source=1')
		one = served(loop.address)
		refused(loop.address, b'421 4.7.0 ')
		one.quit()
		loop.signal(signal.SIGTERM)
		loop.done()
		assert 'of uid %d is' % os.getuid() in ''.join(loop.records)
		loop = Listener('--sessions-per-source=0', '--sessions=0')
		for client in [served(loop.address) for _ in range(30)]:
		    client.quit()
		loop.signal(signal.SIGTERM)
		loop.done()
		assert 'refusing' not in ''.join(loop.records)
	END
}

@test "a session that is killed is told, and costs the others nothing" {
	python <<-'END'
		loop = Listener()
		killed = served(loop.address)
		pid, = loop.children()
		other = served(loop.address)
		os.kill(pid, signal.SIGKILL)
		loop.record('^problem problem="session %d with uid %d was ended by '
		    r'signal 9 \(Killed\)"$' % (pid, os.getuid()))
		killed.ends()
		other.deliver()
		served(loop.address).quit()
		other.quit()
		loop.signal(signal.SIGTERM)
		loop.done()
	END
}

@test "the service manager is told: ready, how many, alive, stopping" {
	python <<-'END'
		for abstract in False, True:
		    loop = Listener(watchdog=20000, abstract=abstract)
		    assert loop.told('^READY=1$').endswith(
		        '\nSTATUS=0 sessions, 0 messages, 0 refused')
		    loop.told('^WATCHDOG=1$')
		    loop.told('^WATCHDOG=1$')
		    client = served(loop.address)
		    client.deliver()
		    client.quit()
		    if not abstract:
		        loop.told('^STATUS=0 sessions, 1 messages, 0 refused$')
		    loop.signal(signal.SIGTERM)
		    loop.told('^STOPPING=1$')
		    loop.done()
	END
}

@test "ps shows the peer of each session; the loop keeps its name" {
	python <<-'END'
		loop = Listener(network=True)
		client = served(loop.address)
		pid, = loop.children()

		def title(pid):
		    with open('/proc/%d/cmdline' % pid, 'rb') as file:
		        return file.read().split(b'\0')[0]

		while title(pid) != b'smtpd: 127.0.0.1 -':
		    pass
		assert title(loop.process.pid) == sys.argv[1].encode()
		client.quit()
		loop.signal(signal.SIGTERM)
		loop.done()
	END
}

# Whether a build cannot be confined.
unconfined() {
	nm "$SMTPD" 2>/dev/null | grep -q __asan_init
}

@test "--check says which layers of the sandbox are active" {
	! unconfined || return 0
	run -0 smtpd --check
	for layer in no_new_privs capabilities dump limits landlock seccomp; do
		grep -q "^sandbox: $layer: " <<<"$output"
		! grep -q "^sandbox: $layer: not entered" <<<"$output"
	done
	run -0 smtpd --check --sandbox=off
	[ "$(grep -c '^sandbox: .*: not entered$' <<<"$output")" -eq 6 ]
}

@test "a layer that is lacking is told, or with require nobody is served" {
	! unconfined || return 0
	python <<-'END'
		if not can_nest():
		    sys.exit()
		why = 'unconfined="landlock: '

		def one(*flags):
		    return subprocess.run(sys.argv[1:] + list(flags), input=b'QUIT\n',
		        capture_output=True, preexec_fn=nest)

		ended = one()
		assert ended.returncode == 0 and why in ended.stderr.decode(), ended
		ended = one('--sandbox=off')
		assert 'unconfined' not in ended.stderr.decode(), ended
		ended = one('--sandbox=require')
		assert ended.returncode == 69, ended
		assert ended.stdout.startswith(b'421 4.3.5 '), ended
		assert b'problem problem="landlock: ' in ended.stderr, ended
		ended = one('--sandbox=require', '--check')
		assert ended.returncode == 78, ended

		loop = Listener(first=nest)
		served(loop.address).quit()
		assert why in loop.record('^session ')
		loop.signal(signal.SIGTERM)
		loop.done()
		loop = Listener('--sandbox=require', first=nest)
		refused(loop.address, b'421 4.3.5 ')
		loop.record('^problem problem="landlock: ')
		loop.signal(signal.SIGTERM)
		loop.done()
	END
}
