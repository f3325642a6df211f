#!/usr/bin/python3
"""gatepost key: keys made, published, checked, activated, retired, with real
name servers, the real signer, and other people's readers of the records."""
import base64
import datetime
import json
import os
import re
import shutil
import socket
import stat
import struct
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, "..", "support"))
import lab_base
import lab_dkim
import lab_gatepost
import lab_nsd
import lab_tap

if lab_dkim.why_not():
    lab_tap.skip_all("gatepost key", lab_dkim.why_not())
import dkim
import dkim_fixture
import miltermta

NONE, USAGE, DATA, TEMPFAIL, NOPERM, CONFIG = 1, 64, 65, 75, 77, 78
TOOL = os.path.join(lab_base.BUILD, "asan", "bin", "gatepost")
NOBODY = 65534
DOMAIN = "shop.example"
tap = lab_tap.Tap()

POLICY = """\
# the shop
authserv-id = "mx.lab.example"
trust { clients = { "198.51.100.0/24" } }
resolver { servers = { "%s" } timeout = 1s tries = 1 }
"""
BLOCK = """\
# ours
domain "shop.example" {\t# it sells
\tkey "old" { file = "keys/old.pem" } # until spring
\tsenders { auth = { "app" } else = unsigned }
}
"""
SOA = """\
$TTL 1
%s. IN SOA ns1.%s. hostmaster.%s. %%d 3600 600 86400 1
""" % ((DOMAIN,) * 3)


class Site:
    """A folder with a policy, and the tool that works on it."""

    def __init__(self, lab, label, dns="127.0.0.1:9", policy=POLICY, blocks=None):
        self.etc = os.path.join(lab.path(label), "etc")
        os.makedirs(self.etc)
        self.conf = os.path.join(self.etc, "gatepost.conf")
        self.write("gatepost.conf", policy % dns if "%s" in policy else policy)
        for name, text in (blocks or {}).items():
            self.write("policy.d/" + name, text)

    def path(self, name):
        return os.path.join(self.etc, name)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w" if isinstance(text, str) else "wb") as f:
            f.write(text)

    def read(self, name):
        with open(self.path(name), encoding="utf-8", newline="") as f:
            return f.read()

    def add_key(self, name, key):
        os.makedirs(self.path("keys"), exist_ok=True)
        self.write("keys/" + name, key.pem)
        os.chmod(self.path("keys/" + name), 0o600)

    def everything(self):
        """{path: (mode, owner, group, what is in it)} of the folder."""
        out = {}
        for folder, _, files in os.walk(self.etc):
            for path in [folder, *(os.path.join(folder, f) for f in files)]:
                st = os.lstat(path)
                text = b""
                if stat.S_ISREG(st.st_mode):
                    with open(path, "rb") as f:
                        text = f.read()
                out[path] = (st.st_mode, st.st_uid, st.st_gid, text)
        return out

    def start(self, *words, **kw):
        return subprocess.Popen([kw.pop("tool", TOOL), "--config", self.conf, "key", *words],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                stdin=subprocess.DEVNULL, text=True, **kw)

    def run(self, *words, **kw):
        with self.start(*words, **kw) as p:
            out, err = p.communicate(timeout=120)
        return p.returncode, out, err

    def good(self, *words):
        code, out, err = self.run(*words)
        if code != 0 or err:
            raise lab_base.LabError("gatepost key %s: %d %s %s" % (" ".join(words), code, out, err))
        return out

    def json(self, *words):
        out = json.loads(self.good(*words, "--json"))
        if out["schema"] != 1:
            raise lab_base.LabError("schema %r" % out["schema"])
        return out

    def fails(self, what, want, words, *args, **kw):
        """Exits so, with one line on standard error that has these words, and
        changes nothing."""
        before = self.everything()
        code, out, err = self.run(*args, **kw)
        lines = err.splitlines()
        tap.ok(code == want and len(lines) == 1 and lines[0].startswith("gatepost: ")
               and all(w in lines[0] for w in words),
               "%s: exit %d and one line that says why" % (what, want), "%r %r %r" % (code, out, err))
        tap.ok(self.everything() == before, what + ": nothing is changed")
        return out


def zone_of(site, serial=1, more=""):
    """A zone file with the records just as the tool writes them."""
    return SOA % serial + more + site.good("dns", DOMAIN, "--ttl", "1")


