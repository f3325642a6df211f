#!/usr/bin/python3
"""gatepost-dkim signs: as whom, over what, who may, what it leaves alone, and
what it wants of a key file.  dkimpy verifies each signature."""
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_base
import lab_dkim
import lab_gatepost
import lab_tap
from dkim_fixture import AR, ID, LETTER, OURS, SIGNATURE, Fixture, Mail, from_domain, key, \
    send, with_fields

CONFIG = 78
SHOP = {("shop.example", "s1"), ("shop.example", "e1")}
tap = lab_tap.Tap()


def identity(f):
    """The block of the From: domain, never the parent's without `subdomains`."""
    for domain, want in (
            ("shop.example", SHOP), ("SHOP.Example", SHOP),
            ("news.shop.example", {("news.shop.example", "n1")}),
            ("other.shop.example", set()), ("a.news.shop.example", set()),
            ("club.example", {("club.example", "c1")}),
            ("a.b.club.example", {("club.example", "c1")}),
            ("b\u00fccher.example", {("xn--bcher-kva.example", "x1")}),
            ("simple.example", {("simple.example", "k1")}),
            ("keyless.example", set()), ("unlisted.example", set()),
            ("notshop.example", set()), ("example", set())):
        judged = f.submit(from_domain(domain))
        tap.equal((judged.going, f.signed_as(judged)), (True, want),
                  "From: %s: signed as %s" % (domain, want or "nobody"))
    judged = f.submit(LETTER.replace("From: Shop <news@shop.example>",
                                     'From: "a@club.example" (b@unlisted.example)\n'
                                     " <news@shop.example>", 1))
    tap.equal(f.signed_as(judged), SHOP, "a display name with an address in it is only a name")


def directions(f):
    for what, kw in (("a login", {"login": "app", "client": "203.0.113.5"}),
                     ("a trusted client", {"client": OURS}),
                     ("local mail", {"client": None}),
                     ("a null sender with a login", {"login": "app", "sender": "<>"})):
        judged = f.receive(**kw)
        tap.equal((f.signed_as(judged), judged.fields), (SHOP, []),
                  "%s: signed, and not judged" % what)
    with f.session() as s:
        s.connect("203.0.113.5", macros={"daemon_name": "ORIGINATING"})
        s.helo()
        tap.equal(f.signed_as(send(s, LETTER, greet=False)), SHOP, "a trusted listener: signed")
    judged = f.receive()
    tap.equal((judged.added, judged.dkim), ([AR], ["none"]),
              "a stranger with our From: not signed, dkim=none")
    judged = f.receive(client="198.51.101.7", name="mail.shop.example")
    tap.equal(judged.added, [AR], "a stranger's host name earns nothing")


def tags(f):
    before = int(time.time())
    judged = f.submit(with_fields("Received: from x\nReturn-Path: <a@b.example>\nX-Own: 1\n"))
    tap.equal([(i, n) for i, n, _ in judged.last.inserted], [(0, SIGNATURE)] * 2,
              "signatures go on top")
    for s in lab_dkim.signatures(judged.raw, f.zone):
        tap.ok(s.good, s.algorithm + ": verifies")
        tap.equal([t for t in ("l", "z", "i") if t in s.tags], [], s.algorithm + ": no l= z= i=")
        tap.ok(0 <= int(s.tags["t"]) - before < 10 and
               int(s.tags["x"]) - int(s.tags["t"]) == 864000,
               s.algorithm + ": t= is now, x= 10 days later", repr(s.tags))
        tap.equal([s.names.count(n) for n in ("from", "subject", "cc", "reply-to", "sender")],
                  [2, 2, 1, 1, 0], s.algorithm + ": oversigned are the fields of the list")
        tap.equal([n for n in s.names if n in ("received", "return-path", "x-own", "bcc", "")], [],
                  s.algorithm + ": no trace field in h=")
    for _, _, value in judged.last.inserted:
        tap.ok(max(map(len, (SIGNATURE + ":" + value).split("\n"))) <= 78,
               "no line of a signature is over 78 columns", value)


