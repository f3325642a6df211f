#!/usr/bin/python3
"""What the documents tell an operator to type is typed: the set-up of
gatepost-dkim(8) and of the README leads to mail whose signature verifies, and
every daemon takes the policies that are shown as examples."""
import os
import re
import shutil
import stat
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_base
import lab_dkim
import lab_gatepost
import lab_tap
import miltermta

try:
    import dns.zone
except ImportError:
    dns = None

tap = lab_tap.Tap()


def document(*path):
    with open(os.path.join(lab_base.ROOT, *path), encoding="utf-8") as f:
        return f.read()


def manual():
    """The fenced blocks of the example: key, record, policy, ..., Ed25519."""
    example = document("packaging", "man", "gatepost-dkim.8.scd")
    example = example.split("# EXAMPLE\n")[1].split("\n# ")[0]
    return [b.strip("\n") for b in re.findall(r"^```\n(.*?)^```$", example, re.M | re.S)]


def readme():
    """The indented blocks of "Sign your mail": key, record, policy."""
    section = document("README.md").split("## Sign your mail\n")[1].split("\n## ")[0]
    blocks, last = [], None
    for number, line in enumerate(section.splitlines()):
        if line.startswith("       "):
            if last != number - 1:
                blocks.append("")
            blocks[-1] += line[7:] + "\n"
            last = number
    return blocks


def operate(etc, commands):
    """As root would, but in our folder, and for a group that is not here."""
    script = "set -eu\nchgrp() { echo \"$1\" >&2; }\n" + commands
    out = subprocess.run(["bash", "-c", script.replace("/etc/gatepost", etc)], cwd=etc + "/keys",
                         capture_output=True, text=True, timeout=60, check=True)
    return out.stdout


def records(text, origin):
    """{name: {"TXT": [record]}} of lines for a zone file, by dnspython."""
    zone = dns.zone.from_text(
        "$TTL 60\n@ SOA ns h 1 1 1 1 1\n@ NS ns\n" + text, origin=origin, relativize=False)
    return {name.to_text(): {"TXT": [b"".join(r.strings).decode() for r in rdata]}
            for name, _, rdata in zone.iterate_rdatas("TXT")
            for rdata in [zone.get_rdataset(name, "TXT")]}


def sign(daemon, domain, login=None):
    """The message as the MTA sends it on, and what became of it."""
    fields = [("From", " App <app@%s>" % domain), ("To", " you@receiver.example"),
              ("Subject", " n"), ("Date", " Sun, 22 Nov 2026 08:00:00 +0000")]
    body = b"Hello.\r\n"
    with miltermta.Session(daemon.socket) as s:
        s.connect("127.0.0.1" if login is None else "192.0.2.1")
        s.helo()
        s.mail("<app@%s>" % domain, {"auth_authen": login} if login else None)
        s.rcpt()
        answer = s.rest(fields, body=body)
    new = "".join("%s:%s\r\n" % (n, v.replace("\r\n", "\n").replace("\n", "\r\n"))
                  for _, n, v in answer.inserted)
    return answer, (new + "".join("%s:%s\r\n" % f for f in fields)).encode() + b"\r\n" + body


def daemon_of(lab, label, policy):
    d = lab_gatepost.Daemon(lab, "authserv-id = \"mx.lab.example\"\n" + policy,
                            lab_gatepost.binary("dkim", "asan"), name="dkim", label=label,
                            start=False)
    os.mkdir(d.key_path("keys"), 0o750)
    return d


