#!/usr/bin/python3
"""The milter protocol as gatepost-dkim speaks it: what it negotiates, many
messages in a session, bodies in odd pieces, older MTAs, and what is too much."""
import concurrent.futures
import os
import random
import re
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_base
import lab_dkim
import lab_tap
import miltermta as m
from dkim_fixture import AR, LETTER, SIGNATURE, Fixture, Mail, from_domain, send, with_fields, \
    with_fields_below

tap = lab_tap.Tap()
SHOP = {("shop.example", "s1"), ("shop.example", "e1")}
OLDER = m.ALL_STEPS & ~m.HEADER_LEADING_SPACE


def negotiation(f):
    with f.session() as s:
        tap.equal(s.version, 6, "negotiation: version 6")
        for name in ("ADD_HEADERS", "CHANGE_HEADERS", "SET_SYMLIST"):
            tap.ok(s.actions & getattr(m, name), "negotiation: asks for " + name)
        for name in ("CHANGE_BODY", "ADD_RCPT", "DEL_RCPT", "CHANGE_FROM", "ADD_RCPT_PAR"):
            tap.ok(not s.actions & getattr(m, name), "negotiation: does not ask for " + name)
        tap.ok(not s.steps & (m.NO_HEADERS | m.NO_BODY | m.NO_MAIL),
               "negotiation: sender, header and body are asked for")
        for name in ("NR_CONNECT", "NR_HELO", "NR_MAIL", "NR_HEADERS", "NR_EOH", "NR_BODY"):
            tap.ok(s.steps & getattr(m, name), "negotiation: no reply to " + name[3:])
        tap.ok(s.steps & m.HEADER_LEADING_SPACE, "negotiation: leading blanks are kept")
        wanted = {n for names in s.symlists.values() for n in names}
        for name in ("i", "{daemon_name}", "{auth_authen}"):
            tap.ok(name in wanted, "negotiation: asks for macro " + name, repr(s.symlists))
    for offered in (0, m.ALL_STEPS & ~m.NR_BODY, m.ALL_STEPS & ~m.NR_HEADERS, OLDER, m.NR_BODY):
        with f.session(steps=offered) as s:
            tap.equal(s.steps & ~offered, 0, "negotiation: nothing that %#x does not offer" % offered)
            tap.equal(f.signed_as(send(s, LETTER, login="app")), SHOP,
                      "negotiation: an MTA that offers %#x is served" % offered)


def shapes(f):
    """What arrives at the other end verifies, however it was handed over."""
    long = "X-Folded: one\n  two\n\tthree\nSubject2:none\nTo: <a@b.example>,\n <c@d.example>\n"
    odd = LETTER.replace("Subject: A test", "Subject:A  test \nX-Empty:\nX-Blank:  \nCc:\n <j@b.example>")
    for what, raw in (("folded fields", with_fields(long)), ("odd blanks", odd),
                      ("an empty body", LETTER.partition("\n\n")[0] + "\n\n"),
                      ("empty lines at the end", LETTER + "\n" * 50),
                      ("a last line without its end", LETTER.rstrip("\n")),
                      ("8-bit text", LETTER.replace("Hello", "Gr\u00fc\u00dfe")),
                      ("lines of blanks", LETTER + " \n\t \n  \n"),
                      ("dots", LETTER + ".\n..\n. \n")):
        for domain in ("shop.example", "simple.example"):
            for steps, fold in ((m.ALL_STEPS, b"\n"), (m.ALL_STEPS, b"\r\n"), (OLDER, b"\n")):
                mail = from_domain(domain, raw)
                if steps == OLDER and domain == "simple.example" and what == "odd blanks":
                    continue  # that blank was taken away before the filter saw it
                with f.session(steps=steps) as s:
                    judged = send(s, mail, login="app", fold=fold)
                    again = send(s, judged.raw, fold=fold)
                names = f.signed_as(judged)
                how = "%s, %s, fold %r%s" % (what, domain, fold, ", older MTA" * (steps == OLDER))
                tap.ok(names and {d for d, *_ in names} == {domain}, "dkimpy: " + how, repr(names))
                tap.ok(set(again.dkim) == {"pass"}, "ours: " + how, again.field)


