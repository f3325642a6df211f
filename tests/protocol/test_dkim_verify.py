#!/usr/bin/python3
"""gatepost-dkim verifies: what dkimpy signed, what somebody broke, and keys
that can not be had; what is done about it, by which engine."""
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_base
import lab_dkim
import lab_tap
from dkim_fixture import AR, ID, LETTER, Fixture, with_fields

tap = lab_tap.Tap()
SLOW = {"*.slowzone.example": "TIMEOUT"}


def sha1(f):
    raw = lab_dkim.octets(LETTER)
    return lab_dkim.dkim.sign(raw, b"far", b"far.example", f.keys.rsa.dkimpy,
                              signature_algorithm=b"rsa-sha1") + raw


def cut(f):
    """Signed with l=, and text behind."""
    return f.foreign(length=True) + b"Appended.\r\n"


CASES = (  # what, the message, its results
    ("no signature", lambda f: LETTER, ["none"]),
    ("RSA", lambda f: f.foreign(), ["pass"]),
    ("Ed25519", lambda f: f.foreign("ed", f.keys.ed), ["pass"]),
    ("RSA and Ed25519", lambda f: f.foreign(raw=f.foreign("ed", f.keys.ed)), ["pass", "pass"]),
    ("simple/simple", lambda f: f.foreign(canon="simple/simple"), ["pass"]),
    ("simple/relaxed", lambda f: f.foreign(canon="simple/relaxed"), ["pass"]),
    ("relaxed/simple", lambda f: f.foreign(canon="relaxed/simple"), ["pass"]),
    ("white space changed, relaxed", lambda f: f.foreign().replace(b"good  news\tfor", b"good news for "),
     ["pass"]),
    ("white space changed, simple", lambda f: f.foreign(canon="simple/simple").replace(
        b"good  news\tfor", b"good news for "), ["fail"]),
    ("the body changed", lambda f: f.foreign().replace(b"Hello", b"Hallo"), ["fail"]),
    ("the header changed", lambda f: f.foreign().replace(b"A test", b"A tent"), ["fail"]),
    ("a field that is not signed changed", lambda f: f.foreign(
        raw=with_fields("X-Own: 1\n")).replace(b"X-Own: 1", b"X-Own: 2"), ["pass"]),
    ("a signature of other octets", lambda f: f.foreign(key=f.keys.other), ["fail"]),
    ("another key in DNS", lambda f: f.foreign("wrong"), ["fail"]),
    ("no key in DNS", lambda f: f.foreign("gone"), ["permerror"]),
    ("a revoked key", lambda f: f.foreign("revoked"), ["permerror"]),
    ("a key of another kind", lambda f: f.foreign("ed"), ["permerror"]),
    ("SERVFAIL", lambda f: f.foreign("servfail"), ["temperror"]),
    ("no answer", lambda f: f.foreign("slow"), ["temperror"]),
    ("RSA of 1024 bits", lambda f: f.foreign("short", f.keys.short), ["pass"]),
    ("rsa-sha1", sha1, ["policy"]),
    ("l= short of the body", cut, ["policy"]),
    ("l= and nothing behind", lambda f: f.foreign(length=True), ["pass"]),
    ("nonsense for a signature", lambda f: "DKIM-Signature: nonsense\n" + LETTER, ["permerror"]),
    ("d= with a quote", lambda f: f.foreign().replace(b"d=far.example", b"d=far.example'x.example"),
     ["permerror"]),
    ("two From fields", lambda f: b"From: a@bank.example\r\n" + f.foreign(), ["permerror"]),
    ("no From field", lambda f: re.sub(rb"(?m)^From: .*\r\n", b"", f.foreign()), ["permerror"]),
    ("a second Subject that is not signed", lambda f: b"Subject: other\r\n" + f.foreign(), ["policy"]),
    ("a broken one beside a good one", lambda f: f.foreign(raw=f.foreign(
        "ed", f.keys.ed, raw="DKIM-Signature: v=1; a=rsa-sha256; d=far.example\n" + LETTER)),
     ["pass", "pass", "permerror"]),
    ("SERVFAIL beside a good one", lambda f: f.foreign("servfail", raw=f.foreign()),
     ["temperror", "pass"]),
    ("no answer beside a good one", lambda f: f.foreign("slow", raw=f.foreign()),
     ["temperror", "pass"]),
    ("no key beside a good one", lambda f: f.foreign("gone", raw=f.foreign()),
     ["permerror", "pass"]),
)


def every_case(f, engine):
    for what, make, want in CASES:
        judged = f.receive(make(f))
        tap.equal((judged.going, judged.dkim), (True, want), "%s: %s: %s" % (
            engine, what, " ".join(want)))


