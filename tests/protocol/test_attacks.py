#!/usr/bin/python3
"""Public attack cases against mail authentication, as far as SPF goes: what
the sender's path is taken for, and what never stands in a field of ours."""
import json
import os
import re
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_authres
import lab_base
import lab_dns
import lab_gatepost
import lab_smtp
import lab_tap
import miltermta

FOLDER = os.path.join(lab_base.SUITES, "attacks")
ID = "mx.receiver.example"
CASES = ("A01", "A02", "A03", "A04", "A05", "A06", "A07")
GOOD = {"mail_from": "<any@attacker.example>", "client_ip": "192.0.2.66",
        "helo": "mail.attacker.example", "rcpt_to": ["<user@receiver.example>"]}
tap = lab_tap.Tap()


def send(path, case, header):
    with miltermta.Session(path) as s:
        s.connect(case["client_ip"], case.get("client_name"))
        s.helo(case["helo"])
        s.mail(case["mail_from"])
        for rcpt in case["rcpt_to"]:
            s.rcpt(rcpt)
        return s.rest(header)


def uncommented(field):
    """The field without its comments, as a reader of it has it."""
    while True:
        fewer = re.sub(r"\([^()]*\)", " ", field)
        if fewer == field:
            return " ".join(field.split())
        field = fewer


def judge(case, last):
    name, want = case["id"], case["expect"]
    fields = [v for _, n, v in last.inserted if n == "Authentication-Results"]
    tap.equal(len(fields), 1, name + ": one field is added")
    try:
        ident, results = lab_authres.parse(fields[0])
    except (IndexError, lab_authres.Malformed) as e:
        tap.ok(False, name + ": the field is by RFC 8601", repr(e))
        return
    tap.equal(ident, ID, name + ": the field is by RFC 8601 and bears our id")
    spf = [r for r in results if r.method == "spf" and "smtp.helo" not in r.props]
    tap.equal(len(spf), 1, name + ": one result for MAIL FROM")
    wanted = want["spf"]
    if "result" in wanted:
        tap.ok(spf[0].result in wanted["result"], "%s: spf is %s" % (
            name, " or ".join(wanted["result"])), repr(spf[0]))
    if "domain" in wanted:
        tap.ok(spf[0].props.get("smtp.mailfrom") in wanted["domain"],
               name + ": the domain is read right", repr(spf[0]))
    shown = "Authentication-Results: " + uncommented(fields[0])
    for pattern in want.get("headers", {}).get("forbid", []):
        tap.ok(not re.search(pattern, shown), "%s: nothing like %s" % (name, pattern), shown)


def run(lab, name):
    folder = next(n for n in os.listdir(FOLDER) if n.startswith(name + "-"))
    with open(os.path.join(FOLDER, folder, "case.json"), encoding="utf-8") as f:
        case = json.load(f)
    with open(os.path.join(FOLDER, folder, "message.eml"), "rb") as f:
        header = lab_smtp.fields(f.read())
    dns = lab.own(lab_dns.DnsServer(case["dns"]))
    daemon = lab_gatepost.Daemon(lab, {
        "authserv-id": ID, "resolver": {"servers": [dns.address], "timeout": "1s"},
        "spf": {"mode": "enforce", "fail": "tag"}}, lab_gatepost.binary(build="asan"),
        label=name)
    judge(case, send(daemon.socket, case, header))
    good = send(daemon.socket, GOOD, miltermta.HEADERS)
    tap.ok(good.inserted and "spf=pass" in good.inserted[0][2],
           name + ": the next good message gets its pass", repr(good))
    tap.equal(daemon.stop(), 0, name + ": the daemon ends with 0")


def main():
    if not os.path.isdir(FOLDER):
        lab_tap.skip_all("attack cases", "no attacks folder; set GP_SUITES")
    with lab_base.Lab("attacks") as lab:
        for name in CASES:
            tap.run(name, run, lab, name)
    tap.done()


main()
