#!/usr/bin/python3
"""Signatures and key records that are right to the last bit, but for one rule;
and odd ones that keep every rule.  The cryptography is good in all of them, so
the rule alone decides."""
import base64
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_base
import lab_dkim
import lab_tap
from dkim_fixture import LETTER, Fixture

tap = lab_tap.Tap()
GOOD, BROKEN, POLICY, FAIL = ["pass"], ["permerror"], ["policy"], ["fail"]
BODY = len(lab_dkim.octets(LETTER).partition(b"\r\n\r\n")[2])


def tags(drop=(), **change):
    """The usual tags, in their order; a new one goes before h=."""
    out = [["v", "1"], ["a", "rsa-sha256"], ["c", "relaxed/relaxed"], ["d", "far.example"],
           ["s", "far"], ["h", "from:to:subject:date"], ["bh", None], ["b", None]]
    for name, value in change.items():
        place = next((t for t in out if t[0] == name), None)
        if place:
            place[1] = value
        else:
            out.insert(5, [name, value])
    return [tuple(t) for t in out if t[0] not in drop]


def doubled(name, value, at=4):
    out = tags()
    return out[:at] + [(name, value)] + out[at:]


def now(seconds):
    return str(int(time.time()) + seconds)


SIGNATURES = (
    ("nothing odd", lambda: tags(), GOOD),
    ("a tag that nobody knows", lambda: tags(unknown="x y z"), GOOD),
    ("z= with copies", lambda: tags(z="From:a@b|To:c@d"), GOOD),
    ("the list of queries has another one", lambda: tags(q="dns/x:dns/txt"), GOOD),
    ("only another query", lambda: tags(q="dns/x"), BROKEN),
    ("v=2", lambda: tags(v="2"), BROKEN),
    ("no v=", lambda: tags(drop="v"), BROKEN),
    ("no a=", lambda: tags(drop="a"), BROKEN),
    ("no d=", lambda: tags(drop="d"), BROKEN),
    ("no s=", lambda: tags(drop="s"), BROKEN),
    ("no h=", lambda: tags(drop="h"), BROKEN),
    ("no bh=", lambda: tags(drop=("bh",)), BROKEN),
    ("no b=", lambda: tags(drop=("b",)), BROKEN),
    ("b= is empty", lambda: tags(b=""), BROKEN),
    ("a=rsa-sha512", lambda: tags(a="rsa-sha512"), BROKEN),
    ("bh= of 20 octets", lambda: tags(bh=base64.b64encode(b"x" * 20).decode()), BROKEN),
    ("bh= of 33 octets", lambda: tags(bh=base64.b64encode(b"x" * 33).decode()), BROKEN),
    ("bh= of another body", lambda: tags(bh=base64.b64encode(b"x" * 32).decode()), FAIL),
    ("b= is no base64", lambda: tags(b="!!!!"), BROKEN),
    ("d= twice, the other first", lambda: doubled("d", "bank.example", 3), BROKEN),
    ("d= twice, the other last", lambda: doubled("d", "bank.example"), BROKEN),
    ("the same tag twice", lambda: doubled("c", "relaxed/relaxed"), BROKEN),
    ("an unknown tag twice", lambda: doubled("x1", "1") [:4] + [("x1", "2")] + doubled("x1", "1")[4:],
     BROKEN),
    ("an empty tag", lambda: tags() [:3] + [("", "")] + tags()[3:], BROKEN),
    ("h= without From", lambda: tags(h="to:subject:date"), BROKEN),
    ("h= with From twice", lambda: tags(h="from:from:to"), GOOD),
    ("h= with names that are not there", lambda: tags(h="from:x-1:x-2:cc:to"), GOOD),
    ("h= in capitals", lambda: tags(h="FROM:To:SUBJECT"), GOOD),
    ("h= with blanks and folds", lambda: tags(h="from :\r\n to : subject"), GOOD),
    ("h= with an empty name", lambda: tags(h="from::to"), BROKEN),
    ("x= an hour ago", lambda: tags(t=now(-9999), x=now(-3600)), BROKEN),
    ("x= a minute ago: clocks drift", lambda: tags(t=now(-9999), x=now(-60)), GOOD),
    ("x= before t=", lambda: tags(t=now(-10), x=now(-20)), BROKEN),
    ("x= the same as t=", lambda: tags(t=now(0), x=now(0)), BROKEN),
    ("t= an hour ahead", lambda: tags(t=now(3600)), BROKEN),
    ("t= a minute ahead: clocks drift", lambda: tags(t=now(60)), GOOD),
    ("t= is no number", lambda: tags(t="soon"), BROKEN),
    ("x= of 30 digits", lambda: tags(x="9" * 30), GOOD),
    ("i= is below d=", lambda: tags(i="joe@sub.far.example"), GOOD),
    ("i= without a local part", lambda: tags(i="@far.example"), GOOD),
    ("i= elsewhere", lambda: tags(i="joe@bank.example"), BROKEN),
    ("i= ends in the same letters", lambda: tags(i="joe@notfar.example"), BROKEN),
    ("i= above d=", lambda: tags(i="joe@example"), BROKEN),
    ("l= of the whole body", lambda: tags(l=str(BODY - 1)), GOOD),
    ("l= beyond the body", lambda: tags(l=str(BODY + 10)), BROKEN),
    ("l= of 30 digits", lambda: tags(l="9" * 30), BROKEN),
    ("l= is negative", lambda: tags(l="-1"), BROKEN),
    ("d= in capitals", lambda: tags(d="FAR.Example"), GOOD),
    ("d= with a dot at its end", lambda: tags(d="far.example."), None),
    ("d= is one label", lambda: tags(d="example"), None),
    ("d= with a blank", lambda: tags(d="far. example"), BROKEN),
    ("d= with an underscore", lambda: tags(d="f_r.example"), BROKEN),
    ("s= is empty", lambda: tags(s=""), BROKEN),
    ("s= with a slash", lambda: tags(s="f/r"), BROKEN),
    ("s= of 64 letters", lambda: tags(s="x" * 64), BROKEN),
    ("d= of 250 octets with a long s=", lambda: tags(d=("a" * 60 + ".") * 4 + "ex", s="s" * 60), BROKEN),
    ("DKIM-Signature in h=", lambda: tags(h="from:dkim-signature"), GOOD),
    ("600 names in h=", lambda: tags(h=":".join(["from"] * 600)), GOOD),
    ("2000 names in h=", lambda: tags(h=":".join(["from"] * 2000)), BROKEN),
    ("c= of two unknown words", lambda: tags(c="strict/loose"), BROKEN),
)