def by_the_manual(lab):
    key, record, policy, _reach, _main_cf, reload, ed_key = manual()
    d = daemon_of(lab, "manual", policy)
    etc = os.path.dirname(d.conf)
    zone = records(operate(etc, key + "\n" + record), "example.com")
    mode = os.stat(d.key_path("keys/n2026a.pem")).st_mode
    tap.equal(stat.S_IMODE(mode), 0o640, "manual: the key's mode")
    tap.ok("gatepost-dkim --check" in reload, "manual: --check comes before the reload")
    d.start()
    _, raw = sign(d, "example.com")
    tap.equal(lab_dkim.shown(raw, zone), {("example.com", "n2026a")},
              "manual: what it sets up signs, and its record verifies")

    make, show = ed_key.splitlines()
    text = operate(etc, make + "\n" + show + "\necho \"$p\"")
    zone["e2026a._domainkey.example.com."] = {"TXT": ["v=DKIM1; k=ed25519; p=" + text.strip()]}
    d.set_policy(policy.replace("}\n}", "}\n\tkey \"e2026a\" { file = \"keys/e2026a.pem\" }\n}"))
    tap.equal(d.reload()[0], "ok", "manual: the Ed25519 key is taken")
    _, raw = sign(d, "example.com")
    tap.equal(lab_dkim.shown(raw, zone),
              {("example.com", "n2026a"), ("example.com", "e2026a")},
              "manual: both keys sign, both records verify")


def by_the_readme(lab):
    key, record, policy = readme()
    d = daemon_of(lab, "readme", policy)
    zone = records(operate(os.path.dirname(d.conf), key + record), "news.example.com")
    d.start()
    _, raw = sign(d, "news.example.com", "newsletter-app")
    tap.equal(lab_dkim.shown(raw, zone), {("news.example.com", "n2026a")},
              "README: the login that it names is signed, and its record verifies")
    answer, _ = sign(d, "news.example.com", "somebody")
    tap.equal(answer.action, "reject", "README: nobody else may use the domain")


def shown_policies():
    """(place, text) of the examples that are a whole policy."""
    limits = document("README.md").split("## Limit what leaves\n")[1].split("\n## ")[0]
    yield "README", "\n".join(l[4:] for l in limits.splitlines() if l.startswith("    ") or not l)
    for page in ("gatepost-rate.8", "gatepost.conf.5"):
        text = document("packaging", "man", page + ".scd")
        example = re.split(r"\n# [A-Z]+\n", text.split("# EXAMPLE\n")[1])[0]
        yield page, next(b for b in re.findall(r"^```\n(.*?)^```$", example, re.M | re.S)
                         if "limit " in b)
    folder = os.path.join("packaging", "examples", "policy")
    files = ["gatepost.conf"] + [os.path.join("policy.d", name) for name in os.listdir(os.path.join(lab_base.ROOT, folder, "policy.d"))]
    yield "examples", "\n".join(document(folder, name) for name in files)


def accepted_examples(lab):
    """The keys that an example names are there."""
    for place, text in shown_policies():
        etc = lab.path(place)
        os.makedirs(etc + "/keys")
        os.mkdir(etc + "/policy.d")
        for file, more in re.findall(r'file = "(keys/[^"]+)"([^}]*)', text):
            kind = "ed25519" if "ed25519" in more else "rsa"
            path = lab.write("%s/%s" % (place, file), lab_dkim.Key(kind).pem.decode())
            os.chmod(path, 0o600)
        shutil.copy(os.path.join(lab_base.ROOT, "packaging", "etc", "policy.d", "providers.conf"),
                    etc + "/policy.d")
        conf = lab.write(place + "/gatepost.conf", text)
        for name in ("spf", "dkim", "dmarc", "rate"):
            out = subprocess.run([lab_gatepost.binary(name, "asan"), "--config", conf, "--check"],
                                 capture_output=True, text=True, timeout=60)
            tap.equal((out.returncode, out.stderr), (0, ""),
                      "%s: gatepost-%s takes its policy" % (place, name))


def main():
    why = lab_dkim.why_not() or (None if dns else "python3-dnspython is not installed")
    if why:
        lab_tap.skip_all("what the documents say", why)
    with lab_base.Lab() as lab:
        tap.run("by the manual", by_the_manual, lab)
        tap.run("by the README", by_the_readme, lab)
        tap.run("examples", accepted_examples, lab)
    tap.done()


if __name__ == "__main__":
    main()
