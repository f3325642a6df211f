#!/usr/bin/python3
"""What the README tells a newcomer to type, typed on a Debian of its own: from no
gatepost at all to signed mail that passes DMARC; then a restart, a reboot, and
back again.  The commands are as they stand in the README."""
import os
import re
import sys

import lab_machine

machine = lab_machine.enter("a newcomer's first hour")
import lab_base
import lab_debian
import lab_smtp
from lab_debian import CHROOT, DAEMONS, DOMAIN, MOUNT, must, read, run, show

MAX_COMMANDS = 8
KEPT = {"/etc/postfix/main.cf": "/srv/main.cf", "/etc/postfix/master.cf": "/srv/master.cf"}
MASTER = CHROOT + "/pid/master.pid"
tap = machine.tap


def readme_commands():
    """What the section says to type: how apt finds the packages, and then."""
    with open(os.path.join(lab_base.ROOT, "README.md"), encoding="utf-8") as f:
        section = f.read().split("\n## From nothing to signed mail\n")[1].split("\n## ")[0]
    return [[line.split("#")[0].strip() for line in block.splitlines()]
            for block in re.findall(r"(?:^    .*\n)+", section, re.M)]


def type_in(host, command):
    """One line of the README, as root."""
    if command.startswith("apt "):
        host.apt(command)
        return
    if command == "gatepost postfix enable" and not machine.booted:
        host.enable()  # with the mount that systemd would make
    r = run("sh", "-c", command)
    tap.ok(r.returncode == 0, command, "exit %d: %s%s" % (r.returncode, r.stdout, r.stderr))
    if command.startswith("gatepost key new"):
        records = re.findall(r"^\S+\._domainkey\.[^)]*\)\n", r.stdout, re.M)
        tap.equal(len(records), 2, "key new prints the two records")
        host.publish("".join(records) + lab_debian.SPF + lab_debian.DMARC)


def signatures_verify(mail, what):
    """By dkimpy, with the keys that are in DNS now."""
    import dkim
    import dns.resolver
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]

    def txt(name, timeout=5):
        answer = resolver.resolve(name.decode().rstrip("."), "TXT", lifetime=timeout)
        return b"".join(answer[0].strings)

    n = len(mail.all("DKIM-Signature")) if mail else 0
    tap.equal(n, 2, "%s: an RSA and an Ed25519 signature" % what)
    for i in range(n):
        d = dkim.DKIM(mail.raw)
        tap.ok(d.verify(i, dnsfunc=txt) and d.domain == DOMAIN.encode(), "%s: signature %d verifies, d=%s" % (what, i, DOMAIN))


def mail_is_judged(host, when):
    """By sendmail(1) and by submission: signed; back from the world: pass; a
    forgery: seen and let through."""
    signatures_verify(host.send_local("local-" + when), "sendmail(1), " + when)
    sent = host.submit("submitted-" + when)
    signatures_verify(sent, "submission, " + when)
    back = host.arrives("back-" + when, sent.raw.decode().replace("X-Lab-Id: submitted", "X-Lab-Id: back"))
    results = back.first("Authentication-Results") if back else None
    tap.match(r"(?s)dmarc=pass\s.*header.from=shop.example", results, "back from the world it passes DMARC, " + when)
    forged = host.arrives("forged-" + when, lab_debian.message_of("forged-" + when, "chief@bank.example"), "chief@bank.example")
    results = forged.first("Authentication-Results") if forged else None
    tap.match(r"(?s)spf=fail.*dmarc=fail", results, "a forgery is delivered and labelled (monitor), " + when)


def seen_from_the_chroot():
    """The socket that a chrooted smtpd reaches is the daemon's own."""
    with lab_smtp.Client(25):
        roots = {os.readlink("/proc/%d/root" % pid) for pid in lab_debian.processes("smtpd")}
    tap.equal(roots, {CHROOT}, "smtpd runs in its chroot")
    for name in DAEMONS:
        path = "/run/gatepost/%s/milter.sock" % name
        tap.ok(os.path.exists(CHROOT + path) and os.path.samefile(path, CHROOT + path), "%s is there, too" % path)
    tap.ok("postfix" in must("getent", "group", "_gatepost").rstrip().split(":")[3].split(","), "postfix is in _gatepost")


