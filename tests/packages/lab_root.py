"""lab_root - a fresh Debian to install packages on: its root folder, and the
host that it becomes.

    with lab_root.Host() as host:       # booted by systemd-nspawn where that works
        host.run("systemctl", "status")

The root is made once by mmdebstrap and kept in $O/roots.  It has systemd, and
what several of the tests in debian/tests/control depend on.  What else those
tests and the packages in $O/deb depend on lies in apt's archive and is not
installed, so that apt has to be told of it, but needs no network.  A host
writes to memory.
"""
import contextlib
import fcntl
import glob
import hashlib
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab_base

CONTROL = os.path.join(lab_base.ROOT, "packaging", "debian", "tests", "control")
# apt-utils: autopkgtest makes an archive of the packages in there
BASE = ("apt-utils", "systemd", "systemd-sysv")
FQDN = "mx.gatepost.example"
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
SIOCSIFFLAGS, IFF_UP_RUNNING = 0x8914, 0x41


class Missing(Exception):
    """No root can be made or used here; the text says why."""


# -- what is to be there -----------------------------------------------------

def debs():
    """The packages that `make deb` has built."""
    return sorted(p for p in glob.glob(os.path.join(lab_base.BUILD, "deb", "gatepost*.deb")) if "-dbgsym_" not in p)


def foreign(relation):
    """The names in a dependency field that are not ours; of alternatives the first."""
    names = (re.split(r"[\s(\[:<|]", part.strip())[0] for part in relation.split(","))
    return {n for n in names if n and not n.startswith(("gatepost", "@"))}


def needed_by_tests():
    """For each stanza of debian/tests/control what it depends on."""
    if not os.path.exists(CONTROL):
        return []
    with open(CONTROL, encoding="utf-8") as f:
        text = re.sub(r"(?m)^\s*#.*\n", "", f.read())
    fields = re.findall(r"(?m)^Depends:(.*(?:\n[ \t].*)*)", text)
    return [foreign(field) for field in fields]


def needed_by_packages():
    out = set()
    for deb in debs():
        r = subprocess.run(["dpkg-deb", "-f", deb, "Depends", "Pre-Depends", "Recommends"], check=True,
                           capture_output=True, text=True)
        for field in re.findall(r"(?m)^[\w-]+:(.*(?:\n[ \t].*)*)", r.stdout):
            out |= foreign(field)
    return out


# -- the root folder ---------------------------------------------------------

def suite():
    with open("/etc/os-release", encoding="utf-8") as f:
        found = dict(line.rstrip("\n").replace('"', "").split("=", 1) for line in f if "=" in line)
    if found.get("ID") != "debian":
        raise Missing("the packages are for Debian, and this is not Debian")
    return found["VERSION_CODENAME"]


def kept_root():
    """The root that is copied; made when it is not there."""
    if os.geteuid() != 0:
        raise Missing("needs root")
    tests, packages = needed_by_tests(), needed_by_packages()
    shared = {p for t in tests for p in t if sum(p in other for other in tests) > 1}
    included = sorted(shared.union(BASE))
    groups = [sorted(packages)] + [sorted(t | packages) for t in tests]
    name = "%s-%s" % (suite(), hashlib.sha256(repr((included, groups)).encode()).hexdigest()[:12])
    folder = os.path.join(lab_base.BUILD, "roots")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "lock"), "w", encoding="ascii") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        root = os.path.join(folder, name)
        for other in glob.glob(os.path.join(folder, "*-*")):
            if other != root:
                shutil.rmtree(other)
        if not os.path.isdir(root):
            _debootstrap(root + ".new", included, groups)
            os.rename(root + ".new", root)
    return root


def _debootstrap(root, included, groups):
    if not shutil.which("mmdebstrap"):
        raise Missing("mmdebstrap is not installed")
    shutil.rmtree(root, ignore_errors=True)
    fetch = ["--customize-hook=APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -qq -y --no-install-recommends "
             "--download-only install " + " ".join(group) for group in groups if group]
    r = subprocess.run(["mmdebstrap", "--mode=root", "--variant=minbase", "--include=" + ",".join(included),
                        "--skip=cleanup/apt", *fetch, suite(), root], capture_output=True, text=True,
                       stdin=subprocess.DEVNULL, check=False, timeout=600)
    if r.returncode != 0:
        shutil.rmtree(root, ignore_errors=True)
        raise Missing("mmdebstrap: " + " | ".join(r.stderr.splitlines()[-3:]))


def check():
    """See to it that a Host will work here, else Missing; is it booted?"""
    with Host() as host:
        return host.booted


# -- the host ----------------------------------------------------------------

def _mount(*words):
    subprocess.run(["mount", *words], check=True, capture_output=True)


