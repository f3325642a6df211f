"""lab_fleet - the four daemons of a host, in one runtime folder."""
import os

import lab_gatepost

NAMES = ("spf", "dkim", "dmarc", "rate")


class Fleet:
    """`run` has a folder of each, as /run/gatepost has; they share policy and
    state."""

    def __init__(self, lab, settings, build=None, names=NAMES):
        self.lab = lab
        self.run = lab.path("runtime")
        os.makedirs(self.run)
        self.daemons = {}
        first = None
        for name in names:
            d = lab_gatepost.Daemon(lab, settings, lab_gatepost.binary(name, build), name=name,
                                    beside=first, start=False)
            first = first or d
            self.daemons[name] = d
            self.move(d, name)
            d.start()
        self.conf, self.state = first.conf, first.state

    def move(self, d, name):
        """Its runtime folder is where the tool looks for it."""
        os.rmdir(d.run_dir)
        d.run_dir = os.path.join(self.run, name)
        os.makedirs(d.run_dir)
        d.socket = os.path.join(d.run_dir, "milter.sock")
        d.control = os.path.join(d.run_dir, "control.sock")

    def __getitem__(self, name):
        return self.daemons[name]

    def set_policy(self, settings):
        self.daemons["spf"].set_policy(settings)
