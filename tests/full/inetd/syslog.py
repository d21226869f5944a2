# syslog.py SOCKET FILE: write what comes to a syslog socket, a record a line.
import os, socket, sys

s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1] + '.new')
os.chmod(sys.argv[1] + '.new', 0o666)
os.rename(sys.argv[1] + '.new', sys.argv[1])
with open(sys.argv[2], 'ab', buffering=0) as out:
    while True:
        out.write(s.recv(65536).rstrip(b'\n\0') + b'\n')
