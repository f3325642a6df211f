#!/usr/bin/python3
"""What stands between libmilter and the MTA's socket (common/mta/wire.h): that
this libmilter is one it knows, that it does its work, and that nobody can see
it: however the octets of a session come, the answers are the same."""
import os
import random
import re
import shutil
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_base
import lab_gatepost
import lab_tap
import miltermta as m
from fixture import ID, Fixture, deliver

DAEMONS = ("spf", "dkim", "dmarc", "rate")
STOOD_IN = {"accept", "read", "poll", "writev", "close", "sigwait", "pipe", "pthread_create",
            "pthread_detach", "pthread_cond_init", "pthread_cond_signal", "pthread_cond_timedwait"}
# what else reads, writes, waits for or ends a connection, or a thread
CALLS = re.compile(r"_*p?(read|recv|poll|select|epoll|send|writ|accept|close|shutdown|dup|fdopen|"
                   r"splice|ioctl|aio_|io_uring|sigwait|sigtimedwait|pipe|pthread_(create|detach|join|exit|attr|cancel)|pthread_cond_(init|signal|broadcast|.*wait))")
tap = lab_tap.Tap()


# -- the symbols -----------------------------------------------------------

def symbols(path, which):
    out = subprocess.run(["nm", "-D", which, path], capture_output=True, text=True, timeout=30,
                         check=True).stdout
    return {line.split()[-1].partition("@")[0] for line in out.splitlines()}


def libmilter_is_known():
    if not shutil.which("nm"):
        raise lab_tap.Skip("no nm")
    out = subprocess.run(["ldd", lab_gatepost.binary()], capture_output=True, text=True,
                         timeout=30, check=True).stdout
    path = re.search(r"libmilter\.so\S* => (\S+)", out).group(1)
    calls = {s for s in symbols(path, "--undefined-only") if CALLS.match(s)}
    # write() is for its own pipe; fdopen and dup would lead around close()
    tap.equal(sorted(calls), sorted(STOOD_IN | {"write"}),
              "libmilter uses no call on a connection that wire.h does not know")
    for name in DAEMONS:
        ours = symbols(lab_gatepost.binary(name), "--defined-only")
        tap.equal(sorted(STOOD_IN - ours), [], "gatepost-%s stands in for them" % name)
    tool = os.path.join(lab_base.BUILD, "bin", "gatepost")
    tap.equal(sorted(STOOD_IN & symbols(tool, "--defined-only")), [], "gatepost does not")


# -- what it saves ---------------------------------------------------------

def system_calls(pid):
    """How many of read, readv and of write, writev the process has made."""
    with open("/proc/%d/io" % pid, encoding="ascii") as f:
        values = dict(line.split(": ") for line in f.read().splitlines())
    return int(values["syscr"]), int(values["syscw"])


def it_saves_calls(f):
    forged = [("Authentication-Results", " %s; spf=pass" % ID)] * 50
    with f.session() as s:
        deliver(s, "<a@pass.example>")
        before = system_calls(f.daemon.process.pid)
        judged = deliver(s, "<a@pass.example>", headers=[("X-A", " b")] * 200 + forged, greet=False)
        after = system_calls(f.daemon.process.pid)
        tap.equal((judged.spf, len(judged.last.changed)), ("pass", 50),
                  "250 fields, 50 of them taken away")
        # libmilter: two reads a packet, one write a change
        tap.ok(after[0] - before[0] < 300, "without 500 reads of the packets",
               repr((before, after)))
        tap.ok(after[1] - before[1] < 50, "without 50 writes of the changes", repr((before, after)))


# -- sessions as octets ----------------------------------------------------

class Script(m.Session):
    """What an MTA sends that waits for nothing; `octets` is all of it."""

    def __init__(self, steps):  # pylint: disable=super-init-not-called
        self.octets, self.steps = b"", steps

    def raw(self, octets):
        self.octets += octets

    def answer(self):
        return m.Response(ord("c"), b"", [])

    def close(self):
        pass


def negotiation():
    script = Script(0)
    script.packet("O", b"\0\0\0\6\0\0\1\xff\0\x1f\xff\xff")
    return script.octets


def session(steps):
    """Several messages with several ends."""
    script = Script(steps)
    script.connect("192.0.2.1")
    script.helo("client.example")
    for i, (sender, rcpt) in enumerate((("pass", "a"), ("fail", "strict"), ("soft", "b"),
                                        ("fail", "hold"), ("pass", "c"))):
        script.mail("<a@%s.example>" % sender)
        script.rcpt("<u@%s.example>" % rcpt)
        if i == 2:
            script.abort()
            continue
        script.rest([("Subject", " %d" % i), ("Authentication-Results", " %s; spf=pass" % ID),
                     ("X-Long", " " + "y" * 20000)], "4MSG%d" % i)
    script.quit()
    return script.octets


def said(f, pieces, half_close=False):
    """All that the daemon answers to these, to the end of the connection."""
    wire = m.Wire(f.socket, timeout=60)
    out = b""
    with wire.sock:
        for piece in pieces:
            wire.raw(piece)
        if half_close:
            wire.sock.shutdown(socket.SHUT_WR)
        while True:
            more = wire.sock.recv(65536)
            if not more:
                return re.sub(rb"(gatepost-seal=)[\w-]+", rb"\1", out)
            out += more