# what libopendkim can not do: permerror there
NOT_THERE = ("x= of 30 digits", "DKIM-Signature in h=")


def signatures(f, engine="builtin"):
    for what, make, want in SIGNATURES:
        if engine == "libopendkim" and what in NOT_THERE:
            want = BROKEN
        what = "%s: %s" % (engine, what)
        judged = f.receive(lab_dkim.craft(LETTER, f.keys.rsa, make()))
        if want is None:  # may be read either way, but must be read as one thing
            tap.ok(judged.dkim in (GOOD, BROKEN), "%s: pass or permerror" % what, judged.field)
        else:
            tap.equal(judged.dkim, want, "%s: %s" % (what, want[0]))
        tap.ok("bank.example" not in judged.passing, what + ": not for another")
    for n in (0, 10):
        raw = lab_dkim.craft(LETTER, f.keys.rsa, tags(l=str(n)), body=n)
        tap.equal(f.receive(raw).dkim, POLICY, "%s: l=%d: policy" % (engine, n))
    raw = lab_dkim.craft(LETTER, f.keys.ed, tags(a="ed25519-sha256", s="ed"))
    raw = raw.replace(b"\r\nFrom", b"; x=1999999999\r\nFrom", 1)
    tap.equal(f.receive(raw).dkim, FAIL, engine + ": a tag put behind the rest: fail")


def costly(f):
    """As much work as one message can ask for: 8 signatures, each over 1000
    names, among 900 fields."""
    fields = "".join("X-%d: %d\n" % (i, i) for i in range(880))
    names = ":".join(["from"] + ["X-%d" % i for i in range(879, -1, -1)] + ["none"] * 110)
    raw = lab_dkim.octets(fields + LETTER)
    for n in range(8):
        raw = lab_dkim.craft(raw, f.keys.rsa, tags(h=names, n=str(n)))
    begin = time.monotonic()
    judged = f.receive(raw)
    took = time.monotonic() - begin
    tap.equal(judged.dkim, GOOD * 8, "8 signatures over 1000 names each: pass")
    tap.ok(took < 5, "8 signatures over 1000 names each: %.2f s" % took)


