#!/usr/bin/python3
"""The milter protocol as the daemon speaks it: what it negotiates, what it
answers, what it writes, and that no octets of any kind hurt the process."""
import concurrent.futures
import os
import random
import re
import resource
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_base
import lab_tap
import miltermta as m
from fixture import ID, Fixture, deliver

tap = lab_tap.Tap()


def negotiation(f):
    with f.session() as s:
        tap.equal(s.version, 6, "negotiation: version 6")
        for name in ("CHANGE_HEADERS", "ADD_HEADERS", "QUARANTINE", "SET_SYMLIST"):
            tap.ok(s.actions & getattr(m, name), "negotiation: asks for " + name)
        for name in ("CHANGE_BODY", "ADD_RCPT", "DEL_RCPT", "CHANGE_FROM", "ADD_RCPT_PAR"):
            tap.ok(not s.actions & getattr(m, name), "negotiation: does not ask for " + name)
        tap.ok(s.steps & m.NO_BODY, "negotiation: the body is not asked for")
        tap.ok(not s.steps & m.NO_HEADERS, "negotiation: the header is asked for")
        tap.ok(s.steps & m.NR_HEADERS, "negotiation: header fields need no answer")
        tap.ok(s.steps & m.HEADER_LEADING_SPACE, "negotiation: leading blanks are kept")
        tap.ok(not s.steps & m.RCPT_REJECTED, "negotiation: refused recipients are not shown")
        wanted = {n for names in s.symlists.values() for n in names}
        for name in ("j", "i", "{daemon_name}", "{auth_authen}"):
            tap.ok(name in wanted, "negotiation: asks for macro " + name, repr(s.symlists))
        tap.ok(not re.search(r"[^A-Za-z_{} ]", " ".join(wanted)),
               "negotiation: macro names are well formed", repr(wanted))
    for offered in (0, m.NO_CONNECT, m.ALL_STEPS & ~m.NR_HEADERS):
        with f.session(steps=offered) as s:
            asked = s.steps & (m.NR_CONNECT | m.NR_HELO | m.NR_MAIL | m.NR_HEADERS)
            tap.equal(asked & ~offered, 0, "negotiation: no silence towards an MTA that "
                      "awaits answers (%#x)" % offered)
            tap.equal(deliver(s, "<a@pass.example>").spf, "pass",
                      "negotiation: an MTA that offers %#x is served" % offered)
    with f.session(steps=m.ALL_STEPS & ~m.HEADER_LEADING_SPACE) as s:
        judged = deliver(s, "<a@pass.example>")
        tap.ok(judged.field and not judged.last.inserted[0][2].startswith(" "),
               "negotiation: no leading blank for an MTA that adds one", repr(judged.last))
    with f.session() as s:
        judged = deliver(s, "<a@pass.example>")
        tap.ok(judged.last.inserted[0][2].startswith(" "),
               "negotiation: a leading blank for an MTA that adds none", repr(judged.last))
    for what, version, actions in (("an old version", 1, m.ALL_ACTIONS),
                                   ("no right to change header fields", 6, m.QUARANTINE)):
        try:
            with f.session(version=version, actions=actions) as s:
                refused = deliver(s, "<a@pass.example>").action in ("tempfail", "reject")
        except m.Gone:
            refused = True
        tap.ok(refused, "negotiation: refuses " + what)


def results(f):
    with f.session() as s:
        for sender, want in (("pass", "pass"), ("fail", "fail"), ("soft", "softfail"),
                             ("neutral", "neutral"), ("perm", "permerror"),
                             ("servfail", "temperror"), ("timeout", "temperror"),
                             ("unlisted", "none")):
            judged = deliver(s, "<a@%s.example>" % sender, greet=sender == "pass")
            first = judged.results and judged.results[0]
            tap.equal((judged.action, first and first.result, first and first.props.get(
                "smtp.mailfrom")), (judged.action, want, sender + ".example"),
                "results: spf=%s with smtp.mailfrom" % want)
            tap.ok(judged.action in ("continue", "accept"), "results: %s goes on" % want)
            tap.equal(judged.last.inserted[0][:2], (0, "Authentication-Results"),
                      "results: the field of %s goes on top" % want)


