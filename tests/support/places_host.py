"""places_host - a host with Debian's Postfix in its chroot and gatepost as its
packages install it, for the places that gatepost-postfix(7) tells of.

It lives in a host of its own (lab_host), so that what the page says is typed
as it stands there.  The packages are stood in for by `make install` and what
their maintainer scripts and units do.
"""
import os
import re
import shutil
import ssl
import subprocess

import lab_base
import lab_dkim
import lab_dns
import lab_sasl
import lab_smtp
import lab_unit

DAEMONS = ("spf", "dkim", "dmarc", "rate")
PACKAGING = os.path.join(lab_base.ROOT, "packaging")
OURS, BANK, BANK_CLIENT = "shop.example", "bank.example", "192.0.2.7"
LOGIN, PASSWORD = "app@shop.example", "secret"
LOG = "/var/log/mail.log"
SYSTEMCTL = """\
#!/bin/sh
# what systemd does with a mount unit
set -eu
[ "$1" != daemon-reload ] || exit 0
unit=/etc/systemd/system/$3
[ -f "$unit" ] || unit=/lib/systemd/system/$3
where=$(sed -n 's/^Where=//p' "$unit")
case $1 in
enable) mount -B --mkdir "$(sed -n 's/^What=//p' "$unit")" "$where" ;;
disable) umount "$where" ;;
esac
"""
SECOND = """\
queue_directory = /var/spool/postfix-in
data_directory = /var/lib/postfix-in
multi_instance_name = postfix-in
multi_instance_enable = yes
authorized_submit_users =
"""
UNIT = "/lib/systemd/system/var-spool-postfix-run-gatepost.mount"
MOUNT_POINT = "/var/spool/postfix/run/gatepost"

MAIN = """\
# of the host's own
compatibility_level = 3.6
myhostname = mx.shop.example
myorigin = shop.example
mydestination = localhost
mynetworks = 127.0.0.0/8
relay_domains = shop.example
relayhost = [127.0.0.1]:{sink}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
alias_maps =
alias_database =
biff = no
smtp_host_lookup = native
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_client_connection_count_limit = 0
smtpd_tls_security_level = may
smtpd_tls_chain_files = /etc/postfix/tls.pem
smtpd_sasl_type = dovecot
smtpd_sasl_path = private/auth
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
maillog_file = {log}
    # folded, and a comment
maillog_file_prefixes =
    /var
"""


def run(*words, **kw):
    kw.setdefault("timeout", 60)
    return subprocess.run(words, capture_output=True, text=True, check=False, **kw)


def must(*words, **kw):
    r = run(*words, **kw)
    if r.returncode != 0:
        raise lab_base.LabError("%s: %d %s%s" % (" ".join(words), r.returncode, r.stdout, r.stderr))
    return r.stdout


def old_processes(words):
    """Those of the instances that this command reloads."""
    second, both = any("postfix-in" in w for w in words), any("--all" in w for w in words)
    masters = set()
    for folder in (["postfix-in"] if second or both else []) + (["postfix"] if both or not second else []):
        try:
            masters.add(int(read("/var/spool/%s/pid/master.pid" % folder)))
        except OSError:
            pass  # it has not run yet
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            name, _, rest = read("/proc/%s/stat" % pid).partition("(")[2].rpartition(") ")
        except OSError:
            continue  # gone meanwhile
        if name in ("smtpd", "cleanup", "pickup") and int(rest.split()[1]) in masters:
            found[pid] = rest.split()[19]  # since when it runs
    return found


def changes(*words):
    """As run, of a command that reloads Postfix: a process with the old settings
    would take the next session."""
    before = old_processes(words)
    r = run(*words)
    if r.returncode == 0:
        lab_base.wait_until(lambda: not before.items() & old_processes(words).items(), 20, "the reload")
    return r


