# SPDX-License-Identifier: ISC
"""Send a large message over TCP on the loopback and look at smtpd's memory.

    large.py SMTPD DOMAINS idle|data|bdat MEBIBYTES

Prints VmHWM of the session after its 250 and the SHA-256 of what was sent and
of what was stored without its two trace fields; with idle, Private_Dirty of a
session after EHLO. Exit status 1 if more than 4 MiB, not equal, or more than
200 KiB.
"""
import hashlib
import os
import re
import socket
import subprocess
import sys

SMTPD, DOMAINS, MODE, MEBIBYTES = sys.argv[1:4] + [int(sys.argv[4])]
CHUNK = 1 << 20
HIGH_WATER_MAX = 4096       # KiB of VmHWM
PRIVATE_MAX = 200           # KiB of Private_Dirty


class Client:
    def __init__(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            self.socket = socket.create_connection(server.getsockname())
            accepted, _ = server.accept()
        with accepted:
            self.process = subprocess.Popen(
                [SMTPD, "--user=root", "--hostname=mx.example.org",
                 "--domains=" + DOMAINS, "--message-size=0"],
                stdin=accepted, stdout=accepted)
        self.replies = self.socket.makefile("rb")
        self.expect(b"220")

    def expect(self, code):
        while True:
            line = self.replies.readline()
            if not line.startswith(code):
                sys.exit("wanted %s, got %s" % (code, line))
            if line[3:4] == b" ":
                return

    def say(self, line, code):
        self.socket.sendall(line + b"\r\n")
        self.expect(code)

    def quit(self):
        self.say(b"QUIT", b"221")
        self.replies.close()
        self.socket.close()
        if self.process.wait() != 0:
            sys.exit("exit status %d" % self.process.returncode)

    def memory(self, file, field):
        with open("/proc/%d/%s" % (self.process.pid, file),
                  encoding="ascii") as text:
            return int(re.search(field + r":\s+(\d+) kB", text.read())[1])


def chunks():
    """Mebibytes of lines, as they are and with dots stuffed."""
    lines = [b"." * (i % 5) + b"%d of many lines" % i + b"=" * (i % 60) +
             b"\r\n" for i in range(20000)]
    head = b".chunk %08d\r\n"
    room = CHUNK - len(head % 0) - 2
    rest = b"".join(lines)[:room].rstrip(b"\r")
    rest += b"x" * (room - len(rest)) + b"\r\n"
    stuffed = re.sub(rb"^\.", b"..", rest, flags=re.M)
    for number in range(MEBIBYTES):
        yield head % number + rest, b"." + head % number + stuffed


def send(client):
    """Returns the SHA-256 of the message."""
    sent = hashlib.sha256(b"Subject: large\r\n\r\n")
    head = b"Subject: large\r\n\r\n"
    if MODE == "data":
        client.say(b"DATA", b"354")
        client.socket.sendall(head)
    else:
        client.say(b"BDAT %d\r\n" % len(head) + head[:-2], b"250")
    for chunk, stuffed in chunks():
        sent.update(chunk)
        if MODE == "bdat":
            client.socket.sendall(b"BDAT %d\r\n" % len(chunk) + chunk)
            client.expect(b"250")
            continue
        client.socket.sendall(stuffed)
    client.say(b"." if MODE == "data" else b"BDAT 0 LAST", b"250")
    return sent.hexdigest()


def stored():
    """The SHA-256 of the one message in alice's mailbox, which goes."""
    new = os.path.join(DOMAINS, "example.org", "alice", "new")
    [name] = os.listdir(new)
    path = os.path.join(new, name)
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        head = file.read(4096)
        trace = re.match(rb"Return-Path: [^\r]*\r\nReceived: [^\r]*\r\n"
                         rb"(?:[ \t][^\r]*\r\n)*", head).end()
        file.seek(trace)
        while True:
            part = file.read(CHUNK)
            if not part:
                break
            digest.update(part)
    size = os.path.getsize(path)
    os.unlink(path)
    return digest.hexdigest(), size - trace


def main():
    client = Client()
    client.say(b"EHLO client.example", b"250")
    if MODE == "idle":
        # Pages of a program just written count as dirty until they are.
        os.system("sync -f '%s'" % SMTPD)
        private = client.memory("smaps_rollup", "Private_Dirty")
        print("Private_Dirty of an idle session: %d KiB" % private)
        client.quit()
        return private > PRIVATE_MAX
    client.say(b"MAIL FROM:<>", b"250")
    client.say(b"RCPT TO:<alice@example.org>", b"250")
    sent = send(client)
    high = client.memory("status", "VmHWM")
    client.quit()
    got, size = stored()
    print("%s: %d octets, VmHWM %d KiB" % (MODE, size, high))
    print("sent   %s\nstored %s" % (sent, got))
    return high >= HIGH_WATER_MAX or sent != got


sys.exit(int(main()))
