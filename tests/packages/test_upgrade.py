#!/usr/bin/python3
"""`apt upgrade` on a host that signs mail: the daemons are those of the new
version afterwards, unless the policy is wrong; then the old ones go on.  What
the administrator has written, and what the daemons have counted, stays."""
import hashlib
import os
import re

import lab_machine

machine = lab_machine.enter("an upgrade of the packages")
import lab_base
import lab_debian
from lab_debian import DAEMONS, must, read, run, write

CONF = "/etc/gatepost/gatepost.conf"
PROVIDERS = "/etc/gatepost/policy.d/providers.conf"
WRONG = "/etc/gatepost/policy.d/wrong.conf"
LIMIT = 'limit "all" { count = recipients  by = { "domain" }  rate = { "5000/1d" } }\n'
tap = machine.tap


def versions():
    return set(lab_debian.installed().values())


def digest(path):
    return hashlib.sha256(read(path)).hexdigest()


def counted():
    """The meters of the limiter, without their levels, which sink."""
    return {line.split()[0] for line in must("gatepost", "rate", "show").splitlines() if "/" in line.split(" ")[0]}


class Before:
    """What an upgrade must not change."""

    def __init__(self):
        self.seal = digest("/var/lib/gatepost/seal.key")
        self.conf = read(CONF)
        self.meters = counted()

    def holds(self, when):
        tap.equal(digest("/var/lib/gatepost/seal.key"), self.seal, when + ": the seal key is the same")
        tap.equal(read(CONF), self.conf, when + ": what the administrator wrote stays")
        tap.ok(self.meters and self.meters <= counted(), when + ": the counters go on", (self.meters, counted()))


def older(host):
    """The version before, in use."""
    host.archive("older")
    host.apt("apt install gatepost")
    tap.equal(versions(), {"0.0.9"}, "the older version is installed")
    tap.match("as the older version had it", read(PROVIDERS).decode(), "with its own conffile")
    with open(CONF, "a", encoding="utf-8") as f:
        f.write("\n# of the administrator's own\n" + LIMIT)
    host.with_key()
    host.enable()
    host.mail_flows("the older version", signed=True)


def upgrade(host):
    before, pids = Before(), host.pids()
    host.archive("built")
    host.apt("apt upgrade")
    tap.ok(versions() and "0.0.9" not in versions(), "apt upgrade brings the version that was built", versions())
    if not machine.booted:
        host.restart(*DAEMONS)
    after = host.pids()
    tap.ok(all(after[n] not in (0, pids[n]) for n in DAEMONS), "its daemons run", (pids, after))
    tap.ok("as the older version" not in read(PROVIDERS).decode(), "a conffile that nobody changed is the new one")
    before.holds("after the upgrade")
    host.mail_flows("after the upgrade", signed=True)


def upgrade_with_a_wrong_policy(host):
    before, pids = Before(), host.pids()
    write(WRONG, 'domain "other.example" {\n    enfroce = yes\n}\n')
    host.archive("newer")
    _, said = host.apt("apt upgrade")
    tap.equal(versions(), {"99"}, "apt upgrade goes through with a wrong policy")
    tap.match(re.escape(WRONG) + ":2: ", said, "and says where it is wrong")
    tap.equal(host.pids(), pids, "the old daemons go on")
    tap.equal(run("dpkg", "--audit").stdout, "", "no package is half installed")
    host.mail_flows("with a wrong policy", signed=True)
    os.unlink(WRONG)
    must("systemctl", "restart", "gatepost.target")
    lab_base.wait_until(lambda: all(host.pids().values()), 20, "the daemons start")
    lab_base.wait_until(lambda: run("gatepost", "postfix", "status", "-q").returncode == 0, 20, "all sockets answer")
    after = host.pids()
    tap.ok(all(after[n] != pids[n] for n in DAEMONS), "mended, a restart brings the new ones", (pids, after))
    before.holds("mended")
    host.mail_flows("mended", signed=True)


def main():
    with lab_base.Lab("upgrade") as lab:
        host = lab_debian.Debian(lab, machine)
        older(host)
        upgrade(host)
        if not machine.booted:
            host.skip("the restart of the daemons by an upgrade, and that a wrong policy prevents it")
            return
        upgrade_with_a_wrong_policy(host)


main()
tap.done()