def _copy_in_memory(kept, place):
    """Over `kept`, which stays as it is; in a mount namespace of our own."""
    _mount("-t", "tmpfs", "-o", "mode=755", "host", place)
    upper, work, root = (os.path.join(place, n) for n in ("upper", "work", "root"))
    for folder in (upper, work, root):
        os.mkdir(folder)
    _mount("-t", "overlay", "overlay", "-o", "lowerdir=%s,upperdir=%s,workdir=%s" % (kept, upper, work), root)
    short = FQDN.split(".", maxsplit=1)[0]
    for name, text in (("hosts", "127.0.0.1 localhost\n127.0.1.1 %s %s" % (FQDN, short)),
                       ("hostname", FQDN), ("mailname", FQDN), ("resolv.conf", "")):
        with open(os.path.join(root, "etc", name), "w", encoding="ascii") as f:
            f.write(text + "\n")
    return root


def boot(kept, place):
    root = _copy_in_memory(kept, place)
    os.chdir("/")
    os.execvp("systemd-nspawn", [
        "systemd-nspawn", "-q", "-D", root, "--boot", "--register=no", "--keep-unit", "--private-network",
        "--console=pipe", "--resolv-conf=off", "--timezone=off", "--link-journal=no", "--hostname=" + FQDN,
        "--machine=gatepost-%d" % os.getpid()])


def hold(kept, place):
    """In new namespaces: be process 1 of a host without an init system."""
    root = _copy_in_memory(kept, place)
    _mount("-t", "proc", "proc", os.path.join(root, "proc"))
    _mount("-t", "sysfs", "-o", "ro", "sys", os.path.join(root, "sys"))
    _mount("--rbind", "/dev", os.path.join(root, "dev"))
    _mount("-t", "tmpfs", "-o", "mode=755", "run", os.path.join(root, "run"))
    socket.sethostname(FQDN)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", IFF_UP_RUNNING, b""))
    os.chroot(root)
    os.chdir("/")
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the kernel reaps
    os.write(2, b"held\n")
    while True:
        signal.pause()


def _is_first(pid):
    """Is it process 1 of a namespace of its own?"""
    with open("/proc/%d/status" % pid, encoding="ascii") as f:
        found = re.search(r"(?m)^NSpid:\t\d+\t.*\b1$", f.read())
    return found is not None


class Host:
    """A Debian as a running host, with the loopback interface only.

    `booted` tells whether systemd is its process 1.  Where it can not be
    booted, process 1 only holds it together: the root is entered as by
    chroot, with processes, mounts, network and name of its own; GP_BOOT=no
    asks for that.
    """

    def __init__(self, boot_it=os.environ.get("GP_BOOT") != "no"):
        self.kept = kept_root()
        self.place = tempfile.mkdtemp(prefix="gatepost-root.")
        self.process = self.init = None
        try:
            self.booted = boot_it and self._boot()
            if not self.booted:
                self._hold()
        except BaseException:
            self.stop()
            raise

    def _start(self, namespaces, what):
        self.process = lab_base.Process(["unshare", *namespaces, sys.executable, __file__, what, self.kept, self.place])

    def _boot(self):
        if not shutil.which("systemd-nspawn"):
            return False
        self._start(["-m"], "boot")
        try:
            lab_base.wait_until(self._find_init, 20, "systemd-nspawn")
            lab_base.wait_until(lambda: self._is_up() or not self.process.running, 60, "the boot")
        except lab_base.LabError:
            pass  # told by its not being up
        if self.process.running and self._is_up():
            return True
        self._end()
        return False

    def _is_up(self):
        r = self.run("systemctl", "is-system-running", "--wait")
        return r.stdout.strip() in ("running", "degraded")

    def _hold(self):
        self._start(["-mnpuif", "--kill-child"], "hold")
        if not self.process.err.wait(lambda line: line == "held", 20):
            raise Missing("no namespaces or no overlayfs here: " + " | ".join(self.process.err.all[-3:]))
        self._find_init()

    def _find_init(self):
        """The child that is process 1 of its host; there are others at first."""
        pid = self.process.pid
        with contextlib.suppress(OSError):
            with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as f:
                self.init = next((child for child in map(int, f.read().split()) if _is_first(child)), None)
        return self.init or not self.process.running

    def prefix(self):
        """What stands before a command that is to run in it, as its root."""
        return ["nsenter", "-t", str(self.init), "-m", "-u", "-i", "-n", "-p", "--root", "--wd", "--",
                "env", "-i", "PATH=" + PATH, "HOME=/root", "LANG=C.UTF-8", "DEBIAN_FRONTEND=noninteractive"]

    def run(self, *words, **kw):
        kw.setdefault("timeout", 120)
        kw.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.run([*self.prefix(), *words], capture_output=True, text=True, check=False, **kw)

    def _end(self):
        with contextlib.suppress(ProcessLookupError, TypeError):
            os.kill(self.init, signal.SIGKILL)
        if self.process.wait(10) is None:
            self.process.kill()
        self.init = None

    def stop(self):
        """Off, without ado: nothing in it is needed any more."""
        self._end()
        os.rmdir(self.place)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()


if __name__ == "__main__":
    {"boot": boot, "hold": hold}[sys.argv[1]](*sys.argv[2:])