def pieces(f):
    """Bodies in odd pieces, line ends torn apart."""
    dice = random.Random(6376)
    words = (b"text", b" ", b"  ", b"\t", b"\r\n", b"\r\n\r\n", b"\r\n\r\n\r\n", b".",
             b"\xc3\xbc", b"\r\n \r\n", b"\0", b"\r", b"\n")
    for n in range(12):
        # for dkimpy a bare CR or LF ends a line, too
        bare = n % 3 == 2
        mail = Mail(from_domain(("shop.example", "simple.example")[n % 2]))
        mail.body = b"".join(dice.choice(words[:None if bare else -2])
                             for _ in range(dice.randrange(1, 400)))
        for chunk in (1, 2, 3, 7, 1000):
            with f.session() as s:
                judged = send(s, mail, login="app", chunk=chunk)
                again = Mail(judged.raw.partition(b"\r\n\r\n")[0] + b"\r\n\r\n")
                again.body = mail.body
                checked = send(s, again, chunk=chunk * 3 + 1)
            tap.equal(set(checked.dkim), {"pass"}, "body %d in pieces of %d" % (n, chunk))
            tap.ok(bare or not [s for s in f.signed_as(judged) if s[0] == "BAD"],
                   "body %d in pieces of %d: dkimpy" % (n, chunk), repr(mail.body))


