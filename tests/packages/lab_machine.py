"""lab_machine - a Debian of its own that has never seen gatepost: a fresh root
folder, written to in memory only; its own processes, mounts and network, of
which there is the loopback interface.

    import lab_machine
    machine = lab_machine.enter("name")   # the rest of the program runs in there
    machine.booted                        # systemd is its process 1
    machine.tap                           # results, counted on over a reboot
    machine.reboot()                      # the program starts anew, with life + 1

tests/packages/prepare.py makes the root folder and the archives of packages, which
are in /srv/gatepost/archive in there.  Where systemd-nspawn can not boot it, the
machine is a chroot without systemd, and machine.why says why; GP_BOOT=yes makes
that a failure, GP_BOOT=no asks for it.
"""
import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_base
import lab_host
import lab_tap

HOST, INSIDE = "GP_MACHINE_HOST", "GP_MACHINE"
PLACE = "/srv/gatepost"
COUNTS = "/srv/counts.json"
REBOOT = 133
PREPARED = os.path.join(lab_base.BUILD, "packages")
WHY_NOT = os.path.join(PREPARED, "why-not")
BOOT_S = 30
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
               "LANG": "C.UTF-8", "DEBIAN_FRONTEND": "noninteractive", "PYTHONDONTWRITEBYTECODE": "1"}


# -- seen from within --------------------------------------------------------
class Machine:
    def __init__(self, told):
        self.why = told["why"]
        self.booted = self.why is None
        self.life = told["life"]
        self.tap = lab_tap.Tap()
        if self.life > 1:
            with open(COUNTS, encoding="ascii") as f:
                self.tap.count, self.tap.failed = json.load(f)

    def reboot(self):
        with open(COUNTS, "w", encoding="ascii") as f:
            json.dump([self.tap.count, self.tap.failed], f)
        sys.exit(REBOOT)


def name_of(folder):
    """As a host's name may be."""
    return re.sub(r"[^a-z0-9]+", "-", os.path.basename(folder)).strip("-")


# -- the folder --------------------------------------------------------------
def mount(*words):
    subprocess.run(["mount", *words], check=True, capture_output=True)


def _make_root(folder):
    """The base stays as it is: what is written goes to memory."""
    mount("-t", "tmpfs", "-o", "mode=755", "machine", folder)
    upper, work, root = (os.path.join(folder, n) for n in ("upper", "work", "root"))
    for d in (upper, work, root):
        os.mkdir(d)
    base = os.path.realpath(os.path.join(PREPARED, "root"))
    try:
        mount("-t", "overlay", "overlay", "-o", "lowerdir=%s,upperdir=%s,workdir=%s" % (base, upper, work), root)
    except subprocess.CalledProcessError:
        subprocess.run(["cp", "-a", base + "/.", root], check=True)
    return root


def _shown():
    """What the machine sees of this source: (here, there)."""
    return [(os.path.join(lab_base.ROOT, "tests"), PLACE + "/tests"),
            (os.path.join(lab_base.ROOT, "README.md"), PLACE + "/README.md"),
            (os.path.join(PREPARED, "archive"), PLACE + "/archive")]


def _command(why, life):
    program = os.path.join(PLACE, os.path.relpath(os.path.realpath(sys.argv[0]), lab_base.ROOT))
    told = ENVIRONMENT | {INSIDE: json.dumps({"why": why, "life": life})}
    return ["env", "-i", *("%s=%s" % kv for kv in told.items()), "/usr/bin/python3", program, *sys.argv[1:]]


# -- with systemd ------------------------------------------------------------
def _hierarchies():
    """Where systemd keeps groups of processes: mount points."""
    with open("/proc/self/mountinfo", encoding="ascii") as f:
        for line in f:
            place, _, kind = line.partition(" - ")
            if kind.startswith("cgroup2 ") or "name=systemd" in kind:
                yield place.split()[4]


def _join_groups(name):
    """Groups of its own: two machines in one would take each other's processes
    for theirs."""
    for top in _hierarchies():
        group = os.path.join(top, name)
        os.makedirs(group, exist_ok=True)
        with open(os.path.join(group, "cgroup.procs"), "w", encoding="ascii") as f:
            f.write(str(os.getpid()))


def _leave_no_groups(name):
    for top in _hierarchies():
        for place, _, _ in os.walk(os.path.join(top, name), topdown=False):
            try:
                os.rmdir(place)
            except OSError:
                pass  # a process of it still ends; an empty name does no harm


