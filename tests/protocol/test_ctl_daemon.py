#!/usr/bin/python3
"""gatepost status, stats, tail, reload and rate, with the four daemons: as they
start, stop, die and are told another policy, and with senders who write what a
terminal or a program should not read."""
import json
import os
import re
import select
import signal
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, "..", "support"))
import lab_base
import lab_fleet
import lab_gatepost
import lab_tap
import miltermta
import rate_fixture
from rate_fixture import DAY, block, limit, tool as plain_tool

BUILD = "asan"
USAGE, TEMPFAIL, NOPERM = 64, 75, 77
tap = lab_tap.Tap()


def settings(**more):
    out = rate_fixture.settings(store="mem", resolver={"servers": ["127.0.0.1:1"], "timeout": "100ms", "tries": 1})
    out[("provider", "google")] = {"domains": ["gmail.example"]}
    out[("domain", "shop.example")] = block(
        [("pace", limit("3/" + DAY, "auth", "messages"))], **{"subdomains": True})
    out[("domain", "young.example")] = {("warmup", "google"): {"first-day": 100, "grow": 2, "plateau": 1000}}
    out.update(more)
    return out


class Tool:
    def __init__(self, fleet):
        self.fleet = fleet

    def __call__(self, *words):
        return plain_tool("--runtime-dir", self.fleet.run, *words, build=BUILD)

    def json(self, *words):
        code, out, err = self("--json", *words)
        return code, json.loads(out), err

    def start(self, *words):
        return Running([os.path.join(lab_base.BUILD, BUILD, "bin", "gatepost"),
                        "--runtime-dir", self.fleet.run, *words])


class Running:
    """A tool that goes on; what it says on both outputs, as Lines."""

    def __init__(self, argv):
        self.popen = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE)
        self.out, self.err = lab_base.Lines(self.popen.stdout), lab_base.Lines(self.popen.stderr)

    def stop(self, number=signal.SIGINT):
        self.popen.send_signal(number)
        return self.end()

    def end(self):
        try:
            status = self.popen.wait(20)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()
            status = None
        self.out.wait_end()
        self.err.wait_end()
        return status


def send(daemon, n=1, queue_id="4Q1", helo="client.example", sender="<a@shop.example>", login=None):
    with miltermta.Session(daemon.socket) as s:
        s.connect("203.0.113.66")
        s.helo(helo)
        for _ in range(n):
            s.mail(sender, {"auth_authen": login} if login else {"mail_mailer": "smtp"})
            s.rcpt("<ann@receiver.example>")
            s.rest(miltermta.HEADERS, queue_id)


def has(pattern):
    return re.compile(pattern).search


def states(answer):
    return {d["daemon"]: d["state"] for d in answer["daemons"]}


def usage(_fleet, tool):
    for what, words, args in (
            ("no such daemon", ["expected spf, dkim, dmarc or rate"], ("status", "smtp")),
            ("--control and two", ["the socket of one"], ("--control", "/x", "stats", "spf", "dkim")),
            ("--count 0", ["from 1 to"], ("tail", "--count", "0")),
            ("--timeout x", ["--timeout: expected seconds"], ("tail", "--timeout", "x")),
            ("reset of nothing", ["expected METER, --login or --domain"], ("rate", "reset")),
            ("reset of two", ["expected METER"], ("rate", "reset", "m/x", "--login", "x"))):
        code, out, err = tool(*args)
        lines = err.splitlines()
        tap.ok(code == USAGE and out == "" and len(lines) == 1 and all(w in lines[0] for w in words),
               "usage: " + what, "%r %r %r" % (code, out, err))


