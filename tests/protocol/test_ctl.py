#!/usr/bin/python3
"""gatepost, the operator's tool: exit codes, one useful line on standard error,
and the forecast of a warm-up against values computed by hand."""
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, "..", "support"))
import lab_base
import lab_tap
import rate_fixture
from rate_fixture import DAY, Fixture, block, limit, tool

NONE, USAGE, TEMPFAIL, NOPERM, CONFIG = 1, 64, 75, 77, 78
BUILD = "asan"
tap = lab_tap.Tap()

POLICY = """\
provider "google" { domains = { gmail.example } }
provider "slow" { domains = { slow.example } }
domain "young.example" {
    subdomains = yes
    warmup "google" { first-day = 100 grow = 2 plateau = 1000 }
    warmup "slow" { first-day = 7 grow = 1.5 plateau = 20 }
}
domain "table.example" { warmup "all" { } }
"""
# days                1    2    3    4    5    7    10   14   21   28
GOOGLE_YOUNG = ["google", 100, 200, 400, 800, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 5]
# 7 * 1.5 ^ n: 7, 10.5, 15.75, then the plateau
SLOW_YOUNG = ["slow", 7, 11, 16, 20, 20, 20, 20, 20, 20, 20, 20, 4]
# 200 * 1.4 ^ (n - 1): 1.4^6 = 7.529536, 1.4^9 = 20.661046784, 1.4^13 = 79.37147...
GOOGLE_TABLE = ["google", 200, 280, 392, 549, 768, 1506, 4132, 15874, 20000, 20000, 20000, 15]
# 50 * 1.5 ^ (n - 1): 168.75, 253.125, 1.5^6 = 11.390625, 1.5^9 = 38.443359375
OTHER_TABLE = ["other", 50, 75, 113, 169, 253, 570, 1922, 2000, 2000, 2000, 2000, 11]


def failed(what, want, words, *args):
    """Exits so, with one line on standard error that has these words."""
    code, out, err = tool(*args, build=BUILD)
    lines = err.splitlines()
    tap.ok(code == want and len(lines) == 1 and lines[0].startswith("gatepost: ")
           and all(w in lines[0] for w in words),
           "%s: exit %d and one line that says why" % (what, want), "%r %r %r" % (code, out, err))
    return out


def usage(conf, _f):
    plan = ("--config", conf, "rate", "warmup", "plan")
    for what, words, args in (
            ("no command", ["expected a command"], ()),
            ("an unknown command", ["spf", "no such command"], ("spf",)),
            ("an unknown option", ["--colour", "no such option"], ("--colour", "rate")),
            ("an option without its value", ["--config", "a value is missing"], ("--config",)),
            ("rate alone", ["expected rate why", "rate warmup plan"], ("rate",)),
            ("rate and an unknown word", ["rate pause"], ("rate", "pause")),
            ("warmup alone", ["rate warmup"], ("rate", "warmup")),
            ("two references", ["one argument too many"], ("rate", "why", "2222222222", "3333333333")),
            ("too long a reference", ["too long"], ("rate", "why", "2" * 320)),
            ("a plan for nobody", ["expected DOMAIN"], plan),
            ("a plan for no domain", ["a..b"], (*plan, "a..b")),
            ("an unknown option of a plan", ["--days"], (*plan, "young.example", "--days", "3")),
            ("--volume without a number", ["--volume", "a value is missing"], (*plan, "young.example", "--volume")),
            ("--volume 0", ["from 1 to 1000000000"], (*plan, "young.example", "--volume", "0")),
            ("--volume 1e3", ["from 1 to 1000000000"], (*plan, "young.example", "--volume", "1e3")),
            ("--volume -5", ["from 1 to 1000000000"], (*plan, "young.example", "--volume", "-5"))):
        out = failed("usage: " + what, USAGE, ["see gatepost --help", *words], *args)
        tap.equal(out, "", "usage: %s: nothing on standard output" % what)
    for mix, words in (
            *((m, "--mix: expected PROVIDER=PERCENT,...") for m in (
                "", "google", "google=", "google=101", "google=x", "=50", "google=50,", "google=50;other=50",
                "google=50,,other=50")),
            ("google=50,gogle=50", "--mix: gogle: no such provider"),
            ("google=60,other=60", "--mix: expected 100 percent at most")):
        out = failed("usage: --mix '%s'" % mix, USAGE, [words],
                     *plan, "young.example", "--volume", "500", "--mix", mix)
        tap.equal(out, "", "usage: --mix '%s': nothing on standard output" % mix)
    failed("usage: --mix without --volume", USAGE, ["--volume"], *plan, "young.example", "--mix", "google=50")
    for word, want in (("--help", "usage: gatepost "), ("--version", "gatepost ")):
        code, out, err = tool(word, build=BUILD)
        tap.ok((code, err) == (0, "") and out.startswith(want), word + ": exit 0, on standard output", out + err)


def row(out, name):
    """The first line of this provider, as words and numbers."""
    words = next((l.split() for l in out.splitlines() if l.startswith(name + " ")), [])
    return words[:1] + [int(w) for w in words[1:] if w.isdigit()]


