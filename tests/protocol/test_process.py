#!/usr/bin/python3
"""The daemon as a process: options and exit codes, a policy with errors, the
sockets it may and may not replace, reload, signals, and no need for root."""
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_base
import lab_gatepost
import lab_tap
import miltermta
from fixture import Fixture, deliver, settings

USAGE, TEMPORARY, NOT_PERMITTED, CONFIG = 64, 75, 77, 78
tap = lab_tap.Tap()
PROGRAM = lab_gatepost.binary(build="asan")


def run(*args, **kw):
    return subprocess.run([PROGRAM, *args], capture_output=True, text=True, timeout=30,
                          errors="backslashreplace", **kw)


def command_line(_lab):
    out = run("--version")
    tap.ok(out.returncode == 0 and re.match(r"gatepost-spf \d+\.\d+", out.stdout),
           "--version: name and number, exit 0", repr(out))
    out = run("--help")
    tap.ok(out.returncode == 0 and out.stdout.startswith("usage: gatepost-spf")
           and not out.stderr, "--help: on stdout, exit 0", repr(out))
    for option in ("--config", "--foreground", "--socket", "--state-dir", "--runtime-dir",
                   "--check", "--version"):
        tap.ok(option in out.stdout, "--help: names " + option)
    for args in (["--nonsense"], ["stray"], ["--socket"], ["--socket", "nonsense"],
                 ["--socket", "inet:99999@127.0.0.1"], ["--socket", "unix:"], ["-x"]):
        out = run(*args)
        tap.equal(out.returncode, USAGE, "usage error: %s exits 64" % " ".join(args))
        tap.equal(len(out.stderr.splitlines()), 1, "usage error: %s: one line" % " ".join(args))


BAD = """\
authserv-id = "mx.lab.example"
resolver { timeout = soon }
spf {
    fail = rejct
    max-terms = 99
    softfial = tag
    fail = tag
}
domain "a.example" { spf { mode = enfroce } }
domain "a.example" { }
trust { clients = { "192.0.2.0/33" } }
"""


def check(lab):
    conf = lab.write("check/gatepost.conf", "spf { fail = reject }\n")
    out = run("--check", "--config", conf)
    tap.equal((out.returncode, out.stderr), (0, ""), "--check: a good policy: silent, 0")
    lab.write("check/gatepost.conf", BAD)
    out = run("--check", "--config", conf)
    tap.equal(out.returncode, CONFIG, "--check: a bad policy: 78")
    for line, word in ((2, "soon"), (4, "rejct"), (5, "99"), (6, "softfial"), (7, "fail"),
                       (9, "enfroce"), (10, "a.example"), (11, "192.0.2.0/33")):
        tap.match(r"gatepost\.conf:%d: .*%s" % (line, re.escape(word)), out.stderr,
                  "--check: names line %d and %r" % (line, word))
    tap.match(r"(?m):4:.*reject", out.stderr, "--check: says what was expected")
    tap.match(r"(?m):6:.*softfail", out.stderr, "--check: suggests the right word")
    for what, text in (("a missing brace", "spf {\n fail = reject\n"),
                       ("an open string", 'authserv-id = "mx\n'),
                       ("${ENV}", 'authserv-id = "${HOME}"\n'), ("binary", "\x01\x02\x03\n"),
                       ("an unknown section", "spff { }\n")):
        lab.write("check/gatepost.conf", text)
        out = run("--check", "--config", conf)
        tap.ok(out.returncode == CONFIG and re.search(r"gatepost\.conf:\d+: ", out.stderr),
               "--check: %s: 78 and a place" % what, repr(out))
    out = run("--check", "--config", lab.path("no", "such.conf"))
    tap.ok(out.returncode == CONFIG and "such.conf" in out.stderr,
           "--check: a missing file: 78 and its name", repr(out))
    lab.write("check/gatepost.conf", "spf { fail = reject }\n")
    lab.write("check/policy.d/20-b.conf", "spf { nonsense = 1 }\n")
    lab.write("check/policy.d/.hidden.conf", "nonsense\n")
    lab.write("check/policy.d/x.conf~", "nonsense\n")
    lab.write("check/policy.d/x.conf.dpkg-old", "nonsense\n")
    out = run("--check", "--config", conf)
    tap.ok(out.returncode == CONFIG and "20-b.conf:1:" in out.stderr,
           "--check: reads policy.d", repr(out))
    tap.ok("hidden" not in out.stderr and "x.conf" not in out.stderr,
           "--check: skips dot files, backups and dpkg's", out.stderr)


