# SPDX-License-Identifier: ISC
"""Nothing crosses the border between clear text and TLS. See peers.py."""
import collections
import os
import re
import socket
import subprocess

from peers import (ALERT, DOMAINS, KIND, VERSIONS, Client, Secure,
                   certificates, check, context, fails, main, read,
                   records_of, serve, sound, stored, wait_for)

MESSAGE = (b"EHLO evil.example\r\nMAIL FROM:<evil@example.com>\r\n"
           b"RCPT TO:<alice@example.org>\r\nDATA\r\nSubject: injected\r\n\r\n"
           b".\r\nQUIT\r\n")
INJECTED = [
    ("EHLO", b"EHLO evil.example\r\n"),
    ("MAIL", b"MAIL FROM:<evil@example.com>\r\n"),
    ("a message", MESSAGE),
    ("AUTH", b"AUTH PLAIN AGFsaWNlAHBhc3N3b3Jk\r\n"),
    ("STARTTLS again", b"STARTTLS\r\n"),
    ("RSET", b"RSET\r\n"),
    ("QUIT", b"QUIT\r\n"),
    ("a chunk", b"BDAT 5 LAST\r\nhello"),
    ("half a command", b"MAIL FR"),
    ("an octet", b"E"),
    ("a line end", b"\r\n"),
    ("LF", b"\n"),
    ("a blank", b" "),
    ("NUL", b"\0"),
    ("a megabyte", b"NOOP\r\n" * 170000),
    ("a record's head", b"\x16\3\1\2\0"),
    ("an alert", b"\x15\3\3\0\2\1\0"),
]


def read_to_end(client):
    """A line, and what follows once the server hears no more of us."""
    got = bytearray()
    try:
        got += client.file.readline()
        client.socket.shutdown(socket.SHUT_WR)
        while True:
            more = client.file.read1(65536)
            if not more:
                break
            got += more
    except OSError as problem:      # a reset, or nobody there to hear it
        check(not isinstance(problem, TimeoutError), "an end in time")
    client.close()
    return bytes(got)


def outcome_of(octets):
    """Of what a server said after STARTTLS, in words; others are failures."""
    if octets.startswith(b"554 5.5.1 "):
        check(octets.count(b"\n") == 1 and octets.endswith(b"\r\n"),
              "one line: %r" % octets)
        return "554, the end"
    # What follows the 220, where that was not read before.
    rest = re.sub(rb"\A220 [^\r]*\r\n", b"", octets)
    check(all(kind == ALERT for kind, _ in records_of(rest)),
          "at most an alert: %r" % rest)
    return "220, the handshake fails"


def same_packet(address, octets):
    client = Client(address).expect("220")
    client.socket.sendall(b"STARTTLS\r\n" + octets)
    return client


def second_packet(address, octets):
    client = Client(address).expect("220")
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    client.socket.sendall(b"STARTTLS\r\n")
    client.socket.sendall(octets)
    return client


def behind_a_hello(address, octets):
    """What was pipelined before it is all right, what comes behind is not."""
    client = Client(address).expect("220")
    client.socket.sendall(b"EHLO clear.example\r\nSTARTTLS\r\n" + octets)
    client.expect("250")
    return client


def after_220(address, octets):
    client = Client(address).expect("220").expect("220", "STARTTLS")
    try:
        client.socket.sendall(octets)
        client.socket.shutdown(socket.SHUT_WR)
    except OSError:
        pass                        # it is over before all was sent
    return client


FORMS = [("in one packet (CVE-2011-0411)", same_packet, {"554, the end"}),
         ("behind EHLO and STARTTLS", behind_a_hello, {"554, the end"}),
         ("in the next packet", second_packet,
          {"554, the end", "220, the handshake fails"}),
         ("after 220", after_220, {"220, the handshake fails"})]


def table(form, rows):
    print("# %s" % form)
    for name, outcomes in rows:
        print("#   %-16s %s" % (name, ", ".join(
            "%s%s" % (outcome, " (%d)" % count if len(outcomes) > 1 else "")
            for outcome, count in outcomes.most_common())))


