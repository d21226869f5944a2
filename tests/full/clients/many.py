import smtplib, sys
data = open(sys.argv[2], 'rb').read()
good = ['many%d@example.org' % n for n in range(1, 101)]
bad = { 'nobody@example.org': b'5.1.1',
    'alice@elsewhere.example': b'5.7.1',
    'x' * 65 + '@example.org': b'5.1.3' }
with smtplib.SMTP('127.0.0.1', int(sys.argv[1])) as client:
    refused = client.sendmail('sender@example.net',
        good + list(bad), data)
assert refused.keys() == bad.keys(), refused
for path, (code, text) in refused.items():
    assert 500 < code < 560 and text.startswith(bad[path]), text
