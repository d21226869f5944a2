import smtplib, sys
data = open(sys.argv[2], 'rb').read()
with smtplib.SMTP('127.0.0.1', int(sys.argv[1])) as client:
    try:
        client.sendmail('sender@example.net',
            ['nobody@example.org'], data)
        sys.exit('accepted')
    except smtplib.SMTPRecipientsRefused as refused:
        assert refused.recipients['nobody@example.org'][0] == 550
    try:
        client.sendmail('sender@example.net',
            ['alice@example.org'], data + b'x' * 60000000)
        sys.exit('accepted')
    except smtplib.SMTPSenderRefused as refused:
        assert refused.smtp_code == 552, refused
    try:
        # A common mistake: octets are sent as they are, without CR.
        client.sendmail('sender@example.net', ['alice@example.org'],
            data.replace(b'\r\n', b'\n'))
        sys.exit('accepted')
    except smtplib.SMTPDataError as refused:
        assert refused.smtp_error.startswith(b'5.6.11'), refused
    client.sendmail('sender@example.net', ['alice@example.org'], data)
