#!/usr/bin/python3
"""gatepost check and gatepost policy: the shipped policy is silent, each mistake
has its line, DNS is asked of a real name server, and what was read is shown
with the place that it comes from."""
import json
import os
import pwd
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, "..", "support"))
import lab_base
import lab_dkim
import lab_nsd
import lab_tap
from rate_fixture import tool

NEGATIVE, USAGE, DATA, NOINPUT, NOPERM, CONFIG = 1, 64, 65, 66, 77, 78
BUILD = "asan"
ETC = os.path.join(lab_base.ROOT, "packaging", "etc")
tap = lab_tap.Tap()

SHOP = """\
domain "shop.example" {
    key "s1" { file = "keys/s1.pem" }
    key "s2" { file = "keys/s2.pem" state = staged activate-after = "2099-01-01" }
    preflight { egress = { "192.0.2.1", "10.0.0.1" } }
}
"""


class Etc:
    """A folder with a policy and keys."""

    def __init__(self, lab, label, text, keys=None, more=None):
        self.dir = lab.path(label)
        self.lab, self.label = lab, label
        os.makedirs(os.path.join(self.dir, "policy.d"))
        os.makedirs(os.path.join(self.dir, "keys"))
        self.conf = lab.write(label + "/gatepost.conf", text)
        for name, body in (more or {}).items():
            lab.write("%s/policy.d/%s" % (label, name), body)
        for name, pem in (keys or {}).items():
            path = os.path.join(self.dir, "keys", name)
            with open(path, "wb") as f:
                os.fchmod(f.fileno(), 0o600)
                f.write(pem)

    def path(self, *names):
        return os.path.join(self.dir, *names)

    def run(self, *words):
        return tool("--config", self.conf, *words, build=BUILD)

    def findings(self, *words):
        """(exit code, [(light, topic, subject, what, remedy, place)])."""
        code, out, err = self.run("check", "--json", *words)
        tap.equal(err, "", "check %s: nothing on standard error" % " ".join(words))
        answer = json.loads(out)
        rows = [(f["light"], f["topic"], f["subject"], f["what"], f["remedy"] or "",
                 "%s:%d" % (os.path.basename(f["file"]), f["line"]) if f["file"] else "")
                for f in answer["findings"]]
        worst = max(["green", "yellow", "red"].index(r[0]) for r in rows)
        tap.equal((answer["schema"], ["green", "yellow", "red"].index(answer["worst"])), (1, worst),
                  "check %s: schema, and the worst light" % " ".join(words))
        return code, rows


def has(rows, light, topic, what, remedy="", place=None):
    """One finding has all of this."""
    found = [r for r in rows if r[0] == light and r[1] == topic and what in r[3] and remedy in r[4]
             and place in (None, r[5])]
    tap.ok(len(found) == 1, "%s %s: %s" % (light, topic, what), "\n".join(map(repr, rows)))


def shipped(lab):
    etc = Etc(lab, "shipped", open(os.path.join(ETC, "gatepost.conf"), encoding="utf-8").read(),
              more={"providers.conf": open(os.path.join(ETC, "policy.d", "providers.conf"),
                                           encoding="utf-8").read()})
    code, out, err = etc.run("check")
    tap.ok((code, err) == (0, "") and len(out.splitlines()) == 1 and out.startswith("ok "),
           "the shipped policy: one line, and it is ok", out + err)
    code, rows = etc.findings()
    tap.equal((code, [r[0] for r in rows]), (0, ["green"]), "the shipped policy: green")


def lint(lab, keys):
    etc = Etc(lab, "lint", "spf {\n    mode = enforce\n}\n", {"e.pem": keys["ed"].pem, "w.pem": keys["weak"].pem},
              {"10-a.conf": 'domain "a.example" {\n    key "e1" { file = "keys/e.pem" }\n    expire = 2d\n}\n',
               "20-b.conf": 'domain "b.example" {\n    key "w1" { file = "keys/w.pem" }\n'
                            '    key "gone" {\n        file = "keys/gone.pem"\n        state = staged\n    }\n'
                            '    senders { else = reject }\n}\n'})
    code, rows = etc.findings()
    tap.equal(code, NEGATIVE, "several mistakes: exit 1")
    has(rows, "red", "key", "Ed25519 alone", "gatepost key new a.example --algorithm rsa2048", "10-a.conf:2")
    has(rows, "yellow", "key", "expire is too short", "expire = 10d", "10-a.conf:3")
    has(rows, "yellow", "key", "1024 bits", "2048", "20-b.conf:2")
    has(rows, "red", "dkim", "keys/gone.pem: there is no such file", "", "20-b.conf:3")
    has(rows, "yellow", "key", "staged and stays so", "activate-after", "20-b.conf:3")
    has(rows, "red", "senders", "all mail is refused", "senders {", "20-b.conf:7")
    has(rows, "yellow", "senders", "also the senders of b.example", "senders {", "10-a.conf:1")
    tap.equal(len(rows), 8, "several mistakes: all of them in one run, and nothing else")
    code, out, _ = etc.run("check")
    tap.match(r"(?m)^FAIL +key +a\.example +signs with Ed25519 alone.*\(\S*10-a\.conf:2\)\n +-> gatepost key new a\.example --algorithm rsa2048",
              out, "as text: light, topic, domain, clause, place, remedy")
    tap.equal(code, NEGATIVE, "as text: exit 1")


