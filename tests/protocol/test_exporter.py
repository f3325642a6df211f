#!/usr/bin/python3
"""gatepost-exporter: a page that Prometheus takes, of daemons that run, do not
run and do not answer; and the alert rules and the dashboard, whose metrics are
all on that page."""
import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(1, os.path.join(HERE, "..", "support"))
import lab_base
import lab_fleet
import lab_gatepost
import lab_tap
import rate_fixture

BUILD = "asan"
USAGE, UNAVAILABLE = 64, 69
EXAMPLES = os.path.join(lab_base.ROOT, "packaging", "examples")
tap = lab_tap.Tap()


class Exporter:
    def __init__(self, lab, run, *more):
        self.process = lab_base.Process([lab_gatepost.binary("exporter", BUILD), "--foreground", "--listen", "127.0.0.1:0",
                                         "--runtime-dir", run, *more])
        line = self.process.err.wait(re.compile(r"^gatepost-exporter: ready on 127\.0\.0\.1:\d+$").search, 20)
        self.port = int(line.rsplit(":", 1)[1])
        lab.own(self)

    def stop(self):
        return self.process.stop()

    def get(self, path="/metrics", method="GET", body=None):
        c = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            c.request(method, path, body=body)
            r = c.getresponse()
            return r.status, r.read().decode(), dict(r.getheaders())
        finally:
            c.close()

    def page(self):
        status, text, _ = self.get()
        if status != 200:
            raise lab_base.LabError("status %d" % status)
        return text, lab_gatepost.parse_metrics(text)


def up(values):
    return {n: values.get('gatepost_up{daemon="%s"}' % n) for n in lab_fleet.NAMES}


def promtool(what, args, text=None):
    """Exit code and all that it says, or a skip."""
    if not shutil.which("promtool"):
        tap.skip(what, "promtool is not installed")
        return None
    done = subprocess.run(["promtool", *args], input=text, capture_output=True, text=True, timeout=120)
    return done.returncode, done.stdout + done.stderr


def page(_fleet, exporter):
    text, values = exporter.page()
    tap.equal(up(values), dict.fromkeys(lab_fleet.NAMES, 1), "a page: all are up")
    status, _, fields = exporter.get()
    tap.equal((status, fields["Content-Type"]), (200, "text/plain; version=0.0.4; charset=utf-8"), "a page: its type")
    heads = re.findall(r"(?m)^# (?:TYPE|HELP) (\S+) ", text)
    tap.ok(len(heads) == 2 * len(set(heads)), "a page: each family has one HELP and one TYPE", heads)
    tap.ok(all(values['gatepost_config_last_reload_successful{daemon="%s"}' % n] == 1 and
               abs(time.time() - values['gatepost_config_last_reload_success_timestamp_seconds{daemon="%s"}' % n]) < 300
               for n in lab_fleet.NAMES), "a page: reloads")
    tap.ok(any(k.startswith("gatepost_exporter_build_info{version=") for k in values) and
           sum(k.startswith("gatepost_build_info{") for k in values) == 4, "a page: versions")
    got = promtool("a page: promtool check metrics", ["check", "metrics"], text)
    if got:
        tap.equal(got, (0, ""), "a page: promtool check metrics has nothing to say")


