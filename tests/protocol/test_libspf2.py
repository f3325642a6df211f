#!/usr/bin/python3
"""libspf2 as the second opinion: over the RFC 7208 suite the daemon with
engine = libspf2 never breaks, and differs from the builtin engine in exactly
the tests that tests/vectors/libspf2-differences.txt names; engine = compare
acts on builtin and reports the same tests as different."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_base
import lab_tap
import suite7208

LIST = os.path.join(lab_base.ROOT, "tests", "vectors", "libspf2-differences.txt")


def listed():
    """{(test, "BUILTIN/LIBSPF2"): reason}; only results, not explanations."""
    with open(LIST, encoding="utf-8") as f:
        lines = [l.split(None, 2) for l in f if l.strip() and l[0] != "#"]
    return {(l[0], l[1]): l[2].strip() for l in lines if l[1] != "explanation"}


def flat(runs):
    return {name: o for _, outcomes, _, _ in runs for name, o in outcomes.items()}


def main():
    if not os.path.exists(suite7208.file()):
        lab_tap.skip_all("libspf2 beside builtin", "no rfc7208-tests.json; set GP_SUITES")
    tap = lab_tap.Tap()
    known = listed()
    with lab_base.Lab("libspf2") as lab:
        builtin = flat(suite7208.run(lab, "builtin"))
        second = flat(suite7208.run(lab, "libspf2"))
        compared = suite7208.run(lab, "compare")
    broken = {n: o for n, o in second.items() if " " in o.result}
    tap.ok(len(second) == 203 and not broken, "libspf2: every test of the suite gets a result",
           repr(broken))
    real = {(n, "%s/%s" % (builtin[n].result, second[n].result)) for n in builtin
            if builtin[n].result != second[n].result}
    for name, pair in sorted(real | set(known)):
        tap.ok((name, pair) in real and known.get((name, pair)),
               "libspf2: difference in %s, %s, is listed and real" % (name, pair),
               lambda n=name: "builtin %r\nlibspf2 %r" % (builtin.get(n), second.get(n)))
    wrong = sorted(n for n, o in flat(compared).items() if o.result != builtin[n].result)
    tap.equal(wrong, [], "compare: acts on builtin")
    counted = sum(v for _, _, _, m in compared for k, v in m.items()
                  if k.startswith("gatepost_spf_differences"))
    tap.ok(counted >= len(real) > 0, "compare: counts the differences",
           "%d counted, %d differ" % (counted, len(real)))
    tap.done()


main()
