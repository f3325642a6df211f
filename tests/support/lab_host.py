"""lab_host - a host of its own: this system's files as they are, and every
change to them only in memory; its own name, processes, mounts, devices and
network, of which there is the loopback interface.

    import lab_host
    lab_host.enter("name")      # the rest of the program runs in there

Programs see /etc, /var and /run as root of that host does, so that commands
can be tried exactly as an operator types them.  It ends with the program.
Needs root, namespaces and overlayfs; elsewhere the program is skipped.
"""
import fcntl
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile

import lab_tap

INSIDE = "GP_LAB_HOST"
SIOCSIFFLAGS, IFF_UP_RUNNING = 0x8914, 0x41


def _mount(*words):
    subprocess.run(["mount", *words], check=True, capture_output=True)


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
        fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sH14s", b"lo", IFF_UP_RUNNING, b""))


def _devices(dev):
    """A /dev of its own, where /dev/log may be made."""
    _mount("-t", "tmpfs", "-o", "mode=755", "dev", dev)
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        with open(os.path.join(dev, name), "wb"):
            pass
        _mount("--bind", "/dev/" + name, os.path.join(dev, name))
    for name in ("pts", "shm"):
        os.mkdir(os.path.join(dev, name))
        _mount("--bind", "/dev/" + name, os.path.join(dev, name))
    for name, target in (("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("stdout", "/proc/self/fd/1"),
                         ("stderr", "/proc/self/fd/2"), ("ptmx", "pts/ptmx")):
        os.symlink(target, os.path.join(dev, name))


def _move_in(folder):
    """The root folder becomes a copy that is written to memory."""
    _mount("-t", "tmpfs", "-o", "mode=755", "host", folder)
    upper, work, root = (os.path.join(folder, n) for n in ("upper", "work", "root"))
    for d in (upper, work, root):
        os.mkdir(d)
    _mount("-t", "overlay", "overlay", "-o", "lowerdir=/,upperdir=%s,workdir=%s" % (upper, work), root)
    _mount("-t", "proc", "proc", os.path.join(root, "proc"))
    _devices(os.path.join(root, "dev"))
    _mount("-t", "tmpfs", "-o", "mode=755", "run", os.path.join(root, "run"))
    here = os.getcwd()
    os.chroot(root)
    os.chdir(here)
    loopback_up()


def _usable():
    """Why not, or None."""
    if os.geteuid() != 0:
        return "needs root"
    if shutil.which("unshare") is None:
        return "no unshare(1)"
    with tempfile.TemporaryDirectory(prefix="gatepost-host.") as folder:
        probe = ("import sys; sys.path.insert(0, %r); import lab_host; lab_host._move_in(%r)"
                 % (os.path.dirname(os.path.abspath(__file__)), folder))
        r = subprocess.run(["unshare", "-mnpuf", sys.executable, "-c", probe], capture_output=True, text=True,
                           timeout=60, check=False)
    return None if r.returncode == 0 else "no namespaces or no overlayfs here"


def _init():
    """Return in a child; this process, the host's first, waits for those that
    nobody else waits for, and ends as its child does."""
    child = os.fork()
    while child:
        pid, status = os.wait()
        if pid == child:
            code = os.waitstatus_to_exitcode(status)
            os._exit(code if code >= 0 else 1)


def enter(name, seconds=300):
    """Return in the new host; the caller's program was started anew there."""
    folder = os.environ.get(INSIDE)
    if folder:
        _move_in(folder)
        _init()
        return
    why = _usable()
    if why:
        lab_tap.skip_all(name, why)
    with tempfile.TemporaryDirectory(prefix="gatepost-host.") as folder:
        inner = subprocess.Popen(["unshare", "-mnpuf", "--kill-child", sys.executable, *sys.argv],
                                 env=os.environ | {INSIDE: folder})
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, lambda *_: inner.terminate())
        try:
            code = inner.wait(seconds)
        except subprocess.TimeoutExpired:
            inner.kill()
            code = inner.wait()
    sys.exit(code if 0 <= code < 128 else 1)
