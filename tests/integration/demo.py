#!/usr/bin/python3
"""The demo: real mail through a private Postfix that asks gatepost-spf,
gatepost-dkim, gatepost-dmarc and gatepost-rate, signed and limited at submission
and judged at the MX.
What is sent and promised is in demo_cases.

    demo.py                        the show; exit 0 when all is as promised
    demo.py send --port N ...      one message into a demo that stays
"""
import argparse
import calendar
import os
import re
import shlex
import signal
import subprocess
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
from demo_cases import (
    AR, BROKEN, CASES, ID, KEYS, LOGINS, PARTS, POLICY, ZONE, Question)

PASSWORD = "secret"
SIGNATURE = "DKIM-Signature"
DAEMONS = ("spf", "dkim", "dmarc", "rate")  # in the order of their work
TOOL = os.path.join(lab_base.BUILD, "bin", "gatepost")
COLOUR = sys.stdout.isatty() and not os.environ.get("NO_COLOR")


def paint(code, text):
    return "\033[%sm%s\033[0m" % (code, text) if COLOUR else text


def say(label, text, code=None):
    """One labelled line, folded at 96 columns."""
    for i, line in enumerate(textwrap.wrap(text, 82, break_on_hyphens=False) or [""]):
        print("    %s%s" % ((label if i == 0 else "").ljust(11), paint(code, line) if code else line))


