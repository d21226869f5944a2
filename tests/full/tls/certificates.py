# SPDX-License-Identifier: ISC
"""Certificates: which are used, renewed, broken; of clients; tickets. See
peers.py."""
import functools
import os
import shutil
import subprocess
import tempfile

from peers import (AUTHORITY, KIND, NAME, SANDBOX, VERSIONS, Client,
                   Secure, certificates, check, context, holds, install, issue,
                   listener, main, openssl, put, read, records_of, s_client,
                   serve, sound, wait_for)
from clear import PLAIN, passwords


# --- tickets ---

def again(server, tls, session, **more):
    """Another session that shows a ticket: whether it was taken."""
    client = Secure(server, tls=tls, session=session, **more)
    client.expect("250", "EHLO client.example")
    return client


def tickets():
    """Tickets of one child are good for another."""
    directory = certificates()
    server = serve("--certificates=" + directory, kind="loop")
    for version in VERSIONS.values():
        tls, session = context(version), None
        for i in range(6):
            client = again(server, tls, session)
            check(client.tls.session_reused == (i > 0), "resumed")
            client.quit()
            session = client.tls.session
            check(session.has_ticket, "a ticket")
    lines = wait_for(lambda: len(server.records("resumed=yes")) == 10 and
                     server.records("end=quit"), "10 resumed")
    check(len(lines) == 12, "12 in all")
    for version in ["-tls1_2", "-tls1_3"]:
        holds(s_client(server, version, "-sess_out", "ticket"), "New, TLS")
        holds(s_client(server, version, "-sess_in", "ticket"), "Reused, TLS")
    # With settings that were read anew, or of another process, a ticket is
    # nothing special; damaged ones are not, either.
    server.signal(1)
    server.await_record("state=ready", 2)
    for other in [server, serve("--certificates=" + directory)]:
        for version in VERSIONS.values():
            tls = context(version)
            session = again(server, tls, None)
            session.quit()
            client = again(other, tls, session.tls.session)
            check(client.tls.session_reused == (other is server), "its own")
            client.quit()
        sound(other)


def no_tickets():
    """A process of its own for each session has no use for any."""
    server = serve("--certificates=" + certificates(), kind="exec")
    for version in VERSIONS.values():
        client = again(server, context(version), None)
        client.quit()
        check(not client.tls.session.has_ticket and
              not client.tls.session_reused, "no ticket")
        loop = serve("--certificates=" + certificates(), kind="loop")
        tls = context(version)
        first = again(loop, tls, None)
        first.quit()
        client = again(server, tls, first.tls.session)
        check(not client.tls.session_reused, "not resumed")
        client.quit()
    for version in ["-tls1_2", "-tls1_3"]:
        got = s_client(server, version)
        check("ession ticket" not in got, got)
    check(not server.records("resumed"), "none resumed")
    sound(server)


def authorities():
    """Those that may sign client certificates."""
    put("authorities.pem", read(AUTHORITY + "/authority.pem") +
        read(AUTHORITY + "/root.pem"))
    return os.path.abspath("authorities.pem")


def showing(name, version=None):
    """What a client offers that has a certificate."""
    tls = context(version)
    tls.load_cert_chain(AUTHORITY + "/%s.pem" % name,
                        AUTHORITY + "/%s.key" % name)
    return tls


def mechanisms(client):
    """What is offered behind EHLO."""
    client.sendall(b"EHLO client.example\r\n")
    found = ""
    while True:
        line = client.readline().decode().strip()
        if line[4:].startswith("AUTH "):
            found = line[9:]
        if line[3:4] != "-":
            return found


