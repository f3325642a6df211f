#!/usr/bin/python3
"""gatepost import opendkim against opendkim itself: for each configuration both
daemons get the same messages, opendkim with its own files, gatepost-dkim with
what the import made of them.  Both must sign with the same d=, s=, c= and x=,
or the report must have named the difference as a decision.  dkimpy verifies
every signature.
"""
import json
import os
import shutil
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "protocol")]
import lab_base
import lab_dkim
import lab_gatepost
import lab_tap
import miltermta
from dkim_fixture import APP, LETTER, Mail, from_domain
from rate_fixture import tool

OPENDKIM = "/usr/sbin/opendkim"
STRANGER, OURS = "198.51.100.9", "127.0.0.1"
tap = lab_tap.Tap()


class Message:
    """One mail From: `address` and what opendkim is known to sign of it.
    `named`: gatepost-dkim differs, and a decision has these words."""

    def __init__(self, address, signed=(), named=None, **kw):
        self.address, self.named, self.kw = address, named, kw
        self.signed = {tuple(s.split("/")) for s in signed}

    def __str__(self):
        return " ".join([self.address] + ["%s=%s" % i for i in sorted(self.kw.items())])


def m(address, *signed, named=None, **kw):
    kw.setdefault("client", OURS)
    return Message(address, signed, named, **kw)


