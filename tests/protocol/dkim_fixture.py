"""dkim_fixture - gatepost-dkim, its name server, keys made for this run, and
messages as an MTA hands them to a milter and delivers them afterwards."""
import re

import lab_authres
import lab_base
import lab_dkim
import lab_dns
import lab_gatepost
import miltermta

ID = "mx.lab.example"
SIGNATURE = "DKIM-Signature"
AR = "Authentication-Results"
APP = {"auth_authen": "app", "auth_type": "PLAIN"}
OURS = "198.51.100.7"

LETTER = """\
From: Shop <news@shop.example>
To: Ann <ann@receiver.example>
Subject: A test
Date: Sat, 21 Nov 2026 12:00:00 +0000
Message-ID: <1@shop.example>

Hello Ann,

good  news\tfor you.
"""


class Keys:
    """One of each kind, and the names of their files."""

    def __init__(self):
        self.rsa, self.other = lab_dkim.Key(), lab_dkim.Key()
        self.ed = lab_dkim.Key("ed25519")
        self.short = lab_dkim.Key(bits=1024)
        self.files = {"rsa.pem": self.rsa.pem, "other.pem": self.other.pem, "ed.pem": self.ed.pem}

    def zone(self):
        """Our keys, and those of strangers: far.example signs well."""
        rows = [("s1", "shop.example", self.rsa), ("e1", "shop.example", self.ed),
                ("n1", "news.shop.example", self.other), ("c1", "club.example", self.rsa),
                ("x1", "xn--bcher-kva.example", self.rsa), ("far", "far.example", self.rsa),
                ("ed", "far.example", self.ed), ("short", "far.example", self.short)]
        rows += [("k1", d + ".example", self.rsa)
                 for d in ("strict", "later", "loose", "own", "fragile", "warned", "sure", "simple")]
        zone = {lab_dkim.name(s, d): {"TXT": [k.record]} for s, d, k in rows}
        zone[lab_dkim.name("servfail", "far.example")] = "SERVFAIL"
        zone[lab_dkim.name("slow", "far.example")] = "TIMEOUT"
        zone[lab_dkim.name("revoked", "far.example")] = {"TXT": ["v=DKIM1; p="]}
        zone[lab_dkim.name("wrong", "far.example")] = {"TXT": [self.other.record]}
        zone[lab_dkim.name("test", "far.example")] = {
            "TXT": [self.other.record.replace("k=", "t=y; k=", 1)]}
        return zone


def key(file, **more):
    return dict({"file": file}, **more)


def settings(dns, **more):
    one = {("key", "k1"): key("rsa.pem")}
    out = {
        "authserv-id": ID,
        "own-ids": ["old.lab.example"],
        "resolver": {"servers": [dns.address], "timeout": "1s", "tries": 1},
        "trust": {"clients": ["198.51.100.0/24"]},
        "dkim": {"timeout": "3s"},
        ("domain", "shop.example"): {("key", "s1"): key("rsa.pem"), ("key", "e1"): key("ed.pem")},
        ("domain", "news.shop.example"): {("key", "n1"): key("other.pem")},
        ("domain", "club.example"): {"subdomains": True, ("key", "c1"): key("rsa.pem")},
        ("domain", "xn--bcher-kva.example"): {("key", "x1"): key("rsa.pem")},
        ("domain", "simple.example"): dict(one, canon="simple/simple"),
        ("domain", "strict.example"): dict(one, senders={
            "auth": ["app"], "clients": ["198.51.100.9"], "else": "reject"}),
        ("domain", "later.example"): dict(one, senders={"auth": ["app"], "else": "tempfail"}),
        ("domain", "loose.example"): dict(one, senders={"auth": ["app"], "else": "unsigned"}),
        ("domain", "own.example"): dict(one, senders={
            "own-address": True, "aliases": ["ann@own.example=info@own.example"],
            "else": "reject"}),
        ("domain", "fragile.example"): dict(one, **{"on-fragile": "reject"}),
        ("domain", "warned.example"): dict(one, **{"on-fragile": "warn"}),
        ("domain", "sure.example"): dict(one, **{"on-fragile": "sign"}),
        ("domain", "keyless.example"): {},
    }
    out.update(more)
    return out


def edited(fields, last, leading=True):
    """The fields [(name, all after the colon)] after these changes."""
    fields = [(n, v) for n, v in fields]
    for number, name, value in last.changed:
        at = [i for i, (n, _) in enumerate(fields)
              if n.decode("latin-1").lower() == name.lower()][number - 1]
        fields[at] = None if not value else (fields[at][0], value.encode())
        fields = [f for f in fields if f]
    for index, name, value in last.inserted:
        fields.insert(index, (name.encode(), (("" if leading else " ") + value).encode()))
    return fields


