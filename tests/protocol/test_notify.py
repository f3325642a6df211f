#!/usr/bin/python3
"""What systemd is told, by the protocol of sd_notify(3): when the sockets
answer, before and after a reload, at the end; and what systemctl status shows
meanwhile."""
import os
import re
import signal
import socket
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_base
import lab_dkim
import lab_gatepost
import lab_tap
import miltermta

SINCE = r"policy of \d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC, "
PATIENCE = {"EXTEND_TIMEOUT_USEC": "600000000"}
tap = lab_tap.Tap()


class Systemd:
    """The receiving end; each message as {name: value}, in the order of its
    lines."""

    def __init__(self, lab, name):
        self.path = lab.path(name + ".notify")
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(self.path)
        self.sock.settimeout(10)
        lab.own(self)

    def stop(self):
        self.sock.close()

    def next(self):
        text = self.sock.recv(8192).decode("ascii")
        return dict(line.split("=", 1) for line in text.split("\n"))

    def silent(self):
        self.sock.setblocking(False)
        try:
            return self.sock.recv(8192).decode("ascii", "backslashreplace")
        except BlockingIOError:
            return ""
        finally:
            self.sock.settimeout(10)


def start(lab, name, settings, label=None, **kw):
    systemd = Systemd(lab, label or name)
    daemon = lab_gatepost.Daemon(lab, settings, lab_gatepost.binary(name, "asan"), name=name, label=label or name,
                                 env={"NOTIFY_SOCKET": systemd.path}, **kw)
    return systemd, daemon


def began(what, systemd):
    """The message before a reload is read."""
    first = systemd.next()
    now = time.clock_gettime(time.CLOCK_MONOTONIC) * 1e6
    tap.equal(first.get("RELOADING"), "1", what + ": RELOADING=1")
    tap.ok(0 <= now - int(first.get("MONOTONIC_USEC", "0")) < 20e6,
           what + ": MONOTONIC_USEC is the time of now", repr((now, first)))
    tap.equal(first.get("EXTEND_TIMEOUT_USEC"), PATIENCE["EXTEND_TIMEOUT_USEC"],
              what + ": it may take long")


def life(lab, name):
    """Start, reload, a reload that is refused, and the end."""
    good = {"resolver": {"servers": ["127.0.0.1:9"]}, ("domain", "a.example"): {}}
    systemd, daemon = start(lab, name, good)
    keys = ", no keys: verifies only" if name == "dkim" else ""
    tap.equal(systemd.next(), PATIENCE, name + ": reading the policy may take long")
    first = systemd.next()
    tap.equal(list(first), ["READY", "STATUS"], name + ": then READY=1")
    tap.match("^" + SINCE + "1 domain%s; 0 sessions open$" % keys, first["STATUS"],
              name + ": what is in force")
    with miltermta.Session(daemon.socket):
        tap.ok(True, name + ": and then the socket answers")

    daemon.set_policy({**good, ("domain", "b.example"): {}})
    tap.equal(daemon.reload()[0], "ok", name + ": reload")
    began(name + ": reload", systemd)
    after = systemd.next()
    tap.equal(after.get("READY"), "1", name + ": reload: READY=1")
    tap.match(SINCE + "2 domains", after["STATUS"], name + ": reload: what is in force now")

    daemon.set_policy("nonsense \x1b = 1\nspf { fial = tag }\n")
    daemon.process.signal(signal.SIGUSR1)
    began(name + ": refused reload", systemd)
    after = systemd.next()
    tap.equal(after.get("READY"), "1", name + ": refused reload: READY=1 all the same")
    tap.match(r"^the last reload failed: \S*gatepost\.conf:1: [ -~]+; still in force: " + SINCE
              + "2 domains", after["STATUS"], name + ": refused reload: where, and what holds")
    tap.equal(systemd.silent(), "", name + ": refused reload: nothing more")

    daemon.set_policy(good)
    daemon.reload()
    systemd.next()
    tap.match("^" + SINCE + "1 domain", systemd.next()["STATUS"], name + ": mended: as before")
    tap.equal(daemon.stop(), 0, name + ": ends with 0")
    last = systemd.next()
    tap.equal(last.get("STOPPING"), "1", name + ": STOPPING=1")
    tap.match("^ending", last["STATUS"], name + ": STOPPING=1: and what for")
    tap.equal(systemd.silent(), "", name + ": STOPPING=1 is the last word")


def nothing_before_it_listens(lab):
    """A start that fails is never ready."""
    systemd, daemon = start(lab, "spf", "nonsense\n", label="failing", start=False)
    process = daemon.spawn()
    tap.equal(process.wait(10), 78, "a start that fails")
    tap.equal(systemd.next(), PATIENCE, "a start that fails: systemd waited for it")
    tap.equal(systemd.silent(), "", "a start that fails: and heard nothing more")


def keys(lab):
    names = ("n2026a", "n2026b")
    settings = {("domain", "a.example"): {
        ("key", n): {"file": n + ".pem"} for n in names}}
    pems = {n + ".pem": lab_dkim.Key("ed25519").pem for n in names}
    systemd, daemon = start(lab, "dkim", settings, label="keys", keys=pems)
    systemd.next()
    tap.match(", 1 domain, 2 keys; ", systemd.next()["STATUS"], "the signer counts its keys")
    daemon.stop()


def main():
    with lab_base.Lab("notify") as lab:
        for name in ("spf", "dkim", "dmarc", "rate"):
            tap.run(name, life, lab, name)
        for test in (nothing_before_it_listens, keys):
            tap.run(test.__name__, test, lab)
    tap.done()


main()