# {name: (opendkim.conf, {file: text}, [messages])}; {d} is the folder, and the
# keys s1, s2 and s3 are the files {d}/s1.pem ... and {s1} in base64
CASES = {
    "one domain": (
        "Domain one.example\nSelector s1\nKeyFile {d}/s1.pem\n", {},
        [m("a@one.example", "one.example/s1"), m("A@ONE.Example", "one.example/s1"),
         m("a@sub.one.example"), m("a@two.example"), m("a@notone.example"),
         m("a@one.example", client=STRANGER),
         m("a@one.example", "one.example/s1", client=STRANGER, login="a")]),
    "several domains and their sub-domains": (
        "Domain one.example, two.example\nSelector s1\nKeyFile {d}/s1.pem\nSubDomains yes\n"
        "Canonicalization relaxed\nSignatureTTL 864000\nOversignHeaders From\n", {},
        [m("a@one.example", "one.example/s1"), m("a@two.example", "two.example/s1"),
         m("a@x.y.one.example", "one.example/s1"), m("a@example"), m("a@three.example")]),
    "a file of domains": (
        "Domain file:{d}/domains\nSelector s2\nKeyFile {d}/s2.pem\nCanonicalization simple/relaxed\n",
        {"domains": "# ours\none.example\n\ntwo.example   # the other\n"},
        [m("a@one.example", "one.example/s2"), m("a@two.example", "two.example/s2"),
         m("a@sub.one.example")]),
    "refile: the first pattern that matches": (
        "KeyTable {d}/keys\nSigningTable refile:{d}/signing\nCanonicalization relaxed/relaxed\n",
        {"keys": "k1 one.example:s1:{d}/s1.pem\nk2 news.one.example:s2:{d}/s2.pem\n"
                 "k3 two.example:s3:{d}/s3.pem\n",
         "signing": "*@news.one.example k2\n*@one.example k1\n*@*.one.example k1\n*@two.example k3\n"
                    "*@news.one.example k1\n"},
        [m("a@one.example", "one.example/s1"), m("a@news.one.example", "news.one.example/s2"),
         m("a@tx.one.example", "one.example/s1"), m("a@b.news.one.example", "one.example/s1"),
         m("a@two.example", "two.example/s3"), m("a@x.two.example"), m("a@xone.example")]),
    "refile: an ending matches more than sub-domains": (
        "KeyTable {d}/keys\nSigningTable refile:{d}/signing\n",
        {"keys": "k1 one.example:s1:{d}/s1.pem\n", "signing": "*one.example k1\none.example k1\n"},
        [m("a@one.example", "one.example/s1"), m("a@x.one.example", "one.example/s1"),
         m("a@notone.example", "one.example/s1", named="notone.example")]),
    "file: the order of look-ups": (
        "KeyTable file:{d}/keys\nSigningTable file:{d}/signing\n",
        {"keys": "k1 one.example:s1:{d}/s1.pem\nk2 one.example:s2:{d}/s2.pem\n"
                 "k3 b.one.example:s3:{d}/s3.pem\n",
         "signing": ".one.example k1\n.b.one.example k3\none.example k2\none.example k1\n"
                    "joe@one.example k1\n*@two.example k1\n"},
        [m("a@one.example", "one.example/s2", named="one.example: opendkim has d=one.example s=s2"),
         m("a@x.one.example", "one.example/s1", named="*.one.example"),
         m("a@c.b.one.example", "b.one.example/s3"),
         m("a@b.one.example", "one.example/s1", named="b.one.example"),
         m("joe@one.example", "one.example/s1", named="joe@one.example"), m("a@two.example")]),
    "% is the domain of the author": (
        "KeyTable refile:{d}/keys\nSigningTable refile:{d}/signing\n",
        {"keys": "all %:s1:{d}/s1.pem\n",
         "signing": "*@one.example all\n*@two.example all\n*@*.sub.example all\n"},
        [m("a@one.example", "one.example/s1"), m("a@two.example", "two.example/s1"),
         m("a@three.example"), m("a@x.sub.example", "x.sub.example/s1", named="*.sub.example")]),
    "% for every domain": (
        "KeyTable {d}/keys\nSigningTable refile:{d}/signing\n",
        {"keys": "all %:s1:{d}/s1.pem\none one.example:s2:{d}/s2.pem\n",
         "signing": "*@one.example one\n* all\n"},
        [m("a@one.example", "one.example/s2"),
         m("a@any.example", "any.example/s1", named="every other domain")]),
    "% in the path, and a key by the name of the domain": (
        "KeyTable {d}/keys\nSigningTable {d}/signing\n",
        {"keys": "all one.example:s1:{d}/%.pem\ntwo.example two.example:s2:{d}/s2.pem\n",
         "signing": "one.example all\ntwo.example %\n", "one.example.pem": "KEY s1"},
        [m("a@one.example", "one.example/s1"), m("a@two.example", "two.example/s2")]),
    "two keys at once": (
        "KeyTable {d}/keys\nSigningTable refile:{d}/signing\nMultipleSignatures yes\n",
        {"keys": "k1 one.example:s1:{d}/s1.pem\nk2 one.example:s2:{d}/s2.pem\n",
         "signing": "*@one.example k1\n*@one.example k2\n"},
        [m("a@one.example", "one.example/s1", "one.example/s2"), m("a@x.one.example")]),
    "two keys in the table, one signature": (
        "KeyTable {d}/keys\nSigningTable refile:{d}/signing\nMultipleSignatures no\n",
        {"keys": "k1 one.example:s1:{d}/s1.pem\nk2 one.example:s2:{d}/s2.pem\n",
         "signing": "*@one.example k1\n*@one.example k2\n"},
        [m("a@one.example", "one.example/s1")]),
    "a key in the table itself": (
        "KeyTable {d}/keys\nSigningTable {d}/signing\n",
        {"keys": "k1 one.example:short:{short}\nk2 two.example:s2:{s2}\n",
         "signing": "one.example k1\ntwo.example k2\n"},
        [m("a@one.example", "one.example/short"), m("a@two.example", named="more than 1023 octets")]),
    "tables as lists": (
        "KeyTable csl:k1=one.example:s1:{d}/s1.pem\nSigningTable one.example=k1,.one.example=k1\n", {},
        [m("a@one.example", "one.example/s1"), m("a@x.one.example", "one.example/s1")]),
    "InternalHosts with exceptions": (
        "Domain one.example\nSelector s1\nKeyFile {d}/s1.pem\nInternalHosts {d}/hosts\n"
        "ExternalIgnoreList {d}/hosts\n",
        {"hosts": "10.0.0.0/8\n!10.1.0.0/16   # guests\n10.1.2.3\n[192.0.2.9]\n10.1.9.0/24\n"
                  "2001:db8::/32\n!2001:db8:1::/48\nhost.example.org\n*.example.net\n192.0.2.77/24\n"},
        [m("a@one.example", "one.example/s1", client="10.200.3.4"),
         m("a@one.example", client="10.1.2.4"),
         m("a@one.example", "one.example/s1", client="10.1.2.3"),
         m("a@one.example", "one.example/s1", client="10.1.9.255"),
         m("a@one.example", client="11.0.0.1"),
         m("a@one.example", "one.example/s1", client="192.0.2.9"),
         m("a@one.example", client="192.0.2.77"),
         m("a@one.example", "one.example/s1", client="2001:db8:2::1"),
         m("a@one.example", client="2001:db8:1::1"), m("a@one.example", client=OURS),
         m("a@one.example", client=STRANGER, name="x.example.net"),
         m("a@one.example", "one.example/s1", client=STRANGER, name="host.example.org",
           named="host.example.org")]),
    "InternalHosts as a list": (
        "Domain one.example\nSelector s1\nKeyFile {d}/s1.pem\n"
        "InternalHosts csl:127.0.0.1, 192.0.2.0/25, !192.0.2.1\n", {},
        [m("a@one.example", "one.example/s1"), m("a@one.example", client="192.0.2.1"),
         m("a@one.example", "one.example/s1", client="192.0.2.2"),
         m("a@one.example", client="192.0.2.128")]),
    "listeners": (
        "Domain one.example\nSelector s1\nKeyFile {d}/s1.pem\nMTA outgoing\n"
        "MacroList daemon_name=SUBMISSION|smtps\n", {},
        [m("a@one.example", "one.example/s1", client=STRANGER, daemon="SUBMISSION"),
         m("a@one.example", "one.example/s1", client=STRANGER, daemon="smtps"),
         m("a@one.example", client=STRANGER, daemon="outgoing", named="outgoing: beside a MacroList"),
         m("a@one.example", client=STRANGER, daemon="smtpd"),
         m("a@one.example", "one.example/s1")]),
    "listeners by MTA": (
        "Domain one.example\nSelector s1\nKeyFile {d}/s1.pem\nMTA outgoing,smtps\n", {},
        [m("a@one.example", "one.example/s1", client=STRANGER, daemon="outgoing"),
         m("a@one.example", "one.example/s1", client=STRANGER, daemon="smtps"),
         m("a@one.example", client=STRANGER, daemon="smtpd")]),
    "listeners from a file": (
        "Domain one.example\nSelector s1\nKeyFile {d}/s1.pem\nMacroList file:{d}/macros\n",
        {"macros": "daemon_name SUBMISSION|smtps\n"},
        [m("a@one.example", "one.example/s1", client=STRANGER, daemon="smtps"),
         m("a@one.example", client=STRANGER, daemon="smtpd")]),
    "listeners as they are often written": (
        "Domain one.example\nSelector s1\nKeyFile {d}/s1.pem\nMacroList daemon_name|SUBMISSION\n", {},
        [m("a@one.example", client=STRANGER, daemon="SUBMISSION", named="daemon_name|SUBMISSION"),
         m("a@one.example", client=STRANGER, daemon="smtpd")]),
    "peers are left alone": (
        "Domain one.example\nSelector s1\nKeyFile {d}/s1.pem\nPeerList 192.0.2.5\n"
        "InternalHosts 127.0.0.1\n", {},
        [m("a@one.example", client="192.0.2.5", named="leaves mail from these alone"),
         m("a@one.example", "one.example/s1"), m("a@one.example", client="192.0.2.6")]),
    "the key of somebody else": (
        "KeyTable {d}/keys\nSigningTable refile:{d}/signing\n",
        {"keys": "esp esp.example:s1:{d}/s1.pem\n", "signing": "*@one.example esp\n"},
        [m("a@one.example", "esp.example/s1", named="one.example"), m("a@esp.example")]),
    "the key of the parent": (
        "KeyTable {d}/keys\nSigningTable {d}/signing\n",
        {"keys": "k1 one.example:s1:{d}/s1.pem\n", "signing": "one.example k1\nnews.one.example k1\n"},
        [m("a@one.example", "one.example/s1"), m("a@news.one.example", "one.example/s1"),
         m("a@x.one.example", named="*.one.example")]),
    "words in any case, an include, a later line": (
        "domain two.example\nINCLUDE {d}/more.conf\nselector s2 # not this one\nSelector   s1\t\n"
        "keyfile {d}/s1.pem\n\n   # a comment\n", {"more.conf": "Domain one.example\n"},
        [m("a@one.example", "one.example/s1"), m("a@two.example")]),
    "relative to a base directory": (
        "BaseDirectory {d}\nKeyTable file:keys\nSigningTable file:signing\n",
        {"keys": "k1 one.example:s1:./s1.pem\n", "signing": "one.example k1\n"},
        [m("a@one.example", "one.example/s1")]),
    "it only verifies": (
        "Mode v\nDomain one.example\nSelector s1\nKeyFile {d}/s1.pem\n", {},
        [m("a@one.example")]),
}


