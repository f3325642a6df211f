#!/usr/bin/python3
"""gatepost import: what it reports, writes, leaves alone and refuses."""
import hashlib
import json
import os
import shutil
import stat
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, "..", "support"))
import lab_base
import lab_dkim
import lab_dns
import lab_tap
import rate_fixture

NEGATIVE, USAGE, DATA, NOINPUT, CANTCREAT, NOPERM, CONFIG = 1, 64, 65, 66, 73, 77, 78
BUILD = "asan"
GROUPS = ("mapped", "same as default", "ignored", "decision")
tap = lab_tap.Tap()

CONF = """\
# ours
AuthservID  mx.lab.example
Domain      shop.example
Selector    s1
KeyFile     /etc/dkimkeys/s1.pem
SubDomains  yes
InternalHosts /etc/opendkim/hosts
LogWhy      yes
UserID      opendkim
Socket      inet:8891@localhost
On-DNSError accept
BodyLengthDB /etc/x
"""
RATES = """\
limits:
    - [10, 60]   # ten a minute
limits_by_id:
    foo: []
SOCKET: "/var/spool/postfix/ratelimit/policy"
"""


def tool(*words):
    return rate_fixture.tool(*words, build=BUILD)


class Host:
    """The files of a host that runs opendkim, below a root, and a place for
    the policy."""

    def __init__(self, lab, name, conf=CONF, key=None):
        self.lab, self.root = lab, lab.path(name)
        self.out = self.path("gatepost")
        self.policy = os.path.join(self.out, "policy.d", "50-imported-opendkim.conf")
        os.makedirs(self.out)
        self.write("etc/opendkim.conf", conf)
        self.write("etc/opendkim/hosts", "127.0.0.1\n10.0.0.0/8\n!10.0.0.0/9\n")
        self.key = key or lab_dkim.Key()
        self.write("etc/dkimkeys/s1.pem", self.key.pem.decode(), 0o600)

    def path(self, *parts):
        return os.path.join(self.root, *parts)

    def write(self, name, text, mode=0o644):
        return self.lab.write(os.path.join(self.root, name), text, mode)

    def words(self, *more, program="opendkim"):
        return ("import", program, "--root", self.root, "--output", self.out, *more)

    def run(self, *more, program="opendkim"):
        return tool(*self.words(*more, program=program))

    def findings(self, *more, want=0, program="opendkim"):
        """The findings by group, checked for their form."""
        code, out, err = self.run("--json", *more, program=program)
        if code != want:
            raise lab_base.LabError("import: %d %s %s" % (code, out, err))
        answer = json.loads(out)
        if answer["schema"] != 1 or err:
            raise lab_base.LabError("import: %r %r" % (answer, err))
        return answer["findings"]

    def text(self):
        with open(self.policy, encoding="utf-8") as f:
            return f.read()

    def state(self):
        """What every file of the source is like."""
        out = {}
        for folder, _, files in os.walk(self.path("etc")):
            for file in files:
                path = os.path.join(folder, file)
                with open(path, "rb") as f:
                    out[path] = (hashlib.sha256(f.read()).digest(), os.stat(path).st_mtime_ns,
                                 os.stat(path).st_mode)
        return out


def of(findings, topic, subject=None):
    return [f for f in findings if f["topic"] == topic and subject in (None, f["subject"])]


# -- usage ------------------------------------------------------------------------

def usage():
    for what, words, args in (
            ("import alone", ["expected import opendkim"], ("import",)),
            ("another program", ["import opendkim"], ("import", "rspamd")),
            ("a word too many", ["no argument is expected"], ("import", "opendkim", "x")),
            ("an unknown option", ["--config-file", "no such option"],
             ("import", "opendkim", "--config-file", "x")),
            ("--conf without a file", ["--conf", "a value is missing"], ("import", "opendkim", "--conf")),
            ("--dns of opendmarc", ["--dns", "no such option"], ("import", "opendmarc", "--dns"))):
        code, out, err = tool(*args)
        tap.ok(code == USAGE and not out and len(err.splitlines()) == 1 and all(w in err for w in words),
               "usage: %s: exit 64 and one line" % what, "%r %r %r" % (code, out, err))
    code, out, err = tool("import", "opendkim", "--help")
    tap.ok(code == 0 and not err and all(o in out for o in (
        "--conf", "--root", "--output", "-o ", "--dry-run", "--force", "--dns")),
        "usage: --help has every option", out + err)


