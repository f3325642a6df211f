"""suite_rate - gatepost-rate in its real place: a private MTA takes submissions
with SMTP AUTH, mail of other relays and of local programs; a sink keeps what
leaves.  What the replies promise is what happens, and what did not leave is not
counted."""
import time

import lab_base
import lab_dkim
import lab_dns
import lab_gatepost
import lab_ledger
import lab_smtp
import lab_tap
import rate_fixture
from rate_fixture import DAY, ID, LETTER, OURS, STRANGER, Promise, block, counted, level, limit

KEY = "rsa.pem"
RATE, DKIM, DMARC = ("rate",), ("dkim", "rate"), ("dmarc", "rate")
USERS = ("app", "victim", "Victim+x", "VICTIM", "ann", "bob", "bulk", "shop", "null", "nulls", "mallory",
         "ann@own.example", "prov")
TOP = 40  # of the limit that all share, where there is one
ZONE = {"hosted.example": {"MX": [(10, "in.mx.big.example")]},
        "own.hosted.example": {"MX": [(10, "mail.own.hosted.example")]},
        "receiver.example": {"MX": [(10, "mx.receiver.example")]}}


def blocks(key):
    """Every test has domains of its own."""
    signed = {("key", "s1"): key}
    senders = {"auth": ["app"], "clients": ["198.51.100.9"]}
    return {("domain", name + ".example"): value for name, value in {
        "twenty": block([("pace", limit("20/2m", "auth", "messages"))]),
        "newsletter": block([("pace", limit("30/" + DAY, "rcpt-domain"))], **{"class": "bulk"}),
        "transactional": {"class": "transactional"},
        "peer": block([("pace", limit("2/" + DAY, "rcpt-domain"))]),
        "app": block([("pace", limit("2/" + DAY, "rcpt-domain"))]),
        "forms": block([("pace", limit("2/" + DAY, "rcpt-domain"))]),
        "local": block([("pace", limit("1/5s", "sender", "messages"))]),
        "refund": block([("pace", limit("3/" + DAY, "sender")),
                         ("letters", limit("99/" + DAY, "sender", "messages"))]),
        "nulls": block([("pace", limit("2/" + DAY, "domain", "messages"))]),
        "strict": dict(signed, senders=dict(senders, **{"else": "reject"})),
        "later": dict(signed, senders=dict(senders, **{"else": "tempfail"})),
        "loose": dict(signed, senders=dict(senders, **{"else": "unsigned"})),
        "own": dict(signed, senders={"own-address": True, "else": "reject"}),
        "unfit": {"preflight": {"mode": "enforce", "require": ["subject"], "else": "reject"}},
        "watched": block([("pace", limit("2/" + DAY, "domain", "messages", mode="monitor"))]),
        "logged": block([("pace", limit("2/" + DAY, "domain", over="log"))]),
        "firm": block([("pace", limit("1/" + DAY, "domain", "messages", over="reject"))]),
        "heavy": block([("pace", limit("10000/" + DAY, "domain", "bytes"))]),
        "list": block([("pace", limit("2/" + DAY, "sender", "unique-recipients"))]),
        "byclient": block([("pace", limit("2/" + DAY, "client", "messages"))]),
        "author": block([("pace", limit("1/" + DAY, "domain"))]),
        "prov": block([("pace", limit("100/" + DAY, "provider"))]),
        "young": {("warmup", "cloud"): {"first-day": 5}},
    }.items()}


PROVIDERS = {("provider", "special"): {"transports": ["special"]},
             ("provider", "listed"): {"domains": ["listed.example", "*.listed.example"]},
             ("provider", "cloud"): {"mx": ["mx.big.example"]}}


