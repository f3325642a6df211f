#!/usr/bin/python3
"""gatepost postfix and sendmail, as far as no Postfix is needed: the command
line, and the lines for Sendmail."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, "..", "support"))
import lab_base
import lab_tap
from rate_fixture import tool

BUILD = "asan"
USAGE = 64
tap = lab_tap.Tap()


def usage():
    for what, words, args in (
            ("an unknown role", ["--role", "mx, submission or both"], ("postfix", "enable", "--role", "relay")),
            ("an unknown daemon", ["--only", "dikm"], ("postfix", "enable", "--only", "spf,dikm")),
            ("an empty list", ["--only"], ("postfix", "enable", "--only", "")),
            ("nothing for that role", ["--only", "--role"], ("postfix", "enable", "--role", "mx", "--only", "rate")),
            ("open and closed", ["--fail-open", "--fail-closed"], ("postfix", "enable", "--fail-open", "--fail-closed")),
            ("a folder with a blank", ["--runtime-dir"], ("postfix", "enable", "--runtime-dir", "/run/a b")),
            ("a folder with a reference", ["--runtime-dir"], ("postfix", "enable", "--runtime-dir", "/run/$x")),
            ("a relative folder", ["--runtime-dir"], ("postfix", "enable", "--runtime-dir", "run")),
            ("a word too many", ["no argument"], ("postfix", "enable", "mx")),
            ("an option of another", ["--role"], ("postfix", "disable", "--role", "mx")),
            ("postfix alone", ["expected postfix enable"], ("postfix",)),
            ("a role for sendmail", ["--role"], ("sendmail", "snippet", "--role", "relay"))):
        code, out, err = tool(*args, build=BUILD)
        tap.ok(code == USAGE and out == "" and err.count("\n") == 1 and all(w in err for w in words),
               "usage: %s: exit code 64 and one line that says why" % what, "%r %r %r" % (code, out, err))


def filters(*args):
    """The names of the filters in the snippet, and its text."""
    code, out, err = tool("sendmail", "snippet", *args, build=BUILD)
    tap.equal((code, err), (0, ""), "snippet %s: exit code 0" % " ".join(args))
    return [l.split("`")[1].split("'")[0] for l in out.splitlines() if l.startswith("INPUT_MAIL_FILTER(")], out


def snippets():
    chain = ["gatepost-" + n for n in ("spf", "dkim", "dmarc", "rate")]
    names, out = filters()
    tap.equal(names, chain, "snippet: all four, in their order")
    with open(os.path.join(lab_base.ROOT, "packaging", "etc", "gatepost.m4"), encoding="utf-8") as f:
        tap.equal(f.read(), out, "snippet: the file that is shipped is the same")
    tap.equal(out.count(" F=T,"), 4, "snippet: mail waits for each of them")
    tap.equal(filters("--role", "mx")[0], chain[:3], "snippet: for what comes in")
    tap.equal(filters("--role", "submission")[0], chain[1:], "snippet: for what leaves")
    tap.equal(filters("--only", "dkim,spf")[0], chain[:2], "snippet: only two of them, in the order of all")
    tap.ok("F=T," not in filters("--fail-open")[1], "snippet: mail passes without them")
    tap.ok("local:/srv/gp/spf/milter.sock," in filters("--runtime-dir", "/srv/gp")[1], "snippet: another folder")


def main():
    tap.run("usage", usage)
    tap.run("snippets", snippets)
    tap.done()


main()
