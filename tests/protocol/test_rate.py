#!/usr/bin/python3
"""gatepost-rate as a process: what is wrong with a policy and where, reloads while
it counts, what its control socket answers, and stores that are not there."""
import os
import re
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, "..", "support"))
import lab_base
import lab_gatepost
import lab_redis
import lab_tap
import miltermta
import rate_fixture
from rate_fixture import DAY, OURS, Fixture, block, counted, level, limit, meters

CONFIG = 78
tap = lab_tap.Tap()

LIMIT = 'limit "pace" { rate = { "10/1h" } %s }'
# a policy that is refused, and what is said of it
WRONG = (
    ("an unknown option", LIMIT % "pace = 5", "pace: expected an option or a section of limit"),
    ("an unknown key", LIMIT % "by = { galaxy }", '"galaxy": limit.by: expected at least one of auth'),
    ("all beside another key", LIMIT % "by = { all, auth }", "expected no other word beside it"),
    ("something else to count", LIMIT % "count = letters", '"letters": limit.count: expected recipients'),
    ("another answer", LIMIT % "over = drop", '"drop": limit.over: expected defer'),
    ("another mode", LIMIT % "mode = off", '"off": limit.mode: expected'),
    ("no rate", 'limit "pace" { }', 'limit "pace": expected `rate = ...` in it'),
    ("nothing may pass", 'limit "pace" { rate = { "0/1h" } }', '"0/1h": limit.rate: expected rates'),
    ("no time at all", 'limit "pace" { rate = { "9/0s" } }', '"9/0s": limit.rate: expected rates'),
    ("a rate without a time", 'limit "pace" { rate = { "9" } }', '"9": limit.rate: expected rates'),
    ("a rate below nothing", 'limit "pace" { rate = { "-9/1h" } }', '"-9/1h": limit.rate: expected rates'),
    ("too long a time", 'limit "pace" { rate = { "9/99d" } }', '"9/99d": limit.rate: expected rates'),
    ("a rate that is never reached", 'limit "pace" { rate = { "10/1h", "20/1m" } }', "it is never reached"),
    ("a burst that never passes", 'limit "pace" { rate = { "9/1m", "90/1h" } burst = 99 }', "limit.burst: expected"),
    ("bytes that no message fits", LIMIT % "count = bytes", "expected at least 1k, it counts bytes"),
    ("two of one name", LIMIT % "" + "\n" + LIMIT % "", "expected once only; the first is at "),
    ("a login limit of nothing", 'rate { login-limit = { "0/1h" } }', '"0/1h": rate.login-limit: expected rates'),
    ("no peers", "rate { peers = 0 }", '"0": rate.peers: expected a number from 1 to 1000'),
    ("no time for the store", "rate { store-timeout = 1ms }", "rate.store-timeout: expected a time from 5ms"),
    ("too small a store", "rate { store-bytes = 1k }", "rate.store-bytes: expected"),
    ("a contact in Greek", 'rate { contact = "\u03b1" }', "rate.contact: expected"),
    ("a store of another kind", "store = cloud", '"cloud": store: expected mem, lmdb'),
    ("a Redis without a host", 'store = "redis://"', "store: expected mem, lmdb"),
    ("a provider of nothing", 'provider "big" { }', 'provider "big": expected at least one of domains'),
    ("a provider of that name", 'provider "other" { domains = { a.example } }', '"other": provider: expected another'),
    ("a class that is none", 'domain "a.example" { class = fast }', '"fast": domain.class: expected normal'),
    ("a warm-up for nobody", 'domain "a.example" { warmup "big" { } }',
     '"big": warmup: expected the name of a provider'),
    ("a warm-up that does not grow", 'domain "a.example" { warmup "all" { grow = 1 } }', '"1": warmup.grow: expected'),
    ("a warm-up that shrinks", 'domain "a.example" { warmup "all" { first-day = 9 plateau = 5 } }',
     "warmup.first-day: expected at most the plateau, 5"),
    ("a day of 25 hours", 'domain "a.example" { warmup "all" { hours = 25 } }', '"25": warmup.hours: expected'),
    ("a warm-up that refuses", 'domain "a.example" { warmup "all" { over = reject } }',
     '"reject": warmup.over: expected'),
)


def checked(daemon, policy):
    """Exit code and lines of --check with this policy."""
    daemon.set_policy(policy)
    process = daemon.spawn("--check")
    status = process.wait(20)
    process.err.wait_end()
    return status, process.err.all


