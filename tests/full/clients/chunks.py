import smtplib, sys
data = open(sys.argv[2], 'rb').read()
with smtplib.SMTP('127.0.0.1', int(sys.argv[1])) as client:
    client.ehlo()
    client.mail('sender@example.net', ['BODY=8BITMIME'])
    client.rcpt('alice@example.org')
    for at in range(0, len(data), 97):
        chunk = data[at:at + 97]
        last = b' LAST' if at + 97 >= len(data) else b''
        client.send(b'BDAT %d%s\r\n' % (len(chunk), last) + chunk)
        code, text = client.getreply()
        assert code == 250, (code, text)