class Place(lab_ledger.Ledger):
    """The lab and the ledger."""

    def __init__(self, lab, mta):
        super().__init__(lab.own(lab_smtp.Sink()))
        self.key = lab_dkim.Key()
        self.dns = lab.own(lab_dns.DnsServer(ZONE, ttl=0))
        self.daemons = {}
        self.local = [mta.LOCAL_CLIENT] if mta.LOCAL_CLIENT else []
        for name in ("rate", "dkim", "dmarc"):
            self.daemons[name] = lab_gatepost.Daemon(
                lab, self.settings(), name=name, user="nobody", group=mta.GROUP, env={"TZ": "UTC"},
                beside=self.daemons.get("rate"), keys={KEY: self.key.pem})
        self.rate = self.daemons["rate"]
        self.mta = mta(
            lab, self.sink.port, self.milters(RATE), ID, login={u: "1" for u in USERS},
            chains={c: self.milters(c) for c in (RATE, DKIM, DMARC)},
            transports={"special.example": "special", "inside.example": "inside"})

    def settings(self):
        rate = {"login-limit": ["30/" + DAY], "contact": "help@lab.example",
                "internal": ["own.example"], "internal-transports": ["inside"]}
        out = rate_fixture.settings(self.dns, rate=rate) | PROVIDERS | blocks({"file": KEY})
        out["trust"]["clients"] += self.local
        return out

    def milters(self, chain):
        return ",".join("unix:" + self.daemons[name].socket for name in chain)

    def reload(self, more=None):
        self.rate.set_policy(self.settings() | (more or {}))
        return self.rate.reload()[0]

    def client(self, chain=RATE, client=OURS, login=None):
        return self.mta.client(client, login, self.mta.chain_ports[chain])

    def say(self, s, domain, sender=None, rcpts=("ann@receiver.example",), author=None, extra=""):
        """A message of this domain; what the MTA said."""
        ident = self.ident()
        sender = "bounce@" + domain if sender is None else sender
        raw = "X-Lab-Id: %s\r\n%s%s" % (ident, extra, LETTER % (author or domain))
        return self.note(lab_ledger.Posted(ident, *s.message("<%s>" % sender, list(rcpts), raw)))

    def submit(self, login, domain, **kw):
        """With a login, in a session of its own."""
        with self.mta.submission(login) as s:
            return self.say(s, domain, **kw)

    def relay(self, domain, chain=RATE, client=OURS, login=None, **kw):
        """As another MTA (or with a login), by this chain."""
        with self.client(chain, client, login) as s:
            return self.say(s, domain, **kw)

    def level(self, prefix):
        return level(self.rate, "m/" + prefix)


def people(n, domain="receiver.example"):
    return ["u%d@%s" % (i, domain) for i in range(n)]


def answers(posted):
    """What was said to the recipients, and to the message."""
    return [a.code for a in posted.rcpts], posted.data.code if posted.data else None


# -- the tests -------------------------------------------------------------

def exactly_twenty(tap, p):
    with p.mta.submission("app") as s:
        posted = [p.say(s, "twenty.example") for _ in range(21)]
        last = posted.pop()
        tap.equal([m.last.code for m in posted], [250] * 20, "limit 20: 20 pass")
        tap.equal(answers(last), ([250], 451), "limit 20: the 21st hears 451, at the end of the message")
        tap.match(r"^451 4\.7\.1 message rate exceeded \(20/2m, limit pace\); retry after \S+Z \([1-7] s\); "
                  r"contact help@lab\.example \[\w{10}\]$", last.last.line, "limit 20: the reply says all")
        promise = Promise(last.last.line)
        told = rate_fixture.why(p.rate, promise.ref.lower())
        want = {"limit": "pace of twenty.example", "counts": "message", "login": "app",
                "sender": "bounce@twenty.example", "retry_after": promise.utc,
                "wait_s": str(promise.seconds), "reference": promise.ref, "client": "127.0.0.1",
                "meter": "m/twenty.example/pace/120/auth=app"}
        tap.equal({k: told.get(k) for k in want}, want, "limit 20: `rate why` explains the reference")
        tap.match(r"gatepost\.conf:\d+$", told.get("rule"), "limit 20: and names the place in the policy")
        tap.ok(p.rate.log.wait(lambda l: "ref=" + promise.ref in l, 5), "limit 20: the log has the reference")
        promise.wait()
        codes = [p.say(s, "twenty.example").last.code for _ in range(2)]
        tap.equal(codes, [250, 451], "limit 20: at the promised time one passes, and one only")
    code, _, text = rate_fixture.tool("--control", p.rate.control, "rate", "why", "2222222222")
    tap.equal((code, "no refusal with that reference" in text), (1, True), "a reference that is none: exit 1")