class Mail:
    """A message in parts: fields [(name, all after the colon)], folds as
    "\\n" before white space, and the body with CRLF."""

    def __init__(self, raw):
        raw = lab_dkim.octets(raw)
        head, _, self.body = raw.partition(b"\r\n\r\n")
        self.fields = []
        for line in head.split(b"\r\n"):
            if line[:1] in (b" ", b"\t") and self.fields:
                self.fields[-1][1] += b"\n" + line
            else:
                self.fields.append(list(line.split(b":", 1)))

    def edited(self, last, leading=True):
        """The octets that an MTA delivers after these changes."""
        fields = edited(self.fields, last, leading)
        head = b"\n".join(n + b":" + v for n, v in fields)
        return re.sub(rb"\r?\n", b"\r\n", head) + b"\r\n\r\n" + self.body


class Judged:
    """What came of one message."""

    def __init__(self, last, raw):
        self.last, self.raw = last, raw
        self.action, self.text = last.action, last.text
        self.going = last.action in ("continue", "accept")
        self.added = [n for _, n, _ in last.inserted]
        self.fields = [v for _, n, v in last.inserted if n == AR]
        self.field = self.fields[0] if len(self.fields) == 1 else None
        self.results = [r for r in lab_authres.read(self.field)[1]
                        if r.method == "dkim"] if self.field else []

    @property
    def dkim(self):
        """The results in their order."""
        return [r.result for r in self.results]

    @property
    def passing(self):
        return {r.props.get("header.d") for r in self.results if r.result == "pass"}


def send(session, raw, client="192.0.2.1", sender="<bounce@shop.example>", login=None,
         rcpts=("<ann@receiver.example>",), chunk=65535, fold=b"\n", greet=True,
         queue_id="4QUEUE1ID", name=None, helo="client.example"):
    """A whole message on this session; what came of it."""
    mail = raw if isinstance(raw, Mail) else Mail(raw)
    if greet:
        session.connect(client, name)
        session.helo(helo)
    # libmilter keeps the macros of a stage until others come
    session.mail(sender, dict(APP, auth_authen=login) if login else {"mail_mailer": "smtp"})
    for rcpt in rcpts:
        session.rcpt(rcpt)
    session.data(queue_id)
    for n, v in mail.fields:
        session.header(n, v.replace(b"\n", fold))
    session.eoh()
    for at in range(0, len(mail.body), chunk):
        if session.body(mail.body[at:at + chunk]).action == "skip":
            break
    last = session.eom(queue_id)
    return Judged(last, mail.edited(last, bool(session.steps & miltermta.HEADER_LEADING_SPACE)))


class Fixture:
    def __init__(self, lab, label="dkim", build="asan", keys=None, **more):
        self.keys = keys or Keys()
        self.zone = self.keys.zone()
        self.dns = lab.own(lab_dns.DnsServer(self.zone, ttl=0))
        self.daemon = lab_gatepost.Daemon(
            lab, settings(self.dns, **more), lab_gatepost.binary("dkim", build), name="dkim",
            label=label, keys=self.keys.files)
        self.socket = self.daemon.socket

    def session(self, **kw):
        return miltermta.Session(self.socket, **kw)

    def submit(self, raw=LETTER, login="app", **kw):
        """Send it as our own, in a session of its own."""
        with self.session() as s:
            return send(s, raw, login=login, **kw)

    def receive(self, raw=LETTER, **kw):
        """Send it as a stranger."""
        with self.session() as s:
            return send(s, raw, **kw)

    def foreign(self, selector="far", key=None, raw=LETTER, domain="far.example", **kw):
        """A message with a signature of far.example on top."""
        return lab_dkim.sign(raw, domain, selector, key or self.keys.rsa, **kw)

    def signed_as(self, mail):
        """{(d, s)} by which it is signed, by dkimpy against the zone."""
        return lab_dkim.shown(getattr(mail, "raw", mail), self.zone)

    def reload(self, blocks=None, **sections):
        """These settings over the usual ones; the answer to the reload."""
        self.daemon.set_policy({**settings(self.dns, **sections), **(blocks or {})})
        return self.daemon.reload()

    def log_of(self, queue_id, since=0):
        return self.daemon.log.wait(lambda l: queue_id + ": " in l, 5, since) or ""

    def serves(self):
        """Is the next message signed, and verified?  '' or what went wrong."""
        try:
            signed = self.submit()
            good = self.signed_as(signed) == {("shop.example", "s1"), ("shop.example", "e1")}
            checked = self.receive(signed.raw)
            return "" if good and checked.dkim == ["pass", "pass"] else "%r %r" % (
                signed.last, checked.field)
        except (miltermta.Gone, lab_authres.Malformed, lab_base.LabError) as e:
            return repr(e)


def from_domain(domain, raw=LETTER, local="news"):
    return raw.replace("news@shop.example", "%s@%s" % (local, domain), 1)


def with_fields(extra, raw=LETTER):
    """More fields on top."""
    return extra + raw


def with_fields_below(extra, raw):
    """The same for octets, at the end of the header."""
    head, end, body = raw.partition(b"\r\n\r\n")
    return head + b"\r\n" + lab_dkim.octets(extra).rstrip(b"\r\n") + end + body