def broken(lab):
    etc = Etc(lab, "broken", "spf {\n    mode = enforced\n}\nresolver { tries = 9 }\n",
              more={"x.conf": 'domain "a..b" { }\n'})
    code, out, err = etc.run("check")
    tap.equal((code, out), (CONFIG, ""), "a policy that can not be read: exit 78")
    lines = err.splitlines()
    places = ("gatepost.conf:2: ", "gatepost.conf:4: ", "policy.d/x.conf:1: ")
    tap.ok(len(lines) == 3 and all(l.startswith("gatepost: " + etc.dir) for l in lines)
           and all(p in l for p, l in zip(places, lines)), "its three errors, each with its line", err)


def denied(lab, keys):
    """As a user who may not read the keys, unless somebody else runs the test."""
    etc = Etc(lab, "denied", SHOP + 'domain "b.example" { key "b1" { file = "keys/s1.pem" } '
              'key "b2" { file = "keys/b2.pem" state = staged activate-after = "2099-01-01" } }\n', {"s1.pem": keys["rsa"].pem, "s2.pem": keys["ed"].pem,
                                       "b2.pem": keys["ed"].pem})
    if os.getuid() != 0:
        raise lab_tap.Skip("needs root, to become somebody else")
    nobody = pwd.getpwnam("nobody")
    program = shutil.copy(os.path.join(lab_base.BUILD, BUILD, "bin", "gatepost"), etc.dir)
    for path in (lab.dir, etc.dir, etc.path("keys"), etc.path("policy.d")):
        os.chmod(path, 0o755)
    done = subprocess.run([program, "--config", etc.conf, "check", "--json"], capture_output=True, text=True,
                          timeout=30, user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[])
    rows = [(f["light"], f["what"]) for f in json.loads(done.stdout)["findings"]] if done.stdout else []
    tap.equal((done.returncode, [r[0] for r in rows]), (NOPERM, ["green"] + 4 * ["yellow"]),
              "keys that this user may not read: a warning each, exit 77")
    tap.ok(all("may not read %s" % etc.path("keys", f) in r[1] for f, r in zip(("s1.pem", "s2.pem", "s1.pem", "b2.pem"),
                                                                            rows[1:])),
           "it says which, also of two in one line", repr(rows) + done.stderr)


def texts(record):
    """A record in the strings that DNS has room for."""
    return [record[i:i + 200] for i in range(0, len(record), 200)]


def zone_of(keys):
    return {
        "s1._domainkey.shop.example": {"TXT": [texts(keys["rsa"].record)]},
        "s1._domainkey.cut.example": {"TXT": [texts(keys["rsa"].record[:-60])]},
        "shop.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all", "something else"]},
        "cut.example": {"TXT": ["v=spf1 include:shop.example ~all"]},
        "_dmarc.shop.example": {"TXT": ["v=DMARC1; p=reject; rua=mailto:d@shop.example"]},
        "1.2.0.192.in-addr.arpa": {"PTR": ["mx.shop.example"]},
        "mx.shop.example": {"A": ["192.0.2.1"]},
        "2.2.0.192.in-addr.arpa": {"PTR": ["mx.shop.example"]},
        "2.2.0.192.list.example": {"A": ["127.0.0.2"], "TXT": ["see https://list.example/192.0.2.2"]},
    }