def bad_policies(lab, _f):
    daemon = lab_gatepost.Daemon(lab, "", lab_gatepost.binary("rate", "asan"), name="rate", label="check",
                                 start=False)
    for what, text, want in WRONG:
        status, lines = checked(daemon, "# the first line\n\n" + text + "\n")
        place = "gatepost-rate: %s:%d: " % (daemon.conf, 3 + text.count("\n"))
        tap.ok(status == CONFIG and any(l.startswith(place) and want in l for l in lines),
               "--check: %s: 78, with file and line" % what, "%r %s" % (status, lines))
    status, lines = checked(daemon, "\n".join(text for _, text, _ in WRONG[:6]))
    tap.ok(status == CONFIG and len({l.split(": ")[1] for l in lines}) >= 6,
           "--check: all that is wrong at once", lines)
    status, lines = checked(daemon, lab_gatepost.policy(rate_fixture.settings()) + LIMIT % "burst = 5")
    tap.equal((status, lines), (0, []), "--check: nothing wrong: 0")
    daemon.set_policy("\n" + WRONG[7][1] + "\n")
    process = daemon.spawn()
    status = process.wait(20)
    process.err.wait_end()
    tap.ok(status == CONFIG and any(daemon.conf + ":2: " in l for l in process.err.all),
           "the start: a wrong policy: 78, with file and line", "%r %s" % (status, process.err.all))


def policy(n, store="lmdb", by="auth", **more):
    return rate_fixture.settings(store=store, **more) | {
        ("domain", "shop.example"): block([("pace", limit("%d/%s" % (n, DAY), by, "messages"))])}


def reloads(_lab, f):
    tap.equal(f.passes(7), 5, "a limit of 5: five pass")
    f.daemon.set_policy(policy(8))
    tap.equal((f.daemon.reload()[0], f.passes(7)), ("ok", 3), "a reload to 8: three more, what was counted counts")
    f.daemon.set_policy(policy(6))
    tap.equal((f.daemon.reload()[0], f.passes(3)), ("ok", 0), "a reload to 6: none, it is above that")
    f.daemon.set_policy("store = lmdb\nlimit { }\n")
    head, text = f.daemon.reload()
    tap.ok(head != "ok" and "gatepost.conf:2: " in text,
           "a reload to a wrong policy: refused, with file and line", text)
    tap.equal(f.passes(2), 0, "and the old one stays in force")
    with miltermta.Session(f.daemon.socket) as s:
        s.connect(OURS)
        s.helo()
        f.daemon.set_policy(policy(20))
        tap.equal(f.daemon.reload()[0], "ok", "a reload to 20")
        tap.equal(f.send(session=s).action, "tempfail", "a session that is open keeps what it began with")
    tap.equal(f.passes(14), 12, "a new one has 20")
    f.daemon.stop()
    f.daemon.start()
    tap.equal((f.passes(2), level(f.daemon, "m/shop.example/")), (0, 20), "a restart: all is counted still")
    f.daemon.kill()
    f.daemon.stop()
    f.daemon.start()
    tap.equal((f.passes(2), level(f.daemon, "m/shop.example/")), (0, 20), "kill -9: all is counted still")


def requests(_lab, f):
    last = f.send(login="App+news")
    ref = rate_fixture.Promise(last.text).ref
    head, text = f.daemon.request("why " + ref)
    tap.ok(head == "ok" and "reference %s\n" % ref in text and "login app\n" in text, "why: the refusal", text)
    tap.equal(f.daemon.request("why " + ref.lower()), (head, text), "why: in any case of letters")
    tap.ok("ann" not in text, "why: no recipient is named", text)
    for what, line, want in (
            ("why without a word", "why", "expected a reference"),
            ("why of something else", "why ../../x", "expected a reference"),
            ("why of a stranger", "why 2222222222", "no refusal with that reference"),
            ("an unknown word", "pause", "unknown request")):
        head, text = f.daemon.request(line)
        tap.ok(head == "error" and want in text, what + ": an error that says so", "%s %s" % (head, text))
    name = "m/shop.example/pace/86400/auth="
    f.send(login="b\u00f6b /x%")
    tap.equal(meters(f.daemon, name), {name + "app": 20, name + "b%C3%B6b%20%2Fx%25": 1},
              "meters: a name for each login, without a blank or a slash of its own")
    tap.equal(meters(f.daemon, "m/none"), {}, "meters: none begins so")
    head, text = f.daemon.request("store")
    tap.ok(head == "ok" and text.startswith("store lmdb\n") and "state up" in text,
           "store: which, and that it is up", text)
    before = counted(f.daemon, "messages")
    f.passes(2)
    f.send(sender="<>", client=OURS, login=None)
    f.send(sender="<bob@free.example>", client=OURS, login=None)
    tap.equal(counted(f.daemon, "messages", before), {"refused": 2, "exempt": 1, "admitted": 1},
              "metrics: refused, exempt, admitted")
    found = [k for k in f.daemon.metrics() if re.search("app|ann|shop|example", k)]
    tap.equal(found, [], "metrics: no label is a sender's or recipient's")


