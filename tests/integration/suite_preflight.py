"""suite_preflight - preflight in its real place: a private MTA signs what is
submitted with gatepost-dkim and asks gatepost-dmarc whether it is fit to leave; a
sink keeps what left.  On further ports the signer is missing, or comes too
late."""
import re

import lab_base
import lab_dkim
import lab_dns
import lab_gatepost
import lab_ledger
import lab_smtp
import lab_tap
import preflight_fixture
from preflight_fixture import EGRESS, ID, NEEDS, letter, words

KEY = "rsa.pem"
OURS, STRANGER = "198.51.100.7", "203.0.113.66"
BOTH, ALONE, LATE = ("dkim", "dmarc"), ("dmarc",), ("dmarc", "dkim")


class Place(lab_ledger.Ledger):
    """The lab and the ledger."""

    def __init__(self, lab, mta):
        super().__init__(lab.own(lab_smtp.Sink()))
        self.key = lab_dkim.Key()
        self.zone = preflight_fixture.zone(self.key)
        self.zone[lab_dkim.name("s1", ID)] = {"TXT": [self.key.record]}
        self.dns = lab.own(lab_dns.DnsServer(self.zone, ttl=0))
        self.local = [mta.LOCAL_CLIENT] if mta.LOCAL_CLIENT else []
        self.daemons = {}
        for name in BOTH:
            self.daemons[name] = lab_gatepost.Daemon(
                lab, self.settings(), name=name, user="nobody", group=mta.GROUP,
                beside=self.daemons.get("dkim"), keys={KEY: self.key.pem})
        self.dmarc = self.daemons["dmarc"]
        self.mta = mta(lab, self.sink.port, self.milters(BOTH), ID,
                       chains={c: self.milters(c) for c in (BOTH, ALONE, LATE)})

    def settings(self, **preflight):
        out = preflight_fixture.settings(self.dns, KEY, **preflight)
        out["trust"]["clients"] += self.local
        # what the MTA itself sends
        out[("domain", ID)] = preflight_fixture.block(KEY)
        return out

    def milters(self, chain):
        return ",".join("unix:" + self.daemons[name].socket for name in chain)

    def reload(self, **preflight):
        self.dmarc.set_policy(self.settings(**preflight))
        return self.dmarc.reload()[0]

    def send(self, raw, chain=BOTH, client=OURS, sender="bounce@shop.example", rcpt="ann@receiver.example"):
        """What the MTA said, and what gatepost-dmarc wrote into the log."""
        ident = self.ident()
        with self.mta.client(client, port=self.mta.chain_ports[chain]) as s:
            raw = b"X-Lab-Id: %s\r\n" % ident.encode() + lab_dkim.octets(raw)
            posted = self.note(lab_ledger.Posted(ident, *s.message("<%s>" % sender, [rcpt], raw)))
        queue_id = posted.data.queue_id if posted.data else None
        return posted, self.log_of(queue_id) if queue_id else ""

    def log_of(self, queue_id):
        return self.dmarc.log.wait(lambda l: queue_id + ": " in l, 5) or ""

    def told(self, since):
        """What the MTA logs of a refusal; it may do so after it has replied."""
        return lab_base.wait_until(lambda: self.mta.refusals(since), 10, "the MTA logs a refusal")[-1]

    def logged(self, pattern):
        return self.dmarc.log.wait(re.compile(pattern).search, 10) or ""


def of(domain):
    return "bounce@" + domain


# -- the tests -------------------------------------------------------------

def fit(tap, p):
    for what, raw, sender in (("all is there", letter(), of("shop.example")),
                              ("a domain below", letter("a.shop.example"), of("bounces.shop.example")),
                              ("folded one-click", letter().replace(", <https", ",\n\t<https"),
                               of("shop.example"))):
        posted, line = p.send(raw, sender=sender)
        message = p.delivered(posted)
        tap.equal(lab_dkim.shown(message.raw, p.zone) if message else posted.last, {("shop.example", "s1")},
                  what + ": delivered, and dkimpy verifies it")
        tap.ok(" preflight=pass" in line, what + ": the log says pass", line)


