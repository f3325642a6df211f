#!/usr/bin/python3
"""gatepost-dmarc, alone and as the last of three: what it makes of the results
of our other filters, what it does about them, and that nothing that anybody
else wrote into the message has any influence."""
import itertools
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import dmarc_fixture
import lab_authres
import lab_base
import lab_dkim
import lab_tap
import miltermta
from dmarc_fixture import AR, BAD, FORWARDER, GOOD, ID, LETTER, ORDER, RELAY, Fixture

tap = lab_tap.Tap()
CHAINS = [c for n in (1, 2, 3) for c in itertools.permutations(ORDER, n)]
PASSES = "spf=pass smtp.mailfrom=bank.example; dkim=pass header.d=bank.example header.s=s1; " \
    "dmarc=pass header.from=bank.example"


def of(domain):
    return "<bounce@%s>" % domain


def plain(domain):
    return lambda f: LETTER % domain


def signed(domain, author=None, change=(b"", b"")):
    return lambda f: f.signed(domain, LETTER % (author or domain)).replace(*change)


def good(domain):
    return dict(client=GOOD, sender=of(domain))


BROKEN = (b"Hello Ann", b"Hallo Ann")
SPOOF, RELAYED = {}, dict(client=RELAY, sender=of("plain.example"))


def no_from(_):
    return re.sub("From: .*\n", "", LETTER % "bank.example")


def two_from(_):
    return "From: a@plain.example\n" + LETTER % "bank.example"


CASES = (  # what, the message, how it is sent; result, policy, action with enforce
    ("pass by SPF", plain("bank.example"), good("bank.example"), ("pass", "reject", "continue")),
    ("pass by DKIM", signed("bank.example"), RELAYED, ("pass", "reject", "continue")),
    ("pass by both", signed("bank.example"), good("bank.example"), ("pass", "reject", "continue")),
    ("pass by SPF of a subdomain", plain("bank.example"), good("mail.bank.example"),
     ("pass", "reject", "continue")),
    ("pass by DKIM of a subdomain", signed("mail.bank.example", "bank.example"), RELAYED,
     ("pass", "reject", "continue")),
    ("strict: SPF of a subdomain", plain("strict.example"), good("mail.strict.example"),
     ("fail", "reject", "reject")),
    ("strict: DKIM of a subdomain", signed("mail.strict.example", "strict.example"), SPOOF,
     ("fail", "reject", "reject")),
    ("strict: the same domain", signed("strict.example"), RELAYED, ("pass", "reject", "continue")),
    ("DKIM of another domain", signed("attacker.example", "bank.example"), SPOOF,
     ("fail", "reject", "reject")),
    ("fail, p=reject", plain("strict.example"), SPOOF, ("fail", "reject", "reject")),
    ("fail, p=quarantine", plain("quar.example"), SPOOF, ("fail", "quarantine", "continue")),
    ("fail, p=none", plain("none.example"), SPOOF, ("fail", "none", "continue")),
    ("fail, p=reject; t=y", plain("trial.example"), SPOOF, ("fail", "quarantine", "continue")),
    ("fail, sp=quarantine", plain("mail.family.example"), SPOOF, ("fail", "quarantine", "continue")),
    ("fail, np=reject", plain("absent.family.example"), SPOOF, ("fail", "reject", "reject")),
    ("no record", plain("plain.example"), good("plain.example"), ("none", None, "continue")),
    ("SERVFAIL at _dmarc", plain("broken.example"), SPOOF, ("temperror", None, "continue")),
    ("no answer at _dmarc", plain("slow.example"), SPOOF, ("temperror", None, "continue")),
    ("SERVFAIL at _dmarc, SPF passes", plain("broken.example"), good("broken.example"),
     ("temperror", None, "continue")),
    ("SERVFAIL at SPF", plain("nospf.example"), good("nospf.example"), ("temperror", None, "continue")),
    ("SERVFAIL at the SPF of another", plain("strict.example"), good("nospf.example"),
     ("fail", "reject", "reject")),
    ("SERVFAIL at a key", signed("nokey.example"), RELAYED, ("temperror", None, "continue")),
    ("SERVFAIL at a key of a subdomain", signed("mail.nokey.example", "nokey.example"), RELAYED,
     ("temperror", None, "continue")),
    ("SERVFAIL at a key, SPF passes", signed("nokey.example"), good("nokey.example"),
     ("pass", "reject", "continue")),
    ("SERVFAIL at a key of another", signed("nokey.example", "strict.example"), SPOOF,
     ("fail", "reject", "reject")),
    ("SERVFAIL at _dmarc of a foreign signer", signed("broken.example", "strict.example"), SPOOF,
     ("fail", "reject", "reject")),
    ("no answer at eight foreign keys", lambda f: f.signed_slowly("strict.example", 8), SPOOF,
     ("fail", "reject", "reject")),
    ("null sender, HELO passes", plain("bank.example"),
     dict(client=GOOD, sender="<>", helo="bank.example"), ("pass", "reject", "continue")),
    ("HELO passes, but there is a sender", plain("strict.example"),
     dict(client=GOOD, sender=of("attacker.example"), helo="strict.example"),
     ("fail", "reject", "reject")),
    ("a list message", lambda f: "List-Id: <l.example>\n" + LETTER % "strict.example", SPOOF,
     ("fail", "reject", "continue")),
    ("List-Post", lambda f: "List-Post: <mailto:l@l.example>\n" + LETTER % "strict.example", SPOOF,
     ("fail", "reject", "continue")),
    ("an aligned signature that broke", signed("strict.example", change=BROKEN), SPOOF,
     ("fail", "reject", "continue")),
    ("a signature of another domain that broke", signed("quar.example", "strict.example", BROKEN),
     SPOOF, ("fail", "reject", "reject")),
    ("a listed forwarder", plain("strict.example"), dict(client=FORWARDER),
     ("fail", "reject", "continue")),
    ("our own domain, by a list", lambda f: "List-Id: <l.example>\n" + LETTER % "receiver.example",
     SPOOF, ("fail", "reject", "reject")),
    ("no From", no_from, good("bank.example"),
     ("permerror", None, "reject")),
    ("two From fields", two_from,
     good("bank.example"), ("permerror", None, "reject")),
    ("From of two domains", lambda f: (LETTER % "bank.example").replace(
        "Bank <", "a@plain.example, Bank <"), good("bank.example"), ("permerror", None, "reject")),
    ("From of one domain twice", lambda f: (LETTER % "bank.example").replace(
        "Bank <", "a@bank.example, Bank <"), good("bank.example"), ("pass", "reject", "continue")),
    ("From that can not be read", lambda f: (LETTER % "bank.example").replace(
        "Bank <", "Bank <<"), good("bank.example"), ("permerror", None, "reject")),
)