# -- the way it is meant ------------------------------------------------------------

def good(lab):
    host = Host(lab, "good")
    before = host.state()
    code, out, err = host.run("--dry-run")
    tap.ok(code == 0 and not err and not os.listdir(host.out), "--dry-run: nothing is written", err)
    tap.match(r'domain "shop\.example" \{\n +profile', out, "--dry-run: shows the file")
    tap.ok("PRIVATE KEY" not in out, "--dry-run: shows no key")
    order = out[out.find("next, in this order"):]
    steps = [order.find(w) for w in ("gatepost check", "gatepost postfix enable", "inet:8891@localhost",
                                   "mode = enforce", "systemctl disable --now opendkim")]
    tap.ok(-1 not in steps and steps == sorted(steps), "the order of switching stands at the end", order)

    findings = host.findings()
    topics = [f["topic"] for f in findings]
    tap.equal([t for i, t in enumerate(topics) if t not in topics[:i]], [*GROUPS, "file"],
              "the groups stand in their order")
    tap.equal({t for f in findings for t in [f["light"]] if f["topic"] == "decision"}, {"yellow"},
              "decisions are yellow")
    for topic, subject in (("mapped", "AuthservID"), ("mapped", "KeyFile"), ("mapped", "InternalHosts"),
                           ("same as default", "LogWhy"), ("ignored", "UserID"), ("ignored", "Socket"),
                           ("decision", "BodyLengthDB")):
        found = of(findings, topic, subject)
        tap.ok(found and found[0]["file"].startswith("/etc/opendkim.conf") and found[0]["line"] > 1,
               "%s: %s, with its line" % (topic, subject), findings)
    text = host.text()
    for want in ('authserv-id = "mx.lab.example"  # from /etc/opendkim.conf:2\n',
                 'clients = { "127.0.0.1", "10.128.0.0/9" }  # from /etc/opendkim.conf:7\n',
                 'subdomains = yes  # from /etc/opendkim.conf:3\n',
                 'file = "keys/shop.example.s1.pem"  # from /etc/opendkim.conf:5\n'):
        tap.ok(want in text, "the file has: " + want.strip(), text)
    copy = os.path.join(host.out, "keys", "shop.example.s1.pem")
    with open(copy, "rb") as f:
        tap.equal(f.read(), host.key.pem, "the key is copied as it is")
    tap.equal(stat.S_IMODE(os.stat(copy).st_mode), 0o640, "the copy has mode 0640")
    tap.equal(sorted(os.listdir(os.path.dirname(host.policy))), ["50-imported-opendkim.conf"],
              "nothing is left beside the file")
    tap.equal(host.state(), before, "no file of the source has changed")
    check = subprocess.run(
        [os.path.join(lab_base.BUILD, BUILD, "bin", "gatepost-dkim"), "--check", "--config",
         lab.write(os.path.join(host.out, "gatepost.conf"), "")],
        capture_output=True, text=True, timeout=60)
    tap.equal((check.returncode, check.stderr), (0, ""), "gatepost-dkim takes the policy and the key")


