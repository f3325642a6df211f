#!/usr/bin/python3
"""gatepost postfix: others edit main.cf in between, or something goes wrong in the
middle: what is theirs stays, and half of a change is never left."""
import glob
import os
import re
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "protocol")]
import lab_base
import enable_fixture
from enable_fixture import (AR, BROKEN, BUILD, CONFIG, DISABLED, NOPERM, TEMPFAIL, UNAVAILABLE, judged,
                            tap)
from rate_fixture import tool


# -- what others do in between -----------------------------------------------

def edits(p):
    p.begin("smtpd_milters = unix:%s\n" % p.foreign.socket)
    p.expect(0, "edits: enable", "enable")
    text = p.files()[0].replace("smtpd_milters = $gatepost_inbound_milters, ",
                                "message_size_limit = 12345678\nsmtpd_milters = inet:127.0.0.1:9, "
                                "$gatepost_inbound_milters, ")
    p.write(p.names[0], text)
    out, _ = p.expect(0, "edits: status", "status")
    tap.ok("smtpd_milters was changed since enable" in out and "asks others before gatepost" in out,
           "edits: status says what was changed", out)
    out, _ = p.expect(0, "edits: disable", "disable")
    main = p.files()[0]
    tap.ok("message_size_limit = 12345678\nsmtpd_milters = inet:127.0.0.1:9, unix:%s\n" % p.foreign.socket in main and
           "gatepost_" not in main, "edits: ours goes, theirs stays", main)
    tap.ok("main.cf: without gatepost's lines; it was changed since enable" in out and
           "master.cf: as it was before enable" in out, "edits: it says which file is not exact", out)
    p.begin()
    p.expect(0, "an edit of ours: enable", "enable", "--only", "spf,dkim")
    edited = p.files()[0].replace("connect_timeout=5s", "connect_timeout=7s")
    p.write(p.names[0], edited)
    _, err = p.expect(CONFIG, "an edit of ours: enable again", "enable")
    tap.ok("gatepost_inbound_milters" in err and "--force" in err and p.files()[0] == edited,
           "an edit of ours: it is not overwritten", err)
    out, _ = p.expect(0, "an edit of ours: disable", "disable")
    tap.ok("gatepost_inbound_milters was changed since gatepost wrote it, and stays" in out and
           "\nsmtpd_milters = \n" in p.files()[0] and "gatepost_inbound_milters = {" in p.files()[0],
           "an edit of ours: it stays, and nothing refers to it", out)
    _, message = p.send()
    tap.ok(message and not message.all(AR), "an edit of ours: mail goes by without gatepost")
    p.expect(BROKEN, "an edit of ours: status says that something is left", "status")
    p.expect(0, "an edit of ours: disable with force", "disable", "--force")
    tap.ok("gatepost_" not in p.files()[0], "an edit of ours: force removes it", p.files()[0])
    p.expect(DISABLED, "an edit of ours: status in the end", "status")


def forgotten(p):
    """What is remembered was lost: the lines are found all the same."""
    p.begin("smtpd_milters = unix:%s\n" % p.foreign.socket)
    p.expect(0, "nothing remembered: enable", "enable")
    shutil.rmtree(p.state)
    os.mkdir(p.state)
    p.expect(0, "nothing remembered: status", "status")
    out, _ = p.expect(0, "nothing remembered: enable twice", "enable")
    tap.ok("nothing to change" in out, "nothing remembered: nothing to change", out)
    shutil.rmtree(p.state)
    p.expect(0, "no state directory: disable", "disable")
    os.mkdir(p.state)
    tap.ok("gatepost_" not in "".join(p.files()) and "smtpd_milters = unix:%s\n" % p.foreign.socket in p.files()[0],
           "nothing remembered: ours goes, theirs stays", "\n".join(p.files()))


# -- what goes wrong ----------------------------------------------------------

def unchanged(p, before, name, want, words, *args):
    """It fails with these words, and all is as before."""
    _, err = p.expect(want, name, "enable", *args)
    tap.ok(all(w in err for w in words), name + ": it says why", err)
    tap.equal(p.look(), before, name + ": nothing is changed")


