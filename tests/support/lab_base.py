"""lab_base - the ground that every lab part stands on.

A Lab is a temporary folder plus the processes started for it.  Leaving the
`with` block, an exception, Ctrl-C or SIGTERM ends the processes (by pid, last
started first) and removes the folder.  Nothing here waits by sleeping: a
process is ready when it said so or when its port answers.
"""
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
BUILD = os.path.join(ROOT, os.environ.get("O", "build"))
SUITES = os.environ.get("GP_SUITES") or os.path.join(ROOT, "..", "shared", "suites")


class LabError(Exception):
    """The lab itself does not work; says nothing about what is tested."""


# The system may give a port that was let go a second time, and two services of
# one lab or of two on it would be one.  So each port that was handed out is held
# by a name, which all programs of this host see, as long as its program runs.
_handed_out = []


def _reserve(port):
    name = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    try:
        name.bind("\0gatepost-lab-port-%d" % port)
    except OSError:
        name.close()
        return False
    _handed_out.append(name)
    return True


def _is_free(port, udp_too):
    if not udp_too:
        return True
    with socket.socket(type=socket.SOCK_DGRAM) as udp:
        try:
            udp.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def free_port(udp_too=False):
    """A loopback port that nobody listens on (TCP, and UDP when asked)."""
    for _ in range(50):
        with socket.socket() as tcp:
            tcp.bind(("127.0.0.1", 0))
            port = tcp.getsockname()[1]
            if _is_free(port, udp_too) and _reserve(port):
                return port
    raise LabError("no free loopback port")


def wait_until(probe, seconds, what):
    """Call `probe` until it is true; the poll interval is 10 ms."""
    end = time.monotonic() + seconds
    pause = threading.Event()
    while True:
        value = probe()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError("timed out after %g s: %s" % (seconds, what))
        pause.wait(0.01)


def port_open(port, host="127.0.0.1"):
    try:
        socket.create_connection((host, port), 1).close()
        return True
    except OSError:
        return False


class Lines:
    """What a process writes, line by line, kept and waited for."""

    def __init__(self, stream):
        self.all = []
        self.closed = False
        self.changed = threading.Condition()
        threading.Thread(target=self._read, args=(stream,), daemon=True).start()

    def _read(self, stream):
        for raw in stream:
            with self.changed:
                self.all.append(raw.rstrip(b"\r\n").decode("utf-8", "backslashreplace"))
                self.changed.notify_all()
        with self.changed:
            self.closed = True
            self.changed.notify_all()

    def mark(self):
        """The number of lines so far: a `since` for wait() and find()."""
        with self.changed:
            return len(self.all)

    def find(self, wanted, since=0):
        """The first line since then that `wanted` (a function) accepts."""
        with self.changed:
            return next((l for l in self.all[since:] if wanted(l)), None)

    def wait(self, wanted, seconds=10, since=0):
        """As find(), waiting for it; None when it never came."""
        end = time.monotonic() + seconds
        with self.changed:
            seen = since
            while True:
                while seen < len(self.all):
                    if wanted(self.all[seen]):
                        return self.all[seen]
                    seen += 1
                left = end - time.monotonic()
                if self.closed or left <= 0:
                    return None
                self.changed.wait(left)

    def wait_end(self, seconds=10):
        with self.changed:
            self.changed.wait_for(lambda: self.closed, seconds)


class Process:
    """One process of ours, with its stderr as Lines."""

    def __init__(self, argv, **kw):
        self.argv = [str(a) for a in argv]
        self.popen = subprocess.Popen(
            self.argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, **kw)
        self.pid = self.popen.pid
        self.err = Lines(self.popen.stderr)

    @property
    def running(self):
        return self.popen.poll() is None

    def signal(self, number):
        if self.running:
            self.popen.send_signal(number)

    def wait(self, seconds):
        """Exit status (negative: the signal), or None when it goes on."""
        try:
            return self.popen.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def stop(self, seconds=10):
        """SIGTERM, then SIGKILL when it does not end; the exit status."""
        self.signal(signal.SIGTERM)
        status = self.wait(seconds)
        if status is None:
            self.kill()
            status = self.popen.returncode
        self.err.wait_end()
        return status

    def kill(self):
        self.signal(signal.SIGKILL)
        self.popen.wait()


class Lab:
    """A folder and the processes in it; use as a context manager."""

    def __init__(self, name="lab"):
        self.dir = tempfile.mkdtemp(prefix="gatepost-%s." % name)
        os.chmod(self.dir, 0o755)
        self.parts = []
        self.keep = False
        self.handlers = {}

    def path(self, *parts):
        return os.path.join(self.dir, *parts)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        os.chmod(path, mode)
        return path

    def own(self, part):
        """Stop `part` (it has stop()) when the lab ends."""
        self.parts.append(part)
        return part

    def __enter__(self):
        for number in (signal.SIGTERM, signal.SIGHUP):
            self.handlers[number] = signal.signal(number, _as_exit)
        return self

    def __exit__(self, kind, value, trace):
        # a second Ctrl-C must not stop the cleaning up
        ignored = {n: signal.signal(n, signal.SIG_IGN)
                   for n in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        for part in reversed(self.parts):
            try:
                part.stop()
            except Exception as e:  # the others must be stopped all the same
                print("# lab: while stopping %r: %s" % (part, e), file=sys.stderr)
        if not self.keep:
            shutil.rmtree(self.dir, ignore_errors=True)
        signal.signal(signal.SIGINT, ignored[signal.SIGINT])
        for number, handler in self.handlers.items():
            signal.signal(number, handler)
        return False


def _as_exit(number, _frame):
    sys.exit(128 + number)
