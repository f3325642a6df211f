#!/usr/bin/python3
"""results.py DIR SEAL-KEY - the messages of DIR/signed/rsa as gatepost-spf and
gatepost-dkim, or other filters, would have left them.

  DIR/sealed    with two Authentication-Results fields, sealed by that key for
                queue id 4BENCHn, client 192.0.2.10, the sender From: names and
                the minute that it is (common/core/seal.h)
  DIR/results   with the same two fields, without seals

n is the number of the file; HELO names are those of milterload.
"""
import base64
import hashlib
import hmac
import os
import re
import struct
import sys
import time

ID = "mx.local.example"
CLIENT = b"\x04" + bytes((192, 0, 2, 10)) + bytes(12)


def canonical(results):
    """common/core/authres.h: every value in quotes, nothing folded."""
    return '"%s"' % ID + "".join(
        ";" + verdict + "".join(' %s="%s"' % p for p in props) for verdict, props in results)


def seal(key, queue_id, sender, results, minute):
    parts = (b"gatepost-seal-1", ID.encode(), queue_id.encode(), CLIENT, sender.encode(),
             canonical(results).encode(), struct.pack(">Q", minute))
    text = b"".join(struct.pack(">I", len(p)) + p for p in parts)
    mac = hmac.new(key, text, hashlib.sha256).digest()[:16]
    return base64.urlsafe_b64encode(mac).decode().rstrip("=")


def quoted(value):
    return value if re.fullmatch(r"[A-Za-z0-9._+-]+", value) else '"%s"' % value


def field(results, seal_of=None):
    texts = [verdict + "".join(" %s=%s" % (n, quoted(v)) for n, v in props)
             for verdict, props in results]
    more = " policy.gatepost-seal=" + seal_of if seal_of else ""
    return "Authentication-Results: %s;\r\n\t%s%s\r\n" % (ID, ";\r\n\t".join(texts), more)


def results_of(raw, number):
    """(domain of From:, the results of SPF, those of DKIM)"""
    domain = re.search(rb"(?m)^From: .*<user@(.*)>", raw)[1].decode()
    signature = re.sub(rb"\s", b"", re.search(rb"(?s)[ ;\t]b=(.*?)\r\n\S", raw)[1]).decode()
    spf = [("spf=pass", [("smtp.mailfrom", domain)]),
           ("spf=pass", [("smtp.helo", "mail.s%d.example" % (number % 10))])]
    return domain, spf, [("dkim=pass", [("header.d", domain), ("header.s", "rsa"),
                                        ("header.a", "rsa-sha256"), ("header.b", signature[:8])])]


def write(where, name, text, raw):
    os.makedirs(where, exist_ok=True)
    with open(os.path.join(where, name), "wb") as f:
        f.write(text.encode() + raw)


def main():
    where, key_file = sys.argv[1:]
    with open(key_file, "rb") as f:
        key = base64.b64decode(f.read())
    minute = int(time.time()) // 60
    for number, name in enumerate(sorted(os.listdir(where + "/signed/rsa"))):
        with open("%s/signed/rsa/%s" % (where, name), "rb") as f:
            raw = f.read()
        domain, spf, dkim = results_of(raw, number)
        facts = (key, "4BENCH%d" % number, "user@" + domain)
        seals = [seal(*facts, results, minute) for results in (dkim, spf)]
        write(where + "/sealed", name, field(dkim, seals[0]) + field(spf, seals[1]), raw)
        write(where + "/results", name, field(dkim) + field(spf), raw)


main()
