"""lab_sendmail - a private Sendmail, for a program that lab_host gave a host of
its own:

    import lab_host
    lab_host.enter("SPF with Sendmail")     # before anything else
    import lab_sendmail
    import suite_spf
    suite_spf.main(lab_sendmail.Sendmail)

Debian's sendmail-bin and sendmail-cf are unpacked by tests/setup.sh into the
build, as they cannot be installed beside Postfix; in here their files, the
host's name, /etc/hosts, /etc/mail and /etc/sasldb2 are in their real places.

What a suite should know of it:
  - every address is this host's, so client() is really connected from the
    address it was asked for, and there is no EHLO before the one of the client;
  - a login is SMTP AUTH PLAIN against sasldb2, with any login on any port;
    {auth_authen} is that login;
  - {daemon_name} is `host`, and SUBMISSION on `submit_port`, as of lab_postfix;
  - mail by sendmail(1) is handed to port 25 by SMTP from 127.0.0.1, of the same
    MTA and with the same filters as `port`, or with `login` of the relay of
    those who log in;
  - with `login` there are two MTAs: the relay, and the receiver's MX, to which
    the relay goes from ONWARD;
  - `mc` are lines more for sendmail.mc of every MTA, before the mailers, and
    `mx` for the MX alone; with None for `milter` they list the filters, too.
"""
import grp
import os
import re
import shutil
import signal
import socket
import subprocess
import threading

import lab_base
import lab_host
import lab_mta
import lab_sasl
import lab_smtp

UNPACKED = os.path.join(lab_base.BUILD, "sendmail")
SENDMAIL = "/usr/libexec/sendmail/sendmail"
# a Sendmail listens on no more than ten (MAXDAEMONS)
PORTS_EACH = 9

HEAD = """\
divert(-1)
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
divert(0)dnl
OSTYPE(`debian')dnl
DOMAIN(`debian-mta')dnl
define(`confDOMAIN_NAME', `{host}')dnl
define(`confPID_FILE', `{dir}/sendmail.pid')dnl
define(`confCONTROL_SOCKET_NAME', `')dnl
define(`confHOST_STATUS_DIRECTORY', `')dnl
define(`QUEUE_DIR', `{dir}/queue')dnl
define(`STATUS_FILE', `{dir}/statistics')dnl
define(`ALIAS_FILE', `')dnl
define(`confTO_IDENT', `0s')dnl
define(`confTO_QUEUERETURN', `5m')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confDELAY_LA', `1000')dnl
define(`confMIN_QUEUE_AGE', `0')dnl
define(`confSERVICE_SWITCH_FILE', `/etc/mail/service.switch')dnl
define(`confBIND_OPTS', `-DNSRCH -DEFNAMES')dnl
define(`confAUTH_MECHANISMS', `PLAIN')dnl
define(`confDOUBLE_BOUNCE_ADDRESS', `')dnl
define(`confLOG_LEVEL', `14')dnl
define(`confMILTER_LOG_LEVEL', `9')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`accept_unqualified_senders')dnl
FEATURE(`promiscuous_relay')dnl
define(`SMART_HOST', `relay:[127.0.0.1]')dnl
define(`MAIL_HUB', `relay:[127.0.0.1]')dnl
define(`RELAY_MAILER_ARGS', `TCP [127.0.0.1] {relay}')dnl
"""
TAIL = """\
MAILER(`local')dnl
MAILER(`smtp')dnl
"""
# a domain's own way to the sink
MAILER = """\
LOCAL_RULE_0
R$* < @ {domain} . > $*\t$#{name} $@ [127.0.0.1] $: $1 < @ {domain} . > $2
MAILER_DEFINITIONS
M{name}, P=[IPC], F=mDFMuXa8, S=EnvFromSMTP/HdrFromSMTP, R=MasqSMTP, E=\\r\\n, L=2040, T=DNS/RFC822/SMTP, A=TCP [127.0.0.1] {port}
"""
SUBMIT = """\
divert(-1)
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
divert(0)dnl
define(`_USE_ETC_MAIL_')dnl
OSTYPE(`debian')dnl
DOMAIN(`debian-msp')dnl
define(`confQUEUE_LA', `1000')dnl
define(`confREFUSE_LA', `1000')dnl
define(`confDELAY_LA', `1000')dnl
define(`confTO_IDENT', `0s')dnl
define(`confCONTROL_SOCKET_NAME', `')dnl
define(`STATUS_FILE', `/var/lib/sendmail/sm-client.st')dnl
define(`confSERVICE_SWITCH_FILE', `/etc/mail/service.switch')dnl
define(`confMIN_QUEUE_AGE', `0')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`msp', `[127.0.0.1]', `25')dnl
"""
SASL = "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nmech_list: PLAIN\n"

