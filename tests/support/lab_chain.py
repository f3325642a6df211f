"""lab_chain - the four gatepost daemons in one runtime folder, laid out as the
packages do: RUNTIME-DIR/NAME/milter.sock, and one state folder."""
import os
import shutil

import lab_gatepost

NAMES = ("spf", "dkim", "dmarc", "rate")


class Member(lab_gatepost.Daemon):
    """One of them; its sockets are in the chain's runtime folder."""

    def __init__(self, lab, settings, runtime, **kw):
        super().__init__(lab, settings, start=False, **kw)
        self.run_dir = os.path.join(runtime, self.name)
        self.socket = os.path.join(self.run_dir, "milter.sock")
        self.control = os.path.join(self.run_dir, "control.sock")
        os.makedirs(self.run_dir)
        os.chmod(self.run_dir, 0o2750)
        shutil.chown(self.run_dir, self.user, kw["group"])


class Chain:
    """Daemons by name; `runtime` is the folder of their folders, `group` that
    of the MTA."""

    def __init__(self, lab, settings, keys=None, names=NAMES, group="postfix", runtime=None):
        self.runtime = runtime or lab.path("run")
        os.mkdir(self.runtime)
        os.chmod(self.runtime, 0o755)
        self.daemons = {}
        for name in names:
            first = next(iter(self.daemons.values()), None)
            self.daemons[name] = Member(lab, settings, self.runtime, name=name, user="nobody",
                                        group=group, beside=first, keys=keys).start()

    def __getitem__(self, name):
        return self.daemons[name]
