"""lab_debian - the operator's host, from within: Debian's Postfix as the package
sets it up for a site, a name server on port 53, the world behind a sink; and
what he does with apt, systemctl and gatepost."""
import glob
import hashlib
import os
import re
import subprocess

import lab_base
import lab_nsd
import lab_smtp
import lab_unit

ARCHIVE = "/srv/gatepost/archive"
UNITS = "/lib/systemd/system"
DAEMONS = ("spf", "dkim", "dmarc", "rate")
DOMAIN = "shop.example"
SINK_PORT = 2525
CHROOT = "/var/spool/postfix"
MOUNT = "var-spool-postfix-run-gatepost.mount"

ZONE = """\
$TTL 60
shop.example. IN SOA ns.shop.example. hostmaster.shop.example. 1 3600 600 86400 60
shop.example. IN NS ns.shop.example.
ns.shop.example. IN A 127.0.0.1
mail.shop.example. IN A 127.0.0.1
shop.example. IN MX 10 mail.shop.example.
"""
SPF = 'shop.example. IN TXT "v=spf1 a:mail.shop.example -all"\n'
DMARC = '_dmarc.shop.example. IN TXT "v=DMARC1; p=reject; rua=mailto:dmarc@shop.example"\n'
PUBLISHED = "/srv/zone"
# who answers for the world, and a bank that forgers like
WORLD = {"1.0.0.127.in-addr.arpa": {"PTR": ["mail." + DOMAIN]},
         "bank.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"], "MX": [(10, "mail.bank.example")]},
         "mail.bank.example": {"A": ["192.0.2.1"]},
         "_dmarc.bank.example": {"TXT": ["v=DMARC1; p=reject"]}}


def run(*words, **kw):
    kw.setdefault("timeout", 120)
    kw.setdefault("stdin", None if "input" in kw else subprocess.DEVNULL)
    if "input" in kw:
        del kw["stdin"]
    return subprocess.run(words, capture_output=True, text=True, check=False, **kw)


def must(*words, **kw):
    r = run(*words, **kw)
    if r.returncode != 0:
        raise lab_base.LabError("%s: %d %s%s" % (" ".join(words), r.returncode, r.stdout, r.stderr))
    return r.stdout


def read(path):
    with open(path, "rb") as f:
        return f.read()


