"""preflight_fixture - domains of ours that differ in what is demanded of their
mail, what DNS says of them, and a letter that has all of it."""
import re

import lab_dkim

ID = "mx.lab.example"
EGRESS = "192.0.2.25"
NEEDS = ("from-one", "aligned-dkim", "aligned-spf", "dmarc-record", "date", "message-id",
         "subject", "list-unsubscribe-oneclick")

LETTER = """\
From: Shop <news@shop.example>
To: Ann <ann@receiver.example>
Subject: A test
Date: Sat, 21 Nov 2026 12:00:00 +0000
Message-ID: <1@shop.example>
List-Unsubscribe: <mailto:u@shop.example>, <https://shop.example/u?1>
List-Unsubscribe-Post: List-Unsubscribe=One-Click

Hello Ann.
"""

GOOD = ("shop.example", "warned.example", "later.example", "watched.example", "patient.example",
        "strict.example")
# record not there, DNS that does not tell
BAD = ("norecord.example", "dead.example", "deadtoo.example", "slow.example")


def letter(domain="shop.example", without=(), extra=""):
    """From this domain, without these fields, with more on top."""
    raw = LETTER.replace("news@shop.example", "news@" + domain)
    for name in without:
        raw = re.sub("(?m)^%s: .*\n" % name, "", raw)
    return extra + raw


def zone(key):
    out = {"slow.example": "TIMEOUT", "_dmarc.slow.example": "TIMEOUT"}
    for domain in GOOD + BAD:
        out.setdefault(domain, {"TXT": ["v=spf1 ip4:%s -all" % EGRESS]})
        out[lab_dkim.name("s1", domain)] = {"TXT": [key.record]}
    for domain in GOOD:
        out["_dmarc." + domain] = {"TXT": ["v=DMARC1; p=none"]}
    out["_dmarc.strict.example"] = {"TXT": ["v=DMARC1; p=none; adkim=s; aspf=s"]}
    for domain in ("dead.example", "deadtoo.example"):
        out[domain] = out["_dmarc." + domain] = "SERVFAIL"
    out["bounces.shop.example"] = out["far.example"] = {"TXT": ["v=spf1 ip4:%s -all" % EGRESS]}
    out[ID] = {"TXT": ["v=spf1 ip4:%s -all" % EGRESS]}
    return out


def block(key_file, require=NEEDS, **more):
    preflight = {"mode": "enforce", "require": list(require), "egress": [EGRESS],
                 "else": "reject", "temperror": "tag"}
    preflight.update(more)
    return {"subdomains": True, ("key", "s1"): {"file": key_file}, "preflight": preflight}


def settings(dns, key_file, **preflight):
    """`preflight` is said of shop.example."""
    out = {
        "authserv-id": ID,
        "resolver": {"servers": [dns.address], "timeout": "1s", "tries": 1},
        "trust": {"clients": ["198.51.100.0/24"]},
        "dmarc": {"timeout": "3s"},
        ("domain", "shop.example"): block(key_file, **preflight),
        ("domain", "plain.example"): {("key", "s1"): {"file": key_file}},
    }
    for domain, more in (
            ("warned.example", {"else": "warn"}), ("later.example", {"else": "tempfail"}),
            ("watched.example", {"mode": "monitor"}), ("strict.example", {}),
            ("norecord.example", {}), ("dead.example", {}),
            ("deadtoo.example", {"temperror": "tempfail"}),
            ("slow.example", {"temperror": "tempfail"})):
        out[("domain", domain)] = block(key_file, **more)
    return out


def words(field, line):
    """What stands behind `missing=` or `open=` in a line of the log."""
    found = re.search(r" %s=(\S+)" % field, line or "")
    return found.group(1).split(",") if found else []