def again(lab):
    """The second import."""
    host = Host(lab, "again")
    host.findings()
    before = host.text()
    code, out, err = host.run()
    tap.ok(code == CANTCREAT and not out and "--force" in err and host.policy in err,
           "a file that is there: exit 73", "%r %r %r" % (code, out, err))
    tap.equal(host.text(), before, "a file that is there: not touched")
    host.write("etc/opendkim.conf", CONF.replace("mx.lab", "mx2.lab"))
    code, _, err = host.run("--force")
    tap.ok(code == 0 and "mx2.lab.example" in host.text(), "--force: replaced", err)
    host.write("etc/dkimkeys/s1.pem", lab_dkim.Key().pem.decode(), 0o600)
    os.unlink(host.policy)
    code, _, err = host.run()
    tap.ok(code == CANTCREAT and "another key" in err and not os.path.exists(host.policy),
           "another key of that name: exit 73, nothing written", err)
    code, _, err = host.run("-o", host.path("other"))
    tap.ok(code == CANTCREAT, "--output goes before -o", err)


def beside(lab):
    """A policy is there."""
    host = Host(lab, "beside")
    host.write("gatepost/gatepost.conf",
               'authserv-id = "mx.example"\ntrust { }\ndomain "shop.example" { }\n')
    findings = host.findings()
    for subject, words, remedy in (
            ("AuthservID", "gatepost.conf:1", 'authserv-id = "mx.lab.example"'),
            ("InternalHosts", "gatepost.conf:2", 'clients = { "127.0.0.1", "10.128.0.0/9" }')):
        found = of(findings, "decision", subject)
        tap.ok(len(found) == 1 and words in found[0]["what"] and remedy in found[0]["remedy"],
               "what is there already: %s is for the operator" % subject, findings)
    found = [f for f in of(findings, "decision") if "gatepost.conf:3" in f["what"]]
    tap.ok(len(found) == 1 and "shop.example" in found[0]["what"], "a block that is there already", findings)
    tap.ok("shop.example" not in host.text() and not os.path.exists(os.path.join(host.out, "keys")),
           "neither the block nor its key is written", host.text())
    host = Host(lab, "broken")
    host.write("gatepost/gatepost.conf", "trust { clients = { nonsense } }\n")
    code, out, err = host.run()
    tap.ok(code == CONFIG and not out and host.out + "/gatepost.conf:1: " in err
           and os.listdir(host.out) == ["gatepost.conf"], "a policy that is broken: exit 78, nothing written",
           "%r %r %r" % (code, out, err))


# -- what is broken ------------------------------------------------------------------