def status(fleet, tool):
    code, got, err = tool.json("status")
    tap.equal((code, err, got["schema"], got["ok"], states(got)), (0, "", 1, True, dict.fromkeys(lab_fleet.NAMES, "running")),
              "status: all run")
    one = {d["daemon"]: d for d in got["daemons"]}
    tap.equal([one[n]["pid"] for n in lab_fleet.NAMES], [fleet[n].process.pid for n in lab_fleet.NAMES], "status: their pids")
    tap.equal(len({d["policy"] for d in got["daemons"]}), 1, "status: one policy")
    tap.equal((one["dkim"]["keys_active"], one["rate"]["store_state"], one["spf"]["socket"]),
              (0, "up", "unix:" + fleet["spf"].socket), "status: keys, store, socket")
    tap.ok("last_reload_age_s" not in one["spf"] and one["spf"]["last_reload"] == "ok", "status: no reload yet")
    send(fleet["spf"], 3)
    tap.equal(tool.json("status", "spf")[1]["daemons"][0]["messages"], 3, "status: messages, of one that is named")
    code, out, _ = tool("status")
    tap.match(r"(?m)^ok +rate +running +%d +\S+ +\d+s +[0-9a-f]{16} +\d+s +none +0 +\d+ +store up +unix:" % fleet["rate"].process.pid,
              out, "status: a table")
    code, out, _ = plain_tool("--control", fleet["dmarc"].control, "status", build=BUILD)
    tap.ok(code == 0 and re.search(r"(?m)^ok +dmarc +running ", out), "status: of one behind --control", out)
    code, got, _ = tool.json("--runtime-dir", fleet.run + "/none", "status")
    tap.equal((code, got["ok"], set(states(got).values())), (1, False, {"off"}), "status: none need run: exit 1")


def dead(fleet, tool):
    fleet["dmarc"].kill()
    code, got, _ = tool.json("status")
    tap.equal((code, states(got)["dmarc"], states(got)["spf"]), (1, "down", "running"), "kill -9: status says down: exit 1")
    code, out, err = tool("stats")
    tap.ok(code == TEMPFAIL and "gatepost: dmarc: " in err and re.search(r"(?m)^spf +messages inbound +\d", out),
           "kill -9: stats of the others, and exit 75", err)
    code, out, err = tool("reload")
    tap.ok(code == TEMPFAIL and "spf: the policy is in force\n" in out and "gatepost: dmarc: " in err,
           "kill -9: reload of the others, and exit 75", out + err)
    fleet["dmarc"].start()
    tap.equal(tool.json("status")[0], 0, "kill -9 and a start: all run")
    fleet["dmarc"].stop()
    os.unlink(os.path.join(fleet["dmarc"].run_dir, "pid"))
    os.rmdir(fleet["dmarc"].run_dir)
    code, got, _ = tool.json("status")
    tap.equal((code, states(got)["dmarc"]), (0, "off"), "its folder gone: it need not run")
    tap.equal((tool("reload")[0], tool("stats")[0]), (0, 0), "its folder gone: reload and stats go without it")
    tap.equal(tool("reload", "dmarc")[0], TEMPFAIL, "its folder gone: named, it should run")
    os.mkdir(fleet["dmarc"].run_dir)
    fleet["dmarc"].start()


def reloads(fleet, tool):
    good = settings()
    fleet.set_policy("\nspf { modus = enforce }\n")
    code, out, err = tool("reload")
    lines = err.splitlines()
    tap.ok(code == 1 and out == "" and sum(fleet.conf + ":2:" in l for l in lines) == 1,
           "a bad policy: refused, and the problem with its line is printed once", err)
    tap.equal(sum("refused; the old policy stays in force" in l for l in lines), 4, "a bad policy: by all four")
    code, got, _ = tool.json("status")
    tap.ok(code == 1 and all(d["last_reload"].startswith("failed") for d in got["daemons"]) and
           all(fleet.conf + ":2:" in d["problems"][0] for d in got["daemons"]), "a bad policy: status says so: exit 1", got)
    tap.match(r"(?m)^FAIL +spf .* FAILED, \d+s ", tool("status")[1], "a bad policy: in the table, too")
    code, got, _ = tool.json("reload", "spf")
    tap.equal((code, got["daemons"][0]["outcome"]), (1, "refused"), "a bad policy: --json")
    good["spf"] = {"mode": "enforce"}
    fleet.set_policy(good)
    code, out, err = tool("reload")
    tap.equal((code, err, out.count(": the policy is in force\n")), (0, "", 4), "a good policy: in force")
    tap.equal((tool.json("status")[0], tool.json("status")[1]["daemons"][0]["problems"]), (0, []), "a good policy: all is well")


