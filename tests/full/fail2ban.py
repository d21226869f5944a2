# SPDX-License-Identifier: ISC
"""usage: fail2ban.py PORT SOURCE HELO USER

Fail to log in as USER from the loopback address SOURCE. Escapes of Python in
USER are replaced. Prints the reply to AUTH."""
import base64
import smtplib
import sys

port, source, helo, user = sys.argv[1:]
user = user.encode("latin-1").decode("unicode_escape").encode("latin-1")
client = smtplib.SMTP("127.0.0.1", int(port), local_hostname="x",
                      source_address=(source, 0), timeout=20)
if client.docmd("EHLO", helo)[0] != 250:
    sys.exit("EHLO " + helo)
plain = base64.b64encode(b"\0" + user + b"\0wrong").decode()
print(*client.docmd("AUTH", "PLAIN " + plain))
client.quit()