TROUBLE = re.compile(r"Milter \([^)]*\): (?!insert|add|change|delete).*(error|timeout|fail|unsafe)|"
                     r"Milter: initialization failed|milter_\w+\(")


def why_not():
    """Why there can be no private Sendmail here; None when there can."""
    if not os.environ.get(lab_host.INSIDE):
        return "a private Sendmail needs lab_host"
    if not os.path.exists(UNPACKED + SENDMAIL):
        return "Debian's sendmail is not unpacked; tests/setup.sh check tries to"
    for name in ("ip", "m4", "saslpasswd2"):
        if not shutil.which(name, path="/usr/sbin:/sbin:/usr/bin:/bin"):
            return name + " is not installed"
    return None


def run(*argv, **kw):
    """A command that must succeed."""
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, **kw)
    if done.returncode:
        raise lab_base.LabError("%s: exit %d\n%s%s" % (argv, done.returncode, done.stdout, done.stderr))
    return done.stdout


def write(path, text, mode=0o644):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    os.chmod(path, mode)


class Syslog:
    """Who listens on /dev/log; `text` is all that was said."""

    def __init__(self, lab):
        self.text = ""
        self.lock = threading.Lock()
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("/dev/log")
        os.chmod("/dev/log", 0o666)
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
        threading.Thread(target=self._read, daemon=True).start()
        lab.own(self)

    def _read(self):
        while True:
            try:
                raw = self.socket.recv(65536)
            except OSError:
                return
            line = re.sub(r"^<\d+>", "", raw.decode("utf-8", "backslashreplace")).rstrip("\0\n")
            with self.lock:
                self.text += line + "\n"

    def stop(self):
        self.socket.close()
        os.unlink("/dev/log")


def sendmail_in_place(host):
    """The packages' files, users and folders, as their maintainer scripts
    leave them, and a host that knows its name without DNS."""
    if not os.path.exists(SENDMAIL):
        for top in ("usr", "etc"):
            run("cp", "-a", os.path.join(UNPACKED, top), "/")
        for name in ("smmta", "smmsp"):
            run("groupadd", "-r", name)
            run("useradd", "-r", "-g", name, "-M", "-d", "/var/lib/sendmail", "-s", "/usr/sbin/nologin", name)
        os.chown(SENDMAIL, 0, grp.getgrnam("smmsp").gr_gid)
        os.chmod(SENDMAIL, 0o2755)
        for path in ("/usr/sbin/sendmail", "/usr/lib/sendmail"):
            if os.path.lexists(path):
                os.unlink(path)
            os.symlink(SENDMAIL, path)
        for path, user, mode in (("/var/spool/mqueue-client", "smmsp", 0o2770), ("/var/lib/sendmail", "smmta", 0o755),
                                 ("/run/sendmail/msp", "smmsp", 0o2775), ("/run/sendmail/mta", "smmta", 0o755)):
            os.makedirs(path, exist_ok=True)
            shutil.chown(path, user, "smmsp")
            os.chmod(path, mode)
        write("/etc/sasl2/Sendmail.conf", SASL)
        for word in ("-4", "-6"):  # any address is here
            run("ip", word, "route", "add", "local", "default", "dev", "lo")
        run("sysctl", "-qw", "net.ipv6.ip_nonlocal_bind=1")
    socket.sethostname(host)
    write("/etc/hosts", "127.0.0.1 %s localhost\n::1 localhost\n" % host)
    write("/etc/resolv.conf", "nameserver 127.0.0.1\n")
    write("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n")
    write("/etc/mail/service.switch", "passwd files\nhosts files\naliases files\n")
    for name in ("local-host-names", "trusted-users", "relay-domains"):
        write("/etc/mail/" + name, "")