def identities(f):
    with f.session() as s:
        judged = deliver(s, "<>")
        tap.equal([(r.result, "smtp.helo" in r.props) for r in judged.results],
                  [("pass", True)], "null sender: judged by smtp.helo alone")
        judged = deliver(s, "<a@pass.example>", greet=False)
        by = {("helo" if "smtp.helo" in r.props else "mail"): r.result for r in judged.results}
        tap.equal(by, {"mail": "pass", "helo": "pass"}, "HELO is reported beside MAIL FROM")
    with f.session() as s:
        judged = deliver(s, "<a@pass.example>", helo="fail.example")
        by = {("helo" if "smtp.helo" in r.props else "mail"): r.result for r in judged.results}
        tap.equal(by, {"mail": "pass", "helo": "fail"}, "a failing HELO is reported as such")
    for path in ("<(a@pass.example>", "<a@b@pass.example>", "<a@pass..example>", "a b@c",
                 "<a@pass.example", "<\xff\xfe@pass.example>", "<@pass.example>", "<a@>"):
        with f.session() as s:
            judged = deliver(s, path.encode("latin-1"), helo="pass.example")
            of_mail = [r for r in judged.results if "smtp.helo" not in r.props]
            tap.ok(len(of_mail) == 1 and of_mail[0].result == "none" and of_mail[0].reason,
                   "unreadable sender %r: none with a reason" % path, judged.field)
            tap.ok(not any("smtp.helo" in r.props for r in judged.results),
                   "unreadable sender %r: HELO does not stand in" % path, judged.field)
    for client, want in (("2001:db8::1", "pass"), ("2001:db8::2", "fail"),
                         ("::ffff:192.0.2.1", "pass"), ("::ffff:192.0.2.2", "fail"),
                         (None, None), ("/tmp/sock", "none")):
        with f.session() as s:
            judged = deliver(s, "<a@pass.example>", client=client)
            if client is None:
                tap.equal(judged.fields, [], "no client address: local mail is not judged")
            else:
                tap.equal(judged.spf, want, "client %s: %s" % (client, want))
    with f.session() as s:
        tap.equal(deliver(s, "<jo@b\u00fccher.example>").results[0][1:],
                  ("pass", None, {"smtp.mailfrom": "xn--bcher-kva.example"}),
                  "a U-label domain is judged and shown as A-label")


def actions(f):
    cases = (("fail", "strict", "reject", r"^550 5\.7\.23 .*192\.0\.2\.1 may not send for "
              r"fail\.example, 100% sure"),
             ("soft", "strict", "reject", r"^550 5\.7\.23 "),
             ("perm", "strict", "reject", r"^550 5\.7\.\d+ "),
             ("servfail", "strict", "tempfail", r"^451 4\.4\.3 "),
             ("timeout", "strict", "tempfail", r"^451 4\.4\.3 "))
    for sender, domain, action, pattern in cases:
        with f.session() as s:
            judged = deliver(s, "<a@%s.example>" % sender, ["<u@%s.example>" % domain])
            tap.equal(judged.action, action, "%s at %s: %s" % (sender, domain, action))
            tap.match(pattern, judged.last.text, "%s at %s: the reply" % (sender, domain))
    with f.session() as s:
        judged = deliver(s, "<a@fail.example>", ["<u@strict.example>"])
        tap.ok(b"100%% sure" in judged.last.data, "a % in a reply is doubled for the MTA",
               repr(judged.last))
        judged = deliver(s, "<a@fail.example>", ["<u@strict.example>", "<u@other.example>"],
                         greet=False)
        tap.equal([a.action for a in judged.rcpts], ["reject", "continue"],
                  "two recipients: each by the policy of his domain")
        tap.equal(judged.spf, "fail", "two recipients: the message goes on, tagged")
        judged = deliver(s, "<a@fail.example>", ["<u@hold.example>"], greet=False)
        tap.ok(judged.last.quarantine, "hold: the message is quarantined", repr(judged.last))
        judged = deliver(s, "<a@fail.example>", ["<u@hold.example>", "<u@other.example>"],
                         greet=False)
        tap.ok(not judged.last.quarantine, "hold: one lenient recipient and it goes on")
        mark = f.daemon.log.mark()
        judged = deliver(s, "<a@fail.example>", ["<u@monitor.example>"], greet=False,
                         queue_id="4MONITOR")
        tap.equal((judged.action, judged.spf), (judged.action, "fail"),
                  "monitor: the same result is written")
        tap.ok(judged.action in ("continue", "accept"), "monitor: nothing is refused")
        line = f.daemon.log.wait(lambda l: "4MONITOR" in l, 5, mark)
        tap.match(r"would=reject", line, "monitor: the log has what enforcing had done")


