#!/usr/bin/python3
"""The demo: real mail through a private Postfix that asks gatepost-spf and
gatepost-dkim, signed at submission and verified at the MX.

    demo.py                        the show; exit 0 when all is as promised
    demo.py send --port N ...      one message into a demo that stays
"""
import argparse
import os
import re
import signal
import sys
import textwrap
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_authres
import lab_base
import lab_dkim
import lab_gatepost
import lab_nsd
import lab_postfix
import lab_sasl
import lab_smtp

ID = "mx.demo.example"
RELAY = lab_postfix.ONWARD  # where the shop's submissions come from
ZONE = {
    "shop.example": {"TXT": ["v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 ip4:%s -all"
                             " exp=why.shop.example" % RELAY]},
    "why.shop.example": {"TXT": ["%{i} is no mail server of %{d}"]},
    "club.example": {"TXT": ["v=spf1 mx ~all"], "MX": [[10, "mail.club.example"]]},
    "mail.club.example": {"A": ["192.0.2.20"], "TXT": ["v=spf1 a -all"]},
    "submit.demo.example": {"TXT": ["v=spf1 ip4:%s -all" % RELAY]},
    "typo.example": {"TXT": ["v=spf1 ipv4:192.0.2.30 -all"]},
}
BROKEN = "broken.example"

POLICY = {
    "authserv-id": ID,
    "resolver": {"timeout": "1s"},
    "trust": {"clients": ["198.51.100.0/24"]},
    "spf": {"mode": "enforce", "fail": "tag"},
    ("domain", "shop.example"): {
        ("key", "r2026"): {"file": "shop-rsa.pem"},
        ("key", "e2026"): {"file": "shop-ed25519.pem"},
        "senders": {"auth": ["shop-app"], "else": "reject"}},
    ("domain", "news.shop.example"): {
        ("key", "n2026"): {"file": "news.pem"},
        "senders": {"auth": ["newsletter"], "else": "reject"}},
    ("domain", "careful.example"): {"spf": {"fail": "reject", "temperror": "tempfail"}},
    ("domain", "curious.example"): {"spf": {"mode": "monitor", "fail": "reject"}},
    ("domain", "patient.example"): {"spf": {"fail": "hold"}},
}

KEYS = {"r2026._domainkey.shop.example": ("shop-rsa.pem", "rsa"),
        "e2026._domainkey.shop.example": ("shop-ed25519.pem", "ed25519"),
        "n2026._domainkey.news.shop.example": ("news.pem", "rsa")}
PASSWORD = "secret"
LOGINS = ("shop-app", "newsletter", "intern")

AR = "Authentication-Results"
SIGNATURE = "DKIM-Signature"
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def paint(code, text):
    return "\033[%sm%s\033[0m" % (code, text) if COLOUR else text


def say(label, text, code=None):
    """One labelled line, folded at 96 columns."""
    for i, line in enumerate(textwrap.wrap(text, 82, break_on_hyphens=False) or [""]):
        print("    %s%s" % ((label if i == 0 else "").ljust(11), paint(code, line) if code else line))


class Case:
    """One message: its story, and what is promised of it."""

    def __init__(self, title, client, sender, to, helo="client.example", extra="",
                 reply="^250 ", spf=None, prop="smtp.mailfrom", held=False, would=None, forged=0):
        self.title, self.client, self.sender, self.helo = title, client, sender, helo
        self.to = to if isinstance(to, list) else [to]
        self.extra, self.reply, self.spf, self.prop = extra, reply, spf, prop
        self.held, self.would, self.forged = held, would, forged
        self.login, self.dkim, self.author, self.tamper = None, {}, sender, None
        self.daemon = "spf"

    @property
    def delivered(self):
        return bool(self.spf)


class Submission(Case):
    """Mail with a login.  `dkim` is {selector: result} as the MX finds it."""

    def __init__(self, title, login, author, dkim=None, reply="^250 "):
        super().__init__(title, RELAY, "bounces@shop.example", "ann@careful.example", reply=reply,
                         spf="pass" if dkim is not None else None)
        self.login, self.author, self.dkim, self.daemon = login, author, dkim or {}, "dkim"