def der(key, *args):
    return base64.b64encode(lab_dkim.openssl(*args, "-outform", "DER", input=key.pem)).decode()


def weak_public():
    """512 bits; '' where openssl makes none."""
    made = subprocess.run(["openssl", "genrsa", "512"], capture_output=True, check=False)
    return made.stdout and base64.b64encode(lab_dkim.openssl(
        "pkey", "-pubout", "-outform", "DER", input=made.stdout)).decode()


def records(f):
    p = f.keys.rsa.public
    bare = der(f.keys.rsa, "rsa", "-RSAPublicKey_out")
    weak = weak_public()
    rows = [("v=DKIM1; p=" + p, GOOD, "no k="), ("p=" + p, GOOD, "p= alone"),
            ("k=rsa; p=" + p + ";", GOOD, "a semicolon at its end"),
            ("v=DKIM1; k=rsa; n=a note; p=" + p, GOOD, "a note"),
            ("v=DKIM1; x=unknown; p=" + p, GOOD, "an unknown tag"),
            ("v=DKIM1; p=" + p[:100] + " \t " + p[100:], GOOD, "blanks in p="),
            ("v=DKIM1; p=" + bare, GOOD, "a bare RSAPublicKey"),
            ("v=DKIM1; s=email; p=" + p, GOOD, "s=email"), ("v=DKIM1; s=*; p=" + p, GOOD, "s=*"),
            ("v=DKIM1; s=other:email; p=" + p, GOOD, "s= with email in it"),
            ("v=DKIM1; s=other; p=" + p, BROKEN, "s= without email"),
            ("v=DKIM1; h=sha1:sha256; p=" + p, GOOD, "h= with sha256"),
            ("v=DKIM1; h=sha1; p=" + p, BROKEN, "h=sha1"),
            ("v=DKIM1; t=y; p=" + p, GOOD, "t=y"), ("v=DKIM1; t=s; p=" + p, GOOD, "t=s"),
            ("p=" + p + "; v=DKIM1", BROKEN, "v= not first"),
            ("v=DKIM2; p=" + p, BROKEN, "v=DKIM2"), ("v=DKIM1; k=dsa; p=" + p, BROKEN, "k=dsa"),
            ("v=DKIM1; p=" + p + "; p=" + f.keys.other.public, BROKEN, "p= twice"),
            ("v=DKIM1; t=y; t=s; p=" + p, BROKEN, "t= twice"),
            ("v=DKIM1; p=", BROKEN, "revoked"), ("v=DKIM1; k=rsa", BROKEN, "no p="),
            ("v=DKIM1; p=!!!", BROKEN, "p= is no base64"),
            ("v=DKIM1; p=" + p[:200], BROKEN, "p= cut off"),
            ("v=DKIM1; p=" + base64.b64encode(b"\x30\x82\xff\xff" + b"\0" * 300).decode(), BROKEN,
             "p= with a length beyond its end"),
            ("v=DKIM1; k=ed25519; p=" + f.keys.ed.public, BROKEN, "Ed25519 for rsa-sha256"),
            ("nonsense", BROKEN, "nonsense"), ("", BROKEN, "an empty record"),
            ("v=spf1 -all", BROKEN, "an SPF record"),
            ("v=DKIM1; n=" + "x" * 3000 + "; p=" + p, GOOD, "3 KB, over TCP"),
            ("v=DKIM1; n=" + "x" * 20000 + "; p=" + p, None, "20 KB"),
            (weak and "v=DKIM1; p=" + weak, POLICY, "RSA of 512 bits"),
            (["v=DKIM1; ", "p=" + p[:50], p[50:]], GOOD, "three strings")]
    raw = lab_dkim.craft(LETTER, f.keys.rsa, tags(s="k"))
    name = lab_dkim.name("k", "far.example")
    for record, want, what in rows:
        if not record and what.startswith("RSA"):
            continue
        f.dns.serve(dict(f.zone, **{name: {"TXT": [record]}}))
        judged = f.receive(raw)
        if want is None:
            tap.ok(judged.dkim in (GOOD, BROKEN, ["temperror"]), "record: %s: answered" % what,
                   judged.field)
        else:
            tap.equal(judged.dkim, want, "record: %s: %s" % (what, want[0]))
    for records_, want, what in (
            ([f.keys.rsa.record, f.keys.other.record], BROKEN, "two keys"),
            (["v=spf1 -all", f.keys.rsa.record], GOOD, "a key beside an SPF record")):
        f.dns.serve(dict(f.zone, **{name: {"TXT": records_}}))
        tap.equal(f.receive(raw).dkim, want, "record: %s: %s" % (what, want[0]))
    f.dns.serve(dict(f.zone, **{name: {"CNAME": ["elsewhere.example"]},
                                "elsewhere.example": {"TXT": [f.keys.rsa.record]}}))
    tap.equal(f.receive(raw).dkim, GOOD, "record: by CNAME: pass")
    f.dns.serve(dict(f.zone, **{name: {"CNAME": [name]}}))
    tap.equal(f.receive(raw).dkim, ["temperror"], "record: a CNAME loop: temperror")


