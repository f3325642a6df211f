#!/usr/bin/python3
"""gatepost doctor against the four daemons: all green, and each fault by its
finding and its remedy alone."""
import json
import os
import pwd
import re
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, "..", "support"))
import lab_base
import lab_dkim
import lab_dns
import lab_gatepost
import lab_tap
import lab_tls
from rate_fixture import tool

BUILD = "asan"
ID = "mx.lab.example"
DAEMONS = ("spf", "dkim", "dmarc", "rate")
USAGE = 64
tap = lab_tap.Tap()


class Fixture:
    """The four daemons with one policy, and their folders by their names."""

    def __init__(self, lab):
        self.lab = lab
        self.dns = lab.own(lab_dns.DnsServer({}))
        self.run = lab.path("runtime")
        os.makedirs(self.run)
        self.daemons = {}
        for name in DAEMONS:
            d = lab_gatepost.Daemon(lab, self.settings(), lab_gatepost.binary(name, BUILD), name=name,
                                    beside=self.daemons.get("spf"))
            os.symlink(d.run_dir, os.path.join(self.run, name))
            self.daemons[name] = d
        self.conf, self.state = d.conf, d.state

    def settings(self, **more):
        return {"authserv-id": ID, "own-ids": ["old.lab.example"],
                "resolver": {"servers": [self.dns.address], "timeout": "1s", "tries": 1},
                "store": "mem", **more}

    def set_policy(self, settings, reload=DAEMONS):
        self.daemons["spf"].set_policy(settings)
        for name in reload:
            self.daemons[name].reload()

    def doctor(self, *words):
        """(exit code, findings) of all topics, or of those that are given."""
        only = [w for topic in words if not topic.startswith("-") for w in ("--only", topic)]
        code, out, err = tool("--config", self.conf, "--runtime-dir", self.run, "--state-dir", self.state,
                              "--json", "doctor", *only, *(w for w in words if w.startswith("-")), build=BUILD)
        if err:
            tap.note(err)
        return code, json.loads(out)["findings"]

    def bad(self, *words):
        """The findings that are not green, as (light, subject, what, remedy)."""
        return [(f["light"], f["subject"], f["what"], f["remedy"]) for f in self.doctor(*words)[1]
                if f["light"] != "green"]

    def restart(self, name):
        self.daemons[name].stop()
        self.daemons[name].start()


START = "gatepost-%s --check --config %s, then start it"
RESTART = "systemctl restart gatepost-spf gatepost-dkim gatepost-dmarc"


def start(f, name):
    """What starts a daemon depends on the host."""
    if os.path.isdir("/run/systemd/system"):
        return "systemctl enable --now gatepost-%s\njournalctl -u gatepost-%s -n 20" % (name, name)
    return START % (name, f.conf)


def green(f):
    code, found = f.doctor("daemons", "sockets", "chain", "resolver", "files")
    tap.equal((code, [(x["light"], x["topic"], x["subject"]) for x in found]),
              (0, [("green", t, n) for t in ("daemons", "sockets") for n in DAEMONS]
               + [("green", t, "") for t in ("chain", "resolver", "files")]), "all is well: exit 0")
    tap.match(r"^forged results go, ours arrive: spf=none dkim=none dmarc=none, \d+ ms$", found[8]["what"],
              "all is well: what the chain reported")
    tap.equal(f.doctor("daemons", "chain", "--quiet"), (0, []), "--quiet: nothing is left")
    code, out, err = tool("--config", f.conf, "--runtime-dir", f.run, "doctor", "--only", "daemons", build=BUILD)
    tap.equal((code, out.splitlines()[0].split(), err),
              (0, ["ok", "daemons", "spf", "runs", "by", "the", "policy", "on", "disk,", "version", "0.1.0"], ""),
              "as a table")


def harmless(f):
    """What a probe leaves: lines and counters, no meters and no records."""
    f.doctor("chain")
    head, text = f.daemons["rate"].request("meters m/")
    tap.equal((head, text), ("ok", ""), "no meter was charged")
    tap.equal([k for k, v in f.daemons["dmarc"].metrics().items() if "records_total" in k and v], [],
              "no record was kept")
    log = "\n".join(f.daemons["rate"].log.all)
    tap.ok("outbound=" not in log, "the probe is no mail of ours", log)


