"""explain_fixture - the four daemons as one chain, the way an MTA asks them, and
the operator's tool beside them: what one does and the other says, in the same
words."""
import json
import os
import re
import subprocess

import lab_base
import lab_dkim
import lab_dns
import lab_gatepost
import miltermta
from dkim_fixture import AR, ID, SIGNATURE, Mail, edited

ORDER = ("spf", "dkim", "dmarc", "rate")
# the domains' own client, one that passes on, the attacker's, another MTA of ours; each
# in a network of its own, since gatepost-dmarc remembers clients by network
GOOD, RELAY, BAD, PEER = "192.0.2.1", "100.64.1.1", "203.0.113.66", "198.51.100.7"
BUILD = "asan"

LETTER = """\
From: Bank <info@%s>
To: Ann <ann@receiver.example>
Subject: A test
Date: Sat, 21 Nov 2026 12:00:00 +0000
Message-ID: <1@bank.example>

Hello Ann.
"""

POLICIES = {"bank.example": "v=DMARC1; p=reject", "quar.example": "v=DMARC1; p=quarantine",
            "none.example": "v=DMARC1; p=none", "shop.example": "v=DMARC1; p=none",
            "trial.example": "v=DMARC1; p=reject; t=y"}


def zone(key):
    out = {"_dmarc." + d: {"TXT": [p]} for d, p in POLICIES.items()}
    for domain in (*POLICIES, "mail.bank.example", "away.example"):
        out[domain] = {"TXT": ["v=spf1 ip4:%s -all" % GOOD]}
        out[lab_dkim.name("s1", domain)] = {"TXT": [key.record]}
    out["attacker.example"] = {"TXT": ["v=spf1 ip4:%s -all" % BAD]}
    out["_dmarc.away.example"] = "SERVFAIL"
    out["broken.example"] = "SERVFAIL"
    return out


def zone_text(names):
    """The same for `explain --zone`."""
    lines = []
    for name, data in names.items():
        if isinstance(data, str):
            lines.append("%s * !%s" % (name, data))
            continue
        lines += ['%s 5 TXT "%s"' % (name, text) for text in data["TXT"]]
    return "\n".join(lines) + "\n"


def settings(dns):
    key = ("key", "s1")
    pem = {"file": "k.pem"}
    limited = {"count": "recipients", "rate": ["3/24h"], "over": "tempfail"}
    return {
        "authserv-id": ID,
        "own-ids": ["old.lab.example"],
        "resolver": {"servers": [dns.address], "timeout": "1s", "tries": 1},
        "trust": {"clients": ["198.51.100.0/24"], "listeners": ["ORIGINATING"]},
        "store": "mem",
        "spf": {"mode": "enforce", "fail": "tag", "temperror": "tag"},
        "dmarc": {"mode": "enforce", "quarantine": "hold", "temperror": "tag"},
        ("domain", "receiver.example"): {},
        ("domain", "strict.example"): {"spf": {"fail": "reject", "temperror": "tempfail"}},
        ("domain", "watch.example"): {"spf": {"mode": "monitor", "fail": "reject"},
                                      "dmarc": {"mode": "monitor"}},
        ("domain", "shop.example"): {
            key: pem, "senders": {"auth": ["app"], "clients": [PEER], "else": "reject"}},
        ("domain", "staged.example"): {key: dict(pem, state="staged")},
        ("domain", "slow.example"): {key: pem, ("limit", "login"): dict(limited, by=["auth"]),
                                     ("limit", "peer"): dict(limited, by=["client"])},
        ("domain", "young.example"): {("warmup", "all"): {"first-day": 2}},
        ("domain", "picky.example"): {key: pem, "preflight": {
            "mode": "enforce", "require": ["aligned-dkim", "dmarc-record", "subject"],
            "else": "reject"}},
    }


class Answer:
    """What became of one message: who said no, where, how; the header."""

    def __init__(self, action, who=None, stage=None, reply="", refused=(), fields=(), removed=0):
        self.action, self.who, self.stage = action, who, stage
        self.reply = plain(reply)
        self.refused = list(refused)  # [(recipient, filter, reply)]
        self.fields = sorted(known(n, v) for n, v in fields)
        self.removed = removed

    def __eq__(self, other):
        return repr(self) == repr(other)

    def __repr__(self):
        return "%s by %s at %s: %r\n  refused %r\n  removed %d, added\n    %s" % (
            self.action, self.who, self.stage, self.reply, self.refused, self.removed,
            "\n    ".join(self.fields))


def plain(reply):
    """Without what is of the moment: time, seconds, reference."""
    reply = re.sub(r"retry after \S+ \(\d+ s\)", "retry after T", reply)
    return re.sub(r"\[[0-9A-Z]{10}\]$", "[REF]", reply)


def known(name, value):
    """A field without seals, and of a signature what does not change with the
    second in which it is made."""
    value = " ".join(value.split())
    if name == SIGNATURE:
        value = re.sub(r"\b([tx])=\d+", r"\1=T", value)
        value = re.sub(r"\bb=.*", "b=", value)
    return "%s: %s" % (name, re.sub(r" policy\.gatepost-seal=[\w-]+", "", value))


