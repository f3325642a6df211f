"""enable_fixture - a private Postfix, the four daemons, a milter of somebody
else, and `gatepost postfix` between them."""
import glob
import os
import re
import shutil
import subprocess

import lab_base
import lab_chain
import lab_dkim
import lab_dns
import lab_gatepost
import lab_postfix
import lab_sasl
import lab_smtp
import lab_tap
import rate_fixture
from rate_fixture import ID, LETTER, tool

BUILD = "asan"
DISABLED, BROKEN = 1, 2
USAGE, UNAVAILABLE, TEMPFAIL, NOPERM, CONFIG = 64, 69, 75, 77, 78
AR = "Authentication-Results"
FOREIGN = "foreign.lab.example"
tap = lab_tap.Tap()


class Place:
    """One Postfix, the four daemons, and a milter of somebody else."""

    def __init__(self, lab):
        self.lab, self.count = lab, 0
        self.sink = lab.own(lab_smtp.Sink())
        key = lab_dkim.Key()
        self.zone = {"s1._domainkey.own.example": {"TXT": [key.record]}}
        dns = lab.own(lab_dns.DnsServer(self.zone, ttl=0))
        settings = rate_fixture.settings(dns) | {
            ("domain", "own.example"): {("key", "s1"): {"file": "rsa.pem"}}}
        settings["trust"]["listeners"] = ["ORIGINATING"]
        self.chain = lab_chain.Chain(lab, settings, keys={"rsa.pem": key.pem})
        self.foreign = lab_gatepost.Daemon(
            lab, dict(rate_fixture.settings(dns), **{"authserv-id": FOREIGN}), label="foreign",
            user="nobody", group="postfix")
        passwords = lab_sasl.Passwords(lab, {"app": "1"})
        self.chroot_port = lab_base.free_port()
        self.postfix = lab_postfix.Postfix(lab, self.sink.port, "", ID, login=passwords.path)
        self.etc, self.state = self.postfix.etc, lab.path("state")
        self.names = [os.path.join(self.etc, n) for n in ("main.cf", "master.cf")]
        # what a test begins with; comments and folds are what is lost easily
        self.plain = [self.read(n) for n in self.names]

    @staticmethod
    def read(name):
        with open(name, encoding="utf-8") as f:
            return f.read()

    @staticmethod
    def write(name, text):
        """As a whole: a process of Postfix that reads half of it dies, and
        master waits a minute before it starts another."""
        with open(name + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.rename(name + ".new", name)

    def files(self):
        return [self.read(n) for n in self.names]

    def look(self):
        """All there is of the two files, and what lies beside them."""
        stats = [os.stat(n) for n in self.names]
        return (self.files(), [(s.st_mode, s.st_uid, s.st_gid) for s in stats],
                sorted(glob.glob(self.etc + "/*")), sorted(glob.glob(self.state + "/*/*")))

    def begin(self, main="", master=""):
        """As installed, with these lines more; nothing is remembered.  Of a
        line that comes twice every process would complain, also the one that
        writes the log, to itself."""
        for path in glob.glob(self.etc + "/*gatepost-*"):
            os.remove(path)
        shutil.rmtree(self.state, ignore_errors=True)
        os.mkdir(self.state)
        plain = list(self.plain)
        for name in re.findall(r"^(\w+) *=", main, re.M):
            plain[0] = re.sub(r"(?m)^%s *=.*\n" % name, "", plain[0])
        for name, text, more in zip(self.names, plain, (main, master)):
            self.write(name, "# the first line\n" + text + more)
        self.reload()
        return self.look()

    def reload(self):
        subprocess.run(["postfix", "-c", self.etc, "reload"], check=True, capture_output=True, timeout=30)

    def gatepost(self, *words):
        """gatepost postfix WORDS: (exit code, standard output, standard error)."""
        return tool("--runtime-dir", self.chain.runtime, "--state-dir", self.state, "postfix", *words,
                    "--config-dir", self.etc, build=BUILD)

    def expect(self, want, name, *words):
        code, out, err = self.gatepost(*words)
        tap.ok(code == want and (code in (0, DISABLED, BROKEN) or err.count("\n") == 1),
               "%s: exit code %d" % (name, want), "%r\n%s\n%s" % (code, out, err))
        return out, err

    # -- mail --

    def ident(self):
        self.count += 1
        return "m%d" % self.count

    def send(self, port=None, login=False, domain="stranger.example"):
        """By this port: (the last reply, what was delivered or None)."""
        ident = self.ident()
        with lab_smtp.Client(port or self.postfix.port) as s:
            s.command("EHLO client.example")
            if login:
                s.command(lab_sasl.plain("app", "1"))
            mail, _, done = s.message("<a@%s>" % domain, ["u@there.example"],
                                      "X-Lab-Id: %s\r\n%s" % (ident, LETTER % domain))
        reply = done or mail
        return reply, self.sink.wait(ident) if reply.good else None

    def submit(self):
        return self.send(self.postfix.submit_port, True, "own.example")

    def local(self):
        ident = self.ident()
        self.postfix.sendmail("a@own.example", ["u@there.example"],
                              "X-Lab-Id: %s\n%s" % (ident, LETTER % "own.example"))
        return ident

    def is_signed(self, message):
        return message and [(s.domain, s.good) for s in lab_dkim.signatures(message.raw, self.zone)] == [
            ("own.example", True)]


def judged(message, ident=ID):
    """Has it results of ours (or of this id)?"""
    return message is not None and any(v.startswith(ident + ";") for v in message.all(AR))


def run(name, *tests):
    """One lab, and these tests in it."""
    why = lab_postfix.why_not() or lab_dkim.why_not()
    if why:
        lab_tap.skip_all(name, why)
    with lab_base.Lab("enable") as lab:
        place = Place(lab)
        for test in tests:
            tap.run(test.__name__, test, place)
    tap.done()
