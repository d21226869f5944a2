# SPDX-License-Identifier: ISC
"""How TLS begins, and how it does not. See peers.py."""
import collections
import re
import signal
import socket
import ssl
import struct
import time

from peers import (ALERT, HANDSHAKE, KIND, NAME, V12, VERSIONS, Client,
                   Secure, certificates, check, context, holds, main, read,
                   records_of, s_client, serve, sound, starttls, wait_for)

HELLO_RANDOM = slice(6, 38)         # in a ServerHello
SENTINEL = b"DOWNGRD\1"             # RFC 8446, 4.1.3: "I can do better"


# --- what is agreed on ---

def kinds():
    """Versions, kinds of keys, both ways to begin, by s_client."""
    for way in ["offer", "implicit"]:
        server = serve("--tls=" + way,
                       "--certificates=" + certificates("mx", "mx-rsa"))
        for version in ["-tls1_2", "-tls1_3"]:
            for algorithm, key in [
                    ("ECDSA+SHA256", "id-ecPublicKey"),
                    ("RSA-PSS+SHA256:RSA+SHA256", "rsaEncryption")]:
                got = s_client(
                    server, version, "-sigalgs", algorithm, "-servername",
                    NAME, "-verify_hostname", NAME, "-verify_return_error",
                    with_starttls=way == "offer")
                holds(got, "Verify return code: 0 ", "PKEY: " + key,
                      r"Compression: NONE", r"(?m)^221 ")
        server.await_record("end=quit", 4)
        for version in VERSIONS:
            lines = server.records("end=quit .*tls=%s cipher=TLS_.*"
                                   "servername=%s$" % (version, NAME))
            check(len(lines) == 2, "two of %s: %s" % (version, lines))
        sound(server)


def names():
    """SNI: several names, a wildcard, none, unknown ones, hostile ones."""
    server = serve("--tls=implicit", "--certificates=" + certificates(
        "mx", "wild", "other"))
    trust = context()
    trust.check_hostname = False
    for name, wanted in [
            (NAME, NAME), ("MX.Example.ORG", NAME),
            ("other.example.com", "other.example.com"),
            ("also.example.com", "other.example.com"),
            ("smtp.example.net", "*.example.net"),
            ("a.b.example.net", NAME), ("example.net", "*.example.net"),
            ("unknown.example", NAME), (None, NAME)]:
        client = Secure(server, False, trust, name)
        subject = dict(sum(client.tls.getpeercert()["subject"], ()))
        check(subject["commonName"] == wanted, "%s gets %s, not %s" % (
            name, wanted, subject))
        client.quit()
        pattern = "servername=%s$" % name if name else "cipher=[A-Z0-9_]*$"
        server.await_record("end=quit .*" + pattern)
    for name in ["..", "../certificates", "/etc", "a/../..", "x" * 255,
                 "%s%n", "a\tb", "\"quoted\""]:
        holds(s_client(server, "-servername", name, with_starttls=False),
              "subject=CN = " + NAME, "(?m)^221 ")
    sound(server)


def sent_to_end(server, octets, way="offer"):
    """What comes for octets sent where TLS is to begin: (type, body)s."""
    client = starttls(server) if way == "offer" else Client(server.address)
    client.socket.sendall(octets)
    got = bytearray()
    try:
        while True:
            more = client.socket.recv(65536)
            got += more
            # Once we were sent an alert, nobody waits for us.
            if not more or got[:1] == b"\x15":
                break
    except ConnectionError:
        pass
    client.close()
    return records_of(got)


def hello_of(version, body=b"", ciphers=b"\xc0\x2f\xc0\x2b\xc0\x14\x00\x2f",
             compression=b"\0"):
    """A ClientHello of our own."""
    message = version + b"r" * 32 + b"\0" + struct.pack(
        ">H", len(ciphers)) + ciphers + bytes([len(compression)]) + compression
    if body:
        message += struct.pack(">H", len(body)) + body
    message = b"\1" + len(message).to_bytes(3, "big") + message
    return b"\x16" + b"\3\1" + struct.pack(">H", len(message)) + message


def old():
    """TLS 1.1, 1.0, SSL 3.0 and 2.0 are refused."""
    server = serve("--certificates=" + certificates("mx", "mx-rsa"))
    for version in ["-tls1", "-tls1_1"]:
        got = s_client(server, version, "-cipher", "ALL:@SECLEVEL=0")
        holds(got, "alert protocol version", "Cipher is .NONE.")
    server.await_record('end=tls .*reason="unsupported protocol version"', 2)
    for version in [b"\3\2", b"\3\1", b"\3\0"]:
        got = sent_to_end(server, hello_of(version))
        check(len(got) == 1 and got[0][0] == ALERT and got[0][1][0] == 2,
              "a fatal alert: %s" % got)
    # SSL 2.0 has another framing; POODLE (CVE-2014-3566), DROWN
    # (CVE-2016-0800).
    got = sent_to_end(server, b"\x80\x2e\1\0\2\0\x15\0\0\0\x10" + b"c" * 37)
    check(all(kind == ALERT for kind, _ in got), "at most alerts: %s" % got)
    server.await_record("end=tls", 6)
    sound(server)