def ask_txt(host, port, name):
    """The TXT records of the name, each its strings, read without our code."""
    ask = struct.pack("!6H", 4711, 0, 1, 0, 0, 0)
    ask += b"".join(bytes([len(p)]) + p.encode() for p in name.split(".")) + b"\0" + struct.pack("!HH", 16, 1)
    with socket.create_connection((host, port), timeout=5) as s:
        s.sendall(struct.pack("!H", len(ask)) + ask)
        f = s.makefile("rb")
        reply = f.read(struct.unpack("!H", f.read(2))[0])
    count, at, out = struct.unpack("!H", reply[6:8])[0], len(ask), []
    for _ in range(count):
        at += 2  # each owner is a pointer to the question
        n = struct.unpack("!H", reply[at + 8:at + 10])[0]
        data, strings = reply[at + 10:at + 10 + n], []
        while data:
            strings.append(data[1:1 + data[0]])
            data = data[1 + data[0]:]
        out.append(strings)
        at += 10 + n
    return out


def today():
    return datetime.datetime.now(datetime.timezone.utc).date()


# -- wrong usage ------------------------------------------------------------

def usage(lab):
    site = Site(lab, "usage", blocks={"shop.conf": BLOCK})
    site.add_key("old.pem", lab_dkim.Key())
    for what, words, args in (
            ("new without a domain", ["key new: expected DOMAIN"], ("new",)),
            ("new with two", ["one argument too many"], ("new", "a.example", "b.example")),
            ("new for no domain", ["a..b"], ("new", "a..b")),
            ("no such algorithm", ["--algorithm: rsa1024", "rsa2048"], ("new", DOMAIN, "--algorithm", "rsa1024")),
            ("a selector that is none", ["--selector: a b"], ("new", DOMAIN, "--selector", "a b")),
            ("no such group", ["--group: no-such-group"], ("new", DOMAIN, "--group", "no-such-group")),
            ("an unknown option", ["--bits"], ("new", DOMAIN, "--bits", "2048")),
            ("no such form", ["--format: bind", "zone, string or nsupdate"], ("dns", DOMAIN, "--format", "bind")),
            ("a TTL that is none", ["--ttl: 1h"], ("dns", DOMAIN, "--ttl", "1h")),
            ("a server that is none", ["--server: ns1; rm"], ("dns", DOMAIN, "--server", "ns1; rm")),
            ("--timeout without --wait", ["--timeout: expected --wait"], ("check", DOMAIN, "--timeout", "5s")),
            ("a timeout that is none", ["--timeout: 5"], ("check", DOMAIN, "--wait", "--timeout", "5")),
            ("a list of servers that is none", ["--servers: ns1"], ("check", DOMAIN, "--servers", "ns1")),
            ("retire without a selector", ["expected DOMAIN SELECTOR"], ("retire", DOMAIN))):
        site.fails("usage: " + what, USAGE, ["see gatepost --help", *words], *args)
    for what, words, args in (
            ("dns of a domain without a block", ["a.example: the policy has no block"], ("dns", "a.example")),
            ("check of one", ["a.example: the policy has no block"], ("check", "a.example")),
            ("list of one", ["a.example: the policy has no block"], ("list", "a.example")),
            ("a key that is not there", ["shop.conf:2", 'no key "new"'], ("dns", DOMAIN, "new")),
            ("activate of one", ["shop.conf:2", 'no key "new"'], ("activate", DOMAIN, "new")),
            ("retire of one", ["shop.conf:2", 'no key "new"'], ("retire", DOMAIN, "new"))):
        site.fails(what, NONE, words, *args)
    site.write("policy.d/shop.conf", BLOCK + "stor = lmdb\n")
    for args in (("new", DOMAIN), ("list",), ("check", DOMAIN), ("retire", DOMAIN, "old")):
        site.fails("%s with a broken policy" % args[0], CONFIG, ["shop.conf:6: stor", '"store"'], *args)


# -- new --------------------------------------------------------------------

def openssl_of(path):
    return lab_dkim.openssl("pkey", "-in", path, "-noout", "-text").decode().split("\n")[0]


def public_of(path):
    """p= as openssl makes it of the private key."""
    der = lab_dkim.openssl("pkey", "-in", path, "-pubout", "-outform", "DER")
    return base64.b64encode(der[-32:] if b"+ep" in der[:16] else der).decode()


def check_record(site, key):
    """The record is the public half of the file, by openssl and by dkimpy."""
    raw = key["record"].encode()
    tap.ok(key["record"].endswith("; p=" + public_of(key["file"])),
           "new: %s: p= is the public half, says openssl" % key["selector"], key["record"])
    pk, size, kind, _ = dkim.load_pk_from_dns(key["name"].encode(), lambda n, timeout=5: raw)
    want = (b"rsa", key["bits"]) if key["algorithm"] == "RSA" else (b"ed25519", 256)
    tap.ok(pk and (kind, size) == want, "new: %s: dkimpy reads the record" % key["selector"], (kind, size))


