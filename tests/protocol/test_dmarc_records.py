#!/usr/bin/python3
"""The records of gatepost-dmarc: what is kept of a message, that SIGTERM loses
none and kill -9 damages none, that mail goes on without them; and what becomes
of mail while one of our filters is missing."""
import collections
import glob
import os
import subprocess
import sys
import threading
import urllib.parse

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import dmarc_fixture
import lab_base
import lab_tap
import miltermta
from dkim_fixture import send
from dmarc_fixture import BAD, FORWARDER, GOOD, LETTER, RELAY, Fixture

tap = lab_tap.Tap()
DRIVER = os.path.join(lab_base.BUILD, "asan", "bin", "drive_records")

Record = collections.namedtuple(
    "Record", "time ip header_from envelope_from domain method p result disposition "
    "dkim spf reason comment scope spf_result spf_domain signatures")


def folder(f):
    return os.path.join(f.dmarc.state, "dmarc-records")


def records(f):
    """([Record ...], how many are damaged), by another process than the daemon."""
    out = subprocess.run([DRIVER, folder(f)], capture_output=True, text=True, timeout=60, check=True)
    rows = [[urllib.parse.unquote(c) for c in line.split("\t")] for line in out.stdout.splitlines()]
    end = rows.pop()
    found = [Record(*row[1:17], [tuple(row[n:n + 3]) for n in range(17, len(row), 3)]) for row in rows]
    assert end[:2] == ["end", str(len(found))], end
    return found, int(end[2])


def counted(f, outcome):
    return f.dmarc.metrics()['gatepost_dmarc_records_total{daemon="dmarc",outcome="%s"}' % outcome]


def of(domain):
    return "<bounce@%s>" % domain


# what, the message, how it is sent: what is kept of it
CASES = (
    ("a pass by both", lambda f: f.signed("bank.example"), dict(client=GOOD, sender=of("bank.example")),
     dict(ip=GOOD, header_from="bank.example", envelope_from="bank.example", domain="bank.example",
          method="treewalk", p="reject", result="pass", disposition="pass", dkim="pass", spf="pass",
          reason="-", comment="", scope="mfrom", spf_result="pass", spf_domain="bank.example",
          signatures=[("pass", "bank.example", "s1")])),
    ("a pass by one, the other is known too", lambda f: f.signed("mail.bank.example", LETTER % "bank.example"),
     dict(client=RELAY, sender=of("plain.example")),
     dict(ip=RELAY, result="pass", dkim="pass", spf="fail", spf_result="fail", spf_domain="plain.example")),
    ("a null sender", lambda f: LETTER % "bank.example", dict(client=GOOD, sender="<>", helo="bank.example"),
     dict(envelope_from="", result="pass", scope="helo", spf_domain="bank.example")),
    ("rejected", lambda f: LETTER % "strict.example", {},
     dict(ip=BAD, result="fail", disposition="reject", dkim="fail", spf="fail", reason="-",
          envelope_from="attacker.example", signatures=[])),
    ("a list", lambda f: "List-Id: <l.example>\n" + LETTER % "strict.example", {},
     dict(result="fail", disposition="quarantine", reason="mailing_list")),
    ("a forwarder", lambda f: LETTER % "strict.example", dict(client=FORWARDER),
     dict(ip=FORWARDER, result="fail", disposition="none", reason="trusted_forwarder")),
    ("t=y", lambda f: LETTER % "trial.example", {},
     dict(result="fail", disposition="quarantine", reason="policy_test_mode", p="reject")),
    ("p=none", lambda f: LETTER % "none.example", {},
     dict(result="fail", disposition="none", reason="-", p="none")),
    ("a subdomain", lambda f: LETTER % "mail.family.example", {},
     dict(header_from="mail.family.example", domain="family.example", disposition="quarantine")),
    ("a recipient who only watches", lambda f: LETTER % "strict.example", dict(rcpts=["<ann@lenient.example>"]),
     dict(result="fail", disposition="none", reason="local_policy")),
    ("no answer for the record", lambda f: LETTER % "broken.example", {},
     dict(header_from="broken.example", domain="", result="temperror", disposition="none", reason="other")),
    ("no answer for SPF", lambda f: LETTER % "nospf.example", dict(client=GOOD, sender=of("nospf.example")),
     dict(domain="nospf.example", result="temperror", disposition="none", reason="other",
          spf_result="temperror")),
)
NOTHING = (
    ("no policy", lambda f: LETTER % "plain.example", dict(client=GOOD, sender=of("plain.example"))),
    ("no author", lambda f: "Subject: x\n\nx\n", {}),
    ("mail of our own", lambda f: LETTER % "strict.example", dict(client="198.51.100.7")),
)


