#!/usr/bin/python3
"""The demo: real mail through a private Postfix that asks gatepost-spf.

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
import lab_gatepost
import lab_nsd
import lab_postfix
import lab_smtp

ID = "mx.demo.example"
ZONE = {
    "shop.example": {"TXT": ["v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 -all exp=why.shop.example"]},
    "why.shop.example": {"TXT": ["%{i} is no mail server of %{d}"]},
    "club.example": {"TXT": ["v=spf1 mx ~all"], "MX": [[10, "mail.club.example"]]},
    "mail.club.example": {"A": ["192.0.2.20"], "TXT": ["v=spf1 a -all"]},
    "typo.example": {"TXT": ["v=spf1 ipv4:192.0.2.30 -all"]},
}
BROKEN = "broken.example"

POLICY = {
    "authserv-id": ID,
    "resolver": {"timeout": "1s"},
    "spf": {"mode": "enforce", "fail": "tag"},
    ("domain", "careful.example"): {"spf": {"fail": "reject", "temperror": "tempfail"}},
    ("domain", "curious.example"): {"spf": {"mode": "monitor", "fail": "reject"}},
    ("domain", "patient.example"): {"spf": {"fail": "hold"}},
}

AR = "Authentication-Results"
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
)


class Show:
    def __init__(self, lab):
        self.lab = lab
        self.nsd = lab_nsd.Nsd(lab, ZONE, broken=[BROKEN])
        self.sink = lab.own(lab_smtp.Sink())
        policy = dict(POLICY, resolver=dict(POLICY["resolver"], servers=[self.nsd.address]))
        self.daemon = lab_gatepost.Daemon(lab, policy, user="nobody", group="postfix")
        self.postfix = lab_postfix.Postfix(lab, self.sink.port, "unix:" + self.daemon.socket, ID)
        self.kept = 0

    def play(self, number, case):
        """Send it, show it; True when all is as promised."""
        ident = "demo%d" % number
        mark = self.daemon.log.mark()
        mail, rcpts, data = send(self.postfix.port, case.client, case.helo, case.sender,
                                 case.to, ident, case.extra)
        decisive = data or next((r for r in rcpts if not r.good), mail)
        message = self.sink.wait(ident) if data and data.code == 250 and not case.held else None
        key = (data.queue_id + ": ") if data and data.queue_id else "from="
        line = self.daemon.log.wait(lambda l: key in l, 5, mark)
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
        if case.spf:
            wrong += self.judge_field(case, message)
        if line is None:
            wrong.append("there is no log line")
        elif case.would and " would=%s" % case.would not in line:
            wrong.append("the log does not say would=%s" % case.would)
        return wrong

    @staticmethod
    def judge_field(case, message):
        if message is None:
            return ["nothing was delivered"]
        name, value = message.fields[0]
        try:
            ident, _ = lab_authres.parse(value)
            result = lab_authres.spf(value, case.prop)
        except lab_authres.Malformed as e:
            return ["the field on top: %s" % e]
        wrong = []
        if (name, ident) != (AR, ID) or not result or result.result != case.spf:
            wrong.append("the field on top is not our spf=%s" % case.spf)
        if len(message.all(AR)) != 1 + (1 if case.forged else 0):
            wrong.append("a forged field is left, or a foreign one is gone")
        return wrong

    def show(self, number, case, rcpts, decisive, message, line, wrong):
        print()
        print("%2d  %s  %s" % (number, paint("1", case.title.ljust(68)),
                               paint("1;31", "WRONG") if wrong else paint("1;32", "as promised")))
        say("sent", "from %s, HELO %s, MAIL FROM:<%s>" % (case.client, case.helo, case.sender))
        for path, reply in zip(case.to, rcpts):
            say("to", "<%s>%s" % (path, ": " + reply.line if len(case.to) > 1 else ""))
        for field in case.extra.splitlines():
            say("with", field)
        say("reply", decisive.line, "33" if decisive.code >= 400 else None)
        if message:
            say("delivered", "%s: %s" % (message.fields[0][0],
                                         " ".join(message.fields[0][1].split())), "36")
            for value in message.all(AR)[1:]:
                say("", "%s: %s" % (AR, " ".join(value.split())))
        else:
            say("delivered", "nothing; it waits in the hold queue" if case.held else "nothing")
        say("log", re.sub(r"^.*?gatepost-spf: ", "", line or "none"))
        for what in wrong:
            say("WRONG", what, "1;31")


def send(port, client, helo, sender, rcpts, ident, extra=""):
    with lab_smtp.Client(port) as s:
        s.command("EHLO demo")
        s.xclient(client)
        s.command("EHLO " + helo)
        answer = s.message("<%s>" % sender, rcpts, "%sX-Lab-Id: %s\nFrom: <%s>\nTo: <%s>\n"
                           "Subject: demo\n\nHello.\n" % (extra, ident, sender or "mailer-daemon",
                                                          rcpts[0]))
        s.command("QUIT")
        return answer


STAY = """\

Everything stays up.  In another terminal, be any client you like:

    {me} send --port {port} --client 203.0.113.66 \\
        --from news@shop.example --to ann@careful.example

Demo domains   {domains}
Policy         {conf}
               edit it, then reload:  kill -USR1 {pid}
Folder         {dir}
Stop           Ctrl-C here, or: kill {us}

What is delivered and logged appears below.
"""


def stay(show):
    show.lab.keep = False
    print(STAY.format(
        me=os.path.abspath(__file__), port=show.postfix.port, conf=show.daemon.conf,
        domains=" ".join(sorted(n for n in ZONE if n.count(".") == 1)) + " " + BROKEN,
        pid=show.daemon.process.pid, dir=show.lab.dir, us=os.getpid()), flush=True)
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    lines, mails = show.daemon.log.mark(), len(show.sink.messages)
    while not done.wait(0.2):
        for line in show.daemon.log.all[lines:]:
            say("log", re.sub(r"^.*?gatepost-spf: ", "", line))
            lines += 1
        for message in show.sink.messages[mails:]:
            say("delivered", "to %s: %s: %s" % (", ".join(message.rcpts), *[
                " ".join(part.split()) for part in message.fields[0]]), "36")
            mails += 1
        sys.stdout.flush()


def run():
    begin = time.monotonic()
    why = lab_postfix.why_not() or (None if lab_nsd.NSD else "nsd is not installed")
    if why:
        sys.exit("demo: " + why)
    print(paint("1", "gatepost demo") + " - a private Postfix asks gatepost-spf, nsd answers it;")
    print("all on loopback, all in one temporary folder, nothing of yours is touched.")
    with lab_base.Lab("demo") as lab:
        show = Show(lab)
        print("Postfix listens on port %d, nsd on %d, gatepost-spf on %s" % (
            show.postfix.port, show.nsd.port, show.daemon.socket), flush=True)
        for number, case in enumerate(CASES, 1):
            show.play(number, case)
            sys.stdout.flush()
        took = time.monotonic() - begin
        wanted = sum(1 for c in CASES if c.spf)
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
    ap.add_argument("--from", dest="sender", default="", help="MAIL FROM; empty: null sender")
    ap.add_argument("--to", action="append", required=True)
    a = ap.parse_args(args)
    mail, rcpts, data = send(a.port, a.client, a.helo, a.sender, a.to, "played")
    for reply in [mail, *rcpts] + ([data] if data else []):
        print(reply.line)
    return 0 if data and data.good else 1


if __name__ == "__main__":
    try:
        sys.exit(send_one(sys.argv[2:]) if sys.argv[1:2] == ["send"] else run())
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
