"""gatepost-spf in its real place: a private MTA asks it, nsd answers it, a sink
keeps what is delivered.  `main(mta)` is the program of an MTA of lab_mta.

Over all tests one ledger holds: what the MTA accepted is delivered once or
held, what it refused is never delivered.
"""
import re
import signal
import threading
import time

import lab_authres
import lab_base
import lab_dns
import lab_gatepost
import lab_ledger
import lab_nsd
import lab_smtp
import lab_tap
import lab_wiretap

ID = "mx.lab.example"
AR = "Authentication-Results"
GOOD, BAD = "192.0.2.1", "192.0.2.66"
ZONE = {
    "pass.example": {"TXT": ["v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"]},
    "fail.example": {"TXT": ["v=spf1 -all exp=why.fail.example"]},
    "why.fail.example": {"TXT": ["%{i} may not send for %{d}, 100%% sure"]},
    "soft.example": {"TXT": ["v=spf1 ~all"]},
    "neutral.example": {"TXT": ["v=spf1 ?all"]},
    "perm.example": {"TXT": ["v=spf1 moo:x -all"]},
    "mx.example": {"TXT": ["v=spf1 mx a:host.mx.example -all"],
                   "MX": [[10, "host.mx.example"]]},
    "host.mx.example": {"A": ["192.0.2.1"]},
    "many.example": {"TXT": ["v=spf1 include:pass.example include:mx.example -all"]},
    "helo.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]},
    "xn--bcher-kva.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]},
}
FAULTS = {"timeout.example": "TIMEOUT", "held.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]}}
SERVFAIL = "servfail.example"


def settings(dns, mta):
    strict = {"fail": "reject", "permerror": "reject", "temperror": "tempfail"}
    return {
        "authserv-id": ID,
        "resolver": {"servers": [dns.address], "timeout": "1500ms", "tries": 1},
        "trust": {"clients": ["198.51.100.0/24"] + ([mta.LOCAL_CLIENT] if mta.LOCAL_CLIENT else [])},
        "spf": {"mode": "enforce", "fail": "tag"},
        ("domain", "strict.example"): {"spf": strict},
        ("domain", "hold.example"): {"spf": {"fail": "hold"}},
        ("domain", "polite.example"): {"spf": {"helo-fail": "reject"}},
        ("domain", "monitor.example"): {"spf": dict(strict, mode="monitor")},
    }


class Place(lab_ledger.Ledger):
    """The lab and the ledger."""

    def __init__(self, lab, mta):
        super().__init__(lab.own(lab_smtp.Sink()))
        nsd = lab_nsd.Nsd(lab, ZONE, broken=[SERVFAIL])
        self.dns = lab.own(lab_dns.DnsServer(FAULTS, upstream=("127.0.0.1", nsd.port)))
        self.daemon = lab_gatepost.Daemon(lab, settings(self.dns, mta), user="nobody",
                                          group=mta.GROUP)
        self.wire = lab.own(lab_wiretap.Wiretap(self.daemon.socket))
        self.mta = mta(
            lab, self.sink.port, "unix:" + self.daemon.socket, ID,
            other="inet:127.0.0.1:%d" % self.wire.port)

    def text(self, ident, extra="", body="Hello.\n"):
        return "%sX-Lab-Id: %s\nFrom: <a@pass.example>\nTo: <u@strict.example>\n" \
               "Subject: test\n\n%s" % (extra, ident, body)

    def session(self, client=GOOD, helo="helo.example", login=None, port=None):
        return self.mta.client(client, login, port, helo)

    def say(self, s, sender, rcpts, extra="", params="", body="Hello.\n"):
        ident = self.ident()
        return self.note(lab_ledger.Posted(ident, *s.message(
            sender, rcpts, self.text(ident, extra, body), params)))

    def post(self, sender, rcpts=("u@plain.example",), extra="", params="", body="Hello.\n", **kw):
        """One message in a session of its own."""
        with self.session(**kw) as s:
            posted = self.say(s, sender, rcpts, extra, params, body)
            s.command("QUIT")
            return posted

    def log_of(self, wanted, since=0):
        return self.daemon.log.wait(wanted if callable(wanted) else lambda l: wanted in l,
                                    5, since)


def ours(message):
    """The fields of a delivered message that a strict reader takes for ours,
    as [(index in the header, results)]."""
    out = []
    for i, (name, value) in enumerate(message.fields):
        if name.strip().lower() == AR.lower():
            try:
                ident, results = lab_authres.read(value, ID)
            except lab_authres.Malformed:
                continue
            if ident.lower().rstrip(".") == ID:
                out.append((i, results))
    return out


def shown(message):
    """{property: result} of our one field, which must be on top; or a text."""
    if message is None:
        return "not delivered"
    fields = ours(message)
    if len(fields) != 1 or fields[0][0] != 0:
        return "our fields: %r" % fields
    return {p: r.result for r in fields[0][1] for p in r.props if p.startswith("smtp.")}


# -- the tests -------------------------------------------------------------

def results(tap, p):
    cases = (("pass", GOOD, "pass"), ("pass", BAD, "fail"), ("fail", GOOD, "fail"),
             ("soft", GOOD, "softfail"), ("neutral", GOOD, "neutral"), ("perm", GOOD, "permerror"),
             ("servfail", GOOD, "temperror"), ("timeout", GOOD, "temperror"),
             ("unlisted", GOOD, "none"), ("mx", GOOD, "pass"), ("many", BAD, "fail"),
             ("pass", "2001:db8::1", "pass"), ("pass", "2001:db8::2", "fail"),
             ("pass", "::ffff:192.0.2.1", "pass"), ("pass", "::ffff:192.0.2.66", "fail"))
    for domain, client, want in cases:
        posted = p.post("<a@%s.example>" % domain, client=client)
        seen = shown(p.delivered(posted))
        tap.ok(isinstance(seen, dict) and seen.get("smtp.mailfrom") == want,
               "%s from %s: %s on top of the delivered message" % (domain, client, want),
               "%r %r" % (posted.last, seen))


def enforcing(tap, p):
    for domain, pattern in (
            ("fail", r"^550 5\.7\.23 .*192\.0\.2\.1 may not send for fail\.example, 100% sure"),
            ("perm", r"^550 5\.7\.\d+ "), ("servfail", r"^451 4\.4\.3 "),
            ("timeout", r"^451 4\.4\.3 ")):
        posted = p.post("<a@%s.example>" % domain, ["u@strict.example"])
        tap.match(pattern, posted.rcpts[0].line, "enforce: %s is refused at RCPT" % domain)
    for domain in ("pass", "soft", "neutral", "unlisted"):
        posted = p.post("<a@%s.example>" % domain, ["u@strict.example"])
        tap.ok(p.delivered(posted), "enforce: %s is delivered" % domain, repr(posted.last))


def monitoring(tap, p):
    for domain, would in (("fail", "reject"), ("perm", "reject"), ("servfail", "tempfail"),
                          ("pass", None)):
        mark = p.daemon.log.mark()
        posted = p.post("<a@%s.example>" % domain, ["u@monitor.example"])
        tagged = p.post("<a@%s.example>" % domain, ["u@plain.example"])
        tap.ok(posted.accepted, "monitor: %s is not refused" % domain, repr(posted.last))
        tap.equal(shown(p.delivered(posted)), shown(p.delivered(tagged)),
                  "monitor: %s: the same field as without it" % domain)
        line = p.log_of("%s: " % posted.data.queue_id, mark) or ""
        tap.equal(re.findall(r" would=(\w+)", line), [would] if would else [],
                  "monitor: %s: the log has what enforcing had done" % domain)


def holding(tap, p):
    posted = p.post("<a@fail.example>", ["u@hold.example"])
    queue = [m for m in p.mta.queue() if m["queue_id"] == posted.data.queue_id]
    tap.equal([m["queue_name"] for m in queue], ["hold"], "hold: the message is in the hold queue")
    tap.equal(p.sink.of(posted.ident), [], "hold: it is not delivered")
    p.mta.release(posted.data.queue_id)
    tap.equal(shown(p.delivered(posted)), {"smtp.mailfrom": "fail", "smtp.helo": "pass"},
              "hold: released, it is delivered with its field")


def per_recipient(tap, p):
    posted = p.post("<a@fail.example>", ["u@strict.example", "v@plain.example"])
    tap.equal([r.code for r in posted.rcpts], [550, 250], "two recipients: one refused, one accepted")
    message = p.delivered(posted)
    tap.equal(message and message.rcpts, ["v@plain.example"], "two recipients: the right one gets it")
    posted = p.post("<a@fail.example>", ["u@hold.example", "v@plain.example"])
    tap.ok(p.delivered(posted), "hold and tag in one message: it is delivered")


def identities(tap, p):
    tap.equal(shown(p.delivered(p.post("<>"))), {"smtp.helo": "pass"},
              "null sender: judged by HELO, shown as smtp.helo")
    tap.equal(shown(p.delivered(p.post("<>", helo="fail.example"))), {"smtp.helo": "fail"},
              "null sender: a failing HELO")
    posted = p.post("<>", ["u@strict.example"], helo="fail.example")
    tap.match(r"^550 5\.7\.23 ", posted.rcpts[0].line, "null sender: refused by HELO where enforced")
    tap.equal(shown(p.delivered(p.post("<a@pass.example>", helo="fail.example"))),
              {"smtp.mailfrom": "pass", "smtp.helo": "fail"}, "HELO is reported beside MAIL FROM")
    posted = p.post("<a@pass.example>", ["u@polite.example"], helo="fail.example")
    tap.match(r"^550 5\.7\.23 ", posted.rcpts[0].line, "a failing HELO: refused where helo-fail = reject")
    tap.equal(shown(p.delivered(p.post("<a@pass.example>", helo="[192.0.2.1]"))),
              {"smtp.mailfrom": "pass"}, "an address literal as HELO is not asked for")


def not_ours_to_judge(tap, p):
    forged = "%s: %s; spf=pass\n%s: other.example; spf=pass\n" % (AR, ID, AR)
    for what, kw in (("a trusted client", {"client": "198.51.100.7"}),
                     ("an authenticated client", {"client": BAD, "login": "jo@lab.example"})):
        posted = p.post("<a@fail.example>", ["u@strict.example"], forged, **kw)
        message = p.delivered(posted)
        tap.ok(message, "%s: not refused" % what, repr(posted.last))
        tap.equal(message and message.all(AR), ["other.example; spf=pass"],
                  "%s: no field of ours, the forged one removed" % what)
    ident = p.ident()
    out = p.mta.sendmail("a@fail.example", ["u@strict.example"], p.text(ident, forged))
    message = p.sink.wait(ident)
    p.took(ident)
    tap.ok(out.returncode == 0 and message, "sendmail(1): local mail is delivered", repr(out))
    tap.equal(message and message.all(AR), ["other.example; spf=pass"],
              "sendmail(1): no field of ours, the forged one removed")


def sessions(tap, p):
    with p.session() as s:
        posted = [p.say(s, "<a@%s.example>" % d, ["u@plain.example"])
                  for d in ("pass", "fail", "soft", "pass")]
        tap.equal([shown(p.delivered(m))["smtp.mailfrom"] for m in posted],
                  ["pass", "fail", "softfail", "pass"], "four messages in a session: each its own")
        s.command("MAIL FROM:<a@fail.example>")
        s.command("RCPT TO:<u@plain.example>")
        s.command("RSET")
        posted = p.say(s, "<a@pass.example>", ["u@plain.example"])
        tap.equal(shown(p.delivered(posted)).get("smtp.mailfrom"), "pass", "RSET after RCPT")
        s.command("MAIL FROM:<a@fail.example>")
        s.command("EHLO fail.example")
        posted = p.say(s, "<>", ["u@plain.example"])
        tap.equal(shown(p.delivered(posted)), {"smtp.helo": "fail"}, "EHLO in the middle: the last one counts")
    with p.session() as s:  # two messages in two writes
        first, second = p.ident(), p.ident()
        s.send(b"MAIL FROM:<a@pass.example>\r\nRCPT TO:<u@strict.example>\r\n"
               b"RCPT TO:<v@plain.example>\r\nDATA\r\n")
        codes = [s.reply().code for _ in range(4)]
        s.send(lab_smtp.stuffed(p.text(first)) + b"MAIL FROM:<a@fail.example>\r\n"
               b"RCPT TO:<u@strict.example>\r\nRCPT TO:<v@plain.example>\r\nDATA\r\n")
        codes += [s.reply().code for _ in range(5)]
        s.send(lab_smtp.stuffed(p.text(second)) + b"QUIT\r\n")
        codes += [s.reply().code for _ in range(2)]
    tap.equal(codes, [250, 250, 250, 354, 250, 250, 550, 250, 354, 250, 221], "pipelining: the replies")
    p.took(first)
    p.took(second)
    tap.equal([shown(p.sink.wait(i)).get("smtp.mailfrom") for i in (first, second)],
              ["pass", "fail"], "pipelining: each message its own result")
    s = p.session()  # gone in the middle of the message
    s.command("MAIL FROM:<a@pass.example>")
    s.command("RCPT TO:<u@plain.example>")
    s.command("DATA")
    s.send(b"X-Lab-Id: never\r\n\r\nhalf a mess")
    s.close()
    tap.ok(p.delivered(p.post("<a@pass.example>")), "a client gone in DATA: the next is served")
    tap.equal(p.sink.of("never"), [], "a client gone in DATA: nothing is delivered")


FORGED = (
    "{n}: {i}; spf=pass smtp.mailfrom=bank.example", "{n}:{i};spf=pass", "{n}: {I}; spf=pass",
    "{N}: {i}; dkim=pass", "{l}: \"{i}\"; spf=pass", "{n}: (comment) {i} (another); spf=pass",
    "{n}: (a (nested) one){i}; spf=pass", "{n}:\n {i};\n\tspf=pass", "{n}:\n (folded\n comment)\n {i}; spf=pass",
    "{n}: {i}.; spf=pass", "{n}: {i} 1; spf=pass", "{n}: {i}; none", "{n}: {i}", "{n}:\t{i}\t;spf=pass",
    "{n}: \"mx\\.lab.example\"; spf=pass", "{n}: {i}; spf=pass reason=\"" + "x" * 900 + "\"",
    "{n} : {i}; spf=pass", "{n}: {i} spf=pass", "{n}: \"{I}\" (x) 1 (y); spf=pass",
    "{n}: {i}; spf=pass policy.gatepost-seal=AAAAAAAAAAAAAAAAAAAAAA",
)


def forged_line(text):
    return text.format(n=AR, N=AR.upper(), l=AR.lower(), i=ID, I=ID.upper()) + "\n"


def foreign(n):
    return "%s: other%d.example; spf=pass smtp.mailfrom=x%d.example\n" % (AR, n, n)


def ids_left(message):
    """What is left of the fields of that name, ours on top aside."""
    values = [v.strip() for n, v in message.fields if n.strip().lower() == AR.lower()]
    return [v.split(";")[0] for v in values[1:]]


def forged(tap, p):
    for text in FORGED:
        message = p.delivered(p.post("<a@pass.example>", extra=foreign(1) + forged_line(text) + foreign(2)))
        tap.ok(message and shown(message) == {"smtp.mailfrom": "pass", "smtp.helo": "pass"}
               and ids_left(message) == ["other1.example", "other2.example"],
               "forged %r is removed, its neighbours stay" % text[:44],
               message and repr(message.fields[:6]))
    below = "X-More: 1\n"
    extra = forged_line(FORGED[0]) + foreign(1) + "X-A: 1\n" + forged_line(FORGED[4]) + \
        forged_line(FORGED[7]) + foreign(2) + below + foreign(3) + forged_line(FORGED[9]) + foreign(4)
    message = p.delivered(p.post("<a@pass.example>", extra=extra))
    tap.equal(message and ids_left(message), ["other%d.example" % n for n in (1, 2, 3, 4)],
              "forged on top, in the middle and below: foreign ones stay, in order")
    everything = "".join(forged_line(t) + foreign(i) for i, t in enumerate(FORGED))
    message = p.delivered(p.post("<a@pass.example>", extra=everything))
    tap.equal(message and ids_left(message), ["other%d.example" % n for n in range(len(FORGED))],
              "every spelling in one message: only the foreign ones are left")
    # Postfix cuts a field at 60,000 octets, for the milter and for delivery
    lines = (p.mta.HEADER_LIMIT or 58000) // 72 - 5
    long = "%s: (%s) %s; spf=pass\n" % (AR, "\n ".join(["c" * 70] * lines), ID)
    message = p.delivered(p.post("<a@pass.example>", extra=long + foreign(1)))
    tap.equal(message and ids_left(message), ["other1.example"], "a forged field of %d KB is removed" % (len(long) // 1000))
    body = "%s: %s; spf=pass\n" % (AR, ID)
    message = p.delivered(p.post("<a@pass.example>", body=body))
    tap.ok(message and body.strip().encode() in message.body, "in the body it is only text")


def sizes(tap, p):
    long = "X-Long: %s\n" % "\n ".join(["x" * 98] * 1000)
    posted = p.post("<a@pass.example>", extra=long)
    if p.mta.HEADER_LIMIT:
        tap.match(r"^552 .* \(%d max\)" % p.mta.HEADER_LIMIT, posted.data.line,
                  "a header field of 100 KB: the MTA refuses it")
    else:
        message = p.delivered(posted)
        tap.equal(shown(message), {"smtp.mailfrom": "pass", "smtp.helo": "pass"},
                  "a header field of 100 KB: taken and judged")
        tap.ok(message and len(message.first("X-Long")) > 59000 and message.first("Subject") == "test"
               and message.body == b"Hello.\n", "a header field of 100 KB: what Postfix leaves of it is delivered")
    message = p.delivered(p.post("<a@pass.example>", body="line of text, some 40 octets long\n" * 60000))
    tap.ok(message and len(message.body) > 2000000, "a body of 2 MB: delivered whole")


def names(tap, p):
    posted = p.post('<"odd; spf=pass smtp.mailfrom=bank.example"@pass.example>')
    seen = p.delivered(posted)
    tap.equal(shown(seen).get("smtp.mailfrom") if seen else posted.last, "pass",
              "a quoted local part with a trap: judged by its domain")
    tap.ok(seen and "bank.example" not in seen.fields[0][1], "a quoted local part is not in the field")
    if not p.mta.SMTPUTF8:
        raise lab_tap.Skip("this MTA has no SMTPUTF8")
    posted = p.post("<j\u00f6rg@b\u00fccher.example>", params=" SMTPUTF8")
    seen = p.delivered(posted)
    tap.equal(shown(seen), {"smtp.mailfrom": "pass", "smtp.helo": "pass"}, "SMTPUTF8: a U-label domain is judged")
    tap.ok(seen and "smtp.mailfrom=xn--bcher-kva.example" in seen.fields[0][1], "SMTPUTF8: shown as A-label")


def restart(p):
    """A daemon again; the MTA connects anew for every session."""
    p.daemon.stop()
    p.daemon.start()


def killed(tap, p):
    def through_smtp(steps, what):
        s = p.session()
        ident = p.ident()
        before = [("MAIL FROM:<a@pass.example>", 1), ("RCPT TO:<u@plain.example>", 2), ("DATA", 3)]
        for text, n in before:
            if n <= steps:
                s.command(text)
        if steps == 4:
            s.send(("X-Lab-Id: %s\r\n" % ident).encode())
        p.daemon.kill()
        replies = [s.command(text) for text, n in before if n > steps]
        message = lab_smtp.stuffed(p.text(ident))
        if steps >= 3 or (replies and replies[-1].code == 354):
            s.send(message)
            replies.append(s.reply())
        s.close()
        first = next((r for r in replies if not r.good), replies[-1])
        posted = p.note(lab_ledger.Posted(ident, first, [], first))
        tap.ok(posted.refused_for_now, "killed %s: the client gets a 4xx" % what, repr(replies))
        restart(p)
        tap.ok(p.delivered(p.post("<a@pass.example>")), "killed %s: back after a restart" % what)

    for steps, what in enumerate(("after EHLO", "after MAIL", "after RCPT", "after DATA", "in the message")):
        through_smtp(steps, what)

    # between any two packets of the protocol, and between its changes
    forged_top = forged_line(FORGED[0]) + foreign(1)
    for direction, kind, what in ((">", "O", "at the negotiation"), (">", "C", "before connect"),
                                  (">", "H", "before HELO"), (">", "M", "before MAIL"),
                                  (">", "R", "before RCPT"), (">", "L", "before the first field"),
                                  (">", "E", "before the end of the message"),
                                  ("<", "m", "before the first change"),
                                  ("<", "i", "between two changes"),
                                  ("<", "end", "before the last answer")):
        hit = threading.Event()

        def seen(d, k, _data, want=(direction, kind)):
            # the last answer comes after the insertion
            if d == "<" and k == "i":
                seen.inserted = True
            here = (d, k) == want or (want[1] == "end" and d == "<" and k in "ca" and seen.inserted)
            if here and not hit.is_set():
                hit.set()
                p.daemon.kill()
                return False
            return True

        seen.inserted = False
        p.wire.seen = seen
        posted = p.post("<a@pass.example>", extra=forged_top, port=p.mta.other_port)
        tap.ok(hit.is_set() and posted.refused_for_now, "killed %s: a 4xx" % what,
               "%s %r" % (hit.is_set(), posted.last))
        p.wire.seen = lambda d, k, data: True
        restart(p)
        message = p.delivered(p.post("<a@pass.example>", extra=forged_top, port=p.mta.other_port))
        tap.ok(message and ids_left(message) == ["other1.example"], "killed %s: back after a restart" % what)


def load(p, seconds):
    """Six clients, four messages a session."""
    def talk(number):
        with p.session() as s:
            for _ in range(4):
                one = p.say(s, "<a@%s.example>" % ("pass", "mx", "many")[number % 3],
                            ["u@plain.example"])
                yield one
                if not one.accepted:
                    break
    return lab_ledger.Load(talk, 6, seconds)


def not_passed(p, posted):
    """The accepted messages that were not delivered with their pass."""
    seen = [(m.ident, shown(p.delivered(m))) for m in posted if m.accepted]
    return [(i, s) for i, s in seen if not isinstance(s, dict) or s.get("smtp.mailfrom") != "pass"]


def reload_under_load(tap, p):
    good = settings(p.dns, p.mta)
    log = len(p.mta.log())
    clients = load(p, 40)
    done, failed = 0, []
    while (done < 20 or len(clients.posted) < 300) and time.monotonic() < clients.end:
        clients.enough.wait(0.05)  # one reload every 50 ms
        good["spf"] = {"mode": "enforce", "fail": ("tag", "reject")[done % 2]}
        good["resolver"] = dict(good["resolver"], tries=1 + done % 4 // 2)
        p.daemon.set_policy(good)
        if done % 3 == 2:
            p.daemon.process.signal(signal.SIGUSR1)
        elif p.daemon.reload()[0] != "ok":
            failed.append(done)
        done += 1
    posted = clients.finish()
    tap.ok(done >= 20 and not failed, "reload under load: %d reloads succeed" % done, repr(failed))
    lost = [m.last for m in posted if not m.accepted]
    tap.ok(len(posted) >= 300 and not lost, "reload under load: all messages are accepted (%d)" % len(posted),
           "%d sent, refused: %r" % (len(posted), lost[:5]))
    tap.equal(not_passed(p, posted), [], "reload under load: every message is delivered with its result")
    tap.equal(p.mta.trouble(log), [], "reload under load: no session is dropped")
    p.daemon.set_policy(settings(p.dns, p.mta))
    tap.equal(p.daemon.reload()[0], "ok", "reload under load: and back to the first policy")


def wrong_policy(tap, p):
    p.daemon.set_policy(lab_gatepost.policy(settings(p.dns, p.mta)) + 'spf {\n    fail = rejcet\n}\n')
    head, text = p.daemon.reload()
    tap.equal(head, "error", "wrong policy: the reload fails")
    tap.match(r"gatepost\.conf:\d+: .*rejcet", text, "wrong policy: file, line and value")
    posted = p.post("<a@fail.example>", ["u@strict.example"])
    tap.equal(posted.rcpts[0].code, 550, "wrong policy: the old one still enforces")
    p.daemon.set_policy(settings(p.dns, p.mta))
    tap.equal(p.daemon.reload()[0], "ok", "wrong policy: mended, the reload succeeds")


def stop_under_load(tap, p):
    clients = load(p, 60)
    lab_base.wait_until(lambda: len(clients.posted) > 30, 30, "mail flows")
    reached = threading.Event()

    def seen(direction, kind, _data):
        if (direction, kind) == (">", "R"):
            reached.set()
        return True

    p.wire.seen = seen
    with p.session(port=p.mta.other_port) as s:  # a callback that runs when the signal comes
        p.dns.hold("held.example")
        s.send(b"MAIL FROM:<a@held.example>\r\nRCPT TO:<u@strict.example>\r\n")
        asked = p.dns.wait_query("held.example") and reached.wait(10)
        process = p.daemon.process
        begin = time.monotonic()
        process.signal(signal.SIGTERM)
        p.dns.release("held.example")
        mail, rcpt = s.reply(), s.reply()
        status = process.wait(10)
        took = time.monotonic() - begin
    posted = clients.finish()
    tap.equal(status, 0, "SIGTERM under load: exit 0")
    tap.ok(took < 6, "SIGTERM under load: within 6 s", "%.1f s" % took)
    tap.ok(asked and (mail.code, rcpt.code) == (250, 250), "SIGTERM under load: the callback in flight is finished",
           "%r %r" % (mail, rcpt))
    tap.ok(not any(500 <= m.last.code < 600 for m in posted), "SIGTERM under load: nothing is refused for good",
           repr([m.last for m in posted if m.last.code >= 500][:5]))
    tap.equal(not_passed(p, posted), [], "SIGTERM under load: what was accepted is judged and delivered")
    p.daemon.process = None
    p.daemon.start()
    tap.ok(p.delivered(p.post("<a@pass.example>")), "SIGTERM under load: works again after the start")


def killed_under_load(tap, p):
    clients = load(p, 60)
    seen = 0
    for _ in range(8):
        lab_base.wait_until(lambda: clients.accepted() > seen + 10, 30, "mail flows")
        p.daemon.kill()
        restart(p)
        seen = clients.accepted()
    lab_base.wait_until(lambda: clients.accepted() > seen + 10, 30, "mail flows")
    posted = clients.finish()
    refused = [m for m in posted if not m.accepted]
    tap.ok(len(posted) > 80, "killed 8 times under load: mail flowed after each (%d, %d put off)" % (
        len(posted), len(refused)))
    tap.ok(all(m.refused_for_now for m in refused), "killed 8 times under load: nothing is refused for good",
           repr([m.last for m in refused if not m.refused_for_now][:5]))
    tap.equal(not_passed(p, posted), [], "killed 8 times under load: what was accepted is judged and delivered")


def logged(tap, p):
    mark = p.daemon.log.mark()
    posted = p.post("<a@soft.example>", helo="fail.example")
    line = p.log_of("%s: " % posted.data.queue_id, mark)
    for word in ("client=192.0.2.1", "action=continue", "from=", "helo=", "spf=softfail"):
        tap.ok(line and word in line, "the log line has %s" % word, line)
    text = (line or "").partition("gatepost-spf: ")[2] or line or ""
    tap.ok(text.startswith(posted.data.queue_id + ": "), "the log line begins with the queue id", line)
    tap.ok(all(len(l.encode()) <= 512 for l in p.daemon.log.all), "no log line is over 512 octets")


def accounts(tap, p):
    """The ledger, at the end."""
    p.accounts(tap, p.mta)


def main(mta):
    why = mta.why_not() or (None if lab_nsd.NSD else "nsd is not installed")
    if why:
        lab_tap.skip_all("SPF with " + mta.NAME, why)
    tap = lab_tap.Tap()
    with lab_base.Lab("spf") as lab:
        p = Place(lab, mta)
        for test in (results, enforcing, monitoring, holding, per_recipient, identities,
                     not_ours_to_judge, sessions, forged, sizes, names, logged, wrong_policy,
                     killed, killed_under_load, reload_under_load, stop_under_load,
                     accounts):
            begin = time.monotonic()
            tap.run(test.__name__, test, tap, p)
            tap.note("%s took %.1f s" % (test.__name__, time.monotonic() - begin))
        if tap.failed:
            tap.note("The MTA's last words:\n" + "\n".join(p.mta.log().splitlines()[-30:]))
        tap.equal(p.daemon.stop(), 0, "the daemon ends with 0")
    tap.done()
