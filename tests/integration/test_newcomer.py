#!/usr/bin/python3
"""What the README tells a newcomer to type, typed on a host of its own: from
no gatepost at all to signed mail that passes DMARC, and back again.

The packages are stood in for by `make install` and what their maintainer
scripts and units do; everything else is as it stands in the README, against
Debian's own Postfix set-up (in its chroot) and a real name server.
"""
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab_base
import lab_host
import lab_nsd
import lab_smtp
import lab_tap

PACKAGING = os.path.join(lab_base.ROOT, "packaging")
DAEMONS = ("spf", "dkim", "dmarc", "rate")
DOMAIN = "shop.example"
MAX_COMMANDS = 8

SHOP_ZONE = """\
$TTL 60
shop.example. IN SOA ns.shop.example. hostmaster.shop.example. 1 3600 600 86400 60
shop.example. IN NS ns.shop.example.
ns.shop.example. IN A 127.0.0.1
mail.shop.example. IN A 127.0.0.1
shop.example. IN MX 10 mail.shop.example.
"""
SPF = 'shop.example. IN TXT "v=spf1 a:mail.shop.example -all"\n'
DMARC = '_dmarc.shop.example. IN TXT "v=DMARC1; p=reject; rua=mailto:dmarc@shop.example"\n'

if os.geteuid() != 0 or not lab_nsd.NSD or not shutil.which("postfix", path="/usr/sbin"):
    lab_tap.skip_all("a newcomer's first hour", "needs root, nsd and postfix")
lab_host.enter("a newcomer's first hour")
tap = lab_tap.Tap()


def run(*words, **kw):
    kw.setdefault("timeout", 120)
    return subprocess.run(words, capture_output=True, text=True, check=False, **kw)


def must(*words, **kw):
    r = run(*words, **kw)
    if r.returncode != 0:
        raise lab_base.LabError("%s: %d %s%s" % (" ".join(words), r.returncode, r.stdout, r.stderr))
    return r.stdout


def readme_commands():
    """The indented lines of the section, without those that tell of more."""
    with open(os.path.join(lab_base.ROOT, "README.md"), encoding="utf-8") as f:
        section = f.read().split("\n## From nothing to signed mail\n")[1].split("\n## ")[0]
    block = re.search(r"(?:^    .*\n)+", section, re.M).group(0)
    return [line.split("#")[0].strip() for line in block.splitlines() if line.split("#")[0].strip()]


class Service:
    """A daemon as its unit starts it."""

    def __init__(self, name):
        unit = {}
        with open(os.path.join(PACKAGING, "systemd", "gatepost-%s.service" % name), encoding="utf-8") as f:
            for line in f:
                key, _, value = line.strip().partition("=")
                unit.setdefault(key, value)
        folder = "/run/" + unit["RuntimeDirectory"]
        os.makedirs(folder, mode=int(unit["RuntimeDirectoryMode"], 8), exist_ok=True)
        os.chmod(folder, int(unit["RuntimeDirectoryMode"], 8))
        shutil.chown(folder, unit["User"], unit["Group"])
        self.process = lab_base.Process(
            ["setpriv", "--reuid", unit["User"], "--regid", unit["Group"], "--init-groups", "sh", "-c",
             "umask %s; exec %s" % (unit["UMask"], unit["ExecStart"])])
        if not self.process.err.wait(lambda line: "gatepost-%s: ready" % name in line):
            raise lab_base.LabError("gatepost-%s: %s" % (name, self.process.err.all))

    def stop(self):
        self.process.stop()


class Host:
    """The newcomer's machine: Debian's Postfix, a name server, the world."""

    def __init__(self, lab):
        self.lab = lab
        self.services = []
        self.sink = lab.own(lab_smtp.Sink())
        self.published = SHOP_ZONE
        with open("/etc/resolv.conf", "w", encoding="ascii") as f:
            f.write("nameserver 127.0.0.1\n")
        world = {"1.0.0.127.in-addr.arpa": {"PTR": ["mail." + DOMAIN]}}
        self.nsd = lab_nsd.Nsd(lab, world, port=53, zones={DOMAIN: SHOP_ZONE})
        self._postfix()
        lab.own(self)

    def publish(self, records):
        """What the administrator types into his zone."""
        self.published += records
        self.nsd.set_zone(DOMAIN, self.published)

    def _postfix(self):
        """As the package's set-up for a site makes it: smtpd in the chroot."""
        shutil.copy("/etc/postfix/master.cf.proto", "/etc/postfix/master.cf")
        with open("/etc/postfix/main.cf", "w", encoding="ascii") as f:
            f.write("# of the newcomer's own\ncompatibility_level = 3.6\n")
        must("postconf", "-e", "myhostname=mail.shop.example", "myorigin=shop.example", "mydestination=localhost",
             "mynetworks=127.0.0.0/8", "relay_domains=shop.example", "inet_interfaces=127.0.0.1", "inet_protocols=ipv4", "alias_maps=",
             "relayhost=[127.0.0.1]:%d" % self.sink.port, "smtp_host_lookup=native",
             "maillog_file=/var/log/mail.log", "smtpd_authorized_xclient_hosts=127.0.0.0/8",
             "smtpd_tls_security_level=may", "smtpd_tls_chain_files=/etc/postfix/tls.pem", "biff=no")
        must("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "365", "-subj", "/CN=mail.shop.example",
             "-keyout", "/etc/postfix/tls.key", "-out", "/etc/postfix/tls.crt")
        must("sh", "-c", "umask 077; cat /etc/postfix/tls.key /etc/postfix/tls.crt >/etc/postfix/tls.pem")
        must("postconf", "-M", "submission/inet=submission inet n - y - - smtpd")
        must("postconf", "-P", "submission/inet/smtpd_relay_restrictions=permit_mynetworks,reject")
        must("postconf", "-M", "postlog/unix-dgram=postlog unix-dgram n - n - 1 postlogd")
        must("postfix", "start")
        lab_base.wait_until(lambda: lab_base.port_open(25), 20, "Postfix answers")

    def install(self):
        """apt install gatepost: files, users, folders, services."""
        must("make", "-s", "-C", lab_base.ROOT, "install", "PREFIX=/usr", "DESTDIR=")
        debian = os.path.join(PACKAGING, "debian")
        must("systemd-sysusers", os.path.join(debian, "gatepost-common.sysusers"))
        must("systemd-tmpfiles", "--create", os.path.join(debian, "gatepost-common.tmpfiles"))
        self.services = [Service(name) for name in DAEMONS]
        # what systemd does with the mount unit, which `postfix enable` starts
        must("mount", "-B", "--mkdir", "/run/gatepost", "/var/spool/postfix/run/gatepost")

    def stop(self):
        run("postfix", "stop")
        for service in self.services:
            service.stop()


