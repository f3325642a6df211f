#!/usr/bin/python3
"""The RFC 7208 suite through the running daemon: the builtin engine gives an
accepted result and the suite's explanation in every one of its tests."""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_base
import lab_tap
import suite7208


def main():
    if not os.path.exists(suite7208.file()):
        lab_tap.skip_all("RFC 7208 suite through the daemon", "no rfc7208-tests.json; set GP_SUITES")
    tap = lab_tap.Tap()
    with lab_base.Lab("suite") as lab:
        for scenario, outcomes, _log, _metrics in suite7208.run(lab, "builtin"):
            for name, test in scenario["tests"].items():
                got = outcomes[name]
                good = got.result in test["result"]
                if good and got.result == "fail" and test.get("explanation"):
                    good = suite7208.same_text(test["explanation"], got.explanation)
                tap.ok(good, "rfc7208 " + name, "%r\nwant %r %r" % (
                    got, test["result"], test.get("explanation")))
    tap.equal(tap.count - tap.failed, 203, "rfc7208: all tests of the suite passed")
    tap.done()


main()