class Filters:
    """INPUT_MAIL_FILTER lines of the filters that are asked for by socket, in
    the form of the shipped gatepost.m4."""

    def __init__(self):
        self.names = {}

    def list(self, milter):
        """Names of a Postfix-style list, defined when they are new."""
        out = []
        for word in re.split(r"[,\s]+", milter or ""):
            if word:
                out.append(self.names.setdefault(word, "filter%d" % len(self.names)))
        return out

    def lines(self):
        return "".join("MAIL_FILTER(`%s', `S=%s, F=T, T=C:30s;S:30s;R:1m;E:5m')dnl\n" % (name, place(word))
                       for word, name in self.names.items())


def place(word):
    """unix:PATH or inet:HOST:PORT as Sendmail writes it."""
    kind, _, rest = word.partition(":")
    if kind == "inet":
        host, _, port = rest.rpartition(":")
        return "inet:%s@%s" % (port, host)
    return "local:" + rest


class Mta:
    """One sendmail(8): `listen` is [(port, DaemonOptions more)], `relay` the
    port it relays to."""

    def __init__(self, lab, name, host, listen, relay, mc, mailers):
        self.dir = lab.path(name)
        self.cf = os.path.join(self.dir, "sendmail.cf")
        os.makedirs(os.path.join(self.dir, "queue"), 0o700)
        write(os.path.join(self.dir, "statistics"), "")
        text = HEAD.format(host=host, dir=self.dir, relay=relay) + mc
        for port, more in listen:
            text += "DAEMON_OPTIONS(`Family=inet6, Addr=::, Port=%d, Listen=128, %s')dnl\n" % (port, more)
        write(os.path.join(self.dir, "sendmail.mc"), text + TAIL + mailers)
        write(self.cf, run("m4", os.path.join(self.dir, "sendmail.mc")))
        self.process = Service("-C", self.cf, "-bD", "-q1s")
        for port, _ in listen:
            lab_base.wait_until(lambda p=port: lab_base.port_open(p) or not self.process.running, 10, "sendmail listens")
        if not self.process.running:
            raise lab_base.LabError("sendmail has ended: %s" % self.process.err.all)

    def queue(self):
        """The control files tell: qf waits, hf is held (quarantined)."""
        kinds = {"qf": "deferred", "hf": "hold"}
        return [{"queue_name": kinds[n[:2]], "queue_id": n[2:]}
                for n in os.listdir(os.path.join(self.dir, "queue")) if n[:2] in kinds]

    def stop(self):
        self.process.stop()


