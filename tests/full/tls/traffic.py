# SPDX-License-Identifier: ISC
"""Mail through TLS, and what a process takes in for it. See peers.py."""
import os
import pwd
import random
import socket
import subprocess

from peers import (DOMAINS, KIND, SANDBOX, VERSIONS, Client, Secure,
                   certificates, check, context, listener, main, read,
                   records_of, serve, sound, stored, wait_for)
from clear import PLAIN, passwords

LIBRARIES = ["libssl", "libcrypto", "libgsasl", "libcrypt.so"]


# --- libraries ---

def mapped(server):
    """Which libraries the one session has mapped."""
    pid, = wait_for(lambda: len(server.children()) == 1 and server.children(),
                    "one session")
    maps = read("/proc/%d/maps" % pid).decode()
    return [name for name in LIBRARIES if "/" + name in maps]


def libraries():
    """A session maps what it uses, and nothing else."""
    server = serve("--certificates=" + certificates(),
                   "--passwords=" + passwords())
    tls = ["libssl", "libcrypto"]
    clear = tls if KIND == "loop" else []
    client = Client(server.address).expect("220")
    check(mapped(server) == clear, "greeted: %s" % mapped(server))
    client.expect("250", "EHLO client.example").deliver()
    check(mapped(server) == clear, "in clear: %s" % mapped(server))
    client.expect("220", "STARTTLS")
    client = Secure(server, continued=client)
    client.expect("250", "EHLO client.example")
    check(mapped(server) == tls, "in TLS: %s" % mapped(server))
    client.deliver().expect("334", PLAIN.rsplit(" ", 1)[0])
    check(mapped(server) == tls + ["libgsasl"], "in AUTH: %s" % mapped(server))
    client.expect("235", PLAIN.rsplit(" ", 1)[1])
    check(mapped(server) == tls, "after AUTH: %s" % mapped(server))
    client.deliver().quit()
    sound(server)


# --- messages ---

def lines(size, seed):
    """A message of about size octets: any octets, dots, lines of any length
    up to the limit."""
    source = random.Random(seed)
    octets = source.randbytes(size).translate(
        bytes(range(256)), b"\r\n\0").replace(b"~", b".")
    out, at = [b"Subject: large\r\n\r\n"], 0
    while at < len(octets):
        length = source.randrange(998)
        line = octets[at:at + length]
        out.append((b"." if length % 7 == 0 else b"") + line[:997] + b"\r\n")
        at += length
    return b"".join(out)


def newest(user="alice"):
    """The message in a mailbox, without what smtpd wrote; it is removed."""
    new = os.path.join(DOMAINS, "example.org", user, "new")
    name, = os.listdir(new)
    message = read(os.path.join(new, name))
    os.unlink(os.path.join(new, name))
    at = message.index(b"\r\nSubject: ") + 2
    return message[at:]


def begin(client):
    client.expect("250", "EHLO client.example")
    client.expect("250", "MAIL FROM:<> BODY=8BITMIME")
    return client.expect("250", "RCPT TO:<alice@example.org>")


def large():
    """25 MiB by DATA and by BDAT, through both versions."""
    message = lines(25 << 20, 4)
    stuffed = message.replace(b"\r\n.", b"\r\n..")
    for sandbox in [SANDBOX, "off"]:
        server = serve("--certificates=" + certificates(),
                       "--sandbox=" + sandbox)
        version = VERSIONS["TLSv1.2" if sandbox == "off" else "TLSv1.3"]
        client = begin(Secure(server, tls=context(version)))
        client.expect("354", "DATA").sendall(stuffed)
        client.expect("250", ".").quit()
        check(newest() == message, "by DATA")
        client = begin(Secure(server, tls=context(version)))
        source, at = random.Random(5), 0
        while at < len(message):
            chunk = message[at:at + source.randrange(1, 4 << 20)]
            at += len(chunk)
            client.sendall(b"BDAT %d%s\r\n" % (
                len(chunk), b" LAST" if at == len(message) else b"") + chunk)
            client.expect("250")
        client.quit()
        check(newest() == message, "by BDAT")
        sound(server)


BODY = b"Subject: small\r\n\r\n" + b"".join(
    b"." * (i % 3) + b"line %d\r\n" % i for i in range(20))