def whole(what, outcome):
    """One field of ours on top, readable by others, without a seal."""
    first = next(iter(outcome.fields), "")
    tap.equal(len(outcome.ours), 1, what + ": one field of ours")
    tap.ok("gatepost-seal" not in "".join(outcome.fields), what + ": no seal is left", outcome.fields)
    try:
        tap.equal(lab_authres.read(first)[0], ID,
                  what + ": it is on top and python3-authres reads the same in it")
    except (lab_authres.Malformed, lab_authres.Differs) as e:
        tap.ok(False, what + ": python3-authres reads it", repr(e))


def judged(f, what, make, how, want, mode):
    how = dict(how)
    out = f.send(make(f), **how)
    if want[2] == "reject" and mode == "enforce":
        # of a message that is refused nothing is delivered
        tap.equal(out.action, "reject", "enforce: %s: refused" % what)
        tap.match(r"^550 5\.7\.1 .*DMARC", out.text, "enforce: %s: 550 5.7.1 with the reason" % what)
        tap.match("dmarc=%s" % want[0], f.log_of(out), "enforce: %s: the log has the result" % what)
        return
    tap.equal(out.verdict, (want[0], want[1], "continue"), "%s: %s: %s" % (mode, what, want[0]))
    tap.equal([r.method for r in out.ours[0]] if out.ours else None,
              [m for m in ("spf", "dkim", "dmarc") for r in out.ours[0] if r.method == m],
              "%s: %s: SPF, DKIM, DMARC" % (mode, what))
    tap.equal("would=reject" in f.log_of(out), want[2] == "reject",
              "%s: %s: the log says what enforcing would do" % (mode, what))
    whole("%s: %s" % (mode, what), out)


