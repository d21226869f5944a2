# SPDX-License-Identifier: ISC
"""Make each system call of a delivery fail, one after the other.

    faults.py SMTPD DIRECTORY [lmtp]

A session of two messages to three mailboxes runs under strace, which lists its
system calls; then again for each of these calls and each error, with that call
failing. A message must be in all mailboxes if it was answered 250, and in none
if not (with lmtp: in each mailbox as it was answered); nothing may stay in
tmp/; the session goes on and the second message arrives. Prints a table of the
replies; the exit status is 1 if anything was wrong.
"""
import collections
import os
import re
import shutil
import subprocess
import sys

SMTPD, DIRECTORY, LMTP = sys.argv[1], sys.argv[2], sys.argv[3:] == ["lmtp"]
NAMES = ["alice", "bob", "carol"]
ERRORS = ["ENOSPC", "EDQUOT", "EIO", "EROFS", "EMFILE", "ENFILE", "ENOMEM",
          "ENOENT", "EACCES"]
CALLS = ["openat2", "openat", "mkdirat", "writev", "fsync", "linkat"]
CODES = {"ENOSPC": "452 4.3.1", "EDQUOT": "452 4.2.2", "EACCES": "451 4.3.5"}
BODY = "Subject: test\r\n\r\n" + "x" * 70 + "\r\n"
TRACE = os.path.join(DIRECTORY, "trace")
DOMAINS = os.path.join(DIRECTORY, "faults")


class Session:
    """A client that waits for each reply, as one without PIPELINING does."""

    def __init__(self, options):
        self.process = subprocess.Popen(
            ["strace", "-y", "-s", "500", "-o", TRACE, "-e", "trace=" + ",".join(CALLS) +
             ",write,unlinkat"] +
            options + [SMTPD, "--user=root", "--hostname=mx.example.org",
                       "--domains=" + DOMAINS] +
            (["--lmtp=yes"] if LMTP else []),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL)
        self.reply()

    def reply(self):
        while True:
            line = self.process.stdout.readline().decode()
            if not line:
                return "no reply"
            if line[3] != "-":
                return line.strip()

    def say(self, line):
        self.process.stdin.write(line.encode() + b"\r\n")
        self.process.stdin.flush()
        return self.reply()

    def message(self, text):
        """Returns the reply for each mailbox."""
        self.say("MAIL FROM:<>")
        got = {name: self.say("RCPT TO:<%s@example.org>" % name)
               for name in NAMES}
        accepted = [name for name in NAMES if got[name][0] == "2"]
        reply = self.say("DATA") if accepted else None
        if accepted and reply[0] == "3":
            reply = self.say(text + BODY + ".")
            for name in accepted:
                got[name] = reply
                if LMTP and name != accepted[-1]:
                    reply = self.reply()
        elif accepted:
            got.update((name, reply) for name in accepted)
        self.say("RSET")
        return got

    def end(self):
        self.say("QUIT")
        self.process.stdin.close()
        self.process.stdout.close()
        return self.process.wait()


def make_tree():
    shutil.rmtree(DOMAINS, ignore_errors=True)
    for name in NAMES:
        os.makedirs(os.path.join(DOMAINS, "example.org", name))


def found(text):
    """The mailboxes that hold the message with this text, and the rest."""
    holders, rest = [], []
    for directory, _, files in os.walk(DOMAINS):
        for name in files:
            with open(os.path.join(directory, name), encoding="ascii",
                      newline="") as file:
                content = file.read()
            where = directory.split("/")[-2:]
            whole = content.endswith(text + BODY) and \
                len(content) == int(name.split(",S=")[1])
            if where[1] == "new" and whole:
                holders.append(where[0])
            elif where[1] != "new" or text in content:
                rest.append(directory + "/" + name)
    return sorted(holders), rest


def run(options):
    make_tree()
    session = Session(options)
    session.say("LHLO x" if LMTP else "EHLO x")
    first = session.message("X-Test: first\r\n")
    second = session.message("X-Test: second\r\n")
    status = session.end()
    return first, second, status


