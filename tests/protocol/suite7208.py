"""suite7208 - the public RFC 7208 test suite through a running daemon.

Each scenario has a name server and a daemon of its own, since the scenarios
use the same names for different data.  One session a test: the first
recipient's domain rejects on fail, so his reply shows the explanation; the
second one's only tags, so that the message goes on and the result stands in
Authentication-Results.
"""
import collections
import concurrent.futures
import json
import os
import re

import lab_authres
import lab_base
import lab_dns
import lab_gatepost
import miltermta

Outcome = collections.namedtuple("Outcome", "result explanation reason")
DEFAULT = "The receiver has no better text."


def file():
    return os.path.join(lab_base.SUITES, "rfc7208-tests.json")


def scenarios():
    with open(file(), encoding="utf-8") as f:
        return json.load(f)


def settings(dns, engine, fail="tag"):
    return {
        "authserv-id": "mx.lab.example",
        "resolver": {"servers": [dns.address], "timeout": "1s", "tries": 1},
        "trust": {"clients": [], "authenticated": False},
        "spf": {"mode": "enforce", "engine": engine, "fail": fail,
                "permerror": "tag", "temperror": "tag", "explanation": DEFAULT},
        ("domain", "strict.example"): {"spf": {"fail": "reject"}},
    }


def sender_path(mailfrom):
    """The suite writes local parts as SPF sees them; MAIL FROM may need quotes
    to say the same (RFC 5321 4.1.2): a blank, or nothing before the @."""
    local, at, domain = mailfrom.rpartition("@")
    if at and (not local or " " in local):
        return '<"%s"@%s>' % (local, domain)
    return "<%s>" % mailfrom


def ask(socket_path, test):
    """Run one test; its Outcome."""
    with miltermta.Session(socket_path, timeout=60) as s:
        s.connect(test["host"])
        s.helo(test["helo"])
        s.mail(sender_path(test["mailfrom"]))
        strict = s.rcpt("<user@strict.example>")
        s.rcpt("<user@receiver.example>")
        last = s.rest(miltermta.HEADERS)
    fields = [v for _, n, v in last.inserted if n.lower() == "authentication-results"]
    if len(fields) != 1:
        return Outcome("no field", None, repr(last))
    results = lab_authres.read(fields[0])[1]
    # a name that can not be read is not shown: then there is no property
    other = "smtp.helo" if test["mailfrom"] else "smtp.mailfrom"
    shown = [r for r in results if other not in r.props]
    if len(shown) != 1:
        return Outcome("not one result", None, fields[0])
    explanation = strict.text if strict.action == "reject" else None
    return Outcome(shown[0].result, explanation, fields[0])


def run_scenario(lab, scenario, engine, number):
    """{test name: Outcome} and the daemon's log and metrics."""
    dns = lab_dns.DnsServer(scenario["dns"])
    daemon = lab_gatepost.Daemon(
        lab, settings(dns, engine), lab_gatepost.binary(build="asan"),
        label="%s%d" % (engine, number))
    try:
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            jobs = {name: pool.submit(ask, daemon.socket, test)
                    for name, test in scenario["tests"].items()}
            outcomes = {}
            for name, job in jobs.items():
                try:
                    outcomes[name] = job.result()
                except (miltermta.Gone, lab_authres.Malformed) as e:
                    outcomes[name] = Outcome("session broke", None, repr(e))
        metrics = daemon.metrics()
        log = daemon.log
        status = daemon.stop()
    finally:
        daemon.stop()
        dns.stop()
    if status != 0:
        raise lab_base.LabError("exit %s: %s" % (status, " | ".join(log.all[-30:])))
    return outcomes, log.all, metrics


def run(lab, engine):
    """Every scenario, four at a time: [(scenario, outcomes, log, metrics)]."""
    suite = scenarios()
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(run_scenario, lab, s, engine, i) for i, s in enumerate(suite)]
        return [(s, *job.result()) for s, job in zip(suite, jobs)]


def same_text(explanation, reply):
    """Is the suite's text in the reply, white space aside?"""
    wanted = DEFAULT if explanation == "DEFAULT" else explanation
    squeeze = lambda t: re.sub(r"\s+", " ", t)
    return reply is not None and squeeze(wanted) in squeeze(reply)