def every_case(f):
    for mode in ("enforce", "monitor"):
        f.reload(mode=mode)
        for case in CASES:
            judged(f, *case, mode)
    tap.equal(f.send(LETTER % "strict.example").action, "continue", "monitor: nothing is refused")
    f.reload()


def words(f):
    """The operator's words for what is done."""
    for settings, make, how, want in (
            ({"reject": "never"}, plain("strict.example"), {}, ("continue", None)),
            ({"reject": "never", "quarantine": "hold"}, plain("strict.example"), {},
             ("continue", "DMARC")),
            ({"reject": "always"}, lambda f: "List-Id: <l.example>\n" + LETTER % "strict.example", {},
             ("reject", None)),
            ({"quarantine": "hold"}, plain("quar.example"), {}, ("continue", "DMARC")),
            ({"quarantine": "hold"}, plain("quar.example"), good("quar.example"), ("continue", None)),
            ({"quarantine": "reject"}, plain("quar.example"), {}, ("reject", None)),
            ({"quarantine": "hold", "mode": "monitor"}, plain("quar.example"), {}, ("continue", None)),
            ({"temperror": "tempfail"}, plain("broken.example"), {}, ("tempfail", None)),
            ({"temperror": "tempfail"}, signed("nokey.example"), RELAYED, ("tempfail", None)),
            ({"temperror": "tempfail", "mode": "monitor"}, plain("broken.example"), {},
             ("continue", None)),
            ({"no-from": "tag"}, no_from, {}, ("continue", None)),
            ({"multi-from": "tag"}, two_from, {}, ("continue", None)),
            ({"multi-from": "tempfail"}, two_from, {}, ("tempfail", None))):
        tap.equal(f.reload(**settings)[0], "ok", "%r: the reload succeeds" % settings)
        out = f.send(make(f), **how)
        tap.equal((out.action, out.hold), want, "%r: %s" % (settings, want))
        if out.going:
            whole(repr(settings), out)
        else:
            tap.match("DMARC", out.text, "%r: the reply says DMARC" % settings)
    f.reload()


def discovery(f):
    """The public suffix list, or both; in our zone they find the same."""
    for how in ("psl", "both"):
        tap.equal(f.reload(discovery=how)[0], "ok", how + ": the reload succeeds")
        for what, make, sent, want in (
                ("pass by SPF", plain("bank.example"), good("bank.example"), ("pass", "reject", "continue")),
                ("pass by DKIM of a subdomain", signed("mail.bank.example", "bank.example"), RELAYED,
                 ("pass", "reject", "continue")),
                ("sp=quarantine", plain("mail.family.example"), SPOOF, ("fail", "quarantine", "continue")),
                ("SERVFAIL", plain("broken.example"), SPOOF, ("temperror", None, "continue")),
                ("no record", plain("plain.example"), SPOOF, ("none", None, "continue"))):
            out = f.send(make(f), **sent)
            tap.equal(out.verdict, want, "%s: %s: %s" % (how, what, want[0]))
            whole("%s: %s" % (how, what), out)
        tap.equal(f.send(LETTER % "strict.example").action, "reject", how + ": fail, p=reject: refused")
    f.reload()


def recipients(f):
    for what, rcpts, want in (
            ("one that enforces", ["receiver.example"], "reject"),
            ("one that monitors", ["lenient.example"], "continue"),
            ("one that never rejects", ["never.example"], "continue"),
            ("both kinds", ["receiver.example", "lenient.example"], "continue"),
            ("both kinds, the other way round", ["lenient.example", "receiver.example"], "continue"),
            ("unknown ones", ["a.example", "b.example"], "reject")):
        out = f.send(LETTER % "strict.example", rcpts=["<u@%s>" % r for r in rcpts])
        tap.equal(out.action, want, "recipients: %s: %s" % (what, want))


def known_client(f):
    spoof = LETTER % "known.example"
    tap.equal(f.send(spoof, client=GOOD).action, "reject", "a client that nobody knows is refused")
    f.send(spoof, **good("known.example"))
    tap.equal(f.send(spoof, client=GOOD).verdict, ("fail", "reject", "continue"),
              "it has sent aligned mail before: not refused")
    tap.equal(f.send(spoof, client=BAD).action, "reject", "that helps no other client")
    tap.equal(f.send(LETTER % "strict.example", client=GOOD).action, "reject", "and no other domain")