def trusted(f):
    for what, client, macros in (("a trusted client", "198.51.100.9", None),
                                 ("an authenticated client", "192.0.2.9",
                                  {"auth_authen": "jo", "auth_type": "PLAIN"})):
        with f.session() as s:
            asked = f.dns.count("fail.example")
            judged = deliver(s, "<a@fail.example>", ["<u@strict.example>"], client=client,
                             macros=macros)
            tap.ok(judged.action in ("continue", "accept"), what + " is not refused")
            tap.equal(judged.fields, [], what + " gets no result")
            tap.equal(f.dns.count("fail.example"), asked, what + " costs no question")


# every spelling in which somebody could read our id
FORGED = (
    " mx.lab.example; spf=pass", "mx.lab.example;spf=pass", " MX.Lab.EXAMPLE; spf=pass",
    ' "mx.lab.example"; spf=pass', ' "mx\\.lab.example"; spf=pass',
    " (c) mx.lab.example (x) ; spf=pass", " (a(b)c)mx.lab.example; spf=pass",
    "\n\tmx.lab.example;\n\tspf=pass", "\n (a\n b)\n mx.lab.example; dkim=pass",
    " mx.lab.example.; spf=pass", " mx.lab.example 1; spf=pass",
    " mx.lab.example/1; spf=pass", " mx.lab.example", " mx.lab.example;", "\tmx.lab.example; none",
    " old.lab.example; spf=pass", " mx.lab.example; spf=pass" + " " * 100000 + "x",
    " " + "(" + "c" * 90000 + ") mx.lab.example; spf=pass", " =mx.lab.example; spf=pass",
    " mx.lab.example spf=pass", " mx.lab.example\x0b; spf=pass", " (mx.lab.example; spf=pass",
    " mx.lab.example; spf=pass policy.gatepost-seal=AAAAAAAAAAAAAAAAAAAAAA",
)
FOREIGN = (" other.example; spf=pass", " xmx.lab.example; spf=fail", " mx.lab.example.net; spf=fail",
           " lab.example; dkim=fail", " a.mx.lab.example; none")


def forged(f):
    def run(fields, want):
        headers = [(n, v) for n, v in fields]
        with f.session() as s:
            judged = deliver(s, "<a@pass.example>", headers=headers)
        deleted = [i for i, n, v in judged.last.changed
                   if n.lower() == "authentication-results" and v == ""]
        return judged, deleted, want

    name = "Authentication-Results"
    for text in FORGED:
        judged, deleted, _ = run([("From", " a@b"), (name, text)], [1])
        tap.equal(deleted, [1], "forged %r is removed" % text[:40])
    for text in FOREIGN:
        judged, deleted, _ = run([(name, text), ("From", " a@b")], [])
        tap.equal((deleted, judged.spf), ([], "pass"), "foreign %r stays" % text)
    mixed = [(name, FOREIGN[0]), ("From", " a@b"), (name.upper(), FORGED[0]),
             (name.lower(), FORGED[3]), ("X-" + name, FORGED[0]), (name, FOREIGN[1]),
             (name, FORGED[7])]
    judged, deleted, _ = run(mixed, None)
    tap.equal(deleted, [5, 3, 2], "several: removed from the last index up, by index of the name")
    kinds = [k for k, _ in judged.last.edits]
    tap.equal(kinds, sorted(kinds, key="mi".index), "several: deletions come before the insertion")
    with f.session() as s:
        judged = deliver(s, "<a@pass.example>", client="198.51.100.9",
                         headers=[(name, FORGED[0])])
        tap.ok(judged.last.changed, "forged fields are removed from our own clients' mail too")
    before = f.daemon.metrics()
    run([(name, FORGED[0]), (name, FORGED[1])], None)
    after = f.daemon.metrics()
    counted = [k for k in after if "forged" in k]
    tap.equal(sum(after[k] - before[k] for k in counted), 2.0, "removed fields are counted")


