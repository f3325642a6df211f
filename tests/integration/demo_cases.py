"""What the demo sends and what it promises: the domains, their policies, and
the messages one by one."""
import lab_dkim
import lab_postfix

ID = "mx.demo.example"
RELAY = lab_postfix.ONWARD  # where the shop's submissions come from
AR = "Authentication-Results"

ZONE = {
    "shop.example": {"TXT": ["v=spf1 ip4:192.0.2.10 ip6:2001:db8::10 ip4:%s -all"
                             " exp=why.shop.example" % RELAY]},
    "why.shop.example": {"TXT": ["%{i} is no mail server of %{d}"]},
    "_dmarc.shop.example": {"TXT": ["v=DMARC1; p=none"]},
    "_dmarc.news.shop.example": {"TXT": ["v=DMARC1; p=reject"]},
    "club.example": {"TXT": ["v=spf1 mx ~all"], "MX": [[10, "mail.club.example"]]},
    "mail.club.example": {"A": ["192.0.2.20"], "TXT": ["v=spf1 a -all"]},
    "lists.club.example": {"TXT": ["v=spf1 ip4:192.0.2.20 -all"]},
    "_dmarc.club.example": {"TXT": ["v=DMARC1; p=quarantine"]},
    "bank.example": {"TXT": ["v=spf1 ip4:198.51.100.10 -all"]},
    "mail.bank.example": {"TXT": ["v=spf1 ip4:198.51.100.10 -all"]},
    "_dmarc.bank.example": {"TXT": ["v=DMARC1; p=reject"]},
    "attacker.example": {"TXT": ["v=spf1 ip4:203.0.113.66 -all"]},
    **{sub + ".shop.example": {"TXT": ["v=spf1 ip4:%s -all" % RELAY]}
       for sub in ("news", "test", "events", "spring", "invoice")},
    "submit.demo.example": {"TXT": ["v=spf1 ip4:%s -all" % RELAY]},
    "typo.example": {"TXT": ["v=spf1 ipv4:192.0.2.30 -all"]},
}
BROKEN = "broken.example"

POLICY = {
    "authserv-id": ID,
    "resolver": {"timeout": "1s"},
    # nobody: what is submitted comes back from 127.0.0.25, as from a stranger
    "trust": {"clients": ["10.9.8.7"]},
    "spf": {"mode": "enforce", "fail": "tag"},
    "dmarc": {"mode": "enforce", "reject": "corroborated", "quarantine": "tag"},
    # as shipped it is 1000; a demo has not the time
    "rate": {"login-limit": "30/1h", "contact": "postmaster@shop.example"},
    ("limit", "receiver"): {"by": "rcpt-domain", "rate": "20/1h"},
    ("domain", "shop.example"): {
        ("key", "r2026"): {"file": "shop-rsa.pem"},
        ("key", "e2026"): {"file": "shop-ed25519.pem"},
        "senders": {"auth": ["shop-app"], "else": "reject"}},
    ("domain", "news.shop.example"): {
        "class": "bulk",
        ("key", "n2026"): {"file": "news.pem"},
        "senders": {"auth": ["newsletter"], "else": "reject"},
        ("limit", "pace"): {"rate": ["5/1h", "50/1d"]}},
    ("domain", "events.shop.example"): {
        "class": "bulk", "senders": {"auth": ["newsletter"], "else": "reject"}},
    ("domain", "spring.shop.example"): {
        "class": "bulk", "senders": {"auth": ["newsletter"], "else": "reject"},
        ("warmup", "all"): {"first-day": 200, "plateau": 20000}},
    ("domain", "invoice.shop.example"): {
        "class": "transactional", "senders": {"auth": ["shop-app"], "else": "reject"}},
    ("domain", "deals.shop.example"): {
        ("key", "n2026"): {"file": "news.pem"},
        "preflight": {"mode": "enforce", "else": "reject", "require": [
            "from-one", "aligned-dkim", "subject", "list-unsubscribe-oneclick"]}},
    ("domain", "careful.example"): {"spf": {"fail": "reject", "temperror": "tempfail"}},
    ("domain", "curious.example"): {"spf": {"mode": "monitor", "fail": "reject"},
                                    "dmarc": {"mode": "monitor"}},
    ("domain", "patient.example"): {"spf": {"fail": "hold"}, "dmarc": {"quarantine": "hold"}},
}