def ours_is_not_judged(f):
    for what, how in (("a login", dict(login="app")), ("a trusted client", dict(client="198.51.100.9"))):
        out = f.send("%s: %s; %s\n" % (AR, ID, PASSES) + LETTER % "strict.example", ("dmarc",), **how)
        tap.equal((out.action, out.fields), ("continue", []),
                  what + ": not judged, and the forged field is removed")


# -- what others wrote -------------------------------------------------------

SPELLINGS = (
    ID, ID.upper(), " \t" + ID, ID + ".", '"%s"' % ID, '"%s."' % ID, '"mx.lab\\.example"',
    "(c) " + ID, "(a (b) c)\n\t%s (d)" % ID, ID + " 1", ID + "/1", "\n " + ID, "old.lab.example",
    "OLD.lab.example", '"mx".lab.example', "mx . lab . example", "(;) " + ID, '";" ' + ID,
    "(\\)) " + ID, '"" ' + ID, "\x01" + ID, ID + "(unfinished", "(" + ID + ")",
)
OTHERS = ("mx.other.example; dkim=pass header.d=bank.example",
          "mx.lab.example.net; spf=pass smtp.mailfrom=bank.example; dmarc=pass header.from=bank.example",
          "notmx.lab.example; dmarc=pass header.from=bank.example",
          "x@mx.lab.example; dmarc=pass header.from=bank.example")


def forged(f):
    """As many spellings as we could think of; alone and in the chain."""
    f.reload(mode="monitor")
    for chain in (("dmarc",), ORDER):
        nothing = f.send(LETTER % "bank.example", chain)
        tap.equal(nothing.verdict[0], "fail", "%s: without anything it fails" % ">".join(chain))
        for ident in SPELLINGS:
            out = f.send("%s: %s; %s\n%s" % (AR, ident, PASSES, LETTER % "bank.example"), chain)
            tap.equal(out.ours, nothing.ours, "%s: %r: no influence" % (">".join(chain), ident))
            tap.equal(len(out.fields), 1, "%s: %r: removed" % (">".join(chain), ident))
    all_ = ["%s; %s" % (i, PASSES) for i in SPELLINGS[:8]]
    mixed = [v for pair in zip(all_, OTHERS * 2) for v in pair]
    out = f.send("".join("%s: %s\n" % (AR, v) for v in mixed) + LETTER % "bank.example")
    tap.equal(out.ours, nothing.ours, "many, mixed with others: no influence")
    tap.equal(out.fields[1:], [" " + v for v in OTHERS * 2],
              "fields of others stay as they are, in their order")
    long = "%s: %s; %s; x=%s\n" % (AR, ID, PASSES, "y" * 60000)
    out = f.send(long + LETTER % "bank.example")
    tap.equal((out.ours, len(out.fields)), (nothing.ours, 1), "60,000 octets: removed, no influence")
    f.reload()


def sealed_by(f, name, raw, **how):
    """The sealed field of one filter for this message, without its colon."""
    out = f.send(raw, (name,), **how)
    return next(v for v in out.fields if "gatepost-seal" in v).encode()


def with_field(value, raw):
    return AR.encode() + b":" + value + b"\r\n" + lab_dkim.octets(raw)


def replayed(f):
    f.reload(mode="monitor")
    raw = LETTER % "bank.example"
    honest = dict(good("bank.example"), queue_id="4REPLAYED")
    field = sealed_by(f, "spf", raw, **honest)
    both = with_field(field, raw)
    for what, how, want in (
            ("the same message", {}, "pass"),
            ("another queue id", {"queue_id": "4REPLAYEE"}, "fail"),
            ("another client", {"client": BAD}, "fail"),
            ("another sender", {"sender": "<other@bank.example>"}, "fail"),
            ("the null sender", {"sender": "<>"}, "fail")):
        out = f.send(both, ("dmarc",), **dict(honest, **how))
        tap.equal(out.verdict[0], want, "a sealed field with %s: %s" % (what, want))
        tap.equal(len(out.fields), 1, "a sealed field with %s: it is gone" % what)
    out = f.send(both, ORDER, client=BAD)
    tap.equal(out.verdict[0], "fail", "replayed to the whole chain: fail")
    again = f.send(with_field(field, f.send(raw, ORDER, **honest).raw), ("dmarc",), client=BAD)
    tap.equal((again.verdict[0], len(again.fields)), ("fail", 1),
              "and on top of a field that we wrote ourselves")
    f.reload()