def dns(lab, keys):
    if not lab_nsd.NSD:
        raise lab_tap.Skip("nsd is not installed")
    nsd = lab_nsd.Nsd(lab, zone_of(keys), broken=["silent.example"])
    files = {"s1.pem": keys["rsa"].pem, "s2.pem": keys["ed"].pem}
    top = 'resolver { servers = { "%s" } timeout = 1s tries = 1 }\n' % nsd.address
    etc = Etc(lab, "dns", top + SHOP, files)
    code, rows = etc.findings("--dns")
    tap.equal(code, 0, "a domain that is right, and a key that is not published yet: exit 0")
    has(rows, "green", "dkim", "it is the key that signs", "", "gatepost.conf:3")
    has(rows, "yellow", "dkim", "there is no key record",
        "publish: TXT s2._domainkey.shop.example " + keys["ed"].record, "gatepost.conf:4")
    has(rows, "green", "spf", "192.0.2.1 passes")
    has(rows, "green", "dmarc", "applies: reject")
    has(rows, "green", "name", "is mx.shop.example, which has this address", "", "gatepost.conf:5")
    has(rows, "green", "name", "private address")
    tap.equal(len(rows), 7, "a domain that is right: nothing else")
    # the same address for two domains, one that is in a list, one given as an option
    etc.lab.write(etc.label + "/policy.d/cut.conf", 'domain "cut.example" {\n    key "s1" { file = "keys/s1.pem" }\n}\n'
                  'domain "x.silent.example" { }\n')
    code, rows = etc.findings("--egress", "192.0.2.1", "--egress", "192.0.2.2", "--blocklist", "list.example")
    tap.equal(code, NEGATIVE, "domains that are not right: exit 1")
    has(rows, "red", "dkim", "of 392 characters", "replace what is there by: TXT s1._domainkey.cut.example "
        + keys["rsa"].record, "cut.conf:2")
    has(rows, "red", "spf", "192.0.2.2 softfail", "TXT cut.example v=spf1 ip4:192.0.2.2 include:shop.example ~all",
        "cut.conf:1")
    has(rows, "red", "spf", "192.0.2.2 fail", "TXT shop.example v=spf1 ip4:192.0.2.2 ip4:192.0.2.1 -all")
    has(rows, "red", "dmarc", "there is no DMARC record", "publish: TXT _dmarc.cut.example v=DMARC1; p=none")
    has(rows, "red", "name", "mx.shop.example does not have this address", "publish: A mx.shop.example 192.0.2.2")
    has(rows, "red", "blocklist", "is listed in list.example as 127.0.0.2: see https://list.example/192.0.2.2")
    has(rows, "green", "blocklist", "is not in 1 of 1 lists")
    has(rows, "yellow", "spf", "could not be asked now", "later", "cut.conf:4")
    has(rows, "yellow", "dmarc", "could not be asked now", "later", "cut.conf:4")
    nsd.stop()
    code, rows = etc.findings("--dns")
    tap.ok(code == 0 and "red" not in [r[0] for r in rows] and len(rows) > 7,
           "no name server: warnings, never a failure", repr(rows))


def zones(lab, keys):
    etc = Etc(lab, "zone", SHOP, {"s1.pem": keys["rsa"].pem, "s2.pem": keys["ed"].pem})
    zone = lab.write("zone/zone", "shop.example. TXT \"v=spf1 ip4:192.0.2.1 -all\"\n")
    code, rows = etc.findings("--zone", zone)
    tap.equal(code, NEGATIVE, "--zone: the rest does not exist")
    has(rows, "green", "spf", "192.0.2.1 passes")
    for what, want, words, args in (
            ("no such file", NOINPUT, [zone + ".none"], ("--zone", zone + ".none")),
            ("no zone", DATA, ["line 1"], ("--zone", etc.conf)),
            ("no address", USAGE, ["--egress", "mail.example"], ("--zone", zone, "--egress", "mail.example")),
            ("a network", USAGE, ["--egress"], ("--zone", zone, "--egress", "192.0.2.0/24")),
            ("no list", USAGE, ["a..b"], ("--zone", zone, "--blocklist", "a..b"))):
        code, out, err = etc.run("check", *args)
        tap.ok((code, out) == (want, "") and len(err.splitlines()) == 1 and all(w in err for w in words),
               "%s: exit %d" % (what, want), "%r %r %r" % (code, out, err))