def one_click(f):
    for extra, want in (
            ("", (0, 0)),
            ("List-Unsubscribe: <https://shop.example/u?1>\n"
             "List-Unsubscribe-Post: List-Unsubscribe=One-Click\n", (2, 2)),
            ("list-unsubscribe: <mailto:u@shop.example>\n", (2, 0))):
        judged = f.submit(with_fields(extra))
        seen = [(s.good, s.names.count("list-unsubscribe"), s.names.count("list-unsubscribe-post"))
                for s in lab_dkim.signatures(judged.raw, f.zone)]
        tap.equal(seen, [(True, *want)] * 2, "List-Unsubscribe, -Post: in h= %r times" % (want,))


def adding_breaks(f):
    """What oversigning is for: one more of such a field, and nothing passes."""
    judged = f.submit(with_fields("List-Unsubscribe: <https://shop.example/u?1>\n"))
    for name in ("From", "Subject", "To", "Cc", "Reply-To", "Date", "Content-Type",
                 "MIME-Version", "List-Unsubscribe"):
        forged = ("%s: x@evil.example\r\n" % name).encode() + judged.raw
        tap.ok(not any(s.good for s in lab_dkim.signatures(forged, f.zone)),
               "one more %s breaks the signatures" % name)


def settings_of_a_domain(f):
    keys = {("key", "s1"): key("rsa.pem"), ("key", "e1"): key("ed.pem")}
    for what, more, check in (
            ("algorithms = rsa", {"algorithms": ["rsa-sha256"]},
             lambda all_: [s.algorithm for s in all_] == ["rsa-sha256"]),
            ("algorithms = ed25519", {"algorithms": ["ed25519-sha256"]},
             lambda all_: [s.algorithm for s in all_] == ["ed25519-sha256"]),
            ("canon = simple/simple", {"canon": "simple/simple"},
             lambda all_: [s.tags["c"] for s in all_] == ["simple/simple"] * 2),
            ("canon = simple/relaxed", {"canon": "simple/relaxed"},
             lambda all_: [s.tags["c"] for s in all_] == ["simple/relaxed"] * 2),
            ("expire = 0", {"expire": 0}, lambda all_: not any("x" in s.tags for s in all_)),
            ("expire = 2d", {"expire": "2d"},
             lambda all_: all(int(s.tags["x"]) - int(s.tags["t"]) == 172800 for s in all_)),
            ("sign and oversign", {"sign": ["default", "X-Own"], "oversign": ["X-Own"]},
             lambda all_: all(s.names.count("x-own") == 2 and s.names.count("subject") == 1
                              for s in all_)),
            ("a retired key", {("key", "e1"): key("ed.pem", state="retired")},
             lambda all_: [s.selector for s in all_] == ["s1"])):
        answer = f.reload({("domain", "shop.example"): {**keys, **more}})
        all_ = lab_dkim.signatures(f.submit(with_fields("X-Own: 1\n")).raw, f.zone)
        tap.ok(answer[0] == "ok" and all_ and all(s.good for s in all_) and check(all_), what,
               "%r\n%r" % (answer, [(s.good, s.tags) for s in all_]))
    f.reload()