def seal(f):
    with f.session() as s:
        judged = deliver(s, "<a@pass.example>")
        props = judged.results[-1].props
        tap.match(r"^[A-Za-z0-9_-]{22}$", props.get("policy.gatepost-seal"),
                  "seal: on the last result, 128 bits in base64url")
        own = judged.last.inserted[0][2]
        again = deliver(s, "<a@pass.example>", greet=False,
                        headers=[("Authentication-Results", own)])
        tap.equal(again.last.changed, [], "seal: a field sealed for this message stays")
        for what, kw in (("another sender", {"sender": "<b@pass.example>"}),
                         ("another queue id", {"sender": "<a@pass.example>", "queue_id": "4OTHER"})):
            other = deliver(s, kw["sender"], greet=False, queue_id=kw.get("queue_id", "4QUEUE1ID"),
                            headers=[("Authentication-Results", own)])
            tap.ok(other.last.changed, "seal: of %s is removed" % what)
        altered = own.replace("spf=pass", "spf=fail", 1)
        other = deliver(s, "<a@pass.example>", greet=False,
                        headers=[("Authentication-Results", altered)])
        tap.ok(other.last.changed, "seal: an altered field is removed")


def log_lines(f):
    nasty = ('<"a b\\"; action=accept"@fail.example>', "<a@fail.example\x01>",
             "<%s@fail.example>" % ("x" * 800), "<\u202egnp@fail.example>", "<a%n%s@fail.example>")
    for sender in nasty:
        mark = f.daemon.log.mark()
        with f.session() as s:
            try:
                deliver(s, sender, helo='x" action=accept y\\z=', queue_id="4NASTY")
            except m.Gone:
                pass
        f.daemon.request("ping")
        line = f.daemon.log.wait(lambda l: "4NASTY" in l or "error=" in l, 5, mark)
        what = repr(sender[:30])
        tap.ok(line is not None, "log: a line for " + what)
        line = line or ""
        text = line.partition("gatepost-spf: ")[2] or line
        tap.ok(len(line.encode()) <= 512, "log: at most 512 octets for " + what)
        tap.ok(re.fullmatch(r"[ -~]*", line), "log: only printable US-ASCII for " + what, line)
        tap.match(r"^(\S+: )?(4NASTY|NOQUEUE): ", text, "log: the queue id comes first for " + what)
        tap.equal(len(re.findall(r'(?:^| )action=', re.sub(r'"(\\.|[^"\\])*"', '""', text))),
                  0 if "NOQUEUE" in text else 1, "log: no second action= in " + what)


def order(f):
    """Commands that can not come now end the session at worst."""
    scripts = ("M", "R", "L", "N", "B", "E", "H M", "C R", "C H R", "C H E", "C H M R N L",
               "C C", "C H M R N B M E", "C H M R E E", "C H M M R E", "T", "C T", "C H T",
               "A", "A C A H A M A E", "C H M N N", "C H M B L", "U C U H U", "O", "C O E")
    payload = {"C": m.cstr("x") + b"4\0\x19" + m.cstr("192.0.2.1"), "H": b"client.example\0",
               "M": b"<a@pass.example>\0", "R": b"<u@r.example>\0", "L": b"A\0b\0", "B": b"x",
               "U": b"NOOP\0", "O": struct.pack("!III", 6, 0x1FF, 0)}
    for script in scripts:
        with f.session(steps=0) as s:
            for command in script.split():
                s.packet(command, payload.get(command, b""))
            # libmilter passes over what can not come now: only the end of
            # the stream tells that all of it was looked at
            s.sock.shutdown(socket.SHUT_WR)
            tap.ok(s.closed_within(10), "order: %s: the session ends" % script)
        tap.equal(f.serves(), "", "order: after %s the next session is served" % script)