class Service(lab_base.Process):
    """sendmail with these arguments, and what it forks."""

    def __init__(self, *args):
        super().__init__([SENDMAIL, *args], start_new_session=True)

    def stop(self, seconds=10):
        self.signal(signal.SIGTERM)
        self.wait(seconds)
        try:  # sessions that are still open
            os.killpg(self.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        return super().stop(seconds)


class Sendmail(lab_mta.Mta):
    NAME = "Sendmail"
    LOCAL_CLIENT = "127.0.0.1"
    HEADER_LIMIT = 32768
    LINE_LIMIT = 2040  # of the mailer "relay", esmtp has 990
    REWRITES_ADDRESSES = True
    SMTPUTF8 = False
    FILTERS_BOUNCES = False
    REPLY_NAMES_RCPT = True
    REFUSED = "X-Long: %s\n" % "\n ".join(["x" * 70] * 500)
    REFUSED_CODE = 552

    why_not = staticmethod(why_not)

    def __init__(self, lab, sink_port, milter, host="mx.lab.example", other=None, login=None, chains=None,
                 submit_host="submit.lab.example", mc="", mx="", transports=None):
        sendmail_in_place(host)
        self.lab, self.mc = lab, mc
        self.mailers = "".join(MAILER.format(name=n, domain=d, port=sink_port) for d, n in (transports or {}).items())
        self.syslog = Syslog(lab)
        self.passwords, self.realms = {}, {host, submit_host}
        self.port = lab_base.free_port()
        self.other_port = lab_base.free_port() if other else None
        self.submit_port = lab_base.free_port() if login else None
        self.chain_ports = {name: lab_base.free_port() for name in chains or {}}
        self.mtas = []
        lab.own(self)
        lists = [(self.port, milter)] + ([] if login else [(25, milter)]) + ([(self.other_port, other)] if other else [])
        lists += [(self.chain_ports[name], milters) for name, milters in (chains or {}).items()]
        for at in range(0, len(lists), PORTS_EACH):
            self._start("mx%d" % at, host, [(p, m, "Name=" + host) for p, m in lists[at:at + PORTS_EACH]], sink_port, "" if at else mx)
        if login:
            for name, password in login.items():
                self.know(name, password)
            self._start("relay", submit_host, [(25, milter, "Name=" + host),
                                               (self.submit_port, milter, "Name=SUBMISSION, M=Ea")],
                        self.port, "CLIENT_OPTIONS(`Family=inet, Addr=%s')dnl\n" % self.ONWARD)
        write("/etc/mail/submit.mc", SUBMIT)
        write("/etc/mail/submit.cf", run("m4", "/etc/mail/submit.mc"))
        self.msp = Service("-d99.100", "-L", "sm-msp-queue", "-Ac", "-q1s")

    def _start(self, name, host, listen, relay, more=""):
        filters, options = Filters(), []
        for port, milter, words in listen:
            if milter is not None:
                words += ", InputMailFilters=" + ";".join(filters.list(milter))
            options.append((port, words))
        self.mtas.append(Mta(self.lab, name, host, options, relay, filters.lines() + more + self.mc,
                             self.mailers))

    def know(self, login, password):
        """A login whose password sasldb2 knows.  One without a realm is of the
        MTA that is asked."""
        user, _, realm = login.partition("@")
        for one in [realm] if realm else self.realms:
            run("saslpasswd2", "-p", "-c", "-f", "/etc/sasldb2", "-u", one, user, input=password)
        os.chmod("/etc/sasldb2", 0o600)
        self.passwords[login] = password

    def client(self, address, login=None, port=None, helo="client.example"):
        s = lab_smtp.Client(port or self.port, source=address)
        s.command("EHLO " + helo)
        if login:
            if login not in self.passwords:
                self.know(login, "1")
            self._log_in(s, login)
        return s

    def submission(self, login):
        s = lab_smtp.Client(self.submit_port)
        s.command("EHLO client.example")
        return self._log_in(s, login)

    def _log_in(self, s, login):
        taken = s.command(lab_sasl.plain(login, self.passwords[login]))
        if not taken.good:
            raise ConnectionError("login %s: %r" % (login, taken))
        return s

    def sendmail(self, sender, rcpts, message):
        to = ["--", *rcpts] if rcpts else ["-t"]
        return subprocess.run(["/usr/sbin/sendmail", "-i", "-f", sender, *to], input=message, timeout=30,
                              capture_output=True, text=True, check=False)

    def log(self):
        return self.syslog.text

    def trouble(self, since=0):
        return [l for l in self.log()[since:].splitlines()
                if TROUBLE.search(l)]

    def refusals(self, since=0):
        told = re.findall(r"Milter: (to|\w+)\S*, reject=(.*)", self.log()[since:])
        return [("rcpt" if stage == "to" else "message", text) for stage, text in told]

    def queue(self):
        waiting = [{"queue_name": "maildrop", "queue_id": n[2:]}
                   for n in os.listdir("/var/spool/mqueue-client") if n.startswith("qf")]
        return waiting + [q for mta in self.mtas for q in mta.queue()]

    def release(self, queue_id):
        for mta in self.mtas:
            if {"queue_name": "hold", "queue_id": queue_id} in mta.queue():
                run(SENDMAIL, "-C", mta.cf, "-qQ", "-qI" + queue_id, "-Q")
                run(SENDMAIL, "-C", mta.cf, "-qI" + queue_id)

    def stop(self):
        self.msp.stop()
        for mta in self.mtas:
            mta.stop()
