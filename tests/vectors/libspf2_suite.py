#!/usr/bin/python3
"""The test suite of RFC 7208 through both SPF engines.

libspf2 stands behind the front that gatepost puts before it.  Where its
answer differs from the builtin engine's, libspf2-differences.txt must name
the test with the reason; a test named there that does not differ any more
fails too.  One TAP line for each test of the suite.
"""
import json
import os
import subprocess
import sys
import urllib.parse

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
SUITES = os.environ.get("GP_SUITES", os.path.join(ROOT, "..", "shared",
                                                  "suites"))
TYPES = ("TXT", "A", "AAAA", "MX", "PTR", "CNAME")
LISTED = os.path.join(HERE, "libspf2-differences.txt")


def escape(value):
    """Bytes for the pipe."""
    return "".join(chr(c) if 0x20 < c < 0x7F and c != 0x25 else "%%%02x" % c
                   for c in value)


def octets(text):
    """A TXT record: a string, strings to be joined, or octets in hex."""
    if isinstance(text, list):
        return b"".join(octets(part) for part in text)
    if isinstance(text, dict):
        return bytes.fromhex(text["hex"])
    return text.encode("utf-8")


def word(value):
    """A word of zone text, quoted."""
    return '"' + "".join(chr(c) if 0x20 <= c < 0x7F and c not in b'"\\'
                         else "\\%03d" % c for c in value) + '"'


def records(name, qtype, values):
    name = word(name.encode("utf-8"))
    if values == "TIMEOUT" and qtype == "CNAME":
        return
    if values == "TIMEOUT":
        yield "%s %s !SERVFAIL" % (name, qtype)
        return
    for value in [values] if isinstance(values, str) else values:
        if qtype == "TXT":
            yield "%s TXT %s" % (name, word(octets(value)))
        elif qtype == "MX":
            host = word(value[1].encode("utf-8")) if value[1] else "."
            yield "%s MX %d %s" % (name, value[0], host)
        elif qtype in ("A", "AAAA"):
            yield "%s %s %s" % (name, qtype, value)
        else:
            yield "%s %s %s" % (name, qtype, word(value.encode("utf-8")))


def zone_text(dns):
    lines = []
    for name, data in dns.items():
        if data == "TIMEOUT":
            lines += records(name, "*", data)
            continue
        for qtype in TYPES:
            # "*" stands for the types that are not named
            lines += records(name, qtype, data.get(qtype, data.get("*", [])))
    return "\n".join(lines) + "\n"


class Driver:
    def __init__(self):
        path = os.path.join(os.environ.get("O", "build"), "asan", "bin",
                            "drive_engines")
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def send(self, *fields):
        line = "\t".join(f if i == 0 else escape(f)
                         for i, f in enumerate(fields)) + "\n"
        self.process.stdin.write(line.encode("ascii"))
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        if not line.endswith(b"\n"):
            raise RuntimeError("drive_engines ended: %r"
                               % self.process.wait(timeout=30))
        return [urllib.parse.unquote_to_bytes(f).decode("latin-1")
                for f in line[:-1].split(b"\t")]

    def zone(self, dns):
        self.send("zone", zone_text(dns).encode("ascii"))
        self.receive()

    def check(self, test):
        """(builtin, libspf2), each (result, explanation, reason, queries)"""
        local, _, domain = test["mailfrom"].rpartition("@")
        if test["mailfrom"] == "":
            local, domain = "postmaster", test["helo"]
        self.send("check", test["host"].encode(),
                  (local or "postmaster").encode("utf-8"),
                  domain.encode("utf-8"), test["helo"].encode("utf-8"))
        found = []
        for _ in range(2):
            fields = self.receive()
            found.append((fields[1], fields[6], fields[5], int(fields[2])))
        return found

    def close(self):
        self.process.stdin.close()
        return self.process.wait(timeout=60)


def listed():
    """{test: what differs} of libspf2-differences.txt"""
    found = {}
    with open(LISTED, encoding="utf-8") as f:
        for line in f:
            if line.strip() and not line.startswith("#"):
                name, what, reason = line.split(None, 2)
                found[name] = (what, reason.strip())
    return found


def difference(builtin, libspf2):
    """The word for libspf2-differences.txt; None: they agree."""
    if builtin[0] != libspf2[0]:
        return "%s/%s" % (builtin[0], libspf2[0])
    if builtin[1] != libspf2[1]:
        return "explanation"
    return None


class Tap:
    def __init__(self):
        self.number = self.failed = 0

    def line(self, good, name, *notes):
        self.number += 1
        self.failed += not good
        print("%s %d - %s" % ("ok" if good else "not ok", self.number, name))
        for note in notes:
            print("# " + note)

    def plan(self):
        print("1..%d" % self.number)
        return 1 if self.failed else 0


def judge(tap, name, builtin, libspf2, expected):
    what = difference(builtin, libspf2)
    title = "engines on " + name
    if what is None and expected is None:
        tap.line(libspf2[3] <= 32, title)
    elif expected is None:
        tap.line(False, title, "unlisted: %s %s" % (name, what),
                 "builtin: %s (%s)" % (builtin[2], builtin[1]),
                 "libspf2: %s (%s)" % (libspf2[2], libspf2[1]))
    elif what != expected[0]:
        tap.line(False, title, "listed as %s, found %s" % (expected[0], what))
    else:
        tap.line(True, title + ": listed, " + what)


def main():
    path = os.path.join(SUITES, "rfc7208-tests.json")
    if not os.path.exists(path):
        print("1..1\nok 1 - RFC 7208 suite, both engines # SKIP %s is not "
              "there" % path)
        return 0
    with open(path, encoding="utf-8") as f:
        suite = json.load(f)
    expected = listed()
    driver = Driver()
    tap = Tap()
    for scenario in suite:
        driver.zone(scenario["dns"])
        for name, test in sorted(scenario["tests"].items()):
            builtin, libspf2 = driver.check(test)
            judge(tap, name, builtin, libspf2, expected.pop(name, None))
    tap.line(not expected, "every listed difference is a test of the suite",
             *expected)
    tap.line(driver.close() == 0, "drive_engines ends without a complaint")
    return tap.plan()


if __name__ == "__main__":
    sys.exit(main())