def type_in(host, command):
    """One line of the README, as root."""
    if command.startswith("apt install"):
        host.install()
        return
    r = run("sh", "-c", command)
    tap.ok(r.returncode == 0, command, "exit %d: %s%s" % (r.returncode, r.stdout, r.stderr))
    if command.startswith("gatepost key new"):
        records = re.findall(r"^\S+\._domainkey\.[^)]*\)\n", r.stdout, re.M)
        tap.equal(len(records), 2, "key new prints the two records")
        host.publish("".join(records) + SPF + DMARC)


def signatures_verify(host, mail, what):
    """By dkimpy, with the keys that are in DNS now."""
    import dkim
    import dns.resolver
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]

    def txt(name, timeout=5):
        answer = resolver.resolve(name.decode().rstrip("."), "TXT", lifetime=timeout)
        return b"".join(answer[0].strings)

    n = len(mail.all("DKIM-Signature"))
    tap.equal(n, 2, "%s: an RSA and an Ed25519 signature" % what)
    for i in range(n):
        d = dkim.DKIM(mail.raw)
        tap.ok(d.verify(i, dnsfunc=txt) and d.domain == DOMAIN.encode(), "%s: signature %d verifies, d=%s" % (what, i, DOMAIN))


def message_of(mail_id):
    return "From: a@%s\r\nTo: b@far.example\r\nSubject: %s\r\nDate: Sun, 22 Nov 2026 12:00:00 +0000\r\n" \
           "Message-ID: <%s@%s>\r\nX-Lab-Id: %s\r\n\r\nhello\r\n" % (DOMAIN, mail_id, mail_id, DOMAIN, mail_id)


def mail_flows(host):
    """By sendmail(1) and by submission: signed; back from the world: pass."""
    must("sendmail", "-f", "a@" + DOMAIN, "b@far.example", input=message_of("local").replace("\r\n", "\n"))
    signatures_verify(host, host.sink.wait("local"), "sendmail(1)")
    with lab_smtp.Client(587) as c:
        c.command("EHLO mail.shop.example")
        answer = c.message("<a@%s>" % DOMAIN, ["b@far.example"], message_of("submitted"))
        tap.ok(answer[2] and answer[2].good, "submission takes it", answer)
    sent = host.sink.wait("submitted")
    signatures_verify(host, sent, "submission")
    with lab_smtp.Client(25) as c:
        c.xclient(addr="192.0.2.77", name="list.example", helo="list.example")
        back = sent.raw.decode().replace("X-Lab-Id: submitted", "X-Lab-Id: back")
        answer = c.message("<list@list.example>", ["a@" + DOMAIN], back)
        tap.ok(answer[2] and answer[2].good, "it comes back by another host", answer)
    results = host.sink.wait("back").first("Authentication-Results")
    tap.ok("dmarc=pass" in results and "header.from=" + DOMAIN in results, "and passes DMARC", results)


def main():
    commands = readme_commands()
    tap.ok(0 < len(commands) <= MAX_COMMANDS, "the README needs %d commands at most" % MAX_COMMANDS, commands)
    tap.equal(commands[-1], "gatepost tail", "the last one shows the mail")
    with lab_base.Lab("newcomer") as lab:
        host = Host(lab)
        with open("/etc/postfix/main.cf", "rb") as f:
            main_cf = f.read()
        for command in commands[:-1]:
            type_in(host, command)
        tail = lab_base.Process(["sh", "-c", "exec %s >&2" % commands[-1]])
        mail_flows(host)
        tap.ok(tail.err.wait(lambda line: "dmarc=pass" in line), "gatepost tail shows it", tail.err.all)
        tail.stop()
        r = run("gatepost", "postfix", "disable")
        tap.ok(r.returncode == 0, "gatepost postfix disable", r.stdout + r.stderr)
        with open("/etc/postfix/main.cf", "rb") as f:
            tap.equal(f.read(), main_cf, "main.cf is again what it was")


main()
tap.done()