def usage(f):
    for what, args, words in (
            ("an unknown topic", ["--only", "weather"], "--only: weather: expected daemons, "),
            ("no domain", ["a..b"], "a..b: "),
            ("no address", ["--egress", "192.0.2.256"], "--egress: 192.0.2.256: expected an address"),
            ("no zone", ["--blocklist", "a..b"], "a..b: "),
            ("no port", ["--smtp", "localhost"], "--smtp: localhost: expected HOST:PORT"),
            ("port 0", ["--smtp", "localhost:0"], "--smtp: localhost:0: expected HOST:PORT"),
            ("zone and resolver", ["--zone", "x", "--resolver", "127.0.0.1"], "--zone: expected no --resolver"),
            ("one daemon's socket", ["--control", "x"], "--control is of one daemon alone")):
        code, out, err = tool("--config", f.conf, "doctor", *args, build=BUILD)
        tap.ok((code, out) == (USAGE, "") and len(err.splitlines()) == 1 and err.startswith("gatepost: ")
               and words in err, "usage: %s" % what, "%r %r %r" % (code, out, err))


def one_down(f):
    d = f.daemons["dkim"]
    d.stop()
    why = "%s: No such file or directory; is the daemon running?" % os.path.join(f.run, "dkim", "control.sock")
    tap.equal((f.doctor("daemons")[0], f.bad("daemons", "chain")), (1, [("red", "dkim", why, start(f, "dkim"))]),
              "a daemon that was stopped: red, and the chain holds without it")
    os.unlink(os.path.join(f.run, "dkim"))
    tap.equal((f.doctor("daemons")[0], f.bad("daemons")),
              (0, [("yellow", "dkim", "it does not run, and nothing asks for it", start(f, "dkim"))]),
              "one that never ran here: yellow")
    os.symlink(d.run_dir, os.path.join(f.run, "dkim"))
    d.start()
    d.kill()
    found = f.bad("daemons")
    tap.ok(len(found) == 1 and found[0][:2] == ("red", "dkim") and "Connection refused" in found[0][2],
           "one that was killed: red", repr(found))
    d.start()
    code, out, err = tool("--config", f.conf, "--runtime-dir", f.run + ".none", "--json", "doctor",
                          "--only", "daemons", "--only", "chain", build=BUILD)
    found = json.loads(out)["findings"]
    tap.equal((code, [x["light"] for x in found]), (1, ["red"] * 4 + ["yellow"]), "none runs: each is red")


def policies(f):
    f.daemons["spf"].set_policy(f.settings(**{"spf": {"max-terms": 9}}))
    found = f.bad("daemons", "chain")
    tap.equal([(l, s, r) for l, s, _, r in found], [("red", n, "gatepost reload %s" % n) for n in DAEMONS],
              "another policy on disk: what brings it into force")
    tap.match(r"^policy [0-9a-f]{16} is in force, the files have [0-9a-f]{16}$", found[0][2],
              "another policy on disk: both are named")
    f.daemons["spf"].set_policy("spf { max-terms = 99 }\n")
    f.daemons["dmarc"].reload()
    code, found = f.doctor("daemons", "chain", "files")
    red = [(x["topic"], x["subject"], x["remedy"]) for x in found if x["light"] == "red"]
    tap.equal((code, red), (1, [("policy", "", "mend it, then gatepost check"),
                                ("daemons", "dmarc", "gatepost check, then gatepost reload dmarc")]),
              "a wrong policy: what is wrong, and who could not read it")
    tap.match("^%s:1: .*max-terms" % f.conf, found[0]["what"], "a wrong policy: the place")
    f.set_policy(f.settings())
    other = f.lab.write("other.conf", "")
    code, out, _ = tool("--config", other, "--runtime-dir", f.run, "--json", "doctor", "--only", "daemons", build=BUILD)
    found = json.loads(out)["findings"]
    tap.equal((code, [(x["light"], x["remedy"]) for x in found]),
              (0, [("yellow", "gatepost --config %s doctor" % f.conf)] * 4), "another file than the daemons read")


def seals(f):
    path = os.path.join(f.state, "seal.key")
    os.rename(path, path + ".old")
    f.restart("dmarc")
    what = "gatepost-dmarc got no results of gatepost-%s: they do not have the same seal key"
    tap.equal((f.doctor("chain")[0], f.bad("chain")),
              (1, [("red", n, what % n, RESTART) for n in ("spf", "dkim")]), "another seal key under the same name")
    other = f.daemons["dmarc"].dir + "/own.key"
    f.daemons["spf"].set_policy(f.settings(**{"seal-key": other}))
    f.restart("dmarc")
    remedy = "gatepost-%s has %s, gatepost-dmarc %s: one for both, seal-key = \"%s\""
    tap.equal(f.bad("chain"), [("red", n, what % n, remedy % (n, path, other, other)) for n in ("spf", "dkim")],
              "another file with a seal key: both are named")
    os.rename(path + ".old", path)
    f.set_policy(f.settings())
    f.restart("dmarc")
    tap.equal(f.bad("chain"), [], "the same key again: nothing")
    os.chmod(path, 0o644)
    found = f.bad("files")
    tap.ok(len(found) == 1 and found[0][:2] == ("red", path) and found[0][3] == "chmod 0640 " + path,
           "a seal key that others can read", repr(found))
    os.chmod(path, 0o640)


