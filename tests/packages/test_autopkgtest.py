#!/usr/bin/python3
"""The tests of the packages (packaging/debian/tests) as Debian runs them: by
autopkgtest, on the packages that `make deb` has built, each on a fresh Debian
of its own.

What autopkgtest and the tests say is kept in $O/autopkgtest.  NAME... are the
tests that are run (default: all).  GP_BOOT=no: without systemd; yes: hosts must
boot.
"""
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import lab_root
import lab_base
import lab_tap

LOGS = os.path.join(lab_base.BUILD, "autopkgtest")
LIMIT = 280
SHOWN = 60


def why_not():
    if not shutil.which("autopkgtest"):
        return "autopkgtest is not installed"
    if not lab_root.debs():
        return "no packages; make deb builds them"
    return None


def names():
    with open(lab_root.CONTROL, encoding="utf-8") as f:
        return [n for field in re.findall(r"(?m)^Tests:(.*)", f.read()) for n in re.split(r"[,\s]+", field.strip())]


def stage(folder):
    """The source package as autopkgtest takes it without building: debian/files
    tells it that this is done."""
    os.makedirs(folder)
    parts = {part: part for part in ("tests/support", "tests/protocol", "packaging/man")}
    for part, place in {**parts, "packaging/debian": "debian"}.items():
        shutil.copytree(os.path.join(lab_base.ROOT, part), os.path.join(folder, place),
                        ignore=shutil.ignore_patterns("*.c", "*.h", "__pycache__"))
    with open(os.path.join(folder, "debian", "files"), "w", encoding="ascii"):
        pass


def told(out):
    """{name: (PASS | FAIL | SKIP ..., why)} of its summary."""
    results = {}
    with open(os.path.join(out, "summary"), encoding="utf-8") as f:
        for line in f:
            found = re.match(r"(\S+)\s+([A-Z]+)\s*(.*)", line)
            if found:
                results[found.group(1)] = found.group(2), found.group(3)
    return results


def said(name):
    """What the test printed, without what is good."""
    out = []
    for stream in ("stdout", "stderr"):
        path = os.path.join(LOGS, "%s-%s" % (name, stream))
        if os.path.exists(path):
            with open(path, encoding="utf-8", errors="backslashreplace") as f:
                out += [line for line in f if not line.startswith("ok ")]
    return "".join(out[-SHOWN:])


def run(tap, lab, wanted):
    shutil.rmtree(LOGS, ignore_errors=True)
    stage(lab.path("gatepost"))
    server = [os.path.join(HERE, "virt_fresh.py")]
    only = ["--test-name=" + name for name in wanted]
    log = lab_base.Process(["autopkgtest", "--output-dir=" + LOGS, *only, "--no-auto-control",
                            "--env=PYTHONDONTWRITEBYTECODE=1", *lab_root.debs(), lab.path("gatepost"), "--", *server])
    lab.own(log)
    if log.wait(LIMIT) is None:
        tap.note("autopkgtest takes longer than %d s" % LIMIT)
        log.stop()
    results = told(LOGS) if os.path.exists(os.path.join(LOGS, "summary")) else {}
    if not results:
        tap.note("autopkgtest gave no results:\n" + "\n".join(log.err.all[-SHOWN:]))
    for name in wanted:
        result, why = results.get(name, ("FAIL", "no result"))
        if result == "SKIP":
            tap.skip("autopkgtest: " + name, why)
        else:
            tap.ok(result == "PASS", "autopkgtest: " + name, "%s %s\n%s" % (result, why, said(name)))


def main():
    wanted = [n for n in names() if n in sys.argv[1:] or not sys.argv[1:]]
    why = why_not()
    if why:
        lab_tap.skip_all("autopkgtest", why)
    try:
        booted = lab_root.check()
    except lab_root.Missing as e:
        lab_tap.skip_all("autopkgtest", str(e))
    tap = lab_tap.Tap()
    if not booted:
        tap.note("hosts are not booted: daemons are started as their units say")
    if os.environ.get("GP_BOOT") == "yes":
        tap.ok(booted, "a host boots")
    with lab_base.Lab("autopkgtest") as lab:
        run(tap, lab, wanted)
    tap.done()


main()