def resumed_who():
    """A ticket says nothing of AUTH, and of a client's certificate only what
    was believed, where it was."""
    with open("conf", "w") as file:
        file.write(
            "hostname = mx.example.org\ndomains = %s\ncertificates = %s\n"
            "passwords = %s\nsubmission = yes\nsandbox = %s\n"
            "[trusting]\nclient-authorities = %s\n"
            "[wary]\nclient-authorities = %s/stranger.pem\n" % (
                os.environ["DOMAINS"], certificates(), passwords(),
                SANDBOX, authorities(), AUTHORITY))
    trusting, wary, plain = listener(), listener(), listener()
    server = serve(config="conf", sockets=[trusting, wary, plain],
                   env={"LISTEN_FDNAMES": "trusting:wary:plain"}, kind="loop",
                   defaults=False)
    places = {name: socket.getsockname() for name, socket in [
        ("trusting", trusting), ("wary", wary), ("plain", plain)]}

    def at(place, tls, session=None):
        server.address = places[place]
        return Secure(server, tls=tls, session=session)
    for version in VERSIONS.values():
        # AUTH is not in a ticket.
        tls = context(version)
        client = at("plain", tls)
        client.expect("250", "EHLO client.example").expect("235", PLAIN)
        client.expect("250", "MAIL FROM:<alice@example.org>").quit()
        client = at("plain", tls, client.tls.session)
        check(client.tls.session_reused, "resumed")
        client.expect("250", "EHLO client.example")
        client.expect("530", "MAIL FROM:<alice@example.org>").quit()
        # A certificate that was not believed is none when it is resumed; one
        # of another listener has to be shown anew.
        for name, place, other, wanted in [
                ("mallory", "trusting", "trusting", False),
                ("alice", "trusting", "trusting", True),
                ("alice", "wary", "wary", False),
                ("mallory", "wary", "wary", True),
                ("mallory", "wary", "trusting", False),
                ("alice", "trusting", "wary", False),
                ("alice", "plain", "trusting", True),
                ("mallory", "plain", "trusting", False)]:
            tls = showing(name, version)
            first = at(place, tls)
            mechanisms(first)
            first.quit()
            second = at(other, tls, first.tls.session)
            offered = "EXTERNAL" in mechanisms(second)
            second.quit()
            what = "%s at %s, then %s, %s" % (name, place, other, version)
            check(offered == wanted, what + ": offered %s" % offered)
            check(second.tls.session_reused == (place == other),
                  what + ": resumed %s" % second.tls.session_reused)
    check(not server.records("^problem"), "no problem")
    sound(server)


# --- certificates of clients ---

def external():
    """EXTERNAL is for those whose certificate is believed."""
    issue("expired", names=["Alice"], email="alice@example.org", over=True)
    issue("nobody", names=["Nobody"], email="nobody@example.net")
    server = serve("--certificates=" + certificates(), "--tls=implicit",
                   "--client-authorities=" + authorities())
    for version in VERSIONS.values():
        for name, wanted in [
                (AUTHORITY + "/alice", True), (AUTHORITY + "/mallory", False),
                ("expired", False), (AUTHORITY + "/mx", False), (None, False)]:
            tls = context(version)
            if name:
                tls.load_cert_chain(name + ".pem", name + ".key")
            client = Secure(server, False, tls)
            offered = mechanisms(client)
            check(("EXTERNAL" in offered) == wanted, "%s: %s" % (
                name, offered))
            client.expect("235" if wanted else "50" if not offered else "535",
                          "AUTH EXTERNAL =").quit()
    server.await_record("^auth .*result=ok mechanism=EXTERNAL user=alice@", 2)
    lines = server.records("^session .*certificate=")
    check(len(lines) == 2 and all("alice@example.org" in line
                                  for line in lines), "two: %s" % lines)
    sound(server)


# --- renewed ---

@functools.lru_cache
def serial(pair):
    return openssl("x509", "-noout", "-serial", "-in",
                   pair + ".pem").decode().strip().split("=")[1]


def served(server, name=NAME, tls=None):
    """The serial number of what a client gets, after a whole session."""
    if not tls:
        tls = context()
        tls.check_hostname = False
    client = Secure(server, tls=tls, name=name)
    client.expect("250", "EHLO client.example").quit()
    return client.tls.getpeercert()["serialNumber"]


OLD, NEW = AUTHORITY + "/mx", AUTHORITY + "/mx-again"


def both_of(server, wanted, text, name=NAME):
    """The next session, and the one after the loop has heard of it."""
    for _ in range(2):
        check(served(server, name) == wanted, text)


