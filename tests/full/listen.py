# SPDX-License-Identifier: ISC
"""The accept loop, seen from outside: its clients, its operator, its kernel.

    listen.py SCENARIO

Runs SMTPD on sockets of ours with mailboxes in DOMAINS (both from the
environment); files go to the working directory. The exit status is 1 if a
check failed, with a line about it. The scenarios are the functions below that
tests/full/listen.bats names.
"""
import contextlib
import ctypes
import fcntl
import os
import pwd
import random
import re
import resource
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SMTPD, DOMAINS = os.environ["SMTPD"], os.environ["DOMAINS"]
HOST = "127.0.0.1"
PATIENCE = 20               # seconds for what must happen, not a verdict
LOOPS = []


def check(holds, text):
    if not holds:
        raise SystemExit("not so: " + text)


def wait_for(what, text):
    """The first true value of what()."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        value = what()
        if value:
            return value
        time.sleep(0.01)
    raise SystemExit("never came: " + text)


def listener(address=(HOST, 0), family=socket.AF_INET, backlog=1024):
    server = socket.socket(family)
    server.bind(address)
    server.listen(backlog)
    return server


class Loop:
    """smtpd on listening sockets: from descriptor 3 on, or with stdin as 0.
    The sockets stay ours too, unless closed here."""

    def __init__(self, *settings, sockets=None, stdin=False, env=(), uid=None,
                 config=None, domains=None, before=()):
        self.sockets = sockets or [listener()]
        self.address = self.sockets[0].getsockname()
        self.log = tempfile.mktemp(prefix="log.", dir=os.getcwd())
        user = pwd.getpwuid(os.geteuid()).pw_name
        self.command = [*before, SMTPD]
        if config:
            self.command += ["-c", config]
        else:
            self.command += ["--hostname=mx.example.org",
                             "--domains=" + (domains or DOMAINS)]
        if not uid:
            self.command.append("--user=" + user)
        self.command += settings
        self.stdin, self.env, self.uid = stdin, dict(env), uid
        self.status = None
        self.start()
        LOOPS.append(self)

    def start(self):
        with open(self.log, "ab", buffering=0) as log:
            self.pid = os.fork()
            if self.pid == 0:
                try:
                    self.become(log)
                finally:
                    os._exit(127)

    def become(self, log):
        fds = [fcntl.fcntl(s, fcntl.F_DUPFD, 200) for s in self.sockets]
        fcntl.fcntl(log, fcntl.F_DUPFD, 300)
        os.dup2(300, 2)
        if self.stdin:
            os.dup2(fds[0], 0)
        else:
            with open("/dev/null") as null:
                os.dup2(null.fileno(), 0)
            for i, fd in enumerate(fds):
                os.dup2(fd, 3 + i)
            self.env = {"LISTEN_FDS": str(len(fds)),
                        "LISTEN_PID": str(os.getpid()), **self.env}
        os.closerange(200, 400)
        if self.uid:
            os.setgroups([])
            os.setresgid(self.uid, self.uid, self.uid)
            os.setresuid(self.uid, self.uid, self.uid)
        os.execvpe(self.command[0], self.command,
                   {**os.environ, **self.env})

    def records(self, pattern=""):
        with open(self.log, errors="replace") as log:
            return [line for line in log.read().split("\n")[:-1]
                    if re.search(pattern, line)]

    def await_record(self, pattern, count=1):
        return wait_for(
            lambda: len(self.records(pattern)) >= count and
            self.records(pattern), "%d records of %s in:\n%s" % (
                count, pattern, "\n".join(self.records())))[-1]

    def ready(self):
        self.await_record("^listener state=(ready|closed)")
        return self

    def children(self):
        with open("/proc/%d/task/%d/children" % (self.pid, self.pid)) as file:
            return [int(pid) for pid in file.read().split()]

    def await_children(self, count):
        return wait_for(lambda: (count == len(self.children())) and
                        (self.children() or True), "%d children" % count)

    def signal(self, number):
        os.kill(self.pid, number)

    def wait(self):
        """The exit status; negative for a signal."""
        def look():
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            return pid
        if self.status is None:
            wait_for(look, "the end of smtpd; records:\n" +
                     "\n".join(self.records()))
        return self.status

    def end(self):
        """Whatever state it is in."""
        if self.status is None:
            for pid in [self.pid] + self.children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)  # unless it has ended
            self.wait()


class Client:
    def __init__(self, address, source=None, timeout=PATIENCE):
        family = socket.AF_UNIX if isinstance(address, (str, bytes)) else \
            socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self.socket = socket.socket(family)
        self.socket.settimeout(timeout)
        if source:
            self.socket.bind((source, 0))
        self.socket.connect(address)
        self.file = self.socket.makefile("rb")

    def reply(self):
        """The last line of a reply; empty at the end of the connection."""
        while True:
            line = self.file.readline().decode()
            if line[3:4] != "-":
                return line.strip()

    def say(self, text):
        self.socket.sendall(text.replace("\n", "\r\n").encode() + b"\r\n")
        return self.reply()

    def expect(self, code, text=None):
        reply = self.reply() if text is None else self.say(text)
        check(reply.startswith(code), "%s after %s: got %r" % (
            code, text or "connecting", reply))
        return self

    def begin(self, user="alice"):
        """Up to the middle of a body."""
        self.expect("250", "EHLO client.example")
        self.expect("250", "MAIL FROM:<>")
        self.expect("250", "RCPT TO:<%s@example.org>" % user)
        self.expect("354", "DATA")
        self.socket.sendall(b"Subject: half\r\n\r\nfirst\r\n")
        return self

    def deliver(self, user="alice"):
        return self.begin(user).expect("250", "second\n.")

    def quit(self):
        self.expect("221", "QUIT").close()

    def close(self):
        self.file.close()
        self.socket.close()


def greeted(loop, source=None, address=None):
    return Client(address or loop.address, source).expect("220")


def refused(loop, code, source=None, address=None):
    """Turned away with a reply, and closed in good order."""
    client = Client(address or loop.address, source).expect(code)
    check(client.reply() == "", "nothing after " + code)
    client.close()


def stored(user="alice", domains=None):
    new = os.path.join(domains or DOMAINS, "example.org", user, "new")
    return len(os.listdir(new)) if os.path.isdir(new) else 0


def leftovers(user="alice"):
    tmp = os.path.join(DOMAINS, "example.org", user, "tmp")
    return os.listdir(tmp) if os.path.isdir(tmp) else []


def drained(loop):
    """SIGTERM with nobody there: exit 0 and the last record."""
    loop.signal(signal.SIGTERM)
    check(loop.wait() == 0, "exit 0 after SIGTERM: %s" % loop.status)
    return loop.await_record("^listener state=done running=0")


def write(path, text):
    with open(path + ".new", "w") as file:
        file.write(text)
    os.rename(path + ".new", path)


# --- limits ---

def one_source():
    """300 connections of one source: 20 sessions and 280 times 421."""
    loop = Loop("--sessions-per-source=20",
                sockets=[listener(("0.0.0.0", 0))]).ready()
    address = (HOST, loop.address[1])
    replies, clients = [], []
    for i in range(300):
        client = Client(address)
        replies.append(client.reply())
        if replies[-1].startswith("421"):
            check(client.reply() == "", "the end after 421")
            client.close()
        else:
            clients.append(client)
        if i == 150:
            greeted(loop, "127.0.0.2", address).deliver("bob").quit()
    check(stored("bob") == 1, "the honest client's message is stored")
    for code, count in [("220 ", 20), ("421 4.7.0 ", 280)]:
        got = len([r for r in replies if r.startswith(code)])
        check(got == count, "%s %d times: %d" % (code, count, got))
    check(len(loop.children()) == 20, "20 processes")
    # One that spoke at once is not reset before it has read why.
    loop.signal(signal.SIGSTOP)
    early = Client(address)
    early.socket.sendall(b"EHLO client.example\r\n")
    loop.signal(signal.SIGCONT)
    early.expect("421 4.7.0")
    check(early.reply() == "", "the end after 421")
    told = loop.records("^listener state=refusing")
    check(len(told) == 1, "one record, not %d" % len(told))
    check("limit of 20 sessions of 127.0.0.1 " in told[0], told[0])
    for client in clients:
        client.quit()
    loop.await_children(0)
    greeted(loop, None, address).deliver().quit()
    loop.await_children(0)
    # Reached again, it is told again.
    clients = [greeted(loop, None, address) for _ in range(20)]
    refused(loop, "421 4.7.0", None, address)
    loop.await_record("^listener state=refusing", 2)
    for client in clients:
        client.close()
    check("messages=2 refused=282" in drained(loop), "the sums")


def all_sources():
    """The limit of all, beside the one of a source that hides none of it."""
    loop = Loop("--sessions=4", "--sessions-per-source=3",
                sockets=[listener(("0.0.0.0", 0))]).ready()
    address = (HOST, loop.address[1])
    clients = [greeted(loop, None, address) for _ in range(3)]
    refused(loop, "421 4.7.0", None, address)
    clients.append(greeted(loop, "127.0.0.2", address))
    for source in [None, "127.0.0.2", "127.0.0.3"]:
        refused(loop, "421 4.3.2", source, address)
    loop.await_record("refusing .*limit of 3 sessions of 127.0.0.1 ")
    loop.await_record("refusing .*limit of 4 sessions of all sources ")
    check(len(loop.records("refusing")) == 2, "two records")
    clients[0].quit()
    loop.await_children(3)
    greeted(loop, "127.0.0.3", address).deliver().quit()


def sources():
    """What is one source. In a network name space of its own."""
    for address in ["2001:db8:0:1::1", "2001:db8:0:1:ffff::2",
                    "2001:db8:0:2::1"]:
        subprocess.run(["ip", "addr", "add", address + "/128", "dev", "lo",
                        "nodad"], check=True)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    os.umask(0)
    six = listener(("::", 0), socket.AF_INET6)
    four = listener(("0.0.0.0", 0))
    # Where other users may go.
    directory = tempfile.mkdtemp()
    local = listener(directory + "/socket", socket.AF_UNIX)
    os.chmod(directory, 0o755)
    try:
        loop = Loop("--sessions-per-source=2", sockets=[six, four, local])
        loop.ready()
        port, old = six.getsockname()[1], (HOST, four.getsockname()[1])
        new = ("2001:db8:0:2::1", port)
        clients = [greeted(loop, "2001:db8:0:1::1", new),
                   greeted(loop, "2001:db8:0:1:ffff::2", new)]
        refused(loop, "421 4.7.0", "2001:db8:0:1::1", new)
        loop.await_record("limit of 2 sessions of 2001:db8:0:1::/64 ")
        clients.append(greeted(loop, "2001:db8:0:2::1", new))
        # An IPv4 client of either socket.
        clients.append(greeted(loop, None, (HOST, port)))
        clients.append(greeted(loop, None, old))
        for address in [(HOST, port), old]:
            refused(loop, "421 4.7.0", None, address)
        loop.await_record("limit of 2 sessions of 127.0.0.1 ")
        clients.append(greeted(loop, "127.0.0.2", (HOST, port)))
        name = local.getsockname()
        clients += [greeted(loop, None, name) for _ in range(2)]
        refused(loop, "421 4.7.0", None, name)
        loop.await_record("limit of 2 sessions of uid 0 ")
        os.seteuid(65534)
        clients.append(greeted(loop, None, name))
        os.seteuid(0)
        check(len(loop.records("refusing")) == 3, "three records")
    finally:
        shutil.rmtree(directory)


# --- sessions among themselves ---

def crash():
    """kill -9 of a session in mid-message; another one is stopped."""
    loop = Loop(sockets=[listener(("0.0.0.0", 0))]).ready()
    address = (HOST, loop.address[1])
    victim = greeted(loop, "127.0.0.9", address).begin()
    killed, = loop.children()
    stopped = greeted(loop, None, address)
    held, = set(loop.children()) - {killed}
    other = greeted(loop, None, address).begin("bob")
    os.kill(held, signal.SIGSTOP)
    os.kill(killed, signal.SIGKILL)
    loop.await_record('^problem problem="session %d with 127.0.0.9 was ended '
                      'by signal 9 ' % killed)
    try:
        check(victim.reply() == "", "no reply from the dead")
    except ConnectionResetError:
        pass
    check(stored() == 0 and not leftovers(), "nothing of the message")
    other.expect("250", "second\n.").quit()
    greeted(loop, None, address).deliver("bob").quit()
    check(stored("bob") == 2, "the others' messages")
    wait_for(lambda: loop.children() == [held], "the stopped one alone")
    os.kill(held, signal.SIGCONT)
    stopped.deliver().quit()
    loop.await_children(0)
    check(len(loop.records("^problem")) == 1, "one problem")
    check(" messages=3 " in drained(loop), "three messages")


def parallel():
    """Many sessions at once: every message counted."""
    loop = Loop("--sessions-per-source=0").ready()

    def work(user):
        for _ in range(10):
            greeted(loop).deliver(user).deliver(user).quit()
    threads = [threading.Thread(target=work, args=(["alice", "bob"][i % 2],))
               for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    check(stored() + stored("bob") == 320, "320 files: %d and %d" % (
        stored(), stored("bob")))
    check(" messages=320 refused=0" in drained(loop),
          loop.records("state=done")[0])


def mute_clients():
    """Clients that do nothing of what they should: nobody waits for them."""
    loop = Loop("--sessions=110", "--sessions-per-source=100",
                sockets=[listener(("0.0.0.0", 0))]).ready()
    address = (HOST, loop.address[1])
    # Sessions that say nothing, half of them no longer able to.
    silent = [Client(address) for _ in range(100)]
    for client in silent[::2]:
        client.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
    loop.await_children(100)
    # Over the limit: they send all they can, and read nothing.
    over = []
    for _ in range(50):
        mute = socket.socket()
        mute.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        mute.connect(address)
        mute.setblocking(False)
        over.append(mute)
    for mute in over[::2]:
        try:
            mute.send(b"x" * 100000)
        except OSError:
            pass
    greeted(loop, "127.0.0.2", address).deliver().quit()
    loop.await_children(100)
    for client in silent + over:
        client.close()
    loop.await_children(0)
    check(" refused=50" in drained(loop), loop.records("state=done")[0])


# --- SIGHUP ---

def reload_settings():
    """New settings for new sessions; wrong ones change nothing."""
    conf = os.path.abspath("smtpd.conf")
    write(conf, "hostname = one.example.org\nsessions-per-source = 3\n"
          "message-size = many\n")
    loop = Loop(config=conf).ready()
    loop.await_record('^problem problem="%s:3: ' % conf)
    loop.await_record("^listener state=closed")
    refused(loop, "421 4.3.5")
    write(conf, "hostname = one.example.org\nsessions-per-source = 3\n")
    loop.signal(signal.SIGHUP)
    loop.await_record("^listener state=ready")
    first = greeted(loop).expect("250 ", "HELO client.example")
    # Wrong: with file and line.
    write(conf, "hostname = two.example.org\n\nerrors = many\nsessions = -1\n")
    loop.signal(signal.SIGHUP)
    loop.await_record("^listener state=unchanged running=1 ")
    for line in [3, 4]:
        loop.await_record('^problem problem="%s:%d: ' % (conf, line))
    second = Client(loop.address).expect("220 one.example.org ")
    # Right: for those to come.
    write(conf, "hostname = two.example.org\nsessions-per-source = 3\n")
    loop.signal(signal.SIGHUP)
    loop.await_record("^listener state=ready running=2 ")
    third = Client(loop.address).expect("220 two.example.org ")
    refused(loop, "421 4.7.0")
    for client, name in [(first, "one"), (second, "one"), (third, "two")]:
        client.expect("250 %s.example.org" % name, "HELO client.example")
        client.expect("221", "QUIT")
    loop.await_children(0)
    write(conf, "sessions-per-source = 1\n")
    loop.signal(signal.SIGHUP)
    loop.await_record("^listener state=ready", 3)
    last = greeted(loop)
    refused(loop, "421 4.7.0")
    # No file at all.
    os.unlink(conf)
    loop.signal(signal.SIGHUP)
    loop.await_record("^listener state=unchanged", 2)
    refused(loop, "421 4.7.0")
    last.quit()


def other_trees():
    """The domains directory comes, goes, is replaced, is another."""
    def make(name):
        os.makedirs(os.path.join(name, "example.org", "alice"))
        return name
    conf, tree = os.path.abspath("smtpd.conf"), os.path.abspath("tree")
    write(conf, "domains = %s\n" % tree)
    loop = Loop(config=conf).ready()
    absent = greeted(loop)
    absent.expect("250", "HELO client.example").expect("250", "MAIL FROM:<>")
    absent.expect("451", "RCPT TO:<alice@example.org>").quit()
    make(tree)
    greeted(loop).deliver().quit()
    check(stored(domains=tree) == 1, "made later: mail is there")
    # Opened before, and renamed away: a session keeps what it began with.
    loop.signal(signal.SIGHUP)
    loop.await_record("^listener state=ready", 2)
    running = greeted(loop)
    os.rename(tree, tree + ".old")
    make(tree)
    greeted(loop).deliver().quit()
    check(stored(domains=tree) == 1, "replaced: mail is in the new one")
    running.deliver().quit()
    check(stored(domains=tree + ".old") == 2, "begun before: in the old one")
    # Another one by name.
    make(tree + ".other")
    write(conf, "domains = %s.other\n" % tree)
    loop.signal(signal.SIGHUP)
    loop.await_record("^listener state=ready", 3)
    greeted(loop).deliver().quit()
    check(stored(domains=tree + ".other") == 1, "reload: mail is in the other")
    check(stored(domains=tree) == 1, "and not in the one before")
    # What cannot be opened changes nothing.
    write(conf, "domains = %s/log\n" % tree)
    write(tree + "/log", "")
    loop.signal(signal.SIGHUP)
    loop.await_record("^listener state=unchanged")
    greeted(loop).deliver().quit()
    check(stored(domains=tree + ".other") == 2, "unchanged")
    check(not loop.records("sandbox refused|ended by signal"), "no violation")
    loop.await_children(0)
    drained(loop)


# --- SIGTERM ---

def drain():
    """In mid-message: it may be finished, and nobody else comes in."""
    loop = Loop("--drain-timeout=1h").ready()
    loop.sockets[0].close()
    busy, idle = greeted(loop).begin(), greeted(loop)
    loop.signal(signal.SIGTERM)
    loop.await_record("^listener state=draining running=2 ")
    try:
        Client(loop.address)
        check(False, "no connection any more")
    except ConnectionRefusedError:
        pass
    # SIGHUP is for those to come.
    loop.signal(signal.SIGHUP)
    busy.expect("250", "second\n.")
    check(stored() == 1, "the message")
    idle.deliver("bob")
    # Told again: no more patience.
    loop.signal(signal.SIGTERM)
    for client in [busy, idle]:
        check(client.reply().startswith("421 4.3.2"), "421 for who is idle")
        check(client.reply() == "", "and the end")
        client.close()
    check(loop.wait() == 0, "exit 0: %s" % loop.status)
    done = loop.await_record("^listener state=done running=0")
    check(" messages=2 " in done, done)
    check(not loop.records("^problem|state=unchanged"), "no problem")


def drain_timeout():
    """When time is up: 421 to the idle, the end of a message to the busy."""
    loop = Loop("--drain-timeout=1s").ready()
    busy, idle = greeted(loop).begin(), greeted(loop)
    loop.signal(signal.SIGTERM)
    check(idle.reply().startswith("421 4.3.2"), "421 for who is idle")
    idle.close()
    busy.expect("250", "second\n.")
    check(busy.reply().startswith("421 4.3.2"), "421 behind the message")
    busy.close()
    check(loop.wait() == 0, "exit 0: %s" % loop.status)
    check(stored() == 1, "the message")
    check(len(loop.records("^session .*end=shutdown")) == 2, "two records")


def drain_mute():
    """Those that send commands and read no reply do not keep us."""
    loop = Loop("--drain-timeout=0", "--idle-timeout=1h").ready()
    # By chance what is left of a reply may still fit: several of them.
    clients = [greeted(loop) for _ in range(8)]
    for client in clients:
        client.socket.settimeout(0.2)
        try:
            while True:
                client.socket.sendall(b"HELP\r\n" * 10000)
        except TimeoutError:
            pass
    loop.signal(signal.SIGTERM)
    check(loop.wait() == 0, "exit 0: %s" % loop.status)
    loop.await_record("^session .*end=shutdown", 8)


def stop_at_start():
    """SIGTERM at each system call of the start: it ends."""
    trace = os.path.abspath("trace")
    loop = Loop(before=["strace", "-D", "-qq", "-o", trace]).ready()
    wait_for(lambda: "poll(" in open(trace).read(), "poll")
    drained(loop)
    calls = {}
    for line in open(trace):
        name = line.split("(")[0]
        if name not in ("execve", "exit_group"):
            calls[name] = calls.get(name, 0) + 1
        if name == "poll":
            break
    # The first ones of a process are the loader's; few suffice of these.
    for name, count in calls.items():
        for when in range(max(1, count - 8), count + 1):
            loop = Loop(before=[
                "strace", "-D", "-qq", "-o", "/dev/null", "-e",
                "inject=%s:signal=SIGTERM:when=%d" % (name, when)])
            end = loop.wait()
            check(end in (0, -signal.SIGTERM), "SIGTERM at %s %d: %s" % (
                name, when, end))
    print("%d places" % sum(min(9, n) for n in calls.values()))


# --- out of everything ---

def cpu(pid):
    """Seconds that a process has had of a processor."""
    with open("/proc/%d/schedstat" % pid) as file:
        return int(file.read().split()[0]) / 1e9


def is_calm(loop, what, records):
    """While it keeps failing: a record for each pause, and no busy loop."""
    began, used = time.monotonic(), cpu(loop.pid)
    loop.await_record(what, records)
    busy = (cpu(loop.pid) - used) / (time.monotonic() - began)
    check(busy < 0.2, "no busy loop: %.2f of a processor" % busy)


def prlimit(loop, name, limit):
    resource.prlimit(loop.pid, name,
                     (limit, resource.prlimit(loop.pid, name)[1]))


def processes():
    """No process to be had: 421, then waiting, until there is one."""
    uid = 61234             # with no processes but ours
    with tempfile.TemporaryDirectory() as directory:
        mailbox = directory + "/example.org/alice"
        os.makedirs(mailbox)
        for name in [directory, directory + "/example.org", mailbox]:
            os.chown(name, uid, uid)
        loop = Loop("--idle-exit=1s", uid=uid, domains=directory).ready()
        subprocess.run(["prlimit", "--pid=%d" % loop.pid, "--nproc=4:"],
                       user=uid, group=uid, extra_groups=[], check=True)
        clients = [greeted(loop) for _ in range(3)]
        refused(loop, "421 4.3.2")
        problem = '^problem problem="fork: Resource temporarily unavailable; '
        loop.await_record(problem + "3 sessions go on")
        # One refusal for each try: the others wait in the queue.
        waiting = [Client(loop.address) for _ in range(8)]
        is_calm(loop, problem, 4)
        clients[0].quit()
        replies = []
        while not any(r.startswith("220") for r in replies):
            check(len(replies) < len(waiting), "one of them is served")
            replies.append(waiting[len(replies)].reply())
        check(len(replies) <= len(loop.records(problem)),
              "a record for each refusal")
        served = waiting[len(replies) - 1]
        for client in waiting[:len(replies) - 1] + waiting[len(replies):]:
            client.close()
        served.deliver().quit()
        check(stored(domains=directory) == 1, "the message")


def descriptors():
    """No descriptor to be had: clients wait until there is one."""
    for limit, problem in [(None, "accept: Too many open files"),
                           (1, "poll: Invalid argument")]:
        loop = Loop().ready()
        usual = resource.prlimit(loop.pid, resource.RLIMIT_NOFILE)[0]
        session = greeted(loop)
        used = os.listdir("/proc/%d/fd" % loop.pid)
        prlimit(loop, resource.RLIMIT_NOFILE, limit or
                min(n for n in range(99) if str(n) not in used))
        waiting = Client(loop.address)
        is_calm(loop, '^problem problem="%s; 1 sessions go on' % problem, 3)
        session.deliver()
        prlimit(loop, resource.RLIMIT_NOFILE, usual)
        waiting.expect("220").deliver().quit()
        session.quit()
        loop.await_children(0)
        drained(loop)
    check(stored() == 4, "four messages: %d" % stored())


def pause_when_idle():
    """Out of processes and with no session: no end, to be started again for
    those who still wait."""
    uid = 61235
    with tempfile.TemporaryDirectory() as directory:
        os.chown(directory, uid, uid)
        loop = Loop("--idle-exit=0", "--log=stderr", uid=uid, stdin=True,
                    env={"NOTIFY_SOCKET": ""}, domains=directory,
                    before=["prlimit", "--nproc=1"])
        clients = [Client(loop.address) for _ in range(4)]
        loop.await_record('^problem problem="fork: ', 3)
        check(not loop.records("state=done"), "it goes on")
        for client in clients[:3]:
            client.expect("421 4.3.2")
        clients[3].close()
        check(loop.wait() == 0, "the end when nobody waits")
        check(len(loop.records("state=ready")) == 1, "started once")


# --- the end for want of work ---

def idle_exit():
    """On descriptor 0, where somebody starts us again."""
    for setting in ["--idle-exit=1s", "--idle-exit=0"]:
        loop = Loop(setting, stdin=True)
        client = greeted(loop)
        # Not while a session lasts.
        client.deliver()
        check(loop.status is None and len(loop.children()) == 1, "it is there")
        client.quit()
        check(loop.wait() == 0, "exit 0: %s" % loop.status)
        loop.await_record("^listener state=done running=0 messages=1 refused=0")
    # Where nobody does, it stays; also after 0.
    loop = Loop("--idle-exit=0").ready()
    for _ in range(3):
        greeted(loop).quit()
        loop.await_children(0)
    check(os.waitpid(loop.pid, os.WNOHANG)[0] == 0, "it stays")
    drained(loop)


def idle_race():
    """Connections all the time, to one that ends whenever it can: started
    again when somebody comes, as inetd does, it serves everybody."""
    loop = Loop("--idle-exit=0", stdin=True)
    starts, stop = [0], threading.Event()

    def inetd():
        while not stop.is_set():
            if not select.select(loop.sockets, [], [], 0.05)[0]:
                continue
            loop.start()
            starts[0] += 1
            check(os.waitpid(loop.pid, 0)[1] == 0, "exit 0")

    check(loop.wait() == 0, "nobody there: exit 0")
    starter = threading.Thread(target=inetd)
    starter.start()
    try:
        for i in range(400):
            # Now before the end, now behind it.
            time.sleep(random.random() / 500)
            greeted(loop).quit()
    finally:
        stop.set()
        starter.join()
    check(starts[0] > 20, "it ended in between: %d" % starts[0])
    check(len(loop.records("^session .*end=quit")) == 400, "400 records")
    print("400 sessions of %d loops" % starts[0])


# --- the service manager ---

class Manager:
    """Hears what is said on NOTIFY_SOCKET."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0"))
        self.socket.settimeout(PATIENCE)
        self.env = {"NOTIFY_SOCKET": address}

    def hear(self):
        return self.socket.recv(4096).decode().split("\n")

    def expect(self, line):
        """Hear on until a message with a line."""
        while True:
            lines = self.hear()
            if line in lines:
                return lines