def must_change(*words):
    r = changes(*words)
    if r.returncode != 0:
        raise lab_base.LabError("%s: %d %s%s" % (" ".join(words), r.returncode, r.stdout, r.stderr))


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def write(path, text, mode=0o644):
    """As a whole: a process of Postfix that reads half of it dies."""
    with open(path + ".new", "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path + ".new", mode)
    os.rename(path + ".new", path)


class Page:
    """The fenced blocks of gatepost-postfix(7), as its test applies them.  A
    block that begins with the name of a file behind "# " is (a part of) that
    file, any other one is what root types, a "# " before each command."""

    FILE = re.compile(r"# (/\S+)$")

    def __init__(self):
        self.text = text = read(os.path.join(PACKAGING, "man", "gatepost-postfix.7.scd"))
        self.sections = {title: re.findall(r"^```\n(.*?)^```$", body, re.M | re.S)
                         for title, body in re.findall(r"^# (.+)\n((?:.*\n)*?)(?=# |\Z)", _fences_marked(text), re.M)}
        self.sections = {t: [b.replace("\0", "#") for b in bs] for t, bs in self.sections.items()}
        self.used = set()

    def block(self, section, number=0):
        """(file or None, text without the file's name)"""
        self.used.add((section, number))
        first, _, rest = self.sections[section][number].partition("\n")
        found = self.FILE.match(first)
        return (found.group(1), rest) if found else (None, first + "\n" + rest)

    def commands(self, section, number=0):
        file, text = self.block(section, number)
        if file:
            raise lab_base.LabError("%s: block %d is a file" % (section, number))
        return [c for c in re.split(r"(?m)^# ", text.strip()) if c]

    def unused(self):
        return [(s, n) for s, blocks in self.sections.items() for n in range(len(blocks)) if (s, n) not in self.used]


def _fences_marked(text):
    """"#" in a fence begins no section."""
    return re.sub(r"^```\n(.*?)^```$", lambda m: m.group(0).replace("#", "\0"), text, flags=re.M | re.S)


def settings(text):
    """main.cf's lines as [(name, value on one line)]."""
    joined = re.sub(r"\n[ \t]+", " ", text)
    pairs = [line.split("=", 1) for line in joined.splitlines() if line.strip() and not line.startswith("#")]
    return [(name.strip(), re.sub(r"\s+", " ", value).strip()) for name, value in pairs]


def services(text):
    """master.cf's lines as [("submission/inet", line without -o, [(name, value)])]."""
    found = []
    for line in re.sub(r"\n[ \t]+", " ", text).splitlines():
        head, *options = line.split(" -o ")
        words = head.split()
        found.append(("/".join(words[:2]), " ".join(words), [tuple(o.strip().split("=", 1)) for o in options]))
    return found


class Submitter(lab_smtp.Client):
    """A program on another host, which submits by TLS.  On port 465 that comes
    before the first word.  `last` is the reply that it came to."""

    def __init__(self, port, address):
        self.wrapped = port == 465
        super().__init__(port)
        self.last = self.command("EHLO client.example")
        if self.last.good and not self.wrapped:
            self.last = self.command("STARTTLS")
            if self.last.good:
                self._tls()
        for step in (lambda: self.command("EHLO client.example"), lambda: self.xclient(address),
                     lambda: self.command("EHLO client.example")):
            self.last = step() if self.last.good else self.last

    def reply(self):
        if self.wrapped and not isinstance(self.sock, ssl.SSLSocket):
            self._tls()
        return super().reply()

    def _tls(self):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self.sock = context.wrap_socket(self.sock)
        self.file = self.sock.makefile("rb")


class Host:
    def __init__(self, lab):
        self.lab, self.count, self.after = lab, 0, None
        self.sink = lab.own(lab_smtp.Sink())
        self.key, self.bank_key = lab_dkim.Key(), lab_dkim.Key()
        self.zone = {
            OURS: {"TXT": ["v=spf1 ip4:127.0.0.0/8 ip4:198.51.100.25 -all"]},
            "_dmarc." + OURS: {"TXT": ["v=DMARC1; p=reject"]},
            "s1._domainkey." + OURS: {"TXT": [self.key.record]},
            BANK: {"TXT": ["v=spf1 ip4:%s -all" % BANK_CLIENT]},
            "_dmarc." + BANK: {"TXT": ["v=DMARC1; p=reject"]},
            "b1._domainkey." + BANK: {"TXT": [self.bank_key.record]},
        }
        self.dns = lab.own(lab_dns.DnsServer(self.zone, ttl=0))
        self._gatepost()
        self._postfix()
        lab.own(self)

    # -- what is installed --

    def _gatepost(self):
        must("make", "-s", "-C", lab_base.ROOT, "install", "PREFIX=/usr", "DESTDIR=", timeout=300)
        debian = os.path.join(PACKAGING, "debian")
        must("systemd-sysusers", os.path.join(debian, "gatepost-common.sysusers"))
        must("systemd-tmpfiles", "--create", os.path.join(debian, "gatepost-common.tmpfiles"))
        write("/etc/gatepost/keys/s1.pem", self.key.pem.decode(), 0o640)
        shutil.chown("/etc/gatepost/keys/s1.pem", "root", "_gatepost-dkim")
        conf = read("/etc/gatepost/gatepost.conf")
        self.conf = conf.replace("#servers = { }", 'servers = { "127.0.0.1:%d" }' % self.dns.port)
        self.shop = 'domain "%s" {\n\tkey "s1" { file = "keys/s1.pem" }\n}\n' % OURS
        write("/etc/gatepost/gatepost.conf", self.conf)
        write("/etc/gatepost/policy.d/shop.conf", self.shop)
        self.services = {name: lab_unit.Service(name, os.path.join(PACKAGING, "systemd", "gatepost-%s.service" % name))
                         for name in DAEMONS}
        for service in self.services.values():
            service.start()
        shutil.copy(os.path.join(PACKAGING, "systemd", os.path.basename(UNIT)), UNIT)
        write("/usr/local/sbin/systemctl", SYSTEMCTL, 0o755)

    def _postfix(self):
        must("openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "30", "-subj",
             "/CN=mx.shop.example", "-keyout", "/etc/postfix/tls.key", "-out", "/etc/postfix/tls.crt")
        must("sh", "-c", "umask 077; cat /etc/postfix/tls.key /etc/postfix/tls.crt >/etc/postfix/tls.pem")
        master = read("/etc/postfix/master.cf.proto")
        for name in ("submission", "submissions"):
            master = re.sub(r"(?m)^#(%s +inet .*\n)((?:#.*\n)+?)(?=#(?! ))" % name, _uncommented, master, count=1)
        self.main, self.master = MAIN.format(sink=self.sink.port, log=LOG), master
        self._put_files(self.main, self.master)
        must("postfix", "start")
        lab_base.wait_until(lambda: lab_base.port_open(25), 20, "Postfix answers")
        self.passwords = lab_sasl.Passwords(self.lab, {LOGIN: PASSWORD, "mallory": PASSWORD},
                                            "/var/spool/postfix/private/auth")

    def _put_files(self, main, master):
        write("/etc/postfix/main.cf", main)
        write("/etc/postfix/master.cf", master)

    # -- what the page says --

    def apply(self, page, section, *numbers):
        """These blocks of the page, then Postfix and the daemons read it."""
        files = []
        for number in numbers or range(len(page.sections[section])):
            file, text = page.block(section, number)
            files.append(file)
            if file is None:
                for command in page.commands(section, number):
                    must("sh", "-c", command)
            else:
                self._apply_file(file, text)
        self.reload()
        if any(f and f.startswith("/etc/gatepost/") for f in files):
            must("gatepost", "reload")

    @staticmethod
    def _apply_file(file, text):
        folder, name = os.path.split(file)
        if name == "main.cf":
            must("postconf", "-c", folder, "-e", *("%s=%s" % pair for pair in settings(text)))
        elif name == "master.cf":
            for service, line, overrides in services(text):
                must("postconf", "-c", folder, "-M", "%s=%s" % (service, line))
                for pair in overrides:
                    must("postconf", "-c", folder, "-P", "%s/%s=%s" % (service, *pair))
        elif name == "gatepost.conf":
            word = re.escape(text.split()[0])
            write(file, re.sub(r"(?m)^(%s \{\n(?:.*\n)*?\}\n|#%s = .*\n)" % (word, word), lambda _: text, read(file), count=1))
        else:
            write(file, text)

    # -- between the tests --

    def fresh(self, main="", systemd=True):
        """Postfix as it was before gatepost, with these lines more; without
        systemd nobody but us mounts anything."""
        shutil.rmtree("/run/systemd", ignore_errors=True)
        if systemd:
            os.makedirs("/run/systemd/system")
        shutil.rmtree("/var/lib/gatepost/postfix", ignore_errors=True)
        run("gpasswd", "-d", "postfix", "_gatepost")
        run("umount", MOUNT_POINT)
        self._put_files(self.main + main, self.master)
        write("/etc/gatepost/gatepost.conf", self.conf)
        write("/etc/gatepost/policy.d/shop.conf", self.shop)
        for service in self.services.values():
            if not service.running:
                service.start()
        self.sink.messages.clear()
        self.reload()
        must("gatepost", "reload")

    def enabled(self):
        """As gatepost postfix enable leaves it; it is asked but once."""
        self.fresh()
        if self.after is None:
            must_change("gatepost", "postfix", "enable")
            self.after = read("/etc/postfix/main.cf"), read("/etc/postfix/master.cf")
        else:
            must("gpasswd", "-a", "postfix", "_gatepost")
            must("mount", "-B", "/run/gatepost", MOUNT_POINT)
            self._put_files(*self.after)
            self.reload()

    def set_policy(self, text):
        write("/etc/gatepost/policy.d/shop.conf", text)
        must("gatepost", "reload")

    def policy_text(self):
        return read("/etc/gatepost/policy.d/shop.conf")

    def set_conf(self, section, old, new):
        """Another value in a section of gatepost.conf."""
        text = read("/etc/gatepost/gatepost.conf")
        at = re.search(r"(?m)^%s \{" % section, text).start()
        write("/etc/gatepost/gatepost.conf", text[:at] + text[at:].replace(old, new, 1))
        must("gatepost", "reload")

    def reload(self):
        """Postfix's programs wait until a file is two seconds old."""
        for name in ("main.cf", "master.cf"):
            os.utime("/etc/postfix/" + name, (1, 1))
        must_change("postfix", "reload")

    def log_mark(self):
        return os.path.getsize(LOG)

    def log_since(self, mark):
        with open(LOG, encoding="utf-8", errors="replace") as f:
            f.seek(mark)
            return f.read()

    def logged(self, mark, pattern, seconds=10):
        """The first line since then that matches; None when it never came."""
        def look():
            return next((l for l in self.log_since(mark).splitlines() if re.search(pattern, l)), None)
        try:
            return lab_base.wait_until(look, seconds, pattern)
        except lab_base.LabError:
            return None

    def second_instance(self):
        """An MX on 127.0.0.2, chrooted in a queue folder of its own."""
        must("postmulti", "-e", "init")
        must("postmulti", "-I", "postfix-in", "-e", "create")
        write("/etc/postfix-in/main.cf", self.main.replace("myhostname = mx.", "myhostname = in.")
              .replace(LOG, LOG + "-in") + SECOND)
        write("/etc/postfix-in/master.cf", re.sub(r"(?m)^smtp +inet", "127.0.0.2:smtp inet", read("/etc/postfix/master.cf.proto")))
        must("postmulti", "-i", "postfix-in", "-p", "start")
        lab_base.wait_until(lambda: lab_base.port_open(25, "127.0.0.2"), 20, "the second instance answers")

    # -- mail --

    def ident(self):
        self.count += 1
        return "p%d" % self.count

    def message(self, domain, ident, more=""):
        return ("X-Lab-Id: %s\r\n%sFrom: A <a@%s>\r\nTo: u@there.example\r\nSubject: s %s\r\n"
                "Date: Sun, 22 Nov 2026 12:00:00 +0000\r\nMessage-ID: <%s@%s>\r\n\r\nhello\r\n"
                % (ident, more, domain, ident, ident, domain))

    def mail(self, client, sender, raw, ident, rcpt="u@shop.example", wait=True):
        mail, rcpts, done = client.message("<%s>" % sender, [rcpt], raw)
        reply = done or (rcpts[-1] if rcpts else mail)
        return reply, self.sink.wait(ident) if reply.good and wait else None

    def inbound(self, domain=BANK, address=BANK_CLIENT, more="", port=25, rcpt="u@shop.example", raw=None, host="127.0.0.1",
                wait=True):
        """From another host to us: (reply, what was delivered or None)."""
        ident = self.ident()
        text = raw.replace("@ID@", ident) if raw else self.message(domain, ident, more)
        if not raw and domain == BANK:
            text = lab_dkim.sign(text, BANK, "b1", self.bank_key)
        with lab_smtp.Client(port, host=host) as c:
            if address:
                c.xclient(addr=address, name="mail.%s" % domain, helo="mail.%s" % domain)
            c.command("EHLO mail.%s" % domain)
            return self.mail(c, "a@" + domain, text, ident, rcpt, wait)

    def submit(self, port=587, login=LOGIN, domain=OURS, more="", sender=None, rcpt="u@there.example", wait=True):
        ident = self.ident()
        with Submitter(port, "198.51.100.77") as c:
            reply = c.command(lab_sasl.plain(login, PASSWORD)) if c.last.good else c.last
            if not reply.good:
                return reply, None
            return self.mail(c, sender or "a@" + domain, self.message(domain, ident, more), ident, rcpt, wait)

    def local(self, domain=OURS, more="", sender=None, rcpts=("u@there.example",)):
        """By sendmail(1): its ident and the finished process."""
        ident = self.ident()
        r = run("sendmail", "-i", "-f", sender if sender is not None else "a@" + domain, *rcpts,
                input=self.message(domain, ident, more).replace("\r\n", "\n"))
        return ident, r

    def signatures(self, message):
        """{(d, s)} that dkimpy lets pass of what was delivered."""
        return lab_dkim.shown(message.raw, self.zone) if message else None

    def stop(self):
        run("postfix", "stop")  # of all instances
        for service in self.services.values():
            service.stop()


def _uncommented(match):
    options = re.findall(r"(?m)^#(  -o \S.*\n)", match.group(2))
    return match.group(1) + "".join(o for o in options if "$mua" not in o)