def senders(f):
    def judge(what, domain, want, local="news", raw=None, **kw):
        judged = f.receive(raw or from_domain(domain, local=local), **kw)
        signed = any(n == SIGNATURE for n in judged.added)
        tap.equal((judged.action if not judged.going else "go", signed),
                  want, "senders: %s at %s" % (what, domain))
        return judged

    yes, no = ("go", True), ("go", False)
    for login in ("app", "APP", "app+night"):
        judge("login %s" % login, "strict.example", yes, login=login)
    judge("a listed client", "strict.example", yes, client="198.51.100.9")
    judged = judge("another login", "strict.example", ("reject", False), login="mallory")
    tap.match(r"^550 5\.7\.1 .*strict\.example", judged.text, "senders: the refusal's reply")
    judge("another client", "strict.example", ("reject", False), client=OURS)
    judged = judge("another login", "later.example", ("tempfail", False), login="mallory")
    tap.match(r"^451 4\.7\.1 .*later\.example", judged.text, "senders: the deferral's reply")
    judge("another login", "loose.example", no, login="mallory")
    judge("the right login", "loose.example", yes, login="app")
    judge("his own address", "own.example", yes, local="ann", login="ann@own.example")
    judge("his own address in capitals", "own.example", yes, local="Ann", login="ANN@own.example")
    judge("an alias", "own.example", yes, local="info", login="ann@own.example")
    judge("another's address", "own.example", ("reject", False), local="bob",
          login="ann@own.example")
    judge("another's alias", "own.example", ("reject", False), local="info",
          login="bob@own.example")
    two = "From: me@unlisted.example\n" + from_domain("strict.example")
    judge("a second From field", "strict.example", ("reject", False), raw=two, login="mallory")
    pair = LETTER.replace("<news@shop.example>", "<a@unlisted.example>, boss@strict.example", 1)
    judge("a second mailbox", "strict.example", ("reject", False), raw=pair, login="mallory")
    judge("a null sender", "strict.example", ("reject", False), login="mallory", sender="<>")
    bounce = f.receive(from_domain("strict.example", local="MAILER-DAEMON"), client=None,
                       sender="<>")
    tap.ok(bounce.going, "senders: a bounce of the MTA itself is never refused", repr(bounce.last))


def unsigned(f):
    for what, raw in (
            ("no From", LETTER.partition("\n")[2]),
            ("two From fields", "From: other@shop.example\n" + LETTER),
            ("two domains in From", LETTER.replace("Shop <", "<a@club.example>, Shop <", 1)),
            ("an unreadable From", LETTER.replace("<news@", "<news@@", 1)),
            ("an empty From", re.sub("^From: .*", "From: ", LETTER)),
            ("From with a group only", re.sub("^From: .*", "From: undisclosed:;", LETTER))):
        mark = f.daemon.log.mark()
        judged = f.submit(raw, queue_id="4UNSIGNED")
        tap.equal((judged.going, judged.added), (True, []), "%s: goes on unsigned" % what)
        tap.ok(f.log_of("4UNSIGNED", mark), "%s: the log has a line" % what)


def why(f):
    """One line a message says the decision, its reason and its rule."""
    for what, raw, login, words in (
            ("signed", LETTER, "app", ("shop.example", "s1", "e1", "gatepost.conf:")),
            ("no block", from_domain("unlisted.example"), "app", ("block",)),
            ("no keys", from_domain("keyless.example"), "app", ("key",)),
            ("refused", from_domain("strict.example"), "mallory", ("reject", "senders"))):
        mark = f.daemon.log.mark()
        f.submit(raw, login=login, queue_id="4WHY")
        line = f.log_of("4WHY", mark)
        tap.ok(all(w in line for w in words), "log: %s: has %s" % (what, " ".join(words)), line)
        tap.ok(re.fullmatch(r"[ -~]*", line) and len(line) <= 512, "log: %s: a clean line" % what,
               line)


def signed_before(f):
    first = f.submit()
    second = f.submit(first.raw)
    tap.equal(second.last.edits, [], "valid signatures of ours are left alone")
    half = re.sub(rb"(?s)^DKIM-Signature:.*?\r\n(?=[^ \t])", b"", first.raw, count=1)
    gone = SHOP - f.signed_as(half)
    third = f.submit(half)
    tap.equal((len(gone), third.added, third.last.changed, f.signed_as(third)),
              (1, [SIGNATURE], [], SHOP), "one of two is there: only the other is added")
    broken = f.submit(first.raw.replace(b"Hello Ann", b"Hallo Ann"))
    tap.equal((f.signed_as(broken), len(broken.last.changed), broken.added),
              (SHOP, 2, [SIGNATURE] * 2), "broken ones of ours are replaced")
    foreign = lab_dkim.sign(LETTER, "far.example", "far", f.keys.rsa)
    mixed = f.submit(foreign)
    tap.equal((f.signed_as(mixed), mixed.last.changed),
              (SHOP | {("far.example", "far")}, []), "a foreign one stays beside ours")
    mixed = f.submit(foreign.replace(b"Hello Ann", b"Hallo Ann"))
    tap.equal((f.signed_as(mixed), mixed.last.changed),
              (SHOP | {("BAD", "far.example", "far")}, []), "a broken foreign one stays as it is")
    theirs = lab_dkim.sign(first.raw.replace(b"Hello Ann", b"Hallo Ann"), "far.example", "far",
                           f.keys.rsa)
    mixed = f.submit(b"DKIM-Signature: nonsense\r\n" + theirs)
    good = {s for s in f.signed_as(mixed) if s[0] != "BAD"}
    tap.equal((good, [i for i, _, _ in mixed.last.changed]),
              (SHOP | {("far.example", "far")}, [4, 3]),
              "between foreign and malformed ones the right two are replaced, last first")


