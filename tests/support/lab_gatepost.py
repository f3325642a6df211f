"""lab_gatepost - a gatepost daemon under test, and its control socket."""
import os
import re
import shutil
import signal
import socket

import lab_base

READY = re.compile(r"gatepost-\w+: ready on ")


def binary(name="spf", build=None):
    """The program to test: release, or build="asan"."""
    return os.path.join(lab_base.BUILD, *([build] if build else []), "bin",
                        "gatepost-" + name)


def literal(value):
    """A Python value as policy text: yes, 3, "text" or { list }."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "{ %s }" % ", ".join(literal(v) for v in value)
    if re.fullmatch(r"[a-z0-9]+", value):
        return value
    return '"%s"' % value.replace("\\", "\\\\").replace('"', '\\"')


def policy(settings, indent=""):
    """Policy text of a dict: sections are dicts, a titled section has the key
    ("domain", "example.com")."""
    out = []
    for key, value in settings.items():
        if isinstance(value, dict):
            head = "%s %s" % (key[0], '"%s"' % key[1]) if isinstance(key, tuple) else key
            out.append("%s%s {\n%s%s}\n" % (indent, head, policy(value, indent + "    "), indent))
        else:
            out.append("%s%s = %s\n" % (indent, key, literal(value)))
    return "".join(out)


def request(path, line, timeout=30):
    """One request on a control socket: (first word, text)."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout)
        s.connect(path)
        s.sendall(line.encode() + b"\n")
        out = b""
        while True:
            more = s.recv(65536)
            if not more:
                break
            out += more
    head, _, text = out.decode("utf-8", "backslashreplace").partition("\n")
    return head, text


class Daemon:
    """One daemon in its own folders below the lab's.

    `user` runs it as somebody else (needs root); `group` is the group of its
    folders, so that an MTA of that group reaches the socket.  `beside` is a
    daemon whose policy and state folder, and so whose seal, it shares.  `keys`
    are private keys in PEM by the name that the policy calls their files;
    `descriptors` is how many the process may have.
    """

    def __init__(self, lab, settings, program=None, name="spf", label=None,
                 user=None, group=None, env=None, start=True, beside=None, keys=None,
                 descriptors=None):
        self.name = name
        self.program = program or binary(name)
        self.label = label or name
        self.dir = lab.path(self.label)
        self.run_dir = os.path.join(self.dir, "run")
        self.socket = os.path.join(self.run_dir, "milter.sock")
        self.control = os.path.join(self.run_dir, "control.sock")
        self.etc = beside.etc if beside else os.path.join(self.dir, "etc")
        self.conf = os.path.join(self.etc, "gatepost.conf")
        self.state = beside.state if beside else os.path.join(self.dir, "state")
        self.user, self.env = user, dict(os.environ, **(env or {}))
        self.limits = ["prlimit", "--nofile=%d:%d" % (descriptors, descriptors), "--"] \
            if descriptors else []
        self.process = None
        for path in (self.run_dir, *([] if beside else [self.state, self.etc])):
            os.makedirs(path)
            os.chmod(path, 0o2750 if path == self.run_dir and group else 0o750)
            if user:
                shutil.chown(path, user, group or "nogroup")
        for file, pem in (keys or {}).items():
            self.write_key(file, pem)
        if user:
            os.chmod(self.dir, 0o755)
            # the tree may lie in a folder that only root can enter
            self.program = shutil.copy(self.program, self.dir)
        self.set_policy(settings)
        lab.own(self)
        if start:
            self.start()

    def set_policy(self, settings):
        """Write the policy (a dict or text); it holds from the next start or
        reload.  Replaced as a whole, so that no reader sees half of it."""
        text = settings if isinstance(settings, str) else policy(settings)
        with open(self.conf + ".new", "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(self.conf + ".new", 0o644)
        os.rename(self.conf + ".new", self.conf)

    def key_path(self, file):
        return os.path.join(self.etc, file)

    def write_key(self, file, pem, mode=0o600):
        """A private key beside the policy, of the daemon's user."""
        path = self.key_path(file)
        with open(path + ".new", "wb") as f:
            os.fchmod(f.fileno(), mode)
            f.write(pem)
        if self.user:
            shutil.chown(path + ".new", self.user)
        os.rename(path + ".new", path)
        return path

    def argv(self, *more):
        return [self.program, "--config", self.conf, "--foreground",
                "--socket", "unix:" + self.socket,
                "--state-dir", self.state,
                "--runtime-dir", self.run_dir, *more]

    def spawn(self, *more):
        """Start it without waiting; the Process."""
        kw = {"user": self.user, "group": "nogroup", "extra_groups": []} if self.user else {}
        return lab_base.Process(self.limits + self.argv(*more), env=self.env, **kw)

    def start(self):
        self.process = self.spawn()
        if not self.process.err.wait(READY.search, 20):
            raise lab_base.LabError("%s is not ready: %s" % (
                self.program, " | ".join(self.process.err.all[-20:])))
        return self

    @property
    def log(self):
        return self.process.err

    def request(self, line):
        return request(self.control, line)

    def reload(self):
        return self.request("reload")

    def metrics(self):
        """{'name{labels}': value} of the stats request."""
        head, text = self.request("stats")
        if head != "ok":
            raise lab_base.LabError("stats: %s %s" % (head, text))
        return parse_metrics(text)

    def stop(self, seconds=10):
        """The exit status, or None when it was not running."""
        if not self.process:
            return None
        process, self.process = self.process, None
        return process.stop(seconds)

    def kill(self):
        """kill -9: what a crash leaves behind stays."""
        self.process.signal(signal.SIGKILL)
        self.process.wait(10)


METRIC = re.compile(
    r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\[\\"n])*",?)*\})? '
    r'(-?[0-9.]+(?:e[+-]?\d+)?|[+-]Inf|NaN)$')
COMMENT = re.compile(r"# (HELP [a-zA-Z_:]\w* .*|TYPE [a-zA-Z_:]\w* "
                     r"(counter|gauge|histogram|summary|untyped))$")


def parse_metrics(text):
    """The Prometheus text format 0.0.4, strictly; ValueError if it is not."""
    values = {}
    for line in text.splitlines():
        if not line or COMMENT.match(line):
            continue
        found = METRIC.match(line)
        if not found:
            raise ValueError("not a metric: %r" % line)
        name = found.group(1) + (found.group(2) or "")
        if name in values:
            raise ValueError("twice: " + name)
        values[name] = float(found.group(3))
    return values