def new_first(lab):
    site = Site(lab, "first")
    os.umask(0)  # modes do not come from it
    out = site.json("new", "Shop.Example.")
    os.umask(0o022)
    day = today().strftime("%Y%m%d")
    selectors = [k["selector"] for k in out["keys"]]
    tap.equal(selectors, ["gp%sr" % day, "gp%se" % day], "new: selectors of the day, RSA and Ed25519")
    tap.equal([(k["algorithm"], k["bits"]) for k in out["keys"]], [("RSA", 2048), ("Ed25519", 256)], "new: of which kind they are")
    for k, want in zip(out["keys"], ("Private-Key: (2048 bit, 2 primes)", "ED25519 Private-Key:")):
        tap.equal(stat.S_IMODE(os.stat(k["file"]).st_mode), 0o600, "new: %s is for its owner alone" % k["selector"])
        tap.equal(k["file"], site.path("keys/shop.example.%s.pem" % k["selector"]), "new: its name")
        tap.equal(openssl_of(k["file"]), want, "new: openssl reads it")
        check_record(site, k)
    tap.equal(stat.S_IMODE(os.stat(site.path("keys")).st_mode), 0o750, "new: the folder of keys is made, 0750")
    tap.equal(stat.S_IMODE(os.stat(site.path("policy.d/shop.example.conf")).st_mode), 0o644, "new: the policy file is made, 0644")
    rows = site.json("list")["keys"]
    tap.equal([(r["domain"], r["selector"], r["state"], r["problem"]) for r in rows],
              [(DOMAIN, s, "staged", None) for s in selectors], "new: list has both, staged")
    tap.equal([r["line"] for r in rows], [4, 5], "new: and their lines")
    tap.ok(all(re.fullmatch("[0-9a-f]{16}", r["fingerprint"]) for r in rows), "new: and fingerprints")
    tap.equal([f for f in os.listdir(site.path("policy.d")) + os.listdir(site.path("keys")) if f.startswith(".")], [],
              "new: no temporary file is left")
    before = site.everything()
    dry = site.good("new", DOMAIN, "--dry-run")
    tap.ok(site.everything() == before, "new: --dry-run changes nothing")
    tap.ok("would be made: " + site.path("keys/shop.example.gp%sr2.pem" % day) in dry and "p=" not in dry,
           "new: --dry-run says what would be done, and no record of a key that is not there", dry)
    again = site.json("new", DOMAIN, "--hold", "--algorithm", "ed25519")
    tap.equal([k["selector"] for k in again["keys"]], ["gp%se2" % day], "new: a second key of the day has another name")
    states = {r["selector"]: r["note"] for r in site.json("list")["keys"]}
    tap.equal(states["gp%se2" % day], "waits for `gatepost key activate`", "new: --hold waits")
    tap.match("^signs from %s on, once DNS has it$" % today(), states[selectors[0]], "new: without it DNS decides")


def new_in_block(lab):
    site = Site(lab, "block", blocks={"shop.conf": BLOCK})
    site.add_key("old.pem", lab_dkim.Key())
    old = site.read("policy.d/shop.conf")
    os.chmod(site.path("policy.d/shop.conf"), 0o640)
    out = site.json("new", DOMAIN, "--selector", "Spring", "--algorithm", "rsa3072")
    tap.equal([(k["selector"], k["bits"]) for k in out["keys"]], [("spring", 3072)], "new: --selector and --algorithm")
    now = site.read("policy.d/shop.conf")
    line = '\tkey "spring" { file = "keys/shop.example.spring.pem" state = staged activate-after = "%s" }\n' % today()
    where = old.index("\tsenders")
    tap.equal(now, old[:where] + line + old[where:], "new: a line behind the last key, all else stays")
    tap.equal(site.read("policy.d/shop.conf~"), old, "new: the old text is kept")
    tap.equal(stat.S_IMODE(os.stat(site.path("policy.d/shop.conf")).st_mode), 0o640, "new: the file keeps its mode")
    both = site.json("new", DOMAIN, "--selector", "May")
    tap.equal([k["selector"] for k in both["keys"]], ["mayr", "maye"], "new: of two each has its letter")
    site.fails("new with a selector that was used", NONE, ["shop.conf:3", 'a key "old" already'],
               "new", DOMAIN, "--selector", "OLD", "--algorithm", "ed25519")
    site.write("keys/shop.example.june.pem", "here\n")
    site.fails("new where the file is", NONE, ["june.pem: exists already"],
               "new", DOMAIN, "--selector", "june", "--algorithm", "ed25519")
    os.symlink("/nowhere/at/all", site.path("keys/shop.example.july.pem"))
    site.fails("new where a link leads nowhere", NONE, ["july.pem: exists already"],
               "new", DOMAIN, "--selector", "july", "--algorithm", "ed25519")
    site.write("policy.d/club.conf", 'domain "club.example" { subdomains = yes key "old" { file = "keys/old.pem" } }\n')
    site.fails("new below a block that holds for it", NONE, ["club.conf:1", "holds for a.club.example, too"],
               "new", "a.club.example")
    os.chmod(site.path("keys"), 0o777)
    site.fails("new in a folder for everybody", NOPERM, ["keys: mode 0777", "chmod o-w"], "new", DOMAIN)
    os.chmod(site.path("keys"), 0o750)
    code, out, _ = site.run("list", DOMAIN)
    tap.equal([re.split("  +", line)[:4] for line in out.splitlines()][:3],
              [["DOMAIN", "SELECTOR", "TYPE", "STATE"], [DOMAIN, "old", "rsa2048", "active"],
               [DOMAIN, "spring", "rsa3072", "staged"]], "list: as a table")
    os.chmod(site.path("keys/old.pem"), 0o644)
    code, out, err = site.run("list", DOMAIN)
    tap.ok(code == NONE and "shop.conf:3: key \"old\"" in err and "chmod 0640" in err,
           "list: a key that everybody may read is said", err)


