"""The chain of three in its real place: a private MTA takes mail on port 25
through gatepost-spf, gatepost-dkim and gatepost-dmarc, and on further ports
through every other order and subset of them."""
import itertools
import re
import time

import dmarc_fixture
import lab_authres
import lab_base
import lab_dkim
import lab_dns
import lab_gatepost
import lab_ledger
import lab_smtp
import lab_tap
from dmarc_fixture import AR, BAD, FORWARDER, GOOD, ID, LETTER, ORDER, RELAY, Outcome

PASSES = "spf=pass smtp.mailfrom=bank.example; dkim=pass header.d=bank.example; " \
    "dmarc=pass header.from=bank.example"
FOREIGN = "mx.other.example; dmarc=pass header.from=bank.example"
LIES = "".join("%s: %s\n" % (AR, v) for v in (
    "%s; %s" % (ID, PASSES), '"%s." 1; %s' % (ID.upper(), PASSES), FOREIGN, "(c) old.lab.example; " + PASSES))
LIST = "List-Id: <l.example>\nList-Post: <mailto:l@l.example>\n"
CHAINS = [c for n in (1, 2, 3) for c in itertools.permutations(ORDER, n)]


class Place(lab_ledger.Ledger):
    """The lab and the ledger."""

    def __init__(self, lab, mta):
        super().__init__(lab.own(lab_smtp.Sink()))
        self.key = lab_dkim.Key("ed25519")
        self.dns = lab.own(lab_dns.DnsServer(dmarc_fixture.zone(self.key), ttl=0))
        self.daemons = {}
        for name in ORDER:
            self.daemons[name] = lab_gatepost.Daemon(
                lab, self.settings(), name=name, user="nobody", group=mta.GROUP,
                beside=self.daemons.get("spf"))
        self.dmarc = self.daemons["dmarc"]
        self.mta = mta(lab, self.sink.port, self.milters(ORDER), ID, login={"ann": "1"},
                       chains={c: self.milters(c) for c in CHAINS})

    def settings(self, **dmarc):
        return dmarc_fixture.settings(self.dns, **dmarc)

    def milters(self, chain):
        return ",".join("unix:" + self.daemons[name].socket for name in chain)

    def reload(self, **dmarc):
        self.dmarc.set_policy(self.settings(**dmarc))
        return self.dmarc.reload()[0]

    def signed(self, domain, raw):
        return lab_dkim.sign(raw, domain, "s1", self.key)

    def client(self, address, chain=ORDER, login=None):
        return self.mta.client(address, login, self.mta.chain_ports[chain])

    def say(self, s, raw, sender="<any@attacker.example>", rcpt="ann@receiver.example"):
        ident = self.ident()
        raw = b"X-Lab-Id: %s\r\n" % ident.encode() + lab_dkim.octets(raw)
        return self.note(lab_ledger.Posted(ident, *s.message(sender, [rcpt], raw)))

    def receive(self, raw, client=BAD, chain=ORDER, login=None, **kw):
        with self.client(client, chain, login) as s:
            return self.say(s, raw, **kw)

    def log_of(self, posted, since=0):
        return self.dmarc.log.wait(lambda l: posted.data.queue_id + ": " in l, 5, since) or ""


class Delivered(Outcome):
    """The fields of a delivered message, read as in the protocol tests."""

    def __init__(self, message):
        self.raw, self.action = message.raw if message else b"\r\n\r\n", "continue"
        self.ours = self._ours()


def whole(tap, what, message):
    """One field of ours, on top, without a seal, readable by python3-authres."""
    out = Delivered(message)
    first = message.fields[0] if message else ("", "")
    tap.equal((len(out.ours), first[0]), (1, AR), what + ": one field of ours, on top")
    tap.ok("gatepost-seal" not in "".join(out.fields), what + ": no seal is left", out.fields)
    tap.equal(lab_authres.read(first[1])[0], ID, what + ": python3-authres reads the same")
    return out


# -- the tests -------------------------------------------------------------