def unfit(tap, p):
    unsigned = ["aligned-dkim", "list-unsubscribe-oneclick"]
    forged = lab_dkim.sign(letter(), "evil.example", "s1", p.key)
    for what, raw, how, needs, why in (
            ("no signer", letter(), dict(chain=ALONE), unsigned, "no DKIM signature of shop.example"),
            ("the signer comes too late", letter(), dict(chain=LATE), unsigned, "gatepost-dkim must come before"),
            ("signed by a stranger", forged, dict(chain=ALONE), unsigned, "no DKIM signature with d=shop.example"),
            # an MTA adds these only to the mail of its own clients
            ("no Date, no Message-ID", letter(without=("Date", "Message-ID")), {}, ["date", "message-id"],
             "no Date field; no Message-ID field"),
            ("no Subject", letter(without=("Subject",)), {}, ["subject"], "no Subject field"),
            ("two Subjects", letter(extra="Subject: x\n"), {}, ["subject"], "2 Subject fields"),
            ("no one-click", letter(without=("List-Unsubscribe-Post",)), {}, ["list-unsubscribe-oneclick"],
             "no List-Unsubscribe-Post field"),
            ("MAIL FROM of another domain", letter(), dict(sender=of("far.example")), ["aligned-spf"],
             "MAIL FROM far.example is not aligned"),
            ("no DMARC record", letter("norecord.example"), dict(sender=of("norecord.example")),
             ["dmarc-record"], "no DMARC record"),
            ("two From fields", letter(extra="From: a@other.example\n"), {},
             ["from-one", "aligned-dkim", "aligned-spf", "dmarc-record", "list-unsubscribe-oneclick"],
             "there are 2 From fields")):
        since = len(p.mta.log())
        posted, line = p.send(raw, **how)
        tap.match(r"^550 5\.7\.1 .*: %s: .*%s" % (", ".join(needs), re.escape(why)), posted.last.line,
                  what + ": 550 5.7.1 names it, and the reason")
        tap.ok(len(posted.last.line) <= 512, what + ": a line of SMTP")
        stage, text = p.told(since)
        tap.ok(stage == "message" and needs[0] in text, what + ": the MTA logs it, too", text)
        line = line or p.logged(r" action=reject why=preflight\.%s " % needs[0])
        tap.equal(words("missing", line), needs, what + ": the log of gatepost-dmarc names it")


def words_of_else(tap, p):
    for domain, code, verb in (("later.example", r"^451 4\.7\.1 .*: subject: no Subject", "tempfail"),
                               ("warned.example", "^250 ", "warn"), ("watched.example", "^250 ", "monitor")):
        posted, line = p.send(letter(domain, ("Subject",)), sender=of(domain))
        tap.match(code, posted.last.line, verb + ": what the MTA says")
        if posted.accepted:
            tap.ok(p.delivered(posted), verb + ": it is delivered")
            tap.equal((words("missing", line), " would=reject " in line), (["subject"], verb == "monitor"),
                      verb + ": the log names it")


def dns_trouble(tap, p):
    posted, line = p.send(letter("dead.example"), sender=of("dead.example"))
    tap.ok(p.delivered(posted) and words("open", line) == ["aligned-spf", "dmarc-record"],
           "SERVFAIL, temperror = tag: delivered", line)
    for domain in ("deadtoo.example", "slow.example"):
        posted, line = p.send(letter(domain), sender=of(domain))
        tap.match(r"^451 4\.7\.1 .*can not be checked now", posted.last.line,
                  domain + ": temperror = tempfail: 451 4.7.1")


