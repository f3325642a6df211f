#!/usr/bin/python3
"""Whatever is removed, and in whatever order: mail flows.  Removing what Postfix
waits for is refused; after `gatepost postfix disable` it is not.  A purge leaves
the signing keys and the users, and nothing else."""
import os
import re

import lab_machine

machine = lab_machine.enter("removal of the packages")
import lab_base
import lab_debian
from lab_debian import DAEMONS, must, run

KEYS = "/etc/gatepost/keys"
# no files, or the lab's
ELSEWHERE = re.compile(r"/(proc|sys|dev|run|tmp|srv)$")
# what changes on any host from one minute to the next, where only our name counts
PASSING = re.compile(r"/var/(tmp|spool/postfix|lib/postfix|cache|log|lib/(apt|systemd|dpkg))/|/etc/(mtab|resolv\.conf)$|/__pycache__(/|$)")
# written anew when users are made
BACKUPS = {"/etc/%s-" % n for n in ("passwd", "group", "shadow", "gshadow")} | {"/etc/.pwd.lock"}
tap = machine.tap


def files():
    """Every file and folder of the host that is there to stay."""
    found = set()
    for place, folders, names in os.walk("/"):
        folders[:] = [d for d in folders if not ELSEWHERE.match(os.path.join(place, d))]
        paths = (os.path.join(place, n) for n in folders + names)
        found.update(p for p in paths if "gatepost" in p or not PASSING.match(p))
    return found - BACKUPS


def ours(name):
    return run("getent", name).stdout.count("_gatepost")


def refused(host, command):
    """In use: nothing is removed but what only names the others, and it says
    what to do."""
    before = lab_debian.installed()
    code, said = host.apt(command, code=None)
    tap.ok(code != 0, command + ": is refused while Postfix needs it", said)
    tap.match("gatepost postfix disable", said, command + ": says what to do first")
    tap.equal(before.items() - lab_debian.installed().items() - {("gatepost", before.get("gatepost"))}, set(),
              command + ": nothing is gone")
    tap.equal(run("dpkg", "--audit").stdout, "", command + ": no package is half removed")


def while_enabled(host):
    host.with_key()
    host.enable()
    host.mail_flows("enabled", signed=True)
    for command in ("apt remove gatepost-dkim", "apt remove gatepost-tools gatepost-spf gatepost-dkim gatepost-dmarc gatepost-rate",
                    "apt purge 'gatepost*'"):
        refused(host, command)
        host.mail_flows(command, signed=True)


def removed(host):
    host.disable()
    host.apt("apt remove 'gatepost*'")
    tap.equal(lab_debian.installed(), {}, "all of it is removed")
    tap.equal([p for n in DAEMONS for p in lab_debian.processes("gatepost-" + n)], [], "no daemon runs any more")
    tap.ok(os.path.exists("/var/lib/gatepost/seal.key"), "removed, not purged: state is kept")
    tap.ok(os.path.exists("/etc/gatepost/gatepost.conf"), "and the policy")
    host.mail_flows("removed", signed=False)


def purged(host, before, conffiles):
    keys = os.listdir(KEYS)
    _, said = host.apt("apt purge 'gatepost*'")
    left = {p for p in files() - before if not p.startswith(conffiles)}
    expected = {"/etc/gatepost", KEYS} | {os.path.join(KEYS, k) for k in keys}
    tap.equal(left - expected, set(), "a purge leaves nothing behind")
    tap.equal(expected - left, set(), "but the %d keys" % len(keys))
    tap.match(KEYS, said, "and says so")
    tap.equal(before - files(), set(), "nothing of others is gone")
    tap.ok(ours("passwd") >= len(DAEMONS) and ours("group"), "users and groups stay, for the files that they may own")
    host.mail_flows("purged", signed=False)
    return keys


def installed_again(host, keys):
    host.apt("apt install gatepost")
    tap.equal(sorted(os.listdir(KEYS)), sorted(keys), "the keys are there again")
    must("gatepost", "check")
    host.enable()
    host.mail_flows("installed again")
    host.disable()


def main():
    with lab_base.Lab("remove") as lab:
        host = lab_debian.Debian(lab, machine)
        before = files()
        host.apt("apt install gatepost")
        while_enabled(host)
        removed(host)
        # the administrator's own: written by his command, not by a package
        keys = purged(host, before, ("/etc/postfix/main.cf.gatepost-", "/etc/postfix/master.cf.gatepost-",
                                     "/etc/gatepost/policy.d"))
        installed_again(host, keys)


main()
tap.done()