class Replay(Case):
    """What case `number` delivered, once more, with `tamper` = (old, new)."""

    def __init__(self, title, number, tamper, dkim):
        super().__init__(title, "192.0.2.10", "bounces@shop.example", "ann@careful.example",
                         spf="pass")
        self.number, self.tamper, self.dkim, self.daemon = number, tamper, dkim, "dkim"


FORGERY = ("%s: %s; spf=pass smtp.mailfrom=shop.example\n"
           "%s: \"MX.DEMO.EXAMPLE.\" (trust me) 1; dkim=pass header.d=shop.example\n"
           "%s: relay.elsewhere.example; spf=pass\n" % (AR, ID, AR, AR))

CASES = (
    Case("The shop's own server sends: pass", "192.0.2.10", "news@shop.example",
         "ann@careful.example", spf="pass"),
    Case("The same over IPv6", "2001:db8::10", "news@shop.example", "ann@careful.example",
         spf="pass"),
    Case("A stranger sends as the shop, the recipient's policy rejects", "203.0.113.66",
         "news@shop.example", "ann@careful.example",
         reply=r"^550 5\.7\.23 .*203\.0\.113\.66 is no mail server of shop\.example"),
    Case("The same stranger, to a domain that only monitors", "203.0.113.66",
         "news@shop.example", "bob@curious.example", spf="fail", would="reject"),
    Case("The same, to both in one message: each by his own policy", "203.0.113.66",
         "news@shop.example", ["ann@careful.example", "bob@curious.example"], spf="fail",
         would="reject"),
    Case("The same, to a domain that holds such mail for a look", "203.0.113.66",
         "news@shop.example", "cat@patient.example", held=True),
    Case("A club member sends from home: softfail", "203.0.113.7", "jo@club.example",
         "ann@careful.example", spf="softfail"),
    Case("A record with a typing error: permerror", "192.0.2.30", "it@typo.example",
         "ann@careful.example", spf="permerror"),
    Case("The sender's name servers are broken: try again later", "192.0.2.40",
         "it@broken.example", "ann@careful.example", reply=r"^451 4\.4\.3 "),
    Case("... where the policy only tags: temperror, never fail", "192.0.2.40",
         "it@broken.example", "dan@plain.example", spf="temperror"),
    Case("Forged results in our name: removed; another host's stay", "203.0.113.66",
         "news@shop.example", "dan@plain.example", extra=FORGERY, spf="fail", forged=2),
    Case("A bounce (null sender): judged by its HELO name", "192.0.2.20", "",
         "ann@careful.example", helo="mail.club.example", spf="pass", prop="smtp.helo"),
    Submission("The shop submits with its login: signed by both its keys", "shop-app",
               "orders@shop.example", {"r2026": "pass", "e2026": "pass"}),
    Submission("Its newsletter domain has a block, so a key, of its own", "newsletter",
               "offers@news.shop.example", {"n2026": "pass"}),
    Submission("A domain without a block is not signed as its parent", "intern",
               "jo@test.shop.example", {}),
    Submission("The intern's login writes as the shop: refused, not signed", "intern",
               "orders@shop.example", reply=r"^550 5\.7\.1 .*shop\.example"),
    Replay("Mail 13 again, one word of it changed on the way", 13, (b"Hello.", b"Hallo."),
           {"r2026": "fail", "e2026": "fail"}),
    Replay("Mail 13 again, with a second Subject put on top", 13,
           (b"\r\nFrom: ", b"\r\nSubject: Win!\r\nFrom: "), {"r2026": "fail", "e2026": "fail"}),
)
FIRST_OF_DKIM = 13
HEADINGS = ("Mail from outside: the MX checks who may send it (SPF)",
            "Our own mail: signed at submission, verified at the MX (DKIM)")