def downgrade():
    """RFC 7507 and RFC 8446, 4.1.3; no compression (CVE-2012-4929)."""
    server = serve("--certificates=" + certificates())
    holds(s_client(server, "-tls1_2", "-fallback_scsv"),
          "inappropriate fallback")
    server.await_record('end=tls .*reason="the client fell back')
    holds(s_client(server, "-fallback_scsv"), "Cipher is TLS_", "(?m)^221 ")
    for version, wanted in [(V12, True), (VERSIONS["TLSv1.3"], False)]:
        client = Secure(server, tls=context(version))
        kind, body = records_of(client.raw)[0]
        check(kind == HANDSHAKE and body[0] == 2, "a ServerHello first")
        check((body[HELLO_RANDOM][-8:] == SENTINEL) == wanted,
              "the sentinel: %s" % wanted)
        client.quit()
    # extended_master_secret, for openssl to like it; groups and signatures.
    extensions = b"\0\x17\0\0" + b"\0\x0a\0\4\0\2\0\x17" + \
        b"\0\x0d\0\4\0\2\4\3"
    client = starttls(server)
    client.socket.sendall(hello_of(
        b"\3\3", extensions, b"\xc0\x2b\0\xff", b"\1\0"))
    head = client.socket.recv(5, socket.MSG_WAITALL)
    body = client.socket.recv(int.from_bytes(head[3:], "big"),
                              socket.MSG_WAITALL)
    check(head[0] == HANDSHAKE and body[0] == 2, "a ServerHello: %r" % head)
    after = 39 + body[38]           # behind the session's id
    check(body[after:after + 3] == b"\xc0\x2b\0", "no compression")
    client.close()
    sound(server)


def renegotiation():
    """CVE-2009-3555, CVE-2011-1473: a client cannot shake hands again."""
    server = serve("--certificates=" + certificates())
    got = s_client(server, "-tls1_2", text="R\n", keys=True)
    holds(got, "RENEGOTIATING", "no renegotiation|no_renegotiation")
    server.await_record("end=(hangup|tls) .*tls=TLSv1.2")
    # TLS 1.3 has none, but new keys; both sides' at once.
    got = s_client(server, "-tls1_3", text="K\n", keys=True)
    holds(got, "KEYUPDATE")
    server.await_record("end=(hangup|tls) .*tls=TLSv1.3")
    sound(server)


def allow_early_data(path):
    """Make a client believe that it may send early data with a session."""
    pem = read(path).decode()
    der = ssl.PEM_cert_to_DER_cert(
        re.sub("SSL SESSION PARAMETERS", "CERTIFICATE", pem))
    length = der[1] & 0x7f if der[1] & 0x80 else 0
    body = der[2 + length:]
    at, out, added = 0, b"", False
    # [15] max_early_data INTEGER, in its place among the optional ones.
    while at < len(body):
        size = body[at + 1]
        head = 2
        if size & 0x80:
            head += size & 0x7f
            size = int.from_bytes(body[at + 2:at + head], "big")
        if not added and body[at] & 0xc0 == 0x80 and body[at] & 0x1f > 15:
            out, added = out + b"\xaf\4\2\2\x10\0", True
        out += body[at:at + head + size]
        at += head + size
    if not added:
        out += b"\xaf\4\2\2\x10\0"
    der = b"\x30\x82" + struct.pack(">H", len(out)) + out
    pem = ssl.DER_cert_to_PEM_cert(der)
    with open(path, "w") as file:
        file.write(pem.replace("CERTIFICATE", "SSL SESSION PARAMETERS"))


def early_data():
    """0-RTT can be replayed (RFC 8446, 8): refused, and dropped unread."""
    server = serve("--certificates=" + certificates(), kind="loop")
    holds(s_client(server, "-tls1_3", "-sess_out", "session"), "(?m)^221 ")
    allow_early_data("session")
    with open("early", "w") as file:
        file.write("EHLO early.example\r\nMAIL FROM:<>\r\n"
                   "RCPT TO:<alice@example.org>\r\n")
    for settings in [[], ["--sandbox=off"]]:
        got = s_client(server, "-tls1_3", "-sess_in", "session",
                       "-early_data", "early", text="RSET\nQUIT\n")
        holds(got, "Early data was rejected", "(?m)^221 ")
        server.await_record("commands=4 .*rejected=0 end=quit")
        check(not server.records("early.example"), "unread")
        server = serve("--certificates=" + certificates(), *settings)
    sound(server)


# --- broken off ---