def faults(lab):
    host = Host(lab, "faults")
    for what, conf, want, words in (
            ("no file", host.path("etc/none.conf"), NOINPUT, "there is no such file"),
            ("a folder", "/etc", DATA, "no regular file"),
            ("a binary file", "/etc/binary", DATA, "not a text"),
            ("an endless include", "/etc/loop", DATA, "included too deep")):
        with open(host.path("etc/binary"), "wb") as f:
            f.write(b"\x7fELF\0\1\2\n" * 100)
        host.write("etc/loop", "Include /etc/loop\n")
        code, out, err = host.run("--conf", conf)
        tap.ok(code == want and not out and words in err and len(err.splitlines()) == 1,
               "%s: exit %d and one line" % (what, want), "%r %r %r" % (code, out, err))
    tables = "KeyTable /etc/keys\nSigningTable refile:/etc/signing\n"
    host.write("etc/opendkim.conf", tables)
    host.write("etc/signing", "*@shop.example k1\n*@tx.example k2\n")
    host.write("etc/keys", "k1 shop.example:s1:/etc/dkimkeys/s1.pem\nk2 tx.example:s2:/etc/none.pem\n")
    findings = host.findings("--dry-run", want=NEGATIVE)
    red = [f for f in findings if f["light"] == "red"]
    tap.ok(len(red) == 1 and red[0]["subject"] == "s2._domainkey.tx.example"
           and "there is no such file" in red[0]["what"] and red[0]["remedy"],
           "a key that is not there: red, exit 1", red)
    tap.ok([f for f in findings if "shop.example.s1.pem" in f["what"]]
           and not [f for f in findings if "tx.example.s2.pem" in f["what"]],
           "a key that is not there: the others are mapped", findings)
    host.write("etc/none.pem", "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n"
                               "-----END ENCRYPTED PRIVATE KEY-----\n")
    red = [f for f in host.findings("--dry-run", want=NEGATIVE) if f["light"] == "red"]
    tap.ok(len(red) == 1 and "encrypted" in red[0]["what"], "a key that can not be used: red", red)
    host.write("etc/opendkim.conf", tables.replace("/etc/signing", "/etc/no-signing"))
    red = [f for f in host.findings("--dry-run", want=NEGATIVE) if f["light"] == "red"]
    tap.ok(len(red) == 1 and red[0]["subject"] == "SigningTable"
           and "there is no such file" in red[0]["what"], "no table: red, exit 1", red)
    host.write("etc/opendkim.conf", tables)
    host.write("etc/signing", "*@shop.example k1\n" * 600000)
    start = time.monotonic()
    red = [f for f in host.findings("--dry-run", want=NEGATIVE) if f["light"] == "red"]
    tap.ok(len(red) == 1 and "larger than 4194304 octets" in red[0]["what"]
           and time.monotonic() - start < 20, "a table of 10 MB: red, and soon", red)
    host.write("etc/signing", "*@shop.example k1\n" * 10001)
    red = [f for f in host.findings("--dry-run", want=NEGATIVE) if f["light"] == "red"]
    tap.ok(len(red) == 1 and "more than 10000 rows" in red[0]["what"], "too many rows: red", red)
    host.write("etc/signing", "".join("*@d%d.example k%d\n" % (i, i) for i in range(2000)))
    host.write("etc/keys", "".join("k%d d%d.example:s:/etc/dkimkeys/s1.pem\n" % (i, i) for i in range(2000)))
    start = time.monotonic()
    code, out, err = host.run("--dry-run")
    tap.ok(code == 0 and 'domain "d1999.example"' in out and time.monotonic() - start < 25,
           "2000 domains: in time", "%d %s %.1f" % (code, err, time.monotonic() - start))


def denied(lab):
    """A place that may not be written to, as somebody who is not root."""
    host = Host(lab, "denied")
    program = shutil.copy(os.path.join(lab_base.BUILD, BUILD, "bin", "gatepost"), host.path("tool"))
    os.chmod(host.path("etc/dkimkeys/s1.pem"), 0o644)
    os.chmod(host.out, 0o555)
    kw = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
    done = subprocess.run([program, *host.words()], capture_output=True, text=True, timeout=60, **kw)
    tap.ok(done.returncode == NOPERM and not done.stdout and host.out in done.stderr
           and "Permission denied" in done.stderr and not os.listdir(host.out),
           "a folder that may not be written to: exit 77, nothing written", "%r" % done)
    os.chmod(host.path("etc/dkimkeys/s1.pem"), 0o600)
    if kw:
        done = subprocess.run([program, *host.words("--json", "--dry-run")], capture_output=True, text=True,
                              timeout=60, **kw)
        red = [f for f in json.loads(done.stdout)["findings"] if f["light"] == "red"]
        tap.ok(done.returncode == NEGATIVE and len(red) == 1 and "Permission denied" in red[0]["what"],
               "a key that may not be read: red, exit 1", "%r" % done)
    else:
        tap.skip("a key that may not be read: red, exit 1", "needs root")


# -- what stands beside the file ----------------------------------------------------------

