#!/usr/bin/python3
"""The public test suite of RFC 7208 against core/spf.

Fed from a table in memory, with the meaning that README-spf.md beside the
suite gives to it.  One TAP line for each of its tests.
"""
import json
import os
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import spf_zone  # noqa: E402

ROOT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..")
SUITES = os.environ.get("GP_SUITES", os.path.join(ROOT, "..", "shared",
                                                  "suites"))


def octets(text):
    """A TXT record: a string, strings to be joined, or octets in hex."""
    if isinstance(text, list):
        return b"".join(octets(part) for part in text)
    if isinstance(text, dict):
        return bytes.fromhex(text["hex"])
    return text.encode("utf-8")


def to_zone(dns):
    names = {}
    for name, data in dns.items():
        if isinstance(data, dict):
            data = dict(data)
            if isinstance(data.get("TXT"), list):
                data["TXT"] = [octets(text) for text in data["TXT"]]
        names[name] = data
    return spf_zone.Zone(names)


def problem(test, got):
    """What is wrong with an outcome; None: nothing."""
    wanted = test["result"]
    wanted = wanted if isinstance(wanted, list) else [wanted]
    if got["result"] not in wanted:
        return "%s, not %s (%s)" % (got["result"], " or ".join(wanted),
                                    got["reason"])
    text = test.get("explanation")
    if text is not None and got["result"] == "fail":
        text = None if text == "DEFAULT" else text
        if got["explanation"] != text:
            return "explanation %r, not %r" % (got["explanation"], text)
    if len(got["queries"]) > 32:
        return "%d queries" % len(got["queries"])
    return None


def main():
    path = os.path.join(SUITES, "rfc7208-tests.json")
    if not os.path.exists(path):
        print("1..1\nok 1 - RFC 7208 suite # SKIP %s is not there" % path)
        return 0
    with open(path, encoding="utf-8") as f:
        suite = json.load(f)
    driver = spf_zone.Driver()
    number = failed = 0
    for scenario in suite:
        zone = to_zone(scenario["dns"])
        for name, test in sorted(scenario["tests"].items()):
            number += 1
            got = driver.check(zone, test["host"], test["mailfrom"],
                               test["helo"])
            why = problem(test, got)
            failed += why is not None
            print("%s %d - %s: %s" % ("ok" if why is None else "not ok",
                                      number, scenario["description"], name))
            if why is not None:
                print("# " + why)
    number += 1
    clean = driver.close() == 0
    print("%s %d - drive_spf ends without a complaint"
          % ("ok" if clean else "not ok", number))
    print("1..%d" % number)
    return 0 if failed == 0 and clean else 1


if __name__ == "__main__":
    sys.exit(main())