def strict(f):
    """A policy that refuses mail from nobody is no fault of the chain."""
    f.set_policy(f.settings(**{"spf": {"mode": "enforce", "none": "reject"}}))
    found = f.bad("chain")
    tap.ok(len(found) == 1 and found[0][:2] == ("yellow", "spf")
           and found[0][2].startswith("the policy refuses mail from nobody: 5"), "spf none = reject", repr(found))
    f.set_policy(f.settings(trust={"clients": ["192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24", "2001:db8::/32"]}))
    tap.equal([(l, w) for l, _, w, _ in f.bad("chain")],
              [("yellow", "no probe: trust has all the documentation addresses")], "all addresses are trusted")
    f.set_policy(f.settings())


def keys(f):
    d = f.daemons["dkim"]
    path = d.write_key("s1.pem", lab_dkim.Key("ed25519").pem)
    f.set_policy(f.settings() | {("domain", "shop.example"): {("key", "s1"): {"file": "s1.pem", "state": "active"}}})
    tap.equal(f.bad("files"), [], "a key of mode 0600: nothing")
    os.chmod(path, 0o604)
    found = f.bad("files")
    tap.ok(len(found) == 1 and found[0][:2] == ("red", "s1") and path in found[0][2]
           and re.fullmatch("chmod (o-rwx|0600|0640) " + re.escape(path), found[0][3] or ""),
           "a key that others can read: the chmod", repr(found))
    os.chmod(path, 0o600)
    os.rename(path, path + ".gone")
    found = f.bad("files")
    tap.ok(len(found) == 1 and found[0][:2] == ("red", "s1") and "there is no such file" in found[0][2],
           "a key that is gone", repr(found))
    os.rename(path + ".gone", path)
    domains(f)
    f.set_policy(f.settings())


def domains(f):
    """A zone without anything, and one with all."""
    zone = f.lab.write("empty.zone", "")
    code, found = f.doctor("domains", "--zone=" + zone)
    red = {(x["topic"], x["subject"]): x["remedy"] for x in found if x["light"] == "red"}
    tap.ok(code == 1 and any(t == "dkim" and "v=DKIM1" in (r or "") for (t, _), r in red.items()),
           "nothing is published: red, and the record to publish", repr(found))
    tap.equal([x["subject"] for x in f.doctor("domains", "--zone=" + zone)[1] if x["topic"] == "domains"], [],
              "each block is one that is known")
    code, out, _ = tool("--config", f.conf, "--runtime-dir", f.run, "--json", "doctor", "--only", "domains",
                        "--zone", zone, "other.example", build=BUILD)
    found = json.loads(out)["findings"]
    tap.equal((code, [(x["light"], x["subject"], x["what"]) for x in found]),
              (1, [("red", "other.example", "no domain block is for it")]), "a domain that has no block")


def resolvers(f):
    zone = f.lab.write("lists.zone", """\
2.0.0.127.good.example A 127.0.0.2
2.0.0.127.shut.example A 127.255.255.254
""")
    lists = ["--blocklist=" + z for z in ("good.example", "shut.example", "none.example")]
    code, found = f.doctor("resolver", "--zone=" + zone, *lists)
    tap.equal((code, [(x["light"], x["subject"]) for x in found]),
              (1, [("green", ""), ("green", "good.example"), ("red", "shut.example"), ("yellow", "none.example")]),
              "block lists: one answers, one refuses, one is none")
    tap.equal(found[2]["what"], "refuses this resolver: 127.255.255.254", "block lists: how it refuses")
    dead = f.lab.write("dead.zone", "a.root-servers.net A !SERVFAIL\n")
    tap.equal([(l, w) for l, _, w, _ in f.bad("resolver", "--zone=" + dead)], [("red", "no answer: SERVFAIL")],
              "a resolver that does not answer")
    f.daemons["spf"].set_policy(f.settings(resolver={"servers": ["8.8.8.8"], "timeout": "100ms", "tries": 1}))
    tap.equal([(l, s, w) for l, s, w, _ in f.bad("resolver", "--zone=" + zone)],
              [("yellow", "8.8.8.8", "is the public resolver of Google: DNS block lists refuse it")],
              "a public resolver")
    f.set_policy(f.settings())


