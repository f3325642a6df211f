#!/usr/bin/python3
"""Keys change while mail flows: staged, promoted once DNS has this very key,
active, retired.  Every message of the whole time is signed, and verifies with
the old or the new key, by dkimpy."""
import os
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_base
import lab_dkim
import lab_tap
import miltermta
from dkim_fixture import LETTER, Fixture, Mail, key, send

DOMAIN = "shop.example"
CLIENTS, ENOUGH = 3, 25
tap = lab_tap.Tap()


class Stream:
    """Clients that submit one message a session, as fast as they can."""

    def __init__(self, f):
        self.f = f
        self.changed = threading.Condition()
        self.sent, self.broken = [], []  # (begun at, selectors), exceptions
        self.going = True
        self.threads = [threading.Thread(target=self._client, daemon=True) for _ in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def _client(self):
        while self.going:
            begun = time.monotonic()
            try:
                with self.f.session() as s:
                    judged = send(s, LETTER, login="app")
                row = (begun, judged.going, self.f.signed_as(judged))
            except (miltermta.Gone, OSError) as e:
                row = (begun, False, repr(e))
            with self.changed:
                self.sent.append(row)
                self.changed.notify_all()

    def after(self, moment, n=ENOUGH, seconds=20):
        """What the messages begun since then were signed with: at least n."""
        rows = lambda: [r for r in self.sent if r[0] >= moment]
        with self.changed:
            self.changed.wait_for(lambda: len(rows()) >= n or not self.alive(), seconds)
            return rows()

    def alive(self):
        return all(t.is_alive() for t in self.threads)

    def until(self, wanted, seconds=20):
        """The first message of which `wanted(signatures)` is true."""
        with self.changed:
            seen = len(self.sent)
            self.changed.wait_for(lambda: any(wanted(r[2]) for r in self.sent[seen:])
                                  or not self.alive(), seconds)
            return any(wanted(r[2]) for r in self.sent[seen:])

    def stop(self):
        self.going = False
        for thread in self.threads:
            thread.join(30)


def reload(f, **keys):
    """These keys of the domain; the moment from which they hold."""
    block = {("key", s): k for s, k in keys.items()}
    head, text = f.reload({("domain", DOMAIN): block})
    tap.equal(head, "ok", "reload: %s" % ", ".join(
        "%s %s" % (s, k.get("state", "active")) for s, k in keys.items()))
    if head != "ok":
        tap.note(text)
    return time.monotonic()


def publish(f, **keys):
    for selector, k in keys.items():
        f.zone[lab_dkim.name(selector, DOMAIN)] = {"TXT": [k.record]}
    f.dns.serve(f.zone)


def only(what, rows, *selectors):
    want = {(DOMAIN, s) for s in selectors}
    odd = [r for r in rows if r[2] != want]
    tap.ok(len(rows) >= ENOUGH and not odd, "%s: every message has %s (%d)" % (
        what, " and ".join(selectors), len(rows)), repr(odd[:3]))


def rotate(f):
    old, new = key("rsa.pem"), key("other.pem")
    staged = dict(new, state="staged", **{"activate-after": "2026-01-01"})
    f.zone.pop(lab_dkim.name("e1", DOMAIN))
    publish(f, a=f.keys.rsa)
    moment = reload(f, a=old)
    stream = Stream(f)
    try:
        only("the old key alone", stream.after(moment), "a")
        moment = reload(f, a=old, b1=staged)
        only("staged, nothing in DNS", stream.after(moment), "a")
        # by a thread beside the messages, which may be late on a busy machine
        lab_base.wait_until(lambda: f.dns.count(lab_dkim.name("b1", DOMAIN)) > 0, 20,
                            "staged, nothing in DNS: DNS is asked")
        publish(f, b2=f.keys.ed)
        moment = reload(f, a=old, b2=staged)
        only("staged, another key under its selector", stream.after(moment), "a")
        publish(f, b2=f.keys.short)
        moment = reload(f, a=old, b2=staged)
        only("staged, another RSA key under its selector", stream.after(moment), "a")
        publish(f, b3=f.keys.other)
        moment = reload(f, a=old, b3=dict(staged, **{"activate-after": "2099-01-01"}))
        only("staged until 2099", stream.after(moment), "a")
        moment = reload(f, a=old, b3=dict(new, state="staged"))
        only("staged without a day", stream.after(moment), "a")
        tap.equal(f.dns.count(lab_dkim.name("b3", DOMAIN)), 0, "not its day: DNS is not asked")
        f.zone[lab_dkim.name("b4", DOMAIN)] = "SERVFAIL"
        publish(f)
        moment = reload(f, a=old, b4=staged)
        only("staged, DNS fails", stream.after(moment), "a")
        moment = reload(f, a=old, b3=staged)
        both = {(DOMAIN, "a"), (DOMAIN, "b3")}
        tap.ok(stream.until(lambda s: s == both), "staged, in DNS: it is promoted")
        only("promoted", stream.after(time.monotonic()), "a", "b3")
        # dkimpy still sees it
        f.dns.serve({n: v for n, v in f.zone.items() if n != lab_dkim.name("b3", DOMAIN)})
        moment = reload(f, a=old, b3=staged)
        only("promoted, and not in DNS at one more reload", stream.after(moment), "a", "b3")
        moment = reload(f, a=dict(old, state="retired"), b3=staged)
        only("the old one retired", stream.after(moment), "b3")
        moment = reload(f, b3=new)
        only("the new one active, the old one gone", stream.after(moment), "b3")
    finally:
        stream.stop()
    unsigned = [r for r in stream.sent if not r[1] or not r[2] or isinstance(r[2], str)]
    tap.equal(unsigned[:5], [], "over it all: %d messages, none lost, none unsigned" % len(stream.sent))
    bad = [r for r in stream.sent if any(s[0] == "BAD" for s in r[2])]
    tap.equal(bad[:5], [], "over it all: every signature verifies")


def unasked(f):
    reload(f, b=key("other.pem"), c=key("ed.pem", state="staged", **{
        "activate-after": "2026-01-01", "require-dns": False}))
    selectors = {s.selector for s in lab_dkim.signatures(f.submit().raw, f.zone)}
    tap.equal((selectors, f.dns.count(lab_dkim.name("c", DOMAIN))), ({"b", "c"}, 0),
              "require-dns = no: promoted without a question")


def asked_seldom(f):
    """A staged key that DNS has not is not looked up for each message."""
    moment = reload(f, a=key("rsa.pem"), d=key("ed.pem", state="staged", **{"activate-after": "2026-01-01"}))
    name = lab_dkim.name("d", DOMAIN)
    for _ in range(30):
        f.submit()
    tap.ok(1 <= f.dns.count(name) <= 2, "30 messages ask DNS once for a staged key",
           "%d in %.1f s" % (f.dns.count(name), time.monotonic() - moment))
    tap.equal(Mail(f.submit().raw).fields[0][0], b"DKIM-Signature", "and are signed by the old one")


def main():
    why_not = lab_dkim.why_not()
    if why_not:
        lab_tap.skip_all("key rotation", why_not)
    with lab_base.Lab("rotation") as lab:
        f = Fixture(lab)
        tap.run("rotate", rotate, f)
        tap.run("unasked", unasked, f)
        tap.run("asked_seldom", asked_seldom, f)
        tap.equal(f.daemon.stop(), 0, "SIGTERM ends it with 0")
    tap.done()


main()
