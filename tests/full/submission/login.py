"""usage: login.py MODE PORT MECHANISM USER PASSWORD AUTHORITY FILE INITIAL

smtplib's login, by one mechanism, with or without an initial response."""
import smtplib
import ssl
import sys

mode, port, mechanism, user, password, authority, name, initial = sys.argv[1:]
context = ssl.create_default_context(cafile=authority)
if mode == 'implicit':
    client = smtplib.SMTP_SSL('127.0.0.1', int(port), context=context)
else:
    client = smtplib.SMTP('127.0.0.1', int(port))
    client.starttls(context=context)
with client, open(name, 'rb') as message:
    client.ehlo('client.example')
    client.esmtp_features['auth'] = mechanism
    # smtplib sends what it is given as ASCII.
    client.user, client.password = user, password
    method = getattr(client, f'auth_{mechanism.lower()}')
    code, text = client.auth(mechanism, method,
                             initial_response_ok=initial == 'yes')
    assert code == 235, (code, text)
    client.sendmail(user, [user], message.read(),
                    mail_options=['BODY=8BITMIME'])