def place(line):
    """What a call of the trace was about: a path, or whose descriptor."""
    if call_of(line) in ("writev", "fsync"):
        path = re.search(r"<([^>]*)>(\(deleted\))?", line)
        return "the file" if path.group(2) else \
            "/".join(path.group(1).split("/")[-2:])
    if call_of(line) == "linkat":
        return "/".join(re.findall(r"<([^>]*)>", line)[-1].split("/")[-2:])
    return re.search(r'"([^"]*)"', line).group(1)


def call_of(line):
    return line.split("(")[0]


def calls_of_first():
    """(call, its number among the calls of that name, where) of the first
    message, from its first RCPT to its reply."""
    first, second, _ = run([])
    assert all(reply[0] == "2" for reply in
               list(first.values()) + list(second.values())), (first, second)
    counts, inside = collections.Counter(), False
    with open(TRACE, encoding="ascii") as file:
        for line in file:
            call = call_of(line)
            counts[call] += 1
            if call == "write" and '"250 2.1.0' in line:
                inside = True
            elif call == "write" and "stored, id=" in line and "(1<" in line:
                return
            elif inside and call in CALLS:
                yield call, counts[call], place(line)


def verdicts(got):
    return " ".join(sorted({reply[:9] for reply in got.values()}))


def check(name, error, reply, where):
    """What is wrong with the reply to a recipient when where failed."""
    good = ["250 2.0.0", CODES.get(error, "451 4.3.0")]
    if where.startswith("example.org") and where[-3:] not in ("tmp", "new"):
        # A look-up: what is not there has no mailbox, and needs no space.
        good += ["550 5.1.1", "550 5.7.1"] if error == "ENOENT" else \
            ["451 4.3.0"]
    return [] if reply[:9] in good else ["%s: %s" % (name, reply)]


def main():
    wrong, runs, table = 0, 0, {}
    plan = list(calls_of_first())
    for call, number, where in plan:
        for error in ERRORS:
            for more in ["", "+"]:
                first, second, status = run(
                    ["-e", "inject=%s:error=%s:when=%d%s" %
                     (call, error, number, more)])
                runs += 1
                problems = ["exit status %d" % status] if status else []
                messages = [(first, "X-Test: first\r\n"),
                            (second, "X-Test: second\r\n")]
                for got, text in messages:
                    good = sorted(name for name in NAMES
                                  if got[name][0] == "2")
                    holders, rest = found(text)
                    if holders != good:
                        problems.append("250 to %s, but it is in %s" %
                                        (good, holders))
                    if rest:
                        problems.append("left behind: %s" % rest)
                    # Where look-ups go on to fail, there is no mailbox.
                    if got is first or call != "openat2" or not more:
                        for name in NAMES:
                            problems += check(name, error, got[name], where)
                # One failure in one Maildir is of no concern to the others.
                if LMTP and not more and \
                        sum(reply[0] != "2" for reply in first.values()) > 1 \
                        and call != "writev" and where != "the file":
                    problems.append("more than one failed: %s" % first)
                if not more and any(r[0] != "2" for r in second.values()):
                    problems.append("the next message: %s" % second)
                if problems:
                    wrong += 1
                    print("%s %d%s %s %s: %s" % (call, number, more, where,
                                                 error, "; ".join(problems)))
                table[call, number, more, where, error] = verdicts(first)
    print("%-32s" % "", " ".join("%-9s" % e for e in ERRORS))
    for call, number, where in plan:
        for more in ["", "+"]:
            label = "%s %d%s %s" % (call, number, more,
                                    where.replace("example.org/", "")[-16:])
            cells = [table[call, number, more, where, e] for e in ERRORS]
            print("%-32s" % label,
                  " ".join("%-9s" % (c if len(c) < 10 else "mixed")
                           for c in cells))
    print("%d runs, %d wrong" % (runs, wrong))
    return 1 if wrong or not plan else 0


sys.exit(main())
