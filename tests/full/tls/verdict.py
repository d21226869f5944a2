# SPDX-License-Identifier: ISC
"""What testssl.sh found: verdict.py FILE.json. The exit status is 1 if it
found something above "low", or not all that it was to look at."""
import collections
import json
import sys

# Warnings are about what testssl.sh itself cannot do.
ALLOWED = ["OK", "INFO", "LOW", "WARN", "DEBUG"]
WANTED = ["SSLv2", "SSLv3", "TLS1", "TLS1_1", "TLS1_2", "TLS1_3", "heartbleed",
          "CCS", "secure_renego", "secure_client_renego", "CRIME_TLS",
          "POODLE_SSL", "fallback_SCSV", "SWEET32", "FREAK", "DROWN", "LOGJAM",
          "BEAST", "LUCKY13", "RC4", "cipher_order", "PFS"]

with open(sys.argv[1]) as file:
    findings = json.load(file)
counts = collections.Counter(row["severity"] for row in findings)
print("# testssl.sh:", ", ".join("%d %s" % (counts[name], name.lower())
                                 for name in counts))
for row in findings:
    if row["severity"] not in ["OK", "INFO"]:
        print("#   %-8s %s: %s" % (row["severity"].lower(), row["id"],
                                   row["finding"]))
missing = [name for name in WANTED
           if name not in [row["id"] for row in findings]]
if missing:
    print("# not looked at:", ", ".join(missing))
sys.exit(bool(missing) or any(name not in ALLOWED for name in counts))
