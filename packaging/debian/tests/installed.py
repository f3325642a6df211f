"""installed - what the tests of the packages share: the installed daemons as
services, a name server, a world that mail comes from and goes to.

The current folder is the source package's, as DEP-8 has it.  Its tests/support
and tests/protocol drive; what they drive are the installed packages.
"""
import glob
import os
import pwd
import re
import socket
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path[1:1] = [os.path.join(os.getcwd(), "tests", part) for part in ("support", "protocol")]
import lab_base
import lab_dkim
import lab_nsd
import lab_smtp
import lab_unit

DAEMONS = ("spf", "dkim", "dmarc", "rate")
BOOTED = os.path.isdir("/run/systemd/system")
DOMAIN = "shop.example"
CHROOT = "/var/spool/postfix"
MOUNT = "var-spool-postfix-run-gatepost.mount"
# a bank that signs, its host, and somebody who is neither; Debian's Sendmail
# refuses the addresses of 192.0.2.0/24
BANK, BANK_HOST, STRANGER = "bank.example", "203.0.113.7", "203.0.113.66"

ZONE = """\
$TTL 60
shop.example. IN SOA ns.shop.example. hostmaster.shop.example. 1 3600 600 86400 60
shop.example. IN NS ns.shop.example.
ns.shop.example. IN A 127.0.0.1
shop.example. IN A 127.0.0.1
shop.example. IN MX 10 shop.example.
shop.example. IN TXT "v=spf1 a -all"
_dmarc.shop.example. IN TXT "v=DMARC1; p=reject"
"""


def run(*words, **kw):
    kw.setdefault("timeout", 120)
    if "input" not in kw:
        kw.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run(words, capture_output=True, text=True, check=False, **kw)


def must(*words, **kw):
    r = run(*words, **kw)
    if r.returncode != 0:
        raise lab_base.LabError("%s: %d %s%s" % (" ".join(words), r.returncode, r.stdout, r.stderr))
    return r.stdout


def works(tap, *words, **kw):
    """A command that is to end with 0; what it printed."""
    r = run(*words, **kw)
    tap.ok(r.returncode == 0, " ".join(words), "exit %d: %s%s" % (r.returncode, r.stdout, r.stderr))
    return r.stdout


def read(path):
    with open(path, "rb") as f:
        return f.read()


# -- services ----------------------------------------------------------------

def unit_file(name):
    """Where the installed package has its unit."""
    found = [p for root in ("/usr/lib", "/lib") for p in glob.glob("%s/systemd/system/%s" % (root, name))]
    return found[0] if found else None


class Service(lab_unit.Service):
    """gatepost-NAME: by systemd, or else as its unit says."""

    def __init__(self, name):
        self.file = "gatepost-%s.service" % name
        self.socket = "/run/gatepost/%s/milter.sock" % name
        super().__init__(name, unit_file(self.file))

    def start(self):
        if BOOTED:
            must("systemctl", "start", self.file)
        else:
            super().start()

    def stop(self):
        if BOOTED:
            must("systemctl", "stop", self.file)
        else:
            super().stop()

    def restart(self):
        self.stop()
        self.start()

    def pid(self):
        with open("/run/gatepost/%s/pid" % self.name, encoding="ascii") as f:
            return int(f.read())

    def user(self):
        """Who runs it in fact."""
        return pwd.getpwuid(os.stat("/proc/%d" % self.pid()).st_uid).pw_name


def debian_service(action, name):
    """A service of another package."""
    return must("service", name, action)


# -- the world ---------------------------------------------------------------

class From(lab_smtp.Client):
    """The host of that address as a client of ours."""

    def __init__(self, address, port=25):
        self.sock = socket.create_connection(("127.0.0.1", port), 60, (address, 0))
        self.file = self.sock.makefile("rb")
        self.banner = self.reply()


def qualify():
    """A host name with a dot, which Sendmail waits a minute for."""
    if "." not in socket.getfqdn():
        with open("/etc/hosts", "r+", encoding="utf-8") as f:
            rest = f.read()
            f.seek(0)
            f.write("127.0.1.1 mx.gatepost.example %s\n%s" % (socket.gethostname(), rest))


