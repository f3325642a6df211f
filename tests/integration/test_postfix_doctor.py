#!/usr/bin/python3
"""gatepost doctor beside a private Postfix: sockets as its smtpd reaches them,
also chrooted, its lists of milters, and TLS of its ports."""
import grp
import json
import os
import shlex
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "protocol"))
import lab_base
import lab_dns
import lab_gatepost
import lab_postfix
import lab_smtp
import lab_tap
import lab_tls
from rate_fixture import tool

NAMES = ("spf", "dkim", "dmarc", "rate")
SUBMIT = """
127.0.0.1:%d inet n - n - 60 smtpd
  -o smtpd_milters=$lab_submit
  -o milter_macro_daemon_name=ORIGINATING
"""
tap = lab_tap.Tap()


class Fixture:
    def __init__(self, lab):
        self.lab = lab
        os.chmod(lab.dir, 0o755)
        self.dns = lab.own(lab_dns.DnsServer({}))
        policy = {"authserv-id": "mx.lab.example", "store": "mem",
                  "resolver": {"servers": [self.dns.address], "timeout": "1s", "tries": 1}}
        self.run = lab.path("runtime")
        os.makedirs(self.run)
        self.daemons = {}
        for name in NAMES:
            d = lab_gatepost.Daemon(lab, policy, name=name, user="nobody", group="postfix",
                                    beside=self.daemons.get("spf"))
            os.symlink(d.run_dir, os.path.join(self.run, name))
            self.daemons[name] = d
        self.sink = lab.own(lab_smtp.Sink())
        self.submit_port = lab_base.free_port()
        self.postfix = lab_postfix.Postfix(
            lab, self.sink.port, self.of(*NAMES), main="lab_submit = %s\n" % self.of("dkim", "dmarc", "rate"),
            services=SUBMIT % self.submit_port)
        self.submit = "127.0.0.1:%d" % self.submit_port
        self.enable = "gatepost postfix enable --config-dir " + self.postfix.etc

    def of(self, *names):
        return ", ".join("unix:" + self.daemons[n].socket for n in names)

    def postconf(self, *words):
        return subprocess.run([lab_postfix.POSTCONF, "-c", self.postfix.etc, *words], check=True,
                              capture_output=True, text=True).stdout.strip()

    def mend(self, found):
        """Type the first line of the remedy."""
        self.postconf(*shlex.split(found[0][3].splitlines()[0])[1:])

    def doctor(self, *words):
        only = [w for topic in words if not topic.startswith("-") for w in ("--only", topic)]
        code, out, err = tool("--config", self.daemons["spf"].conf, "--runtime-dir", self.run, "--json", "doctor",
                              "--config-dir", self.postfix.etc, *only, *(w for w in words if w.startswith("-")))
        if err:
            tap.note(err)
        return code, json.loads(out)["findings"]

    def bad(self, *words):
        return [(f["light"], f["subject"], f["what"], f["remedy"]) for f in self.doctor(*words)[1]
                if f["light"] != "green"]


def green(f):
    code, found = f.doctor("daemons", "sockets", "postfix", "chain")
    tap.equal((code, [x["subject"] for x in found if x["light"] != "green"]), (0, []), "all is well: exit 0")
    tap.equal([x["what"] for x in found if x["topic"] == "sockets"],
              ["unix:%s: postfix reaches it" % f.daemons[n].socket for n in NAMES], "sockets: as postfix")
    tap.equal([(x["subject"], x["what"]) for x in found if x["topic"] == "postfix"],
              [("smtpd_milters", "asks spf, dkim, dmarc, rate"), ("non_smtpd_milters", "asks spf, dkim, dmarc, rate"),
               ("%s/inet/smtpd_milters" % f.submit, "asks dkim, dmarc, rate")], "lists: expanded, in order")


