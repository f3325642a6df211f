#!/usr/bin/python3
"""gatepost doctor against the four daemons: all green, and each fault by its
finding and its remedy alone."""
import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, "..", "support"))
import lab_base
import lab_dns
import lab_gatepost
import lab_tap
from rate_fixture import tool

BUILD = "asan"
ID = "mx.lab.example"
DAEMONS = ("spf", "dkim", "dmarc", "rate")
USAGE = 64
tap = lab_tap.Tap()


class Fixture:
    """The four daemons with one policy, and their folders by their names."""

    def __init__(self, lab):
        self.lab = lab
        self.dns = lab.own(lab_dns.DnsServer({}))
        self.run = lab.path("runtime")
        os.makedirs(self.run)
        self.daemons = {}
        for name in DAEMONS:
            d = lab_gatepost.Daemon(lab, self.settings(), lab_gatepost.binary(name, BUILD), name=name,
                                    beside=self.daemons.get("spf"))
            os.symlink(d.run_dir, os.path.join(self.run, name))
            self.daemons[name] = d
        self.conf, self.state = d.conf, d.state

    def settings(self, **more):
        return {"authserv-id": ID, "own-ids": ["old.lab.example"],
                "resolver": {"servers": [self.dns.address], "timeout": "1s", "tries": 1},
                "store": "mem", **more}

    def set_policy(self, settings, reload=DAEMONS):
        self.daemons["spf"].set_policy(settings)
        for name in reload:
            self.daemons[name].reload()

    def doctor(self, *words):
        """(exit code, findings) of all topics, or of those that are given."""
        only = [w for topic in words if not topic.startswith("-") for w in ("--only", topic)]
        code, out, err = tool("--config", self.conf, "--runtime-dir", self.run, "--state-dir", self.state,
                              "--json", "doctor", *only, *(w for w in words if w.startswith("-")), build=BUILD)
        if err:
            tap.note(err)
        return code, json.loads(out)["findings"]

    def bad(self, *words):
        """The findings that are not green, as (light, subject, what, remedy)."""
        return [(f["light"], f["subject"], f["what"], f["remedy"]) for f in self.doctor(*words)[1]
                if f["light"] != "green"]

    def restart(self, name):
        self.daemons[name].stop()
        self.daemons[name].start()


def green(f):
    code, found = f.doctor("daemons", "chain")
    tap.equal((code, [(x["light"], x["topic"], x["subject"]) for x in found]),
              (0, [("green", "daemons", n) for n in DAEMONS] + [("green", "chain", "")]), "all is well: exit 0")
    tap.match(r"^forged results go, ours arrive: spf=none dkim=none dmarc=none, \d+ ms$", found[-1]["what"],
              "all is well: what the chain reported")
    tap.equal(f.doctor("daemons", "chain", "--quiet"), (0, []), "--quiet: nothing is left")


def main():
    with lab_base.Lab("doctor") as lab:
        f = Fixture(lab)
        for test in (green,):
            tap.run(test.__name__, test, f)
    tap.done()


main()