def injection():
    """CVE-2011-0411 and its kin: no command from before TLS is taken for one
    that came through it, or is executed at all."""
    server = serve("--certificates=" + certificates())
    sessions = 0
    for form, make, allowed in FORMS:
        rows = []
        for name, octets in INJECTED:
            # As it depends on who is faster, several times.
            outcomes = collections.Counter()
            for _ in range(10 if make == second_packet and KIND == "loop"
                           else 1):
                outcomes[outcome_of(read_to_end(
                    make(server.address, octets)))] += 1
                sessions += 1
            check(set(outcomes) <= allowed, "%s, %s: %s" % (
                form, name, outcomes))
            rows.append((name, outcomes))
        table(form, rows)
    lines = wait_for(lambda: len(server.records("^session ")) >= sessions and
                     server.records("^session "), "all records")
    check(len(lines) == sessions, "a record each")
    for line in lines:
        check("messages=0 " in line and "evil" not in line and
              " tls=" not in line, line)
    check(stored() == 0, "nothing is stored")
    check(not server.records("^(message|auth) "), "and nothing was tried")
    sound(server)


def handshake_behind():
    """As by a man in the middle who lets the client's handshake follow."""
    server = serve("--certificates=" + certificates())
    for version in VERSIONS.values():
        for make in [same_packet, second_packet]:
            for name, octets in INJECTED[:6]:
                client = Secure(server, tls=context(version), shake=False)
                try:
                    client.tls.do_handshake()
                except Exception:
                    pass
                hello = client.outgoing.read()
                client.close()
                got = outcome_of(read_to_end(
                    make(server.address, octets + hello)))
                check(got != "220, the handshake fails" or
                      make != same_packet, got)
    # And a handshake that does not wait for the 220.
    client = same_packet(server.address, hello)
    check(outcome_of(read_to_end(client)) == "554, the end", "no waiting")
    check(stored() == 0, "nothing is stored")
    sound(server)


def clear_to_implicit():
    """Who speaks clear text to implicit TLS gets none back."""
    server = serve("--tls=implicit", "--certificates=" + certificates())
    for octets in [b"EHLO clear.example\r\n", MESSAGE, b"QUIT\r\n", b"\r\n",
                   b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 100]:
        client = Client(server.address)
        client.socket.sendall(octets)
        client.socket.shutdown(socket.SHUT_WR)
        got = records_of(read_to_end(client))
        check(all(kind == ALERT for kind, _ in got), "an alert: %s" % got)
    server.await_record('end=tls .*reason="not TLS', 4)
    check(stored() == 0, "nothing is stored")
    sound(server)


# --- what was learnt before ---

def passwords():
    """A file of passwords, for alice."""
    hashed = subprocess.run(
        [os.environ["SMTPD"], "--hash-password"], input=b"password\n",
        capture_output=True, check=True).stdout
    with open("passwords", "wb") as file:
        file.write(b"alice@example.org:" + hashed)
    os.chmod("passwords", 0o600)
    return os.path.abspath("passwords")


PLAIN = "AUTH PLAIN AGFsaWNlQGV4YW1wbGUub3JnAHBhc3N3b3Jk"


def forgotten():
    """RFC 3207, 4.2: nothing that was learnt before TLS is still known."""
    server = serve("--certificates=" + certificates(),
                   "--passwords=" + passwords(), "--auth-clear=loopback")
    # The name, and with it that EHLO was said at all.
    client = Secure(server)
    client.expect("503", "MAIL FROM:<>").expect("503", "DATA")
    client.expect("250", "HELO inside.example").expect("250", "MAIL FROM:<>")
    client.expect("250", "RCPT TO:<alice@example.org>").expect("354", "DATA")
    client.expect("250", "Subject: inside\n\n.").quit()
    new = os.path.join(DOMAINS, "example.org/alice/new")
    trace = read(os.path.join(new, os.listdir(new)[0])).decode()
    check("from inside.example" in trace and "clear.example" not in trace,
          trace)
    # A transaction: STARTTLS is not allowed in one, and RSET ends it.
    client = Client(server.address).expect("220")
    client.expect("250", "EHLO clear.example").expect("250", "MAIL FROM:<>")
    client.expect("503", "STARTTLS").expect(
        "250", "RCPT TO:<alice@example.org>").expect("503", "STARTTLS")
    client.quit()
    # Who somebody is.
    client = Client(server.address).expect("220")
    client.expect("250", "EHLO clear.example").expect("235", PLAIN)
    client.expect("220", "STARTTLS")
    client = Secure(server, continued=client)
    client.expect("250", "EHLO inside.example").expect("235", PLAIN)
    client.expect("503", PLAIN).quit()
    client = Client(server.address).expect("220")
    client.expect("250", "EHLO clear.example").expect("235", PLAIN)
    client.expect("220", "STARTTLS")
    client = Secure(server, continued=client)
    client.expect("250", "EHLO inside.example").deliver("bob").quit()
    line = server.await_record("^message .*helo=client.example .*bob")
    check(" user=" not in line, "no user: " + line)
    # And what was offered before is offered no more, TLS itself.
    client = Secure(server)
    client.expect("503", "STARTTLS").expect("250", "EHLO inside.example")
    client.expect("503", "STARTTLS").quit()
    sound(server)


