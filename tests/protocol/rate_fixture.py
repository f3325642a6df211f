"""rate_fixture - gatepost-rate's policies, what its replies promise, and the
questions an operator asks of it."""
import calendar
import os
import re
import subprocess
import time

import lab_base
import lab_gatepost
import miltermta

ID = "mx.lab.example"
OURS, STRANGER = "198.51.100.7", "203.0.113.66"
DAY = "24h"  # of such a rate nothing drains while a test runs

LETTER = """\
From: Shop <news@%s>
To: Ann <ann@receiver.example>
Subject: A test
Date: Sun, 22 Nov 2026 12:00:00 +0000
Message-ID: <1@shop.example>

Hello Ann.
"""

# what a refusal ends in: the time, the seconds, the reference
PROMISE = re.compile(r"; retry after (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) \((\d+) s\)"
                     r"(?:; contact \S+)? \[([0-9A-Z]{10})\]$")


def settings(dns=None, **more):
    """Little but whom we trust; `more` are sections and options."""
    out = {"authserv-id": ID, "trust": {"clients": ["198.51.100.0/24"]},
           "rate": {"login-limit": []}}
    if dns:
        out["resolver"] = {"servers": [dns.address], "timeout": "1s", "tries": 1}
    out.update(more)
    return out


def limit(rate, by, count="recipients", **more):
    by, rate = ([v] if isinstance(v, str) else v for v in (by, rate))
    return dict({"count": count, "by": by, "rate": rate}, **more)


def block(limits=(), **more):
    """Of a domain: [(name, limit)] and other options."""
    return dict({("limit", name): v for name, v in limits}, **more)


class Promise:
    """What a refusal says about when to come again."""

    def __init__(self, line):
        found = PROMISE.search(line)
        self.utc, self.seconds, self.ref = found.groups() if found else ("", "0", "")
        self.seconds = int(self.seconds)
        self.at = calendar.timegm(time.strptime(self.utc, "%Y-%m-%dT%H:%M:%SZ")) if found else 0

    def wait(self):
        """Until the very moment that was promised."""
        lab_base.wait_until(lambda: time.time() >= self.at, self.seconds + 3, "the promised time")


def tool(*words, build=None):
    """The operator's tool: (exit code, standard output, standard error)."""
    path = os.path.join(lab_base.BUILD, *([build] if build else []), "bin", "gatepost")
    done = subprocess.run([path, *words], capture_output=True, text=True, timeout=30,
                          stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


def why(daemon, ref, build=None):
    """What `gatepost rate why` tells: {word: rest}; {} when it tells nothing."""
    code, out, _ = tool("--control", daemon.control, "rate", "why", ref, build=build)
    return dict(line.partition(" ")[::2] for line in out.splitlines()) if code == 0 else {}


def meters(daemon, prefix="m/"):
    """{name: level}; what has drained since a day's rate was charged is rounded
    away."""
    head, text = daemon.request("meters " + prefix)
    if head != "ok":
        raise lab_base.LabError("meters: %s %s" % (head, text))
    rows = [line.split(" ") for line in text.splitlines()]
    return {name: round(float(level)) for name, _, level, *_ in rows}


def level(daemon, prefix):
    """The sum of these meters."""
    return sum(meters(daemon, prefix).values())


def counted(daemon, name, since=None):
    """{label: value} of a counter of gatepost-rate, without zeros; or what came
    to it since then."""
    found = re.compile(r'gatepost_rate_%s_total\{daemon="rate"(?:,\w+="([^"]+)")?\}$' % name)
    now = {found.match(k).group(1): int(v) for k, v in daemon.metrics().items() if found.match(k)}
    return {k: v - (since or {}).get(k, 0) for k, v in now.items() if v != (since or {}).get(k, 0)}


class Fixture:
    """A daemon and the milter client, without an MTA."""

    def __init__(self, lab, policy, label="rate", build="asan", **kw):
        self.build = build
        self.daemon = lab_gatepost.Daemon(lab, policy, lab_gatepost.binary("rate", build),
                                          name="rate", label=label, **kw)

    def send(self, sender="<app@shop.example>", rcpts=("<ann@receiver.example>",), login="app",
             author=None, client=STRANGER, session=None):
        """A whole message, in a session of its own or in this one: the answer
        to the last recipient that was refused, or else to the message."""
        if session:
            return self._say(session, sender, rcpts, login, author)
        with miltermta.Session(self.daemon.socket) as s:
            s.connect(client)
            s.helo()
            return self._say(s, sender, rcpts, login, author)

    def _say(self, s, sender, rcpts, login, author):
        s.mail(sender, {"auth_authen": login, "auth_type": "PLAIN"} if login else {"mail_mailer": "smtp"})
        answers = [s.rcpt(r) for r in rcpts]
        if not any(a.action == "continue" for a in answers):
            s.abort()
            return answers[-1]
        author = author or sender.strip("<>") or "mailer-daemon@receiver.example"
        return s.rest([("From", " <%s>" % author)] + list(miltermta.HEADERS[1:]))

    def passes(self, n, **kw):
        """How many of n messages pass."""
        return sum(self.send(**kw).action == "continue" for _ in range(n))