def shown(f):
    """What stands in the field."""
    raw = f.foreign("servfail", raw=f.foreign())
    judged = f.receive(raw)
    top, second = judged.results
    wanted = lab_dkim.signatures(raw, f.zone)
    tap.equal([[r.props.get("header." + p) for p in "dsa"] for r in judged.results],
              [[s.domain, s.selector, s.algorithm] for s in wanted], "header.d .s .a are those of the signature")
    tap.ok(all(len(r.props["header.b"]) >= 8 and s.tags["b"].startswith(r.props["header.b"])
               for r, s in zip(judged.results, wanted)), "header.b: 8 characters of b= or more", judged.field)
    tap.ok(top.reason and not second.reason, "a reason when it is no pass, and only then", judged.field)
    tap.match(r"^[A-Za-z0-9_-]{22}$", second.props.get("policy.gatepost-seal"), "the field is sealed")
    tap.equal(judged.added, [AR], "one field is added")
    twice = f.foreign().replace(b"\r\nFrom:", b"\r\nX: 1\r\nFrom:")
    same = twice[:twice.index(b"X: 1")] + twice
    judged = f.receive(same)
    tap.equal(len({r.props["header.b"] for r in judged.results}), 1,
              "the same signature twice: shown as the same")
    judged = f.receive(f.foreign("gone").replace(b"s=gone", b's=go"n; x'))
    tap.equal(judged.dkim, ["permerror"], "a trap in s=: the field is still one by RFC 8601")
    for trap in (b"d=far.example (a", b"d=far.example; d=bank.example", b"d=bank.example\x0b.far.example",
                 b"d=.far.example", b"d=f\xc3\x28r.example", b"d=" + b"a" * 300 + b".example"):
        judged = f.receive(f.foreign().replace(b"d=far.example", trap))
        tap.ok(judged.dkim == ["permerror"] and "bank.example" not in
               (judged.results[0].props.get("header.d") or ""), "d= is %r: permerror" % trap[:30],
               judged.field)


def forged(f):
    name = "Authentication-Results"
    fields = "".join("%s: %s\n" % (name, v) for v in (
        ID + "; dkim=pass header.d=bank.example", "other.example; dkim=pass",
        '"MX.lab.example." 1; dkim=pass', "(c) old.lab.example; spf=pass", "mx.lab.example.net; none"))
    judged = f.receive(with_fields(fields))
    tap.equal([i for i, n, v in judged.last.changed if v == ""], [4, 3, 1],
              "forged fields are removed, from the last one up, foreign ones stay")
    sealed = judged.field
    again = f.receive(with_fields("%s:%s\n" % (name, sealed)))
    tap.equal(again.last.changed, [], "a field sealed for this message stays")
    again = f.receive(with_fields("%s:%s\n" % (name, sealed.replace("none", "pass", 1))))
    tap.ok(again.last.changed, "an altered one does not")


def unanswered(f):
    """Keys that never come do not hide one that does, nor take longer than
    they may."""
    f.dns.serve(dict(f.zone, **SLOW))
    raw = f.foreign()
    for n in range(7):
        raw = f.foreign("t%d" % n, raw=raw, domain="slowzone.example")
    begin = time.monotonic()
    judged = f.receive(raw)
    took = time.monotonic() - begin
    tap.equal(judged.dkim, ["temperror"] * 7 + ["pass"], "7 keys that never come, and one: it passes")
    tap.ok(took < 4, "they are awaited together", "%.1f s" % took)
    f.reload(resolver={"servers": [f.dns.address], "timeout": "10s", "tries": 1},
             dkim={"timeout": "1s"})
    begin = time.monotonic()
    judged = f.receive(raw)
    took = time.monotonic() - begin
    tap.equal(judged.dkim, ["temperror"] * 7 + ["pass"], "dkim.timeout: past it they are temperror")
    tap.ok(took < 2.5, "dkim.timeout: 1s is kept", "%.1f s" % took)
    f.reload()
    f.dns.serve(f.zone)


def dns_down(f):
    f.dns.mute = True
    try:
        judged = f.receive(f.foreign())
        tap.equal((judged.going, judged.dkim), (True, ["temperror"]), "DNS is down: temperror")
    finally:
        f.dns.mute = False
    lab_base.wait_until(lambda: f.receive(f.foreign()).dkim == ["pass"], 20, "DNS is believed again")
    tap.ok(True, "DNS is up: pass")