def notify():
    """READY, STATUS, RELOADING, STOPPING, and a sign of life."""
    for address in [os.path.abspath("notify"), "@smtpd-test-%d" % os.getpid()]:
        manager = Manager(address)
        loop = Loop("--sessions-per-source=1", env=manager.env)
        check(manager.hear() == [
            "READY=1", "STATUS=0 sessions, 0 messages, 0 refused"], "ready")
        client = greeted(loop)
        manager.expect("STATUS=1 sessions, 0 messages, 0 refused")
        refused(loop, "421 4.7.0")
        manager.expect("STATUS=1 sessions, 0 messages, 1 refused")
        client.deliver().quit()
        manager.expect("STATUS=0 sessions, 1 messages, 1 refused")
        for _ in range(8):
            now = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            loop.signal(signal.SIGHUP)
            lines = manager.expect("RELOADING=1")
            when = int(lines[1].replace("MONOTONIC_USEC=", ""))
            check(when >= now, "%d, not before %d" % (when, now))
            manager.expect("READY=1")
        client = greeted(loop)
        loop.signal(signal.SIGTERM)
        manager.expect("STOPPING=1")
        manager.expect("STATUS=1 sessions, 1 messages, 1 refused, draining")
        client.quit()
        check(loop.wait() == 0, "exit 0")
        check(not loop.records("^problem"), "no problem")


