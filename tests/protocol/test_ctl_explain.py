#!/usr/bin/python3
"""gatepost explain: what it says of a message is what the four daemons do with
it; whose rule that is; and what is no message."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, "..", "support"))
import lab_base
import lab_dkim
import lab_gatepost
import lab_tap
import rate_fixture
from explain_fixture import AR, BAD, GOOD, ID, LETTER, PEER, RELAY, Fixture, settings, told

USAGE, DATA, NOINPUT, CONFIG = 64, 65, 66, 78
tap = lab_tap.Tap()


def letter(domain="bank.example", **more):
    """With these fields on top; a value of None takes a field out."""
    head, _, body = (LETTER % domain).partition("\n\n")
    lines = [l for l in head.split("\n") if more.get(l.split(":")[0].replace("-", "_"), "") is not None]
    extra = ["%s: %s" % (n.replace("_", "-"), v) for n, v in more.items() if v is not None]
    return "\n".join(extra + lines) + "\n\n" + body


def signed(key, domain="bank.example", raw=None):
    return lab_dkim.sign(raw or letter(domain), domain, "s1", key)


def cases(f):
    """(what, message, envelope)"""
    forged = "%s;\n dkim=pass header.d=bank.example" % ID
    outbound = {"client": PEER, "sender": "<app@shop.example>"}
    app = dict(outbound, login="app", client=BAD)
    yield "good, signed and from the right client", signed(f.key), {}
    yield "signed, by a relay", signed(f.key), {"client": RELAY}
    yield "spoofed", letter(), {"client": BAD}
    yield "spoofed, with MAIL FROM of its own", letter(), {"client": BAD, "sender": "<x@attacker.example>"}
    yield "by a mailing list", letter(List_Id="<l.example>"), {"client": BAD}
    yield "its policy is quarantine", letter("quar.example"), {"client": BAD}
    yield "its policy is a trial", letter("trial.example"), {"client": BAD}
    yield "no policy", letter("attacker.example"), {"client": BAD}
    yield "with forged results", letter(Authentication_Results=forged), {}
    yield "with forged results of an id we had", letter(
        Authentication_Results="OLD.lab.example; spf=pass"), {"client": BAD, "sender": "<x@none.example>"}
    yield "with results of somebody else", letter(Authentication_Results="other.example; spf=pass"), {}
    yield "two From fields", "From: <a@none.example>\n" + letter(), {}
    yield "no From field", letter(From=None), {}
    yield "a body that was changed", signed(f.key).replace(b"Hello", b"Hullo"), {"client": RELAY}
    yield "SERVFAIL for the DMARC record", letter("away.example"), {"client": BAD}
    yield "SERVFAIL for SPF", letter("none.example"), {"sender": "<a@broken.example>"}
    yield "SERVFAIL for SPF where that defers", letter(), {
        "sender": "<a@broken.example>", "rcpts": ("<a@strict.example>",)}
    yield "monitored", letter(), {"client": BAD, "rcpts": ("<a@watch.example>",)}
    yield "one recipient is stricter", letter("none.example"), {
        "client": BAD, "rcpts": ("<a@strict.example>", "<b@receiver.example>")}
    yield "all recipients are", letter(), {"client": BAD, "rcpts": ("<a@strict.example>", "<b@strict.example>")}
    yield "a bounce", letter(), {"sender": "<>", "helo": "bank.example"}
    yield "MAIL FROM that is none", letter("none.example"), {"sender": "<a b@c>"}
    yield "8-bit header, NUL in the body", letter("none.example", Subject="gr\u00fc\u00df") + "\0\0\n", {}
    yield "a field past all bounds", letter(X_Long="x" * 140000), {}
    yield "ours, by a login", letter("shop.example"), app
    yield "ours, by a client", letter("shop.example"), outbound
    yield "ours, by a listener", letter("none.example"), {"client": BAD, "listener": "ORIGINATING"}
    yield "ours, by a login that may not", letter("shop.example"), dict(app, login="eve")
    yield "ours, no block for it", letter("none.example"), app
    yield "ours, signed already", lab_dkim.sign(
        letter("shop.example"), "shop.example", "s1", f.key, headers=(
            b"from", b"from", b"to", b"subject", b"date", b"message-id")), app
    yield "ours, its key is staged", letter("staged.example"), dict(app, sender="<a@staged.example>")
    yield "ours, complete", letter("picky.example"), dict(app, sender="<a@picky.example>")
    yield "ours, without a subject", letter("picky.example", Subject=None), dict(app, sender="<a@picky.example>")
    yield "ours, with forged results", letter("shop.example", Authentication_Results=forged), app


def compared(f):
    for what, raw, envelope in cases(f):
        code, said = f.explain(raw, **envelope)
        crlf, bare = f.explain(lab_dkim.octets(raw), **envelope)[1], dict(said)
        want, got = f.real(raw, **envelope), told(said)
        tap.ok(got == want, "%s: it says what the daemons do" % what, "explain %r\n\ndaemons %r" % (got, want))
        tap.equal(code, 0 if want.action == "accept" else 1, "%s: exit status" % what)
        for one in (crlf, bare):  # seals, signatures and levels are of their moment
            one["headers"] = len(one["headers"]["added"])
            for charge in one["limits"]["charges"]:
                charge.pop("level")
        tap.ok(crlf == bare, "%s: LF and CRLF are the same" % what, "%r\n%r" % (crlf, bare))


def limits(f):
    """A meter is filled to its limit: explain tells, and charges nothing."""
    envelope = {"client": BAD, "login": "app", "sender": "<a@slow.example>",
                "rcpts": ("<a@receiver.example>", "<b@receiver.example>")}
    rate, raw = f.daemons["rate"], letter("slow.example")
    for what, fits, level in (("empty", True, 2), ("two of three", False, 2)):
        before = rate_fixture.meters(rate)
        _, said = f.explain(raw, **envelope)
        tap.equal(said["limits"]["other_policy"], False, "limit, %s: by the policy of the daemon" % what)
        charge = next(c for c in said["limits"]["charges"] if c["limit"].startswith("slow.example/login"))
        tap.equal((charge["fits"], charge["level"], charge["cost"], charge["capacity"]), (fits, level, 2, 3),
                  "limit, %s: the meter as it is" % what)
        tap.ok(charge["file"].endswith("gatepost.conf") and charge["line"] > 1,
               "limit, %s: the line of the policy" % what, charge)
        tap.equal(rate_fixture.meters(rate), before, "limit, %s: nothing was charged" % what)
        want, got = f.real(raw, **envelope), told(said)
        tap.ok(got == want, "limit, %s: it says what the daemons do" % what, "%r\n\n%r" % (got, want))
        tap.equal(want.action, "accept" if fits else "tempfail", "limit, %s: and that is it" % what)
    # another MTA hears of each recipient; the third one does not fit
    peer = {"client": PEER, "sender": "<a@slow.example>",
            "rcpts": tuple("<%s@receiver.example>" % c for c in "abcd")}
    _, said = f.explain(raw, **peer)
    want, got = f.real(raw, **peer), told(said)
    tap.ok(got == want, "limit, at RCPT: it says what the daemons do", "%r\n\n%r" % (got, want))
    tap.equal(len(want.refused), 1, "limit, at RCPT: one recipient is over")
    young = {"client": BAD, "login": "young", "sender": "<a@young.example>"}
    for what, rcpts in (("first", "a"), ("third", "bc")):
        young["rcpts"] = tuple("<%s@receiver.example>" % c for c in rcpts)
        _, said = f.explain(letter("young.example"), **young)
        want, got = f.real(letter("young.example"), **young), told(said)
        tap.ok(got == want, "warm-up, %s recipient: it says what the daemons do" % what, "%r\n\n%r" % (got, want))
        tap.equal(want.action, "accept" if what == "first" else "tempfail", "warm-up, %s recipient: and that is it" % what)
    other = f.lab.write("newer/gatepost.conf", lab_gatepost.policy(dict(settings(f.dns), **{
        "own-ids": ["newer.lab.example"]})).replace("k.pem", f.daemons["spf"].key_path("k.pem")))
    code, out, _ = f.tool("--from", "a@slow.example", "--auth", "app", conf=other)
    tap.ok("gatepost-rate has not read this policy yet" in out, "limit: a policy that the daemon has not", out)


def without_daemon(f):
    envelope = ("--from", "a@slow.example", "--auth", "app", "--zone", f.zone_file)
    nobody = f.lab.path("nobody.sock")
    code, out, err = f.tool(*envelope, control=nobody)
    tap.equal((code, err), (0, ""), "no daemon: explained all the same")
    for words in ("levels     not known: ", "nobody.sock", "slow.example/login 3/1d", "gatepost.conf:"):
        tap.ok(words in out, "no daemon: it says %r" % words, out)
    tap.ok("  level " not in out, "no daemon: no level", out)


def rules(f):
    """Each decision with the line that made it."""
    text = open(f.conf, encoding="utf-8").read().split("\n")

    def line(one):
        return text[one["line"] - 1] if one["line"] and one["file"] == f.conf else one

    _, said = f.explain(letter(), client=BAD, rcpts=("<a@strict.example>",))
    one = said["spf"]["recipients"][0]
    tap.equal((one["rule"], one["does"]), ("spf.fail", "reject"), "rule: what the word is, and does")
    tap.match(r"fail = reject", line(one), "rule: of SPF, in the recipient's block")
    tap.match("clients = ", line(said["direction"]), "rule: of the direction")
    _, said = f.explain(letter("quar.example"), client=BAD)
    tap.match("quarantine = hold", line(said["dmarc"]["recipients"][0]), "rule: of DMARC")
    _, said = f.explain(letter("shop.example"), client=BAD, login="eve", sender="<a@shop.example>")
    tap.match('domain "shop.example"', line(said["dkim"]), "rule: of the block that objects")
    tap.match("senders|else = reject", line(said["dkim"]["senders"]), "rule: of senders")
    tap.equal(said["dkim"]["why"], "login not listed in senders.auth", "rule: and why")
    _, said = f.explain(letter("staged.example"), client=BAD, login="app", sender="<a@staged.example>")
    key = said["dkim"]["keys"][0]
    tap.match('key "s1"', line(key), "rule: of a key")
    tap.equal((key["signs"], key["why_not"]), (False, "it is staged, without activate-after"),
              "rule: why a key does not sign")
    _, said = f.explain(letter("picky.example", Subject=None), client=BAD, login="app",
                        sender="<a@picky.example>")
    one = said["preflight"]
    tap.match("require = .*aligned-dkim", line(one), "rule: of preflight")
    tap.equal((one["required"], [(u["need"], u["state"]) for u in one["unmet"]], one["does"]),
              (["aligned-dkim", "dmarc-record", "subject"],
               [("dmarc-record", "missing"), ("subject", "missing")], "reject"),
              "rule: what preflight requires, and what is missing")
    _, said = f.explain(letter(), client=BAD, rcpts=("<a@watch.example>",))
    tap.equal([(w["filter"], w["does"], w["rule"]) for w in said["reply"]["would"]],
              [("spf", "reject", "spf.fail"), ("dmarc", "reject", "dmarc.reject")],
              "rule: what monitor mode did not carry out")


def look_ups(f):
    _, said = f.explain(signed(f.key), "--zone", f.zone_file)
    seen = {(l["type"], l["name"]): l for part in ("spf", "dkim", "dmarc") for l in said[part]["lookups"]}
    tap.equal(set(seen), {("TXT", n) for n in ("bank.example", "client.example", "_dmarc.bank.example",
                                               "s1._domainkey.bank.example")}, "look-ups: all, and no others")
    spf, none = seen[("TXT", "bank.example")], seen[("TXT", "client.example")]
    tap.equal((spf["outcome"], spf["answer"], spf["ttl"], spf["from"]),
              ("ok", '"v=spf1 ip4:%s -all"' % GOOD, 5, "server"), "look-ups: an answer")
    tap.equal((none["outcome"], none["nxdomain"]), ("none", True), "look-ups: a name that is not there")
    _, said = f.explain(letter("away.example"), "--zone", f.zone_file, client=BAD)
    tap.equal([(l["outcome"], l["answer"]) for l in said["dmarc"]["lookups"]][:1], [("temporary", "SERVFAIL")],
              "look-ups: trouble")
    _, said = f.explain(letter("mail.bank.example"), "--zone", f.zone_file, client=BAD)
    walk = [l["name"] for l in said["dmarc"]["lookups"]]
    tap.equal(walk[:2], ["_dmarc.mail.bank.example", "_dmarc.bank.example"], "look-ups: the walk up the tree")


def unread_keys(f):
    """What this user can not read the daemon may."""
    text = lab_gatepost.policy(settings(f.dns)).replace("k.pem", "away.pem")
    conf = f.lab.write("other/gatepost.conf", text)
    code, out, err = f.tool("--from", "a@shop.example", "--auth", "app", "--zone", f.zone_file, conf=conf)
    tap.equal((code, err), (0, ""), "keys: explained all the same")
    for words in ("does not sign: its file could not be read", "away.pem", "the daemon signs with it if it can"):
        tap.ok(words in out, "keys: it says %r" % words, out)
    tap.equal(out.count("unreadable"), 1, "keys: those of other domains do not matter")


def made_up(f):
    code, out, err = f.tool("--from", "Bank <a@bank.example>", "--client", GOOD, "--zone", f.zone_file)
    tap.equal((code, err), (0, ""), "no message: explained")
    for words in ("assumed    a message of five fields", "from <a@bank.example>", "spf          pass",
                  "dmarc        pass", "recipient@example.invalid"):
        tap.ok(words in out, "no message: it says %r" % words, out)
    raw = ("From a@x.example Sat Nov 21 12:00:00 2026\nReturn-Path: <r@bank.example>\n" + letter()).encode()
    code, out, _ = f.tool("--client", GOOD, "--zone", f.zone_file, stdin=raw)
    tap.ok(code == 0 and "from <r@bank.example>" in out and "MAIL FROM as in Return-Path" in out,
           "a message of a mailbox, as it was delivered", out)
    code, out, _ = f.tool("--client", BAD, "--from", "x@none.example", "--zone", f.zone_file, stdin=raw)
    tap.ok("author     none.example" in out, "--from stands in place of From:", out)
    code, out, _ = f.tool("--zone", f.zone_file, stdin=letter("shop.example").encode())
    tap.ok("out: it did not come by SMTP" in out, "without a client it is mail of this host", out)


def hostile(f):
    """Nothing that others wrote speaks to the terminal or makes a line."""
    bad = dict(f.zone, **{"esc.example": {"TXT": ["v=spf1 \\027[31mred\\010line -all"]}})
    zone = f.lab.write("hostile", "\n".join(
        '%s TXT "%s"' % (n, t) for n, d in bad.items() if isinstance(d, dict) for t in d["TXT"]) + "\n")
    code, out, err = f.tool("--client", BAD, "--zone", zone, "--mail-from", "x@esc.example", "--helo", "x",
                            stdin=letter(Subject="\033]0;x\007").encode())
    tap.ok(code == 1 and err == "" and all(c.isprintable() or c == "\n" for c in out)
           and "\\x1B[31mred\\x0Aline" in out, "no octet of others reaches the terminal", "%r %r" % (out, err))


def bad_input(f):
    for what, raw, words in (
            ("9 MB header", b"X: " + b"x" * 9000000 + b"\n\n", "the header has more than"),
            ("9 MB of header fields", b"X: x\n" * 1800000, "line "),
            ("NUL in the header", b"From: a\0@b.example\n\n", "line 1: a NUL in the header"),
            ("NUL in a later field", b"A: b\nC:\n d\0\n\n", "line 2: a NUL in the header"),
            ("binary", bytes(range(256)) * 64, "line 1: expected a header field"),
            ("no header", b"\nHello\n", "line 1: expected a header field"),
            ("a blank first", b" From: a@b.example\n\n", "line 1: expected a header field"),
            ("a mailbox line alone", b"From a@b Sat\n", "line 2: expected a header field")):
        code, out, err = f.tool("--rcpt", "a@b.example", stdin=raw)
        tap.ok(code == DATA and out == "" and len(err.splitlines()) == 1 and words in err
               and err.startswith("gatepost: message: "), "%s: exit 65 and one line" % what,
               "%r %r %r" % (code, out[:200], err))
    for what, words, said in (
            ("nothing at all", (), "expected a message on standard input, or --from"),
            ("a client that is none", ("--client", "x"), "--client: x: expected an IP address"),
            ("two lines in an option", ("--helo", "a\nb"), "--helo: expected one line"),
            ("an empty recipient", ("--rcpt", ""), "--rcpt: expected an address"),
            ("a word too many", ("x",), "no argument is expected"),
            ("an option that is none", ("--to", "x"), "--to")):
        code, out, err = f.tool(*words)
        tap.ok(code == USAGE and out == "" and len(err.splitlines()) == 1 and said in err,
               "usage: %s: exit 64 and one line" % what, "%r %r %r" % (code, out, err))
    code, _, err = f.tool("--from", "a@b.example", "--zone", f.lab.path("none"))
    tap.ok(code == NOINPUT and "none: No such file" in err, "a zone that is not there: exit 66", err)
    code, _, err = f.tool("--from", "a@b.example", "--zone", f.lab.write("broken-zone", "a.example TXT\n"))
    tap.ok(code == DATA and "line 1" in err, "a zone that is none: exit 65 and its line", err)
    code, _, err = f.tool("--from", "a@b.example", conf=f.lab.write("bad/gatepost.conf", "spf { fial = tag }\n"))
    tap.ok(code == CONFIG and "gatepost.conf:1" in err, "a policy that is none: exit 78", err)


def main():
    if lab_dkim.why_not():
        lab_tap.skip_all("gatepost explain", lab_dkim.why_not())
    with lab_base.Lab("explain") as lab:
        f = Fixture(lab)
        for test in (compared, limits, without_daemon, rules, look_ups, unread_keys, made_up, hostile, bad_input):
            tap.run(test.__name__, test, f)
    tap.done()


main()