# selector: (domain, kind, the file of our own signer)
KEYS = {
    "r2026": ("shop.example", "rsa", "shop-rsa.pem"),
    "e2026": ("shop.example", "ed25519", "shop-ed25519.pem"),
    "n2026": ("news.shop.example", "rsa", "news.pem"),
    "b2026": ("bank.example", "ed25519", None),
    "l2026": ("lists.club.example", "ed25519", None),
    "x2026": ("attacker.example", "ed25519", None),
}
LOGINS = ("shop-app", "newsletter", "intern")


TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"


class Case:
    """One message: its story, and what is promised of it.

    `reply` is the decisive SMTP reply and `log` a part of the daemon's line.
    What is delivered has `spf` (by `prop`), the signatures `dkim` as {selector:
    result}, `dmarc` as (result, policy), and `foreign` fields of other hosts.
    """

    def __init__(self, title, client, sender, to, helo="client.example", extra="", reply="^250 ",
                 spf=None, prop="smtp.mailfrom", dmarc=None, held=False, log="", foreign=0,
                 author=None):
        self.title, self.client, self.sender, self.helo = title, client, sender, helo
        self.to = to if isinstance(to, list) else [to]
        self.extra, self.reply, self.spf, self.prop = extra, reply, spf, prop
        self.dmarc, self.held, self.log, self.foreign = dmarc, held, log, foreign
        self.author = author or sender
        self.login, self.dkim, self.way, self.daemon = None, {}, "", "spf"
        self.before, self.why = 0, ()

    @property
    def delivered(self):
        return bool(self.spf)

    @property
    def letters(self):
        """How many of it are delivered."""
        return self.before + self.delivered

    def raw(self, keys, delivered):
        """The message, when it is not the usual one; `delivered` gives what
        a case has delivered."""
        return None


class Submission(Case):
    """Mail with a login.  `dkim` is {selector: result} as the MX finds it;
    `before` of the same pass first.  `why` is what `gatepost rate why` says
    of a refusal."""

    def __init__(self, title, login, author, dkim=None, reply="^250 ", dmarc=None,
                 daemon="dkim", to="ann@careful.example", before=0, log="", why=()):
        super().__init__(title, RELAY, "bounces@" + author.split("@")[1], to, reply=reply,
                         spf="pass" if dkim is not None else None, dmarc=dmarc, author=author,
                         log=log)
        self.login, self.dkim, self.daemon = login, dkim or {}, daemon
        self.before, self.why = before, why


class Question:
    """What the operator asks the tool; each of `answer` is a line of it."""
    letters = 0

    def __init__(self, title, command, answer):
        self.title, self.command, self.answer = title, command, answer


class Replay(Case):
    """What case `number` delivered, once more, with `old` made `new`."""

    def __init__(self, title, number, old, new, dkim):
        super().__init__(title, "192.0.2.10", "bounces@shop.example", "ann@careful.example",
                         spf="pass", dmarc=("pass", "none"), author="orders@shop.example")
        self.number, self.old, self.new, self.dkim, self.daemon = number, old, new, dkim, "dkim"

    def raw(self, keys, delivered):
        return delivered(self.number).replace(self.old, self.new, 1)


class Letter(Case):
    """A whole letter, written and changed on its way by `steps`, each a
    function of the message and the keys; `way` tells it."""

    def __init__(self, title, client, sender, author, steps=(), way="", to="dan@plain.example",
                 dkim=None, **kw):
        super().__init__(title, client, sender, to, author=author, **kw)
        self.steps, self.way, self.dkim, self.daemon = steps, way, dkim or {}, "dmarc"

    def raw(self, keys, delivered):
        raw = lab_dkim.octets(LETTER % (self.author, self.to[0]))
        for step in self.steps:
            raw = step(raw, keys)
        return raw


