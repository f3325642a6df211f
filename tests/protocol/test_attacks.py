#!/usr/bin/python3
"""Public attack cases against mail authentication: what the sender's path is
taken for, which domains show a pass, what never stands in a field of ours, and
what the chain of three makes of it and does about it."""
import importlib.util
import json
import os
import pathlib
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_authres
import lab_base
import lab_dkim
import lab_dns
import lab_gatepost
import lab_tap
import miltermta
from dkim_fixture import edited

FOLDER = pathlib.Path(lab_base.SUITES, "attacks")
ID = "mx.receiver.example"
CHAIN = ("spf", "dkim", "dmarc")
SPF_CASES = ("A01", "A02", "A03", "A04", "A05", "A06", "A07")
GOOD = {"mail_from": "<any@attacker.example>", "client_ip": "192.0.2.66",
        "helo": "mail.attacker.example", "rcpt_to": ["<user@receiver.example>"]}
HEADERS = [(n.encode(), v.encode()) for n, v in miltermta.HEADERS]
tap = lab_tap.Tap()


def parts(raw):
    """([(name, value)], body) as an MTA hands them to a milter."""
    head, _, body = raw.partition(b"\r\n\r\n")
    lines, fields = head.split(b"\r\n"), []
    for number, line in enumerate(lines):
        if line[:1] in (b" ", b"\t") and fields:
            fields[-1][1] += b"\n" + line
        elif b":" in line:
            name, _, value = line.partition(b":")
            fields.append([name.rstrip(), value])
        else:
            body = b"\r\n".join(lines[number:]) + b"\r\n\r\n" + body
            break
    return [(n.split(b"\0")[0], v.split(b"\0")[0]) for n, v in fields], body


def send(path, case, fields, body=b"Hello.\r\n"):
    return send_and_edit(path, case, fields, body)[0]


def send_and_edit(path, case, fields, body):
    """The last answer, and the fields that it leaves."""
    with miltermta.Session(path) as s:
        s.connect(case["client_ip"], case.get("client_name"))
        s.helo(case["helo"])
        s.mail(case["mail_from"])
        for rcpt in case["rcpt_to"]:
            s.rcpt(rcpt)
        last = s.rest(fields, body=body)
        return last, edited(fields, last, bool(s.steps & miltermta.HEADER_LEADING_SPACE))


def uncommented(field):
    """The field without its comments, as a reader of it has it."""
    while True:
        fewer = re.sub(r"\([^()]*\)", " ", field)
        if fewer == field:
            return " ".join(field.split())
        field = fewer


def results_of(what, case, last):
    """The results of the one field that was added; the common rules."""
    fields = [v for _, n, v in last.inserted if n == "Authentication-Results"]
    tap.equal(len(fields), 1, what + ": one field is added")
    try:
        ident, results = lab_authres.read(fields[0])
    except (IndexError, lab_authres.Malformed) as e:
        tap.ok(False, what + ": the field is by RFC 8601", repr(e))
        return None
    tap.equal(ident, ID, what + ": the field is by RFC 8601 and bears our id")
    shown = "Authentication-Results: " + uncommented(fields[0])
    for pattern in case["expect"].get("headers", {}).get("forbid", []):
        tap.ok(not re.search(pattern, shown), "%s: nothing like %s" % (what, pattern), shown)
    return results


def judge_spf(what, case, results):
    wanted = case["expect"]["spf"]
    spf = [r for r in results if r.method == "spf" and "smtp.helo" not in r.props]
    tap.equal(len(spf), 1, what + ": one result for MAIL FROM")
    if "result" in wanted:
        tap.ok(spf[0].result in wanted["result"], "%s: spf is %s" % (
            what, " or ".join(wanted["result"])), repr(spf[0]))
    if "domain" in wanted:
        tap.ok(spf[0].props.get("smtp.mailfrom") in wanted["domain"],
               what + ": the domain is read right", repr(spf[0]))


def judge_dkim(what, case, results, dns):
    expect = case["expect"]
    wanted = expect.get("dkim", {})
    dkim = [r for r in results if r.method == "dkim"]
    passing = {r.props.get("header.d") for r in dkim if r.result == "pass"}
    tap.ok(dkim, what + ": there is a result")
    if "pass_domains" in wanted:
        tap.equal(passing, set(wanted["pass_domains"]), what + ": who passes")
    for signature in wanted.get("signatures", []):
        # a d= that is no domain name is not shown
        seen = [r.result for r in dkim
                if r.props.get("header.d", signature["domain"]) == signature["domain"]]
        tap.ok(seen and all(s in signature["result"] for s in seen),
               "%s: %s is %s" % (what, signature["domain"], signature["result"]), repr(dkim))
    for name, most in expect.get("max_queries_for", {}).items():
        tap.ok(dns.count(name) <= most, "%s: %s is asked for %d times at most" % (what, name, most))
    if "max_dkim_key_queries" in expect:
        tap.ok(dns.count() <= expect["max_dkim_key_queries"], what + ": few key queries",
               str(dns.count()))


def run(lab, daemon_name, case, raw):
    what = "%s, gatepost-%s" % (case["id"], daemon_name)
    dns = lab.own(lab_dns.DnsServer(case["dns"]))
    daemon = lab_gatepost.Daemon(lab, {
        "authserv-id": ID, "resolver": {"servers": [dns.address], "timeout": "1s"},
        "spf": {"mode": "enforce", "fail": "tag"}},
        lab_gatepost.binary(daemon_name, "asan"), name=daemon_name,
        label=case["id"] + daemon_name)
    results = results_of(what, case, send(daemon.socket, case, *parts(raw)))
    if results is not None and daemon_name == "spf":
        judge_spf(what, case, results)
    elif results is not None:
        judge_dkim(what, case, results, dns)
    good = send(daemon.socket, GOOD, HEADERS)
    word = {"spf": "spf=pass", "dkim": "dkim=none"}[daemon_name]
    tap.ok(good.inserted and word in good.inserted[0][2],
           what + ": the next good message gets its result", repr(good))
    tap.equal(daemon.stop(), 0, what + ": the daemon ends with 0")