def new_group(lab):
    if os.geteuid() != 0:
        raise lab_tap.Skip("needs root")
    site = Site(lab, "group")
    key, = site.json("new", DOMAIN, "--algorithm", "ed25519", "--group", "nogroup")["keys"]
    st = os.stat(key["file"])
    tap.equal((stat.S_IMODE(st.st_mode), st.st_uid, st.st_gid), (0o640, 0, NOBODY), "new: --group may read it, 0640")
    tap.equal(os.stat(site.path("keys")).st_gid, NOBODY, "new: and enter the folder")


# -- dns --------------------------------------------------------------------

def forms(lab):
    site = Site(lab, "forms")
    site.good("new", DOMAIN, "--selector", "s")
    values = {r["name"]: r["value"] for r in site.json("dns", DOMAIN)["records"]}
    tap.equal(list(values), ["sr._domainkey." + DOMAIN, "se._domainkey." + DOMAIN], "dns: the records of both")
    string = site.good("dns", DOMAIN, "--format", "string")
    tap.equal(re.findall("^(?:name:  |value: )(.*)$", string, re.M), [x for pair in values.items() for x in pair],
              "dns: as one string")
    script = site.good("dns", DOMAIN, "sr", "--format", "nsupdate", "--server", "[::1]:5353", "--ttl", "60").splitlines()
    tap.equal(script[0], "server ::1 5353", "dns: nsupdate has its server")
    tap.equal(script[1], "update delete sr._domainkey.shop.example. TXT", "dns: nsupdate takes the old record away")
    added = re.fullmatch(r'update add (\S+) 60 TXT ((?:"[^"]{1,255}" ?)+)', script[2])
    tap.ok(added and "".join(re.findall('"([^"]*)"', added[2])) == values["sr._domainkey." + DOMAIN],
           "dns: nsupdate adds the new one", script[2])
    tap.equal(script[3:], ["send"], "dns: nsupdate sends it")
    tap.equal(site.good("dns", DOMAIN, "se", "--format", "nsupdate").count("server"), 0, "dns: no server line unless asked for")
    if not lab_nsd.NSD:
        raise lab_tap.Skip("nsd is not installed")
    text = zone_of(site, more="%s. IN NS ns1.%s.\n" % (DOMAIN, DOMAIN))
    done = subprocess.run([shutil.which("nsd-checkzone", path="/usr/sbin:/usr/bin"), DOMAIN, lab.write("forms.zone", text)],
                          capture_output=True, text=True, timeout=20)
    tap.ok(done.returncode == 0, "dns: nsd-checkzone takes the lines as they are", done.stdout + done.stderr)
    server = lab_nsd.Nsd(lab, None, zones={DOMAIN: text}, label="nsd-forms")
    for name, value in values.items():
        strings = ask_txt("127.0.0.1", server.port, name)
        tap.ok(len(strings) == 1 and b"".join(strings[0]).decode() == value and max(map(len, strings[0])) <= 255,
               "dns: nsd serves %s as it was made" % name, strings)
    server.stop()


# -- check ------------------------------------------------------------------

