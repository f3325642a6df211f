#!/usr/bin/python3
"""Preflight: our own mail through gatepost-dkim and gatepost-dmarc, each seeing
the header as the one before left it.  What is missing is named, in the reply
and in the log; what is not asked for costs nothing."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_base
import lab_dkim
import lab_dns
import lab_gatepost
import lab_tap
import miltermta
import preflight_fixture
from dkim_fixture import Mail, send
from preflight_fixture import EGRESS, NEEDS, letter, words

tap = lab_tap.Tap()
CHAIN = ("dkim", "dmarc")
KEY = "rsa.pem"


class Fixture:
    def __init__(self, lab, build="asan"):
        self.key = lab_dkim.Key()
        self.zone = preflight_fixture.zone(self.key)
        self.dns = lab.own(lab_dns.DnsServer(self.zone, ttl=0))
        self.daemons, self.count = {}, 0
        for name in CHAIN:
            self.daemons[name] = lab_gatepost.Daemon(
                lab, preflight_fixture.settings(self.dns, KEY), lab_gatepost.binary(name, build),
                name=name, beside=self.daemons.get("dkim"), keys={KEY: self.key.pem})
        self.dmarc = self.daemons["dmarc"]

    def reload(self, **preflight):
        self.dmarc.set_policy(preflight_fixture.settings(self.dns, KEY, **preflight))
        return self.dmarc.reload()[0]

    def send(self, raw, chain=CHAIN, sender="<bounce@shop.example>", login="app", **kw):
        """(last answer, line of the log of gatepost-dmarc)"""
        self.count += 1
        queue_id = "4Q%06dID" % self.count
        for name in chain:
            with miltermta.Session(self.daemons[name].socket) as s:
                judged = send(s, raw, sender=sender, login=login, queue_id=queue_id, **kw)
            raw = judged.raw
            if not judged.going:
                break
        return judged, self.dmarc.log.wait(lambda l: queue_id + ": " in l, 5) or ""

    def count_of(self, outcome=None, need=None):
        name = 'gatepost_preflight_total{daemon="dmarc",outcome="%s"}' % outcome if outcome else \
            'gatepost_preflight_missing_total{daemon="dmarc",need="%s"}' % need
        return self.dmarc.metrics()[name]


def of(domain):
    return "<bounce@%s>" % domain


def good(f):
    for what, raw, how in (
            ("all is there", letter(), {}),
            ("without a login, from a trusted client", letter(), dict(login=None, client="198.51.100.9")),
            ("a domain below, relaxed", letter("a.shop.example"), {}),
            ("MAIL FROM below, relaxed", letter(), dict(sender=of("bounces.shop.example"))),
            ("a block without a section", letter("plain.example", ("Date",)), {}),
            ("no block", letter("other.example", ("Date",)), {})):
        asked = f.dns.count()
        out, line = f.send(raw, **how)
        mine = "plain" not in raw and "other" not in raw
        tap.equal((out.action, out.last.inserted), ("continue", []), what + ": it leaves, and nothing is added")
        tap.equal(" preflight=pass" in line, mine, what + ": the log says so" if mine else what + ": not looked at")
        if not mine:
            tap.equal(f.dns.count(), asked, what + ": DNS is not asked")


def missing(f):
    fields = {"date": "Date", "message-id": "Message-ID", "subject": "Subject"}
    cases = [("no " + name, letter(without=(name,)), {}, [need], "no %s field" % name)
             for need, name in fields.items()]
    cases += [("two of " + name, letter(extra="%s: x\n" % name), {}, [need], "2 %s fields" % name)
              for need, name in fields.items()]
    forged = lab_dkim.sign(letter(), "evil.example", "s1", f.key)
    other = lab_dkim.sign(letter(), "shop.example", "s2", f.key)
    click = ["list-unsubscribe-oneclick"]
    unsigned = ["aligned-dkim"] + click
    cases += [
        ("no one-click", letter(without=("List-Unsubscribe", "List-Unsubscribe-Post")), {}, click,
         "no List-Unsubscribe field"),
        ("mail alone", letter().replace(", <https://shop.example/u?1>", ""), {}, click, "no https URI"),
        ("an unset template", letter().replace("u?1", "{id}"), {}, click, "no list of <URI>"),
        ("not one-click", letter().replace("=One-Click", "=Yes"), {}, click, "is not List-Unsubscribe=One-Click"),
        ("no signer", letter(), dict(chain=("dmarc",)), unsigned, "gatepost-dkim must come before gatepost-dmarc"),
        ("the signer behind", letter(), dict(chain=("dmarc", "dkim")), unsigned, "no DKIM signature of shop.example"),
        ("signed by a stranger", forged, dict(chain=("dmarc",)), unsigned, "no DKIM signature with d=shop.example"),
        ("signed by a key of nobody", other, dict(chain=("dmarc",)), unsigned,
         "no DKIM signature with d=shop.example"),
        ("one-click is not covered", lab_dkim.sign(letter(), "shop.example", "s1", f.key,
                                                   headers=("From", "Date", "List-Unsubscribe")),
         dict(chain=("dmarc",)), click, "covers both List-Unsubscribe fields"),
        ("DKIM is not aligned", letter("a.strict.example"), dict(sender=of("a.strict.example")),
         ["aligned-dkim", "aligned-spf"] + click,
         "the signing domain strict.example is not aligned with From: a.strict.example"),
        ("MAIL FROM of another domain", letter(), dict(sender=of("far.example")), ["aligned-spf"],
         "MAIL FROM far.example is not aligned with From: shop.example"),
        ("MAIL FROM below, strict", letter("strict.example"), dict(sender=of("a.strict.example")),
         ["aligned-spf"], "is not aligned"),
        ("MAIL FROM without a record", letter(), dict(sender=of("x.shop.example")), ["aligned-spf"],
         "SPF record of x.shop.example does not let all addresses of `egress` pass: %s none" % EGRESS),
        ("a null sender: HELO is ours", letter(), dict(sender="<>"), ["aligned-spf"],
         "HELO mx.lab.example is not aligned"),
        ("no DMARC record", letter("norecord.example"), dict(sender=of("norecord.example")), ["dmarc-record"],
         "no DMARC record that can be used for norecord.example"),
        ("two From fields", letter(extra="From: a@other.example\n"), dict(chain=("dmarc",)),
         ["from-one", "aligned-dkim", "aligned-spf", "dmarc-record"] + click, "there are 2 From fields"),
    ]
    for what, raw, how, needs, why in cases:
        before = {n: f.count_of(need=n) for n in NEEDS}
        out, line = f.send(raw, **how)
        tap.match(r"^550 5\.7\.1 this message lacks .*: %s: .*%s" % (", ".join(needs), re.escape(why)), out.text,
                  what + ": the reply names it, and the reason")
        tap.equal(words("missing", line), needs, what + ": the log names it, and nothing else")
        tap.equal({n for n in NEEDS if f.count_of(need=n) > before[n]}, set(needs), what + ": it is counted")


def everything(f):
    raw = "To: a@b.example\n\nx\n"
    out, line = f.send(raw, sender=of("shop.example"))
    tap.equal(words("missing", line), list(NEEDS), "an empty letter: all is missing")
    tap.ok(out.text.startswith("550 5.7.1 ") and len(out.text) <= 510 and
           all(n in out.text for n in NEEDS), "the reply names all of it, in one line", out.text)
    tap.ok(len(line) < 600, "and so does the line of the log", line)
    out, line = f.send(letter(extra="X-Lab: x\n" * 1100), sender=of("shop.example"))
    tap.equal((out.action, words("missing", line)), ("continue", []), "1100 fields: nothing is missing for sure")
    tap.ok("date" in words("open", line) and "from-one" in words("open", line), "and much is open", line)


def what_else_says(f):
    raw = letter("warned.example", ("Date",))
    out, line = f.send(raw, sender=of("warned.example"))
    tap.equal((out.action, words("missing", line)), ("continue", ["date"]), "warn: it leaves, the log names it")
    out, line = f.send(letter("later.example", ("Date",)), sender=of("later.example"))
    tap.match(r"^451 4\.7\.1 .*: date: no Date field", out.text, "tempfail: 451 4.7.1 with the reason")
    would = 'gatepost_monitored_total{daemon="dmarc",action="reject"}'
    before = f.dmarc.metrics()[would]
    out, line = f.send(letter("watched.example", ("Date",)), sender=of("watched.example"))
    tap.equal((out.action, words("missing", line), " would=reject " in line, f.dmarc.metrics()[would] - before),
              ("continue", ["date"], True, 1), "monitor: it leaves; what enforcing would do is logged and counted")


def dns_trouble(f):
    out, line = f.send(letter("dead.example"), sender=of("dead.example"))
    tap.equal((out.action, words("missing", line), words("open", line)),
              ("continue", [], ["aligned-spf", "dmarc-record"]), "SERVFAIL, temperror = tag: it leaves")
    out, line = f.send(letter("dead.example", ("Date",)), sender=of("dead.example"))
    tap.match(r"^550 5\.7\.1 .*: date: no Date", out.text, "SERVFAIL, and no Date: refused for the Date")
    out, line = f.send(letter("deadtoo.example"), sender=of("deadtoo.example"))
    tap.match(r"^451 4\.7\.1 this message can not be checked now .*aligned-spf, dmarc-record: .*SERVFAIL", out.text,
              "SERVFAIL, temperror = tempfail: 451 4.7.1")
    begin = time.monotonic()
    out, line = f.send(letter("slow.example"), sender=of("slow.example"))
    took = time.monotonic() - begin
    tap.equal(out.text[:9] if out.text else out.action, "451 4.7.1", "no answer: 451 4.7.1")
    tap.ok(took < 5, "no answer: within the time (%.1f s)" % took, line)


def egress(f):
    many = [EGRESS] + ["192.0.2.%d" % n for n in range(101, 132)]
    tap.equal(f.reload(egress=many), "ok", "32 addresses of egress")
    out, line = f.send(letter())
    tap.match(r"pass: 192\.0\.2\.101 fail, 192\.0\.2\.102 fail, .* and \d+ more$", out.text,
              "those that do not pass are named")
    tap.ok(EGRESS + " " not in out.text, "and those that do are not", out.text)
    tap.equal(f.reload(egress=many + ["192.0.2.200"]), "error", "33 are refused")
    spf = dict(f.zone)
    spf["shop.example"] = {"TXT": ["v=spf1 ip4:192.0.2.0/24 -all"]}
    f.dns.serve(spf)
    tap.equal(f.send(letter())[0].action, "continue", "the record is mended: it leaves")
    f.dns.serve(f.zone)
    tap.equal(f.reload(egress=[]), "ok", "no egress")
    asked = f.dns.count("shop.example")
    tap.equal(f.send(letter())[0].action, "continue", "alignment alone is looked at")
    tap.equal(f.dns.count("shop.example"), asked, "and SPF is not asked for")
    tap.equal(f.reload(require=["date"], egress=[EGRESS]), "ok", "only a Date is required")
    asked = f.dns.count()
    tap.equal((f.send("From: a@shop.example\nDate: x\n\nx\n", chain=("dmarc",))[0].action, f.dns.count()),
              ("continue", asked), "DNS is not asked for what is not required")
    tap.equal(f.reload(), "ok", "as before")


def inbound(f):
    out, line = f.send(letter(without=("Date",)), chain=("dmarc",), login=None, client="203.0.113.66")
    tap.ok("preflight" not in line and out.going, "mail that comes in is not looked at", line)


def in_a_session(f):
    seen = []
    with miltermta.Session(f.dmarc.socket) as s:
        for n, (raw, sender) in enumerate((
                (letter(without=("Date",)), of("shop.example")), (letter("plain.example"), of("plain.example")),
                (letter("watched.example"), of("watched.example")), (letter(), of("shop.example")))):
            f.count += 1
            signed = raw if n != 3 else lab_dkim.sign(
                raw, "shop.example", "s1", f.key, headers=[n for n, _ in
                                                           ((k.decode(), v) for k, v in Mail(raw).fields)])
            seen.append(send(s, signed, sender=sender, login="app", greet=n == 0,
                             queue_id="4S%06dID" % f.count).action)
    tap.equal(seen, ["reject", "continue", "continue", "continue"], "four messages in a session: each its own")


def counted(f):
    before = {o: f.count_of(o) for o in ("pass", "open", "fail")}
    f.send(letter())
    f.send(letter("dead.example"), sender=of("dead.example"))
    f.send(letter(without=("Date", "Subject")))
    tap.equal({o: f.count_of(o) - before[o] for o in before}, {"pass": 1, "open": 1, "fail": 1},
              "one of each outcome is counted")


def main():
    why = lab_dkim.why_not()
    if why:
        lab_tap.skip_all("preflight", why)
    with lab_base.Lab("preflight") as lab:
        f = Fixture(lab)
        for test in (good, missing, everything, what_else_says, dns_trouble, egress, inbound, in_a_session,
                     counted):
            tap.run(test.__name__, test, f)
        for name, daemon in f.daemons.items():
            tap.equal(daemon.stop(), 0, "gatepost-%s ends with 0" % name)
    tap.done()


main()