def renewed():
    """What is renewed is used by the next session, with no signal."""
    directory = certificates()
    server = serve("--certificates=" + directory)
    both_of(server, serial(OLD), "the first")
    for pair in [NEW, OLD, NEW]:
        install(directory, NAME, pair)
        both_of(server, serial(pair), "renewed")
    # In place, as by cp.
    install("beside", NAME, OLD)
    for file in ["fullchain.pem", "privkey.pem"]:
        shutil.copyfile("beside/%s/%s" % (NAME, file),
                        "%s/%s/%s" % (directory, NAME, file))
    both_of(server, serial(OLD), "in place")
    # A directory that comes, and goes, by rename as well.
    other = AUTHORITY + "/other"
    install("beside", "other.example.com", other)
    check(served(server, "other.example.com") == serial(OLD), "none yet")
    os.rename("beside/other.example.com", directory + "/other.example.com")
    both_of(server, serial(other), "a new name", "other.example.com")
    os.rename(directory + "/other.example.com", "beside/other.example.com")
    both_of(server, serial(OLD), "it is gone", "other.example.com")
    check(not server.records("^problem"), "no problem: %s" %
          server.records("^problem"))
    sound(server)


def certbot():
    """Links as certbot makes them: live/NAME/F -> ../../archive/NAME/F1."""
    for number, pair in [("1", OLD), ("2", NEW)]:
        os.makedirs("le/archive/" + NAME, exist_ok=True)
        put("le/archive/%s/fullchain%s.pem" % (NAME, number),
            read(pair + ".pem") + read(AUTHORITY + "/authority.pem"))
        put("le/archive/%s/privkey%s.pem" % (NAME, number),
            read(pair + ".key"))

    def link(number):
        place = "le/live/" + NAME
        os.makedirs(place, exist_ok=True)
        for file in ["fullchain", "privkey"]:
            os.symlink("../../archive/%s/%s%s.pem" % (NAME, file, number),
                       place + "/new")
            os.rename(place + "/new", "%s/%s.pem" % (place, file))
    link("1")
    server = serve("--certificates=" + os.path.abspath("le/live"))
    for number, pair in [("1", OLD), ("2", NEW), ("1", OLD)]:
        link(number)
        both_of(server, serial(pair), "linked")
    check(not server.records("^problem"), "no problem: %s" %
          server.records("^problem"))
    sound(server)


def damage(place, how):
    """Spoil a pair in some way. The file that a record names."""
    chain, key = place + "/fullchain.pem", place + "/privkey.pem"
    if how == "garbage":
        put(chain, b"garbage\n")
    elif how == "empty":
        put(chain, b"")
    elif how == "half":
        put(chain, read(chain)[:300])
    elif how == "no chain":
        os.unlink(chain)
    elif how == "a directory":
        os.unlink(chain)
        os.mkdir(chain)
    elif how == "nowhere":
        os.unlink(chain)
        os.symlink("../nowhere", chain)
    elif how == "a loop":
        os.unlink(chain)
        os.symlink("fullchain.pem", chain)
    elif how == "a FIFO":
        os.unlink(chain)
        os.mkfifo(chain)
    else:
        if how == "another's key":
            put(key, read(AUTHORITY + "/wild.key"))
        elif how == "no key":
            os.unlink(key)
        elif how == "a key with a passphrase":
            openssl("pkey", "-aes256", "-passout", "pass:x", "-in",
                    OLD + ".key", "-out", key)
        return key
    return chain


DAMAGES = ["garbage", "empty", "half", "no chain", "a directory", "nowhere",
           "a loop", "a FIFO", "another's key", "no key",
           "a key with a passphrase"]


def repair(directory, name, pair):
    shutil.rmtree(os.path.join(directory, name))
    install(directory, name, pair)


def broken():
    """A pair that is spoilt: what was loaded stays good; else 454, and a
    record that names the file. Once it is mended the next session has it."""
    directory = certificates()
    server = serve("--certificates=" + directory)
    both_of(server, serial(OLD), "the first")
    for how in DAMAGES:
        before = len(server.records("^problem"))
        file = damage(os.path.join(directory, NAME), how)
        if KIND == "loop":
            both_of(server, serial(OLD), "the old for " + how)
        else:
            client = Client(server.address).expect("220")
            client.expect("250", "EHLO clear.example")
            client.expect("454 4.7.0", "STARTTLS").expect("250", "NOOP")
            client.deliver().quit()
        line = wait_for(lambda: server.records("^problem")[before:],
                        "a record of " + how)[0]
        check(file in line, "%s in %s" % (file, line))
        repair(directory, NAME, NEW)
        both_of(server, serial(NEW), "mended")
        repair(directory, NAME, OLD)
        both_of(server, serial(OLD), "the old again")
    sound(server)