class Show:
    def __init__(self, lab):
        self.lab = lab
        self.keys = {s: lab_dkim.Key(kind) for s, (_, kind, _) in KEYS.items()}
        self.zone = dict(ZONE, **{lab_dkim.name(s, domain): {"TXT": [self.keys[s].record]}
                                  for s, (domain, _, _) in KEYS.items()})
        self.nsd = lab_nsd.Nsd(lab, self.zone, broken=[BROKEN])
        self.sink = lab.own(lab_smtp.Sink())
        self.daemons = self.start_daemons(lab)
        passwords = lab_sasl.Passwords(lab, {login: PASSWORD for login in LOGINS})
        self.postfix = lab_postfix.Postfix(
            lab, self.sink.port, ", ".join("unix:" + d.socket for d in self.daemons.values()), ID,
            login=passwords.path, submit_host="submit.demo.example")
        self.kept = 0

    def start_daemons(self, lab):
        """One policy and one seal for all of them."""
        policy = dict(POLICY, resolver=dict(POLICY["resolver"], servers=[self.nsd.address]))
        files = {file: self.keys[s].pem for s, (_, _, file) in KEYS.items() if file}
        daemons = {}
        for name in DAEMONS:
            daemons[name] = lab_gatepost.Daemon(
                lab, policy, name=name, user="nobody", group="postfix", beside=daemons.get("spf"),
                keys=files if name == "dkim" else None)
        return daemons

    def delivered(self, number):
        """What that case has delivered, as it was sent."""
        return re.sub(rb"(?m)^X-Lab-Id: .*\r\n", b"", self.sink.of("demo%d" % number)[0].raw)

    def hand_over(self, case, ident):
        if case.login:
            return submit(self.postfix.submit_port, case.login, case.sender, case.author, case.to,
                          ident)
        raw = case.raw(self.keys, self.delivered) or lab_dkim.octets(
            text_of(case.author, case.to[0], case.extra))
        return send(self.postfix.port, case.client, case.helo, case.sender, case.to, ident, raw)

    def play(self, number, case):
        """Send it, show it, and see whether all is as promised."""
        ident = "demo%d" % number
        early = self.send_before(case, ident)
        log = self.daemons[case.daemon].log
        mark = log.mark()
        mail, rcpts, data = self.hand_over(case, ident)
        decisive = data or next((r for r in rcpts if not r.good), mail)
        message = self.sink.wait(ident) if data and data.code == 250 and not case.held else None
        key = (data.queue_id + ": ") if data and data.queue_id else "from="
        line = log.wait(lambda l: key in l, 5, mark)
        wrong = early + self.judge(case, rcpts, decisive, message, line)
        told = self.ask_why(case, decisive, wrong)
        self.show(number, case, rcpts, decisive, message, line, wrong, told)
        self.kept += not wrong

    def send_before(self, case, ident):
        """Those of its kind that pass; what is not as promised."""
        wrong = []
        for i in range(case.before):
            data = self.hand_over(case, "%s-%d" % (ident, i))[2]
            if not data or data.code != 250 or not self.sink.wait("%s-%d" % (ident, i)):
                wrong.append("number %d did not pass: %s" % (i + 1, data and data.line))
        return wrong

    def tool(self, command):
        """What `gatepost COMMAND` prints."""
        out = subprocess.run(
            [TOOL, "--config", self.daemons["rate"].conf, "--control",
             self.daemons["rate"].control, *shlex.split(command)],
            capture_output=True, text=True, timeout=30)
        return out.stdout + out.stderr

    def ask_why(self, case, decisive, wrong):
        """The command that explains a refusal, and the answer."""
        if not case.why:
            return None
        command = "rate why %s" % (decisive.line.rpartition("[")[2].rstrip("]"))
        text = self.tool(command)
        wrong += missing_lines(case.why, text)
        return command, text

    def ask(self, number, case):
        text = self.tool(case.command)
        wrong = missing_lines(case.answer, text)
        show_title(number, case, wrong)
        show_told(case.command, text)
        for what in wrong:
            say("WRONG", what, "1;31")
        self.kept += not wrong

    def judge(self, case, rcpts, decisive, message, line):
        """What is not as promised, as a list of sentences."""
        wrong = []
        if not re.search(case.reply, decisive.line):
            wrong.append("the reply is not like %s" % case.reply)
        if case.login:
            if not all(r.good for r in rcpts):
                wrong.append("a recipient was refused, and not the message")
        elif len(case.to) > 1 and [r.code for r in rcpts] != [550, 250]:
            wrong.append("not the first refused and the second accepted")
        if "retry after" in decisive.line:
            wrong += judge_time(decisive.line)
        if case.held:
            held = [m["queue_name"] for m in self.postfix.queue()
                    if m["queue_id"] == decisive.queue_id]
            if held != ["hold"]:
                wrong.append("it is not in the hold queue")
        if case.delivered:
            wrong += self.judge_fields(case, message)
        if line is None:
            wrong.append("there is no log line")
        elif case.log not in line:
            wrong.append("the log does not say%s" % case.log)
        return wrong

    def judge_fields(self, case, message):
        if message is None:
            return ["nothing was delivered"]
        fields = message.all(AR)
        try:
            ident, ours = lab_authres.read(fields[0])
            spf = lab_authres.spf(fields[0], case.prop)
        except (IndexError, lab_authres.Malformed, lab_authres.Differs) as e:
            return ["the field on top: %s" % e]
        wrong = []
        if message.fields[0][0] != AR or ident != ID or not spf or spf.result != case.spf:
            wrong.append("the field on top is not ours with spf=%s" % case.spf)
        dkim = {r.props.get("header.s"): r.result for r in ours if r.method == "dkim"}
        if dkim != (case.dkim or {None: "none"}):
            wrong.append("DKIM says %r" % dkim)
        dmarc = [(r.result, r.props.get("policy.dmarc")) for r in ours if r.method == "dmarc"]
        if dmarc != [case.dmarc]:
            wrong.append("DMARC says %r" % dmarc)
        if len(fields) != 1 + case.foreign or "gatepost-seal" in "".join(fields):
            wrong.append("a forged or a sealed field is left, or a foreign one is gone")
        return wrong + self.judge_signatures(case, message)

    def judge_signatures(self, case, message):
        wrong = []
        if self.dkimpy(message) != {s for s, r in case.dkim.items() if r == "pass"}:
            wrong.append("dkimpy verifies %r" % self.dkimpy(message))
        if len(message.all(SIGNATURE)) != len(case.dkim):
            wrong.append("it has %d signatures" % len(message.all(SIGNATURE)))
        return wrong

    def show(self, number, case, rcpts, decisive, message, line, wrong, told):
        show_title(number, case, wrong)
        if case.before:
            say("before", "%d of the same: 250, and delivered" % case.before)
        if case.login:
            say("submitted", "with the login %s, From: <%s>" % (case.login, case.author))
        else:
            say("sent", "from %s, HELO %s, MAIL FROM:<%s>" % (case.client, case.helo, case.sender))
            if case.author != case.sender:
                say("", "From: <%s>" % case.author)
        if case.login:
            say("to", ", ".join("<%s>" % path for path in case.to))
        else:
            for path, reply in zip(case.to, rcpts):
                say("to", "<%s>%s" % (path, ": " + reply.line if len(case.to) > 1 else ""))
        for field in case.extra.splitlines():
            say("with", field)
        if case.way:
            say("letter", case.way)
        say("reply", decisive.line, "33" if decisive.code >= 400 else None)
        if message:
            self.show_message(case, message)
        else:
            say("delivered", "nothing; it waits in the hold queue" if case.held else "nothing")
        say("log", re.sub(r"^.*?gatepost-\w+: ", "", line or "none"))
        if told:
            show_told(*told)
        for what in wrong:
            say("WRONG", what, "1;31")

    def dkimpy(self, message):
        """The selectors of the signatures that it verifies."""
        return {s.selector for s in lab_dkim.signatures(message.raw, self.zone) if s.good}

    def show_message(self, case, message):
        if case.login:
            for value in message.all(SIGNATURE):
                say("signed", brief(value), "35")
        if case.dkim:
            say("dkimpy", "verifies %s" % (" and ".join(sorted(self.dkimpy(message))) or "nothing"))
        label = "delivered"
        for value in message.all(AR):
            say(label, "%s: %s" % (AR, " ".join(value.split())), "36" if ID in value else None)
            label = ""


