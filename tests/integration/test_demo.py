#!/usr/bin/python3
"""The demo itself: it ends with 0 and leaves nothing, it notices a daemon that
does not keep its promises, and DEMO_STAY lets one play and stop it."""
import concurrent.futures
import os
import re
import shutil
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab_base
import lab_dkim
import lab_gatepost
import lab_nsd
import lab_postfix
import lab_tap

DEMO = os.path.join(HERE, "demo.sh")
# a daemon whose policy is changed before it reads it
CHANGED = """#!/bin/sh
for word; do case $word in */gatepost.conf) sed '%s' "$word" >"$word.other" ;; esac; done
for word; do
    shift
    case $word in */gatepost.conf) word=$word.other ;; esac
    set -- "$@" "$word"
done
exec %s "$@"
"""
# how each one breaks its promise, and the case that shows it
BROKEN = (("spf", "s/fail = reject/fail = tag/", "A stranger sends as the shop"),
          ("dkim", "/auth = /{n;s/else = reject/else = unsigned/}", "The intern's login"),
          ("dkim", "/e2026/,/}/d", "signed by both its keys"),
          ("dmarc", "s/mode = enforce/mode = monitor/", "A spoof, with SPF"),
          ("dmarc", "s/reject = corroborated/reject = always/", "A mailing list changed"),
          ("dmarc", 's/, "list-unsubscribe-oneclick"//', "Bulk mail that nobody"),
          ("rate", 's/"5\\/1h"/"6\\/1h"/', "A newsletter at its limit"),
          ("rate", "s/login-limit = .*/login-limit = { }/", "A hijacked login"),
          ("rate", "s/class = transactional/class = bulk/", "so an invoice"),
          ("rate", "/warmup /,/}/s/first-day = 200/first-day = 2000/", "A young domain"))


class Folder:
    """Where one demo makes its temporary folders."""

    def __init__(self, lab, name):
        self.path = lab.path("tmp." + name)
        os.mkdir(self.path)

    @property
    def left(self):
        return os.listdir(self.path)

    def environment(self, **more):
        return {**os.environ, "TMPDIR": self.path, "DEMO_STAY": "0", **more}

    def run(self, **env):
        return subprocess.run(["sh", DEMO], capture_output=True, text=True, timeout=90,
                              env=self.environment(**env))


def shows(tap, lab):
    begin = time.monotonic()
    folder = Folder(lab, "shows")
    out = folder.run()
    tap.equal((out.returncode, out.stderr), (0, ""), "demo: exit 0")
    tap.ok(time.monotonic() - begin < 60, "demo: within a minute")
    tap.match(r"(?m)^(\d+) of \1 as promised", out.stdout, "demo: all as promised")
    for word in ("DKIM-Signature: v=1; a=rsa-sha256", "DKIM-Signature: v=1; a=ed25519-sha256",
                 "d=news.shop.example", "dkim=pass", "dkim=fail", "dkim=none", "550 5.7.1 ",
                 "550 5.7.23", "451 4.4.3", "spf=pass", "spf=fail", "spf=softfail",
                 "spf=permerror", "spf=temperror", "would=reject", "hold queue", "smtp.helo=",
                 "DMARC check of bank.example failed", "dmarc=pass", "dmarc=fail", "dmarc=none",
                 "dmarc=temperror", "policy.dmarc=reject", "override=mailing_list",
                 "List-Id", "one of ours", "preflight=fail",
                 "recipient rate exceeded (5/1h, limit pace); retry after ",
                 "recipient rate exceeded (30/1h, limit login-limit); retry after ",
                 "gatepost rate why ", "share 80 %", "warms up (200 recipients today)",
                 "the whole list fits from day"):
        tap.ok(word in " ".join(out.stdout.split()), "demo: shows " + word)
    tap.ok("gatepost-seal" not in out.stdout, "demo: no seal is delivered")
    tap.ok("\033" not in out.stdout, "demo: no colours but on a terminal")
    tap.equal(folder.left, [], "demo: its folder is gone")