def hijacked(tap, p):
    posted = [p.submit("victim", "free.example", rcpts=people(10)) for _ in range(3)]
    tap.equal([m.last.code for m in posted], [250] * 3, "a stolen login: 30 recipients pass")
    others = []
    for name in ("victim", "Victim+x", "VICTIM"):
        last = p.submit(name, "free.example", sender="%s@other.example" % name)
        tap.match(r"^451 4\.7\.1 recipient rate exceeded \(30/1d, limit login-limit\)", last.last.line,
                  "a stolen login: %s is stopped" % name)
        others.append(p.submit("ann", "free.example", rcpts=people(9)).last.code)
    tap.equal(others, [250] * 3, "a stolen login: meanwhile another one flows")
    told = rate_fixture.why(p.rate, Promise(last.last.line).ref)
    tap.equal((told.get("rule"), told.get("login")), ("built-in (rate.login-limit)", "victim"),
              "a stolen login: `rate why` names it, and the built-in limit")
    tap.equal(p.relay("free.example", rcpts=people(40)).last.code, 250, "without a login there is no such limit")


def headroom(tap, p):
    """A limit that all share, by provider: bulk fills four fifths of it."""
    shared = {("limit", "shared"): limit("%d/%s" % (TOP, DAY), "provider")}
    tap.equal(p.reload(shared), "ok", "reload: a limit over all")
    listed, free = people(1, "listed.example"), people(1, "a.free.example")
    with p.client() as s:
        bulk = [p.say(s, "newsletter.example", rcpts=listed).last for _ in range(31)]
        tap.equal([b.code for b in bulk], [250] * 30 + [450], "newsletter: 30 of its own limit, then 450")
        tap.match("limit pace", bulk[-1].line, "newsletter: by its own limit")
        more = [p.say(s, "newsletter.example", rcpts=people(1, "b.listed.example")).last for _ in range(3)]
        tap.equal([b.code for b in more], [250, 250, 450], "newsletter: 32 of 40 at the provider")
        tap.match("limit shared", more[-1].line, "newsletter: by the limit that all share")
        normal = [p.say(s, "free.example", rcpts=listed).last.code for _ in range(5)]
        tap.equal(normal, [250] * 4 + [450], "other mail: 36 of 40")

    def hammer(_number):
        with p.client() as s:
            for _ in range(5):
                yield p.say(s, "newsletter.example", rcpts=listed)
    load = lab_ledger.Load(hammer, 2, 30)
    with p.mta.submission("shop") as s:
        mine = [p.say(s, "transactional.example", rcpts=listed).last.code for _ in range(4)]
        codes = [p.say(s, "transactional.example", rcpts=free).last.code for _ in range(16)]
        over = p.say(s, "transactional.example", rcpts=listed).last.code
    lab_base.wait_until(lambda: len(load.posted) >= 10, 20, "the newsletter tries")
    posted = load.finish()
    tap.equal(mine, [250] * 4, "transactional: to 40 of 40, while the newsletter is at its limit")
    tap.equal(codes, [250] * 16, "transactional: all pass where the newsletter is not")
    tap.equal(over, 451, "transactional: 40 is the limit for all")
    tap.equal({m.last.code for m in posted}, {450}, "newsletter: not one more (%d tries)" % len(posted))
    tap.equal(p.reload(), "ok", "reload: without it")