def servers(lab):
    if not lab_nsd.NSD:
        raise lab_tap.Skip("nsd is not installed")
    site = Site(lab, "servers")
    site.good("new", DOMAIN, "--selector", "s")
    ns = "%s. IN NS ns1.%s.\n" % (DOMAIN, DOMAIN)
    one = lab_nsd.Nsd(lab, None, zones={DOMAIN: zone_of(site, 1, ns)}, label="nsd-one")
    two = lab_nsd.Nsd(lab, None, zones={DOMAIN: SOA % 1 + ns}, label="nsd-two")
    both = ("--servers", one.address + "," + two.address)
    tap.ok(site.run("check", DOMAIN, "--servers", one.address)[0] == 0, "check: the server has both")
    code, out, err = site.run("check", DOMAIN, *both)
    rows = [re.split("  +", line) for line in out.splitlines()]
    tap.equal((code, err), (NONE, ""), "check: one server lags behind: exit 1")
    tap.equal([(r[0], r[1], r[2].strip()) for r in rows],
              [(light, s, a) for s in ("sr", "se") for light, a in (("ok", one.address), ("FAIL", two.address))],
              "check: a line for each answer")
    tap.match("the name does not exist", rows[1][3], "check: says that it is missing there")
    site.fails("activate while one server lags behind", NONE, ['"sr" is not published everywhere', "--wait"],
               "activate", DOMAIN, *both)
    code, _, err = site.run("check", DOMAIN, *both, "--wait", "--timeout", "1s")
    tap.equal((code, err), (TEMPFAIL, ""), "check: --wait ends when time is over: exit 75")
    with site.start("check", DOMAIN, *both, "--wait", "--timeout", "60s", "--json") as waiting:
        two.set_zone(DOMAIN, zone_of(site, 2, ns))
        out, err = waiting.communicate(timeout=90)
    tap.equal((waiting.returncode, err), (0, ""), "check: --wait ends when the server has caught up: exit 0")
    tap.equal([(k["selector"], k["published"], [s["published"] for s in k["servers"]]) for k in json.loads(out)["keys"]],
              [("sr", True, ["same", "same"]), ("se", True, ["same", "same"])], "check: and says so")
    two.stop()
    code, out, _ = site.run("check", DOMAIN, *both)
    tap.ok(code == TEMPFAIL and out.count("DNS did not tell") == 2, "check: a server that is dead: exit 75", out)
    one.stop()


def verdicts(lab):
    site = Site(lab, "verdicts")
    site.good("new", DOMAIN, "--selector", "s", "--algorithm", "ed25519")
    record, = site.json("dns", DOMAIN)["records"]
    value, other = record["value"], lab_dkim.Key("ed25519").record
    for word, texts, want in (
            ("same", [value], 0), ("same", [value, "v=spf1 -all"], 0), ("testing", [value.replace("k=", "t=y; k=", 1)], 0),
            ("other", [other], NONE), ("several", [value, other], NONE), ("revoked", ["v=DKIM1; p="], NONE),
            ("truncated", [value[:-9]], NONE), ("quoted", ['"%s"' % value], NONE),
            ("type", [value.replace("k=ed25519; ", "")], NONE), ("hash", [value.replace("k=", "h=sha1; k=", 1)], NONE),
            ("service", [value.replace("k=", "s=other; k=", 1)], NONE), ("broken", [value + "; p=x"], NONE),
            ("missing", [], NONE), ("missing", ["hello"], NONE), ("unknown", None, TEMPFAIL)):
        lines = ["%s TXT %s" % (record["name"], lab_nsd.quoted(t)) for t in texts or []]
        zone = lab.write("verdict.zone", "\n".join(lines) + "\n" if texts is not None
                         else record["name"] + " TXT !SERVFAIL\n")
        code, out, err = site.run("check", DOMAIN, "--zone", zone, "--json")
        got = json.loads(out)["keys"][0]["servers"][0]["published"] if out else err
        tap.equal((got, code), (word, want), "check: %s: exit %d" % (word, want))
        row, = site.json("list", "--zone", zone)["keys"]
        tap.equal(row["published"], word, "list: %s" % word)
    site.fails("check with a zone text that is none", DATA, ["verdict.zone"], "check", DOMAIN, "--zone",
               lab.write("verdict.zone", "a.example NOTYPE x\n"))
    alias = lab.write("alias.zone", "%s CNAME k.provider.example\nk.provider.example TXT %s\n" % (
        record["name"], lab_nsd.quoted(value)))
    tap.equal(site.run("check", DOMAIN, "--zone", alias)[0], 0, "check: behind an alias")


def may_bind(host):
    try:
        with socket.socket(type=socket.SOCK_DGRAM) as s, socket.socket() as t:
            s.bind((host, 53))
            t.bind((host, 53))
        return True
    except OSError:
        return False


