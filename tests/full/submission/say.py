#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Say the lines of standard input to a server, each after the reply to the one
before it (a message at once), and print the replies.

usage: say.py [--starttls | --implicit] [--certificate=FILE] [--uid=ID]
              ADDRESS [PORT]

ADDRESS is an IP address or the path of a socket, ID whom to become first. A line of "\\=NUMBER=TEXT"
stands for TEXT that many times, "\\eof" ends the sending. With TLS the server
is not verified: tests/full/tls.bats does that. With --starttls the greeting and
what it takes to STARTTLS are not printed."""

import os
import re
import socket
import ssl
import sys


class Client:
    def __init__(self, address, port):
        if address.startswith('/'):
            self.socket = socket.socket(socket.AF_UNIX)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection((address, port))
        self.socket.settimeout(60)
        self.file = None

    def secure(self, certificate):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if certificate:
            context.load_cert_chain(certificate)
        self.socket = context.wrap_socket(self.socket)
        self.file = None

    def hear(self):
        """The lines of a reply; what there is where it ends before."""
        if self.file is None:
            self.file = self.socket.makefile('rb')
        lines = []
        while True:
            line = self.file.readline()
            if line:
                lines.append(line.rstrip(b'\r\n').decode('utf-8', 'replace'))
            if not line or line[3:4] != b'-':
                return lines

    def say(self, text):
        self.socket.sendall(text.encode('utf-8', 'surrogateescape') + b'\r\n')


def expand(line):
    match = re.fullmatch(r'(.*?)\\=(\d+)=(.*)', line, re.S)
    return match[1] + match[3] * int(match[2]) if match else line


def starttls(client, certificate):
    client.hear()
    for line in ('EHLO client.example', 'STARTTLS'):
        client.say(line)
        reply = client.hear()
    if not reply or not reply[0].startswith('220'):
        raise SystemExit(f'STARTTLS: {reply}')
    client.secure(certificate)


def talk(client, lines, greeted):
    if not greeted:
        print(*client.hear(), sep='\n', flush=True)
    body = False
    for line in lines:
        line = line.rstrip('\n')
        if line == '\\eof':
            break
        client.say(expand(line))
        body = body and line != '.'
        if body:
            continue
        reply = client.hear()
        print(*reply, sep='\n', flush=True)
        if not reply:
            return
        body = reply[-1].startswith('354')


def main(args):
    certificate, mode = None, None
    while args[0].startswith('--'):
        name, _, value = args.pop(0).partition('=')
        if name == '--certificate':
            certificate = value
        elif name == '--uid':
            os.setgroups([])
            os.setresuid(int(value), int(value), int(value))
        else:
            mode = name
    client = Client(*args, *([None] if len(args) == 1 else []))
    if mode == '--starttls':
        starttls(client, certificate)
    elif mode == '--implicit':
        client.secure(certificate)
    try:
        talk(client, sys.stdin, mode == '--starttls')
    except (ConnectionResetError, BrokenPipeError):
        print('reset')


if __name__ == '__main__':
    main(sys.argv[1:])