def another_mta(tap, p):
    rcpts = people(3, "full.example") + ["v@open.example"]
    posted = p.relay("peer.example", rcpts=["@"] + rcpts)
    tap.ok(500 <= posted.rcpts.pop(0).code <= 599, "an MTA: what is no address the MTA itself refuses")
    tap.equal(answers(posted), ([250, 250, 450, 250], 250), "an MTA: 450 to the one that is too many")
    tap.match(r"^450 4\.7\.1 %srecipient rate exceeded \(2/1d, limit pace\); retry after \S+Z \(\d+ s\); "
              r"contact help@lab\.example \[\w{10}\]$" % (r"<\S+>\.\.\. " if p.mta.REPLY_NAMES_RCPT else ""), posted.rcpts[2].line,
              "an MTA: the reply at RCPT says all")
    ref = Promise(posted.rcpts[2].line).ref
    tap.equal(rate_fixture.why(p.rate, ref).get("client"), OURS, "an MTA: `rate why` knows it")
    message = p.delivered(posted)
    tap.equal(sorted(message.rcpts if message else []), sorted(rcpts[:2] + rcpts[3:]),
              "an MTA: the others get the mail")
    tap.equal([p.level("peer.example/pace/86400/rcpt-domain=" + d) for d in ("full", "open")], [2, 1],
              "an MTA: counted is what left")


def forms(tap, p):
    """What the MTA takes for an address counts for those who get the mail."""
    ident = p.ident()
    with p.client() as s:
        s.command("MAIL FROM:x<bounce@forms.example>")
        codes = [s.command("RCPT TO:" + form).code for form in (
            "x<u1@odd.example>", "<u2@odd.example>(comment)", "x<u3@odd.example>", "u4@odd.example")]
        done = s.data("X-Lab-Id: %s\r\n%s" % (ident, LETTER % "free.example"))
    p.note(lab_ledger.Posted(ident, done, [], done))
    tap.equal((codes, done.code), ([250, 250, 450, 450], 250), "forms of an address: two pass")
    message = p.sink.wait(ident)
    tap.equal(message and (message.sender, sorted(message.rcpts)),
              ("bounce@forms.example", ["u1@odd.example", "u2@odd.example"]), "forms of an address: and get it")
    tap.equal(p.level("forms.example/pace/86400/rcpt-domain=odd"), 2, "forms of an address: they are counted")


def application(tap, p):
    rcpts = people(3, "full.example") + ["v@open.example"]
    first = p.submit("ann", "app.example", rcpts=rcpts[:2])
    tap.equal(answers(first), ([250] * 2, 250), "an application: two pass")
    posted = p.submit("bob", "app.example", rcpts=rcpts[2:])
    tap.equal(answers(posted), ([250] * 2, 451), "an application: one answer for the message, none at RCPT")
    tap.equal(p.level("app.example/"), 2, "an application: of what was refused, nothing is counted")
    tap.equal(p.submit("bob", "app.example", rcpts=rcpts[3:]).last.code, 250,
              "an application: so the other recipient has room")


def kinds(tap, p):
    """What else can be counted, and what else can be done."""
    posted = [p.relay("firm.example", login="ann") for _ in range(2)]
    tap.equal(posted[0].last.code, 250, "over = reject: the first passes")
    tap.match(r"^550 5\.7\.1 message rate exceeded \(1/1d, limit pace\); contact help@lab\.example \[\w{10}\]$",
              posted[1].last.line, "over = reject: 550 5.7.1 without a time")
    heavy = [p.relay("heavy.example", extra="X-Filler: %s\r\n" % ("x" * 900) * 8) for _ in range(2)]
    tap.equal([answers(m) for m in heavy], [([250], 250), ([250], 451)], "bytes: an MTA hears it at the end")
    tap.match(r"^451 4\.7\.1 byte rate exceeded \(10000/1d, limit pace\)", heavy[1].last.line, "bytes: the reply")
    tap.ok(7200 < p.level("heavy.example/") < 8200, "bytes: those of the one that left are counted")
    codes = [p.relay("list.example", rcpts=["%s@receiver.example" % who]).last.code for who in "aababca"]
    tap.equal(codes, [250] * 5 + [450, 250], "unique recipients: who has come before is free")
    codes = [p.relay("byclient.example", client=c).last.code for c in (OURS, OURS, "198.51.100.8", OURS)]
    tap.equal(codes, [250] * 3 + [450], "by client: each has its own")
    by = [p.relay("peer.example", sender="m@far.example", author="author.example", rcpts=people(n, "au.example"))
          for n in (1, 2)]
    tap.equal([answers(m) for m in by], [([250], 250), ([250] * 2, 451)],
              "the block of From: an MTA hears of its limit at the end")