def bad_start(lab):
    daemon = lab_gatepost.Daemon(lab, BAD, PROGRAM, label="badstart", start=False)
    begin = time.monotonic()
    process = daemon.spawn()
    status = process.wait(10)
    took = time.monotonic() - begin
    process.err.wait_end()
    tap.equal(status, CONFIG, "start with a bad policy: 78")
    tap.ok(took < 3, "start with a bad policy: at once", "%.1f s" % took)
    tap.ok(not os.path.exists(daemon.socket), "start with a bad policy: no socket")
    text = run("--check", "--config", daemon.conf).stderr
    tap.equal(sorted(process.err.all), sorted(text.splitlines()),
              "start with a bad policy: says the same as --check")
    daemon.set_policy("spf { }\n")
    missing = lab.path("badstart", "nowhere", "milter.sock")
    out = subprocess.run([PROGRAM, "--config", daemon.conf, "--foreground", "--socket",
                          "unix:" + missing, "--state-dir", lab.path("badstart", "state"),
                          "--runtime-dir", daemon.run_dir], capture_output=True, text=True,
                         timeout=20)
    tap.ok(out.returncode == CONFIG and "nowhere" in out.stderr,
           "a folder that is not there: refused with its path", repr(out))


def sockets(lab):
    f = Fixture(lab, "sockets")
    daemon = f.daemon
    for path, what, wanted in ((daemon.socket, "milter socket", 0o007),
                               (daemon.control, "control socket", 0o177)):
        mode = os.stat(path).st_mode
        tap.ok(stat.S_ISSOCK(mode) and not mode & wanted, "%s: closed to strangers" % what,
               oct(mode))
    tap.ok(os.stat(daemon.socket).st_mode & 0o060 == 0o060,
           "milter socket: open to its group", oct(os.stat(daemon.socket).st_mode))
    keys = [n for n in os.listdir(lab.path("sockets", "state")) if n.endswith(".key")]
    tap.equal(keys, ["seal.key"], "the seal key is made at the first start")
    key = lab.path("sockets", "state", "seal.key")
    tap.equal(stat.S_IMODE(os.stat(key).st_mode) & 0o137, 0, "the seal key: 0640 at most")
    with open(key, "rb") as k:
        content = k.read()

    second = daemon.spawn()
    status = second.wait(10)
    second.err.wait_end()
    tap.ok(status == TEMPORARY and re.search(r"\b%d\b" % daemon.process.pid,
                                             " ".join(second.err.all)),
           "a second instance: refused, names the first one's pid",
           "%r %r" % (status, second.err.all))
    tap.equal(f.serves(), "", "a second instance: the first one goes on")

    thief = lab_gatepost.Daemon(lab, settings(f.dns), PROGRAM, label="thief", start=False)
    thief.socket = daemon.socket
    process = thief.spawn()
    status = process.wait(10)
    tap.ok(status not in (None, 0), "a live socket of somebody else is refused", repr(status))
    tap.equal(f.serves(), "", "a live socket of somebody else: its owner goes on")
    daemon.kill()
    tap.ok(os.path.exists(daemon.socket), "kill -9 leaves a stale socket")
    daemon.start()
    tap.equal(f.serves(), "", "a stale socket is replaced")
    with open(key, "rb") as k:
        tap.equal(k.read(), content, "the seal key stays the same over a restart")
    daemon.stop()
    tap.ok(not os.path.exists(daemon.socket), "the milter socket is gone after the end")
    tap.ok(not os.path.exists(daemon.control), "the control socket is gone after the end")

    keep = lab.write("sockets/keep", "precious\n")
    for what, make in (("a directory", os.mkdir), ("a file", lambda p: open(p, "w").close()),
                       ("a link", lambda p: os.symlink(keep, p)),
                       ("a link to nothing", lambda p: os.symlink("/nonexistent", p)),
                       ("a fifo", os.mkfifo)):
        for which in (daemon.socket, daemon.control):
            make(which)
            before = os.lstat(which)
            process = daemon.spawn()
            status = process.wait(10)
            process.stop()
            after = os.lstat(which)
            tap.ok(status not in (None, 0), "%s in place of the %s: refused" % (
                what, os.path.basename(which)), repr(process.err.all))
            tap.equal((before.st_ino, before.st_mode), (after.st_ino, after.st_mode),
                      "%s in place of the %s: not touched" % (what, os.path.basename(which)))
            os.rmdir(which) if what == "a directory" else os.unlink(which)
    with open(keep, encoding="ascii") as k:
        tap.equal(k.read(), "precious\n", "what a link names is not touched")


def inet(lab):
    port = lab_base.free_port()
    f = Fixture(lab, "inet")
    f.daemon.stop()
    f.daemon.argv = lambda *more: [PROGRAM, "--config", f.daemon.conf, "--foreground",
                                   "--socket", "inet:%d@127.0.0.1" % port,
                                   "--state-dir", lab.path("inet", "state"),
                                   "--runtime-dir", f.daemon.run_dir, *more]
    f.daemon.start()
    f.socket = port
    tap.equal(f.serves(), "", "an inet socket serves too")
    tap.equal(f.daemon.stop(), 0, "an inet socket: ends with 0")


