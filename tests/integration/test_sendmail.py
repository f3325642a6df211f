#!/usr/bin/python3
"""The four daemons behind Sendmail by the shipped gatepost.m4, at the sockets
that it names: the relay of those who log in signs and limits, the receiver's MX
verifies; and what Sendmail does otherwise than Postfix, as the table of
gatepost-sendmail(7) says.
"""
import os
import re
import socket
import subprocess
import sys
import threading

sys.path[:0] = [os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", d) for d in ("support", "protocol")]
import lab_host

lab_host.enter("Sendmail and the four daemons")
import dkim_fixture
import lab_authres
import lab_base
import lab_chain
import lab_dkim
import lab_dns
import lab_ledger
import lab_sendmail
import lab_smtp
import lab_tap
import lab_wiretap
import sendmail_letters
from dkim_fixture import AR, ID, SIGNATURE, key
from sendmail_letters import letter

M4 = os.path.join(lab_base.ROOT, "packaging", "etc", "gatepost.m4")
RUNTIME = "/run/gatepost"
GOOD, BAD = "192.0.2.1", "203.0.113.66"
OURS = {("shop.example", "s1"), ("shop.example", "e1")}
# one filter that is not there and has no F=, on a port of its own
OPEN = "MAIL_FILTER(`absent', `S=local:/run/gatepost/absent.sock')dnl\n" \
    "DAEMON_OPTIONS(`Family=inet, Addr=127.0.0.1, Port=%d, Name=open, InputMailFilters=absent')dnl\n"
MASQUERADE = "MASQUERADE_AS(`shop.example')dnl\nMASQUERADE_DOMAIN(`branch.example')dnl\n"


def zone(rsa, ed):
    policy = {"TXT": ["v=DMARC1; p=reject"]}
    return {
        "shop.example": {"TXT": ["v=spf1 ip4:%s -all" % lab_sendmail.Sendmail.ONWARD]},
        "submit.lab.example": {"TXT": ["v=spf1 ip4:%s -all" % lab_sendmail.Sendmail.ONWARD]},
        "client.example": {"TXT": ["v=spf1 ip4:%s ip4:%s -all" % (GOOD, BAD)]},
        "_dmarc.shop.example": policy,
        lab_dkim.name("s1", "shop.example"): {"TXT": [rsa.record]},
        lab_dkim.name("e1", "shop.example"): {"TXT": [ed.record]},
        lab_dkim.name("b1", "branch.example"): {"TXT": [rsa.record]},
        "bank.example": {"TXT": ["v=spf1 ip4:%s -all exp=why.bank.example" % GOOD]},
        "why.bank.example": {"TXT": ["%{i} is not ours, 100%% sure"]},
        "_dmarc.bank.example": policy,
        lab_dkim.name("s1", "bank.example"): {"TXT": [ed.record]},
        "attacker.example": {"TXT": ["v=spf1 ip4:%s -all" % BAD]},
    }


def settings(dns):
    rsa = {"key": key("rsa.pem")}
    return {
        "authserv-id": ID,
        "resolver": {"servers": [dns.address], "timeout": "1s", "tries": 1},
        # what sendmail(1) submits comes from here; the relay is a stranger to the MX
        "trust": {"clients": ["127.0.0.1"]},
        "spf": {"mode": "enforce", "fail": "tag"},
        "dmarc": {"mode": "enforce", "reject": "corroborated"},
        ("domain", "shop.example"): {("key", "s1"): rsa["key"], ("key", "e1"): key("ed.pem")},
        ("domain", "branch.example"): {("key", "b1"): rsa["key"]},
        ("domain", "slow.example"): {("limit", "pace"): {"count": "messages", "rate": "2/1d"}},
        ("domain", "strict.example"): {"spf": {"fail": "reject"}},
    }


class Place(lab_ledger.Ledger):
    def __init__(self, lab):
        super().__init__(lab.own(lab_smtp.Sink()))
        self.rsa, self.ed = lab_dkim.Key(), lab_dkim.Key("ed25519")
        self.zone = zone(self.rsa, self.ed)
        self.dns = lab.own(lab_dns.DnsServer(self.zone, ttl=0))
        self.chain = lab_chain.Chain(lab, settings(self.dns), {"rsa.pem": self.rsa.pem, "ed.pem": self.ed.pem},
                                     group=None, runtime=RUNTIME)
        self.wire = lab.own(lab_wiretap.Wiretap(self.chain["rate"].socket))
        self.open_port = lab_base.free_port()
        lab_sendmail.write("/etc/mail/m4/gatepost.m4", open(M4, encoding="ascii").read())
        self.mta = lab_sendmail.Sendmail(
            lab, self.sink.port, None, ID, login={"app": "1"}, other="inet:127.0.0.1:%d" % self.wire.port,
            mc="include(`/etc/mail/m4/gatepost.m4')dnl\n" + MASQUERADE, mx=OPEN % self.open_port)

    def say(self, s, raw, sender="<bounce@shop.example>", rcpts=("ann@receiver.example",), params=""):
        ident = self.ident()
        raw = b"X-Lab-Id: %s\r\n" % ident.encode() + lab_dkim.octets(raw)
        return self.note(lab_ledger.Posted(ident, *s.message(sender, rcpts, raw, params)))

    def submit(self, raw, **kw):
        with self.mta.submission("app") as s:
            return self.say(s, raw, **kw)

    def receive(self, raw, client=GOOD, port=None, **kw):
        with self.mta.client(client, port=port) as s:
            return self.say(s, raw, **kw)

    def typed(self, raw, rcpts=(), sender="news@shop.example"):
        """By sendmail(1); its exit code, and what was delivered."""
        ident = self.ident()
        self.took(ident)
        done = self.mta.sendmail(sender, list(rcpts), "X-Lab-Id: %s\n%s" % (ident, raw))
        return done.returncode, self.sink.wait(ident)

    def signed_as(self, message):
        return lab_dkim.shown(message.raw, self.zone) if message else "not delivered"

    def dropped(self, ident):
        """It was taken, and rightly is not delivered."""
        self.taken.remove(ident)


class Stdin(lab_smtp.Client):
    """SMTP with a program's standard input and output."""

    def __init__(self, argv):
        self.sock, theirs = socket.socketpair()
        with theirs:
            self.program = subprocess.Popen(argv, stdin=theirs, stdout=theirs)
        self.sock.settimeout(60)
        self.file = self.sock.makefile("rb")
        self.banner = self.reply()

    def close(self):
        super().close()
        self.program.wait(30)


def shown(message):
    """{method: {result}} of our one field, which must be on top without a seal."""
    ours = [(i, v) for i, (n, v) in enumerate(message.fields if message else [])
            if n.lower() == AR.lower() and lab_authres.read(v)[0] == ID]
    if [i for i, _ in ours] != [0] or "gatepost-seal" in ours[0][1]:
        return "our fields: %r" % ours
    out = {}
    for r in lab_authres.read(ours[0][1])[1]:
        out.setdefault(r.method, set()).add(r.result)
    return out


PASS = {"spf": {"pass"}, "dkim": {"pass"}, "dmarc": {"pass"}}


# -- the tests -------------------------------------------------------------

def shipped(tap, p):
    for mta in p.mta.mtas:
        with open(mta.cf, encoding="utf-8") as f:
            cf = f.read()
        lines = re.findall(r"(?m)^X(\S+), S=local:(\S+), F=T, T=C:30s;S:30s;R:1m;E:5m$", cf)
        tap.equal([l for l in lines if l[0].startswith("gatepost-")],
                  [("gatepost-" + n, p.chain[n].socket) for n in lab_chain.NAMES],
                  "gatepost.m4: four filters at the sockets of the daemons")
        tap.match(r"(?m)^O InputMailFilters=gatepost-spf, ?gatepost-dkim, ?gatepost-dmarc, ?gatepost-rate$", cf,
                  "gatepost.m4: asked in this order")


def through_all(tap, p):
    marks = {n: p.chain[n].log.mark() for n in lab_chain.NAMES}
    posted = p.submit(letter())
    message = p.delivered(posted)
    tap.equal(p.signed_as(message), OURS, "a login: signed with both keys, by dkimpy's lights")
    tap.equal(shown(message), PASS, "the MX: one field, on top, without a seal: all pass")
    tap.ok(message.raw.startswith(("%s: %s;" % (AR, ID)).encode()), "one blank behind its colon",
           message.raw[:60])
    tap.ok(all(m.startswith(b"v=1; a=") for m in re.findall(rb"(?m)^DKIM-Signature: (.*)", message.raw)),
           "and behind that of a signature", message.raw)
    for name in lab_chain.NAMES:
        line = p.chain[name].log.wait(lambda l: posted.data.queue_id + ": " in l, 5, marks[name])
        tap.ok(line, "gatepost-%s logs it by the relay's queue id" % name, p.chain[name].log.all[-2:])
    message = p.delivered(p.receive(lab_dkim.sign(letter("bank.example"), "bank.example", "s1", p.ed),
                                    sender="<a@bank.example>"))
    tap.equal(shown(message), PASS, "another's good mail")
    posted = p.receive(letter("bank.example"), client=BAD, sender="<a@attacker.example>")
    tap.match(r"^550 5\.7\.1 DMARC check of bank\.example failed: ", posted.last.line, "a spoof: refused, dmarc's words")
    lab_base.wait_until(lambda: any("bank.example" in text and stage == "message" for stage, text in p.mta.refusals()),
                        10, "Sendmail logs the reply")


def limited(tap, p):
    replies = [p.submit(letter("slow.example"), sender="<a@slow.example>").last for _ in range(3)]
    tap.equal([r.code for r in replies], [250, 250, 451], "rate, the last of four: the third is too many")
    tap.match(r"^451 4\.7\.1 .*limit pace", replies[2].line, "and its reply says why")


def forged(tap, p):
    lies = "".join("%s: %s; dmarc=pass header.from=bank.example\n" % (AR, v) for v in (
        ID, '"%s."' % ID.upper(), "other1.example", "(c) %s 1" % ID, "other2.example"))
    for what, raw in (("on top", lies + letter("bank.example")), ("below", letter("bank.example", extra=lies.rstrip()))):
        signed = lab_dkim.sign(raw, "bank.example", "s1", p.ed)
        message = p.delivered(p.receive(signed, sender="<a@bank.example>"))
        tap.equal(shown(message), PASS, "forged fields %s: ours is on top" % what)
        tap.equal([v.split(";")[0] for v in message.all(AR)[1:]], ["other1.example", "other2.example"],
                  "forged fields %s: removed, foreign ones stay in order" % what)


def rewriting(tap, p):
    """What Sendmail makes of a header when all filters have seen it."""
    for survives, letters in ((True, sendmail_letters.KEPT + sendmail_letters.FORESEEN),
                              (False, sendmail_letters.CHANGED)):
        for what, raw in letters:
            mark = p.chain["dkim"].log.mark()
            posted = p.submit(raw)
            message = p.delivered(posted)
            line = p.chain["dkim"].log.wait(lambda l: posted.data.queue_id + ": " in l, 5, mark) or ""
            foretold = re.search(r" fragile=(\S*,)?(rewrite|requote)\b", line)
            tap.equal(bool(foretold), not survives and "masqueraded" not in what, what + ": gatepost-dkim knows it")
            seen = p.signed_as(message)
            good = seen == OURS and shown(message) == PASS
            tap.ok(good == survives and message, "%s: %s" % (what, "verifies" if survives else "Sendmail changes it"),
                   message and message.raw.decode("utf-8", "replace"))
    for what, raw, left in (("Bcc", letter(extra="Bcc: secret@x.example"), "secret"),
                            ("Return-Path", letter(extra="Return-Path: <x@y.example>"), "y.example")):
        message = p.delivered(p.submit(raw))
        tap.ok(message and left.encode() not in message.raw, what + " is taken out", message and message.raw)


def typed(tap, p):
    for what, rcpts, raw in (("with recipients", ["ann@receiver.example"], letter()), ("-t", [], letter()),
                             ("-t, no Date, no Message-ID", [], letter(Date=None, Message_ID=None))):
        code, message = p.typed(raw, rcpts)
        tap.equal((code, p.signed_as(message), shown(message)), (0, OURS, PASS), "sendmail(1) %s: signed, all pass" % what)
    code, message = p.typed(letter(extra="Bcc: bob@receiver.example"))
    tap.equal((code, sorted(message.rcpts), message.all("Bcc"), p.signed_as(message)),
              (0, ["ann@receiver.example", "bob@receiver.example"], [], OURS), "sendmail -t: Bcc gets it and is taken out")
    mark = p.chain["dkim"].log.mark()
    code, message = p.typed(letter(), ["ann@receiver.example"])
    line = p.chain["dkim"].log.wait(lambda l: "action=sign" in l or "client=" in l, 5, mark)
    tap.ok(" client=127.0.0.1 " in (line or ""), "for the filters it is a client at 127.0.0.1", line)
    relay = p.mta.mtas[-1].cf
    for what, args in (("-bs", ["-bs"]), ("-bs of the MTA", ["-bs", "-C", relay])):
        with Stdin([lab_sendmail.SENDMAIL, *args]) as s:
            s.command("EHLO lab")
            posted = p.say(s, letter())
        tap.equal(p.signed_as(p.delivered(posted)), OURS, "sendmail %s: signed" % what)
    ident = p.ident()
    p.took(ident)
    subprocess.run([lab_sendmail.SENDMAIL, "-C", relay, "-i", "-f", "news@shop.example", "ann@receiver.example"],
                   input="X-Lab-Id: %s\n%s" % (ident, letter()), text=True, check=False, timeout=30)
    tap.equal(p.signed_as(p.sink.wait(ident)), set(), "sendmail -C sendmail.cf, as root: no filter sees it")


def bounces(tap, p):
    posted = p.receive(lab_dkim.sign(letter("bank.example"), "bank.example", "s1", p.ed),
                       sender="<a@bank.example>", rcpts=["u@" + lab_smtp.NOWHERE])
    p.dropped(posted.ident)
    marks = {n: p.chain[n].log.mark() for n in lab_chain.NAMES}
    bounce = p.sink.wait(lambda m: m.sender == "" and m.rcpts == ["a@bank.example"])
    tap.ok(bounce and "MAILER-DAEMON@" in bounce.first("From"), "a bounce of Sendmail is delivered")
    tap.equal(bounce and (bounce.all(SIGNATURE), [v for v in bounce.all(AR)]), ([], []), "no filter has seen it")
    tap.equal([n for n, m in marks.items() if p.chain[n].log.find(lambda l: "a@bank.example" in l, m)], [],
              "and none logs it")
    posted = p.submit(letter(), sender="<>")
    tap.equal(p.signed_as(p.delivered(posted)), OURS, "a null sender that comes by SMTP is seen by them")


def replies(tap, p):
    posted = p.receive(letter("bank.example"), client=BAD, sender="<a@bank.example>", rcpts=["u@strict.example"])
    tap.match(r"^550 5\.7\.23 <u@strict\.example>\.\.\. SPF check of bank\.example failed: .*"
              r"%s is not ours, 100%% sure$" % re.escape(BAD), posted.rcpts[0].line,
              "of a recipient: code, recipient, words, a percent sign")
    posted = p.receive(letter("bank.example"), client=BAD, sender="<a@bank.example>",
                       rcpts=["u@strict.example", "v@plain.example"])
    tap.equal([r.code for r in posted.rcpts], [550, 250], "one recipient refused, the other taken")


def macros(tap, p):
    """Which of those that a daemon asks for come, and when."""
    seen, done = {}, threading.Event()

    def packet(direction, kind, data):
        if direction == ">" and kind == "D":
            words = data[1:].decode().split("\0")
            seen.setdefault(chr(data[0]), {}).update(zip(words[::2], words[1::2]))
        if direction == ">" and kind == "E":
            done.set()
        return True

    p.wire.seen = packet
    posted = p.receive(letter("attacker.example"), client=BAD, port=p.mta.other_port, sender="<a@attacker.example>")
    p.delivered(posted)
    port = seen["C"].pop("{client_port}", "")
    tap.match(r"^8\.\d+\.", seen["C"].pop("v", ""), "at connect: v, a version alone")
    tap.equal(seen.get("C"), {"j": ID, "{daemon_name}": ID}, "at connect: j, {daemon_name}")
    tap.ok(port.isdigit() and int(port) > 0, "at connect: {client_port}", port)
    ident = posted.data.queue_id
    # and, unasked, {mail_addr} and {rcpt_addr}
    tap.equal(seen["M"].get("i"), ident, "at MAIL: the queue id")
    tap.equal((seen["R"].get("i"), seen["R"].get("{rcpt_mailer}")), (ident, "relay"), "at RCPT: and {rcpt_mailer}")
    tap.equal(sorted(seen), ["C", "H", "M", "R"], "none later: it stays the same id")
    seen.clear()
    with p.mta.client(BAD, "app", p.mta.other_port) as s:
        p.delivered(p.say(s, letter()))
    tap.equal(seen["M"].get("{auth_authen}"), "app", "a login without a realm: {auth_authen} is the bare name")
    with p.mta.client(BAD, "jo@lab.example", p.mta.other_port) as s:
        p.delivered(p.say(s, letter()))
    tap.equal(seen["M"].get("{auth_authen}"), "jo@lab.example", "a login with a realm: {auth_authen} has it")


def away(tap, p):
    for name in lab_chain.NAMES:
        daemon = p.chain[name]
        daemon.stop()
        posted = p.receive(letter("attacker.example"), client=BAD, sender="<a@attacker.example>")
        tap.match(r"^4[25]1 4\.[37]\.\d ", posted.last.line, "%s is down: 4xx (%s)" % (name, posted.last.line))
        code = p.mta.sendmail("news@shop.example", ["ann@receiver.example"], "X-Lab-Id: %s\n%s" % (name, letter()))
        tap.ok(code.returncode == 0 and any(q["queue_name"] == "maildrop" for q in p.mta.queue()),
               "%s is down: what sendmail(1) takes waits in its queue" % name)
        daemon.start()
        p.took(name)
        tap.equal(p.signed_as(p.sink.wait(name)), OURS, "%s is back: it leaves by itself, signed" % name)
    posted = p.receive(letter("attacker.example"), client=None, port=p.open_port)
    tap.ok(p.delivered(posted), "without F= mail passes a filter that is not there", posted.last.line)


def folders(tap, p):
    """What Sendmail thinks of a socket's folder, and how it says so."""
    folder = p.chain["spf"].run_dir
    for mode, code in ((0o750, 250), (0o770, 451), (0o777, 451), (0o1777, 250)):
        os.chmod(folder, mode)
        since = len(p.mta.log())
        posted = p.receive(letter("attacker.example"), client=BAD, sender="<a@attacker.example>")
        tap.equal(posted.last.code, code, "a folder of mode %04o: %d" % (mode, code))
        tap.equal(bool(p.mta.trouble(since)) and "unsafe" in p.mta.log()[since:], code != 250,
                  "and %s of it in the log" % ("nothing" if code == 250 else "unsafe"))
    os.chmod(folder, 0o2750)


def accounts(tap, p):
    p.accounts(tap, p.mta)


def main():
    why = lab_sendmail.why_not() or lab_dkim.why_not() or lab_authres.why_not()
    if why:
        lab_tap.skip_all("Sendmail and the four daemons", why)
    tap = lab_tap.Tap()
    with lab_base.Lab("sendmail") as lab:
        p = Place(lab)
        for test in (shipped, through_all, limited, forged, rewriting, typed, bounces, replies, macros, away, folders, accounts):
            tap.run(test.__name__, test, tap, p)
        if tap.failed:
            tap.note("Sendmail's last words:\n" + "\n".join(p.mta.log().splitlines()[-30:]))
    tap.done()


main()