def broken_beside():
    """The same for a name that is not the default; the default stays good."""
    directory = certificates("mx", "other")
    other, name = AUTHORITY + "/other", "other.example.com"
    server = serve("--certificates=" + directory)
    for how in ["garbage", "another's key"]:
        both_of(server, serial(other), "whole", name)
        file = damage(os.path.join(directory, name), how)
        wanted = serial(other if KIND == "loop" else OLD)
        both_of(server, serial(OLD), "the default")
        both_of(server, wanted, "%s: as good as it gets" % how, name)
        if KIND == "loop":
            server.await_record("^problem .*" + file)
            check(len(server.records("^problem .*" + file)) <= 2,
                  "told once for each file that changed")
        repair(directory, name, other)
    both_of(server, serial(other), "mended", name)
    sound(server)


def broken_at_start():
    """Nothing to begin with: 454, until there is."""
    directory = certificates()
    for how in DAMAGES:
        file = damage(os.path.join(directory, NAME), how)
        server = serve("--certificates=" + directory)
        client = Client(server.address).expect("220")
        client.expect("250", "EHLO clear.example").expect(
            "454 4.7.0", "STARTTLS").deliver().quit()
        server.await_record("^problem .*" + file)
        repair(directory, NAME, OLD)
        both_of(server, serial(OLD), "mended")
        sound(server)
        server.end()


# --- none ---

def words(client, hello="EHLO client.example"):
    """The extensions behind EHLO."""
    client.socket.sendall(hello.encode() + b"\r\n")
    found = []
    while True:
        line = client.file.readline().decode().strip()
        found.append(line[4:])
        if line[3:4] != "-":
            return found


def required():
    """tls=require: 530 5.7.0 before TLS, for all that is not about it."""
    server = serve("--certificates=" + certificates(), "--tls=require",
                   "--vrfy=yes", "--expn=yes")
    client = Client(server.address).expect("220")
    check("STARTTLS" in words(client), "offered")
    for text in ["MAIL FROM:<>", "VRFY alice@example.org",
                 "EXPN alice@example.org"]:
        client.expect("530 5.7.0", text)
    client.expect("250", "NOOP").expect("250", "RSET").expect("214", "HELP")
    client.expect("503", "RCPT TO:<alice@example.org>").expect("503", "DATA")
    client.expect("503", "BDAT 2 LAST\n")
    client.quit()
    client = Secure(server)
    check("STARTTLS" not in words(client), "not again")
    client.expect("25", "VRFY alice@example.org").deliver().quit()
    sound(server)


def off():
    """tls=off, and no certificates: as if there were no TLS."""
    for settings in [["--tls=off", "--certificates=" + certificates()],
                     ["--tls=off", "--certificates=/nowhere"], []]:
        server = serve(*settings)
        client = Client(server.address).expect("220")
        check("STARTTLS" not in words(client), "not offered")
        client.expect("502", "STARTTLS").deliver().quit()
        check(not server.records("^problem"), "no problem")
        sound(server)


def none_at_all():
    """A directory without any, and one that is not there."""
    os.mkdir("empty")
    for path in ["empty", "missing"]:
        path = os.path.abspath(path)
        server = serve("--certificates=" + path)
        client = Client(server.address).expect("220")
        client.expect("250", "EHLO client.example")
        client.expect("454 4.7.0", "STARTTLS").deliver().quit()
        server.await_record("^problem .*" + path)
        sound(server)
        server = serve("--tls=implicit", "--certificates=" + path)
        for octets in [b"", b"EHLO client.example\r\n", b"\x16\3\1\0\5hello"]:
            client = Client(server.address)
            client.socket.sendall(octets)
            client.socket.shutdown(1)
            try:
                got = client.socket.recv(1000)
            except ConnectionError:
                got = b""
            check(not records_of(got), "not a word: %r" % got)
            client.close()
        server.await_record("^session .*end=tls", 3)
        server.await_record("^problem .*" + path)
        sound(server)