def numbers(fleet, tool):
    code, out, err = tool("stats", "--prometheus")
    values = lab_gatepost.parse_metrics(out)
    heads = re.findall(r"(?m)^# (TYPE|HELP) (\S+) ", out)
    tap.equal((code, err, len(heads)), (0, "", len(set(heads))), "stats --prometheus: each family stands once")
    tap.ok(all('gatepost_build_info{daemon="%s",version=' % n in out for n in lab_fleet.NAMES), "stats --prometheus: of all four")
    tap.equal(values['gatepost_messages_total{daemon="spf",direction="inbound"}'],
              fleet["spf"].metrics()['gatepost_messages_total{daemon="spf",direction="inbound"}'], "stats --prometheus: as the daemon says")
    code, got, _ = tool.json("stats", "spf")
    tap.ok(code == 0 and {"daemon": "spf", "name": "gatepost_messages_total", "labels": {"direction": "inbound"},
                          "value": "3"} in got["series"], "stats --json")
    code, out, _ = tool("stats", "spf")
    tap.ok(code == 0 and re.search(r"(?m)^spf +messages inbound +3$", out) and "_bucket" not in out and
           not re.search(r"(?m) 0$", out), "stats: a table without zeros", out)
    try:
        done = subprocess.run(["promtool", "check", "metrics"], input=tool("stats", "--prometheus")[1],
                              capture_output=True, text=True, timeout=60)
        tap.equal((done.returncode, done.stdout + done.stderr), (0, ""), "stats --prometheus: promtool has nothing to say")
    except FileNotFoundError:
        tap.skip("stats --prometheus: promtool", "it is not installed")


