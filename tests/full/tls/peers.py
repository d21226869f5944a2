# SPDX-License-Identifier: ISC
"""What the tests of TLS share: certificates, both activations, and a client
that sees each octet of its connection.

    SCRIPT SCENARIO [exec|loop]

runs a function of SCRIPT. exec: tcpserver starts a process for each session;
loop: smtpd accepts. SMTPD, DOMAINS and CERTIFICATES are in the environment;
files go to the working directory.
"""
import os
import re
import socket
import ssl
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), ".."))

import listen                                               # noqa: E402
from listen import (DOMAINS, HOST, PATIENCE, Client, Loop,  # noqa: E402
                    check, listener, stored, wait_for)  # noqa: F401

AUTHORITY = os.environ["CERTIFICATES"]
NAME = "mx.example.org"
RECORD_TYPES = range(20, 24)
RECORD_MAX = (1 << 14) + 256
ALERT, HANDSHAKE, DATA = 21, 22, 23


# --- certificates ---

def openssl(*command, **more):
    return subprocess.run(["openssl", *command], check=True,
                          capture_output=True, **more).stdout


def issue(out, kind="ec", names=(NAME,), days=90, ca=False,
          by=AUTHORITY + "/authority", email=None, over=False):
    """A certificate and its key: out.pem and out.key; by itself if by is
    None; expired if over."""
    def extension(text):
        return ["-addext", text]
    key = {"ec": ["ec", "-pkeyopt", "ec_paramgen_curve:P-256"],
           "rsa": ["rsa:2048"], "weak": ["rsa:1024"]}[kind]
    command = ["req", "-x509", "-nodes", "-config", AUTHORITY + "/empty.cnf",
               "-newkey", *key, "-keyout", out + ".key", "-out", out + ".pem",
               "-sha256", "-days", str(days), "-subj", "/CN=" + names[0]]
    if by:
        command += ["-CA", by + ".pem", "-CAkey", by + ".key"]
    if ca:
        command += extension("basicConstraints=critical,CA:TRUE")
        command += extension("keyUsage=critical,keyCertSign,cRLSign")
    else:
        command += extension("subjectAltName=" + ",".join(
            ["email:" + email] if email else
            ["DNS:" + name for name in names]))
        command += extension("crlDistributionPoints=URI:http://crl.invalid/")
        command += extension("extendedKeyUsage=" + (
            "clientAuth" if email else "serverAuth"))
        command += extension("keyUsage=critical,digitalSignature")
    openssl(*command)
    if over:
        expire(out, by)


def expire(out, by):
    """Sign it again, for a time that is past."""
    with open(out + ".cnf", "w") as file:
        file.write("[ca]\ndefault_ca=own\n[own]\ndatabase=%s.db\n"
                   "new_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\n"
                   "policy=any\ncopy_extensions=copyall\n"
                   "[any]\ncommonName=supplied\n" % out)
    put(out + ".db", b"")
    openssl("x509", "-x509toreq", "-copy_extensions", "copyall", "-in",
            out + ".pem", "-signkey", out + ".key", "-out", out + ".csr")
    openssl("ca", "-batch", "-notext", "-config", out + ".cnf", "-cert",
            by + ".pem", "-keyfile", by + ".key", "-startdate",
            "20240101000000Z", "-enddate", "20240201000000Z", "-in",
            out + ".csr", "-out", out + ".pem")


def read(path):
    with open(path, "rb") as file:
        return file.read()


def put(path, octets):
    """Atomically: by another name, then renamed."""
    with open(path + ".new", "wb") as file:
        file.write(octets)
    os.rename(path + ".new", path)


def install(directory, name, pair, chain=True):
    """directory/name/ as an ACME client writes it, of pair.pem and .key."""
    place = os.path.join(directory, name)
    os.makedirs(place, exist_ok=True)
    pem = read(pair + ".pem")
    if chain:
        pem += read(AUTHORITY + "/authority.pem")
    put(place + "/fullchain.pem", pem)
    put(place + "/privkey.pem", read(pair + ".key"))
    os.chmod(place + "/privkey.pem", 0o640)


def authority():
    """A root, an authority below it, and pairs that most tests use."""
    os.makedirs(AUTHORITY)
    with open(AUTHORITY + "/empty.cnf", "w") as file:
        file.write("[req]\ndistinguished_name = none\n[none]\n")
    at = AUTHORITY + "/"
    issue(at + "root", names=["Root of a test"], ca=True, by=None)
    issue(at + "authority", names=["Authority"], ca=True, by=at + "root")
    issue(at + "stranger", names=["Stranger"], ca=True, by=None)
    issue(at + "mx")
    issue(at + "mx-again")
    issue(at + "mx-rsa", "rsa")
    issue(at + "wild", names=["*.example.net", "example.net"])
    issue(at + "other", names=["other.example.com", "also.example.com"])
    issue(at + "alice", names=["Alice"], email="alice@example.org")
    issue(at + "mallory", names=["Mallory"], email="alice@example.org",
          by=at + "stranger")


def certificates(*names, directory="certificates"):
    """A directory with the usual pairs: certificates("mx", "wild")."""
    places = {"mx": NAME, "mx-rsa": NAME + "-rsa", "wild": "example.net",
              "other": "other.example.com"}
    os.makedirs(directory, exist_ok=True)
    for name in names or ["mx"]:
        install(directory, places[name], AUTHORITY + "/" + name)
    return os.path.abspath(directory)


def served():
    """For testssl.sh."""
    certificates("mx", "mx-rsa")


# --- both activations ---