def flights(server, version, way, count):
    """A client that has sent count flights, and the next one, unsent."""
    client = Secure(server, way == "offer", context(version), shake=False)
    octets = b""
    for flight in range(count + 1):
        while not octets:
            try:
                client.tls.do_handshake()
            except ssl.SSLWantReadError:
                pass
            octets = client.outgoing.read()
            if not octets:
                client.fill()
        if flight < count:
            client.wire.sendall(octets)
            octets = b""
    return client, octets


def break_off(server, version, way, count, step, reset):
    """At each octet of a flight. Returns how many times."""
    client, octets = flights(server, version, way, count)
    size, times = len(octets), 1
    client.close()
    for length in range(0, size, step):
        if count > 0:
            client, octets = flights(server, version, way, count)
            wire = client.wire
        else:                       # the same ClientHello will do
            client = starttls(server, False) if way == "offer" else \
                Client(server.address)
            wire = client.socket
        wire.sendall(octets[:length])
        if reset:
            wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                            struct.pack("ii", 1, 0))
        client.close()
        times += 1
    return times


def aborted():
    """At every octet of the client's flights; each leaves one record."""
    server = serve("--certificates=" + certificates(), kind="loop")
    each = serve("--certificates=" + certificates(), kind="exec")
    implicit = serve("--tls=implicit", "--certificates=" + certificates(),
                     kind="loop")
    for target, way, step, reset in [(server, "offer", 1, False),
                                     (implicit, "implicit", 1, True),
                                     (each, "offer", 7, False)]:
        times = 0
        for version in VERSIONS.values():
            for count in [0, 1]:
                times += break_off(target, version, way, count, step, reset)
        records = wait_for(
            lambda: len(target.records("^session ")) >= times and
            target.records("^session "), "%d records" % times)
        check(len(records) == times, "one each: %d" % len(records))
        reasons = collections.Counter()
        for record in records:
            found = re.search(
                ' end=(tls|hangup) .*?(?:reason="?([^"]*)"?)?$', record)
            check(found and "messages=0" in record and
                  (found[1] == "tls") == bool(found[2]), record)
            reasons[found[2] or "none: it was done"] += 1
        print("# %d broken off, %s, %s" % (
            times, way, "RST" if reset else "FIN"))
        for reason, number in reasons.most_common():
            print("#   %5d  %s" % (number, reason))
        sound(target)


# --- many, slow, stopped ---

def parallel():
    """200 handshakes that are all under way at once."""
    server = serve("--certificates=" + certificates("mx", "mx-rsa"),
                   "--sessions=250")
    versions = list(VERSIONS.values())
    clients = [flights(server, versions[i % 2], "offer", 0)
               for i in range(200)]
    for client, octets in clients:
        client.wire.sendall(octets)
    for client, _ in clients:
        client.shake()
    if server.sockets:
        check(len(server.children()) == 200, "200 processes at once: %d" %
              len(server.children()))
    for client, _ in clients:
        client.expect("250", "EHLO client.example").quit()
    server.await_record("^session .*end=quit .*tls=", 200)
    check(not server.records("^problem"), "no problem")
    sound(server)


def slow():
    """An octet now and then is no progress; nobody waits for such a client."""
    for way in ["offer"] if KIND == "loop" else ["implicit"]:
        server = serve("--tls=" + way, "--certificates=" + certificates(),
                       "--idle-timeout=1")
        client, octets = flights(server, V12, way, 0)
        client.wire.setblocking(False)
        sent, over = 0, False
        while not over and sent < len(octets):
            try:
                client.wire.send(octets[sent:sent + 1])
                sent += 1
                time.sleep(0.1)
                got = client.wire.recv(100)
                over = got == b""
                check(over, "not a word: %r" % got)
            except BlockingIOError:
                pass
            except ConnectionError:
                over = True
            if sent == 5:
                Secure(server, way == "offer").quit()
        check(over, "an end before all is sent")
        server.await_record("end=idle")
        client.close()
        sound(server)


def stopped():
    """SIGTERM in a handshake, at its begin, its middle and its end."""
    for way in ["offer", "implicit"]:
        for version in VERSIONS.values():
            server = serve("--tls=" + way, "--certificates=" + certificates(),
                           "--drain-timeout=0", kind="loop")
            clients = [flights(server, version, way, count)
                       for count in [0, 0, 1]]
            clients[1][0].wire.sendall(clients[1][1][:50])
            done = Secure(server, way == "offer", context(version))
            server.signal(signal.SIGTERM)
            check(done.reply().startswith("421"), "421 through TLS")
            for client in [done] + [client for client, _ in clients]:
                records_of(client.rest())
                client.close()
            check(server.wait() == 0, "exit 0: %s" % server.status)
            check(len(server.records("end=shutdown")) == 4, "4 records: %s" %
                  server.records("^session"))


if __name__ == "__main__":
    main(globals())