def reload(lab):
    f = Fixture(lab, "reload")
    with f.session() as old:
        old.connect()
        old.helo()
        head, text = f.daemon.reload()
        tap.equal(head, "ok", "reload: the same policy is fine")
        changed = settings(f.dns)
        changed["spf"] = {"mode": "enforce", "fail": "reject"}
        f.daemon.set_policy(changed)
        head, text = f.daemon.reload()
        tap.equal((head, text.strip()), ("ok", ""), "reload: a new policy is taken")
        judged = deliver(old, "<a@fail.example>", greet=False)
        tap.equal(judged.action == "reject", False, "reload: an open session keeps its policy")
    with f.session() as s:
        tap.equal(deliver(s, "<a@fail.example>").action, "reject",
                  "reload: a new session has the new policy")
    f.daemon.set_policy(lab_gatepost.policy(changed) + "spff { }\nspf { fial = tag }\n")
    head, text = f.daemon.reload()
    tap.equal(head, "error", "reload: a wrong policy is an error")
    tap.match(r"gatepost\.conf:\d+: .*spff", text, "reload: names file, line and value")
    tap.match(r"gatepost\.conf:\d+: .*fial", text, "reload: names every problem")
    with f.session() as s:
        tap.equal(deliver(s, "<a@fail.example>").action, "reject",
                  "reload: after a wrong policy the old one holds")
    head, text = f.daemon.request("status")
    tap.match("last_reload failed", text, "reload: status says that it failed")
    os.unlink(f.daemon.conf)
    tap.equal(f.daemon.reload()[0], "error", "reload: a missing file is an error")
    changed["spf"]["fail"] = "tag"
    f.daemon.set_policy(changed)
    policy = lambda: re.search(r"(?m)^policy (\S+)$", f.daemon.request("status")[1]).group(1)
    before = policy()
    f.daemon.process.signal(signal.SIGUSR1)
    tap.ok(lab_base.wait_until(lambda: policy() != before, 10, "another policy"),
           "SIGUSR1 reloads")
    with f.session() as s:
        tap.equal(deliver(s, "<a@fail.example>").action == "reject", False,
                  "SIGUSR1: the new policy holds")
    f.daemon.set_policy("nonsense\n")
    mark = f.daemon.log.mark()
    f.daemon.process.signal(signal.SIGUSR1)
    tap.ok(f.daemon.log.wait(lambda l: re.search(r"gatepost\.conf:1", l), 10, mark),
           "SIGUSR1: a wrong policy is logged")
    tap.equal(f.serves(), "", "SIGUSR1: a wrong policy changes nothing")
    before = policy()
    changed["spf"]["softfail"] = "reject"
    f.daemon.set_policy(changed)
    f.daemon.process.signal(signal.SIGHUP)
    tap.ok(lab_base.wait_until(lambda: policy() != before, 10, "another policy"),
           "SIGHUP reloads too, and does not stop it")
    counts = lambda word: sum(v for k, v in f.daemon.metrics().items()
                              if "reloads" in k and word in k)
    tap.ok(lab_base.wait_until(lambda: (counts('"ok"'), counts('"failed"')) == (4, 3), 10,
                               "four good and three failed reloads in the metrics"),
           "reloads are counted, good and failed")
    tap.equal(f.daemon.stop(), 0, "after reloads: ends with 0")


def ending(lab):
    f = Fixture(lab, "ending")
    idle = [f.session() for _ in range(500)]
    for s in idle[:250]:
        s.connect()
        s.helo()
    f.dns.hold("slow.example")
    answer = {}

    def in_flight():
        with f.session() as s:
            s.connect()
            s.helo()
            try:
                s.mail("<a@slow.example>")
                answer["rcpt"] = s.rcpt("<u@strict.example>").action
            except miltermta.Gone as e:
                answer["rcpt"] = repr(e)

    thread = threading.Thread(target=in_flight)
    thread.start()
    f.dns.wait_query("slow.example")
    process = f.daemon.process
    begin = time.monotonic()
    process.signal(signal.SIGTERM)
    status = process.wait(10)
    took = time.monotonic() - begin
    thread.join(10)
    process.err.wait_end()
    for s in idle:
        s.close()
    tap.equal(status, 0, "SIGTERM with 501 open sessions: exit 0")
    tap.ok(took < 6, "SIGTERM with 501 open sessions: within 6 s", "%.1f s" % took)
    tap.ok(answer.get("rcpt") in ("tempfail", "continue") or "Gone" in answer.get("rcpt", ""),
           "SIGTERM during a look-up: never a refusal", repr(answer))
    noise = [l for l in process.err.all if "Sanitizer" in l or "runtime error" in l]
    tap.equal(noise, [], "SIGTERM: no sanitizer spoke")
    f.daemon.process = None
    for n in range(10):  # at once after the ready line, too
        number = (signal.SIGINT, signal.SIGTERM)[n % 2]
        f.daemon.start()
        process = f.daemon.process
        begin = time.monotonic()
        process.signal(number)
        status = process.wait(10)
        took = time.monotonic() - begin
        tap.ok(status == 0 and took < 6, "%s right after the start, %d: exit 0 within 6 s" % (
            signal.Signals(number).name, n), "%r after %.1f s\n%s" % (status, took, "\n".join(process.err.all)))