class Booted:
    def __init__(self, folder, root):
        self.root, self.name = root, name_of(folder)
        self.console = os.path.join(folder, "console")
        self.nspawn = None

    def _prepare(self):
        mount("-t", "tmpfs", "-o", "mode=755", "run", "/run")
        _join_groups(self.name)

    def start(self):
        """None, or why it did not come up."""
        binds = ["--bind-ro=%s:%s" % pair for pair in _shown()]
        try:
            if self.nspawn is None:
                self._prepare()
            with open(self.console, "wb") as out:
                self.nspawn = subprocess.Popen(
                    ["systemd-nspawn", "-q", "-D", self.root, "--machine=" + self.name, "--boot", "--register=no",
                     "--keep-unit", "--private-network", "--console=pipe", *binds],
                    stdin=subprocess.DEVNULL, stdout=out, stderr=out, cwd="/")
            lab_base.wait_until(self._is_up, BOOT_S, "it boots")
        except (OSError, lab_base.LabError, subprocess.CalledProcessError) as e:
            self.stop()
            return "%s; %s" % (e, self._last_words())
        return None

    def _last_words(self):
        with contextlib.suppress(FileNotFoundError):
            with open(self.console, encoding="utf-8", errors="replace") as f:
                return " | ".join(f.read().split("\n")[-4:])
        return ""

    def _leader(self):
        pid = self.nspawn.pid
        with contextlib.suppress(OSError):  # it has ended meanwhile
            with open("/proc/%d/task/%d/children" % (pid, pid), encoding="ascii") as f:
                for child in f.read().split():
                    with open("/proc/%s/comm" % child, encoding="ascii") as comm:
                        if comm.read() == "systemd\n":
                            return child
        return None

    def _is_up(self):
        if self.nspawn.poll() is not None:
            raise lab_base.LabError("systemd-nspawn ended")
        leader = self._leader()
        if not leader:
            return False
        r = subprocess.run(["nsenter", "-t", leader, "-a", "systemctl", "is-system-running"],
                           capture_output=True, text=True, check=False)
        return r.stdout.strip() in ("running", "degraded")

    def run(self, command):
        return subprocess.run(["nsenter", "-t", self._leader(), "-a", *command], stdin=subprocess.DEVNULL,
                              check=False).returncode

    def stop(self):
        """As by its power switch; by force when it does not end."""
        if self.nspawn is None or self.nspawn.poll() is not None:
            return
        leader = self._leader()
        if leader:
            subprocess.run(["nsenter", "-t", leader, "-a", "systemctl", "poweroff"], capture_output=True, check=False)
        try:
            self.nspawn.wait(BOOT_S)
        except subprocess.TimeoutExpired:
            self.nspawn.kill()
            self.nspawn.wait()


# -- without -----------------------------------------------------------------
class Chroot:
    def __init__(self, root):
        self.root = root

    def start(self):
        mount("-t", "proc", "proc", self.root + "/proc")
        mount("--rbind", "/dev", self.root + "/dev")
        mount("-t", "tmpfs", "-o", "mode=755", "run", self.root + "/run")
        for here, there in _shown():
            target = self.root + there
            os.makedirs(target if os.path.isdir(here) else os.path.dirname(target), exist_ok=True)
            if not os.path.isdir(here):
                open(target, "w", encoding="ascii").close()
            mount("--bind", here, target)
            mount("-o", "remount,bind,ro", target)
        lab_host.loopback_up()

    def run(self, command):
        return subprocess.run(["chroot", self.root, *command], stdin=subprocess.DEVNULL, check=False).returncode

    def stop(self):
        """Nothing of it outlives this program."""


# -- in ----------------------------------------------------------------------
def _drive(folder):
    """Start the machine and the program in it, as often as it asks for."""
    root = _make_root(folder)
    wish = os.environ.get("GP_BOOT", "auto")
    system, why = None, "GP_BOOT=no"
    if wish != "no":
        system = Booted(folder, root)
        why = system.start()
        if why and wish == "yes":
            sys.exit("systemd-nspawn does not boot it: " + why)
    if why:
        system = Chroot(root)
        system.start()
    life = 1
    while (code := system.run(_command(why, life))) == REBOOT and not why:
        life += 1
        system.stop()
        if again := system.start():
            sys.exit("it does not boot a second time: " + again)
    system.stop()
    sys.exit(code)


def _unusable():
    """Why there is no machine, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if subprocess.run(["unshare", "-mnpf", "true"], capture_output=True, check=False).returncode != 0:
        return "no namespaces here"
    if os.path.isdir(os.path.join(PREPARED, "root")):
        return None
    with contextlib.suppress(FileNotFoundError):
        with open(WHY_NOT, encoding="utf-8") as f:
            return f.read().strip()
    return "there are no packages and no root folder for them (make installcheck)"


def enter(name, seconds=240):
    """Return in the machine; the caller's program was started anew there."""
    if INSIDE in os.environ:
        return Machine(json.loads(os.environ[INSIDE]))
    if HOST in os.environ:
        _drive(os.environ[HOST])
    why = _unusable()
    if why:
        lab_tap.skip_all(name, why)
    folder = tempfile.mkdtemp(prefix="gatepost-machine.")
    try:
        inner = subprocess.Popen(["unshare", "-mnpf", "--mount-proc", "--kill-child", "/usr/bin/python3", *sys.argv],
                                 env=os.environ | {HOST: folder})
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda *_: inner.kill())
        try:
            code = inner.wait(seconds)
        except subprocess.TimeoutExpired:
            print("# no end within %d s" % seconds)
            inner.kill()
            code = inner.wait()
    finally:
        _leave_no_groups(name_of(folder))
        shutil.rmtree(folder, ignore_errors=True)
    sys.exit(code if 0 <= code < 128 else 1)