def flood(f):
    """70 signatures: 8 are looked at, those of the author first.  (Below the
    first 64 nobody looks.)"""
    raw = f.foreign("far", raw=LETTER.replace("news@shop.example", "news@far.example"))
    junk = lambda a, b: b"".join(b"DKIM-Signature: v=1; a=rsa-sha256; d=d%d.flood.example; s=s; h=from;\r\n"
                    b"\tbh=%s; b=%s\r\n" % (n, b"A" * 43 + b"=", b"A" * 342 + b"==") for n in range(a, b))
    top, end = raw.split(b"From:", 1)
    many = junk(0, 50) + top + junk(50, 69) + b"From:" + end
    before = f.dns.count()
    judged = f.receive(many)
    asked = f.dns.count() - before
    tap.equal((len(judged.dkim), "pass" in judged.dkim, judged.passing), (8, True, {"far.example"}),
              "70 signatures: 8 results, the author's is one of them")
    tap.ok(asked <= 8, "70 signatures: at most 8 questions", str(asked))
    judged = f.receive(junk(100, 307) + raw)
    tap.ok(judged.going and len(judged.dkim) == 8, "208 signatures: 8 results", judged.field)
    f.reload(dkim={"max-signatures": 2})
    tap.equal(len(f.receive(many).dkim), 2, "max-signatures = 2: 2 results")
    f.reload()


ACTIONS = (("none", lambda f: LETTER, "reject", r"^550 5\.7\.20 "),
           ("fail", lambda f: f.foreign().replace(b"Hello", b"Hallo"), "reject", r"^550 5\.7\.20 "),
           ("policy", sha1, "reject", r"^550 5\.7\.20 "),
           ("permerror", lambda f: f.foreign("gone"), "reject", r"^550 5\.7\.20 "),
           ("temperror", lambda f: f.foreign("servfail"), "tempfail", r"^451 4\.7\.5 "),
           ("temperror", lambda f: f.foreign("servfail", raw=f.foreign("gone")), "tempfail",
            r"^451 4\.7\.5 "))


def actions(f):
    strict = {"none": "reject", "fail": "reject", "policy": "reject", "permerror": "reject",
              "temperror": "tempfail"}
    f.reload(dkim=dict(strict, mode="enforce"))
    for result, make, action, reply in ACTIONS:
        judged = f.receive(make(f))
        tap.equal(judged.action, action, "enforce: %s = %s" % (result, action))
        tap.match(reply, judged.text, "enforce: %s: the reply" % result)
    for what, make in (("pass", lambda: f.foreign()),
                       ("pass beside fail", lambda: f.foreign(raw=f.foreign(key=f.keys.other))),
                       ("pass beside temperror", lambda: f.foreign("servfail", raw=f.foreign())),
                       ("a key in test mode", lambda: f.foreign("test"))):
        judged = f.receive(make())
        tap.ok(judged.going, "enforce: %s goes on" % what, repr(judged.last))
    tap.ok(f.submit().going, "enforce: our own mail is not judged")
    f.reload(dkim=dict(strict, mode="monitor"))
    for result, make, action, _ in ACTIONS:
        mark = f.daemon.log.mark()
        judged = f.receive(make(f), queue_id="4MONITOR")
        tap.ok(judged.going and judged.dkim[0] == result, "monitor: %s goes on, with its field" % result,
               judged.field)
        tap.ok("would=" + action in f.log_of("4MONITOR", mark), "monitor: the log has would=" + action,
               f.log_of("4MONITOR", mark))
    f.reload(dkim={"temperror": "reject", "mode": "enforce"})
    tap.equal(f.receive(f.foreign("servfail")).action, "reject", "temperror = reject")
    f.reload()


def body_length(f):
    f.reload(dkim={"body-length": "pass"})
    tap.equal(f.receive(cut(f)).dkim, ["pass"], "body-length = pass: l= short of the body passes")
    f.reload(dkim={"min-rsa-bits": 2048})
    tap.equal(f.receive(f.foreign("short", f.keys.short)).dkim, ["policy"],
              "min-rsa-bits = 2048: 1024 bits are policy")
    f.reload()


def engines(f):
    for engine in ("libopendkim", "compare"):
        head, text = f.reload(dkim={"engine": engine, "timeout": "3s"})
        tap.equal(head, "ok", "engine = " + engine)
        mark = f.daemon.log.mark()
        every_case(f, engine)
        tap.equal(f.serves(), "", engine + ": our signatures pass")
        tap.equal([l for l in f.daemon.log.all[mark:] if "differ" in l], [],
                  engine + ": no difference is logged")
    f.reload()


def main():
    why_not = lab_dkim.why_not()
    if why_not:
        lab_tap.skip_all("verifying through the milter protocol", why_not)
    with lab_base.Lab("verify") as lab:
        f = Fixture(lab)
        tap.run("builtin", every_case, f, "builtin")
        for test in (shown, forged, unanswered, flood, actions, body_length, engines, dns_down):
            begin = time.monotonic()
            tap.run(test.__name__, test, f)
            tap.note("%s took %.1f s" % (test.__name__, time.monotonic() - begin))
        tap.equal(f.daemon.stop(), 0, "SIGTERM ends it with 0")
    tap.done()


main()