def kept(f):
    for what, make, how, _ in CASES:
        f.send(make(f), **how)
    for what, make, how in NOTHING:
        f.send(make(f), **how)
    tap.equal(f.dmarc.stop(), 0, "SIGTERM ends it with 0")
    found, damaged = records(f)
    tap.equal((len(found), damaged), (len(CASES), 0), "one record of each judged message, and no other")
    for (what, _, _, want), got in zip(CASES, found):
        tap.equal({k: v for k, v in got._asdict().items() if k in want}, want, what + ": its record")
    tap.match("^mode is monitor; ", found[9].comment, "what is only watched: the comment says so")
    raw = b"".join(open(p, "rb").read() for p in glob.glob(folder(f) + "/*.mdb"))
    tap.ok(b"strict.example" in raw and b"receiver" not in raw and b"ann@" not in raw,
           "no recipient is in the files")
    f.dmarc.start()


class Load:
    """Clients that send as fast as they can; `sent` counts the answers."""

    def __init__(self, f, clients=4):
        self.f, self.sent, self.lock, self.going = f, 0, threading.Lock(), True
        self.enough = threading.Condition(self.lock)
        self.threads = [threading.Thread(target=self.client, daemon=True) for _ in range(clients)]
        for t in self.threads:
            t.start()

    def client(self):
        while self.going:
            try:
                with miltermta.Session(self.f.dmarc.socket) as s:
                    s.connect(GOOD)
                    s.helo("client.example")
                    for _ in range(20):
                        send(s, LETTER % "none.example", sender=of("none.example"), greet=False)
                        with self.lock:
                            self.sent += 1
                            self.enough.notify_all()
            except (miltermta.Gone, OSError):
                return

    def wait(self, n):
        with self.lock:
            return self.enough.wait_for(lambda: self.sent >= n, 60)

    def join(self):
        self.going = False
        for t in self.threads:
            t.join(60)
        return self.sent


def nothing_is_lost(f):
    """What was answered before SIGTERM is on the disk after it."""
    before = len(records(f)[0])
    load = Load(f)
    load.wait(200)
    sent = load.join()
    tap.equal(f.dmarc.stop(), 0, "SIGTERM at once after %d messages" % sent)
    found, damaged = records(f)
    tap.equal((len(found) - before, damaged), (sent, 0), "SIGTERM loses no record")
    f.dmarc.start()
    before = len(found)
    load = Load(f)
    load.wait(100)
    status = f.dmarc.stop()
    sent = load.join()
    found, damaged = records(f)
    tap.equal((status, damaged), (0, 0), "SIGTERM in the middle of it")
    tap.ok(len(found) - before >= sent, "every message that was answered has its record",
           "%d of %d" % (len(found) - before, sent))
    f.dmarc.start()


def killed(f):
    before = len(records(f)[0])
    for _ in range(3):
        load = Load(f)
        load.wait(load.sent + 300)
        f.dmarc.kill()
        sent = load.join()
        found, damaged = records(f)
        # a message may have been judged and not yet answered
        tap.ok(damaged == 0 and before <= len(found) <= before + sent + len(load.threads),
               "kill -9: all that is there is whole", "%d of %d, %d damaged" % (
                   len(found) - before, sent, damaged))
        before = len(found)
        f.dmarc.start()
    f.send(LETTER % "none.example")
    lab_base.wait_until(lambda: len(records(f)[0]) == before + 1, 10, "a record after the kills")
    tap.equal(glob.glob(folder(f) + "/*corrupt*"), [], "kill -9: no file was set aside")


def reloaded(f):
    """The store goes on, and another process may read while it does."""
    before = len(records(f)[0])
    with miltermta.Session(f.dmarc.socket) as s:
        s.connect(GOOD)
        s.helo("client.example")
        old = lambda: send(s, LETTER % "none.example", sender=of("none.example"), greet=False)
        old()
        tap.equal(f.reload(**{"record-bytes": "2m"})[0], "ok", "reload: another size")
        old()
        f.send(LETTER % "none.example")
        tap.equal(f.reload(records=False)[0], "ok", "reload: records = no")
        f.send(LETTER % "none.example")
        old()
    tap.equal(f.reload()[0], "ok", "reload: records again")
    f.send(LETTER % "none.example")
    lab_base.wait_until(lambda: len(records(f)[0]) >= before + 5, 10, "records over reloads")
    tap.equal(len(records(f)[0]) - before, 5, "each session by the policy that it began with")


