import smtplib, sys
data = open(sys.argv[2], 'rb').read()
with smtplib.LMTP('127.0.0.1', int(sys.argv[1])) as client:
    client.sendmail('sender@example.net', ['alice@example.org'],
        data)