def found_by_ns(lab):
    """The zone's own servers, on port 53 as the world has it."""
    hosts = ["127.0.0.112", "127.0.0.113"]
    if not lab_nsd.NSD or not all(map(may_bind, hosts)):
        raise lab_tap.Skip("needs nsd, and port 53 of " + hosts[0])
    site = Site(lab, "ns")
    site.good("new", DOMAIN, "--selector", "s")
    ns = "".join("{d}. IN NS ns{n}.{d}.\nns{n}.{d}. IN A {h}\n".format(d=DOMAIN, n=n + 1, h=h) for n, h in enumerate(hosts))
    ns += "ns1.%s. IN AAAA 100::1\n" % DOMAIN  # an address that leads nowhere (RFC 6666)
    alias = "moved._domainkey.%s. IN CNAME sr._domainkey.%s.\n" % (DOMAIN, DOMAIN)
    text = zone_of(site, 1, ns + alias)
    ours = [lab_nsd.Nsd(lab, None, zones={DOMAIN: text}, label="nsd-%d" % n, host=h, port=53) for n, h in enumerate(hosts)]
    out = site.json("check", DOMAIN, "--resolver", hosts[0])
    seen = [(s["name"], s["address"], s["published"], s["counts"]) for s in out["keys"][0]["servers"]]
    tap.equal(sorted(seen), [("ns1." + DOMAIN, hosts[0] + ":53", "same", True), ("ns1." + DOMAIN, "[100::1]:53", "unknown", False),
                             ("ns2." + DOMAIN, hosts[1] + ":53", "same", True)],
              "check: every server of the zone, found by its NS records; an address out of reach does not count")
    ours[1].set_zone(DOMAIN, SOA % 2 + ns)
    lab_base.wait_until(lambda: not ask_txt(hosts[1], 53, "sr._domainkey." + DOMAIN), 10, "the second one has forgotten")
    tap.equal(site.run("check", DOMAIN, "--resolver", hosts[0])[0], NONE, "check: one of them does not have it")
    testkey = shutil.which("opendkim-testkey", path="/usr/sbin:/usr/bin")
    if not testkey:
        tap.skip("opendkim-testkey accepts key and record", "opendkim-tools is not installed")
    else:
        conf = lab.write("testkey.conf", "Nameservers %s\n" % hosts[0])
        for what, key, want in (("accepts key and record", site.path("keys/shop.example.sr.pem"), 0),
                                ("refuses another key", lab.write("other.pem", lab_dkim.Key().pem.decode(), 0o600), 1)):
            done = subprocess.run([testkey, "-x", conf, "-d", DOMAIN, "-s", "sr", "-k", key, "-vv"],
                                  capture_output=True, text=True, timeout=30)
            tap.ok(min(done.returncode, 1) == want, "opendkim-testkey " + what, done.stderr)
    for server in ours:
        server.stop()


# -- activate, retire, and the signer ---------------------------------------

def state_of(site, selector):
    return next(r["state"] for r in site.json("list", DOMAIN)["keys"] if r["selector"] == selector)


def turns(lab):
    site = Site(lab, "turns", blocks={"shop.conf": BLOCK})
    site.add_key("old.pem", lab_dkim.Key())
    site.good("new", DOMAIN, "--selector", "s")
    zone = lab.write("turns.zone", "".join("%s TXT %s\n" % (r["name"], lab_nsd.quoted(r["value"]))
                                           for r in site.json("dns", DOMAIN)["records"]))
    before = site.read("policy.d/shop.conf")
    site.fails("activate what is not published", NONE, ['"sr" is not published everywhere'], "activate", DOMAIN, "sr",
               "--zone", lab.write("none.zone", ""))
    site.fails("activate while DNS is silent", TEMPFAIL, ['"sr" is not published everywhere'], "activate", DOMAIN, "sr",
               "--zone", lab.write("dead.zone", "sr._domainkey.shop.example TXT !SERVFAIL\n"))
    dry = site.everything()
    site.good("activate", DOMAIN, "--zone", zone, "--dry-run")
    tap.ok(site.everything() == dry, "activate: --dry-run changes nothing")
    site.good("activate", DOMAIN, "--zone", zone)
    tap.equal(site.read("policy.d/shop.conf"),
              re.sub(' state = staged activate-after = "[0-9-]*" }', " state = active }", before),
              "activate: state changes, activate-after goes, all else stays")
    tap.equal(site.read("policy.d/shop.conf~"), before, "activate: the old text is kept")
    again = site.everything()
    tap.match("nothing to do", site.good("activate", DOMAIN, "--zone", zone), "activate: twice is once")
    tap.ok(site.everything() == again, "activate: the second time writes nothing")
    before = site.read("policy.d/shop.conf")
    site.write("policy.d/shop.conf", before.replace("senders", "algorithms = rsa-sha256 senders"))
    notes = {r["selector"]: r["note"] for r in site.json("list")["keys"]}
    tap.equal((notes["sr"], notes["se"]), ("signs", "does not sign, `algorithms` leaves it out"),
              "list: what signs, and what does not")
    site.write("policy.d/shop.conf", before)
    out = site.good("retire", DOMAIN, "sr")
    until = today() + datetime.timedelta(days=12)  # the rest of the day, expire = 10d, and the drift of clocks
    tap.match("keep the record until %s" % until, out, "retire: says how long the record must stay")
    tap.equal(site.read("policy.d/shop.conf"), before.replace(
        'sr.pem" state = active }', 'sr.pem" state = retired retired-on = "%s" }' % today()), "retire: the day is written")
    tap.match("nothing to do", site.good("retire", DOMAIN, "sr"), "retire: twice is once")
    code, out, _ = site.run("check", DOMAIN, "sr", "--zone", zone)
    tap.ok(code == 0 and 'key "sr" is retired: keep the record until %s' % until in out,
           "check: of a retired key until when its record must stay", out)
    site.fails("activate a retired key", NONE, ['"sr" is retired', "--force"], "activate", DOMAIN, "sr", "--zone", zone)
    site.fails("retire the last key that everybody checks", NONE, ["shop.conf:3", '"old" is the last active one'],
               "retire", DOMAIN, "old")
    site.good("retire", DOMAIN, "se")
    site.fails("retire the last key", NONE, ['"old" is the last active one', "--force"], "retire", DOMAIN, "old")
    site.good("retire", DOMAIN, "old", "--force")
    site.good("activate", DOMAIN, "old", "--force")
    tap.equal(site.read("policy.d/shop.conf").splitlines()[2],
              '\tkey "old" { file = "keys/old.pem" state = active } # until spring', "activate: --force makes a retired one sign again")
    text = site.read("policy.d/shop.conf").replace('retired-on = "%s"' % today(), 'retired-on = "2026-01-01"')
    site.write("policy.d/shop.conf", text)
    notes = {r["selector"]: r["note"] for r in site.json("list")["keys"]}
    tap.equal(notes["sr"], "record may be deleted since 2026-01-13", "list: when the time is over")
    site.write("policy.d/shop.conf", text.replace("senders", "expire = 0 senders"))
    notes = {r["selector"]: r["note"] for r in site.json("list")["keys"]}
    tap.equal(notes["sr"], "record may be deleted since 2026-01-14", "list: without x=, queues and a week")