def good(tap, p):
    for what, raw, how in (
            ("by SPF", LETTER % "bank.example", dict(client=GOOD, sender="<bounce@bank.example>")),
            ("by DKIM", p.signed("bank.example", LETTER % "bank.example"), dict(client=RELAY)),
            ("by both, and forged fields", p.signed("bank.example", LIES + LETTER % "bank.example"),
             dict(client=GOOD, sender="<bounce@bank.example>"))):
        message = p.delivered(p.receive(raw, **how))
        out = whole(tap, "good %s" % what, message)
        tap.equal(out.verdict[:2], ("pass", "reject"), "good %s: dmarc=pass" % what)
        tap.equal([r.method for r in out.ours[0]], ["spf", "spf", "dkim", "dmarc"],
                  "good %s: SPF, DKIM, DMARC" % what)
    tap.equal(message.all(AR)[1:], [FOREIGN], "forged fields are gone, that of others stays")


def spoofs(tap, p):
    for what, raw, how in (
            ("nothing", LETTER % "bank.example", {}),
            ("forged results", LIES + LETTER % "bank.example", {}),
            ("a signature of his own", p.signed("attacker.example", LIES + LETTER % "bank.example"), {}),
            ("our own domain from outside", LETTER % "receiver.example", {}),
            ("our own domain by a list", LIST + LETTER % "receiver.example", {}),
            ("our own domain by a forwarder's neighbour", LETTER % "receiver.example",
             dict(client="100.64.8.9"))):
        posted = p.receive(raw, **how)
        tap.match(r"^550 5\.7\.1 .*DMARC check of (bank|receiver)\.example failed", posted.last.line,
                  "a spoof with %s: 550 5.7.1 with the reason" % what)
    for what, raw in (("two From fields", "From: a@plain.example\n" + LETTER % "bank.example"),
                      ("two authors", (LETTER % "bank.example").replace("Bank <", "a@plain.example, Bank <")),
                      ("no From", re.sub("From: .*\n", "", LETTER % "bank.example"))):
        posted = p.receive(raw, client=GOOD, sender="<bounce@bank.example>")
        tap.match(r"^550 5\.7\.1 .*DMARC", posted.last.line, "%s: 550 5.7.1 with the reason" % what)


def detours(tap, p):
    for what, raw, how in (
            ("a list message", LIST + LETTER % "strict.example", {}),
            ("a signature that broke", p.signed("strict.example", LETTER % "strict.example").replace(
                b"Hello Ann", b"Hallo Ann"), {}),
            ("a listed forwarder", LETTER % "strict.example", dict(client=FORWARDER))):
        posted = p.receive(raw, **how)
        out = whole(tap, what, p.delivered(posted))
        tap.equal(out.verdict[:2], ("fail", "reject"), what + ": delivered, and told to have failed")
        tap.match("override=(mailing_list|other|trusted_forwarder)", p.log_of(posted),
                  what + ": the log says why")


def milder(tap, p):
    for domain, want in (("quar.example", ("fail", "quarantine")), ("none.example", ("fail", "none")),
                         ("plain.example", ("none", None)), ("broken.example", ("temperror", None))):
        out = whole(tap, domain, p.delivered(p.receive(LETTER % domain)))
        tap.equal(out.verdict[:2], want, "%s: delivered with %s" % (domain, want))
    tap.equal(p.reload(temperror="tempfail", quarantine="hold"), "ok", "reload: hold, tempfail")
    posted = p.receive(LETTER % "broken.example")
    tap.match(r"^451 4\.7\.1 .*DMARC", posted.last.line, "temperror = tempfail: 451 4.7.1")
    posted = p.receive(LETTER % "quar.example")
    lab_base.wait_until(lambda: [q["queue_name"] for q in p.mta.queue()
                                 if q["queue_id"] == posted.data.queue_id] == ["hold"], 10, "it is held")
    tap.equal(p.sink.of(posted.ident), [], "quarantine = hold: in the MTA's hold queue")
    p.mta.release(posted.data.queue_id)
    out = whole(tap, "released", p.delivered(posted))
    tap.equal(out.verdict[:2], ("fail", "quarantine"), "released: with its results")
    tap.equal(p.reload(mode="monitor"), "ok", "reload: monitor")
    posted = p.receive(LIES + LETTER % "strict.example")
    out = whole(tap, "monitor", p.delivered(posted))
    tap.equal(out.verdict[:2], ("fail", "reject"), "monitor: delivered with the same results")
    tap.match("would=reject", p.log_of(posted), "monitor: the log says what enforcing would do")
    tap.equal(p.reload(), "ok", "reload: enforce")