# --- how it ends ---

def forged(client):
    client.wire.sendall(b"\x17\3\3\0\x40" + b"?" * 64)


def half_a_record(client):
    client.tls.write(b"\r\n.\r\n" + b"NOOP\r\n" * 20)
    octets = client.outgoing.read()
    client.wire.sendall(octets[:len(octets) // 2])
    client.wire.shutdown(socket.SHUT_WR)


def close_notify(client):
    """Then, as if that ended TLS alone, what would complete each stage."""
    fails(client.tls.unwrap)
    client.wire.sendall(client.outgoing.read())
    try:
        client.wire.sendall(b"x" * 100 + b"\r\n.\r\nNOOP\r\nQUIT\r\n")
    except ConnectionError:
        pass


def fatal_alert(client):
    """By making the client believe that it was sent a forged record."""
    client.incoming.write(b"\x17\3\3\0\x40" + b"?" * 64)
    fails(client.tls.read, 1)
    client.wire.sendall(client.outgoing.read())


def end_of_file(client):
    client.wire.shutdown(socket.SHUT_WR)


def clear_text(client):
    client.wire.sendall(b"\r\n.\r\nNOOP\r\nQUIT\r\n")


def reset(client):
    client.wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                           b"\1\0\0\0\0\0\0\0")
    client.wire.close()


ENDS = [end_of_file, close_notify, fatal_alert, forged, half_a_record,
        clear_text, reset]


def at_once(client):
    pass


def in_command(client):
    client.sendall(b"MAIL FR")


def recipient(client):
    client.expect("250", "EHLO client.example").expect("250", "MAIL FROM:<>")
    return client.expect("250", "RCPT TO:<alice@example.org>")


def in_transaction(client):
    recipient(client)


def in_data(client):
    recipient(client).expect("354", "DATA").sendall(b"Subject: half\r\n\r\nx")


def at_line_end_of_data(client):
    recipient(client).expect("354", "DATA").sendall(b"Subject: half\r\n\r\n")


def in_chunk(client):
    recipient(client).sendall(b"BDAT 100 LAST\r\nSubject: half\r\n\r\n")


def behind_chunk(client):
    recipient(client).expect("250", "BDAT 15\nSubject: half")


def in_auth(client):
    client.expect("250", "EHLO client.example").expect("334", "AUTH PLAIN")


STAGES = [at_once, in_command, in_transaction, in_data, at_line_end_of_data,
          in_chunk, behind_chunk, in_auth]


def truncated():
    """However TLS ends, the session ends with it: no message, not an octet in
    clear, none that was left behind (CVE-2017-16943, CVE-2026-45185)."""
    server = serve("--certificates=" + certificates(),
                   "--passwords=" + passwords())
    rows, sessions = [], 0
    for stage in STAGES:
        for end in ENDS:
            for version in VERSIONS.values():
                client = Secure(server, tls=context(version))
                stage(client)
                end(client)
                if end != reset:
                    records_of(client.rest())
                client.close()
                sessions += 1
    lines = wait_for(lambda: len(server.records("^session ")) >= sessions and
                     server.records("^session "), "all records")
    check(len(lines) == sessions, "a record each")
    for line in lines:
        check("messages=0 " in line and " end=hangup " in line and
              " tls=TLSv1." in line, line)
    check(stored() == 0, "nothing is stored")
    wait_for(lambda: not os.listdir(os.path.join(
        DOMAINS, "example.org/alice/tmp")), "nothing is left behind")
    print("# %d ends of %d stages, TLS 1.2 and 1.3: each session ended, "
          "nothing stored, nothing in clear" % (len(ENDS), len(STAGES)))
    sound(server)


if __name__ == "__main__":
    main(globals())
