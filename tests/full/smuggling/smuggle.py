# smuggle.py PORT DOMAINS [only SEQUENCE]: send sequences that one reader takes
# for the end of a message and another does not, a second message behind each,
# over TCP connections. Prints a table; each row ends with "ok" or with what
# went wrong.
#
# What must hold: the message ends where <CR><LF>.<CR><LF> is and nowhere else;
# it is stored whole or refused whole; nothing behind the sequence is obeyed.
import os, re, socket, sys

PORT, DOMAINS = int(sys.argv[1]), sys.argv[2]
SENDER, SMUGGLER = 'sender@example.net', 'smuggler@example.net'
END = b'\r\n.\r\n'

# CVE-2023-51764, -51765, -51766 and their kind: whatever may pass for the end
# of a line, before and behind the dot.
ENDS = [b'\n', b'\r', b'\r\n', b'\n\r', b'\r\r', b'\n\n', b'\r\r\n', b'\n\r\n',
    b'\r\n\r', b'\r\n\n']
OTHERS = [
    # NUL, blanks, and a second dot near a true line end
    b'\r\n\0.\r\n', b'\r\n.\0\r\n', b'\r\0\n.\r\n', b'\r\n.\r\0\n',
    b'\0\n.\n', b'\n\0.\n', b'\n.\0\n', b'\r\n .\r\n', b'\r\n. \r\n',
    b'\r\n.\t\r\n', b'\r\n..\r\n', b'\n..\n', b'\r\n.\x1a\r\n', b'\x1a',
    b'\x04', b'\r\n.\x08\r\n',
    # other characters that separate lines, or become such ones
    b'\v.\v', b'\f.\f', b'\x1e.\x1e', b'\x85.\x85', b'\xc2\x85.\xc2\x85',
    '\u2028.\u2028'.encode(), '\u2029.\u2029'.encode(),
    b'\x8d\x8a.\x8d\x8a', '\u010d\u010a.\u010d\u010a'.encode(),
    b'\xe0\x80\x8d\xe0\x80\x8a.\xe0\x80\x8d\xe0\x80\x8a',
    b'\xff\xf4.\r\n', b'\r\n\xff\xfd\x06.\r\n',
    # other dots
    b'\r\n\xae\r\n', '\r\n\u3002\r\n'.encode(), '\r\n\uff0e\r\n'.encode(),
    '\r\n\u2024\r\n'.encode(), b'\r\n\xc0\xae\r\n',
    # encodings that a filter may undo
    b'=0D=0A.=0D=0A', b'=0A.=0A', b'\r\n=2E\r\n', b'%0d%0a.%0d%0a',
    b'&#13;&#10;.&#13;&#10;', b'\r\n.=\r\n', b'\\r\\n.\\r\\n',
    # without a dot: other ends
    b'\r\nQUIT\r\n', b'\nRSET\n', b'\r\nBDAT 0 LAST\r\n', b'\n\n', b'\r\r',
]


def show(sequence):
    text = ''
    for byte in sequence:
        text += { 10: '<LF>', 13: '<CR>' }.get(byte) or (chr(byte)
            if 32 < byte < 127 else '<%02X>' % byte)
    return text


def smuggled(newline):
    # What the attacker wants to be taken for commands; its lines end as the
    # relay in the middle would leave them, or as the sequence does.
    return newline.join([b'EHLO evil.example', b'MAIL FROM:<%s>' %
        SMUGGLER.encode(), b'RCPT TO:<bob@example.org>', b'DATA',
        b'Subject: smuggled', b'', b'smuggled'])


def unstuffed(body):
    # Of a body without bare CR and LF; the dots of its lines are stuffed.
    lines = body.split(b'\r\n')
    return b'\r\n'.join(line[1:] if line.startswith(b'.') else line
        for line in lines)


def replies(stream):
    codes = []
    while True:
        line = stream.readline()
        if not line:
            return codes
        if line[3:4] != b'-':
            codes.append(line.decode().strip())


def whole(sock, parts):
    sock.sendall(b''.join(parts))


def split(sock, parts):
    for part in parts:
        sock.sendall(part)


def octets(sock, parts):
    for byte in b''.join(parts):
        sock.send(bytes([byte]))


def attempt(sequence, newline, send):
    sock = socket.create_connection(('127.0.0.1', PORT), timeout=10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    stream = sock.makefile('rb')
    assert stream.readline().startswith(b'220 ')
    sock.sendall(b'EHLO relay.example\r\nMAIL FROM:<%s>\r\n'
        b'RCPT TO:<alice@example.org>\r\nDATA\r\n' % SENDER.encode())
    while not stream.readline().startswith(b'354 '):
        pass
    send(sock, [b'Subject: first\r\n\r\nfirst', sequence, smuggled(newline),
        END, b'QUIT\r\n'])
    got = replies(stream)
    sock.close()
    return got


def take_messages():
    found = []
    for directory, _, names in os.walk(DOMAINS):
        for name in names:
            path = os.path.join(directory, name)
            with open(path, 'rb') as file:
                found.append(file.read())
            os.unlink(path)
    return found


def judge(sequence, newline, got):
    found = take_messages()
    body = b'Subject: first\r\n\r\nfirst' + sequence + smuggled(newline) + \
        b'\r\n'
    bare = re.search(rb'\r(?!\n)|(?<!\r)\n', body) is not None
    if any(SMUGGLER.encode() in message.split(b'\r\n')[0]
        for message in found):
        return 'SMUGGLED'
    if len(found) > 1:
        return 'TWO MESSAGES'
    if bare:
        good = got[0].startswith('550 5.6.11 ') and not found
    else:
        good = got[0].startswith('250 2.0.0 stored') and len(found) == 1 and \
            found[0].endswith(b'\r\n' + unstuffed(body))
    good = good and len(got) == 2 and got[1].startswith('221 ')
    return ('550, none' if bare else '250, one') if good else \
        'WRONG: %s, %d stored' % (got, len(found))


def is_real_end(sequence, newline):
    stream = b'first' + sequence + smuggled(newline) + END
    return stream.index(END) != len(stream) - len(END)


def row(sequence):
    outcomes = []
    for newline in b'\r\n', b'\n', b'\r':
        if is_real_end(sequence, newline):
            return False
        for send in whole, split, octets:
            outcomes.append(judge(sequence, newline,
                attempt(sequence, newline, send)))
    # The first three are those with true line ends behind the sequence.
    bad = [text for text in outcomes if text not in ('550, none', '250, one')]
    print('%-36s %-10s %s' % (show(sequence), outcomes[0],
        bad[0] if bad else 'ok'))
    return True


take_messages()
if sys.argv[3:4] == ['only']:
    only = sys.argv[4].encode().decode('unicode_escape').encode('latin-1')
    print(judge(only, b'\r\n', attempt(only, b'\r\n', whole)))
else:
    pairs = [before + b'.' + after for before in ENDS for after in ENDS]
    for sequence in dict.fromkeys(pairs + OTHERS):
        row(sequence)