def requests(_fleet, exporter):
    tap.equal(exporter.get("/healthz")[:2], (200, "ok\n"), "/healthz")
    tap.equal(exporter.get("/metrics?x=y")[0], 200, "a query is passed over")
    head = exporter.get(method="HEAD")
    tap.ok(head[0] == 200 and head[1] == "" and int(head[2]["Content-Length"]) > 1000, "HEAD: no body", head)
    for path in ("/", "/metrics/", "/metricsx", "//metrics", "/../metrics", "/healthz/x"):
        tap.equal(exporter.get(path)[0], 404, "%s: 404" % path)
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "X"):
        status, _, fields = exporter.get(method=method, body=b"x" * 100000 if method in ("POST", "PUT") else None)
        tap.equal((status, fields.get("Allow")), (405, "GET, HEAD"), "%s: 405" % method)
    for what, octets in (("no HTTP", b"\0\xff\r\n\r\n"), ("a field without an end", b"GET /metrics HTTP/1.1\r\nX: " + b"a" * 100000),
                         ("a path without an end", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n")):
        with socket.create_connection(("127.0.0.1", exporter.port), 20) as s:
            try:
                s.sendall(octets)
                s.shutdown(socket.SHUT_WR)
                got = s.recv(100)
            except OSError:
                got = b""
            tap.ok(got == b"" or re.match(rb"HTTP/1\.[01] [45]\d\d ", got), "%s: refused" % what, got)
    tap.equal(exporter.get("/healthz")[0], 200, "and it serves on")


def silent_clients(_fleet, exporter):
    """As many as are let in, all silent: a place is free again in time."""
    held = [socket.create_connection(("127.0.0.1", exporter.port), 20) for _ in range(40)]
    try:
        began = time.monotonic()
        lab_base.wait_until(lambda: _serves(exporter), 30, "a free place")
        tap.ok(time.monotonic() - began < 25, "clients that say nothing are dropped")
    finally:
        for s in held:
            s.close()


def _serves(exporter):
    try:
        return exporter.get("/healthz")[0] == 200
    except OSError:
        return False
    except http.client.HTTPException:
        return False


def daemons(fleet, exporter):
    os.kill(fleet["dkim"].process.pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        _, values = exporter.page()
        seconds = time.monotonic() - began
        tap.equal(up(values), {"spf": 1, "dkim": 0, "dmarc": 1, "rate": 1}, "one that does not answer: it is not up")
        tap.ok(seconds < 5, "one that does not answer: keeps nobody waiting", "%.2f s" % seconds)
    finally:
        os.kill(fleet["dkim"].process.pid, signal.SIGCONT)
    lab_base.wait_until(lambda: up(exporter.page()[1])["dkim"] == 1, 20, "dkim")
    fleet["dmarc"].kill()
    text, values = exporter.page()
    tap.equal(up(values)["dmarc"], 0, "kill -9: it is not up")
    tap.ok('{daemon="dmarc"' not in text.replace('gatepost_up{daemon="dmarc"', ""), "kill -9: and has no numbers")
    fleet["dmarc"].start()
    tap.equal(up(exporter.page()[1])["dmarc"], 1, "it is started: up again")
    good = open(fleet.conf, encoding="utf-8").read()
    fleet.set_policy("spf { modus = enforce }\n")
    fleet["spf"].reload()
    tap.equal([exporter.page()[1]['gatepost_config_last_reload_successful{daemon="%s"}' % n] for n in ("spf", "rate")],
              [0, 1], "a reload that failed: of that one")
    fleet.set_policy(good)
    fleet["spf"].reload()
    # what the exporter may ask
    stats = os.path.join(fleet["spf"].run_dir, "stats.sock")
    tap.equal(os.stat(stats).st_mode & 0o7777, 0o660, "stats.sock: for the group, too")
    tap.equal([lab_gatepost.request(stats, r)[0] for r in ("ping", "stats", "status", "reload", "tail", "why x")],
              ["ok", "ok"] + ["error"] * 4, "stats.sock: answers with numbers alone")
    os.rename(fleet["rate"].run_dir, fleet["rate"].run_dir + ".away")
    tap.equal(up(exporter.page()[1]), {"spf": 1, "dkim": 1, "dmarc": 1, "rate": None}, "one that need not run is not on the page")
    os.rename(fleet["rate"].run_dir + ".away", fleet["rate"].run_dir)


def starts(fleet, exporter):
    program = lab_gatepost.binary("exporter", BUILD)
    for what, args, code, words in (
            ("an unknown option", ("--port", "1"), USAGE, "--port: no such option"),
            ("no value", ("--listen",), USAGE, "a value is missing"),
            ("no port", ("--listen", "127.0.0.1"), USAGE, "expected ADDRESS:PORT"),
            ("a name", ("--listen", "localhost:1"), USAGE, "expected ADDRESS:PORT"),
            ("a port too large", ("--listen", "127.0.0.1:65536"), USAGE, "expected ADDRESS:PORT"),
            ("IPv6 without brackets", ("--listen", "::1:80"), USAGE, "expected ADDRESS:PORT"),
            ("a port in use", ("--listen", "127.0.0.1:%d" % exporter.port), UNAVAILABLE, "can't listen"),
            ("an address of others", ("--listen", "192.0.2.1:0"), UNAVAILABLE, "can't listen")):
        done = subprocess.run([program, *args], capture_output=True, text=True, timeout=20)
        lines = done.stderr.splitlines()
        tap.ok(done.returncode == code and len(lines) == 1 and words in lines[0], "start: %s" % what, "%d %r" % (done.returncode, lines))
    for word in ("--help", "--version"):
        done = subprocess.run([program, word], capture_output=True, text=True, timeout=20)
        tap.ok(done.returncode == 0 and done.stderr == "" and "gatepost-exporter" in done.stdout, "start: " + word, done)
    six = lab_base.Process([program, "--listen", "[::1]:0", "--runtime-dir", fleet.run])
    line = six.err.wait(re.compile(r"ready on \[::1\]:\d+$").search, 20)
    if line is None and not os.path.exists("/proc/net/if_inet6"):
        tap.skip("start: IPv6", "the host has none")
    else:
        tap.ok(line, "start: IPv6", six.err.all)
    six.stop()
    notify = os.path.join(fleet.run, "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.bind(notify)
        s.settimeout(20)
        one = lab_base.Process([program, "--listen", "127.0.0.1:0", "--runtime-dir", fleet.run], env=dict(os.environ, NOTIFY_SOCKET=notify))
        tap.equal(s.recv(100), b"READY=1\nSTATUS=answers scrapes", "start: it tells systemd")
        began = time.monotonic()
        tap.equal(one.stop(), 0, "SIGTERM: exit 0")
        tap.ok(time.monotonic() - began < 5, "SIGTERM: at once")
        tap.equal(s.recv(100), b"STOPPING=1", "SIGTERM: it tells systemd")


NAME = re.compile(r"\bgatepost_[a-z0-9_]+")


def metrics_in(text):
    return set(NAME.findall(text))


def examples(_fleet, exporter):
    text, values = exporter.page()
    there = {k.partition("{")[0] for k in values}
    rules = os.path.join(EXAMPLES, "gatepost.rules.yml")
    with open(rules, encoding="utf-8") as f:
        body = "\n".join(l for l in f.read().splitlines() if not l.lstrip().startswith("#"))
    used = metrics_in(body)
    tap.ok(len(used) > 8 and used <= there, "the rules' metrics are all on the page", sorted(used - there))
    alerts = re.findall(r"(?m)- alert: (\w+)$", body)
    with open(os.path.join(EXAMPLES, "gatepost.rules.test.yml"), encoding="utf-8") as f:
        tests = f.read()
    fired = re.findall(r"alertname: (\w+)\n +exp_alerts:", tests)
    tap.equal(sorted(alerts), sorted(set(fired)), "each rule has a test in which it fires")
    for what, args in (("check rules", ["check", "rules", rules]),
                       ("test rules", ["test", "rules", os.path.join(EXAMPLES, "gatepost.rules.test.yml")])):
        got = promtool("promtool " + what, args)
        if got:
            tap.ok(got[0] == 0 and "SUCCESS" in got[1] and "FAILED" not in got[1], "promtool " + what, got[1])
    with open(os.path.join(EXAMPLES, "grafana", "gatepost.json"), encoding="utf-8") as f:
        board = json.load(f)
    exprs = [t["expr"] for p in board["panels"] for t in p["targets"]]
    used = metrics_in("\n".join(exprs))
    tap.ok(len(exprs) > 15 and used <= there, "the dashboard's metrics are all on the page", sorted(used - there))
    ids = [p["id"] for p in board["panels"]]
    tap.equal(len(ids), len(set(ids)), "the dashboard's panels have numbers of their own")
    # labels that the expressions name have these values
    for label, value in re.findall(r'(\w+)=~?"([a-z|]+)"', body + "\n".join(exprs)):
        for one in value.split("|"):
            tap.ok('%s="%s"' % (label, one) in text, 'a label %s="%s" is on the page' % (label, one))
    # every expression is one for Prometheus, too
    if shutil.which("promtool"):
        doc = {"groups": [{"name": "dashboard", "rules": [
            {"record": "x:%d" % i, "expr": re.sub(r"\$__rate_interval", "5m", e)} for i, e in enumerate(exprs)]}]}
        path = os.path.join(_fleet.run, "dashboard.yml")
        with open(path, "w", encoding="utf-8") as f:
            json.dump(doc, f)
        got = promtool("", ["check", "rules", path])
        tap.ok(got[0] == 0, "the dashboard's expressions are sound", got[1])
    else:
        tap.skip("the dashboard's expressions are sound", "promtool is not installed")


def main():
    with lab_base.Lab("exporter") as lab:
        policy = rate_fixture.settings(store="mem", resolver={"servers": ["127.0.0.1:1"], "timeout": "100ms", "tries": 1})
        fleet = lab_fleet.Fleet(lab, policy, BUILD)
        exporter = Exporter(lab, fleet.run)
        for test in (page, requests, daemons, starts, examples, silent_clients):
            tap.run(test.__name__, test, fleet, exporter)
        tap.equal(exporter.stop(), 0, "the exporter ends with 0")
    tap.done()


main()
