"""lab_unit - a daemon as its systemd unit starts it, where there is no systemd:
user, group, umask, folders and command are read from the unit file."""
import os
import shutil

import lab_base


def settings(path):
    """What a unit file says; of a repeated word the first."""
    out = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            key, _, value = line.strip().partition("=")
            out.setdefault(key, value)
    return out


class Service:
    """gatepost-NAME by the unit file `path`."""

    def __init__(self, name, path):
        self.name, self.unit, self.process = name, settings(path), None

    def _folder(self, kind, place):
        path = os.path.join(place, self.unit[kind])
        os.makedirs(path, exist_ok=True)
        os.chmod(path, int(self.unit[kind + "Mode"], 8))
        shutil.chown(path, self.unit["User"], self.unit["Group"])

    def start(self):
        if "StateDirectory" in self.unit:
            self._folder("StateDirectory", "/var/lib")
        if "RuntimeDirectory" in self.unit:
            self._folder("RuntimeDirectory", "/run")
        self.process = lab_base.Process(
            ["setpriv", "--reuid", self.unit["User"], "--regid", self.unit["Group"], "--init-groups", "sh", "-c",
             "umask %s; exec %s" % (self.unit["UMask"], self.unit["ExecStart"])])
        if not self.process.err.wait(lambda line: "gatepost-%s: ready" % self.name in line):
            raise lab_base.LabError("gatepost-%s: %s" % (self.name, self.process.err.all))

    @property
    def running(self):
        return bool(self.process and self.process.running)

    def stop(self):
        """The folder of its sockets goes with it."""
        if self.process:
            self.process.stop()
            self.process = None
        if "RuntimeDirectory" in self.unit:
            shutil.rmtree(os.path.join("/run", self.unit["RuntimeDirectory"]), ignore_errors=True)
