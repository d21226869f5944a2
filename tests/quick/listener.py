# SPDX-License-Identifier: ISC
# What tests/quick/listen.bats has in common: an accept loop to talk to, its
# records, and what it tells a service manager. Waits end with the test's time.
import atexit
import ctypes
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile

# Where the test fails or takes too long, nothing is left behind.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))

MESSAGE = b'MAIL FROM:<>\r\nRCPT TO:<alice@example.org>\r\nDATA\r\ntext\r\n.\r\n'


class Client:
    """A session, from its end."""

    def __init__(self, address, source=None):
        family = socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX
        self.socket = socket.socket(family, socket.SOCK_STREAM)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(address)
        self.input = self.socket.makefile('rb')

    def say(self, octets):
        self.socket.sendall(octets)

    def hear(self, start):
        """The next last line of a reply, which is to start so."""
        while True:
            line = self.input.readline()
            if line[3:4] != b'-':
                break
        assert line.startswith(start), (start, line)
        return line

    def deliver(self):
        self.say(b'EHLO me\r\n' + MESSAGE)
        for start in b'250 ', b'250 2.1.0', b'250 2.1.5', b'354', b'250 2.0.0':
            self.hear(start)

    def ends(self):
        """No more is said."""
        assert self.input.read() == b''
        self.input.close()
        self.socket.close()

    def quit(self):
        self.say(b'QUIT\r\n')
        self.hear(b'221 ')
        self.ends()


def served(address, **how):
    """A client that was greeted."""
    client = Client(address, **how)
    client.hear(b'220 ')
    return client


def refused(address, start, **how):
    """A client that is turned away."""
    client = Client(address, **how)
    client.hear(start)
    client.ends()


class Listener:
    """smtpd with listening sockets: from descriptor 3 on by LISTEN_FDS, or one
    on descriptor 0. again: the service manager starts it again. waiting:
    how many clients are at each socket before it starts. first: called in the
    process before it becomes smtpd."""

    def __init__(self, *flags, sockets=1, passed=True, network=False,
                 again=False, waiting=0, watchdog=0, first=None, abstract=False):
        self.directory = tempfile.mkdtemp(dir=os.environ['BATS_TEST_TMPDIR'])
        listeners = [self.listen(network, i) for i in range(sockets)]
        self.addresses = [each.getsockname() for each in listeners]
        self.address = self.addresses[0]
        self.waiting = [Client(address) for address in self.addresses
                        for _ in range(waiting)]
        self.manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        path = self.directory + '/notify'
        self.manager.bind('\0' + path if abstract else path)
        fds = [each.fileno() for each in listeners]
        script = 'export NOTIFY_SOCKET=%s; ' % ('@' + path if abstract else path)
        if passed:
            # Out of the way first, and no copy is left behind.
            for i, fd in enumerate(fds):
                script += 'exec %d<&%d-; ' % (40 + i, fd)
            for i in range(len(fds)):
                script += 'exec %d<&%d-; ' % (3 + i, 40 + i)
            script += 'export LISTEN_FDS=%d LISTEN_PID=$$; ' % len(fds)
        if again:
            script += 'export SYSTEMD_EXEC_PID=$$; '
        if watchdog:
            script += 'export WATCHDOG_USEC=%d; ' % watchdog
        self.process = subprocess.Popen(
            ['bash', '-c', script + 'exec "$@"', 'bash'] + sys.argv[1:] + list(flags),
            stdin=subprocess.DEVNULL if passed else listeners[0],
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            pass_fds=fds if passed else (), preexec_fn=first)
        atexit.register(self.process.kill)
        for each in listeners:
            each.close()
        self.records = []

    def listen(self, network, number):
        if network:
            return socket.create_server(('127.0.0.1', 0))
        each = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        each.bind('%s/socket%d' % (self.directory, number))
        each.listen(100)
        return each

    def record(self, pattern):
        """Wait for a record like this."""
        while True:
            line = self.process.stderr.readline().decode()
            assert line != '', (pattern, self.records)
            self.records.append(line)
            if re.search(pattern, line):
                return line

    def told(self, pattern):
        """Wait until the service manager was told this."""
        heard = []
        while True:
            heard.append(self.manager.recv(4096).decode())
            if re.search(pattern, heard[-1], re.MULTILINE):
                return heard[-1]

    def signal(self, number):
        self.process.send_signal(number)

    def children(self):
        path = '/proc/%d/task/%d/children' % ((self.process.pid,) * 2)
        with open(path) as file:
            return [int(word) for word in file.read().split()]

    def done(self):
        """It ends, and all of its sessions have."""
        self.record(r'^listener state=done running=0 ')
        rest = self.process.stderr.read().decode()
        assert rest == '', rest
        assert self.process.wait() == 0


SETTINGS = os.environ['BATS_TEST_TMPDIR'] + '/smtpd.conf'


def settings(text):
    """What the file of settings holds from now on."""
    with open(SETTINGS, 'w') as file:
        file.write(text)


def status(pid, name):
    """A line of /proc/PID/status."""
    with open('/proc/%d/status' % pid) as file:
        return re.search(r'^%s:\s*(.*)$' % name, file.read(), re.MULTILINE)[1]


def nest():
    """Be in as many Landlock rule sets as there can be, so that one more
    cannot be entered. They forbid to make devices, and files elsewhere to be
    linked."""
    libc = ctypes.CDLL(None, use_errno=True)
    rules = ctypes.c_uint64(1 << 6)
    libc.prctl(38, 1, 0, 0, 0)  # PR_SET_NO_NEW_PRIVS
    fd = libc.syscall(444, ctypes.byref(rules), ctypes.c_size_t(8), 0)
    for _ in range(16):
        libc.syscall(446, fd, 0)
    os.close(fd)


def can_nest():
    return ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) >= 2