def signer(lab):
    """Made by the tool, signed with by the daemon, verified by dkimpy."""
    if not lab_nsd.NSD:
        raise lab_tap.Skip("nsd is not installed")
    dns = lab_nsd.Nsd(lab, None, zones={DOMAIN: SOA % 1 + "%s. IN NS ns1.%s.\n" % (DOMAIN, DOMAIN)}, label="nsd-signer")
    daemon = lab_gatepost.Daemon(lab, POLICY % dns.address, lab_gatepost.binary("dkim", "asan"), name="dkim", label="signer")
    site = Site.__new__(Site)
    site.etc, site.conf = daemon.etc, daemon.conf
    zone = {}

    def signed():
        with miltermta.Session(daemon.socket) as s:
            return lab_dkim.shown(dkim_fixture.send(s, dkim_fixture.LETTER, login="app").raw, zone)

    site.good("new", DOMAIN, "--selector", "s")
    for r in site.json("dns", DOMAIN)["records"]:
        zone[r["name"]] = {"TXT": [r["value"]]}
    tap.equal(daemon.reload()[0], "ok", "signer: takes the new keys")
    tap.equal(signed(), set(), "signer: does not sign with what DNS does not have")
    dns.set_zone(DOMAIN, zone_of(site, 2, "%s. IN NS ns1.%s.\n" % (DOMAIN, DOMAIN)))
    code, _, err = site.run("check", DOMAIN, "--servers", dns.address, "--wait", "--timeout", "60s")
    tap.equal((code, err), (0, ""), "signer: the name server has the records")
    code, out, err = site.run("activate", DOMAIN, "--servers", dns.address, "--reload", "--control", daemon.control)
    tap.equal((code, err), (0, ""), "signer: activate --reload")
    tap.equal(signed(), {(DOMAIN, "sr"), (DOMAIN, "se")}, "signer: signs with both, dkimpy verifies")
    site.good("retire", DOMAIN, "se", "--reload", "--control", daemon.control)
    tap.equal(signed(), {(DOMAIN, "sr")}, "signer: not with the retired one")
    site.good("new", DOMAIN, "--selector", "t", "--algorithm", "rsa2048")
    dns.set_zone(DOMAIN, zone_of(site, 3, "%s. IN NS ns1.%s.\n" % (DOMAIN, DOMAIN)))
    for r in site.json("dns", DOMAIN, "t")["records"]:
        zone[r["name"]] = {"TXT": [r["value"]]}
    site.run("check", DOMAIN, "t", "--servers", dns.address, "--wait", "--timeout", "60s")
    tap.equal(daemon.reload()[0], "ok", "signer: reads the next key")
    tap.equal(signed(), {(DOMAIN, "sr"), (DOMAIN, "t")}, "signer: signs with a staged key by itself once DNS has it")
    out = site.json("activate", DOMAIN, "t", "--servers", dns.address, "--reload", "--control", daemon.control)
    tap.equal(out["selectors"], ["t"], "activate: --json --reload is one object")
    site.good("new", DOMAIN, "--selector", "u", "--algorithm", "rsa2048")
    daemon.stop()
    code, _, err = site.run("activate", DOMAIN, "u", "--force", "--reload", "--control", daemon.control)
    tap.ok(code == TEMPFAIL and state_of(site, "u") == "active", "activate: --reload without a daemon: exit 75, the policy has it", err)
    dns.stop()