def cut(octets, dice, most):
    while octets:
        n = dice.randrange(1, most)
        yield octets[:n]
        octets = octets[n:]


def pieces_do_not_matter(f):
    with f.session() as s:
        hello, rest = negotiation(), session(s.steps)
    whole = said(f, [hello, rest])
    tap.equal(whole.count(b"policy.gatepost-seal"), 4, "four messages are answered in full")
    tap.ok(b"550 5.7.23" in whole, "and one recipient is refused")
    dice = random.Random(4)
    for what, pieces in (
            ("the negotiation and all else at once", [hello + rest]),
            ("one octet at a time", [bytes([b]) for b in hello + rest[:3000]] + [rest[3000:]]),
            ("one octet at a time, after the negotiation",
             [hello] + [bytes([b]) for b in rest[:3000]] + [rest[3000:]]),
            ("pieces of 5", [hello] + [rest[i:i + 5] for i in range(0, len(rest), 5)]),
            ("pieces of 4096, as Postfix writes", [hello] +
             [rest[i:i + 4096] for i in range(0, len(rest), 4096)]),
            *(("random pieces, up to %d" % most, [hello, *cut(rest, dice, most)])
              for most in (20, 300, 5000, 40000) for _ in range(5))):
        tap.ok(said(f, pieces) == whole, what + ": the same answers")
    tap.ok(said(f, [hello + rest[:-5]], half_close=True) == whole,
           "the MTA ends its half: what came before is answered")


def nobody_reads(f):
    """Answers that find no room wait for it."""
    with f.session() as s:
        script = Script(s.steps)
    script.connect("192.0.2.1")
    script.helo("client.example")
    for i in range(1500):
        script.mail("<a@pass.example>")
        script.rcpt("<u@other.example>")
        script.rest([("Authentication-Results", " %s; spf=pass" % ID)] * 5, "4MSG%d" % i)
    with f.session(timeout=60) as s:
        sender = threading.Thread(target=s.raw, args=(script.octets,))
        sender.start()
        lab_base.wait_until(lambda: stuck(f.daemon.process.pid, s.sock), 30, "no room is left")
        tap.equal(f.serves(), "", "an MTA that does not read: others are served")
        good = 0
        for _ in range(1500):
            if not s.steps & m.NR_RCPT:
                s.answer()
            last = s.answer()
            good += len(last.changed) == 5 and len(last.inserted) == 1 and last.kind == "c"
        sender.join()
        tap.equal(good, 1500, "and when it reads it finds all answers, whole and in order")


def stuck(pid, sock, seen={}):  # pylint: disable=dangerous-default-value
    """Has what can be read not grown, since the last look, with all else idle?"""
    ticks = open("/proc/%d/stat" % pid, encoding="ascii").read().split()[13:15]
    now = (ticks, len(sock.recv(1 << 20, socket.MSG_PEEK)))
    same, seen["now"] = seen.get("now") == now, now
    return same and now[1] > 10000


# -- ends ------------------------------------------------------------------

def open_sessions(f):
    return sum(v for k, v in f.daemon.metrics().items() if "sessions_open" in k)


def ends_in_the_middle(f):
    with f.session() as s:
        hello, rest = negotiation(), session(s.steps)
    lab_base.wait_until(lambda: open_sessions(f) == 0, 10, "the session is closed")
    for at in range(0, 12000, 487):
        wire = m.Wire(f.socket)
        wire.raw(hello + rest[:at])
        wire.close()
    lab_base.wait_until(lambda: open_sessions(f) == 0, 20, "every session is closed")
    tap.ok(True, "cut off anywhere: every session is closed")
    tap.equal(f.serves(), "", "and the next one is served")


def reload_and_stop(f):
    """With a message half sent, and half of a packet kept."""
    with f.session() as s:
        s.connect("192.0.2.1")
        s.helo("client.example")
        s.mail("<a@pass.example>")
        s.rcpt("<u@r.example>")
        s.raw(b"\0\0\0\x0cLSub")
        tap.equal(f.daemon.reload()[0], "ok", "a reload in the middle of a packet")
        s.raw(b"ject\0 x\0")
        last = s.rest()
        tap.equal((last.kind, len(last.inserted)), ("c", 1), "and the message goes on")
        s.mail("<a@pass.example>")
        s.raw(b"\0\0\0\x0cLSub")
        begin = time.monotonic()
        tap.equal(f.daemon.stop(), 0, "SIGTERM in the middle of a packet: exit 0")
        tap.ok(time.monotonic() - begin < 6, "within 6 s")


def main():
    with lab_base.Lab("wire") as lab:
        tap.run("libmilter_is_known", libmilter_is_known)
        f = Fixture(lab)
        log = f.daemon.log
        for test in (it_saves_calls, pieces_do_not_matter, nobody_reads, ends_in_the_middle,
                     reload_and_stop):
            begin = time.monotonic()
            tap.run(test.__name__, test, f)
            tap.note("%s took %.1f s" % (test.__name__, time.monotonic() - begin))
        noise = [l for l in log.all if re.search(
            r"runtime error|ERROR: (Address|Leak)Sanitizer|SUMMARY", l)]
        tap.ok(not noise, "no sanitizer spoke", "\n".join(noise[:40]))
    tap.done()


main()