def ports(f):
    cert = {name: lab_tls.certificate(f.lab, name, *days) for name, days in (
        ("good", (-1, 90)), ("soon", (-1, 5.5)), ("old", (-30, -3.5)), ("early", (2.5, 90)))}
    renew = "renew it (certbot renew), then postfix reload"
    for what, port, want in (
            ("a good one", lab_tls.Port(cert["good"]), [("green", r"^offered; the certificate holds for 89 days$", None)]),
            ("one that ends soon", lab_tls.Port(cert["soon"]),
             [("yellow", "^the certificate expires in 5 days$", renew)]),
            ("an expired one", lab_tls.Port(cert["old"]), [("red", "^the certificate expired 3 days ago$", renew)]),
            ("one of the future", lab_tls.Port(cert["early"]),
             [("red", "^the certificate is not valid before 3 days from now$",
               "gatepost doctor --only clock, or another certificate")]),
            ("no STARTTLS", lab_tls.Port(), [("yellow", "^STARTTLS is not offered: mail to us comes in clear$", None)]),
            ("no SMTP", lab_tls.Port(lines=[b"HTTP/1.1 400 Bad Request\r\n\r\n"]), [("yellow", "no reply of SMTP", None)]),
            ("it refuses us", lab_tls.Port(lines=[b"554 go away\r\n"]), [("yellow", "it says: 554 go away", None)]),
            ("it is gone at once", lab_tls.Port(lines=[]), [("yellow", "it has closed", None)]),
            ("endless text", lab_tls.Port(lines=[b"220-" + b"x" * 2000]), [("yellow", "a line of over 1024", None)])):
        f.lab.own(port)
        found = f.doctor("tls", "--smtp=" + port.place)[1]
        got = [(x["light"], x["what"], x["remedy"]) for x in found]
        tap.ok(len(got) == 1 and got[0][0] == want[0][0] and re.search(want[0][1], got[0][1])
               and want[0][2] in (None, got[0][2]) and found[0]["subject"] == port.place,
               "TLS: " + what, repr(found))
    free = "127.0.0.1:%d" % lab_base.free_port()
    found = f.bad("tls", "--smtp=" + free)
    tap.ok(len(found) == 1 and found[0][:2] == ("yellow", free) and "nobody listens there" in found[0][2],
           "TLS: nobody listens", repr(found))


def other_users(f):
    """As the daemon's user: what root can read he can not."""
    if os.geteuid() != 0:
        raise lab_tap.Skip("only root can be somebody else")
    os.chmod(f.lab.dir, 0o755)
    d = lab_gatepost.Daemon(f.lab, f.settings(), lab_gatepost.binary("spf", BUILD), name="spf", label="other",
                            user="nobody")
    run = f.lab.path("otherrun")
    os.makedirs(run)
    os.symlink(d.run_dir, os.path.join(run, "spf"))

    def bad():
        out = tool("--config", d.conf, "--runtime-dir", run, "--json", "doctor", "--only", "files", build=BUILD)[1]
        return [(x["light"], x["subject"], x["what"], x["remedy"]) for x in json.loads(out)["findings"]
                if x["light"] != "green"]
    tap.equal(bad(), [], "a daemon of another user: it reads its files")
    uid = pwd.getpwnam("nobody").pw_uid
    os.chmod(d.conf, 0o600)
    tap.equal(bad(), [("red", "spf", "%s: user %d may not read it" % (d.conf, uid),
                       "chgrp nogroup %s\nchmod g+r %s" % (d.conf, d.conf))], "a policy that it could not read again")
    os.chmod(d.conf, 0o644)
    os.chmod(d.etc, 0o700)
    os.chown(d.etc, 0, 0)
    tap.equal([x[2] for x in bad()], ["%s: user %d may not enter %s" % (d.conf, uid, d.etc)],
              "a folder that it may not enter")
    d.stop()


def main():
    with lab_base.Lab("doctor") as lab:
        f = Fixture(lab)
        for test in (green, harmless, usage, one_down, policies, seals, strict, keys, resolvers, ports, other_users,
                     green):
            tap.run(test.__name__, test, f)
    tap.done()


main()