def unavailable(f):
    f.dmarc.stop()
    os.rename(folder(f), folder(f) + ".away")
    with open(folder(f), "w", encoding="ascii"):
        pass
    f.dmarc.start()
    tap.match("records: .*dmarc-records", f.dmarc.log.wait(lambda l: "records: " in l, 5) or "",
              "a file in place of the folder: a warning")
    out = f.send(LETTER % "bank.example", client=GOOD, sender=of("bank.example"))
    tap.equal(out.verdict, ("pass", "reject", "continue"), "mail goes on without a store")
    tap.equal((counted(f, "unavailable"), counted(f, "kept")), (1, 0), "and is counted")
    tap.equal(sum("records: " in line for line in f.dmarc.log.all), 1, "the log says it once")
    os.remove(folder(f))
    os.rename(folder(f) + ".away", folder(f))
    tap.equal(f.dmarc.reload()[0], "ok", "a reload tries again")
    f.send(LETTER % "none.example")
    tap.equal(counted(f, "kept"), 1, "and records are kept")


def checked(f, lab):
    """--check opens nothing."""
    state = lab.path("nothing")
    os.mkdir(state)
    argv = [f.dmarc.program, "--config", f.dmarc.conf, "--state-dir", state, "--check"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, check=False)
    tap.equal((done.returncode, done.stderr, os.listdir(state)), (0, "", []), "--check leaves nothing")


def missing(f):
    """Our own filter is down: what it might have said is not held against the
    mail; what it could not have changed is."""
    spf_only, dkim_only = ("spf", "dmarc"), ("dkim", "dmarc")
    for what, make, chain, how, want in (
            ("no DKIM results, signed by the author", lambda f: f.signed("strict.example"), spf_only,
             {}, ("continue", "no results of gatepost-dkim")),
            ("no DKIM results, a forged signature of the author", lambda f: f.signed(
                "strict.example", key=f.other), spf_only, {}, ("continue", "no results of gatepost-dkim")),
            ("no DKIM results, signed by another", lambda f: f.signed(
                "attacker.example", LETTER % "strict.example"), spf_only, {}, ("reject", None)),
            ("no DKIM results, not signed", lambda f: LETTER % "strict.example", spf_only, {},
             ("reject", None)),
            ("no SPF results, the sender is the author", lambda f: LETTER % "strict.example", dkim_only,
             dict(sender=of("strict.example")), ("continue", "no results of gatepost-spf")),
            ("no SPF results, HELO is the author", lambda f: LETTER % "strict.example", dkim_only,
             dict(sender="<>", helo="strict.example"), ("continue", "no results of gatepost-spf")),
            ("no SPF results, another sender", lambda f: LETTER % "strict.example", dkim_only, {},
             ("reject", None)),
            ("no results at all, the sender is the author", lambda f: LETTER % "strict.example",
             ("dmarc",), dict(sender=of("strict.example")),
             ("continue", "no results of gatepost-spf and gatepost-dkim")),
            ("all results, a forged signature of the author", lambda f: f.signed(
                "bank.example", LETTER % "strict.example", key=f.other), dmarc_fixture.ORDER, {},
             ("reject", None))):
        for policy in ({"reject": "always"}, {"reject": "always", "quarantine": "hold"}):
            f.reload(**policy)
            out = f.send(make(f), chain, **how)
            tap.equal((out.action, out.hold), (want[0], None), "%s: %s" % (what, want[0]))
        log = f.log_of(out)
        tap.match("dmarc=fail ", log, what + ": the result is fail nevertheless")
        if want[1]:
            tap.equal(out.verdict[:2], ("fail", "reject"), what + ": and the header says so")
            tap.match('applied=none override=local_policy comment="%s"' % want[1], log,
                      what + ": the log says why")
    f.reload()


def watched(f):
    """Monitor mode: the log and the record say what was done, would= what was
    not."""
    # of two daemons in the same second the order is not that of the messages
    def told():
        return sum((r.result, r.disposition, r.reason) == ("fail", "none", "local_policy") and
                   r.comment.startswith("mode is monitor; its policy is reject")
                   for r in records(f)[0])
    before = told()
    f.reload(mode="monitor")
    out = f.send(LETTER % "strict.example")
    log = f.log_of(out)
    tap.match("would=reject .*applied=none override=local_policy "
              'comment="mode is monitor; its policy is reject', log, "monitor: applied=none, would=reject")
    f.dmarc.stop()
    tap.equal(told() - before, 1, "monitor: the record has what was done")
    f.dmarc.start()


def main():
    why = dmarc_fixture.why_not()
    if why:
        lab_tap.skip_all("records of gatepost-dmarc", why)
    with lab_base.Lab("dmarcrecords") as lab:
        f = Fixture(lab)
        tap.run("kept", kept, f)
        for test in (nothing_is_lost, killed, reloaded, unavailable, missing, watched):
            tap.run(test.__name__, test, f)
        tap.run("checked", checked, f, lab)
        for name, daemon in f.daemons.items():
            tap.equal(daemon.stop(), 0, "gatepost-%s ends with 0" % name)
    tap.done()


main()
