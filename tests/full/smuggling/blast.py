# blast.py PORT TEXT COUNT: after the greeting send TEXT, then COUNT octets
# more, and read nothing before all are sent. Prints what came. A connection
# that is reset on the way is an error: it may take the reply back.
import socket, sys

sock = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=10)
stream = sock.makefile('rb')
greeting = stream.readline()
text = sys.argv[2].encode().decode('unicode_escape').encode('latin-1')
sock.sendall(text)
count = int(sys.argv[3])
while count > 0:
    sent = sock.send((b'NOOP\r\n' * 1000)[:count])
    count -= sent
sock.shutdown(socket.SHUT_WR)
sys.stdout.buffer.write(greeting + stream.read())
