#!/usr/bin/env python3
# SPDX-License-Identifier: ISC
"""Be systemd for an accept loop: listen, say where, become the program.

usage: loop.py PORTS NAME=ADDRESS ... -- COMMAND ARGS ...

A NAME is what systemd's FileDescriptorName= would be, an ADDRESS an IP address
(on a free port) or a path. PORTS is a file for lines "NAME PORT", complete
when it is there."""

import os
import socket
import sys

FIRST = 3               # sd_listen_fds(3)


def listen(address):
    if address.startswith('/'):
        one = socket.socket(socket.AF_UNIX)
        one.bind(address)
        os.chmod(address, 0o666)
    else:
        family = socket.AF_INET6 if ':' in address else socket.AF_INET
        one = socket.socket(family)
        one.bind((address, 0))
    one.listen(512)
    return one


def main(ports, *args):
    end = args.index('--')
    names, sockets = [], []
    for arg in args[:end]:
        name, address = arg.split('=', 1)
        names.append(name)
        sockets.append(listen(address))
    with open(f'{ports}.new', 'w', encoding='ascii') as out:
        for name, one in zip(names, sockets):
            if one.family != socket.AF_UNIX:
                print(name, one.getsockname()[1], file=out)
    # Out of the way first: a descriptor may be where another is to go.
    high = [os.dup2(one.fileno(), 200 + i) for i, one in enumerate(sockets)]
    for i, fd in enumerate(high):
        os.dup2(fd, FIRST + i, inheritable=True)
        os.close(fd)
    os.environ.update(LISTEN_FDS=str(len(high)), LISTEN_PID=str(os.getpid()),
                      LISTEN_FDNAMES=':'.join(names))
    os.rename(f'{ports}.new', ports)
    os.closerange(FIRST + len(high), 300)
    os.execv(args[end + 1], args[end + 1:])


if __name__ == '__main__':
    main(*sys.argv[1:])