def fails(tap, lab, number):
    name, change, case = BROKEN[number]
    build = "build%d" % number
    folder = Folder(lab, build)
    os.makedirs(lab.path(build, "bin"))
    os.symlink(os.path.join(lab_base.BUILD, "bin", "gatepost"), lab.path(build, "bin", "gatepost"))
    for other in ("spf", "dkim", "dmarc", "rate"):
        # copies: the demo's daemons run as nobody, who may not enter every tree
        shutil.copy(lab_gatepost.binary(other), lab.path(build, "real-" + other))
        shutil.copy(lab_gatepost.binary(other), lab.path(build, "bin", "gatepost-" + other))
    lab.write(build + "/bin/gatepost-" + name, CHANGED % (
        change, lab.path(build, "real-" + name)), 0o755)
    out = folder.run(O=lab.path(build))
    tap.ok(out.returncode == 1 and re.search(re.escape(case) + ".*WRONG", out.stdout),
           "demo: gatepost-%s with %s is noticed" % (name, change), out.stdout[-600:])
    tap.equal(folder.left, [], "demo: gatepost-%s with %s: its folder is gone" % (name, change))


def not_built(tap, lab):
    out = Folder(lab, "nowhere").run(O=lab.path("nowhere"))
    tap.ok(out.returncode != 0 and "make demo" in out.stderr, "demo: without a build it says what to do",
           repr(out))


def play(port, *args):
    return subprocess.run([os.path.join(HERE, "demo.py"), "send", "--port", port, *args, "--to",
                           "ann@careful.example"], capture_output=True, text=True, timeout=30)


def stays(tap, lab, number):
    name = signal.Signals(number).name
    folder = Folder(lab, name)
    log = lab.path("stay." + name)
    with open(log, "wb") as f:
        demo = subprocess.Popen(["sh", DEMO], stdout=f, stderr=f, stdin=subprocess.DEVNULL,
                                env=folder.environment(DEMO_STAY="1"))

    def text():
        with open(log, encoding="utf-8") as f:
            return f.read()

    def shown_later(word):
        return word in " ".join(text().split("appears below")[1].split())

    try:
        lab_base.wait_until(lambda: "appears below" in text() or demo.poll() is not None, 60,
                            "the demo stays")
        port, same, submit = re.findall(r"--port (\d+)", text())
        tap.equal(port, same, "demo stays, %s: one port for mail from outside" % name)
        out = play(port, "--client", "203.0.113.66", "--from", "news@shop.example")
        tap.ok(out.returncode == 1 and "550 5.7.23" in out.stdout,
               "demo stays, %s: send is answered" % name, repr(out))
        out = play(port, "--client", "203.0.113.66", "--from", "x@attacker.example", "--author",
                   "eve@bank.example")
        tap.ok(out.returncode == 1 and "550 5.7.1 DMARC" in out.stdout,
               "demo stays, %s: so is another From:" % name, repr(out))
        out = play(submit, "--login", "shop-app", "--from", "orders@shop.example")
        tap.ok(out.returncode == 0 and "250 2.0.0" in out.stdout,
               "demo stays, %s: so is a submission" % name, repr(out))
        for word in ("action=reject", "dkim=signed", "dkim=pass header.d=shop.example",
                     "why=dmarc.reject"):
            tap.ok(lab_base.wait_until(lambda w=word: shown_later(w), 10, word),
                   "demo stays, %s: %s appears" % (name, word))
    finally:
        demo.send_signal(number)
        status = demo.wait(20)
    tap.equal(status, 0, "demo stays, %s: it ends with 0" % name)
    tap.equal(folder.left, [], "demo stays, %s: its folder is gone" % name)


def main():
    why = lab_postfix.why_not() or lab_dkim.why_not() or (
        None if lab_nsd.NSD else "nsd is not installed")
    if why:
        lab_tap.skip_all("the demo", why)
    tap = lab_tap.Tap()
    with lab_base.Lab("demotest") as lab:
        tap.run("shows", shows, tap, lab)
        tap.run("not_built", not_built, tap, lab)
        jobs = [(fails, n) for n in range(len(BROKEN))]
        jobs += [(stays, n) for n in (signal.SIGTERM, signal.SIGINT)]
        # a demo waits more than it works
        with concurrent.futures.ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda job: tap.run("%s %d" % (job[0].__name__, job[1]), job[0], tap, lab,
                                              job[1]), jobs))
    tap.done()


main()