class Keys:
    def __init__(self):
        self.all = {s: lab_dkim.Key() for s in ("s1", "s2", "s3")}
        # a row of opendkim has no room for a longer one
        self.all["short"] = lab_dkim.Key(bits=1024)

    def text(self, selector):
        """In base64 on one line, as a table has it: PKCS#1."""
        lines = self.all[selector].dkimpy.decode().split("\n")
        return "".join(l for l in lines if l and not l.startswith("-"))

    def fill(self, text, folder):
        for s in self.all:
            text = text.replace("{%s}" % s, self.text(s))
        return text.replace("{d}", folder)

    def put(self, folder):
        for s, key in self.all.items():
            # one of each kind of PEM
            pem = key.pem if s == "s1" else key.dkimpy
            with open(os.path.join(folder, s + ".pem"), "wb") as f:
                f.write(pem)
            os.chmod(f.name, 0o600)

    def zone(self, pairs):
        return {lab_dkim.name(s, d): {"TXT": [self.all[s].record]} for d, s in pairs}


class Opendkim:
    def __init__(self, lab, folder, conf):
        self.socket = os.path.join(folder, "od.sock")
        path = os.path.join(folder, "opendkim.conf")
        with open(path, "w", encoding="utf-8") as f:
            # the lab lies in /tmp, which opendkim does not call safe
            f.write("Socket local:%s\nBackground no\nUMask 000\nRequireSafeKeys no\n%s"
                    % (self.socket, conf))
        self.conf = path
        self.process = lab_base.Process([OPENDKIM, "-f", "-x", path])
        lab.own(self)
        lab_base.wait_until(self.up, 20, "opendkim")

    def stop(self):
        # libmilter would take five seconds for a SIGTERM
        self.process.kill()

    def up(self):
        if not self.process.running:
            raise lab_base.LabError("opendkim: " + " | ".join(self.process.err.all))
        return os.path.exists(self.socket)