class World:
    """DNS of all, on port 53 of this host; addresses of others; a sink."""

    def __init__(self, lab):
        self.published = ZONE
        self.key = lab_dkim.Key("ed25519")
        self.zone = {
            BANK: {"A": [BANK_HOST], "TXT": ["v=spf1 ip4:%s -all" % BANK_HOST]},
            "_dmarc." + BANK: {"TXT": ["v=DMARC1; p=reject"]},
            lab_dkim.name("b2026", BANK): {"TXT": [self.key.record]},
            "mail." + BANK: {"A": [BANK_HOST]},
            "7.113.0.203.in-addr.arpa": {"PTR": ["mail." + BANK]}}
        qualify()
        run("service", "nsd", "stop")
        lab_base.wait_until(lambda: not lab_nsd.answers(53), 20, "Debian's nsd has ended")
        self.nsd = lab_nsd.Nsd(lab, self.zone, port=53, zones={DOMAIN: ZONE})
        with open("/etc/resolv.conf", "w", encoding="ascii") as f:
            f.write("nameserver 127.0.0.1\n")
        for address in (BANK_HOST, STRANGER):
            must("ip", "address", "replace", address + "/32", "dev", "lo")
        self.sink = lab.own(lab_smtp.Sink())

    def publish(self, records):
        """Records as `gatepost key new` prints them."""
        self.published += records
        self.nsd.set_zone(DOMAIN, self.published)
        for name, data in re.findall(r"(?m)^(\S+)\.\s.*?\bTXT\s*\(([^)]*)\)", records):
            self.zone[name] = {"TXT": ["".join(re.findall(r'"([^"]*)"', data))]}

    def sent(self, tap, ident):
        """It has arrived, with two signatures that dkimpy lets pass."""
        mail = self.sink.wait(ident, 30)
        if not tap.ok(mail, ident + ": sent", run("mailq").stdout):
            return
        got = lab_dkim.signatures(mail.raw, self.zone)
        tap.equal([(s.domain, s.algorithm, s.good) for s in sorted(got, key=lambda s: s.algorithm)],
                  [(DOMAIN, a + "-sha256", True) for a in ("ed25519", "rsa")], ident + ": two signatures, and dkimpy verifies them")

    def send(self, tap, ident):
        """By sendmail(1), as cron and scripts do."""
        must("sendmail", "-f", "a@" + DOMAIN, "b@far.example", input=local(ident))
        self.sent(tap, ident)

    def receive(self, tap, ident, client, text, wanted):
        """Mail for us, by that client; its one Authentication-Results has these."""
        with From(client) as c:
            c.command("EHLO mail." + BANK)
            answer = c.message("<a@%s>" % BANK, ["user@" + DOMAIN], text)
        if not tap.ok(answer[2] and answer[2].good, ident + ": taken", repr(answer)):
            return
        mail = self.sink.wait(ident, 30)
        fields = mail.all("Authentication-Results") if mail else []
        tap.ok(len(fields) == 1 and all(w in fields[0] for w in wanted), "%s: %s" % (ident, " ".join(wanted)), fields)

    def judge(self, tap):
        """What comes in, good and forged; in monitor mode all of it is taken."""
        self.receive(tap, "good", BANK_HOST, self.signed("good"),
                     ("spf=pass smtp.mailfrom=" + BANK, "dkim=pass header.d=" + BANK, "dmarc=pass header.from=" + BANK))
        forged = message("forged", "a@" + BANK, "Authentication-Results: %s; dmarc=pass header.from=%s" % (socket.getfqdn(), BANK))
        self.receive(tap, "forged", STRANGER, forged, ("spf=fail", "dkim=none", "dmarc=fail", "header.from=" + BANK))

    def signed(self, ident):
        return lab_dkim.sign(message(ident, "a@" + BANK), BANK, "b2026", self.key)


def message(ident, sender, *more):
    lines = ["From: <%s>" % sender, "To: <b@far.example>", "Subject: " + ident, "Date: Sun, 22 Nov 2026 12:00:00 +0000",
             "Message-ID: <%s@%s>" % (ident, sender.split("@")[1]), "X-Lab-Id: " + ident, *more, "", "Hello.", ""]
    return "\r\n".join(lines)


def local(ident):
    """Mail of ours for sendmail(1)."""
    return message(ident, "a@" + DOMAIN).replace("\r\n", "\n")


def make_keys(tap, world):
    """The README's way from no key to one that signs."""
    world.publish("".join(re.findall(r"^\S+\._domainkey\.[^)]*\)\n", works(tap, "gatepost", "key", "new", DOMAIN), re.M)))
    works(tap, "gatepost", "key", "check", DOMAIN, "--wait")
    works(tap, "gatepost", "check")
    works(tap, "gatepost", "reload")