# -- faults -----------------------------------------------------------------

def read_only(lab):
    site = Site(lab, "readonly", blocks={"shop.conf": BLOCK})
    site.add_key("old.pem", lab_dkim.Key())
    site.good("new", DOMAIN, "--selector", "s")
    kw = {}
    if os.geteuid() == 0:
        # the tree may lie in a folder that only root can enter
        kw = {"user": NOBODY, "group": NOBODY, "extra_groups": [], "tool": shutil.copy(TOOL, lab.path("tool"))}
        for path in site.everything():
            os.chown(path, NOBODY, NOBODY)
        for path in (os.path.dirname(site.etc), os.path.dirname(os.path.dirname(site.etc))):
            os.chmod(path, 0o755)
    os.chmod(site.path("policy.d"), 0o555)
    site.fails("activate in a folder that is read-only", NOPERM, ["policy.d", "Permission denied"],
               "activate", DOMAIN, "--force", **kw)
    site.fails("new there", NOPERM, ["policy.d", "Permission denied"], "new", DOMAIN, "--selector", "t", **kw)
    os.chmod(site.path("policy.d"), 0o755)
    os.chmod(site.path("keys"), 0o550)
    site.fails("new where keys is read-only", NOPERM, ["keys", "Permission denied"], "new", DOMAIN, "--selector", "t", **kw)
    os.chmod(site.path("keys"), 0o750)
    if kw:
        os.chown(site.path("keys/old.pem"), 0, 0)
        for args in (("dns", DOMAIN, "old"), ("check", DOMAIN, "old", "--zone", os.devnull), ("activate", DOMAIN, "old", "--force")):
            if args[0] == "activate":
                site.write("policy.d/shop.conf", site.read("policy.d/shop.conf").replace(
                    'old.pem"', 'old.pem" state = staged'))
            site.fails(args[0] + " with a key of somebody else", NOPERM, ['key "old"', "run it as root"], *args, **kw)
        os.chown(site.path("keys/old.pem"), NOBODY, NOBODY)
        os.chown(site.path("policy.d/shop.conf"), 0, 0)
        os.chmod(site.path("policy.d/shop.conf"), 0o644)
        site.fails("activate in a file of somebody else", NOPERM, ["shop.conf", "owner"], "activate", DOMAIN, "--force", **kw)
        os.chmod(site.path("policy.d/shop.conf"), 0o600)
        site.fails("activate in a file that is not readable", CONFIG, ["shop.conf"], "activate", DOMAIN, "--force", **kw)


def full_disk(lab):
    folder = lab.path("small")
    os.makedirs(folder, exist_ok=True)
    if os.geteuid() != 0 or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "none", folder],
                                           capture_output=True, timeout=10).returncode != 0:
        raise lab_tap.Skip("needs to mount a tmpfs")
    try:
        site = Site(lab, "small", blocks={"shop.conf": BLOCK})
        site.add_key("old.pem", lab_dkim.Key())
        site.good("new", DOMAIN, "--selector", "s")
        with open(site.path("fill"), "wb", buffering=0) as f:
            try:
                while f.write(b"x" * 4096):
                    pass
            except OSError:
                pass
        site.fails("new on a full disk", TEMPFAIL, ["No space left on device"], "new", DOMAIN, "--algorithm", "ed25519")
        site.fails("activate on a full disk", TEMPFAIL, ["No space left on device"], "activate", DOMAIN, "--force")
        site.fails("retire on a full disk", TEMPFAIL, ["No space left on device"], "retire", DOMAIN, "old", "--force")
    finally:
        subprocess.run(["umount", folder], check=True, timeout=10)


def linked(lab):
    site = Site(lab, "linked")
    site.add_key("old.pem", lab_dkim.Key())
    site.write("shared/shop.txt", BLOCK)
    os.makedirs(site.path("policy.d"))
    os.symlink("../shared/shop.txt", site.path("policy.d/shop.conf"))
    site.good("new", DOMAIN, "--selector", "s")
    tap.equal(os.readlink(site.path("policy.d/shop.conf")), "../shared/shop.txt", "a link to a policy file stays")
    tap.ok('key "sr"' in site.read("shared/shop.txt"), "the file behind it is changed")
    tap.equal(os.listdir(site.path("policy.d")), ["shop.conf"], "nothing else beside the link")
    site.write("policy.d/a.example.conf", "# mine\n")
    site.fails("new where the policy file has the name", NONE, ["a.example.conf: exists already"], "new", "a.example")


with lab_base.Lab("ctl-key") as the_lab:
    for test in (usage, new_first, new_in_block, new_group, forms, servers, verdicts, found_by_ns, turns, signer,
                 read_only, full_disk, linked):
        tap.run(test.__name__, test, the_lab)
tap.done()