LETTER = """\
From: <%s>
To: <%s>
Subject: Friday
Date: Sun, 22 Nov 2026 12:00:00 +0000
Message-ID: <1@letters.example>

Who comes on Friday?
"""


def signed(selector):
    return lambda raw, keys: lab_dkim.sign(raw, KEYS[selector][0], selector, keys[selector])


def with_field(field):
    return lambda raw, keys: lab_dkim.octets(field + "\n") + raw


def footer(raw, _):
    """What list software does to a posting."""
    return raw.replace(b"\r\nSubject: ", b"\r\nSubject: [chess] ") + b"-- \r\nThe club's chess list\r\n"


def unsigned(raw, _):
    """Without its signature, which stands on top."""
    return raw[raw.index(b"\r\nFrom: ") + 2:]


def from_list(raw, _):
    return raw.replace(b"From: <eve@bank.example>",
                       b"From: Eve via chess <chess@lists.club.example>")


LIST_ID = with_field("List-Id: <chess.lists.club.example>")
FORGERY = ("%s: %s; spf=pass smtp.mailfrom=shop.example\n"
           "%s: \"MX.DEMO.EXAMPLE.\" (trust me) 1; dkim=pass header.d=shop.example\n"
           "%s: relay.elsewhere.example; spf=pass\n" % (AR, ID, AR, AR))
FORGED = "%s: %s; spf=pass smtp.mailfrom=bank.example; dmarc=pass header.from=bank.example" % (AR, ID)

BANK = dict(client="198.51.100.10", helo="mail.bank.example", sender="eve@bank.example",
            author="eve@bank.example")
STRANGER = dict(client="203.0.113.66", sender="x@attacker.example")
LIST = dict(client="192.0.2.20", helo="mail.club.example",
            sender="chess-bounces@lists.club.example", author="eve@bank.example")