def local_mail(tap, p):
    idents, begin, since = [p.ident() for _ in range(2)], time.monotonic(), len(p.mta.log())
    for ident in idents:
        done = p.mta.sendmail("cron@local.example", people(3),
                                  "X-Lab-Id: %s\n%s" % (ident, LETTER % "local.example"))
        tap.equal(done.returncode, 0, "sendmail: taken")
        p.took(ident)
    line = p.rate.log.wait(lambda l: "action=tempfail" in l and "local.example/pace" in l, 10)
    tap.ok(line, "sendmail: the second is deferred", p.rate.log.all[-3:])
    tap.ok(p.mta.queue(), "sendmail: it waits")
    first = p.sink.wait(idents[0])
    tap.equal(sorted(first.rcpts if first else []), people(3), "sendmail: the first has left")
    tap.ok(p.sink.wait(idents[1], 30), "sendmail: the second leaves by itself")
    took = time.monotonic() - begin
    tap.ok(took >= 5, "sendmail: when its time has come", took)
    lab_base.wait_until(lambda: not p.mta.queue(), 5, "sendmail: nothing is left behind")
    stages = {stage for stage, text in p.mta.refusals(since) if "limit pace" in text}
    tap.equal(stages, {"message" if p.mta.LOCAL_CLIENT is None else "rcpt"},
              "sendmail: refused where a queue of its own can take it")


def refunds(tap, p):
    """An MTA's recipients are charged as they come, and given back."""
    before = counted(p.rate, "refunds")
    letter = LETTER % "refund.example"

    def charged(what):
        return sum(v for k, v in rate_fixture.meters(p.rate, "m/refund.example/").items()
                   if k.endswith("/sender=%s@refund.example" % what))

    def reserve(what, chain=RATE):
        s = p.client(chain)
        s.command("MAIL FROM:<%s@refund.example>" % what)
        codes = [s.command("RCPT TO:<%s>" % r).code for r in people(3)]
        tap.equal((codes, charged(what)), ([250] * 3, 4), "%s: three recipients, one message are charged" % what)
        return s

    def vanish(s):
        reply = s.command("DATA")
        s.send(letter[:100].encode())
        s.close()
        return reply

    def go_on(s):
        # Postfix tells a filter of the end together with what needs an answer next
        s.command("MAIL FROM:<x@free.example>")
        s.command("RCPT TO:<x@free.example>")

    for what, chain, act, code in (
            ("rset", RATE, lambda s: s.command("RSET"), 250),
            ("ehlo", RATE, lambda s: s.command("EHLO again"), 250),
            ("quit", RATE, lambda s: s.command("QUIT"), 221),
            ("lost in DATA", RATE, vanish, 354),
            ("refused by dkim", DKIM, lambda s: s.data(LETTER % "strict.example"), 550),
            ("refused by dmarc", DMARC, lambda s: s.data((LETTER % "unfit.example").replace("Subject", "X-S")), 550),
            ("refused by the MTA", RATE, lambda s: s.data(p.mta.REFUSED + letter), p.mta.REFUSED_CODE),
            ("refused by rate", RATE, lambda s: s.data(LETTER % "strict.example"), 550)):
        who = what.split()[-1].lower()
        with reserve(who, chain) as s:
            tap.equal(act(s).code, code, what + ": it does not get to its end")
            go_on(s)
            lab_base.wait_until(lambda: charged(who) == 0, 10, what + ": all is given back")
            tap.equal(charged(who), 0, what + ": nothing of it is counted")
    for _ in range(4):
        with reserve("exact") as s:
            s.command("RSET")
            go_on(s)
            lab_base.wait_until(lambda: charged("exact") == 0, 10, "all is given back")
    posted = p.relay("refund.example", sender="exact@refund.example", rcpts=people(4))
    tap.equal(answers(posted), ([250, 250, 250, 450], 250), "after four times: three pass, as the first time")
    tap.equal(charged("exact"), 4, "after four times: three recipients, one message are counted")
    tap.equal(counted(p.rate, "refunds", before), {None: 12 * 3}, "the metric has each of them")