def watchdog():
    """As often as asked, with no client there; not for another process."""
    manager = Manager(os.path.abspath("notify"))
    loop = Loop(env={**manager.env, "WATCHDOG_USEC": "100000"})
    manager.expect("READY=1")
    for _ in range(3):
        check(manager.hear() == ["WATCHDOG=1"], "a sign of life")
    loop.signal(signal.SIGTERM)
    check(loop.wait() == 0, "exit 0")
    manager = Manager(os.path.abspath("notify.other"))
    loop = Loop(env={**manager.env, "WATCHDOG_USEC": "100000",
                     "WATCHDOG_PID": str(os.getpid())})
    check("READY=1" in manager.hear(), "ready")
    greeted(loop).quit()
    loop.signal(signal.SIGTERM)
    lines = []
    while lines[-1:] != ["STOPPING=1"]:
        lines += manager.hear()
    check("WATCHDOG=1" not in lines, "nothing: " + str(lines))


def busy_manager():
    """A manager whose queue is full for a moment hears READY=1 after all."""
    manager = Manager(os.path.abspath("notify"))
    filler = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    filler.setblocking(False)
    try:
        while True:
            filler.sendto(b"FILL=1", manager.socket.getsockname())
    except BlockingIOError:
        pass
    loop = Loop(env=manager.env)
    poll = {"x86_64": "7 ", "aarch64": "73 ", "riscv64": "73 "}
    wait_for(lambda: loop.records("state=ready") or
             open("/proc/%d/syscall" % loop.pid).read().startswith(
                 poll[os.uname().machine]), "a wait")
    manager.expect("READY=1")


