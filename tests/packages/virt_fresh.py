#!/usr/bin/python3
"""An autopkgtest virtualisation server:

    autopkgtest DEBS SOURCE -- tests/packages/virt_fresh.py

Each testbed is a host of lab_root, a new one for every test, so it reverts by
being another one.  It is a container also where systemd is not its process 1:
it has processes, mounts, a name and a network of its own.
"""
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, "/usr/share/autopkgtest/lib")
import VirtSubproc
import lab_root

host = None


def hook_open():
    global host
    host = lab_root.Host()
    VirtSubproc.auxverb = host.prefix()


def hook_downtmp(path):
    return VirtSubproc.downtmp_mktemp(path)


def hook_cleanup():
    global host
    if host:
        VirtSubproc.downtmp = None  # it goes with all the rest
        host.stop()
        host = None


def hook_revert():
    hook_cleanup()
    hook_open()


def hook_capabilities():
    return ["root-on-testbed", "revert", "revert-full-system", "isolation-container"]


VirtSubproc.main()