def strict_identity(f):
    name = lab_dkim.name("k", "far.example")
    f.dns.serve(dict(f.zone, **{name: {"TXT": ["v=DKIM1; t=y:s; p=" + f.keys.rsa.public]}}))
    for identity, want in (("@far.example", GOOD), ("@sub.far.example", BROKEN)):
        raw = lab_dkim.craft(LETTER, f.keys.rsa, tags(s="k", i=identity))
        tap.equal(f.receive(raw).dkim, want, "t=s with i=%s: %s" % (identity, want[0]))


def ed25519(f):
    name = lab_dkim.name("k", "far.example")
    raw = lab_dkim.craft(LETTER, f.keys.ed, tags(a="ed25519-sha256", s="k"))
    zero = base64.b64encode(bytes(32)).decode()
    identity = base64.b64encode(b"\1" + bytes(31)).decode()
    for p, want, what in ((f.keys.ed.public, GOOD, "the key"),
                          (f.keys.ed.public[:40], BROKEN, "30 octets"),
                          (base64.b64encode(bytes(33)).decode(), BROKEN, "33 octets"),
                          (zero, None, "zeros"), (identity, None, "the neutral point")):
        f.dns.serve(dict(f.zone, **{name: {"TXT": ["v=DKIM1; k=ed25519; p=" + p]}}))
        judged = f.receive(raw)
        tap.ok(judged.dkim == want or want is None and judged.dkim != GOOD, "Ed25519: " + what,
               judged.field)


def u_labels(f):
    """RFC 8616: d= and s= in UTF-8."""
    f.dns.serve(dict(f.zone, **{"xn--sl-bja._domainkey.xn--bcher-kva.example": {
        "TXT": [f.keys.rsa.record]}}))
    raw = lab_dkim.craft(LETTER, f.keys.rsa, tags(d="b\u00fccher.example", s="s\u00e9l"))
    judged = f.receive(raw)
    tap.equal((judged.dkim, judged.passing), (GOOD, {"xn--bcher-kva.example"}),
              "d= and s= in UTF-8: pass, shown as A-labels")


def second_engine(f):
    tap.equal(f.reload(dkim={"engine": "libopendkim", "timeout": "3s"})[0], "ok",
              "engine = libopendkim")
    signatures(f, "libopendkim")
    records(f)
    f.reload()


def main():
    why_not = lab_dkim.why_not()
    if why_not:
        lab_tap.skip_all("hostile signatures", why_not)
    with lab_base.Lab("hostile") as lab:
        f = Fixture(lab)
        for test in (signatures, costly, records, strict_identity, ed25519, u_labels, second_engine):
            tap.run(test.__name__, test, f)
            f.dns.serve(f.zone)
        tap.equal(f.serves(), "", "after all of it: the next message is served")
        tap.equal(f.daemon.stop(), 0, "SIGTERM ends it with 0")
    tap.done()


main()