def failures(p):
    drafts = set(glob.glob("/tmp/gatepost-postfix.*"))
    before = p.begin()
    p.chain["dmarc"].stop()
    unchanged(p, before, "a silent daemon", UNAVAILABLE, ["gatepost-dmarc", "nothing was changed"])
    p.chain["dmarc"].start()
    os.chmod(p.chain["rate"].run_dir, 0o700)
    unchanged(p, before, "a closed folder", CONFIG, ["gatepost-rate", "postfix may not enter"])
    os.chmod(p.chain["rate"].run_dir, 0o2750)
    p.begin()
    p.write(p.names[0], p.files()[0] + "meta_directory = /nowhere\n")
    before = p.look()
    unchanged(p, before, "postfix check fails", CONFIG, ["nothing was changed: postfix: exit code"])
    p.begin()
    os.makedirs(os.path.join(p.state, "postfix", state_name(p.etc) + ".gatepost-new"))
    before = p.look()
    unchanged(p, before, "no room to remember", TEMPFAIL, ["state"])
    p.begin()
    with open(os.path.join(p.state, "postfix"), "w", encoding="ascii"):
        pass
    before = p.look()
    unchanged(p, before, "a state folder that is none", NOPERM, ["a folder that only root writes to"])
    before = p.begin("smtpd_milters = { unix:/a\n")
    unchanged(p, before, "a list without end", CONFIG, ["smtpd_milters", "a brace has no partner"])
    p.begin()
    os.rename(p.names[0], p.names[0] + ".real")
    os.symlink(p.names[0] + ".real", p.names[0])
    before = p.look()
    unchanged(p, before, "main.cf is a link", CONFIG, ["main.cf: it is a symbolic link"])
    os.rename(p.names[0] + ".real", p.names[0])
    code, _, err = tool("postfix", "status", "--config-dir", p.lab.dir, build=BUILD)
    tap.ok(code == UNAVAILABLE and "main.cf" in err, "no Postfix there: exit code 69", "%r %s" % (code, err))
    # one that another program has now goes away soon
    left = set(glob.glob("/tmp/gatepost-postfix.*")) - drafts
    lab_base.wait_until(lambda: not any(os.path.exists(d) for d in left), 20, "no draft is left behind")


def state_name(etc):
    return re.sub(r"[^A-Za-z0-9_-]", lambda m: "%%%02X" % ord(m.group()), etc.lstrip("/")) + ".state"


def not_root(p):
    before = p.begin()
    program = shutil.copy(os.path.join(lab_base.BUILD, BUILD, "bin", "gatepost"), p.lab.dir)
    words = [program, "--runtime-dir", p.chain.runtime, "--state-dir", p.state, "postfix"]
    for word in ("enable", "disable"):
        done = subprocess.run([*words, word, "--config-dir", p.etc], capture_output=True, text=True, timeout=30,
                              user="nobody", group="nogroup", extra_groups=[], stdin=subprocess.DEVNULL)
        tap.ok(done.returncode == NOPERM and "only root" in done.stderr, "not root: %s: exit code 77" % word,
               "%r %s" % (done.returncode, done.stderr))
    tap.equal(p.look(), before, "not root: nothing is changed")
    for want, word in ((0, "enable"), (DISABLED, "status")):
        more = ["--dry-run"] if word == "enable" else []
        done = subprocess.run([*words, word, *more, "--config-dir", p.etc], capture_output=True, text=True, timeout=30,
                              user="nobody", group="nogroup", extra_groups=[], stdin=subprocess.DEVNULL)
        tap.equal((done.returncode, done.stderr), (want, ""), "not root: to look is allowed: " + word)


def chrooted(p):
    spool = os.path.join(p.postfix.dir, "spool")
    inside = spool + p.chain.runtime
    service = "127.0.0.1:%d inet n - y - - smtpd\n" % p.chroot_port
    before = p.begin(master=service)
    unchanged(p, before, "chrooted", UNAVAILABLE, ["chrooted in " + spool, "mount -B"])
    os.makedirs(inside)
    if subprocess.run(["mount", "-B", p.chain.runtime, inside], capture_output=True, check=False).returncode:
        tap.skip("chrooted: with a mount", "no mount is allowed here")
        return
    try:
        before = p.begin(master=service)
        out, _ = p.expect(0, "chrooted: enable, with a mount", "enable")
        tap.ok("socket: postfix reaches %s/spf/milter.sock from inside %s" % (p.chain.runtime, spool) in out,
               "chrooted: it says from where it tried", out)
        reply, message = p.send(p.chroot_port)
        tap.ok(judged(message), "chrooted: what comes in there is judged", repr(reply))
        p.expect(0, "chrooted: status", "status")
        p.expect(0, "chrooted: disable", "disable")
        tap.equal(p.look()[:2], before[:2], "chrooted: both files are as they were")
    finally:
        p.begin()
        subprocess.run(["umount", inside], check=True)


enable_fixture.run("postfix enable and faults", edits, forgotten, failures, not_root, chrooted)
