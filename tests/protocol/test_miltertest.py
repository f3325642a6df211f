#!/usr/bin/python3
"""gatepost-spf against miltertest(8), a second implementation of the MTA's
side of the protocol: runs spf.lua and counts its lines."""
import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab_base
import lab_tap
from fixture import Fixture


def main():
    if not shutil.which("miltertest"):
        lab_tap.skip_all("miltertest", "miltertest is not installed")
    tap = lab_tap.Tap()
    with lab_base.Lab("miltertest") as lab:
        f = Fixture(lab)
        out = subprocess.run(
            ["miltertest", "-D", "socket=unix:" + f.socket, "-s", os.path.join(HERE, "spf.lua")],
            capture_output=True, text=True, timeout=120)
        for line in out.stdout.splitlines():
            if line.startswith(("ok ", "not ok ")):
                tap.ok(line.startswith("ok "), "miltertest " + line.partition("ok ")[2])
        tap.equal((out.returncode, out.stderr), (0, ""), "miltertest: the script ran to its end")
        tap.equal(f.daemon.stop(), 0, "miltertest: the daemon ends with 0")
    tap.done()


main()