def ours(tap, p):
    posted = p.receive(LIES + LETTER % "receiver.example", login="ann")
    tap.equal(p.delivered(posted).all(AR), [FOREIGN], "with a login: not judged, forged fields removed")


def session(tap, p):
    """One after the other, each its own."""
    with p.client(GOOD) as s:
        posted = [p.say(s, LETTER % d, sender="<bounce@%s>" % d) for d in ("bank.example", "none.example")]
        posted.append(p.say(s, LETTER % "strict.example", sender="<bounce@bank.example>"))
        posted.append(p.say(s, LETTER % "quar.example", sender="<bounce@quar.example>"))
    tap.equal([m.last.code for m in posted], [250, 250, 550, 250], "a session of four: one is refused")
    tap.equal([Delivered(p.delivered(m)).verdict[0] for m in posted if m.accepted], ["pass"] * 3,
              "a session of four: the others pass")


def orders(tap, p):
    """A filter that is missing or comes too late never makes a forged pass."""
    tap.equal(p.reload(mode="monitor"), "ok", "reload: monitor")
    for chain in CHAINS:
        what, last = ">".join(chain), chain[-1] == "dmarc"
        at = chain.index("dmarc") if "dmarc" in chain else -1
        inputs, left = chain[:max(at, 0)], chain if last else chain[at + 1:]
        for text, raw, how, passing in (
                ("a spoof", p.signed("attacker.example", LIES + LETTER % "bank.example"), {}, set()),
                ("a good message", p.signed("bank.example", LIES + LETTER % "bank.example"),
                 dict(client=GOOD, sender="<bounce@bank.example>"), {"spf", "dkim"})):
            posted = p.receive(raw, chain=chain, **how)
            message = p.delivered(posted)
            out = whole(tap, "%s: %s" % (what, text), message) if last else Delivered(message)
            want = passing & set(left) | ({"dmarc"} if last and passing & set(inputs) else set())
            tap.equal({m for m, d in out.passes() if d == "bank.example"}, want,
                      "%s: %s: %s pass" % (what, text, " ".join(sorted(want)) or "none"))
            tap.ok(message and FOREIGN in message.all(AR), "%s: %s: the field of others stays" % (what, text))
            if at >= 0:
                tap.equal(re.findall(r"no-results-of=(\w+)", p.log_of(posted)),
                          [m for m in ("spf", "dkim") if m not in inputs],
                          "%s: %s: the log names what is missing" % (what, text))
    tap.equal(p.reload(), "ok", "reload: enforce")


def every_field(tap, p):
    """Whatever was delivered, by whichever filters: ours are as many as they
    should be, and python3-authres reads the same in each."""
    written = [len(Delivered(m).ours) for m in p.sink.messages]
    tap.ok(len(written) > 40 and sum(written) > len(written),
           "python3-authres reads the same in every delivered field of ours: %d in %d messages" % (
               sum(written), len(written)))


TESTS = (good, spoofs, detours, milder, ours, session, orders, every_field)


def main(mta):
    why = mta.why_not() or dmarc_fixture.why_not()
    if why:
        lab_tap.skip_all("gatepost-dmarc with " + mta.NAME, why)
    tap = lab_tap.Tap()
    with lab_base.Lab("dmarc") as lab:
        p = Place(lab, mta)
        for test in TESTS:
            begin = time.monotonic()
            tap.run(test.__name__, test, tap, p)
            tap.note("%s took %.1f s" % (test.__name__, time.monotonic() - begin))
        tap.run("accounts", p.accounts, tap, p.mta)
        tap.equal(p.mta.trouble(), [], "%s has no trouble with a milter" % mta.NAME)
        if tap.failed:
            tap.note(p.mta.NAME + "'s last words:\n" + "\n".join(p.mta.log().splitlines()[-30:]))
        for name, daemon in p.daemons.items():
            tap.equal(daemon.stop(), 0, "gatepost-%s ends with 0" % name)
    tap.done()