def stubborn(lab):
    """A look-up that would take longer than the daemon may."""
    f = Fixture(lab, "stubborn")
    patient = settings(f.dns)
    patient["resolver"] = {"servers": [f.dns.address], "timeout": "10s", "tries": 2}
    f.daemon.set_policy(patient)
    f.daemon.reload()
    f.dns.hold("slow.example")
    answer = {}

    def in_flight():
        with f.session() as s:
            try:
                s.connect()
                s.helo()
                s.mail("<a@slow.example>")
                answer["rcpt"] = s.rcpt("<u@strict.example>").action
            except miltermta.Gone:
                answer["rcpt"] = "gone"

    thread = threading.Thread(target=in_flight)
    thread.start()
    f.dns.wait_query("slow.example")
    process = f.daemon.process
    begin = time.monotonic()
    process.signal(signal.SIGTERM)
    status = process.wait(10)
    took = time.monotonic() - begin
    thread.join(10)
    f.daemon.process = None
    tap.ok(status == 0 and took < 6, "SIGTERM during a look-up of 20 s: exit 0 within 6 s",
           "%r after %.1f s" % (status, took))
    tap.ok(answer.get("rcpt") in ("tempfail", "gone"), "SIGTERM during a look-up of 20 s: a tempfail",
           repr(answer))


def nobody(lab):
    if os.geteuid() != 0:
        raise lab_tap.Skip("we are no root already; every other test shows it")
    f = Fixture(lab, "root")
    daemon = lab_gatepost.Daemon(lab, settings(f.dns), PROGRAM, label="nobody", user="nobody")
    f.socket = daemon.socket
    with open("/proc/%d/status" % daemon.process.pid, encoding="ascii") as s:
        uid = re.search(r"Uid:\s+(\d+)", s.read()).group(1)
    tap.ok(uid != "0", "as nobody: no root is needed to start")
    tap.equal(f.serves(), "", "as nobody: serves")
    tap.equal(daemon.stop(), 0, "as nobody: ends with 0")
    tap.ok(not os.path.exists(daemon.socket), "as nobody: the socket is gone")
    os.chown(daemon.run_dir, 0, 0)
    os.chmod(daemon.run_dir, 0o755)
    process = daemon.spawn()
    status = process.wait(10)
    process.err.wait_end()
    tap.ok(status not in (None, 0) and len(process.err.all) == 1
           and daemon.run_dir in process.err.all[0],
           "as nobody: a folder that is not ours: refused in one line with its path",
           "%r %r" % (status, process.err.all))


def memory(lab):
    """Fifty octets lost with each message would be seen; 8 to 20 kB is usual."""
    f = Fixture(lab, "memory", build=None)

    def rss():
        with open("/proc/%d/status" % f.daemon.process.pid, encoding="ascii") as s:
            return int(re.search(r"VmRSS:\s+(\d+) kB", s.read()).group(1))

    def mail(sessions):
        header = [("Authentication-Results", " mx.lab.example; spf=pass"), ("X", " y" * 5000)]
        for n in range(sessions):
            with f.session() as s:
                for i, name in enumerate(("pass", "fail", "soft", "perm", "xn--bcher-kva")):
                    deliver(s, "<a@%s.example>" % name, greet=i == 0, headers=header)
            if n % 20 == 0:
                f.daemon.reload()

    mail(200)
    before = rss()
    mail(600)
    after = rss()
    tap.ok(after - before < 150, "memory: 3000 messages and 30 reloads leave nothing behind",
           "%d kB, then %d kB" % (before, after))
    tap.equal(f.daemon.stop(), 0, "memory: ends with 0")


def main():
    with lab_base.Lab("process") as lab:
        for test in (command_line, check, bad_start, sockets, inet, reload, ending, stubborn,
                     memory, nobody):
            tap.run(test.__name__, test, lab)
    tap.done()


main()
