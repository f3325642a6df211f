#!/usr/bin/python3
"""The demo itself: it ends with 0 and leaves nothing, it notices a daemon that
does not keep its promises, and DEMO_STAY lets one play and stop it."""
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
import lab_gatepost
import lab_nsd
import lab_postfix
import lab_tap

DEMO = os.path.join(HERE, "demo.sh")
# a daemon whose policy only tags, whatever was asked for
LENIENT = """#!/bin/sh
for word; do case $word in */gatepost.conf) sed -i 's/= reject/= tag/' "$word" ;; esac; done
exec %s "$@"
"""


def left(lab):
    """What the demo left in its folder of temporary folders."""
    return os.listdir(lab.path("tmp"))


def environment(lab, **more):
    return {**os.environ, "TMPDIR": lab.path("tmp"), "DEMO_STAY": "0", **more}


def run(lab, **env):
    return subprocess.run(["sh", DEMO], capture_output=True, text=True, timeout=60,
                          env=environment(lab, **env))


def shows(tap, lab):
    begin = time.monotonic()
    out = run(lab)
    tap.equal((out.returncode, out.stderr), (0, ""), "demo: exit 0")
    tap.ok(time.monotonic() - begin < 60, "demo: within a minute")
    tap.match(r"(?m)^(\d+) of \1 as promised", out.stdout, "demo: all as promised")
    for word in ("550 5.7.23", "451 4.4.3", "spf=pass", "spf=fail", "spf=softfail",
                 "spf=permerror", "spf=temperror", "would=reject", "hold queue", "smtp.helo="):
        tap.ok(word in out.stdout, "demo: shows " + word)
    tap.ok("\033" not in out.stdout, "demo: no colours but on a terminal")
    tap.equal(left(lab), [], "demo: its folder is gone")


def fails(tap, lab):
    # a copy: the demo's daemon runs as nobody, who may not enter every tree
    real = shutil.copy(lab_gatepost.binary(), lab.path("real-gatepost-spf"))
    lab.write("build/bin/gatepost-spf", LENIENT % real, 0o755)
    out = run(lab, O=lab.path("build"))
    tap.ok(out.returncode == 1 and "WRONG" in out.stdout,
           "demo: a daemon that does not reject is noticed", out.stdout[-600:])
    tap.equal(left(lab), [], "demo: after a failure its folder is gone")
    out = run(lab, O=lab.path("nowhere"))
    tap.ok(out.returncode != 0 and "make demo" in out.stderr, "demo: without a build it says what to do",
           repr(out))


def stays(tap, lab):
    for number in (signal.SIGTERM, signal.SIGINT):
        name = signal.Signals(number).name
        log = lab.path("stay." + name)
        with open(log, "wb") as f:
            demo = subprocess.Popen(["sh", DEMO], stdout=f, stderr=f, stdin=subprocess.DEVNULL,
                                    env=environment(lab, DEMO_STAY="1"))
        try:
            text = lambda: open(log, encoding="utf-8").read()
            lab_base.wait_until(lambda: "appears below" in text() or demo.poll() is not None, 60,
                                "the demo stays")
            port = re.search(r"--port (\d+)", text()).group(1)
            out = subprocess.run([os.path.join(HERE, "demo.py"), "send", "--port", port,
                                  "--client", "203.0.113.66", "--from", "news@shop.example",
                                  "--to", "ann@careful.example"], capture_output=True, text=True,
                                 timeout=30)
            tap.ok(out.returncode == 1 and "550 5.7.23" in out.stdout,
                   "demo stays, %s: send is answered" % name, repr(out))
            tap.ok(lab_base.wait_until(lambda: "appears below" in text() and "action=reject" in
                                       text().split("appears below")[1], 10, "the log line"),
                   "demo stays, %s: the log line appears" % name)
        finally:
            demo.send_signal(number)
            status = demo.wait(20)
        tap.equal(status, 0, "demo stays, %s: it ends with 0" % name)
        tap.equal(left(lab), [], "demo stays, %s: its folder is gone" % name)


def main():
    why = lab_postfix.why_not() or (None if lab_nsd.NSD else "nsd is not installed")
    if why:
        lab_tap.skip_all("the demo", why)
    tap = lab_tap.Tap()
    with lab_base.Lab("demotest") as lab:
        os.mkdir(lab.path("tmp"))
        for test in (shows, fails, stays):
            tap.run(test.__name__, test, tap, lab)
    tap.done()


main()