def missing_lines(promised, text):
    return ["the tool has no line %s" % line for line in promised
            if not re.search("(?m)^%s$" % line, text)]


def judge_time(line):
    """The time to try again is now and the seconds that are told."""
    found = re.search(r"retry after (\S+)Z \((\d+) s\)", line)
    then = calendar.timegm(time.strptime(found[1], "%Y-%m-%dT%H:%M:%S"))
    late = then - int(found[2]) - time.time()
    return [] if abs(late) < 5 else ["the time to try again is wrong by %.0f s" % late]


def show_title(number, case, wrong):
    print()
    print("%2d  %s  %s" % (number, paint("1", case.title.ljust(70)),
                           paint("1;31", "WRONG") if wrong else paint("1;32", "as promised")))


def show_told(command, text):
    say("asked", "gatepost " + command)
    for line in text.splitlines():
        print("    %s%s" % ("".ljust(11), paint("36", line)))


def brief(signature):
    """A DKIM-Signature with its long values cut."""
    text = " ".join(signature.split())
    text = re.sub(r"\b(b|bh)=([A-Za-z0-9+/ ]{8})[A-Za-z0-9+/= ]*", r"\1=\2...", text)
    return "%s: %s" % (SIGNATURE, re.sub(r"\bh=([^;]{60})[^;]*", r"h=\1...", text))


def text_of(author, to, extra=""):
    return "%sFrom: <%s>\nTo: <%s>\nSubject: demo\n\nHello.\n" % (extra, author, to)


def marked(ident, raw):
    return b"X-Lab-Id: %s\r\n" % ident.encode() + lab_dkim.octets(raw)


def send(port, client, helo, sender, rcpts, ident, raw):
    """To the MX, from anywhere."""
    with lab_smtp.Client(port) as s:
        s.command("EHLO demo")
        s.xclient(client)
        s.command("EHLO " + helo)
        answer = s.message("<%s>" % sender, rcpts, marked(ident, raw))
        s.command("QUIT")
        return answer


def submit(port, login, sender, author, rcpts, ident):
    """To the submission port, with a login."""
    with lab_smtp.Client(port) as s:
        s.command("EHLO demo")
        s.command(lab_sasl.plain(login, PASSWORD))
        answer = s.message("<%s>" % sender, rcpts, marked(ident, text_of(author, rcpts[0])))
        s.command("QUIT")
        return answer


STAY = """\

Everything stays up.  In another terminal, be any client you like:

    {me} send --port {port} --client 203.0.113.66 \\
        --from news@shop.example --to ann@careful.example
    {me} send --port {port} --client 203.0.113.66 \\
        --from x@attacker.example --author eve@bank.example --to dan@plain.example

or submit with a login ({logins}), to be signed:

    {me} send --port {submit} --login shop-app \\
        --from orders@shop.example --to ann@careful.example

or ask what is counted:

    {tool} --control {control} rate show

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
        me=os.path.abspath(__file__), tool=TOOL, control=show.daemons["rate"].control, port=show.postfix.port, submit=show.postfix.submit_port,
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
    why = lab_postfix.why_not() or lab_dkim.why_not() or (
        None if lab_nsd.NSD else "nsd is not installed")
    if why:
        sys.exit("demo: " + why)
    print(paint("1", "gatepost demo") + " - a private Postfix asks gatepost-spf, gatepost-dkim,"
          " gatepost-dmarc")
    print("and gatepost-rate; nsd answers them. All on loopback, all in one temporary folder; nothing of yours is touched.")
    with lab_base.Lab("demo") as lab:
        show = Show(lab)
        print("Postfix is the MX on port %d and takes submissions on %d; nsd listens on %d."
              % (show.postfix.port, show.postfix.submit_port, show.nsd.port), flush=True)
        number = 0
        for heading, cases in PARTS:
            print("\n" + paint("1;4", heading), flush=True)
            for number, case in enumerate(cases, number + 1):
                play = show.ask if isinstance(case, Question) else show.play
                play(number, case)
                sys.stdout.flush()
        took = time.monotonic() - begin
        wanted = sum(case.letters for case in CASES)
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
    ap.add_argument("--author", help="the address in From:, when it is another")
    ap.add_argument("--to", action="append", required=True)
    a = ap.parse_args(args)
    if a.login:
        mail, rcpts, data = submit(a.port, a.login, a.sender, a.author or a.sender, a.to, "played")
    else:
        mail, rcpts, data = send(a.port, a.client, a.helo, a.sender, a.to, "played",
                                 text_of(a.author or a.sender or "mailer-daemon", a.to[0]))
    for reply in [mail, *rcpts] + ([data] if data else []):
        print(reply.line)
    return 0 if data and data.good else 1


if __name__ == "__main__":
    try:
        sys.exit(send_one(sys.argv[2:]) if sys.argv[1:2] == ["send"] else run())
    except KeyboardInterrupt:
        sys.exit("\nStopped.")
