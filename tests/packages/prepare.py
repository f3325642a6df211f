#!/usr/bin/python3
"""What the tests here install and where: archives of the packages in $O/deb, and
a root folder of Debian with Postfix, a name server and what else the packages
depend on.  Both in $O/packages; the folder is kept until it needs other packages.

    archive/built   the packages as built
    archive/older   the same as version 0.0.9
    archive/newer   the same as version 99
    root            a link to the folder
    why-not         in its place: why there is none
"""
import contextlib
import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys

import lab_machine
import lab_root

OLDER, NEWER = "0.0.9", "99"
NAME = "mail.shop.example"
# the operator's host, and what the tests in it ask
HOST = ("adduser dbus iproute2 libsasl2-modules nsd openssl postfix procps python3 python3-authres python3-dkim "
        "python3-dnspython python3-nacl systemd systemd-sysv").split()
# a site that is on the Internet, as the question of Debian's Postfix has it
PRESEED = "postfix postfix/main_mailer_type select Internet Site\npostfix postfix/mailname string %s\n" % NAME
HOOK = """set -eu
echo %s >"$1/etc/hostname"
printf '127.0.0.1 localhost\\n127.0.1.1 %s mail\\n' >"$1/etc/hosts"
chroot "$1" debconf-set-selections <<'END'
%sEND
""" % (NAME, NAME, PRESEED)
# Debian's own name server does not answer here: a test starts one.
LAST_HOOK = """set -eu
chroot "$1" systemctl -q mask nsd.service
chroot "$1" postconf -e myhostname=%s
: >"$1/etc/machine-id"
""" % NAME


def run(*words, **kw):
    return subprocess.run(words, check=True, capture_output=True, text=True, **kw).stdout


# -- the archives ------------------------------------------------------------
def archive(name, packages):
    folder = os.path.join(lab_machine.PREPARED, "archive", name)
    os.makedirs(folder)
    for package in packages:
        shutil.copy(package, folder)
    with open(os.path.join(folder, "Packages"), "w", encoding="utf-8") as f:
        f.write(run("dpkg-scanpackages", "--multiversion", ".", cwd=folder))


def as_version(package, version, folder):
    """The same package, and its fellows in its dependencies, by that version."""
    tree = os.path.join(folder, "tree")
    run("dpkg-deb", "-R", package, tree)
    control = os.path.join(tree, "DEBIAN", "control")
    with open(control, encoding="utf-8") as f:
        text = f.read()
    own = run("dpkg-deb", "-f", package, "Version").strip()
    text = text.replace("\nVersion: %s\n" % own, "\nVersion: %s\n" % version)
    text = re.sub(r"(gatepost-\w+ \(>?=) %s\)" % re.escape(own), r"\1 %s)" % version, text)
    with open(control, "w", encoding="utf-8") as f:
        f.write(text)
    if version == OLDER and os.path.exists(tree + "/etc/gatepost/policy.d/providers.conf"):
        with open(tree + "/etc/gatepost/policy.d/providers.conf", "a", encoding="utf-8") as f:
            f.write("# as the older version had it\n")
    out = os.path.join(folder, os.path.basename(package).replace("_%s_" % own, "_%s_" % version))
    run("dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, out)
    shutil.rmtree(tree)
    return out


def archives():
    packages = lab_root.debs()
    if not packages:
        raise lab_root.Missing("there are no packages in $O/deb (make deb)")
    shutil.rmtree(os.path.join(lab_machine.PREPARED, "archive"), ignore_errors=True)
    archive("built", packages)
    for name, version in (("older", OLDER), ("newer", NEWER)):
        folder = os.path.join(lab_machine.PREPARED, "as-" + name)
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        archive(name, [as_version(p, version, folder) for p in packages])
        shutil.rmtree(folder)


# -- the root folder ---------------------------------------------------------
def debootstrap(root, included):
    for program in ("mmdebstrap", "dpkg-scanpackages"):
        if not shutil.which(program):
            raise lab_root.Missing("%s is not installed" % program)
    shutil.rmtree(root, ignore_errors=True)
    try:
        run("mmdebstrap", "--mode=root", "--variant=minbase", "--include=" + ",".join(included), "--essential-hook=" + HOOK,
            "--customize-hook=" + LAST_HOOK, lab_root.suite(), root, stdin=subprocess.DEVNULL, timeout=300)
    except subprocess.CalledProcessError as e:
        shutil.rmtree(root, ignore_errors=True)
        raise lab_root.Missing("mmdebstrap: " + " | ".join(e.stderr.splitlines()[-3:])) from e


def make_root():
    """The folder's name is the digest of what it is made of."""
    included = sorted(lab_root.needed_by_packages().union(HOST))
    digest = hashlib.sha256(repr((lab_root.suite(), included, HOOK, LAST_HOOK)).encode()).hexdigest()[:12]
    root = os.path.join(lab_machine.PREPARED, "root-" + digest)
    for other in glob.glob(os.path.join(lab_machine.PREPARED, "root-*")):
        if other != root:
            shutil.rmtree(other)
    if not os.path.isdir(root):
        debootstrap(root + ".new", included)
        os.rename(root + ".new", root)
    return os.path.basename(root)


def main():
    link = os.path.join(lab_machine.PREPARED, "root")
    os.makedirs(lab_machine.PREPARED, exist_ok=True)
    for old in (link, lab_machine.WHY_NOT):
        if os.path.lexists(old):
            os.unlink(old)
    try:
        if os.geteuid() != 0:
            raise lab_root.Missing("needs root")
        archives()
        os.symlink(make_root(), link)
    except lab_root.Missing as e:
        print("no root folder for the packages: %s" % e, file=sys.stderr)
        with open(lab_machine.WHY_NOT, "w", encoding="utf-8") as f:
            f.write("%s\n" % e)
    with contextlib.suppress(lab_root.Missing):  # test_autopkgtest.py says why
        lab_root.kept_root()


main()