PIPELINED = (b"MAIL FROM:<>\r\nRCPT TO:<alice@example.org>\r\n"
             b"BDAT %d LAST\r\n%s" % (len(BODY), BODY))


def pieces(octets, size):
    return [octets[at:at + size] for at in range(0, len(octets), size)]


def splits():
    """A transaction in records of every size; records in pieces of every
    size; many records in one write."""
    server = serve("--certificates=" + certificates(), "--messages=100000")
    for version in VERSIONS.values():
        client = Secure(server, tls=context(version))
        client.expect("250", "EHLO client.example")
        sizes = range(1, len(PIPELINED) + 2)

        def hear(what):
            for _ in range(3):
                client.expect("250")
            check(newest() == BODY, what)
        for size in sizes:
            for piece in pieces(PIPELINED, size):
                client.tls.write(piece)
            client.flush()
            hear("records of %d" % size)
        for size in sizes:
            client.tls.write(PIPELINED)
            for piece in pieces(client.outgoing.read(), size) \
                    if size % 8 == 1 else [client.outgoing.read()]:
                client.wire.sendall(piece)
            hear("segments of %d" % size)
        client.quit()
    sound(server)


def pipelining():
    """Many transactions in one go, QUIT at the end, and the replies to all."""
    server = serve("--certificates=" + certificates(), "--messages=100000")
    for version in VERSIONS.values():
        for size in [1 << 14, 1000, 100]:
            client = Secure(server, tls=context(version))
            octets = b"EHLO client.example\r\n" + PIPELINED * 100 + \
                b"QUIT\r\n"
            for piece in pieces(octets, size):
                client.tls.write(piece)
            client.flush()
            for code in ["250"] * 301 + ["221"]:
                client.expect(code)
            check(client.reply() == "", "the end")
            records_of(client.raw)
            client.close()
    check(stored() == 600, "600 messages")
    sound(server)


def mute():
    """A client that reads nothing is cut off, and close_notify ends well."""
    server = serve("--certificates=" + certificates(), "--idle-timeout=1",
                   "--messages=100000")
    client = Secure(server)
    client.expect("250", "EHLO client.example")
    client.tls.write(b"HELP\r\n" * 2000)
    octets = client.outgoing.read()
    client.wire.settimeout(5)
    try:
        while True:
            client.wire.sendall(octets)
            client.tls.write(b"HELP\r\n" * 2000)
            octets = client.outgoing.read()
    except (ConnectionError, TimeoutError):
        pass
    server.await_record("^session .*tls=")
    client.close()
    # An alert, then the end of the connection, behind 221.
    for version in VERSIONS.values():
        client = Secure(server, tls=context(version))
        client.expect("221", "QUIT")
        check(client.readline() == b"", "close_notify")
        check(records_of(client.rest())[-1][0] in [21, 23], "the last: an "
              "alert, which TLS 1.3 hides")
        client.close()
    sound(server)


def pipes():
    """TLS over two pipes: no socket to ask or to half-close."""
    port = listener()
    address = port.getsockname()
    port.close()
    smtpd = " ".join([
        os.environ["SMTPD"], "--user=" + pwd.getpwuid(os.geteuid()).pw_name,
        "--hostname=mx.example.org",
        "--sandbox=" + SANDBOX, "--domains=" + DOMAINS,
        "--certificates=" + certificates()])
    with open("log", "wb") as log:
        process = subprocess.Popen(
            ["socat", "TCP-LISTEN:%d,bind=%s,reuseaddr,fork" % address[::-1],
             "EXEC:%s,pipes" % smtpd], stderr=log, stdin=subprocess.DEVNULL)
    server = type("Server", (), {"address": address})

    def is_open():
        try:
            return socket.create_connection(address)
        except ConnectionRefusedError:
            return None
    try:
        wait_for(is_open, "socat").close()
        for version in VERSIONS.values():
            client = begin(Secure(server, tls=context(version)))
            client.expect("354", "DATA").sendall(BODY.replace(
                b"\r\n.", b"\r\n.."))
            client.expect("250", ".").quit()
            check(newest() == BODY, "the message")
        client = Client(address).expect("220")
        client.socket.sendall(b"STARTTLS\r\nEHLO evil.example\r\n")
        client.expect("554 5.5.1")
        check(client.reply() == "", "and the end")
        client.close()
        wait_for(lambda: b"tls=TLSv1.3" in read("log"), "a record")
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main(globals())
