#!/usr/bin/python3
"""What `apt install gatepost` sets going, before anybody has touched anything:
each daemon as a user of its own without rights, its folders and keys; how it takes
a policy, a wrong one, a kill; and the target that has them all."""
import json
import os
import pwd
import re
import stat
import urllib.request

import lab_machine

machine = lab_machine.enter("the services of the packages")
import lab_base
import lab_debian
from lab_debian import DAEMONS, DOMAIN, must, read, run, show, unit_settings, write

WRONG = "/etc/gatepost/policy.d/wrong.conf"
EXPORTER = "http://127.0.0.1:19547/metrics"
RESTART_S = 10
RELOADS = [("gatepost reload", "gatepost", "reload"),
           ("systemctl reload", "systemctl", "reload", *("gatepost-" + n for n in DAEMONS)),
           ("systemctl reload gatepost.target", "systemctl", "reload", "gatepost.target")]
tap = machine.tap


def access(path):
    """"user:group mode" as ls has it."""
    return must("stat", "-c", "%U:%G %a", path).strip()


def status(pid):
    return dict(line.split(":\t", 1) for line in read("/proc/%d/status" % pid).decode().splitlines() if ":\t" in line)


def open_files(pid):
    """Its soft and hard limit."""
    found = re.search(r"Max open files +(\d+) +(\d+)", read("/proc/%d/limits" % pid).decode())
    return int(found.group(1)), int(found.group(2))


# -- as installed ------------------------------------------------------------
def service_is_set_up(name):
    unit = "gatepost-%s.service" % name
    found = show(unit, "ActiveState", "UnitFileState", "TasksMax", "StatusText")
    tap.equal((found["ActiveState"], found["UnitFileState"]), ("active", "enabled"), unit + " is active and enabled")
    tap.equal(found["TasksMax"], unit_settings(name)["TasksMax"], unit + ": TasksMax is in force")
    tap.match("^policy of .* 0 domains", found["StatusText"], unit + " says what it is at")


def process_has_no_rights(name, pid):
    found = status(pid)
    tap.equal(pwd.getpwuid(int(found["Uid"].split()[0])).pw_name, "_gatepost-" + name, name + ": runs as its own user")
    tap.equal(len(set(found["Uid"].split())), 1, name + ": has no other user to become")
    tap.equal({found[c] for c in ("CapInh", "CapPrm", "CapEff", "CapAmb")}, {"0" * 16}, name + ": has no capability")
    if not machine.booted:
        return
    tap.equal((found["CapBnd"], found["NoNewPrivs"], found["Seccomp"]), ("0" * 16, "1", "2"),
              name + ": can get none, and has its system calls filtered")
    wanted = min(int(unit_settings(name)["LimitNOFILE"]), open_files(1)[1])
    tap.equal(open_files(pid), (wanted, wanted), name + ": LimitNOFILE is in force, or what this host lets it have")


def folders_are_closed(name):
    owner = "_gatepost-%s:_gatepost" % name
    folder = "/run/gatepost/" + name
    tap.equal(access(folder), owner + " 750", folder)
    tap.equal(access(folder + "/milter.sock"), owner + " 770", folder + "/milter.sock")
    tap.equal(access(folder + "/control.sock"), owner + " 600", folder + "/control.sock")


def keys_are_closed():
    """To all daemons but the signer."""
    folder = "/etc/gatepost/keys"
    tap.equal(access(folder), "root:_gatepost-dkim 750", folder)
    must("gatepost", "key", "new", DOMAIN)
    keys = [os.path.join(folder, k) for k in os.listdir(folder)]
    tap.equal({access(k) for k in keys}, {"root:_gatepost-dkim 640"}, "the %d keys in it" % len(keys))
    for name in DAEMONS + ("exporter",):
        user = ["setpriv", "--reuid", "_gatepost-" + name, "--regid", "_gatepost", "--init-groups", "cat"]
        good = {k for k in keys if run(*user, k).returncode == 0}
        tap.equal(good, set(keys) if name == "dkim" else set(), "who is _gatepost-%s reads %s" % (name, "them" if name == "dkim" else "none"))
    for user in ("postfix", "nobody"):
        tap.ok(all(run("setpriv", "--reuid", user, "--clear-groups", "cat", k).returncode for k in keys), user + " reads none")
    seal = "/var/lib/gatepost/seal.key"
    tap.match(r"^(root|_gatepost-\w+):_gatepost 640$", access(seal), seal)
    tap.ok(not os.stat("/var/lib/gatepost").st_mode & stat.S_IRWXO, "/var/lib/gatepost is closed to others")


# -- policy ------------------------------------------------------------------
def a_reload(host, what, *command):
    """RELOADING, then READY: systemd has seen the state change."""
    before = {n: show("gatepost-%s.service" % n, "StateChangeTimestampMonotonic") for n in DAEMONS}
    pids = host.pids()
    must(*command)
    for n in DAEMONS:
        unit = "gatepost-%s.service" % n
        lab_base.wait_until(lambda u=unit: show(u, "ActiveState") == "active", RESTART_S, unit + " is active")
        tap.ok(show(unit, "StateChangeTimestampMonotonic") != before[n], "%s: %s has told systemd" % (what, n))
    tap.equal(host.pids(), pids, what + ": the same processes go on")


