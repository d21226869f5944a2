import smtplib, sys
data = open(sys.argv[2], 'rb').read()
with smtplib.SMTP('127.0.0.1', int(sys.argv[1])) as client:
    refused = client.sendmail('søren@example.net',
        ['jürgen@example.org', 'info@bücher.example'], data,
        mail_options=['SMTPUTF8', 'BODY=8BITMIME'])
    assert refused == {}, refused