def garbage(f):
    pack = lambda n, rest=b"": struct.pack("!I", n) + rest
    negotiate = pack(13, b"O" + struct.pack("!III", 6, 0x1FF, 0x1FFFFF))
    connect = m.cstr("x") + b"4\0\x19" + m.cstr("192.0.2.1")
    hello = negotiate + pack(1 + len(connect), b"C" + connect)

    def cmd(c, data):
        return pack(1 + len(data), c + data)

    cases = {
        "nothing": b"", "one octet": b"\0", "half a length": b"\0\0",
        "length 0": pack(0), "length 0 thrice": pack(0) * 3,
        "length 2^31": pack(1 << 31, b"O"), "length 2^32-1": pack(0xFFFFFFFF, b"O" * 100),
        "length 1 MB and silence": pack(1 << 20, b"L"), "HTTP": b"GET / HTTP/1.0\r\n\r\n",
        "0xff": b"\xff" * 4096, "zeros": b"\0" * 4096, "unknown command": hello + cmd(b"z", b""),
        "negotiation cut off": negotiate[:9], "short negotiation": pack(5, b"O\0\0\0\6"),
        "connect without its parts": negotiate + cmd(b"C", b"x"),
        "connect of an odd family": negotiate + cmd(b"C", b"x\0Z\0\0y\0"),
        "connect with a bad address": negotiate + cmd(b"C", b"x\0004\0\x19" + b"999.1.1.1\0"),
        "connect with no end": negotiate + cmd(b"C", b"x\0004\0\x19" + b"192.0.2.1"),
        "HELO without its end": hello + cmd(b"H", b"abc"),
        "HELO empty packet": hello + cmd(b"H", b""),
        "HELO of 100 KB": hello + cmd(b"H", b"h" * 100000 + b"\0"),
        "HELO with control characters": hello + cmd(b"H", b"a\r\nb\x1b[0m\0"),
        "MAIL empty packet": hello + cmd(b"M", b""), "MAIL empty argument": hello + cmd(b"M", b"\0"),
        "MAIL of 100 KB": hello + cmd(b"M", b"<" + b"a" * 100000 + b"@b>\0"),
        "MAIL binary": hello + cmd(b"M", bytes(range(1, 256)) + b"\0"),
        "MAIL of many arguments": hello + cmd(b"M", b"<a@b>\0" + b"X\0" * 20000),
        "RCPT of 100 KB": hello + cmd(b"M", b"<a@pass.example>\0") + cmd(b"R", b"r" * 100000 + b"\0"),
        "header without a value": hello + cmd(b"M", b"<a@b.c>\0") + cmd(b"L", b"Subject\0"),
        "header without its end": hello + cmd(b"M", b"<a@b.c>\0") + cmd(b"L", b"Subject\0x"),
        "header of 900 KB": hello + cmd(b"M", b"<a@b.c>\0") + cmd(b"L", b"S\0" + b"x" * 900000 + b"\0"),
        "macros without an end": hello + cmd(b"D", b"Mi\0"), "macros of nothing": hello + cmd(b"D", b""),
        "macros of an odd stage": hello + cmd(b"D", b"\xffi\0x\0"),
        "10000 macros": hello + cmd(b"D", b"M" + b"i\0x\0" * 10000),
        "quit at once": negotiate + cmd(b"Q", b""), "quit and go on": hello + cmd(b"Q", b"") + hello,
        "new connection on the old": hello + cmd(b"K", b"") + hello[len(negotiate):],
    }
    for what, octets in cases.items():
        wire = m.Wire(f.socket, timeout=5)
        try:
            wire.raw(octets)
        except m.Gone:
            pass  # closed while we were still sending: an answer as well
        wire.close()
        tap.equal(f.serves(), "", "garbage: %s, and the next session is served" % what)


def oversize(f):
    """What an MTA could really send, but too much of it: a tempfail."""
    def judge(what, steps):
        try:
            with f.session(steps=0) as s:
                s.connect()
                s.helo()
                answer = steps(s)
            good = answer.action == "tempfail"
            seen = repr(answer)
        except m.Gone as e:
            good, seen = "timed out" not in str(e), repr(e)
        tap.ok(good, "oversize: %s ends the session with a tempfail" % what, seen)
        tap.equal(f.serves(), "", "oversize: after %s the next session is served" % what)

    def mail(path):
        return lambda s: (s.mail(path), s.rcpt("<u@r.example>"))[1]

    def header(value):
        def steps(s):
            s.mail("<a@pass.example>")
            s.rcpt("<u@r.example>")
            return s.rest([("Subject", value)])
        return steps

    judge("a MAIL argument of 5000 octets", mail("<%s@pass.example>" % ("a" * 5000)))
    judge("a MAIL argument with control characters", mail("<a\r\n@pass.example>"))
    judge("a header field of 200 KB", header(" " + "x" * 200000))
    judge("3000 forged fields", lambda s: (
        s.mail("<a@pass.example>"), s.rcpt("<u@r.example>"),
        s.rest([("Authentication-Results", " %s; spf=pass" % ID)] * 3000))[2])
    with f.session() as s:
        judged = deliver(s, "<a@pass.example>", headers=[("Subject", " " + "x" * 102000)])
        tap.equal(judged.spf, "pass", "a header field of 102,000 octets is taken")


