#!/usr/bin/python3
"""gatepost postfix: a private Postfix is told to ask the four daemons, does so,
and is given back as it was, byte by byte."""
import glob
import os
import re
import stat
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[1:1] = [os.path.join(HERE, "..", "support"), os.path.join(HERE, "..", "protocol")]
import lab_base
import lab_chain
import lab_postfix
import enable_fixture
from enable_fixture import AR, BROKEN, DISABLED, FOREIGN, UNAVAILABLE, judged, tap


# -- the way it should go ----------------------------------------------------

def dry_run(p):
    before = p.begin()
    out, _ = p.expect(0, "dry run", "enable", "--dry-run")
    tap.ok("+smtpd_milters = $gatepost_inbound_milters" in out and "+    -o gatepost_inbound_milters=" in out,
           "dry run: the diff of both files", out)
    tap.equal(p.look(), before, "dry run: nothing is changed")


def there_and_back(p):
    before = p.begin("smtpd_banner = $myhostname ESMTP\n    gatepost\n# the last line\n")
    out, _ = p.expect(0, "enable", "enable")
    backups = sorted(glob.glob(p.etc + "/*.gatepost-*"))
    tap.ok(all("backup: " + b in out for b in backups) and [p.read(b) for b in backups] == before[0],
           "enable: a backup of either file, and it says where", out)
    tap.ok(all("socket: postfix reaches %s/%s/milter.sock\n" % (p.chain.runtime, n) in out
               for n in lab_chain.NAMES), "enable: it says which sockets were tried", out)
    tap.ok(re.search(r"^undo: gatepost postfix disable --config-dir /\S+ --state-dir /\S+$", out, re.M) and
           "next: gatepost tail\n" in out, "enable: it says how to go back, and how to go on", out)
    tap.equal([stat.S_IMODE(os.stat(n).st_mode) for n in p.names], [0o644, 0o644], "enable: the modes stay")
    enabled = p.look()
    out, _ = p.expect(0, "enable twice", "enable")
    tap.ok("nothing to change" in out and p.look() == enabled, "enable twice: nothing is changed", out)
    p.expect(0, "status", "status")
    reply, message = p.send()
    tap.ok(judged(message), "enabled: what comes in is judged", repr(reply))
    reply, message = p.submit()
    tap.ok(p.is_signed(message), "enabled: what is submitted is signed", repr(reply))
    message = p.sink.wait(p.local())
    tap.ok(p.is_signed(message), "enabled: local mail is signed")
    tap.equal(lab_postfix.milter_trouble(p.postfix.log()), [], "enabled: Postfix complains of no milter")
    tap.ok("gatepost_" not in p.postfix.log(), "enabled: nor of a parameter of ours")
    out, _ = p.expect(0, "disable", "disable")
    tap.equal(p.look()[:2], before[:2], "disable: both files are as they were, byte by byte")
    tap.equal(p.look()[3], [], "disable: nothing is remembered")
    p.expect(DISABLED, "status when disabled", "status")
    reply, message = p.send()
    tap.ok(message and not message.all(AR), "disabled: mail goes by without gatepost", repr(reply))
    out, _ = p.expect(0, "disable twice", "disable")
    tap.ok("nothing to change" in out and p.look()[:2] == before[:2], "disable twice: nothing is changed", out)