class Show:
    def __init__(self, lab):
        self.lab = lab
        keys = {name: lab_dkim.Key(kind) for name, (_, kind) in KEYS.items()}
        self.zone = dict(ZONE, **{name: {"TXT": [k.record]} for name, k in keys.items()})
        self.nsd = lab_nsd.Nsd(lab, self.zone, broken=[BROKEN])
        self.sink = lab.own(lab_smtp.Sink())
        policy = dict(POLICY, resolver=dict(POLICY["resolver"], servers=[self.nsd.address]))
        spf = lab_gatepost.Daemon(lab, policy, user="nobody", group="postfix")
        dkim = lab_gatepost.Daemon(
            lab, policy, name="dkim", user="nobody", group="postfix", beside=spf,
            keys={file: keys[name].pem for name, (file, _) in KEYS.items()})
        self.daemons = {"spf": spf, "dkim": dkim}
        passwords = lab_sasl.Passwords(lab, {login: PASSWORD for login in LOGINS})
        self.postfix = lab_postfix.Postfix(
            lab, self.sink.port, "unix:%s, unix:%s" % (spf.socket, dkim.socket), ID,
            login=passwords.path, submit_host="submit.demo.example")
        self.kept = 0

    def hand_over(self, case, ident):
        if case.login:
            return submit(self.postfix.submit_port, case.login, case.sender, case.author, case.to,
                          ident)
        if case.tamper:
            raw = self.sink.of("demo%d" % case.number)[0].raw
            raw = re.sub(rb"(?m)^X-Lab-Id: .*\r\n", b"", raw).replace(*case.tamper, 1)
            return send(self.postfix.port, case.client, case.helo, case.sender, case.to, ident, raw=raw)
        return send(self.postfix.port, case.client, case.helo, case.sender, case.to, ident, case.extra)

    def play(self, number, case):
        """Send it, show it; True when all is as promised."""
        ident = "demo%d" % number
        log = self.daemons[case.daemon].log
        mark = log.mark()
        mail, rcpts, data = self.hand_over(case, ident)
        decisive = data or next((r for r in rcpts if not r.good), mail)
        message = self.sink.wait(ident) if data and data.code == 250 and not case.held else None
        key = (data.queue_id + ": ") if data and data.queue_id else "from="
        line = log.wait(lambda l: key in l, 5, mark)
        wrong = self.judge(case, rcpts, decisive, message, line)
        self.show(number, case, rcpts, decisive, message, line, wrong)
        self.kept += not wrong
        return not wrong

    def judge(self, case, rcpts, decisive, message, line):
        """What is not as promised, as a list of sentences."""
        wrong = []
        if not re.search(case.reply, decisive.line):
            wrong.append("the reply is not like %s" % case.reply)
        if len(case.to) > 1 and [r.code for r in rcpts] != [550, 250]:
            wrong.append("not the first refused and the second accepted")
        if case.held:
            held = [m["queue_name"] for m in self.postfix.queue()
                    if m["queue_id"] == decisive.queue_id]
            if held != ["hold"]:
                wrong.append("it is not in the hold queue")
        if case.delivered:
            wrong += self.judge_fields(case, message)
        if line is None:
            wrong.append("there is no log line")
        elif case.would and " would=%s" % case.would not in line:
            wrong.append("the log does not say would=%s" % case.would)
        return wrong

    def judge_fields(self, case, message):
        if message is None:
            return ["nothing was delivered"]
        wrong = []
        try:
            ours = [lab_authres.parse(v) for n, v in message.fields[:2] if n == AR]
            spf = lab_authres.spf(message.fields[1][1], case.prop)
        except lab_authres.Malformed as e:
            return ["the fields on top: %s" % e]
        if [ident for ident, _ in ours] != [ID, ID] or not spf or spf.result != case.spf:
            return ["the fields on top are not ours with spf=%s" % case.spf]
        dkim = {r.props.get("header.s"): r.result for r in ours[0][1]}
        if dkim != (case.dkim or {None: "none"}):
            wrong.append("DKIM says %r" % dkim)
        seen = self.dkimpy(message)
        if seen is not None and seen != {s for s, r in case.dkim.items() if r == "pass"}:
            wrong.append("dkimpy verifies %r" % seen)
        if len(message.all(SIGNATURE)) != len(case.dkim):
            wrong.append("it has %d signatures" % len(message.all(SIGNATURE)))
        if len(message.all(AR)) != 2 + (1 if case.forged else 0):
            wrong.append("a forged field is left, or a foreign one is gone")
        return wrong

    def show(self, number, case, rcpts, decisive, message, line, wrong):
        print()
        print("%2d  %s  %s" % (number, paint("1", case.title.ljust(68)),
                               paint("1;31", "WRONG") if wrong else paint("1;32", "as promised")))
        if case.login:
            say("submitted", "with the login %s, From: <%s>" % (case.login, case.author))
        else:
            say("sent", "from %s, HELO %s, MAIL FROM:<%s>" % (case.client, case.helo, case.sender))
        for path, reply in zip(case.to, rcpts):
            say("to", "<%s>%s" % (path, ": " + reply.line if len(case.to) > 1 else ""))
        for field in case.extra.splitlines():
            say("with", field)
        say("reply", decisive.line, "33" if decisive.code >= 400 else None)
        if message:
            self.show_message(case, message)
        else:
            say("delivered", "nothing; it waits in the hold queue" if case.held else "nothing")
        say("log", re.sub(r"^.*?gatepost-\w+: ", "", line or "none"))
        for what in wrong:
            say("WRONG", what, "1;31")

    def dkimpy(self, message):
        """The selectors of the signatures that it verifies; None without it."""
        if lab_dkim.why_not():
            return None
        return {s.selector for s in lab_dkim.signatures(message.raw, self.zone) if s.good}

    def show_message(self, case, message):
        if case.login:
            for value in message.all(SIGNATURE):
                say("signed", brief(value), "35")
        if case.dkim and self.dkimpy(message) is not None:
            say("dkimpy", "verifies %s" % (" and ".join(sorted(self.dkimpy(message))) or "nothing"))
        label = "delivered"
        for value in message.all(AR):
            say(label, "%s: %s" % (AR, " ".join(value.split())), "36" if ID in value else None)
            label = ""