def null_sender(tap, p):
    posted = [p.relay("nulls.example", sender="") for _ in range(5)]
    tap.equal([m.last.code for m in posted], [250] * 5, "bounces of another MTA: never limited")
    tap.equal(p.level("nulls.example/"), 0, "bounces of another MTA: not counted")
    posted = [p.submit("nulls", "nulls.example", sender="") for _ in range(3)]
    tap.equal([m.last.code for m in posted], [250, 250, 451], "a null sender with a login: the limit of its From:")
    posted = [p.submit("null", "free.example", sender="", rcpts=people(15)) for _ in range(3)]
    tap.equal([m.last.code for m in posted], [250, 250, 451], "a null sender with a login: the limit of logins")
    tap.match("limit login-limit", posted[-1].last.line, "a null sender with a login: by that name")
    posted = p.relay("nulls.example", client=STRANGER, sender="x@far.example", author="far.example",
                     rcpts=["u@" + lab_smtp.NOWHERE])
    p.taken.remove(posted.ident)
    bounce = p.sink.wait(lambda m: m.sender == "" and m.rcpts == ["x@far.example"])
    tap.ok(bounce, "a bounce that the MTA makes: it leaves")
    posted = p.relay("nulls.example", rcpts=["postmaster@receiver.example", "Abuse@receiver.example"])
    tap.equal(answers(posted), ([250, 250], 250), "postmaster and abuse: above the limit, too")
    posted = p.relay("nulls.example", rcpts=["u@inside.example"])
    tap.equal(answers(posted), ([250], 250), "by an internal transport: above the limit, too")
    posted = p.relay("nulls.example", rcpts=["u@own.example"] + people(1))
    tap.equal(answers(posted), ([250, 450], 250), "to an internal domain: likewise, and nobody else")


def senders(tap, p):
    reject, later = r"^550 5\.7\.1 .*", r"^451 4\.7\.1 .*"
    for chain in (RATE, DKIM):
        for what, login, domain, kw, pattern in (
                ("From:", "mallory", "strict.example", dict(sender="m@free.example"), reject + r"strict\.example"),
                ("envelope", "mallory", "strict.example", dict(author="free.example"), reject + r"strict\.example"),
                ("From:, else = tempfail", "mallory", "later.example", dict(sender="m@free.example"), later),
                ("envelope, else = tempfail", "mallory", "later.example", dict(author="free.example"), later),
                ("another's address", "ann@own.example", "own.example", {}, reject + r"own\.example"),
                ("a null sender", "mallory", "strict.example", dict(sender=""), reject),
                ("else = unsigned", "mallory", "loose.example", {}, "^250 "),
                ("who may", "app", "strict.example", {}, "^250 ")):
            posted = p.relay(domain, chain, STRANGER, login, **kw)
            tap.equal([a.code for a in posted.rcpts], [250], "senders by %s: %s: nothing at RCPT" % (chain[0], what))
            tap.match(pattern, posted.last.line, "senders by %s: %s: the answer" % (chain[0], what))
    message = p.delivered(p.relay("loose.example", DKIM, STRANGER, "mallory"))
    tap.equal(message and message.all("DKIM-Signature"), [], "senders by dkim: else = unsigned: without a signature")
    posted = p.relay("strict.example")
    tap.match(reject, posted.rcpts[0].line, "senders: an MTA that is not listed hears it at RCPT")
    tap.equal(p.relay("strict.example", client="198.51.100.9").last.code, 250, "senders: one that is listed passes")