def unreadable():
    """As nobody, who may not read a key; as root."""
    place = tempfile.mkdtemp()
    try:
        os.makedirs(place + "/domains/example.org/alice")
        directory = certificates(directory=place + "/certificates")
        for path in [place, place + "/domains", place + "/domains/example.org",
                     place + "/domains/example.org/alice"]:
            os.chmod(path, 0o777)
        key = "%s/%s/privkey.pem" % (directory, NAME)
        server = serve("--certificates=" + directory, "--user=nobody",
                       domains=place + "/domains")
        os.chmod(key, 0o600)
        client = Client(server.address).expect("220")
        client.expect("250", "EHLO client.example")
        client.expect("454 4.7.0", "STARTTLS").deliver().quit()
        server.await_record("^problem .*%s: Permission denied" % key)
        os.chmod(key, 0o644)
        both_of(server, serial(OLD), "mended")
        os.chmod(directory, 0)
        client = Client(server.address).expect("220")
        client.expect("250", "EHLO client.example")
        if KIND == "exec":
            client.expect("454 4.7.0", "STARTTLS").deliver().quit()
            server.await_record("^problem .*%s: Permission denied" % directory)
        else:
            client.quit()
            both_of(server, serial(OLD), "the old")
        os.chmod(directory, 0o755)
        both_of(server, serial(OLD), "mended")
        sound(server)
    finally:
        shutil.rmtree(place)


# --- smtpd --check ---

def checked(directory, *settings, trusted=True):
    """Exit status and output of --check."""
    env = {**os.environ, "SSL_CERT_FILE": AUTHORITY + "/root.pem"}
    if not trusted:
        env["SSL_CERT_FILE"] = "/dev/null"
    result = subprocess.run(
        [os.environ["SMTPD"], "--check", "--hostname=" + NAME, "--user=root",
         "--domains=" + os.environ["DOMAINS"], "--certificates=" + directory,
         *settings], capture_output=True, text=True, env=env)
    return result.returncode, result.stdout + result.stderr


def check_good():
    status, text = checked(certificates("mx", "mx-rsa", "wild", "other"),
                           "--client-authorities=" + authorities())
    check(status == 0, text)
    for name in [NAME, NAME + "-rsa", "example.net", "other.example.com"]:
        holds(text, name + ": trusted by whom", name + ": valid until 20")
    holds(text, NAME + ": for clients that ask for no name",
          "certificates of clients are asked for")
    status, text = checked(certificates(), trusted=False)
    check(status == 0, text)
    holds(text, "not trusted by this machine")


def check_bad():
    """Each of these makes --check fail, and is named."""
    issue("expired", over=True)
    issue("soon", days=5)
    issue("weak", "weak")
    issue("own", by=None)

    def say(change, *wanted, **more):
        directory = certificates(directory="bad")
        change(directory + "/" + NAME)
        status, text = checked(directory, **more)
        check(status != 0, "not 0 for %s:\n%s" % (wanted, text))
        holds(text, *wanted)
        shutil.rmtree(directory)
    for how in DAMAGES:
        wanted = "privkey.pem" if "key" in how else "fullchain.pem"
        say(lambda place: damage(place, how), wanted)
    say(lambda place: os.chmod(place + "/privkey.pem", 0o644), "mode 0644")
    say(lambda place: os.chmod(place + "/privkey.pem", 0o660), "mode 0660")
    say(lambda place: os.chown(place + "/privkey.pem", 1, -1),
        "belongs to user 1")
    say(lambda place: install("bad", NAME, OLD, chain=False), "lacks")
    say(lambda place: put(place + "/fullchain.pem", read(
        AUTHORITY + "/authority.pem") + read(OLD + ".pem")), "not the key")
    say(lambda place: put(place + "/fullchain.pem", read(
        OLD + ".pem") + read(OLD + ".pem")), "not issued by")
    say(lambda place: install("bad", NAME, "expired"), "expired on")
    say(lambda place: install("bad", NAME, "soon"), "expires on")
    say(lambda place: install("bad", NAME, AUTHORITY + "/other"),
        "does not name")
    say(lambda place: install("bad", NAME, "weak"), "weak|small|1024")
    say(lambda place: shutil.rmtree(place), "no certificate is there")
    directory = certificates(directory="own-bad")
    install(directory, NAME, "own", chain=False)
    status, text = checked(directory, trusted=False)
    check(status == 0, "self-signed will do: " + text)
    holds(text, "self-signed")
    status, text = checked(directory, "--client-authorities=/nowhere")
    check(status != 0, text)
    holds(text, "/nowhere")


if __name__ == "__main__":
    main(globals())