def signatures(socket, message, keys):
    """{(d, s, c, x - t)} of what this daemon makes of it; a bad signature is
    told by its own entry."""
    local, _, domain = message.address.rpartition("@")
    kw = {k: v for k, v in message.kw.items() if k != "daemon"}
    client, name = kw.pop("client"), kw.pop("name", None)
    with miltermta.Session(socket) as s:
        s.connect(client, name, {"daemon_name": message.kw.get("daemon", "mx")})
        s.helo()
        s.mail("<a@%s>" % domain, APP if kw.get("login") else {"mail_mailer": "smtp"})
        s.rcpt()
        mail = Mail(from_domain(domain, LETTER, local))
        last = s.rest(mail.fields, body=mail.body)
        raw = mail.edited(last, bool(s.steps & miltermta.HEADER_LEADING_SPACE))
    found = lab_dkim.signatures(raw, keys.zone({
        (f.tags["d"], f.tags["s"]) for f in lab_dkim.signatures(raw, {})}))
    return {(f.domain, f.selector, f.tags.get("c"),
             int(f.tags["x"]) - int(f.tags["t"]) if "x" in f.tags else None)
            if f.good else ("BAD", f.domain, f.selector) for f in found}


def imported(daemon, conf):
    code, out, err = tool("--json", "import", "opendkim", "--conf", conf, "--output", daemon.etc)
    if code != 0:
        raise lab_base.LabError("import: %d %s %s" % (code, out, err))
    return [f for f in json.loads(out)["findings"] if f["topic"] == "decision"]


def compare(name, number, case, keys):
    conf, files, messages = case
    with lab_base.Lab("import") as lab:
        folder = lab.dir
        keys.put(folder)
        for file, text in files.items():
            if text.startswith("KEY "):
                shutil.copy(lab.path(text[4:] + ".pem"), lab.path(file))
            else:
                lab.write(file, keys.fill(text, folder))
        theirs = Opendkim(lab, folder, keys.fill(conf, folder))
        ours = lab_gatepost.Daemon(lab, 'resolver { servers = { "127.0.0.1:9" } timeout = 100ms }\n',
                                   name="dkim", label="ours%d" % number, start=False)
        decisions = imported(ours, theirs.conf)
        tap.ok(all(d["remedy"] for d in decisions), name + ": each decision says what to do", decisions)
        ours.start()
        for message in messages:
            a = signatures(theirs.socket, message, keys)
            b = signatures(ours.socket, message, keys)
            what = "%s: %s" % (name, message)
            tap.equal({s[:2] for s in a}, message.signed, what + ": opendkim signs as it should")
            named = [d for d in decisions if message.named and message.named in d["what"]]
            if message.named:
                tap.ok(a != b and named, what + ": the difference is a decision",
                       "%r %r %r" % (a, b, decisions))
            else:
                tap.equal(b, a, what + ": gatepost-dkim signs the same")
        kinds = {d["what"] for d in decisions}
        expected = any(message.named for message in messages)
        tap.ok(bool(kinds) or not expected, name + ": no decision without need", kinds)


def main():
    if lab_dkim.why_not():
        lab_tap.skip_all("import opendkim", lab_dkim.why_not())
    if not os.path.exists(OPENDKIM):
        lab_tap.skip_all("import opendkim", "opendkim is not installed")
    keys = Keys()
    for number, (name, case) in enumerate(CASES.items()):
        tap.run(name, compare, name, number, case, keys)
    tap.done()


main()
