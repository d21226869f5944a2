# SPDX-License-Identifier: ISC
"""Kill smtpd in the middle of deliveries, and look at what it leaves.

    kill.py SMTPD DOMAINS bytes|time|calls RUNS

Each run is a pipelined session of four messages to three mailboxes, killed
(SIGKILL) after a random number of octets were sent, after a random time, or
(calls) at every system call of a delivery in turn. Then every file in a new/
must be a whole message, and what was answered 250 must be in every mailbox.
Prints counts; the exit status is 1 if anything was wrong.
"""
import collections
import fcntl
import os
import random
import re
import subprocess
import sys
import threading
import time

SMTPD, DOMAINS, MODE, RUNS = sys.argv[1], sys.argv[2], sys.argv[3], \
    int(sys.argv[4])
NAMES = ["alice", "bob", "carol"]
MESSAGES = 4
CALLS = "openat2,mkdirat,writev,fsync,linkat,renameat,unlinkat,write,close"


def body(run, number, chance):
    return ("X-Run: %d-%d\r\n\r\n" % (run, number) +
            "%064x\r\n" % chance.getrandbits(256) *
            chance.choice([1, 10, 300, 3000])).encode()


def session(bodies):
    text = b"EHLO x\r\n"
    for message in bodies:
        text += b"MAIL FROM:<>\r\n"
        for name in NAMES:
            text += b"RCPT TO:<%s@example.org>\r\n" % name.encode()
        text += b"DATA\r\n" + message + b".\r\n"
    return text + b"QUIT\r\n"


def start(before=()):
    return subprocess.Popen(
        list(before) + [SMTPD, "--user=root", "--hostname=mx.example.org",
                        "--domains=" + DOMAINS],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL, bufsize=0)


def feed(process, text):
    try:
        while text:
            text = text[process.stdin.write(text):]
    except BrokenPipeError:
        pass


def finish(process):
    """What the client saw, when smtpd is gone."""
    with process.stdout as replies:
        seen = replies.read()
    process.wait()
    return seen


def killed_after_bytes(text, chance):
    process = start()
    # A small pipe, so that what was sent is nearly what was read.
    fcntl.fcntl(process.stdin, fcntl.F_SETPIPE_SZ, 4096)
    feed(process, text[:chance.randrange(len(text))])
    process.kill()
    process.stdin.close()
    return finish(process)


def killed_after(text, seconds):
    process = start()
    feeder = threading.Thread(target=feed, args=(process, text))
    feeder.start()
    time.sleep(seconds)
    process.kill()
    seen = finish(process)
    feeder.join()
    process.stdin.close()
    return seen


def killed_at(text, call, number):
    """strace delivers the signal as the call is entered."""
    process = start(["strace", "-o", "/dev/null", "-e", "trace=" + call, "-e",
                     "inject=%s:signal=KILL:when=%d" % (call, number)])
    feed(process, text)
    process.stdin.close()
    return finish(process)


def calls_of(text):
    trace = os.path.join(DOMAINS, "..", "kill-trace")
    process = start(["strace", "-o", trace, "-e", "trace=" + CALLS])
    feed(process, text)
    process.stdin.close()
    finish(process)
    counts = collections.Counter()
    with open(trace, encoding="utf-8", errors="replace") as file:
        for line in file:
            call = line.split("(")[0]
            counts[call] += 1
            if call in CALLS.split(","):
                yield call, counts[call]


class Record:
    """What was sent, what was promised, what is there."""

    def __init__(self):
        self.sent, self.promised = {}, set()
        self.counts = collections.Counter()
        self.wrong = []

    def add(self, run, bodies, seen):
        for number, message in enumerate(bodies):
            self.sent["%d-%d" % (run, number)] = message
        stored = len(re.findall(rb"^250 2\.0\.0 stored, id=\S+\r\n", seen,
                                re.M))
        self.promised |= {"%d-%d" % (run, number) for number in range(stored)}
        self.counts["sessions"] += 1
        self.counts["messages sent"] += len(bodies)
        self.counts["answered 250"] += stored

    def check(self):
        holders = collections.defaultdict(set)
        for directory, _, files in os.walk(DOMAINS):
            for name in files:
                path = os.path.join(directory, name)
                if os.path.basename(directory) != "new":
                    self.counts["files elsewhere"] += 1
                    continue
                with open(path, "rb") as file:
                    content = file.read()
                found = re.search(rb"^X-Run: (\S+)\r\n", content, re.M)
                key = found.group(1).decode() if found else "nothing"
                self.counts["files in new"] += 1
                if key not in self.sent or \
                        content[found.start():] != self.sent[key] or \
                        len(content) != int(name.split(",S=")[1]):
                    self.wrong.append("partial: " + path)
                mailbox = directory.split("/")[-2]
                if mailbox in holders[key]:
                    self.wrong.append("twice: " + path)
                holders[key].add(mailbox)
        for key in self.promised:
            if holders[key] != set(NAMES):
                self.wrong.append("250, but in %s: %s" %
                                  (sorted(holders[key]), key))
        for key, names in holders.items():
            if key not in self.promised:
                self.counts["stored, not answered" if names == set(NAMES)
                            else "in some mailboxes, not answered"] += 1


def main():
    record, chance = Record(), random.Random()
    for name in NAMES:
        os.makedirs(os.path.join(DOMAINS, "example.org", name), exist_ok=True)

    def bodies_of(run):
        return [body(run, number, chance) for number in range(MESSAGES)]

    began = time.monotonic()
    bodies = bodies_of(-1)
    began = time.monotonic()
    process = start()
    feed(process, session(bodies))
    process.stdin.close()
    record.add(-1, bodies, finish(process))
    whole = time.monotonic() - began
    if MODE == "calls":
        bodies = [b"X-Run: -2-0\r\n\r\nhello\r\n"]
        plan = list(calls_of(session(bodies)))
        record.sent["-2-0"] = bodies[0]
        for run, (call, number) in enumerate(plan):
            bodies = [b"X-Run: %d-0\r\n\r\nhello\r\n" % run]
            record.add(run, bodies, killed_at(session(bodies), call, number))
    else:
        for run in range(RUNS):
            bodies = bodies_of(run)
            text = session(bodies)
            if MODE == "bytes":
                seen = killed_after_bytes(text, chance)
            else:
                seen = killed_after(text, chance.random() * 1.3 * whole)
            record.add(run, bodies, seen)
    record.check()
    print(", ".join("%s: %d" % item for item in record.counts.items()))
    for line in record.wrong[:20]:
        print(line)
    # Kills that all came too early, or too late, would show nothing.
    useful = MODE == "calls" or \
        0 < record.counts["answered 250"] < record.counts["messages sent"]
    return 1 if record.wrong or not useful or \
        record.counts["answered 250"] < MESSAGES else 0


sys.exit(main())