def brief(signature):
    """A DKIM-Signature with its long values cut."""
    text = " ".join(signature.split())
    text = re.sub(r"\b(b|bh)=([A-Za-z0-9+/ ]{8})[A-Za-z0-9+/= ]*", r"\1=\2...", text)
    return "%s: %s" % (SIGNATURE, re.sub(r"\bh=([^;]{60})[^;]*", r"h=\1...", text))


def text_of(ident, author, to, extra=""):
    return "%sX-Lab-Id: %s\nFrom: <%s>\nTo: <%s>\nSubject: demo\n\nHello.\n" % (
        extra, ident, author or "mailer-daemon", to)


def send(port, client, helo, sender, rcpts, ident, extra="", raw=None):
    """To the MX, from anywhere."""
    with lab_smtp.Client(port) as s:
        s.command("EHLO demo")
        s.xclient(client)
        s.command("EHLO " + helo)
        answer = s.message("<%s>" % sender, rcpts,
                           b"X-Lab-Id: %s\r\n%s" % (ident.encode(), raw) if raw
                           else text_of(ident, sender, rcpts[0], extra))
        s.command("QUIT")
        return answer


def submit(port, login, sender, author, rcpts, ident):
    """To the submission port, with a login."""
    with lab_smtp.Client(port) as s:
        s.command("EHLO demo")
        s.command(lab_sasl.plain(login, PASSWORD))
        answer = s.message("<%s>" % sender, rcpts, text_of(ident, author, rcpts[0]))
        s.command("QUIT")
        return answer


STAY = """\

Everything stays up.  In another terminal, be any client you like:

    {me} send --port {port} --client 203.0.113.66 \\
        --from news@shop.example --to ann@careful.example

or submit with a login ({logins}), to be signed:

    {me} send --port {submit} --login shop-app \\
        --from orders@shop.example --to ann@careful.example

Demo domains   {domains}
Policy         {conf}
               edit it, then reload:  kill -USR1 {pids}
Folder         {dir}
Stop           Ctrl-C here, or: kill {us}

What is delivered and logged appears below.
"""