def descriptors_passed():
    """Of what is passed: for whom, and whether it listens."""
    four, local = listener(), listener("socket", socket.AF_UNIX)
    loop = Loop(sockets=[four, local]).ready()
    greeted(loop).deliver().quit()
    greeted(loop, None, "socket").deliver().quit()
    loop.await_record('^session peer=127.0.0.1 ')
    loop.await_record('^session peer="uid %d" ' % os.geteuid())
    loop.await_children(0)
    drained(loop)
    # Meant for another process: there is a session on standard input, and
    # nobody at its other end.
    loop = Loop(sockets=[four], env={"LISTEN_PID": "1"})
    check(loop.wait() == 0, "a session: %s" % loop.status)
    loop.await_record("^session peer=unknown .*end=hangup")
    # One that does not listen, wherever it is.
    for sockets, bad in [([four, socket.socket()], 4),
                         ([socket.socket(), four], 3)]:
        loop = Loop(sockets=sockets)
        check(loop.wait() == 78, "exit 78: %s" % loop.status)
        loop.await_record('^problem problem="descriptor %d is not a listening '
                          'socket"' % bad)
    loop = Loop(sockets=[four] * 65)
    check(loop.wait() == 78, "exit 78: %s" % loop.status)
    loop.await_record('^problem problem="65 listening sockets, and 64 ')


def main(scenarios):
    # Whoever is left ends with us.
    ctypes.CDLL(None).prctl(36, 1)          # PR_SET_CHILD_SUBREAPER
    try:
        scenarios[sys.argv[1]]()
    finally:
        for loop in LOOPS:
            loop.end()


if __name__ == "__main__":
    main(globals())