def disconnects(f):
    """A connection that ends after each command of a message in turn."""
    full = ["C", "H", "M", "R", "T", "L", "N", "B", "E"]
    data = {"C": m.cstr("x") + b"4\0\x19" + m.cstr("192.0.2.1"), "H": b"client.example\0",
            "M": b"<a@pass.example>\0", "R": b"<u@r.example>\0", "L": b"A\0b\0", "B": b"x"}
    opened = lambda: sum(v for k, v in f.daemon.metrics().items() if "sessions_open" in k)
    for n in range(len(full) + 1):
        for half in (False, True):
            s = f.session(steps=0)
            for command in full[:n]:
                s.packet(command, data.get(command, b""))
                s.answer()
            if half:
                s.raw(b"\0\0\0\x40L" + b"x" * 7)
            s.close()
    lab_base.wait_until(lambda: opened() == 0, 10, "every session is closed")
    tap.equal(opened(), 0.0, "disconnects: at every place, whole and half: no session stays")
    tap.equal(f.serves(), "", "disconnects: the next session is served")
    # gone while its answer is being looked up
    f.dns.hold("slow.example")
    s = f.session(steps=0)
    s.connect()
    s.helo()
    s.packet("M", b"<a@slow.example>\0")
    asked = f.dns.wait_query("slow.example")
    s.close()
    f.dns.release("slow.example")
    tap.ok(asked, "disconnects: in the middle of a look-up")
    lab_base.wait_until(lambda: opened() == 0, 10, "every session is closed")
    tap.equal(f.serves(), "", "disconnects: after it the next session is served")


def random_octets(f):
    dice = random.Random(7208)
    for _ in range(150):
        wire = m.Wire(f.socket, timeout=2)
        try:
            for _ in range(dice.randrange(1, 12)):
                body = bytes(dice.choice(b"OCHMRTLNBEADUQK\0") for _ in range(1)) + \
                    dice.randbytes(dice.randrange(0, 60))
                length = len(body) if dice.random() < 0.9 else dice.randrange(0, 200)
                wire.raw(struct.pack("!I", length) + body)
        except m.Gone:
            pass
        wire.close()
    tap.ok(f.daemon.process.running, "random packets: the process lives")
    tap.equal(f.serves(), "", "random packets: the next session is served")


def held_by(pid):
    """How many descriptors and threads the process has."""
    return tuple(len(os.listdir("/proc/%d/%s" % (pid, what))) for what in ("fd", "task"))


def many(f):
    idle = []
    before = held_by(f.daemon.process.pid)
    try:
        for _ in range(1000):
            idle.append(f.session())
        tap.equal(len(idle), 1000, "1000 idle connections are accepted")
        tap.equal(f.serves(), "", "beside 1000 idle connections mail is served")
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            spf = list(pool.map(lambda s: deliver(s, "<a@pass.example>").spf, idle[:200]))
        tap.equal(set(spf), {"pass"}, "200 of them wake up and are served")
    finally:
        for s in idle:
            s.close()
    opened = lambda: sum(v for k, v in f.daemon.metrics().items() if "sessions_open" in k)
    lab_base.wait_until(lambda: opened() == 0, 20, "every session is closed")
    tap.equal(f.serves(), "", "after 1000 connections mail is served")
    lab_base.wait_until(lambda: held_by(f.daemon.process.pid)[0] <= before[0] + 2, 20,
                        "the descriptors are given back")
    # libmilter makes workers for what waits, on a busy machine some dozens
    tap.ok(held_by(f.daemon.process.pid)[1] <= before[1] + 200,
           "after 1000 connections there are no thousand threads",
           "%r, before %r" % (held_by(f.daemon.process.pid), before))