def write(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


def postfix_files():
    return {p: hashlib.sha256(read(p)).hexdigest() for p in ("/etc/postfix/main.cf", "/etc/postfix/master.cf")}


def installed():
    """Our packages and their versions."""
    r = run("dpkg-query", "-W", "-f", "${db:Status-Abbrev}${Package} ${Version}\n", "gatepost*")
    return dict(line[3:].split() for line in r.stdout.splitlines() if line.startswith("ii "))


# -- services ----------------------------------------------------------------
def unit_settings(name):
    return lab_unit.settings("%s/gatepost-%s.service" % (UNITS, name))


class ByHand:
    """What systemd would do when packages come and go."""

    def __init__(self):
        self.services = {}

    def sync(self):
        for name in DAEMONS:
            there = os.path.exists("%s/gatepost-%s.service" % (UNITS, name))
            if there and name not in self.services:
                self.services[name] = lab_unit.Service(name, "%s/gatepost-%s.service" % (UNITS, name))
                self.services[name].start()
            elif not there and name in self.services:
                self.services.pop(name).stop()

    def restart(self, name):
        self.services[name].stop()
        self.services[name].start()

    def stop(self):
        for service in self.services.values():
            service.stop()


def show(unit, *names):
    """Properties that systemd knows of a unit."""
    text = must("systemctl", "show", unit, *("-p" + n for n in names))
    found = dict(line.split("=", 1) for line in text.splitlines())
    return found[names[0]] if len(names) == 1 else found


# -- the host ----------------------------------------------------------------
class Debian:
    def __init__(self, lab, machine):
        self.lab, self.machine, self.tap = lab, machine, machine.tap
        self.by_hand = None if machine.booted else lab.own(ByHand())
        self.sink = lab.own(lab_smtp.Sink(SINK_PORT))
        write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
        if machine.life == 1:
            write(PUBLISHED, ZONE)
            self.archive("built")
        self.nsd = lab_nsd.Nsd(lab, WORLD, port=53, zones={DOMAIN: read(PUBLISHED).decode()})
        if machine.life == 1:
            self._postfix()
        lab_base.wait_until(lambda: lab_base.port_open(25), 20, "Postfix answers")

    def _postfix(self):
        """main.cf and master.cf are Debian's, with what a site adds."""
        must("postconf", "-e", "myorigin=" + DOMAIN, "mydestination=localhost", "relay_domains=" + DOMAIN,
             "relayhost=[127.0.0.1]:%d" % SINK_PORT, "smtp_host_lookup=native", "smtpd_authorized_xclient_hosts=127.0.0.0/8")
        must("postconf", "-M", "submission/inet=submission inet n - y - - smtpd")
        must("postconf", "-P", "submission/inet/smtpd_relay_restrictions=permit_mynetworks,reject")
        if self.machine.booted:
            must("systemctl", "restart", "postfix.service")
        else:
            must("postfix", "start")
            self.lab.own(self)

    def stop(self):
        run("postfix", "stop")

    def publish(self, records):
        """What the administrator types into his zone."""
        text = read(PUBLISHED).decode() + records
        write(PUBLISHED, text)
        self.nsd.set_zone(DOMAIN, text)

    def skip(self, what):
        """What only systemd shows."""
        self.tap.skip(what, "without systemd: " + self.machine.why)

    # -- daemons -----------------------------------------------------------------
    def pids(self):
        """{name: its process, or 0}."""
        if self.by_hand:
            return {n: s.process.pid for n, s in self.by_hand.services.items()}
        return {n: int(show("gatepost-%s.service" % n, "MainPID")) for n in DAEMONS}

    def restart(self, *names):
        for name in names:
            if self.by_hand:
                self.by_hand.restart(name)
            else:
                must("systemctl", "restart", "gatepost-" + name)

    # -- apt ---------------------------------------------------------------------
    def archive(self, name):
        write("/etc/apt/sources.list", "deb [trusted=yes] file:%s/%s ./\n" % (ARCHIVE, name))
        must("apt-get", "-q", "update")

    def apt(self, command, code=0):
        """One line as an administrator types it, and his Yes; its output."""
        before = postfix_files()
        r = run("sh", "-c", command, input="y\n")
        if code is not None:
            self.tap.ok(r.returncode == code, command, "exit %d: %s%s" % (r.returncode, r.stdout, r.stderr))
        self.tap.equal(postfix_files(), before, "%s: main.cf and master.cf are as they were" % command)
        if self.by_hand:
            self.by_hand.sync()
        return r.returncode, r.stdout + r.stderr

    def with_key(self):
        """A key of the domain, published and in force."""
        text = must("gatepost", "key", "new", DOMAIN)
        self.publish("".join(re.findall(r"^\S+\._domainkey\.[^)]*\)\n", text, re.M)) + SPF + DMARC)
        must("gatepost", "key", "check", DOMAIN, "--wait")
        must("gatepost", "reload")

    def enable(self):
        if self.by_hand and not os.path.ismount(CHROOT + "/run/gatepost"):
            must("mount", "-B", "--mkdir", "/run/gatepost", CHROOT + "/run/gatepost")
        must("gatepost", "postfix", "enable")

    def disable(self):
        must("gatepost", "postfix", "disable")
        if self.by_hand:
            must("umount", CHROOT + "/run/gatepost")

    # -- mail --------------------------------------------------------------------
    def send_local(self, ident):
        """By sendmail(1); the delivered message, or None."""
        must("sendmail", "-f", "a@" + DOMAIN, "b@far.example", input=message_of(ident).replace("\r\n", "\n"))
        return self.sink.wait(ident)

    def submit(self, ident):
        with lab_smtp.Client(587) as c:
            c.command("EHLO mail.shop.example")
            answer = c.message("<a@%s>" % DOMAIN, ["b@far.example"], message_of(ident))
        self.tap.ok(answer[2] and answer[2].good, "submission takes %s" % ident, answer)
        return self.sink.wait(ident)

    def arrives(self, ident, message=None, sender="list@list.example", address="192.0.2.77"):
        """From the world; the delivered message."""
        with lab_smtp.Client(25) as c:
            c.xclient(addr=address, name="list.example", helo="list.example")
            answer = c.message("<%s>" % sender, ["a@" + DOMAIN], message or message_of(ident))
        self.tap.ok(answer[2] and answer[2].good, "port 25 takes %s" % ident, answer)
        return self.sink.wait(ident)

    def mail_flows(self, when, signed=None):
        """In and out; `signed` says whether what leaves must be, or must not."""
        tag = re.sub(r"\W+", "-", when)
        self.tap.ok(self.arrives("in-" + tag), when + ": mail comes in")
        for name, mail in (("submission", self.submit("sub-" + tag)), ("sendmail(1)", self.send_local("loc-" + tag))):
            n = len(mail.all("DKIM-Signature")) if mail else None
            self.tap.ok(mail and (signed is None or (n == 2) == signed),
                        "%s: %s leaves%s" % (when, name, {None: "", True: ", signed", False: ", not signed"}[signed]),
                        "signatures: %s" % n)


def message_of(ident, author="a@" + DOMAIN):
    return "From: %s\r\nTo: b@far.example\r\nSubject: %s\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n" \
           "Message-ID: <%s@%s>\r\nX-Lab-Id: %s\r\n\r\nhello\r\n" % (author, ident, ident, DOMAIN, ident)


def processes(name):
    """The processes of that program."""
    out = []
    for path in glob.glob("/proc/[0-9]*/comm"):
        try:
            if read(path).decode().strip() == name:
                out.append(int(path.split("/")[2]))
        except OSError:
            pass  # it has ended
    return out