def commands_of_the_readme(host):
    archive, commands = readme_commands()
    lab_debian.write("/etc/apt/sources.list", "")
    os.symlink(lab_debian.ARCHIVE + "/built", "/srv/gatepost-deb")
    for command in archive:
        type_in(host, command)
    tap.ok(0 < len(commands) <= MAX_COMMANDS, "the README needs %d commands at most" % MAX_COMMANDS, commands)
    tap.equal(commands[-1], "gatepost tail", "the last one shows the mail")
    master = read(MASTER)
    for command in commands[:-1]:
        type_in(host, command)
    tap.equal(read(MASTER), master, "Postfix was not started anew for it")
    tail = lab_base.Process(["sh", "-c", "exec %s >&2" % commands[-1]])
    mail_is_judged(host, "first")
    tap.ok(tail.err.wait(lambda line: "dmarc=pass" in line), "gatepost tail shows it", tail.err.all)
    tail.stop()


def first_life(host):
    for path, kept in KEPT.items():
        lab_debian.write(kept, read(path).decode())
    commands_of_the_readme(host)
    seen_from_the_chroot()
    host.restart(*DAEMONS)
    seen_from_the_chroot()
    mail_is_judged(host, "restarted")


def second_life(host):
    """The host comes up with all of it, in the right order."""
    for name in DAEMONS:
        tap.equal(show("gatepost-%s.service" % name, "ActiveState"), "active", "gatepost-%s is up after a reboot" % name)
    tap.equal(show(MOUNT, "ActiveState"), "active", "the mount is up after a reboot")
    failed = must("systemctl", "list-units", "--failed", "--plain", "--no-legend")
    tap.equal(re.findall(r"\S*(?:gatepost|postfix)\S*", failed), [], "no unit has failed")
    tap.equal(must("journalctl", "-b", "-q", "--no-pager", "-p", "warning", *("-ugatepost-" + n for n in DAEMONS)), "",
              "no daemon warns of anything at a boot")
    r = run("systemd-analyze", "verify", "multi-user.target")
    cycles = re.findall(r"(?mi)^.*ordering cycle.*$", r.stderr + must("journalctl", "-b", "-q", "--no-pager"))
    tap.equal(cycles, [], "no unit is left out for a cycle")
    started = int(show("postfix@-.service", "InactiveExitTimestampMonotonic"))
    ordered = "%s %s" % (show("postfix@-.service", "After"), show(show("postfix@-.service", "Slice"), "After"))
    for unit in [MOUNT] + ["gatepost-%s.service" % n for n in DAEMONS]:
        tap.ok(unit in ordered.split() and 0 < int(show(unit, "ActiveEnterTimestampMonotonic")) < started,
               "Postfix waits for %s, and did" % unit)
    seen_from_the_chroot()
    r = run("gatepost", "postfix", "status")
    tap.ok(r.returncode == 0, "gatepost postfix status is content after a reboot", r.stdout + r.stderr)
    mail_is_judged(host, "rebooted")


def way_back(host):
    r = run("gatepost", "postfix", "disable")
    tap.ok(r.returncode == 0, "gatepost postfix disable", r.stdout + r.stderr)
    for path, kept in KEPT.items():
        tap.equal(read(path), read(kept), "%s is again what it was" % path)
    tap.ok("postfix" not in must("getent", "group", "_gatepost"), "postfix is not in _gatepost any more")
    if machine.booted:
        tap.ok(not os.path.ismount(CHROOT + "/run/gatepost"), "the mount is gone")
        tap.equal(run("systemctl", "is-enabled", MOUNT).stdout.strip(), "disabled", "and disabled")
    host.mail_flows("disabled", signed=False)


def main():
    with lab_base.Lab("newcomer") as lab:
        host = lab_debian.Debian(lab, machine)
        if machine.life == 1:
            first_life(host)
            if machine.booted:
                machine.reboot()
            host.skip("a reboot with the mount unit")
        else:
            second_life(host)
        way_back(host)


main()
tap.done()