def half_said(f):
    """Commands that never come to their end.  Each keeps one of libmilter's
    workers reading, and its pool may count such a one as free, so meanwhile
    others may wait; once the connections end, nothing of it is left."""
    pid = f.daemon.process.pid
    before = held_by(pid)[0]
    waiting = [f.session() for _ in range(300)]
    for s in waiting:
        s.raw(b"\0\0\0\x40M<abc")
    tap.ok(f.daemon.process.running, "300 half-sent commands: the process lives")
    for s in waiting:
        s.close()
    tap.equal(f.serves(), "", "300 half-sent commands: after their end mail is served")
    lab_base.wait_until(lambda: held_by(pid)[0] <= before + 2, 20, "the descriptors are given back")


def no_descriptors(f):
    """More connections than the process may have descriptors."""
    pid = f.daemon.process.pid
    old = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    have = held_by(pid)[0]
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (have + 20, old[1]))
    conns = []
    try:
        for _ in range(100):
            conns.append(m.Wire(f.socket))
        lab_base.wait_until(lambda: held_by(pid)[0] >= have + 20, 10, "no descriptor is left")
        tap.ok(f.daemon.process.running, "no descriptor is left: the process lives")
    finally:
        for c in conns:
            c.close()
        resource.prlimit(pid, resource.RLIMIT_NOFILE, old)
    tap.equal(f.serves(), "", "descriptors are there again: mail is served")
    lab_base.wait_until(lambda: held_by(pid)[0] <= have + 2, 10, "the descriptors are given back")
    tap.ok(True, "descriptors are there again: as many are in use as before")


def several(f):
    """Messages of one session do not see one another."""
    with f.session() as s:
        first = deliver(s, "<a@fail.example>", headers=[("Authentication-Results", FORGED[0])])
        second = deliver(s, "<a@pass.example>", greet=False, queue_id="4SECOND")
        tap.equal((first.spf, second.spf), ("fail", "pass"), "two messages, two results")
        tap.equal(second.last.changed, [], "the first one's forged field is forgotten")
        s.mail("<a@fail.example>")
        s.rcpt("<u@r.example>")
        s.header("Authentication-Results", FORGED[0])
        s.abort()
        third = deliver(s, "<a@pass.example>", greet=False)
        tap.equal((third.spf, third.last.changed), ("pass", []), "an aborted one leaves nothing")
        s.helo("fail.example")
        fourth = deliver(s, "<>", greet=False)
        tap.equal(fourth.spf, "fail", "a second HELO counts for what follows")


def control(f):
    head, text = f.daemon.request("ping")
    tap.equal((head, text.strip()), ("ok", "pong"), "control: ping")
    head, text = f.daemon.request("status")
    tap.ok(head == "ok" and "policy " in text, "control: status", text)
    try:
        metrics = f.daemon.metrics()
        problem = ""
    except ValueError as e:
        metrics, problem = {}, str(e)
    tap.equal(problem, "", "control: stats is Prometheus text")
    tap.ok(any(k.startswith("gatepost_spf_results_total") and 'result="pass"' in k
               for k in metrics), "control: stats counts SPF results", "\n".join(metrics))
    for what, octets in (("an unknown word", b"frobnicate\n"), ("nothing", b"\n"),
                         ("5000 octets", b"x" * 5000 + b"\n"), ("binary", b"\0\1\2\xff\n")):
        with socket.socket(socket.AF_UNIX) as s:
            s.settimeout(10)
            s.connect(f.daemon.control)
            try:
                s.sendall(octets)
                out = s.recv(4096)
            except OSError:
                out = b""
        tap.ok(not out.startswith(b"ok"), "control: %s is an error" % what, repr(out))
    tap.equal(f.daemon.request("ping")[0], "ok", "control: and it still answers")


def main():
    with lab_base.Lab("protocol") as lab:
        f = Fixture(lab)
        for test in (negotiation, results, identities, actions, trusted, forged, seal,
                     several, log_lines, order, garbage, oversize, disconnects,
                     random_octets, many, half_said,
                     no_descriptors, control):
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