def forged(f):
    fields = "%s: %s; dkim=pass header.d=bank.example\n%s: other.example; dkim=pass\n" \
             "%s: OLD.lab.example; spf=pass\n" % (AR, ID, AR, AR)
    judged = f.submit(with_fields(fields))
    tap.equal([(i, n, v) for i, n, v in judged.last.changed], [(3, AR, ""), (1, AR, "")],
              "forged results are removed on submission too, foreign ones stay")
    tap.equal(f.signed_as(judged), SHOP, "and the message is signed")


FRAGILE = (
    ("a body line of 999 octets", lambda m: m.body.replace(b"Hello", b"x" * 999), None),
    ("a last line of 999 octets without its end", lambda m: m.body + b"x" * 999, None),
    ("bare CR in the body", lambda m: m.body.replace(b"good", b"go\rod"), None),
    ("bare LF in the body", lambda m: m.body.replace(b"good", b"go\nod"), None),
    ("a header line of 999 octets", None, "X-Long: " + "x" * 999 + "\n"),
    ("8-bit text in the header", None, "X-Name: caf\u00e9\n"),
    ("a phrase that Sendmail quotes", None, "Cc: John Q. Public <j@receiver.example>\n"),
)


def fragile(f):
    def mail(domain, body, extra):
        m = Mail(with_fields(extra or "", from_domain(domain)))
        m.body = body(m) if body else m.body
        return m

    for what, body, extra in FRAGILE:
        judged = f.submit(mail("fragile.example", body, extra))
        tap.ok(judged.action == "reject" and judged.text.startswith("550 5.6.0 "),
               "on-fragile = reject: " + what, repr(judged.last))
        for domain, word in (("warned.example", "warn"), ("sure.example", "sign")):
            mark = f.daemon.log.mark()
            judged = f.submit(mail(domain, body, extra), queue_id="4FRAGILE")
            tap.equal((judged.going, judged.added), (True, [SIGNATURE]),
                      "on-fragile = %s: %s is signed" % (word, what))
            line = f.log_of("4FRAGILE", mark)
            tap.equal("fragile=" in line, word == "warn",
                      "on-fragile = %s: %s in the log" % (word, what))
    for what, body, extra in (
            ("a body line of 998 octets", lambda m: m.body.replace(b"Hello Ann,", b"x" * 998), None),
            ("a quoted phrase", None, 'Cc: "John Q. Public" <j@receiver.example>\n'),
            ("a long folded field", None, "X-Long: " + "\n ".join(["x" * 90] * 50) + "\n")):
        judged = f.submit(mail("fragile.example", body, extra))
        tap.equal(judged.added, [SIGNATURE], "on-fragile = reject: %s is no reason" % what)


def vanished(f):
    path = f.daemon.key_path("rsa.pem")
    os.rename(path, path + ".away")
    tap.equal(f.serves(), "", "a key file that vanished: signing goes on from memory")
    head, text = f.daemon.reload()
    tap.ok(head != "ok" and re.search(r"gatepost\.conf:\d+: .*rsa\.pem", text),
           "a reload without it fails, naming place and path", "%s %s" % (head, text))
    tap.equal(f.serves(), "", "after the failed reload signing goes on")
    os.rename(path + ".away", path)
    tap.equal(f.daemon.reload()[0], "ok", "the file is there again: the reload is good")
    tap.equal(f.serves(), "", "and signing goes on")