FROM_OUTSIDE = (
    Case("The shop's own server sends: pass", "192.0.2.10", "news@shop.example",
         "ann@careful.example", spf="pass", dmarc=("pass", "none")),
    Case("The same over IPv6", "2001:db8::10", "news@shop.example", "ann@careful.example",
         spf="pass", dmarc=("pass", "none")),
    Case("A stranger sends as the shop, the recipient's policy rejects", "203.0.113.66",
         "news@shop.example", "ann@careful.example",
         reply=r"^550 5\.7\.23 .*203\.0\.113\.66 is no mail server of shop\.example"),
    Case("The same stranger, to a domain that only monitors", "203.0.113.66",
         "news@shop.example", "bob@curious.example", spf="fail", log=" would=reject",
         dmarc=("fail", "none")),
    Case("The same, to both in one message: each by his own policy", "203.0.113.66",
         "news@shop.example", ["ann@careful.example", "bob@curious.example"], spf="fail",
         log=" would=reject", dmarc=("fail", "none")),
    Case("The same, to a domain that holds such mail for a look", "203.0.113.66",
         "news@shop.example", "cat@patient.example", held=True),
    Case("A club member sends from home: softfail", "203.0.113.7", "jo@club.example",
         "ann@careful.example", spf="softfail", dmarc=("fail", "quarantine")),
    Case("A record with a typing error: permerror", "192.0.2.30", "it@typo.example",
         "ann@careful.example", spf="permerror", dmarc=("none", None)),
    Case("The sender's name servers are broken: try again later", "192.0.2.40",
         "it@broken.example", "ann@careful.example", reply=r"^451 4\.4\.3 "),
    Case("... where the policy only tags: temperror, never fail", "192.0.2.40",
         "it@broken.example", "dan@plain.example", spf="temperror", dmarc=("temperror", None)),
    Case("Forged results in our name: removed; another host's stay", "203.0.113.66",
         "news@shop.example", "dan@plain.example", extra=FORGERY, spf="fail", foreign=1,
         dmarc=("fail", "none")),
    Case("A bounce (null sender): judged by its HELO name", "192.0.2.20", "",
         "ann@careful.example", helo="mail.club.example", spf="pass", prop="smtp.helo",
         author="mailer-daemon@club.example", dmarc=("pass", "quarantine")),
)
OUR_OWN = (
    Submission("The shop submits with its login: signed by both its keys", "shop-app",
               "orders@shop.example", {"r2026": "pass", "e2026": "pass"}, dmarc=("pass", "none")),
    Submission("Its newsletter domain has a block, so a key, of its own", "newsletter",
               "offers@news.shop.example", {"n2026": "pass"}, dmarc=("pass", "reject")),
    Submission("A domain without a block is not signed as its parent", "intern",
               "jo@test.shop.example", {}, dmarc=("pass", "none")),
    Submission("The intern's login writes as the shop: refused, not signed", "intern",
               "orders@shop.example", reply=r"^550 5\.7\.1 .*shop\.example", log=" action=reject"),
    Submission("Bulk mail that nobody can leave by one click: told before it leaves", "newsletter",
               "deals@deals.shop.example", daemon="dmarc",
               reply=r"^550 5\.7\.1 .*unsubscri"),
    Replay("Mail 13 again, one word of it changed on the way", 13, b"Hello.", b"Hallo.",
           {"r2026": "fail", "e2026": "fail"}),
    Replay("Mail 13 again, with a second Subject put on top", 13, b"\r\nFrom: ",
           b"\r\nSubject: Win!\r\nFrom: ", {"r2026": "fail", "e2026": "fail"}),
)
WHOSE_NAME = (
    Letter("A good message: its SPF and its signature are the From: domain's", **BANK,
           steps=(signed("b2026"),), way="signed by bank.example", spf="pass",
           dkim={"b2026": "pass"}, dmarc=("pass", "reject")),
    Letter("A spoof, with SPF, signature and forged results of its own", **STRANGER,
           author="eve@bank.example", steps=(signed("x2026"), with_field(FORGED)),
           way="signed by attacker.example; on top, forged: " + FORGED,
           reply=r"^550 5\.7\.1 .*DMARC check of bank\.example failed.*nothing speaks for a detour"),
    Letter("The same, to a domain that only monitors", **STRANGER, author="eve@bank.example",
           to="bob@curious.example", steps=(signed("x2026"), with_field(FORGED)),
           way="signed by attacker.example; the same forged field", log=" would=reject",
           spf="pass", dkim={"x2026": "pass"}, dmarc=("fail", "reject")),
    Letter("A spoof of our own newsletter, dressed up as list mail", **STRANGER,
           author="offers@news.shop.example", steps=(LIST_ID,), way="with a List-Id",
           reply=r"^550 5\.7\.1 .*DMARC check of news\.shop\.example failed.*one of ours"),
    Letter("A spoof of a domain that asks for quarantine: held for a look", **STRANGER,
           author="jo@club.example", to="cat@patient.example", held=True),
    Letter("A mailing list changed the Subject, added a footer: not refused", **LIST,
           steps=(signed("b2026"), footer, LIST_ID, signed("l2026")),
           way="signed by bank.example; the list changed it, put a List-Id on top and signed it",
           spf="pass", dkim={"b2026": "fail", "l2026": "pass"}, dmarc=("fail", "reject"),
           log=" override=mailing_list"),
    Letter("No List-Id, but the author's signature is there, broken: the same", **LIST,
           steps=(signed("b2026"), footer), way="signed by bank.example; then changed",
           spf="pass", dkim={"b2026": "fail"}, dmarc=("fail", "reject"), log=" override=other"),
    Letter("A list that takes the signature off and says nothing: refused", **LIST,
           steps=(signed("b2026"), footer, unsigned, signed("l2026")),
           way="as before, but only the list's own signature is left, and no List-Id",
           reply=r"^550 5\.7\.1 .*DMARC check of bank\.example failed.*nothing speaks for a detour"),
    Letter("A list that writes in its own name: pass", **LIST,
           steps=(footer, from_list, LIST_ID, signed("l2026")),
           way="now with From: Eve via chess <chess@lists.club.example>; signed by it",
           spf="pass", dkim={"l2026": "pass"}, dmarc=("pass", "quarantine")),
    Letter("Forwarded unchanged: SPF fails, the signature holds: pass",
           **dict(BANK, client="2001:db8:f::25", helo="client.example"), steps=(signed("b2026"),),
           way="signed by bank.example; sent on by another host", spf="fail",
           dkim={"b2026": "pass"}, dmarc=("pass", "reject")),
    Letter("Two From: fields, so no one author: refused", **BANK,
           steps=(signed("b2026"), with_field("From: <jo@club.example>")),
           way="signed by bank.example; a second From: on top",
           reply=r"^550 5\.7\.1 .*DMARC"),
)
WHEN = r"; retry after %s \(\d+ s\); contact postmaster@shop\.example \[[0-9A-Z]{10}\]$"
LATER = r" rate exceeded \(%s, limit %s\)" + WHEN
HOW_FAST = (
    Submission("A newsletter at its limit: what is beyond is told when to come back", "newsletter",
               "offers@news.shop.example", before=4, daemon="rate", log=" why=limit.pace",
               reply=r"^451 4\.7\.1 .*recipient" + LATER % ("5/1h", "pace", TIME),
               why=("limit pace of news.shop.example", r"rule .*/gatepost\.conf:\d+",
                    "login newsletter", r"level \S+ of 5, .*", "retry_after " + TIME)),
    Submission("A hijacked login writes to all the world: stopped by the built-in limit", "intern",
               "jo@test.shop.example", before=2, daemon="rate", log=" why=limit.login-limit",
               to=["victim@d%d.example" % i for i in range(10)],
               reply=r"^451 4\.7\.1 .*recipient" + LATER % ("30/1h", "login-limit", TIME),
               why=("limit login-limit of \\*", r"rule built-in .*", "login intern")),
    Submission("Bulk mail may fill four fifths of what one receiver gets of us", "newsletter",
               "tickets@events.shop.example", before=2, daemon="rate", log=" why=limit.receiver",
               to=["fan%d@plain.example" % i for i in range(8)],
               reply=r"^451 4\.7\.1 .*recipient" + LATER % ("20/1h", "receiver", TIME),
               why=("limit receiver of \\*", "login newsletter", r"level .*share 80 %")),
    Submission("... so an invoice to that receiver leaves at once", "shop-app",
               "billing@invoice.shop.example", {}, dmarc=("pass", "none"), daemon="rate",
               to=["dan@plain.example", "desk@plain.example"], log=" recipients=2"),
    Submission("A young domain warms up: its first day's mail leaves at an even pace", "newsletter",
               "hello@spring.shop.example", before=2, daemon="rate", log=" why=warmup.other",
               reply=r"^451 4\.3\.2 .* is being slowed while spring\.shop\.example warms up"
               r" \(200 recipients today\)" + WHEN % TIME,
               why=("warmup spring.shop.example to other.*", "cap_today 200")),
    Question("... and what it will be allowed from day to day",
             "rate warmup plan spring.shop.example --volume 5000",
             (r"other +200 +300 +450 .*", r"other +5000 a day: from day \d+ on",
              r"the whole list fits from day \d+ on")),
)
PARTS = (
    ("Mail from outside: the MX checks who may send it (SPF)", FROM_OUTSIDE),
    ("Our own mail: signed at submission, verified at the MX (DKIM)", OUR_OWN),
    ("All three: does the domain in From: stand behind it? If not, what then? (DMARC)", WHOSE_NAME),
    ("How fast our mail may leave, and whose first (limits)", HOW_FAST),
)
CASES = tuple(case for _, cases in PARTS for case in cases)