def another(octet):
    """Another one that no reader takes for the same."""
    return b"%c" % (octet + 1 if chr(octet) not in "9Zz" else ord("k"))


def changed(f):
    """Sealed, and then one octet is another, or some are missing."""
    f.reload(mode="monitor")
    raw = LETTER % "bank.example"
    honest = dict(good("bank.example"), queue_id="4CHANGED")
    field = sealed_by(f, "spf", raw, **honest)
    variants = [(n, field[:n] + another(c) + field[n + 1:]) for n, c in enumerate(field)
                if chr(c).isalnum()]
    variants += [(n, field[:n]) for n in range(1, len(field)) if field[n - 1:n] != b"\n"]
    variants += [(0, field + b"; dkim=pass header.d=bank.example"),
                 (0, field + b" policy.gatepost-seal=AAAAAAAAAAAAAAAAAAAAAA"),
                 (0, field.replace(b"gatepost-seal=", b"gatepost-seal=AAAAAAAAAAAAAAAAAAAAAA "
                                   b"policy.gatepost-seal="))]
    with miltermta.Session(f.dmarc.socket) as s:
        s.connect(GOOD)
        s.helo("client.example")
        how = dict(sender=of("bank.example"), queue_id="4CHANGED", greet=False)
        whole_ = dmarc_fixture.verdict_of(s, with_field(field, raw), **how)
        wrong = [(n, v) for n, v in variants
                 if dmarc_fixture.verdict_of(s, with_field(v, raw), **how) != "fail"]
    tap.equal(whole_, "pass", "the sealed field itself is believed")
    tap.equal(wrong, [], "one octet changed, cut short, or more added: not believed (%d variants)"
              % len(variants))
    fields = [sealed_by(f, "dkim", f.signed("bank.example"), **honest), field]
    for what, order in (("spf last", fields), ("spf first", fields[::-1])):
        mail = f.signed("bank.example")
        for value in order:
            mail = with_field(value, mail)
        out = f.send(mail, ("dmarc",), **honest)
        tap.equal([r.method for r in out.ours[0]], ["spf", "spf", "dkim", "dmarc"],
                  "sealed fields in any order: %s: SPF, DKIM, DMARC" % what)
    f.reload()


# From:, and its Author Domain; None: there is none, or it is not to be told
AUTHORS = (
    ('"info@bank.example" <a@attacker.example>', "attacker.example"),
    ("=?utf-8?q?info=40bank.example?= <a@attacker.example>", "attacker.example"),
    ("a@attacker.example (info@bank.example)", "attacker.example"),
    ("(<info@bank.example>) a@attacker.example", "attacker.example"),
    ('"a; dmarc=pass header.from=bank.example"@attacker.example', "attacker.example"),
    ('"\\" <info@bank.example>" <a@attacker.example>', "attacker.example"),
    ("a@Attacker.EXAMPLE", "attacker.example"),
    ("\n\t<a@\n\tattacker.example>", "attacker.example"),
    ("a@b\u00fccher.example", "xn--bcher-kva.example"),
    ("info@bank.example <a@attacker.example>", None),
    ("<a@attacker.example> <info@bank.example>", None),
    ("<a@attacker.example> info@bank.example", None),
    ("a@attacker.example, info@bank.example", None),
    ("a@attacker.example; info@bank.example", None),
    ("undisclosed:;", None),
    ("a@[192.0.2.1]", None),
    ("a@", None),
    ("@bank.example", None),
    ("", None),
    ("nobody", None),
    ('"a@bank.example', None),
    ("(a@bank.example", None),
    ("a@bank.example@attacker.example", None),
    ("a@" + "b" * 64 + ".example", None),
    ("a@" + "bb." * 100 + "example", None),
    ("a@ba\x7fnk.example", None),
    ("a@bank.example; dmarc=pass", None),
    ("(" * 500 + "a@bank.example" + ")" * 500, None),
    (", ".join("u%d@d%d.example" % (n, n) for n in range(2000)), None),
)


