#!/usr/bin/python3
"""libspf2 as the second opinion: over the RFC 7208 suite the daemon with
engine = libspf2 never breaks, and differs from the builtin engine in exactly
the tests that tests/vectors/libspf2-differences.txt names; engine = compare
acts on builtin and reports the same tests as different."""
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_base
import lab_tap
import suite7208

LIST = os.path.join(lab_base.ROOT, "tests", "vectors", "libspf2-differences.txt")


def known():
    """{test name: reason}"""
    with open(LIST, encoding="utf-8") as f:
        lines = [l.strip() for l in f]
    return dict(re.split(r":?\s+", l, maxsplit=1) for l in lines if l and l[0] != "#")


def flat(runs):
    return {name: o for _, outcomes, _, _ in runs for name, o in outcomes.items()}


def main():
    if not os.path.exists(suite7208.file()):
        lab_tap.skip_all("libspf2 beside builtin", "no rfc7208-tests.json; set GP_SUITES")
    tap = lab_tap.Tap()
    listed = known()
    with lab_base.Lab("libspf2") as lab:
        builtin = flat(suite7208.run(lab, "builtin"))
        second = flat(suite7208.run(lab, "libspf2"))
        compared = suite7208.run(lab, "compare")
    broken = {n: o for n, o in second.items() if " " in o.result}
    tap.ok(not broken, "libspf2: every test of the suite gets a result", repr(broken))
    differ = {n for n in builtin if builtin[n].result != second[n].result}
    for name in sorted(differ | set(listed)):
        tap.ok(name in differ and listed.get(name, "").strip(),
               "libspf2: difference in %s is listed and real" % name,
               lambda n=name: "builtin %r\nlibspf2 %r\nlisted %r" % (
                   builtin.get(n), second.get(n), listed.get(n)))
    wrong = {n for n, o in flat(compared).items() if o.result != builtin[n].result}
    tap.ok(not wrong, "compare: acts on builtin", repr(sorted(wrong)))
    counted = sum(v for _, _, _, m in compared for k, v in m.items()
                  if k.startswith("gatepost_spf_differences"))
    tap.ok(counted >= len(differ) > 0, "compare: counts the differences",
           "%d counted, %d differ" % (counted, len(differ)))
    tap.done()


main()