# -- the chain of three ------------------------------------------------------

class Chain:
    """One for all cases: they differ in what DNS has, and nothing of it is
    kept."""

    def __init__(self, lab):
        self.dns = lab.own(lab_dns.DnsServer(ttl=0))
        self.daemons = {}
        for name in CHAIN:
            self.daemons[name] = lab_gatepost.Daemon(
                lab, self.settings("enforce"), lab_gatepost.binary(name, "asan"), name=name,
                label="chain-" + name, beside=self.daemons.get("spf"))

    def settings(self, mode):
        return {"authserv-id": ID, "resolver": {"servers": [self.dns.address], "timeout": "1s"},
                "spf": {"mode": "enforce", "fail": "tag"}, "dmarc": {"mode": mode}}

    def reload(self, mode):
        self.daemons["dmarc"].set_policy(self.settings(mode))
        return self.daemons["dmarc"].reload()[0]

    def send(self, case, fields, body=b"Hello.\r\n"):
        """Each filter sees what the one before it left; the last answer, who
        gave it, and the fields."""
        for name in CHAIN:
            last, fields = send_and_edit(self.daemons[name].socket, case, fields, body)
            if last.action not in ("continue", "accept"):
                break
        return last, name, fields


def claim(fields):
    """Every delivered field that could be ours, unfolded, as text."""
    return [v.decode("utf-8", "backslashreplace") for n, v in fields
            if n.lower() == b"authentication-results" and ID.encode() in v.lower()]


def judge_dmarc(what, case, field):
    wanted = case["expect"]["dmarc"]
    try:
        dmarc = [r for r in lab_authres.read(field)[1] if r.method == "dmarc"]
    except lab_authres.Malformed as e:
        tap.ok(False, what + ": the field is by RFC 8601", repr(e))
        return
    tap.equal(len(dmarc), 1, what + ": one result of DMARC")
    result, author = dmarc[0].result, dmarc[0].props.get("header.from")
    tap.ok(result in wanted["result"], "%s: dmarc is %s" % (what, " or ".join(wanted["result"])),
           repr(dmarc))
    tap.ok(author in wanted["from_domain"], "%s: the author is %s" % (what, " or ".join(
        d or "nobody" for d in wanted["from_domain"])), repr(dmarc))
    if wanted.get("policy"):
        tap.equal(dmarc[0].props.get("policy.dmarc"), wanted["policy"], what + ": whose policy")


def run_chain(chain, case, raw):
    what = case["id"] + ", chain"
    chain.dns.zone = lab_dns.Zone(case["dns"])
    tap.equal(chain.reload("enforce"), "ok", what + ": enforce")
    fields, body = parts(raw)
    last, who, _ = chain.send(case, fields, body)
    actions = case["expect"]["action"]
    going = "accept" if last.action == "continue" else last.action
    tap.ok(going in actions, "%s: %s" % (what, " or ".join(actions)), repr(last))
    if going == "reject":
        tap.ok(who == "dmarc" and re.match(r"550 5\.7\.1 .*DMARC", last.text),
               what + ": gatepost-dmarc says why", "%s %r" % (who, last.text))
    # the results stand in what is delivered, and that it is in monitor mode
    tap.equal(chain.reload("monitor"), "ok", what + ": monitor")
    last, _, delivered = chain.send(case, fields, body)
    tap.equal(last.action, "continue", what + ": delivered in monitor mode")
    ours = claim(delivered)
    tap.equal(len(ours), 1, what + ": one field of ours")
    judge_dmarc(what, case, ours[0])
    for pattern in case["expect"].get("headers", {}).get("forbid", []):
        shown = "Authentication-Results: " + uncommented(ours[0])
        tap.ok(not re.search(pattern, shown), "%s: nothing like %s" % (what, pattern), shown)
    last, _, delivered = chain.send(GOOD, HEADERS)
    tap.ok(last.action == "continue" and "spf=pass" in claim(delivered)[0],
           what + ": the next good message gets its result", repr(last))


def as_stored(folder):
    case = json.loads((folder / "case.json").read_text(encoding="utf-8"))
    return case, (folder / "message.eml").read_bytes()


def signer():
    """The suite's own program, which signs the cases with fresh keys."""
    if lab_dkim.why_not():
        return None
    spec = importlib.util.spec_from_file_location("materialize", FOLDER / "materialize.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.materialize


def main():
    if not FOLDER.is_dir():
        lab_tap.skip_all("attack cases", "no attacks folder; set GP_SUITES")
    materialize = signer()
    if not materialize:
        tap.skip("signed attack cases", lab_dkim.why_not())
    with lab_base.Lab("attacks") as lab:
        chain = Chain(lab)
        for folder in sorted(p.parent for p in FOLDER.glob("*/case.json")):
            case, raw = materialize(folder) if materialize else as_stored(folder)
            if case["direction"] != "inbound":
                continue
            if case["id"] in SPF_CASES:
                tap.run(case["id"] + " spf", run, lab, "spf", case, raw)
            if materialize:
                tap.run(case["id"] + " dkim", run, lab, "dkim", case, raw)
                tap.run(case["id"] + " chain", run_chain, chain, case, raw)
        for name, daemon in chain.daemons.items():
            tap.equal(daemon.stop(), 0, "chain: gatepost-%s ends with 0" % name)
    tap.done()


main()