def bad_keys(lab, f):
    rsa512 = subprocess.run(["openssl", "genrsa", "512"], capture_output=True, check=False).stdout
    locked = lab_dkim.openssl("pkey", "-aes256", "-passout", "pass:secret", input=f.keys.rsa.pem)
    ec = lab_dkim.openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    cases = [("open to all", f.keys.rsa.pem, 0o644, {}, r"chmod 06[04]0 \S*bad\.pem"),
             ("writable by the group", f.keys.rsa.pem, 0o660, {}, r"chmod 06[04]0 \S*bad\.pem"),
             ("garbage", b"garbage\n", 0o600, {}, r"bad\.pem"),
             ("empty", b"", 0o600, {}, r"bad\.pem"),
             ("encrypted", locked, 0o600, {}, r"bad\.pem.*encrypted"),
             ("an EC key", ec, 0o600, {}, r"bad\.pem"),
             ("a public key", lab_dkim.openssl("pkey", "-pubout", input=f.keys.rsa.pem), 0o600, {},
              r"bad\.pem"),
             ("RSA for ed25519-sha256", f.keys.rsa.pem, 0o600, {"algorithm": "ed25519-sha256"},
              r"for rsa-sha256"),
             ("Ed25519 for rsa-sha256", f.keys.ed.pem, 0o600, {"algorithm": "rsa-sha256"},
              r"for ed25519-sha256")]
    if rsa512:
        cases.append(("RSA of 512 bits", rsa512, 0o600, {}, r"1024"))
    d = lab_gatepost.Daemon(lab, "", lab_gatepost.binary("dkim", "asan"), name="dkim",
                            label="badkeys", start=False)
    for what, pem, mode, more, pattern in cases:
        d.write_key("bad.pem", pem, mode)
        d.set_policy({("domain", "shop.example"): {("key", "s1"): key("bad.pem", **more)}})
        process = d.spawn()
        status = process.wait(10)
        process.err.wait_end()
        text = "\n".join(process.err.all)
        tap.ok(status == CONFIG and re.search(r"gatepost\.conf:2: .*" + pattern, text),
               "a bad key: %s: refused at start, exit 78" % what, "%r %s" % (status, text))
        check = subprocess.run([d.program, "--check", "--config", d.conf], capture_output=True,
                               text=True, timeout=20)
        tap.equal((check.returncode, sorted(check.stderr.splitlines())),
                  (CONFIG, sorted(process.err.all)), "a bad key: %s: --check says the same" % what)
        process.stop()


def weak_key(lab, f):
    d = lab_gatepost.Daemon(lab, {("domain", "shop.example"): {("key", "s1"): key("weak.pem")}},
                            lab_gatepost.binary("dkim", "asan"), name="dkim", label="weak",
                            keys={"weak.pem": f.keys.short.pem})
    lines = [l for l in d.log.all if "weak.pem" in l]
    tap.ok(len(lines) == 1 and "1024" in lines[0], "RSA of 1024 bits: one warning", repr(lines))
    tap.equal(d.reload()[0], "ok", "RSA of 1024 bits: a reload")
    tap.equal(len([l for l in d.log.all if "weak.pem" in l]), 1,
              "RSA of 1024 bits: no second warning")
    tap.equal(d.stop(), 0, "RSA of 1024 bits: exit 0")


def main():
    why_not = lab_dkim.why_not()
    if why_not:
        lab_tap.skip_all("signing through the milter protocol", why_not)
    with lab_base.Lab("sign") as lab:
        f = Fixture(lab)
        for test in (identity, directions, tags, one_click, adding_breaks, settings_of_a_domain,
                     senders, unsigned, why, signed_before, forged, fragile, vanished):
            tap.run(test.__name__, test, f)
        tap.run("bad_keys", bad_keys, lab, f)
        tap.run("weak_key", weak_key, lab, f)
        tap.equal(f.daemon.stop(), 0, "SIGTERM ends it with 0")
    tap.done()


main()