def a_wrong_policy(host):
    """Is refused with its place; what was in force stays."""
    pids = host.pids()
    write(WRONG, 'domain "%s" {\n    enfroce = yes\n}\n' % "other.example")
    r = run("gatepost", "reload")
    tap.equal(r.returncode, 1, "gatepost reload refuses a wrong policy")
    tap.match(re.escape(WRONG) + ":2: ", r.stderr, "and says where")
    tap.equal(host.pids(), pids, "the same processes go on")
    if machine.booted:
        for n in DAEMONS:
            unit = "gatepost-%s.service" % n
            lab_base.wait_until(lambda u=unit: show(u, "ActiveState") == "active", RESTART_S, unit + " is active")
            tap.match(re.escape(WRONG) + ":2: .*still in force: policy of", show(unit, "StatusText"), unit + " says where, and that the old one holds")
    os.unlink(WRONG)
    must("gatepost", "reload")


def a_wrong_policy_at_start():
    """Exit 78, once: it would be wrong a second later, too."""
    unit = "gatepost-spf.service"
    write(WRONG, "enfroce = yes\n")
    tap.ok(run("systemctl", "restart", unit).returncode != 0, "with a wrong policy it does not start")
    found = show(unit, "ActiveState", "SubState", "ExecMainStatus", "NRestarts")
    tap.equal(found, {"ActiveState": "failed", "SubState": "failed", "ExecMainStatus": "78", "NRestarts": "0"},
              "it failed by 78, and no restart is due")
    tap.match(re.escape(WRONG) + ":1: ", must("journalctl", "-q", "--no-pager", "-u", unit), "the journal has the place")
    os.unlink(WRONG)
    must("systemctl", "start", unit)


# -- killed, stopped, started ------------------------------------------------
def a_kill(host, name):
    unit = "gatepost-%s.service" % name
    pid = host.pids()[name]
    os.kill(pid, 9)
    lab_base.wait_until(lambda: show(unit, "MainPID") not in ("0", str(pid)) and show(unit, "ActiveState") == "active",
                        RESTART_S, unit + " is up again")
    tap.ok(True, "%s: killed, and up again within %d s" % (name, RESTART_S))


def the_target(host):
    before = host.pids()
    must("systemctl", "restart", "gatepost.target")
    lab_base.wait_until(lambda: all(show("gatepost-%s.service" % n, "ActiveState") == "active" for n in DAEMONS),
                        RESTART_S, "all are up again")
    after = host.pids()
    tap.ok(all(after[n] not in (0, before[n]) for n in DAEMONS), "restart gatepost.target restarts all four", (before, after))
    must("systemctl", "stop", "gatepost.target")
    lab_base.wait_until(lambda: not any(host.pids().values()), RESTART_S + 10, "all are down")
    tap.equal({show("gatepost-%s.service" % n, "Result") for n in DAEMONS}, {"success"}, "stop gatepost.target stops all four, and well")
    tap.equal([p for n in DAEMONS for p in lab_debian.processes("gatepost-" + n)], [], "no process is left")
    must("systemctl", "start", "gatepost.target")
    lab_base.wait_until(lambda: all(show("gatepost-%s.service" % n, "ActiveState") == "active" for n in DAEMONS),
                        RESTART_S, "start gatepost.target starts them")
    tap.ok(True, "start gatepost.target starts all four")


# -- the exporter ------------------------------------------------------------
def the_exporter(host):
    host.apt("apt install gatepost-exporter")
    unit = "gatepost-exporter.service"
    tap.equal(show(unit, "ActiveState"), "active", unit + " is active")
    with urllib.request.urlopen(EXPORTER, timeout=10) as answer:
        page = answer.read().decode()
    up = dict(re.findall(r'(?m)^gatepost_up\{[^}]*?"(?:gatepost-)?(\w+)"[^}]*\} (\d)', page))
    tap.equal(up, {n: "1" for n in DAEMONS}, "its page shows all four")
    process_has_no_rights("exporter", int(show(unit, "MainPID")))


def main():
    with lab_base.Lab("services") as lab:
        host = lab_debian.Debian(lab, machine)
        host.apt("apt install gatepost")
        for name in DAEMONS:
            if machine.booted:
                service_is_set_up(name)
            process_has_no_rights(name, host.pids()[name])
            folders_are_closed(name)
        keys_are_closed()
        report = json.loads(run("gatepost", "postfix", "status", "--json").stdout)
        tap.ok(report, "gatepost postfix status")
        tap.equal(run("gatepost", "postfix", "status", "-q").returncode, 1, "nothing is attached to Postfix")
        a_wrong_policy(host)
        if not machine.booted:
            host.skip("limits, STATUS=, reload, restart after a kill, exit 78, the target, the exporter")
            return
        for what, *command in RELOADS:
            tap.run(what, a_reload, host, what, *command)
        for name in DAEMONS:
            tap.run("kill " + name, a_kill, host, name)
        tap.run("a wrong policy at start", a_wrong_policy_at_start)
        tap.run("the target", the_target, host)
        tap.run("the exporter", the_exporter, host)


main()
tap.done()