def no_redis(lab, _f):
    port = lab_base.free_port()
    url = "redis://:secret@127.0.0.1:%d/0" % port
    down = policy(6, url, rate={"login-limit": [], "peers": 2})
    f = Fixture(lab, down, "noredis")
    tap.equal(checked(f.daemon, down), (0, []), "--check: a Redis that is down is nothing wrong")
    tap.equal(f.passes(6), 3, "a Redis that is down from the start: its part of the limit passes")
    head, text = f.daemon.request("store")
    tap.ok(head == "ok" and "store redis" in text and "state local" in text, "store: it says so", text)
    tap.ok(f.daemon.log.find(lambda l: "redis does not answer; limits are local, divided by 2" in l),
           "the log says so", f.daemon.log.all)
    tap.ok("secret" not in text + "".join(f.daemon.log.all), "and the password is nowhere")
    tap.equal(f.daemon.stop(), 0, "it ends with 0")


def passwords(lab, _f):
    if not lab_redis.REDIS:
        raise lab_tap.Skip("redis-server is not installed")
    redis = lab_redis.Redis(lab, "locked", options="requirepass pw-right")
    right, wrong = (lab.write(name, "pw-%s\n" % name, 0o600) for name in ("right", "wrong"))
    for what, url, extra, n, state in (
            ("in a file", redis.url, {"password-file": right}, 6, "up"),
            ("in the URL", redis.url.replace("//", "//:pw-right@"), {}, 6, "up"),
            ("a wrong one", redis.url, {"password-file": wrong}, 3, "local"),
            ("none", redis.url, {}, 3, "local")):
        f = Fixture(lab, policy(6, url, rate=dict({"login-limit": [], "peers": 2, "store-timeout": "2s"}, **extra)),
                    "password-" + what.replace(" ", "-"))
        got = f.passes(8, login=what)
        text = f.daemon.request("store")[1]
        tap.ok(got == n and "state " + state in text,
               "a password, %s: %d of 6 pass, the store is %s" % (what, n, state),
               "%d %s %s" % (got, text, f.daemon.log.all[-5:]))
        log = "".join(f.daemon.log.all)
        if state == "local":
            tap.ok(re.search("WRONGPASS|NOAUTH|password|authentic", log),
                   "a password, %s: the log says why" % what, log)
        tap.ok("pw-" not in log + text, "a password, %s: it is nowhere" % what, log)
        f.daemon.stop()
    missing = lab_gatepost.Daemon(
        lab, policy(6, redis.url, rate={"password-file": lab.path("nothing")}), lab_gatepost.binary("rate", "asan"),
        name="rate", label="nofile", start=False)
    refused(missing, "a password file that is not there", lab.path("nothing"))


def refused(daemon, what, *words):
    """The start fails with 78 and a line that has these words."""
    process = daemon.spawn()
    status = process.wait(20)
    if status is None:
        process.stop()
    process.err.wait_end()
    tap.ok(status == CONFIG and any(all(w in l for w in words) for l in process.err.all),
           what + ": 78, and a line that says so", "%r %s" % (status, process.err.all))


def folders(lab, _f):
    if os.geteuid() != 0:
        raise lab_tap.Skip("needs root")
    daemon = lab_gatepost.Daemon(lab, policy(5), lab_gatepost.binary("rate", "asan"), name="rate", label="foreign",
                                 user="nobody", start=False)
    os.chmod(daemon.state, 0o555)
    shutil.chown(daemon.state, "root")
    refused(daemon, "a state folder that is somebody else's", daemon.state)
    shutil.chown(daemon.state, "nobody")
    os.chmod(daemon.state, 0o750)
    shutil.rmtree(os.path.join(daemon.state, "rate"), ignore_errors=True)
    lab.write("foreign/state/rate", "not a folder")
    refused(daemon, "a file where the store's folder should be", os.path.join(daemon.state, "rate"))


def main():
    with lab_base.Lab("rate") as lab:
        f = Fixture(lab, policy(5))
        for test in (bad_policies, reloads, requests, no_redis, passwords, folders):
            begin = time.monotonic()
            tap.run(test.__name__, test, lab, f)
            tap.note("%s took %.1f s" % (test.__name__, time.monotonic() - begin))
        tap.equal(f.daemon.stop(), 0, "the daemon ends with 0")
    tap.done()


main()
