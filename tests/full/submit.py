# SPDX-License-Identifier: ISC
"""usage: submit.py PLACE FROM [TO...]

Submit a message with each TO, if there are any, and print a line for each step:
what it was and how it was answered; "certificate DIGEST" for the server's.

PLACE is 587 or 465 of 127.0.0.1, or the path of a socket, which contains a "/".
The environment may have LOGIN=USER:PASSWORD to log in with, and AS=UID, who
connects to a path: root becomes him for that moment."""
import base64
import hashlib
import os
import smtplib
import socket
import ssl
import sys

place, sender, *recipients = sys.argv[1:]
context = ssl.create_default_context()
context.check_hostname = False
context.verify_mode = ssl.CERT_NONE


def say(what, answer):
    code, text = answer
    print(what, code, text.decode().replace("\n", " "))
    return code < 400


class Local(smtplib.SMTP):
    def _get_socket(self, path, port, timeout):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(timeout)
        before = os.geteuid()
        os.seteuid(int(os.environ.get("AS", before)))
        sock.connect(path)
        os.seteuid(before)
        return sock


def connect():
    if place == "465":
        return smtplib.SMTP_SSL("127.0.0.1", 465, timeout=60, context=context)
    if "/" in place:
        return Local(place, 1, timeout=60)
    return smtplib.SMTP("127.0.0.1", int(place), timeout=60)


client = connect()
client.ehlo("client.example")
if place == "587":
    say("STARTTLS", client.starttls(context=context))
    client.ehlo("client.example")
if isinstance(client.sock, ssl.SSLSocket):
    der = client.sock.getpeercert(binary_form=True)
    print("certificate", hashlib.sha256(der).hexdigest())
if "LOGIN" in os.environ:
    secret = "\0" + os.environ["LOGIN"].replace(":", "\0", 1)
    plain = base64.b64encode(secret.encode()).decode()
    say("AUTH", client.docmd("AUTH PLAIN", plain))
if say("MAIL", client.mail(sender)):
    taken = [to for to in recipients if say("RCPT", client.rcpt(to))]
    if taken:
        say("DATA", client.data(b"Subject: submitted\r\n\r\nhello\r\n"))
client.quit()