def stay(show):
    show.lab.keep = False
    print(STAY.format(
        me=os.path.abspath(__file__), port=show.postfix.port, submit=show.postfix.submit_port,
        logins=", ".join(LOGINS), conf=show.daemons["spf"].conf,
        domains=" ".join(sorted(n for n in ZONE if n.count(".") == 1)) + " " + BROKEN,
        pids=" ".join(str(d.process.pid) for d in show.daemons.values()), dir=show.lab.dir,
        us=os.getpid()), flush=True)
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    lines, mails = {n: d.log.mark() for n, d in show.daemons.items()}, len(show.sink.messages)
    while not done.wait(0.2):
        for name, daemon in show.daemons.items():
            for line in daemon.log.all[lines[name]:]:
                say(name + " log", re.sub(r"^.*?gatepost-\w+: ", "", line))
                lines[name] += 1
        for message in show.sink.messages[mails:]:
            for value in message.all(AR):
                say("delivered", "to %s: %s: %s" % (", ".join(message.rcpts), AR,
                                                    " ".join(value.split())), "36")
            mails += 1
        sys.stdout.flush()


def run():
    begin = time.monotonic()
    why = lab_postfix.why_not() or (None if lab_nsd.NSD else "nsd is not installed")
    if why:
        sys.exit("demo: " + why)
    print(paint("1", "gatepost demo") + " - a private Postfix asks gatepost-spf and gatepost-dkim,"
          " nsd answers them;")
    print("all on loopback, all in one temporary folder, nothing of yours is touched.")
    with lab_base.Lab("demo") as lab:
        show = Show(lab)
        print("Postfix is the MX on port %d and takes submissions on %d; nsd listens on %d."
              % (show.postfix.port, show.postfix.submit_port, show.nsd.port), flush=True)
        for number, case in enumerate(CASES, 1):
            if number in (1, FIRST_OF_DKIM):
                print("\n" + paint("1;4", HEADINGS[number != 1]), flush=True)
            show.play(number, case)
            sys.stdout.flush()
        took = time.monotonic() - begin
        wanted = sum(1 for c in CASES if c.delivered)
        if len(show.sink.messages) != wanted:
            print("\nWRONG: %d messages were delivered, not %d" % (
                len(show.sink.messages), wanted))
            show.kept = 0
        good = show.kept == len(CASES)
        print("\n%s in %.1f s" % (paint("1;32" if good else "1;31", "%d of %d as promised" % (
            show.kept, len(CASES))), took), flush=True)
        if os.environ.get("DEMO_STAY", "0") not in ("", "0"):
            stay(show)
        folder = lab.dir
    print("Stopped; %s is removed." % folder if not os.path.exists(folder)
          else "Stopped; %s could not be removed." % folder)
    return 0 if good else 1


def send_one(args):
    ap = argparse.ArgumentParser(prog="demo.py send", description="One message into the demo.")
    ap.add_argument("--port", type=int, required=True)
    ap.add_argument("--client", default="192.0.2.10", help="address to come from")
    ap.add_argument("--helo", default="mail.club.example")
    ap.add_argument("--login", help="submit with this login; the port of submissions")
    ap.add_argument("--from", dest="sender", default="", help="MAIL FROM; empty: null sender")
    ap.add_argument("--to", action="append", required=True)
    a = ap.parse_args(args)
    if a.login:
        mail, rcpts, data = submit(a.port, a.login, a.sender, a.sender, a.to, "played")
    else:
        mail, rcpts, data = send(a.port, a.client, a.helo, a.sender, a.to, "played")
    for reply in [mail, *rcpts] + ([data] if data else []):
        print(reply.line)
    return 0 if data and data.good else 1


if __name__ == "__main__":
    try:
        sys.exit(send_one(sys.argv[2:]) if sys.argv[1:2] == ["send"] else run())
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
