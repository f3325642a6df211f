"""dmarc_fixture - the three filters beside one another, with one policy, one
seal and one name server, and a message that goes through any of them in any
order, each seeing the header as the filter before it left it."""
import re

import lab_authres
import lab_dkim
import lab_dns
import lab_gatepost
import miltermta
from dkim_fixture import AR, ID, Mail, send

ORDER = ("spf", "dkim", "dmarc")
# the domains' own client, one that only passes on, the attacker's, a listed one;
# each in a network of its own, since clients are remembered by network
GOOD, RELAY, BAD, FORWARDER = "192.0.2.1", "100.64.1.1", "203.0.113.66", "100.64.9.9"

LETTER = """\
From: Bank <info@%s>
To: Ann <ann@receiver.example>
Subject: A test
Date: Sat, 21 Nov 2026 12:00:00 +0000
Message-ID: <1@bank.example>

Hello Ann.
"""

POLICIES = {
    "bank.example": "v=DMARC1; p=reject",
    "quar.example": "v=DMARC1; p=quarantine",
    "none.example": "v=DMARC1; p=none",
    "strict.example": "v=DMARC1; p=reject; adkim=s; aspf=s",
    "trial.example": "v=DMARC1; p=reject; t=y",
    "family.example": "v=DMARC1; p=none; sp=quarantine; np=reject",
    "receiver.example": "v=DMARC1; p=reject",
    "known.example": "v=DMARC1; p=reject",
    "nospf.example": "v=DMARC1; p=reject",
    "nokey.example": "v=DMARC1; p=reject",
}


def why_not():
    return lab_dkim.why_not() or lab_authres.why_not()


def zone(key):
    """Everybody's mail comes from GOOD and is signed with `key`."""
    out = {"_dmarc." + d: {"TXT": [p]} for d, p in POLICIES.items()}
    out["_dmarc.broken.example"] = "SERVFAIL"
    out["_dmarc.slow.example"] = "TIMEOUT"
    everybody = (*POLICIES, "broken.example", "plain.example", "mail.bank.example",
                 "mail.strict.example", "mail.family.example")
    for domain in everybody:
        out[domain] = {"TXT": ["v=spf1 ip4:%s -all" % GOOD]}
        out[lab_dkim.name("s1", domain)] = {"TXT": [key.record]}
    out["nospf.example"] = {"TXT": "SERVFAIL"}
    for domain in ("nokey.example", "mail.nokey.example"):
        out[lab_dkim.name("s1", domain)] = "SERVFAIL"
    out["*.slowkeys.example"] = "TIMEOUT"
    out["attacker.example"] = {"TXT": ["v=spf1 ip4:%s -all" % BAD]}
    out[lab_dkim.name("s1", "attacker.example")] = {"TXT": [key.record]}
    return out


def settings(dns, **dmarc):
    return {
        "authserv-id": ID,
        "own-ids": ["old.lab.example"],
        "resolver": {"servers": [dns.address], "timeout": "1s", "tries": 1},
        "trust": {"clients": ["198.51.100.0/24"], "forwarders": ["100.64.9.0/24"]},
        "spf": {"mode": "enforce", "fail": "tag"},
        "dmarc": dict({"mode": "enforce"}, **dmarc),
        ("domain", "receiver.example"): {},
        ("domain", "lenient.example"): {"dmarc": {"mode": "monitor"}},
        ("domain", "never.example"): {"dmarc": {"reject": "never"}},
    }


class Outcome:
    """What became of one message; `last` is the last filter's answer."""

    def __init__(self, last, raw):
        self.last, self.raw = last, raw
        self.action, self.text, self.hold = last.action, last.text, last.quarantine
        self.going = self.action in ("continue", "accept")
        self.ours = self._ours()

    @property
    def fields(self):
        """The Authentication-Results of the delivered message, unfolded by
        nobody."""
        return [v.decode("utf-8", "backslashreplace") for n, v in Mail(self.raw).fields
                if n.lower() == AR.lower().encode()]

    def _ours(self):
        """[[result ...] of each field that bears our id], the topmost first;
        python3-authres reads the same in each, or this fails."""
        out = []
        for value in self.fields:
            try:
                ident, results = lab_authres.read(value, ID)
            except lab_authres.Malformed:
                continue  # somebody else's
            if ident == ID:
                out.append(results)
        return out

    @property
    def dmarc(self):
        """The one dmarc result, or what is there in its place."""
        found = [r for results in self.ours for r in results if r.method == "dmarc"]
        return found[0] if len(found) == 1 else found

    @property
    def author(self):
        """The Author Domain; None where DMARC could not tell."""
        return getattr(self.dmarc, "props", {}).get("header.from")

    @property
    def verdict(self):
        """(dmarc result, policy.dmarc, action)"""
        if not isinstance(self.dmarc, lab_authres.Result):
            return (self.dmarc, None, self.action)
        return (self.dmarc.result, self.dmarc.props.get("policy.dmarc"), self.action)

    def passes(self):
        """{(method, domain)} of all that our fields say pass of."""
        names = ("smtp.mailfrom", "smtp.helo", "header.d", "header.from")
        return {(r.method, r.props.get(n)) for results in self.ours for r in results
                if r.result == "pass" for n in names if n in r.props}


def verdict_of(session, raw, **kw):
    """The dmarc result of a message in this session, or what was answered in
    its place."""
    judged = send(session, raw, **kw)
    outcome = Outcome(judged.last, judged.raw)
    return outcome.verdict[0] if outcome.going else outcome.action


class Fixture:
    def __init__(self, lab, build="asan"):
        self.key, self.other = lab_dkim.Key("ed25519"), lab_dkim.Key("ed25519")
        self.zone = zone(self.key)
        self.dns = lab.own(lab_dns.DnsServer(self.zone, ttl=0))
        self.daemons, self.sessions, self.count = {}, {}, 0
        for name in ORDER:
            self.daemons[name] = lab_gatepost.Daemon(
                lab, settings(self.dns), lab_gatepost.binary(name, build), name=name,
                beside=self.daemons.get("spf"))
        self.dmarc = self.daemons["dmarc"]

    def reload(self, **dmarc):
        """These words for `dmarc`; the answer to the reload."""
        self.dmarc.set_policy(settings(self.dns, **dmarc))
        return self.dmarc.reload()

    def signed(self, domain, raw=None, key=None, **kw):
        return lab_dkim.sign(raw or LETTER % domain, domain, "s1", key or self.key, **kw)

    def signed_slowly(self, author, count):
        """One aligned signature without a key, below others whose keys never
        come."""
        raw = lab_dkim.sign(LETTER % author, author, "gone", self.key)
        for n in range(count):
            raw = lab_dkim.sign(raw, "d%d.slowkeys.example" % n, "s1", self.key)
        return raw

    def queue_id(self):
        self.count += 1
        return "4Q%06dID" % self.count

    def send(self, raw, chain=ORDER, client=BAD, sender="<any@attacker.example>",
             queue_id=None, **kw):
        """Through these filters; an Outcome."""
        queue_id = queue_id or self.queue_id()
        for name in chain:
            with miltermta.Session(self.daemons[name].socket) as s:
                judged = send(s, raw, client=client, sender=sender, queue_id=queue_id, **kw)
            raw = judged.raw
            if not judged.going:
                break
        out = Outcome(judged.last, raw)
        out.queue_id = queue_id
        return out

    def log_of(self, outcome, name="dmarc"):
        return self.daemons[name].log.wait(lambda l: outcome.queue_id + ": " in l, 5) or ""