class Spawner(Loop):
    """tcpserver, which starts a process for each session."""

    def start(self):
        with open(self.log, "ab", buffering=0) as log:
            process = subprocess.Popen(
                ["tcpserver", "-1", "-HR", "-l", "0", "-c", "300", "-b", "300",
                 HOST, "0", *self.command],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                env={**os.environ, **self.env})
        self.address = (HOST, int(process.stdout.readline()))
        self.process, self.pid = process, process.pid

    def ready(self):
        return self


SANDBOX = os.environ.get("SANDBOX", "require")
KIND = sys.argv[2] if len(sys.argv) > 2 else "loop"


def serve(*settings, kind=None, defaults=True, **more):
    make = Spawner if (kind or KIND) == "exec" else Loop
    if defaults:
        settings = ["--sandbox=" + SANDBOX, "--idle-timeout=60",
                    "--sessions-per-source=0", *settings]
    return make(*settings, **more).ready()


def sound(server):
    """Nobody crashed, and nobody is left."""
    server.await_children(0)
    for bad in ["crash", "sandbox refused", "signal="]:
        check(not server.records(bad), "no %s: %s" % (
            bad, server.records(bad)))


# --- clients ---

def context(version=None, trust=True, **more):
    """What a client believes and offers. Certificates are verified."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if trust:
        made.load_verify_locations(AUTHORITY + "/root.pem")
    else:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    if version:
        made.minimum_version = made.maximum_version = version
    for name, value in more.items():
        setattr(made, name, value)
    return made


V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3
VERSIONS = {"TLSv1.2": V12, "TLSv1.3": V13}


def records_of(octets):
    """The TLS records (type, body) that octets are, all of them."""
    at, found = 0, []
    while at < len(octets):
        check(at + 5 <= len(octets), "a record's head: %r" % octets[at:])
        kind, length = octets[at], int.from_bytes(octets[at + 3:at + 5], "big")
        check(kind in RECORD_TYPES and octets[at + 1] == 3 and
              octets[at + 2] <= 4 and length <= RECORD_MAX,
              "TLS, not %r" % bytes(octets[at:at + 80]))
        check(at + 5 + length <= len(octets), "a whole record")
        found.append((kind, bytes(octets[at + 5:at + 5 + length])))
        at += 5 + length
    return found


def starttls(server, hello=True):
    """A client in clear up to the moment where TLS begins."""
    client = Client(server.address).expect("220")
    if hello:
        client.expect("250", "EHLO clear.example")
    return client.expect("220", "STARTTLS")


class Secure(Client):
    """A client through TLS. raw has what the server sent after its 220, sent
    what we sent."""

    def __init__(self, server, with_starttls=True, tls=None, name=NAME,
                 session=None, shake=True, continued=None):
        self.clear = continued or (
            starttls(server) if with_starttls else Client(server.address))
        self.wire = self.clear.socket
        self.wire.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.raw, self.sent, self.ended = bytearray(), bytearray(), False
        self.incoming, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = (tls or context()).wrap_bio(
            self.incoming, self.outgoing, server_hostname=name,
            session=session)
        self.socket = self.file = self
        self.line = b""
        if shake:
            self.shake()
            if not with_starttls:
                self.expect("220")

    def flush(self):
        octets = self.outgoing.read()
        self.sent += octets
        self.wire.sendall(octets)

    def fill(self):
        octets = self.wire.recv(65536)
        self.raw += octets
        if octets:
            self.incoming.write(octets)
        else:
            self.ended = True
            self.incoming.write_eof()

    def drive(self, what, *arguments):
        while True:
            try:
                result = what(*arguments)
                self.flush()
                return result
            except ssl.SSLWantReadError:
                self.flush()
                self.fill()

    def shake(self):
        self.drive(self.tls.do_handshake)
        return self

    def sendall(self, octets):
        at = 0
        while at < len(octets):
            at += self.drive(self.tls.write, octets[at:at + (1 << 14)])

    def readline(self):
        while b"\n" not in self.line:
            try:
                got = self.drive(self.tls.read, 65536)
            except (ssl.SSLEOFError, ssl.SSLZeroReturnError):
                got = b""
            if not got:
                return b""
            self.line += got
        line, self.line = self.line.split(b"\n", 1)
        return line + b"\n"

    def rest(self):
        """Whatever the server still sends, undecoded, to the end."""
        try:
            while not self.ended:
                octets = self.wire.recv(65536)
                self.raw += octets
                self.ended = not octets
        except ConnectionError:
            self.ended = True
        return self.raw

    def close(self):
        self.wire.close()
        self.clear.file.close()


def fails(what, *arguments):
    """An exception of TLS or of the connection: its text."""
    try:
        what(*arguments)
    except (ssl.SSLError, ConnectionError, BrokenPipeError) as problem:
        return str(problem)
    raise SystemExit("no failure where there had to be one")


def s_client(server, *arguments, text="QUIT\n", with_starttls=True,
             keys=False):
    """What openssl s_client says; openssl.cnf forbids it nothing."""
    command = ["openssl", "s_client", "-connect", "%s:%d" % server.address,
               "-CAfile", AUTHORITY + "/root.pem", "-crlf", *arguments]
    if not keys:
        command.append("-ign_eof")  # its one-letter commands are off, too
    if with_starttls:
        command += ["-starttls", "smtp", "-name", "client.example"]
    result = subprocess.run(
        command, input=text.encode(), timeout=PATIENCE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env={**os.environ, "OPENSSL_CONF": "/dev/null"})
    return result.stdout.decode(errors="replace")


def holds(output, *wanted):
    for text in wanted:
        check(re.search(text, output), "%s in:\n%s" % (text, output))


def main(scenarios):
    listen.main(scenarios)


if __name__ == "__main__":
    main(globals())