def tails(fleet, tool):
    live = tool.start("tail")
    js = tool.start("tail", "--json-lines", "spf", "--queue-id", "4QJS")
    # both listen once a line of a probe has come
    lab_base.wait_until(lambda: send(fleet["spf"], queue_id="4QJS") or (live.out.find(has("4QJS")) and js.out.find(has("4QJS"))), 20, "the first line")
    hostile = "a b=c\"\\[31m\u00fc"
    send(fleet["spf"], queue_id="4QJS", helo=hostile)
    send(fleet["rate"], queue_id="4QRT", login="app")
    live.out.wait(has("4QRT"), 20)
    text = live.out.wait(has("helo=.*31m"), 20) or ""
    tap.match(r"^\d\d:\d\d:\d\d\.\d{3} spf   4QJS: client=203\.0\.113\.66 action=\w+ ", text, "tail: a line with time and daemon")
    tap.ok(text.isascii() and text.isprintable() and r'\xc3\xbc' in text, "tail: what a sender wrote is escaped", text)
    line = js.out.wait(has("31m"), 20)
    got = json.loads(line)
    tap.equal((got["daemon"], got["queue_id"], got["truncated"], got["fields"]["client"], got["fields"]["helo"]),
              ("spf", "4QJS", False, "203.0.113.66", hostile), "tail --json-lines: values are decoded")
    tap.match(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$", got["time"], "tail --json-lines: the time")
    tap.ok(all(json.loads(l)["queue_id"] == "4QJS" for l in js.out.all), "tail --queue-id: only that one")
    tap.equal((js.stop(), js.err.all), (0, []), "tail: SIGINT ends it, exit 0")
    fleet["spf"].kill()
    tap.ok(live.err.wait(has("^gatepost: spf: it has gone"), 20), "tail: a daemon that dies is told")
    fleet["spf"].start()
    tap.ok(live.err.wait(has("^gatepost: spf: it is back"), 20), "tail: and its return")
    send(fleet["spf"], queue_id="4QNEW")
    tap.ok(live.out.wait(has("4QNEW"), 20), "tail: goes on with the new one")
    tap.equal(live.stop(signal.SIGTERM), 0, "tail: SIGTERM ends it, exit 0")


def tail_ends(fleet, tool):
    t = tool.start("tail", "spf", "--count", "3")
    lab_base.wait_until(lambda: send(fleet["spf"]) or t.out.find(has("")), 20, "a line")
    send(fleet["spf"], 5)
    tap.equal((t.end(), len(t.out.all)), (0, 3), "tail --count: exit 0 after so many")
    tap.equal(tool("tail", "dkim", "--count", "1", "--timeout", "1")[:2], (1, ""), "tail --timeout: fewer in the time: exit 1")
    tap.equal(tool("tail", "dkim", "--timeout", "1")[:2], (0, ""), "tail --timeout alone: exit 0")
    code, out, err = tool("--runtime-dir", fleet.run + "/none", "tail")
    tap.ok(code == TEMPFAIL and "no daemon to listen to" in err, "tail: nobody to listen to: exit 75", err)
    t = tool.start("tail", "spf")
    lab_base.wait_until(lambda: send(fleet["spf"]) or t.out.find(has("")), 20, "a line")
    # who reads goes away
    r, w = os.pipe()
    gone = subprocess.Popen([os.path.join(lab_base.BUILD, BUILD, "bin", "gatepost"), "--runtime-dir", fleet.run,
                             "tail", "spf"], stdout=w, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL)
    os.close(w)
    lab_base.wait_until(lambda: send(fleet["spf"]) or select.select([r], [], [], 0.1)[0], 20, "a line through the pipe")
    os.close(r)
    lab_base.wait_until(lambda: send(fleet["spf"]) or gone.poll() is not None, 20, "the end")
    tap.equal((gone.returncode, gone.stderr.read()), (0, b""), "tail: its reader goes: it ends, exit 0")
    gone.stderr.close()
    t.stop()


def slow_reader(fleet, tool):
    """A listener that reads nothing while a thousand messages pass, and five
    others that do: nobody waits, and what is lost is counted."""
    slow = tool.start("tail", "spf")
    lab_base.wait_until(lambda: send(fleet["spf"], queue_id="4QSLOW0") or slow.out.find(has("4QSLOW0")), 20, "a line")
    os.kill(slow.popen.pid, signal.SIGSTOP)
    quick = tool.start("tail", "spf", "--json-lines")
    lab_base.wait_until(lambda: send(fleet["spf"], queue_id="4QQUICK") or quick.out.find(has("4QQUICK")), 20, "a line")
    began = time.monotonic()
    threads = [threading.Thread(target=send, args=(fleet["spf"], 250, "4QM%d" % i, "h" * 120)) for i in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    seconds = time.monotonic() - began
    code, _, _ = tool("status", "spf")
    tap.ok(code == 0 and seconds < 60, "1000 messages and a reader that sleeps: all pass, status answers", "%d, %.1f s" % (code, seconds))
    lab_base.wait_until(lambda: sum(re.search('"4QM', l) is not None for l in quick.out.all) >= 1000, 20, "all lines")
    tap.equal(sum('"lost"' in l for l in quick.out.all), 0, "1000 messages: a quick reader loses nothing")
    os.kill(slow.popen.pid, signal.SIGCONT)
    send(fleet["spf"], queue_id="4QLAST")
    tap.ok(slow.out.wait(has("4QLAST"), 20), "the one that slept goes on")
    lost = sum(int(n) for l in slow.out.all for n in re.findall(r" (\d+) lines lost", l))
    seen = sum("4QM" in l for l in slow.out.all)
    tap.ok(seen + lost >= 1000, "the one that slept: none is missing uncounted", "%d seen, %d lost" % (seen, lost))
    tap.equal((slow.stop(), quick.stop()), (0, 0), "both end")


def limits(fleet, tool):
    send(fleet["rate"], 2, login="app")
    send(fleet["rate"], 1, login="Other+x")
    code, got, _ = tool.json("rate", "show", "m/shop")
    names = [m["meter"] for m in got["meters"]]
    tap.ok(code == 0 and names == sorted(names) and len(names) == 2 and names[0].startswith("m/shop.example/pace/86400/auth=app"),
           "rate show --json", got)
    for what, args, want in (
            ("a login, in any case", ("--login", "APP"), [names[0]]),
            ("a domain's limits", ("--domain", "Shop.Example"), names),
            ("a prefix", ("m/shop*",), names),
            ("one meter", (names[1],), [names[1]])):
        code, out, err = tool("rate", "reset", *args)
        tap.ok(code == 1 and out.split() == want and "nothing was changed" in err, "rate reset of %s: what it would be" % what, out + err)
    for what, args in (("a login that has none", ("--login", "nobody")), ("part of a name", ("m/shop",)),
                       ("part of a login", ("--login", "ap")), ("another domain", ("--domain", "hop.example"))):
        code, out, err = tool("rate", "reset", "--yes", *args)
        tap.ok(code == 1 and out == "" and "no such meter" in err, "rate reset of %s: exit 1" % what, out + err)
    tap.equal(tool("rate", "reset", "--login", "app", "--yes")[:2], (0, names[0] + "\n"), "rate reset --yes: it says which")
    levels = {m["meter"]: float(m["level"]) for m in tool.json("rate", "show", "m/shop")[1]["meters"]}
    tap.equal((levels.get(names[0], 0), round(levels[names[1]])), (0, 1), "rate reset --yes: empty, and no other")
    tap.ok(fleet["rate"].log.find(re.compile(r'reset of "login app" by the operator: meters=1').search), "rate reset --yes: logged")
    tap.equal(json.loads(tool("--json", "rate", "store")[1])["store"], "mem", "rate store --json")
    conf = ("--config", fleet.conf)
    code, got, _ = tool.json(*conf, "rate", "warmup", "young.example")
    tap.equal((code, got["domain"], got["providers"]), (0, "young.example", [{
        "provider": "google", "begun": False, "day": "1.000000", "cap": 100, "used": 0, "plateau": 1000,
        "days_to_plateau": 4, "plateau_on": got["providers"][0]["plateau_on"]}]), "rate warmup: not begun")
    with miltermta.Session(fleet["rate"].socket) as s:
        s.connect("203.0.113.66")
        s.helo()
        s.mail("<a@young.example>", {"auth_authen": "young"})
        for n in range(3):
            s.rcpt("<r%d@gmail.example>" % n)
        s.rest([("From", " <a@young.example>")] + list(miltermta.HEADERS[1:]), "4QW")
    code, got, _ = tool.json(*conf, "rate", "warmup", "young.example")
    tap.equal([(p["begun"], p["cap"], p["used"]) for p in got["providers"]], [(True, 100, 3)], "rate warmup: used today")
    tap.match(r"(?m)^PROVIDER .*\ngoogle +1\.0 +100 +3 +1000 +\d{4}-\d\d-\d\d at the earliest$", tool(*conf, "rate", "warmup", "young.example")[1],
              "rate warmup: a table")
    tap.equal((tool(*conf, "rate", "warmup", "shop.example")[0], tool(*conf, "rate", "warmup", "foreign.example")[0]), (1, 1),
              "rate warmup: of who has none: exit 1")


def main():
    with lab_base.Lab("ctl-daemon") as lab:
        fleet = lab_fleet.Fleet(lab, settings(), BUILD)
        tool = Tool(fleet)
        for test in (usage, status, numbers, limits, tails, tail_ends, slow_reader, dead, reloads):
            tap.run(test.__name__, test, fleet, tool)
    tap.done()


main()