class Fixture:
    def __init__(self, lab):
        self.lab = lab
        self.key = lab_dkim.Key("ed25519")
        self.zone = zone(self.key)
        self.dns = lab.own(lab_dns.DnsServer(self.zone, ttl=0))
        self.daemons = {}
        for name in ORDER:
            self.daemons[name] = lab_gatepost.Daemon(
                lab, settings(self.dns), lab_gatepost.binary(name, BUILD), name=name,
                beside=self.daemons.get("spf"), keys=None if self.daemons else {"k.pem": self.key.pem})
        self.conf = self.daemons["spf"].conf
        self.zone_file = lab.write("zone", zone_text(self.zone))

    # -- what the daemons do ------------------------------------------------

    def real(self, raw, client=GOOD, helo="client.example", sender="<a@bank.example>",
             rcpts=("<ann@receiver.example>",), login=None, listener=None):
        """As an MTA: each recipient from filter to filter until one says no,
        the message likewise, as the one before left it."""
        mail = Mail(raw)
        before, refused, passing = list(map(tuple, mail.fields)), [], []
        sessions = {}
        try:
            for name in ORDER:
                s = sessions[name] = miltermta.Session(self.daemons[name].socket)
                s.connect(client, macros={"daemon_name": listener} if listener else None)
                s.helo(helo)
                s.mail(sender, {"auth_authen": login} if login else {"mail_mailer": "smtp"})
            for rcpt in rcpts:
                no = self._rcpt(sessions, passing, rcpt)
                if no:
                    refused.append((rcpt, no[0], plain(no[1].text)))
            if len(refused) == len(rcpts):
                return self._refused(refused[0][1], "rcpt", refused)
            return self._message(sessions, passing, mail, before, refused)
        finally:
            for s in sessions.values():
                s.quit()

    @staticmethod
    def _rcpt(sessions, passing, rcpt):
        for name in ORDER:
            if name in passing:
                continue
            said = sessions[name].rcpt(rcpt)
            if said.action == "accept":
                passing.append(name)
            elif said.action != "continue":
                return name, said
        return None

    def _message(self, sessions, passing, mail, before, refused):
        hold, deleted = None, 0
        for name in ORDER:
            if name in passing:
                continue
            s = sessions[name]
            s.data("4QUEUE1ID")
            for n, v in mail.fields:
                s.header(n, v)
            s.eoh()
            for at in range(0, len(mail.body), 65535):
                s.body(mail.body[at:at + 65535])
            last = s.eom("4QUEUE1ID")
            if last.action not in ("continue", "accept"):
                return self._refused(name, "end-of-message", refused, last)
            mail.fields = [list(f) for f in edited(mail.fields, last)]
            hold = hold or last.quarantine
        after = [tuple(f) for f in mail.fields]
        added = [f for f in after if f not in before]
        deleted = len(before) - (len(after) - len(added))
        return Answer("hold" if hold else "accept", refused=refused, removed=deleted,
                      fields=[(n.decode(), v.decode("utf-8", "backslashreplace")) for n, v in added])

    @staticmethod
    def _refused(who, stage, refused, last=None):
        reply = last.text if last else refused[0][2]
        action = last.action if last else ("reject" if reply[:1] == "5" else "tempfail")
        return Answer(action, who, stage, reply, refused)

    # -- what the tool says -------------------------------------------------

    def tool(self, *words, stdin=b"", control=None, conf=None):
        """(exit code, standard output, standard error)"""
        program = os.path.join(lab_base.BUILD, BUILD, "bin", "gatepost")
        done = subprocess.run(
            [program, "--config", conf or self.conf,
             "--control", control or self.daemons["rate"].control, "explain", *words],
            input=stdin, capture_output=True, timeout=60, check=False)
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def explain(self, raw, *words, client=GOOD, helo="client.example", sender="<a@bank.example>",
                rcpts=("<ann@receiver.example>",), login=None, listener=None, **kw):
        """(exit code, the JSON)"""
        options = ["--client", client, "--helo", helo, "--mail-from", sender]
        for rcpt in rcpts:
            options += ["--rcpt", rcpt]
        options += ["--auth", login] if login else []
        options += ["--listener", listener] if listener else []
        code, out, err = self.tool("--json", *options, *words, stdin=raw if isinstance(raw, bytes) else raw.encode(), **kw)
        if err or not out:
            raise lab_base.LabError("explain: exit %d, %s" % (code, err))
        return code, json.loads(out)


def reply_of(told):
    return "%d %s %s" % (told["code"], told["xcode"], told["text"]) if told["code"] else ""


def told(said):
    """The Answer that the tool's JSON gives."""
    reply, headers = said["reply"], said["headers"]
    refused = [(r["address"], r["refused_by"], plain(reply_of(r)))
               for r in reply["recipients"] if r["refused_by"]]
    gone = reply["action"] not in ("accept", "hold")
    return Answer(reply["action"], reply["filter"], reply["stage"], reply_of(reply), refused,
                  [] if gone else [(h["name"], h["value"]) for h in headers["added"]],
                  0 if gone else len(headers["removed"]))