def policy(lab):
    etc = Etc(lab, "policy", "spf {\n    fail = reject\n}\n", more={
        "10-profiles.conf": 'profile "bulk" {\n    expire = 7d\n    canon = simple/simple\n}\n',
        "20-news.conf": 'domain "news.example" {\n    profile = "bulk"\n    subdomains = yes\n'
                        '    canon = relaxed/simple\n    key "n1" { file = "keys/n1.pem" }\n'
                        '    limit "all" { rate = { "2000/1m" } }\n}\ndomain "x.news.example" { }\n'})
    for domain, head, expire in (
            ("news.example", '# news.example: its own block "news.example", %s:1', "7d  # %s:2"),
            ("Deep.News.Example.", '# deep.news.example: with subdomains = yes, the block "news.example", %s:1',
             "7d  # %s:2"),
            ("x.news.example", '# x.news.example: its own block "x.news.example", %s:8', "10d  # built-in"),
            ("other.example", "# other.example: no domain block is for it", None)):
        code, out, err = etc.run("policy", "show", domain)
        lines = out.splitlines()
        news, profiles = etc.path("policy.d", "20-news.conf"), etc.path("policy.d", "10-profiles.conf")
        tap.ok((code, err) == (0, "") and lines and lines[0].startswith(head.replace("%s", news)),
               "policy show %s: which block" % domain, out[:200] + err)
        tap.ok("spf.fail = reject  # %s:2" % etc.conf in lines, "policy show %s: a global value" % domain, out)
        tap.equal([l for l in lines if l.startswith("expire")],
                  ["expire = " + expire.replace("%s", profiles)] if expire else [],
                  "policy show %s: a value of the profile" % domain)
    _, out, _ = etc.run("policy", "show", "news.example")
    tap.ok("canon = relaxed/simple  # %s:4" % news in out.splitlines(), "the block stands over its profile", out)
    code, out, _ = etc.run("policy", "show", "a.news.example", "--json")
    answer = json.loads(out)
    values = {v["name"]: (v["value"], v["file"], v["line"]) for v in answer["values"]}
    tap.equal((code, answer["schema"], answer["domain"], answer["block"], answer["file"], answer["line"]),
              (0, 1, "a.news.example", "news.example", news, 1), "policy show --json: the block")
    tap.equal([values.get(n) for n in ("expire", "limit.all.rate", "key.n1.state", "dmarc.reject")],
              [("7d", profiles, 2), ('{ "2000/1m" }', news, 6), ("active", None, None),
               ("corroborated", None, None)], "policy show --json: values")
    tap.equal(json.loads(etc.run("policy", "show", "b.example", "--json")[1])["block"], None,
              "policy show --json: no block")
    _, out, _ = etc.run("policy", "list")
    tap.equal([l.split() for l in out.splitlines()],
              [["news.example", "and", "below", "bulk", "n1", "active", news + ":1"],
               ["x.news.example", "-", "-", news + ":8"]], "policy list")
    answer = json.loads(etc.run("policy", "list", "--json")[1])
    tap.equal([(d["domain"], d["subdomains"], d["profile"], [k["selector"] for k in d["keys"]], d["line"])
               for d in answer["domains"]],
              [("news.example", True, "bulk", ["n1"], 1), ("x.news.example", False, None, [], 8)],
              "policy list --json")
    code, out, err = etc.run("policy", "show", "a..b")
    tap.ok((code, out) == (USAGE, "") and "a..b" in err, "policy show of no domain: exit 64", err)


def defaults(lab):
    code, out, err = tool("--config", lab.path("none"), "policy", "defaults", build=BUILD)
    lines = out.splitlines()
    tap.equal((code, err), (0, ""), "policy defaults: needs no policy")
    tap.ok("spf.max-terms = 10  # a number from 1 to 10" in lines
           and "trust.forwarders = { }  # IP addresses or prefixes" in lines, "policy defaults: options", out)
    answer = json.loads(tool("policy", "defaults", "--json", build=BUILD)[1])
    names = [o["name"] for o in answer["options"]]
    tap.equal((len(names), [o for o in answer["options"] if o["name"] == "domain.key.state"]),
              (len(lines), [{"name": "domain.key.state", "default": "active", "list": False,
                             "expected": "staged, active or retired"}]), "policy defaults --json")


def main():
    if lab_dkim.why_not():
        lab_tap.skip_all("gatepost check", lab_dkim.why_not())
    keys = {"rsa": lab_dkim.Key(), "ed": lab_dkim.Key("ed25519"), "weak": lab_dkim.Key(bits=1024)}
    with lab_base.Lab("check") as lab:
        for test, args in ((shipped, ()), (lint, (keys,)), (broken, ()), (denied, (keys,)), (dns, (keys,)),
                           (zones, (keys,)), (policy, ()), (defaults, ())):
            tap.run(test.__name__, test, lab, *args)
    tap.done()


main()