def daemons_gone(p):
    before = p.begin()
    p.expect(0, "a daemon dies: enable", "enable")
    p.chain["dkim"].kill()
    p.chain["rate"].kill()
    out, _ = p.expect(BROKEN, "a daemon dies: status", "status")
    tap.ok(re.search(r"FAIL .*/dkim/milter.sock .*nobody listens there", out) and "/spf/milter.sock" in out,
           "a daemon dies: status says which", out)
    _, err = p.expect(UNAVAILABLE, "a daemon dies: enable again", "enable")
    tap.ok("enabled already" in err and "gatepost-dkim" in err, "a daemon dies: enable says which", err)
    quiet, _ = p.expect(BROKEN, "a daemon dies: status -q", "status", "-q")
    tap.equal(quiet, "", "a daemon dies: status -q says nothing")
    reply, message = p.send()
    tap.ok(judged(message), "a daemon dies: mail comes in all the same", repr(reply))
    reply, _ = p.submit()
    tap.ok(reply.temporary, "a daemon dies: what is submitted waits", repr(reply))
    p.expect(UNAVAILABLE, "a daemon dies: enable in another way", "enable", "--fail-open")
    for name in ("spf", "dmarc"):
        p.chain[name].stop()
    p.expect(0, "all are gone: disable", "disable")
    tap.equal(p.look()[:2], before[:2], "all are gone: both files are as they were")
    for name in lab_chain.NAMES:
        p.chain[name].start()
    p.expect(0, "fail open: enable", "enable", "--fail-open")
    p.chain["dkim"].kill()
    reply, message = p.submit()
    tap.ok(reply.good and not message.all("DKIM-Signature"), "fail open: what is submitted leaves unsigned", repr(reply))
    p.chain["dkim"].start()
    p.expect(0, "from open to closed: enable", "enable", "--fail-closed")
    p.chain["spf"].kill()
    reply, _ = p.send()
    tap.ok(reply.temporary, "fail closed: mail waits outside", repr(reply))
    p.chain["spf"].start()
    p.expect(0, "after a change of mind: disable", "disable")
    tap.equal(p.look()[:2], before[:2], "after a change of mind: both files are as they were")


def foreign_milter(p):
    before = p.begin("smtpd_milters = { unix:%s,\n      default_action=accept }\n  # of somebody else\n"
                     "non_smtpd_milters = $smtpd_milters\n" % p.foreign.socket,
                     "# comment\n%d inet n - n - - smtpd\n  -o smtpd_sasl_auth_enable=yes\n#  -o foo=bar\n"
                     "  -o smtpd_milters=unix:%s\n" % (lab_base.free_port(), p.foreign.socket))
    _, message = p.send()
    tap.ok(judged(message, FOREIGN) and not judged(message), "another milter: it works before")
    out, _ = p.expect(0, "another milter: enable", "enable")
    tap.ok("non_smtpd_milters has gatepost by" in out, "another milter: local mail has it by reference", out)
    tap.ok("smtpd_milters = $gatepost_inbound_milters, { unix:%s" % p.foreign.socket in p.files()[0] and
           "-o smtpd_milters=$gatepost_submission_milters,unix:%s\n" % p.foreign.socket in p.files()[1],
           "another milter: gatepost comes first, and it stays", "\n".join(p.files()))
    _, message = p.send()
    tap.ok(judged(message, FOREIGN) and judged(message), "another milter: both work")
    p.expect(0, "another milter: status", "status")
    p.expect(0, "another milter: disable", "disable")
    tap.equal(p.look()[:2], before[:2], "another milter: both files are as they were")
    _, message = p.send()
    tap.ok(judged(message, FOREIGN) and not judged(message), "another milter: it works afterwards")


def roles(p):
    for role, inbound, submitted in (("mx", True, True), ("submission", False, True), ("both", True, True)):
        before = p.begin()
        p.expect(0, role + ": enable", "enable", "--role", role)
        p.expect(0, role + ": status", "status")
        _, message = p.send()
        tap.equal(judged(message), inbound, "%s: mail that comes in is%s judged" % (role, "" if inbound else " not"))
        _, message = p.submit()
        tap.equal(bool(p.is_signed(message)), submitted, role + ": mail that is submitted is signed")
        tap.equal("/rate/" in p.files()[0], role != "mx", role + ": who is asked")
        p.expect(0, role + ": disable", "disable")
        tap.equal(p.look()[:2], before[:2], role + ": both files are as they were")
    before = p.begin()
    for words in (("--role", "mx"), ("--role", "submission"), ("--only", "spf,dkim"), ()):
        p.expect(0, "another role: enable " + " ".join(words), "enable", *words)
    p.expect(0, "another role: disable", "disable")
    tap.equal(p.look()[:2], before[:2], "another role: both files are as they were")


enable_fixture.run("postfix enable", dry_run, there_and_back, daemons_gone, foreign_milter, roles)