def services(lab):
    host = Host(lab, "services")
    host.write("etc/default/opendkim", 'RUNDIR=/run/opendkim\nDAEMON_OPTS="-d a.example"\n')
    host.write("etc/other.conf", CONF.replace("s1\n", "s9\n"))
    host.write("etc/systemd/system/opendkim.service.d/override.conf",
               "[Service]\nExecStart=\nExecStart=/usr/sbin/opendkim -x /etc/other.conf -d tx.example\n")
    findings = host.findings()
    tap.ok('domain "tx.example"' in host.text() and 'key "s9"' in host.text()
           and "shop.example" not in host.text(),
           "a drop-in: its file and its options hold", host.text())
    tap.ok("tx.example.s9.pem" in host.text() and "override.conf:3" in host.text(),
           "a drop-in: it is named", host.text())
    found = of(findings, "decision", "DAEMON_OPTS")
    tap.ok(len(found) == 1 and found[0]["line"] == 2, "/etc/default: its options are a decision", findings)
    code, _, err = host.run("--force", "--conf", "/etc/opendkim.conf")
    tap.ok(code == 0 and 'key "s1"' in host.text(), "--conf goes before a drop-in", err)


def published(lab):
    key = lab_dkim.Key()
    for name, record, light in (("dns-same", key.record, "green"), ("dns-none", None, "yellow"),
                                ("dns-other", lab_dkim.Key().record, "yellow")):
        host = Host(lab, name, key=key)
        zone = {lab_dkim.name("s1", "shop.example"): {"TXT": [record]}} if record else {}
        dns = lab.own(lab_dns.DnsServer(zone, ttl=0))
        host.write("gatepost/gatepost.conf", 'resolver { servers = { "%s" } timeout = 1s }\n' % dns.address)
        found = of(host.findings("--dns"), "dns")
        tap.ok(len(found) == 1 and found[0]["light"] == light
               and found[0]["subject"] == "s1._domainkey.shop.example",
               "--dns: %s: %s" % (name, light), found)


# -- the others -----------------------------------------------------------------------------

def opendmarc(lab):
    host = Host(lab, "dmarc")
    host.write("etc/opendmarc.conf", "RejectFailures true\nIgnoreMailFrom a.example\nSPFSelfValidate yes\n")
    findings = host.findings(program="opendmarc")
    with open(os.path.join(host.out, "policy.d", "50-imported-opendmarc.conf"), encoding="utf-8") as f:
        text = f.read()
    tap.ok("reject = always  # from /etc/opendmarc.conf:1" in text and "mode = enforce" in text,
           "opendmarc: what refuses goes on refusing", text)
    tap.ok(of(findings, "decision", "RejectFailures") and of(findings, "ignored", "SPFSelfValidate"),
           "opendmarc: and the report says what that means", findings)


def rates(lab):
    host = Host(lab, "rates")
    host.write("etc/policyd-rate-limit.yaml", RATES)
    code, out, err = host.run(program="policyd-rate-limit")
    with open(os.path.join(host.out, "policy.d", "50-imported-policyd-rate-limit.conf"),
              encoding="utf-8") as f:
        text = f.read()
    tap.ok(code == 0 and not err and 'rate = { "10/1m" }  # from /etc/policyd-rate-limit.yaml:2' in text,
           "policyd-rate-limit: limits of logins", text + err)
    tap.ok("foo has no limit" in out and "check_policy_service" in out,
           "policyd-rate-limit: the report and the order", out)
    for what, yaml, where in (("no YAML", "limits: [1\nb: 2\n", ":2: "), ("a list", "- 1\n", "NAME: VALUE"),
                              ("empty", "", "empty"), ("an alias", "a: *x\n", ":1: ")):
        host.write("etc/policyd-rate-limit.yaml", yaml)
        code, out, err = host.run("--force", program="policyd-rate-limit")
        tap.ok(code == DATA and not out and where in err and len(err.splitlines()) == 1,
               "policyd-rate-limit: %s: exit 65 and one line" % what, "%r %r %r" % (code, out, err))


def main():
    if lab_dkim.why_not():
        lab_tap.skip_all("gatepost import", lab_dkim.why_not())
    tap.run("usage", usage)
    with lab_base.Lab("import") as lab:
        for test in (good, again, beside, faults, denied, services, published, opendmarc, rates):
            tap.run(test.__name__, test, lab)
    tap.done()


main()