def lists(f):
    wrong = "{ unix:%s, connect_timeout=5s }, inet:127.0.0.1:9, %s" % (
        f.daemons["dmarc"].socket, f.of("dkim", "spf", "rate"))
    right = "%s, inet:127.0.0.1:9, %s, { unix:%s, connect_timeout=5s }, %s" % (
        f.of("spf"), f.of("dkim"), f.daemons["dmarc"].socket, f.of("rate"))
    f.postconf("-e", "smtpd_milters=" + wrong)
    tap.equal(f.bad("postfix"),
              [("red", "smtpd_milters", "asks dmarc, dkim, spf, rate: the order is spf, dkim, dmarc, rate",
                "postconf -c %s -e 'smtpd_milters=%s'\npostfix -c %s reload" % (f.postfix.etc, right, f.postfix.etc))], "a wrong order: the sorted line")
    f.mend(f.bad("postfix"))
    tap.equal(f.postconf("-h", "smtpd_milters"), right, "that line: as it says")
    tap.equal(f.bad("postfix"), [], "that line: nothing")
    f.postconf("-e", "lab_submit=" + f.of("rate", "dkim", "dmarc"))
    subject = f.submit + "/inet/smtpd_milters"
    tap.equal(f.bad("postfix"),
              [("red", subject, "asks rate, dkim, dmarc: the order is spf, dkim, dmarc, rate",
                "postconf -c %s -P '%s=%s'\npostfix -c %s reload" % (
                    f.postfix.etc, subject, f.of("dkim", "dmarc", "rate").replace(" ", ""), f.postfix.etc))],
              "a wrong order of an override")
    f.mend(f.bad("postfix"))
    tap.equal(f.bad("postfix"), [], "that line of the override: nothing")
    f.postconf("-P", subject + "=$lab_submit")
    f.postconf("-e", "lab_submit=" + f.of("dkim", "dmarc", "rate"), "smtpd_milters=" + f.of("spf", "dkim", "dmarc"))
    tap.equal(f.bad("postfix"), [("yellow", "smtpd_milters", "does not ask rate", f.enable)],
              "one that runs is not asked")
    f.postconf("-e", "smtpd_milters=%s, unix:/run/gatepost/other/milter.sock" % f.of(*NAMES))
    tap.equal([x[:3] for x in f.bad("postfix")],
              [("red", "smtpd_milters", "unix:/run/gatepost/other/milter.sock is the socket of no daemon of ours")],
              "a socket that nobody has")
    f.postconf("-e", "smtpd_milters=inet:127.0.0.1:9", "non_smtpd_milters=", "lab_submit=")
    tap.equal(f.bad("postfix"), [("red", "smtpd_milters", "Postfix asks none of the daemons", f.enable)],
              "none is asked")
    f.postconf("-e", "smtpd_milters=" + f.of(*NAMES), "non_smtpd_milters=" + f.of(*NAMES),
               "lab_submit=" + f.of("dkim", "dmarc", "rate"))


def sockets(f):
    d = f.daemons["dkim"]
    os.chmod(d.run_dir, 0o700)
    tap.equal(f.bad("sockets"),
              [("red", "dkim", "unix:%s: postfix may not enter %s" % (d.socket, d.run_dir),
                "chmod g+x " + d.run_dir)], "a folder that nobody else may enter")
    os.chmod(d.run_dir, 0o2750)
    os.chmod(d.socket, 0o700)
    tap.equal([x[2:] for x in f.bad("sockets")],
              [("unix:%s: postfix may not write to it" % d.socket, "chmod g+rw " + d.socket)],
              "a socket that is closed to postfix")
    os.chmod(d.socket, 0o770)
    daemon = grp.getgrnam("daemon").gr_gid
    os.chown(d.run_dir, -1, daemon)
    os.chown(d.socket, -1, daemon)
    tap.equal([x[2:] for x in f.bad("sockets")],
              [("unix:%s: postfix may not enter %s" % (d.socket, d.run_dir), "adduser postfix daemon\npostfix -c %s reload" % f.postfix.etc)],
              "a group that postfix is not in")
    for path in (d.run_dir, d.socket):
        os.chown(path, -1, grp.getgrnam("postfix").gr_gid)
    os.chmod(d.run_dir, 0o2750)


