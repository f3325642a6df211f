"""lab_postfix - a private Postfix: own configuration, queue, data and log,
loopback only, nothing of /etc/postfix is read or written.

What lab_mta says of an MTA, and XCLIENT is allowed, so that a test is any
client it likes to be.  Needs root, as master(8) does.

With `login`, a second port takes mail only from clients that log in, and what
comes in by it or by sendmail(1) goes on to the first port by SMTP, from
ONWARD: one Postfix is the sender's relay and the receiver's MX.
"""
import json
import os
import pwd
import grp
import re
import shutil
import signal
import subprocess

import lab_base
import lab_mta
import lab_sasl
import lab_smtp

POSTCONF = shutil.which("postconf", path="/usr/sbin:/usr/local/sbin")

MAIN = """\
compatibility_level = 3.6
queue_directory = {dir}/spool
data_directory = {dir}/data
maillog_file = {dir}/mail.log
maillog_file_prefixes = {dir}
syslog_name = lab
mail_owner = postfix
setgid_group = postdrop
multi_instance_enable = no
inet_interfaces = 127.0.0.1
inet_protocols = all
myhostname = {host}
mydomain = {host}
myorigin = {host}
mydestination =
mynetworks = 127.0.0.0/8
alias_maps =
alias_database =
local_recipient_maps =
local_transport = error:there is no local delivery here
relayhost = [127.0.0.1]:{sink}
relay_domains = static:all
smtpd_relay_restrictions = reject_unauth_destination
smtp_host_lookup = native
disable_dns_lookups = yes
smtpd_peername_lookup = no
smtpd_authorized_xclient_hosts = 127.0.0.0/8
smtpd_client_connection_rate_limit = 0
smtpd_client_connection_count_limit = 0
smtpd_error_sleep_time = 0
smtpd_tls_security_level = none
smtp_tls_security_level = none
minimal_backoff_time = 1s
maximal_backoff_time = 2s
queue_run_delay = 1s
bounce_queue_lifetime = 5m
maximal_queue_lifetime = 5m
smtputf8_enable = yes
notify_classes =
milter_default_action = tempfail
milter_connect_timeout = 5s
milter_macro_daemon_name = $myhostname
smtpd_milters = {milter}
non_smtpd_milters = {milter}
internal_mail_filter_classes = bounce
"""
MASTER = """\
127.0.0.1:{port} inet n - n - 60 smtpd
pickup    unix  n - n 1 1 pickup{onward}
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
smtp      unix  - - n - - smtp
relay     unix  - - n - - smtp
showq     unix  n - n - - showq
error     unix  - - n - - error
retry     unix  - - n - - error
anvil     unix  - - n - 1 anvil
scache    unix  - - n - 1 scache
postlog   unix-dgram n - n - 1 postlogd
"""
CHAIN = """\
127.0.0.1:{port} inet n - n - 60 smtpd
  -o smtpd_milters={milters}
"""
SUBMISSION = """\
127.0.0.1:{port} inet n - n - 60 smtpd
  -o smtpd_sasl_auth_enable=yes
  -o smtpd_sasl_type=dovecot
  -o smtpd_sasl_path={login}
  -o smtpd_sasl_security_options=noanonymous
  -o smtpd_relay_restrictions=permit_sasl_authenticated,reject
  -o milter_macro_daemon_name=SUBMISSION{onward}
onward    unix  - - n - - smtp
  -o myhostname={host}
  -o smtp_bind_address={address}
"""
ONWARD = lab_mta.Mta.ONWARD
QUEUES = ("active", "bounce", "corrupt", "defer", "deferred", "flush", "hold",
          "incoming", "private", "saved", "trace")


def why_not():
    """Why there can be no private Postfix here; None when there can."""
    if not POSTCONF:
        return "postfix is not installed"
    if os.geteuid() != 0:
        return "a private Postfix needs root"
    return None


