#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Clients that are all there at once before the first of them logs in, then
send a message each; how many got which reply to MAIL or DATA.

usage: crowd.py PORT CLIENTS USER PASSWORD"""

import base64
import collections
import sys
import threading

import smtplib


def client(barrier, port, user, password, replies):
    try:
        with smtplib.SMTP('127.0.0.1', port, timeout=60) as smtp:
            smtp.ehlo('client.example')
            barrier.wait(60)
            token = base64.b64encode(f'\0{user}\0{password}'.encode()).decode()
            code, text = smtp.docmd('AUTH', f'PLAIN {token}')
            if code != 235:
                raise RuntimeError(f'AUTH: {code} {text}')
            barrier.wait(60)
            code, _ = smtp.mail(user)
            if code == 250:
                smtp.rcpt(user)
                code, _ = smtp.data(b'Subject: crowd\r\n\r\ntext\r\n')
            replies.append(code)
    except Exception as error:  # the count tells
        replies.append(f'{error!r}')


def main(port, count, user, password):
    barrier, replies = threading.Barrier(int(count)), []
    threads = [threading.Thread(target=client, args=(
        barrier, int(port), user, password, replies))
               for _ in range(int(count))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = collections.Counter(str(reply) for reply in replies)
    print(', '.join(f'{code}: {n}' for code, n in sorted(found.items())))


if __name__ == '__main__':
    main(*sys.argv[1:])