def egress(tap, p):
    tap.equal(p.reload(egress=[EGRESS, "192.0.2.26"]), "ok", "one more address")
    posted, _ = p.send(letter())
    tap.match(r"^550 5\.7\.1 .*aligned-spf: the SPF record of shop\.example .*: 192\.0\.2\.26 fail",
              posted.last.line, "an address that SPF does not let pass is named")
    p.dns.serve(dict(p.zone, **{"shop.example": {"TXT": ["v=spf1 ip4:%s ip4:192.0.2.26 -all" % EGRESS]}}))
    posted, _ = p.send(letter())
    tap.ok(p.delivered(posted), "the record is mended: delivered", posted.last.line)
    p.dns.serve(p.zone)
    tap.equal(p.reload(), "ok", "as before")


def others(tap, p):
    for what, raw, client, sender in (
            ("a block without a section", letter("plain.example", ("Subject",)), OURS, of("plain.example")),
            ("no block", letter("other.example", ("Subject",)), OURS, of("other.example"))):
        posted, line = p.send(raw, client=client, sender=sender)
        tap.ok(p.delivered(posted) and "preflight" not in line, what + ": not looked at", line)
    posted, line = p.send(letter("far.example", ("Subject",)), client=STRANGER, sender=of("far.example"))
    tap.ok(p.delivered(posted) and "preflight" not in line, "inbound: not looked at", line)


def local_mail(tap, p):
    ident = p.ident()
    p.mta.sendmail("bounce@shop.example", ["ann@receiver.example"], "X-Lab-Id: %s\n%s" % (ident, letter()))
    p.took(ident)
    tap.ok(p.sink.wait(ident), "sendmail(1): fit, delivered")
    ident = p.ident()
    p.mta.sendmail("bounce@far.example", ["ann@receiver.example"],
                       "X-Lab-Id: %s\n%s" % (ident, letter(without=("Subject",))))
    line = p.logged(r"missing=aligned-spf,subject .*from=bounce@far\.example")
    tap.ok(" action=reject " in line, "sendmail(1): unfit, refused", line)
    bounce = p.sink.wait(lambda m: m.sender == "" and m.rcpts == ["bounce@far.example"])
    tap.ok(bounce and b"preflight" in bounce.raw, "and its sender is told what is missing",
           bounce and bounce.raw[-2000:])


def bounces(tap, p):
    """The MTA's own: no one-click, and HELO that SPF lets pass."""
    posted, _ = p.send(letter("plain.example"), rcpt="u@" + lab_smtp.NOWHERE, sender=of("plain.example"))
    p.taken.remove(posted.ident)
    bounce = p.sink.wait(lambda m: m.sender == "" and m.rcpts == [of("plain.example")])
    tap.ok(bounce, "a bounce that lacks something is delivered")
    if not p.mta.FILTERS_BOUNCES:
        tap.equal(bounce and bounce.all("DKIM-Signature"), [], "no filter has seen it")
        return
    tap.equal(lab_dkim.shown(bounce.raw, p.zone) if bounce else None, {(ID, "s1")}, "and signed")
    line = p.logged(r'preflight=fail missing=dmarc-record,list-unsubscribe-oneclick .*from=""')
    tap.ok(" action=continue " in line and "would=" not in line, "the log says what it lacks", line)


def counted(tap, p):
    numbers = p.dmarc.metrics()
    empty = [n for n in NEEDS if not numbers[
        'gatepost_preflight_missing_total{daemon="dmarc",need="%s"}' % n]]
    tap.equal(empty, [], "all that was missing is counted")


def main(mta):
    why = mta.why_not() or lab_dkim.why_not()
    if why:
        lab_tap.skip_all("preflight with " + mta.NAME, why)
    tap = lab_tap.Tap()
    with lab_base.Lab("preflight") as lab:
        p = Place(lab, mta)
        for test in (fit, unfit, words_of_else, dns_trouble, egress, others, local_mail, bounces, counted):
            tap.run(test.__name__, test, tap, p)
        tap.run("accounts", p.accounts, tap, p.mta)
        if tap.failed:
            tap.note("the MTA's last words:\n" + "\n".join(p.mta.log().splitlines()[-30:]))
        for name, daemon in p.daemons.items():
            tap.equal(daemon.stop(), 0, "gatepost-%s ends with 0" % name)
    tap.done()
