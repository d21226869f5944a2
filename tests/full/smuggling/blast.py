# blast.py PORT TEXT COUNT: after the greeting send TEXT and COUNT octets
# more, and read nothing before all are sent. Prints what came. A connection
# that is reset on the way is an error: it may take the reply back.
import socket, sys

sock = socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=10)
stream = sock.makefile('rb')
greeting = stream.readline()
text = sys.argv[2].encode().decode('unicode_escape').encode('latin-1')
# The first of it all at once: more is there when TEXT is obeyed.
sock.sendall(text + b'NOOP\r\n' * (int(sys.argv[3]) // 6))
sock.shutdown(socket.SHUT_WR)
sys.stdout.buffer.write(greeting + stream.read())