def asked(f):
    """One that does not run, but Postfix asks it, by the policy's socket."""
    d = f.daemons["dkim"]
    before = open(d.conf, encoding="utf-8").read()
    d.set_policy(before + 'listen { dkim = "unix:%s" }\n' % d.socket)
    for other in f.daemons.values():
        other.reload()
    d.stop()
    os.unlink(os.path.join(f.run, "dkim"))
    found = f.bad("daemons")
    tap.ok(len(found) == 1 and found[0][:2] == ("red", "dkim"), "one that Postfix asks and that does not run: red",
           repr(found))
    f.postconf("-e", "smtpd_milters=" + f.of("spf", "dmarc", "rate"), "non_smtpd_milters=", "lab_submit=")
    found = f.bad("daemons")
    tap.ok(len(found) == 1 and found[0][:2] == ("yellow", "dkim"), "nobody asks it: yellow", repr(found))
    f.postconf("-e", "smtpd_milters=" + f.of(*NAMES), "non_smtpd_milters=" + f.of(*NAMES),
               "lab_submit=" + f.of("dkim", "dmarc", "rate"))
    os.symlink(d.run_dir, os.path.join(f.run, "dkim"))
    d.start()


def chrooted(f):
    spool = os.path.join(f.postfix.dir, "spool")
    f.postconf("-F", "127.0.0.1:%d/inet/chroot=y" % f.postfix.port)
    tap.equal(f.bad("sockets"),
              [("red", n, "unix:%s: nothing is there in the root folder %s" % (f.daemons[n].socket, spool),
                f.enable + ", which shows the sockets in " + spool) for n in NAMES],
              "chrooted: no socket is seen")
    os.mkdir(os.path.join(spool, "gp"), 0o755)
    inside = []
    for n in NAMES:
        os.link(f.daemons[n].socket, os.path.join(spool, "gp", n))
        inside.append("unix:/gp/" + n)
    value = ", ".join(inside)
    f.postconf("-e", "smtpd_milters=" + value, "non_smtpd_milters=" + value, "lab_submit=" + ", ".join(inside[1:]))
    code, found = f.doctor("sockets", "postfix")
    tap.equal((code, [x["light"] for x in found], found[0]["what"], found[4]["what"]),
              (0, ["green"] * 7, "unix:/gp/spf: postfix reaches it from " + spool, "asks spf, dkim, dmarc, rate"),
              "chrooted: sockets by the names that they have there")


def ports(f):
    tap.equal([(x[0], x[1], x[2]) for x in f.bad("tls")],
              [("red", f.submit, "STARTTLS is not offered: passwords come in clear"),
               ("yellow", "smtp_tls_security_level", "mail leaves in clear")], "submission without TLS: red")
    f.mend(f.bad("tls")[1:])
    tap.equal([x[1] for x in f.bad("tls")], [f.submit], "and what leaves is mended by that line")
    both = lab_tls.certificate(f.lab, "good", -1, 90)
    os.chmod(both, 0o600)
    f.postconf("-e", "smtpd_tls_security_level=may", "smtpd_tls_chain_files=" + both)
    place = "127.0.0.1:%d" % f.postfix.port
    subprocess.run(["postfix", "-c", f.postfix.etc, "reload"], check=True, capture_output=True)
    found = []

    def offered():
        found[:] = [(x["light"], x["subject"], x["what"]) for x in f.doctor("tls", "--smtp=" + place)[1]]
        return found[0][0] == "green"
    try:
        lab_base.wait_until(offered, 20, "the reload")
    except lab_base.LabError:
        pass  # the finding tells
    tap.equal(found, [("green", place, "offered; the certificate holds for 89 days")], "TLS of a real Postfix")


def main():
    why = lab_postfix.why_not()
    if why:
        lab_tap.skip_all("gatepost doctor beside Postfix", why)
    with lab_base.Lab("pfdoctor") as lab:
        f = Fixture(lab)
        for test in (green, lists, sockets, ports, asked, chrooted):
            tap.run(test.__name__, test, f)
    tap.done()


main()
