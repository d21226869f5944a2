import smtplib, sys
data = open(sys.argv[2], 'rb').read()
with smtplib.SMTP('127.0.0.1', int(sys.argv[1])) as client:
    client.ehlo('client.example')
    for name in ('pipelining', 'size', '8bitmime', 'binarymime',
        'chunking', 'smtputf8', 'enhancedstatuscodes',
        'limits'):
        assert client.has_extn(name), name
    client.sendmail('sender@example.net', ['alice@example.org'],
        data, mail_options=['BODY=8BITMIME'])