def plans(conf, _f):
    plan = ("--config", conf, "rate", "warmup", "plan")
    code, out, err = tool(*plan, "young.example", build=BUILD)
    tap.equal((code, err), (0, ""), "a plan: exit 0")
    tap.equal(row(out, "google"), GOOGLE_YOUNG, "a plan: the caps of google, by hand")
    tap.equal(row(out, "slow"), SLOW_YOUNG, "a plan: the caps of slow, by hand")
    tap.match("other .*not warmed up", out, "a plan: who is not warmed up")
    tap.equal(tool(*plan, "News.Young.Example.", build=BUILD)[:2], (0, out), "a plan for a name below, in any case")
    code, out, err = tool(*plan, "table.example", build=BUILD)
    tap.equal((row(out, "google"), row(out, "other")), (GOOGLE_TABLE, OTHER_TABLE),
              "a plan: the table that is built in")
    for what, volume, mix, want, lines in (
            # 60 % of 1000 is 600: 100, 200, 400, 800 on day 4; 1 % is 10: day 2
            ("a mix", 1000, "google=60,slow=1", 0,
             ["google 600 a day: from day 4 on", "slow 10 a day: from day 2 on", "the whole list fits from day 4 on"]),
            ("the first day is enough", 100, "google=100", 0,
             ["google 100 a day: from day 1 on", "the whole list fits from day 1 on"]),
            ("the plateau to the last", 1000, "google=100", 0,
             ["google 1000 a day: from day 5 on", "the whole list fits from day 5 on"]),
            ("one that never fits", 1000, "google=50,slow=3", NONE,
             ["google 500 a day: from day 4 on", "slow 30 a day: never, the plateau is 20",
              "the whole list never fits into one day"])):
        code, out, err = tool(*plan, "young.example", "--volume", str(volume), "--mix", mix, build=BUILD)
        got = [" ".join(l.split()) for l in out.splitlines()]
        tap.equal((code, got[-len(lines):], err), (want, lines, ""), "a plan: %s" % what)
    # without a mix all goes to other: 50, 75, 113
    code, out, err = tool(*plan, "table.example", "--volume", "100", build=BUILD)
    tap.equal((code, [" ".join(l.split()) for l in out.splitlines()[-2:]]),
              (0, ["other 100 a day: from day 3 on", "the whole list fits from day 3 on"]), "a plan: without a mix")
    failed("a plan for a domain that has no block", NONE, ["foreign.example", "no domain block"],
           *plan, "foreign.example")


def policies(conf, _f):
    bad = conf + ".bad"
    with open(bad, "w", encoding="utf-8") as f:
        f.write("\nlimit \"pace\" { rate = { \"0/1h\" } }\n")
    failed("a wrong policy", CONFIG, [bad + ":2: ", "limit.rate"],
           "--config", bad, "rate", "warmup", "plan", "a.example")
    failed("no policy", CONFIG, [conf + ".none"], "--config", conf + ".none", "rate", "warmup", "plan", "a.example")


def questions(conf, f):
    at = ("--control", f.daemon.control)
    code, out, _ = tool(*at, "rate", "store", build=BUILD)
    tap.ok(code == 0 and out.startswith("store mem\n"), "rate store: exit 0", out)
    f.passes(2)
    ref = rate_fixture.Promise(f.send().text).ref
    code, out, _ = tool(*at, "rate", "why", ref, build=BUILD)
    tap.ok(code == 0 and out.startswith("reference %s\n" % ref), "rate why: exit 0", out)
    code, out, _ = tool(*at, "rate", "show", "m/shop", build=BUILD)
    tap.match(r"^METER +LEVEL +SECONDS AGO\nm/shop\.example/pace/86400/auth=app +2\.0 +\d+\n$", out,
              "rate show: exit 0")
    tap.equal(tool(*at, "rate", "show", "x/", build=BUILD)[:2], (0, ""), "rate show: none begins so")
    failed("rate why of a stranger", NONE, ["no refusal with that reference"], *at, "rate", "why", "2222222222")
    failed("rate why of no reference", NONE, ["expected a reference"], *at, "rate", "why", "hello")
    failed("rate why without a word", USAGE, ["expected REFERENCE"], *at, "rate", "why")
    # the folder has a folder of each daemon
    run = os.path.dirname(f.daemon.run_dir)
    os.symlink(f.daemon.run_dir, os.path.join(run, "rate"))
    tap.equal(tool("--runtime-dir", run, "rate", "store", build=BUILD)[0], 0, "--runtime-dir: finds the daemon")
    f.daemon.stop()
    failed("a daemon that does not run", TEMPFAIL, [f.daemon.control], *at, "rate", "store")
    failed("a folder that is not there", TEMPFAIL, [run + "/no/rate/control.sock"],
           "--runtime-dir", run + "/no", "rate", "store")


def main():
    with lab_base.Lab("ctl") as lab:
        f = Fixture(lab, rate_fixture.settings(store="mem") | {
            ("domain", "shop.example"): block([("pace", limit("2/" + DAY, "auth", "messages"))])}, build=BUILD)
        conf = lab.write("plan.conf", POLICY)
        for test in (usage, plans, policies, questions):
            tap.run(test.__name__, test, conf, f)
    tap.done()


main()
