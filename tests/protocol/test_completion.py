#!/usr/bin/python3
"""Completion by bash(1) itself: the words, the options of a command, files."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_base
import lab_tap

tap = lab_tap.Tap()
SCRIPT = os.path.join(lab_base.ROOT, "packaging", "completion", "gatepost")
TOOL = os.path.join(lab_base.ROOT, os.environ.get("O", "build"), "asan", "bin")

ASK = """\
. "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_gatepost
printf '%s\\n' "${COMPREPLY[@]}"
"""


def complete(*words, cwd=None):
    """What the shell offers at the last of these words."""
    path = TOOL if os.path.isabs(TOOL) else os.path.join(lab_base.ROOT, TOOL)
    r = subprocess.run(["bash", "--norc", "-c", ASK, "bash", SCRIPT, "gatepost", *words], cwd=cwd,
                       env={"PATH": "%s:/usr/bin:/bin" % path, "ASAN_OPTIONS": "detect_leaks=0"},
                       capture_output=True, text=True, timeout=20, check=False)
    return sorted(set(r.stdout.split()))


with lab_base.Lab("completion") as lab:
    first = complete("")
    tap.ok({"rate", "--json"} <= set(first), "the first word: commands and options", first)
    tap.equal(complete("ra"), ["rate"], "what has been typed of it counts")
    tap.ok("why" in complete("rate", "") and "plan" not in complete("rate", ""), "the second word: of this command only")
    tap.equal(complete("rate", "warmup", "pl"), ["plan"], "the third word")
    tap.equal(complete("rate", "warmup", "plan", "--vol"), ["--volume"], "an option of the command")
    tap.equal(complete("--config", "/x", "rate", "warmup", "pl"), ["plan"], "an option with its value stands before it")
    tap.ok("--volume" not in complete("rate", "why", "--"), "no option of another command")
    open(lab.path("policy.conf"), "w", encoding="ascii").close()
    os.mkdir(lab.path("run"))
    tap.equal(complete("--config", "pol", cwd=lab.path()), ["policy.conf"], "a file behind --config")
    tap.equal(complete("--runtime-dir", "", cwd=lab.path()), ["run"], "a folder behind --runtime-dir")
    tap.equal(complete("nonsense", "wo"), [], "nothing for an unknown command")

tap.done()