def monitor(tap, p):
    over, would = counted(p.rate, "over"), counted(p.rate, "would")
    posted = [p.relay("watched.example") for _ in range(5)] + \
        [p.relay("logged.example", rcpts=people(1)) for _ in range(4)]
    tap.equal([m.last.code for m in posted], [250] * 9, "mode = monitor, over = log: all pass")
    tap.equal(counted(p.rate, "would", would), {"messages": 3, "recipients": 2}, "the metrics count who would not")
    tap.equal(counted(p.rate, "over", over), {}, "and nobody else")
    tap.ok(p.rate.log.find(lambda l: 'over="watched.example/pace 2/1d"' in l and "would=tempfail" in l),
           "mode = monitor: the log says it", p.rate.log.all[-9:])
    tap.ok(p.rate.log.find(lambda l: 'over="logged.example/pace 2/1d"' in l), "over = log: the log says it")


def providers(tap, p):
    rcpts = {"special.example": "provider=special", "a.listed.example": "provider=listed",
             "hosted.example": "provider=cloud", "own.hosted.example": "provider=other,rcpt-domain=own.hosted.example",
             "nomx.example": "provider=other,rcpt-domain=nomx.example"}
    for what, login, client, n in (("an MTA", None, OURS, 1), ("an application", "prov", STRANGER, 2)):
        posted = p.relay("prov.example", client=client, login=login,
                         rcpts=[r for d in rcpts for r in people(1, d)])
        tap.equal(posted.last.code, 250, "providers: %s: passes" % what)
        p.taken.remove(posted.ident)  # by two transports, so it comes twice
        want = {"m/prov.example/pace/86400/" + name: n for name in rcpts.values()}
        got = rate_fixture.meters(p.rate, "m/prov.example/")
        tap.equal(got, want, "providers: %s: by transport, domains, MX, and other" % what)


def warmup(tap, p):
    posted = p.submit("prov", "young.example", rcpts=people(5, "hosted.example"))
    tap.equal(posted.last.code, 250, "warm-up: the five of the first day pass")
    posted = p.submit("prov", "young.example", rcpts=people(1, "hosted.example"))
    tap.match(r"^451 4\.3\.2 delivery to cloud is being slowed while young\.example warms up \(5 recipients today\); "
              r"retry after \d{4}-\d\d-\d\dT00:00:00Z \(\d+ s\)", posted.last.line,
              "warm-up: the sixth is for tomorrow")
    told = rate_fixture.why(p.rate, Promise(posted.last.line).ref)
    tap.equal((told.get("warmup"), told.get("cap_today")), ("young.example to cloud", "5"), "warm-up: `rate why`")
    rest = [p.submit("prov", "young.example", rcpts=people(1, d)).last.code
            for d in ("a.listed.example", "receiver.example")]
    tap.equal(rest, [250, 250], "warm-up: other providers are not concerned")
    posted = p.relay("young.example", rcpts=people(1, "hosted.example") + people(1))
    tap.equal(answers(posted), ([450, 250], 250), "warm-up: an MTA hears 450 for the one")
    tap.match(r"^450 4\.3\.2 ", posted.rcpts[0].line, "warm-up: with the same code")


def main(mta):
    why = mta.why_not() or lab_dkim.why_not()
    if why:
        lab_tap.skip_all("gatepost-rate with " + mta.NAME, why)
    tap = lab_tap.Tap()
    with lab_base.Lab("rate") as lab:
        p = Place(lab, mta)
        for test in (exactly_twenty, hijacked, headroom, another_mta, forms, application, kinds, local_mail, refunds,
                     null_sender, senders, monitor, providers, warmup):
            begin = time.monotonic()
            tap.run(test.__name__, test, tap, p)
            tap.note("%s took %.1f s" % (test.__name__, time.monotonic() - begin))
        tap.run("accounts", p.accounts, tap, p.mta)
        tap.equal(p.mta.trouble(), [], mta.NAME + " has no trouble with a filter")
        if tap.failed:
            tap.note("the MTA's last words:\n" + "\n".join(p.mta.log().splitlines()[-30:]))
        for name, daemon in p.daemons.items():
            tap.equal(daemon.stop(), 0, "gatepost-%s ends with 0" % name)
    tap.done()