def authors(f):
    """Whatever From: says, the field stays one by RFC 8601."""
    f.reload(mode="monitor")
    for value, want in AUTHORS:
        what = "From: %.50r" % value
        out = f.send((LETTER % "x").replace("Bank <info@x>", value))
        tap.equal(out.author, want, "%s: %s" % (what, want or "nobody"))
        tap.ok(("dmarc", "bank.example") not in out.passes(), what + ": no pass")
        whole(what, out)
    f.reload()


# -- orders, and filters that are missing --------------------------------------

def around_dmarc(chain):
    at = chain.index("dmarc") if "dmarc" in chain else -1
    return chain[:max(at, 0)], chain[at + 1:]


def every_order(f):
    """Only what stands before dmarc can make it pass, and a forged field
    never.  A filter behind dmarc takes the field of dmarc, which has no seal,
    for a forged one: the order of the manual is the only good one."""
    f.reload(mode="monitor")
    lies = "".join("%s: %s\n" % (AR, v) for v in ("%s; %s" % (ID, PASSES), "MX.LAB.example; " + PASSES,
                                                  OTHERS[0]))
    for chain in CHAINS:
        what, last = ">".join(chain), chain[-1] == "dmarc"
        inputs, behind = around_dmarc(chain)
        for text, make, how, passing in (
                ("a spoof", lambda: lies + LETTER % "bank.example", {}, ()),
                ("a spoof with a signature", lambda: f.signed(
                    "attacker.example", lies + LETTER % "bank.example"), {}, ()),
                ("good by SPF", lambda: lies + LETTER % "bank.example", good("bank.example"), ("spf",)),
                ("good by DKIM", lambda: f.signed("bank.example", lies + LETTER % "bank.example"), RELAYED,
                 ("dkim",))):
            out = f.send(make(), chain, **how)
            true = {m for m in passing if m in (chain if last else behind)}
            if last and set(inputs) & set(passing):
                true.add("dmarc")
            tap.equal({m for m, d in out.passes() if d == "bank.example"}, true,
                      "%s: %s: %s pass" % (what, text, sorted(true) or "none"))
            tap.ok(" " + OTHERS[0] in out.fields, "%s: %s: the field of others stays" % (what, text))
            if last:
                whole("%s: %s" % (what, text), out)
                tap.equal({r.method for r in out.ours[0]}, set(chain), "%s: %s: who has a result" % (
                    what, text))
            if "dmarc" in chain:
                missing = [m for m in ("spf", "dkim") if m not in inputs]
                tap.equal(re.findall(r"no-results-of=(\w+)", f.log_of(out)), missing,
                          "%s: %s: the log names what is missing" % (what, text))
    f.reload()


def counted(f):
    before = f.dmarc.metrics()
    f.send(LETTER % "none.example", ("dkim", "dmarc"))
    f.send("%s: %s; %s\n" % (AR, ID, PASSES) + LETTER % "bank.example", **good("bank.example"))
    after = f.dmarc.metrics()
    grown = {k: after[k] - before.get(k, 0) for k in after
             if after[k] != before.get(k, 0) and re.search("dmarc_(results|unsealed)", k)}
    tap.equal(sorted(grown.values()), [1, 1, 1], "counted: a fail, a pass, one without SPF results: %s"
              % sorted(grown))


def several_in_a_session(f):
    with miltermta.Session(f.dmarc.socket) as s:
        tap.ok(s.steps & miltermta.NR_RCPT, "no recipient needs an answer")
        s.connect(GOOD)
        s.helo("client.example")
        got = [dmarc_fixture.verdict_of(s, m, sender=of("none.example"), greet=False) for m in (
            LETTER % "none.example", LETTER % "plain.example", "Subject: x\n\nx\n",
            LETTER % "none.example")]
    tap.equal(got, ["fail", "none", "reject", "fail"], "several messages in a session: each its own")


def main():
    why = dmarc_fixture.why_not()
    if why:
        lab_tap.skip_all("gatepost-dmarc", why)
    with lab_base.Lab("dmarc") as lab:
        f = Fixture(lab)
        for test in (every_case, words, discovery, recipients, known_client, ours_is_not_judged,
                     forged, replayed, changed, authors, every_order, counted, several_in_a_session):
            tap.run(test.__name__, test, f)
        for name, daemon in f.daemons.items():
            tap.equal(daemon.stop(), 0, "gatepost-%s ends with 0" % name)
    tap.done()


main()