def many_messages(f):
    """300 messages in one session, ours and strangers' in turn, some dropped."""
    broken = []
    foreign = {want: make for want, make in (
        ("pass", f.foreign()), ("fail", f.foreign().replace(b"Hello", b"Hallo")),
        ("none", LETTER))}
    with f.session() as s:
        s.connect("192.0.2.1")
        s.helo()
        for n in range(300):
            if n % 7 == 3:
                s.mail("<x@y.example>", {"auth_authen": "app"})
                s.rcpt()
                s.data()
                for name, value in Mail(LETTER).fields[:n % 5]:
                    s.header(name, value)
                if n % 2:
                    s.eoh()
                    s.body(b"half a line")
                s.abort()
            elif n % 3:
                want = ("pass", "fail", "none")[n // 3 % 3]
                judged = send(s, foreign[want], greet=False, queue_id="4Q%d" % n)
                if judged.dkim != [want] or judged.added != [AR]:
                    broken.append((n, want, judged.field))
            else:
                judged = send(s, LETTER.replace("A test", "Number %d" % n), login="app",
                              greet=False, queue_id="4Q%d" % n)
                if f.signed_as(judged) != SHOP:
                    broken.append((n, judged.last))
    tap.equal(broken, [], "300 messages in a session: each on its own")


def unfinished(f):
    """A message that a new MAIL ends, without abort."""
    with f.session() as s:
        s.connect("192.0.2.1")
        s.helo()
        s.mail("<x@y.example>")
        s.rcpt()
        s.header("DKIM-Signature", Mail(f.foreign()).fields[0][1])
        s.eoh()
        s.body(b"secret")
        judged = send(s, LETTER, greet=False)
        tap.equal((judged.added, judged.dkim), ([AR], ["none"]),
                  "a new MAIL: nothing of the unfinished message is left")


def bounds(f):
    """What is too much is not signed and does not pass, and mail goes on."""
    fields = lambda n: "".join("X-%d: %d\n" % (i, i) for i in range(n))
    for n, signed in ((900, True), (994, True), (996, False), (3000, False)):
        judged = f.submit(with_fields(fields(n)))
        tap.equal((judged.going, bool(judged.added)), (True, signed),
                  "%d fields: %s" % (n + 5, "signed" if signed else "not signed"))
    judged = f.receive(with_fields_below(fields(1200), f.foreign()))
    tap.equal((judged.going, judged.dkim), (True, ["permerror"]), "1200 fields: permerror")
    judged = f.receive(with_fields_below(fields(900), f.foreign()))
    tap.equal(judged.dkim, ["pass"], "900 fields more: pass")
    big = "".join("X-%d: %s\n" % (i, "\n ".join(["x" * 900] * 100)) for i in range(3))
    judged = f.submit(with_fields(big))
    tap.equal((judged.going, judged.added), (True, []), "a header of 300 KB: not signed")
    judged = f.receive(with_fields_below(big, f.foreign()))
    tap.equal((judged.going, judged.dkim), (True, ["permerror"]), "a header of 300 KB: permerror")
    judged = f.submit(with_fields("X: %s\n" % "\n ".join(["x" * 990] * 100)))
    tap.equal(f.signed_as(judged), SHOP, "a field of 99 KB: signed")


def huge(f):
    mail = Mail(LETTER)
    mail.body = (b"Some words in a line of text, as they come in mail.\r\n" * 20000 + b" \r\n") * 20
    begin = time.monotonic()
    with f.session() as s:
        judged = send(s, mail, login="app")
        tap.equal(judged.added, [SIGNATURE] * 2, "a body of 20 MB: signed")
        mail.fields = Mail(judged.raw).fields
        checked = send(s, mail, greet=True)
    tap.equal(checked.dkim, ["pass", "pass"], "a body of 20 MB: verified")
    tap.note("20 MB twice in %.1f s" % (time.monotonic() - begin))
    with open("/proc/%d/status" % f.daemon.process.pid, encoding="ascii") as status:
        peak = int(re.search(r"VmHWM:\s+(\d+)", status.read()).group(1))
    tap.note("peak of the sanitizer build: %d KB" % peak)


def at_once(f):
    """8 sessions at a time, each both ways."""
    def work(n):
        bad = []
        with f.session() as s:
            for i in range(20):
                domain = ("shop.example", "club.example", "simple.example")[(n + i) % 3]
                mail = from_domain(domain, LETTER.replace("Hello", "Hello %d %d" % (n, i)))
                signed = send(s, mail, login="app", chunk=1 + n * 31)
                checked = send(s, signed.raw, greet=False)
                if not checked.dkim or set(checked.dkim) != {"pass"} or checked.passing != {domain}:
                    bad.append((n, i, checked.field))
        return bad

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        bad = [b for some in pool.map(work, range(8)) for b in some]
    tap.equal(bad, [], "8 sessions at once: 160 messages signed, and all of them pass")


def opened(f):
    return sum(v for k, v in f.daemon.metrics().items() if "sessions_open" in k)


def disconnects(f):
    """A connection that ends after each command of a message in turn."""
    full = "CHMRTLLNBBE"
    data = {"C": m.cstr("x") + b"4\0\x19" + m.cstr("192.0.2.1"), "H": b"client.example\0",
            "M": b"<a@shop.example>\0", "R": b"<u@r.example>\0",
            "L": b"From\0 a@shop.example\0", "B": b"x"}
    for n in range(len(full) + 1):
        for half in (False, True):
            s = f.session(steps=0)
            for command in full[:n]:
                s.packet(command, data.get(command, b""))
                s.answer()
            if half:
                s.raw(b"\0\0\0\x40B" + b"x" * 7)
            s.close()
    lab_base.wait_until(lambda: opened(f) == 0, 10, "every session is closed")
    tap.equal(f.serves(), "", "gone at every place: the next message is served")
    name = lab_dkim.name("held", "far.example")
    f.dns.hold(name)
    s = f.session()
    s.connect()
    s.helo()
    s.mail()
    s.rcpt()
    mail = Mail(f.foreign("held"))
    for field in mail.fields:
        s.header(*field)
    s.eoh()
    s.body(mail.body)
    s.packet("E")
    asked = f.dns.wait_query(name)
    s.close()
    f.dns.release(name)
    tap.ok(asked, "gone while its key is being looked up")
    lab_base.wait_until(lambda: opened(f) == 0, 10, "every session is closed")
    tap.equal(f.serves(), "", "gone while its key is being looked up: the next is served")


def nasty_fields(f):
    """Header fields of all kinds, both ways: no crash, and a clean field."""
    dice = random.Random(8616)
    parts = (b"v=1;", b" a=rsa-sha256;", b"a=ed25519-sha256;", b"d=far.example;", b"s=far;", b"h=from;",
             b"h=from:to:subject;", b"bh=AAAA;", b"b=;", b"b=AAAA", b"l=5;", b"x=1;", b"t=1;", b"i=@x;",
             b"q=dns/txt;", b"z=a|b;", b"=", b";", b"\n ", b"\t", b"\xff", b"(", b'"', b"\\", b"%s%n",
             b"d=" + b"a." * 200, b"h=" + b"from:" * 600, b"b=" + b"A" * 3000, b"c=simple;", b"c=x/y;")
    wrong = []
    with f.session() as s:
        s.connect()
        s.helo()
        for n in range(150):
            mail = Mail(LETTER)
            for _ in range(dice.randrange(1, 4)):
                value = b" " + b"".join(dice.choice(parts) for _ in range(dice.randrange(1, 14)))
                mail.fields.insert(0, [dice.choice((b"DKIM-Signature", b"dkim-signature")), value])
            if n % 10 == 0:
                mail.fields.append([b"From", bytes(dice.randrange(1, 256) for _ in range(40))])
            login = "app" if n % 2 else None
            judged = send(s, mail, login=login, greet=False)
            if not judged.going or (login is None and (judged.field is None or "pass" in judged.dkim)):
                wrong.append((mail.fields[:3], judged.last))
    tap.equal(wrong, [], "150 messages with broken signatures: each goes on, none passes")


def garbage(f):
    dice = random.Random(8463)
    for _ in range(150):
        wire = m.Wire(f.socket, timeout=2)
        try:
            wire.raw(struct.pack("!I", 13) + b"O" + struct.pack("!III", 6, 0x1FF, 0))
            for _ in range(dice.randrange(1, 12)):
                body = bytes([dice.choice(b"CHMRTLNBEADUQK\0")]) + dice.randbytes(dice.randrange(0, 60))
                length = len(body) if dice.random() < 0.9 else dice.randrange(0, 200)
                wire.raw(struct.pack("!I", length) + body)
        except m.Gone:
            pass
        wire.close()
    for script in ("B", "M B", "C H M B L N E", "C H M R N E E", "C H M R B B E", "C H E", "C H M N N E"):
        with f.session(steps=0) as s:
            try:
                for command in script.split():
                    s.packet(command, {"C": m.cstr("x") + b"4\0\x19" + m.cstr("192.0.2.1"),
                                       "H": b"c\0", "M": b"<a@b.example>\0", "R": b"<a@b.example>\0",
                                       "L": b"From\0a@b.example\0"}.get(command, b""))
                s.sock.shutdown(socket.SHUT_WR)
            except (m.Gone, OSError):
                pass  # it has ended before the last packet
            tap.ok(s.closed_within(10), "order: %s: the session ends" % script)
    tap.ok(f.daemon.process.running, "random packets: the process lives")
    tap.equal(f.serves(), "", "random packets: the next message is served")


def counted(f):
    metrics = f.daemon.metrics()
    for word in ("dkim", "sign"):
        tap.ok(any(word in k for k in metrics), "stats: has something of " + word, "\n".join(metrics))
    before = metrics
    f.submit()
    f.receive(f.foreign())
    after = f.daemon.metrics()
    changed = sorted(k for k in after if after[k] != before.get(k, 0) and "seconds" not in k)
    tap.ok(any("sign" in k for k in changed) and any('result="pass"' in k for k in changed),
           "stats: count what was signed and what passed", "\n".join(changed))


def main():
    why_not = lab_dkim.why_not()
    if why_not:
        lab_tap.skip_all("gatepost-dkim through the milter protocol", why_not)
    with lab_base.Lab("dkimproto") as lab:
        f = Fixture(lab)
        for test in (negotiation, shapes, pieces, many_messages, unfinished, bounds, huge, at_once,
                     disconnects, nasty_fields, garbage, counted):
            begin = time.monotonic()
            tap.run(test.__name__, test, f)
            tap.note("%s took %.1f s" % (test.__name__, time.monotonic() - begin))
        log = f.daemon.log
        tap.equal(f.daemon.stop(), 0, "SIGTERM ends it with 0")
        noise = [l for l in log.all if re.search(
            r"runtime error|ERROR: (Address|Leak)Sanitizer|SUMMARY", l)]
        tap.ok(not noise, "no sanitizer spoke", "\n".join(noise[:40]))
    tap.done()


main()