class Postfix(lab_mta.Mta):
    """lab_mta.Mta, with more for the tests that are Postfix's alone: `login` may
    be the path of a lab_sasl.Passwords, `submit_host` is the name of the host
    of `submit_port`, `main` and `services` are lines more for main.cf and
    master.cf.  On the ports of `chains` nothing is added to a header, as for a
    stranger who is no XCLIENT."""

    NAME = "Postfix"
    GROUP = "postfix"
    REFUSED = "Received: from a by b\n" * 60
    REFUSED_CODE = 554

    @staticmethod
    def why_not():
        return why_not()

    def __init__(self, lab, sink_port, milter, host="mx.lab.example", other=None, login=None,
                 submit_host="submit.lab.example", chains=None, main="", services="", transports=None):
        self.main, self.services = main, services
        if transports:
            self._transports(transports, sink_port)
        self.passwords = login if isinstance(login, dict) else {}
        if self.passwords:
            login = lab_sasl.Passwords(lab, login).path
        self.dir = lab.path("postfix")
        self.etc = os.path.join(self.dir, "etc")
        self.port = lab_base.free_port()
        self.other_port = lab_base.free_port() if other else None
        self.submit_port = lab_base.free_port() if login else None
        self.chains = chains or {}
        self.chain_ports = {name: lab_base.free_port() for name in self.chains}
        self._files(lab, sink_port, milter, host, other, login, submit_host)
        self.daemons = self._postconf("-h", "daemon_directory")
        self.commands = self._postconf("-h", "command_directory")
        self.pid = None
        lab.own(self)
        self._start()

    def _transports(self, transports, sink_port):
        table = ", ".join("{%s=%s:[127.0.0.1]:%d}" % (d, n, sink_port) for d, n in transports.items())
        self.main += "transport_maps = inline:{ %s }\n" % table
        self.services += "".join("%s unix - - n - - smtp\n" % n for n in transports.values())

    def _services(self, other, login, submit_host):
        onward = "\n  -o content_filter=onward:[127.0.0.1]:%d" % self.port if login else ""
        services = MASTER.format(port=self.port, onward=onward)
        if other:
            services += CHAIN.format(port=self.other_port, milters=other)
        for name, milters in self.chains.items():
            services += CHAIN.format(port=self.chain_ports[name], milters=milters)
            services += "  -o local_header_rewrite_clients=\n"
        if login:
            services += SUBMISSION.format(port=self.submit_port, login=login, onward=onward,
                                          host=submit_host, address=ONWARD)
        return services + self.services

    def _files(self, lab, sink_port, milter, host, other, login, submit_host):
        owner = pwd.getpwnam("postfix")
        drop = grp.getgrnam("postdrop").gr_gid
        lab.write("postfix/etc/main.cf", MAIN.format(
            dir=self.dir, host=host, sink=sink_port, milter=milter) + self.main)
        lab.write("postfix/etc/master.cf", self._services(other, login, submit_host))
        lab.write("postfix/etc/dynamicmaps.cf", "")
        spool = os.path.join(self.dir, "spool")
        os.makedirs(os.path.join(spool, "pid"))
        for name in QUEUES:
            os.mkdir(os.path.join(spool, name), 0o700)
            os.chown(os.path.join(spool, name), owner.pw_uid, 0)
        for name, mode in (("public", 0o2710), ("maildrop", 0o1730)):
            path = os.path.join(spool, name)
            os.mkdir(path)
            os.chown(path, owner.pw_uid, drop)
            os.chmod(path, mode)
        os.mkdir(os.path.join(self.dir, "data"), 0o700)
        os.chown(os.path.join(self.dir, "data"), owner.pw_uid, owner.pw_gid)

    def _postconf(self, *args):
        return subprocess.run([POSTCONF, "-c", self.etc, *args], check=True,
                              capture_output=True, text=True).stdout.strip()

    def _run(self, *argv, **kw):
        env = dict(os.environ, MAIL_CONFIG=self.etc)
        return subprocess.run(argv, env=env, capture_output=True, text=True, **kw)

    def _start(self):
        done = self._run(os.path.join(self.daemons, "master"), "-w", timeout=30)
        pid_file = os.path.join(self.dir, "spool", "pid", "master.pid")
        if done.returncode == 0:
            with open(pid_file, encoding="ascii") as f:
                self.pid = int(f.read())
        else:
            raise lab_base.LabError("postfix did not start: %s\n%s"
                                    % (done.stderr, self.log()))
        lab_base.wait_until(lambda: lab_base.port_open(self.port), 10, "smtpd listens")

    def client(self, address, login=None, port=None, helo="client.example"):
        s = lab_smtp.Client(port or self.port)
        s.command("EHLO lab")
        taken = s.xclient(address, login=login)
        if taken.code != 220:
            raise lab_base.LabError("XCLIENT %s: %r" % (address, taken))
        s.command("EHLO " + helo)
        return s

    def submission(self, login):
        s = lab_smtp.Client(self.submit_port)
        s.command("EHLO client.example")
        taken = s.command(lab_sasl.plain(login, self.passwords[login]))
        if not taken.good:
            raise ConnectionError("login %s: %r" % (login, taken))
        return s

    def log(self):
        try:
            with open(os.path.join(self.dir, "mail.log"), encoding="utf-8",
                      errors="backslashreplace") as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def trouble(self, since=0):
        return milter_trouble(self.log()[since:])

    def refusals(self, since=0):
        told = re.findall(r"milter-reject: (\S+) (.*)", self.log()[since:])
        return [("message" if stage == "END-OF-MESSAGE" else stage.lower(), text) for stage, text in told]

    def queue(self):
        out = self._run(os.path.join(self.commands, "postqueue"), "-c", self.etc, "-j")
        return [json.loads(line) for line in out.stdout.splitlines()]

    def release(self, queue_id):
        self._run(os.path.join(self.commands, "postsuper"), "-c", self.etc, "-H", queue_id)
        self._run(os.path.join(self.commands, "postqueue"), "-c", self.etc, "-f")

    def sendmail(self, sender, rcpts, message):
        to = ["--", *rcpts] if rcpts else ["-t"]
        return self._run("/usr/sbin/sendmail", "-C", self.etc, "-i", "-f", sender, *to,
                         input=message, timeout=30)

    def stop(self):
        if not self.pid:
            return
        try:
            os.kill(self.pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        lab_base.wait_until(lambda: not self._alive(), 15, "postfix ends")
        self.pid = None

    def _alive(self):
        """Is any process of this master's group still at work?"""
        for name in os.listdir("/proc"):
            try:
                with open("/proc/%d/stat" % int(name), encoding="ascii",
                          errors="replace") as f:
                    state, _parent, group = f.read().rpartition(")")[2].split()[:3]
            except (OSError, ValueError):
                continue  # no process, or gone meanwhile
            if int(group) == self.pid and state != "Z":
                return True
        return False


def milter_trouble(log):
    """Lines in which Postfix complains of the milter."""
    return [l for l in log.splitlines()
            if re.search(r"warning:.*milter|milter.*(error|unexpected|timeout)", l)]
