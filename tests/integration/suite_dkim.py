"""gatepost-dkim in its real place, behind gatepost-spf: a private MTA takes
submissions with SMTP AUTH and signs them, passes them on to its own MX port by
SMTP, and verifies them there; nsd answers, a sink keeps what is delivered.

Each delivered message is verified once more by dkimpy, against the same zone.
"""
import os
import re
import threading
import time

import dkim_fixture
import lab_authres
import lab_base
import lab_dkim
import lab_dns
import lab_gatepost
import lab_ledger
import lab_nsd
import lab_mta
import lab_smtp
import lab_tap
import lab_wiretap
from dkim_fixture import AR, ID, LETTER, SIGNATURE, from_domain, key

CONFIG = 78
SHOP = {("shop.example", "s1"), ("shop.example", "e1")}
STRANGER = "192.0.2.66"
USERS = {"app": "1", "mallory": "2", "ann@own.example": "3", "bob@own.example": "4"}
SPF = {"shop.example": {"TXT": ["v=spf1 ip4:%s -all" % lab_mta.Mta.ONWARD]},
       "far.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]}}


def settings(dns, mta):
    out = dkim_fixture.settings(dns)
    out["dkim"]["engine"] = "compare"  # what we let pass, libopendkim does
    if mta.LOCAL_CLIENT:
        out["trust"]["clients"] += [mta.LOCAL_CLIENT]
    out["resolver"] = {"servers": [dns.address], "timeout": "1500ms", "tries": 1}
    out[("domain", ID)] = {("key", "h1"): key("rsa.pem")}
    return out


class Place(lab_ledger.Ledger):
    """The lab and the ledger."""

    def __init__(self, lab, mta):
        super().__init__(lab.own(lab_smtp.Sink()))
        self.lab, self.keys = lab, dkim_fixture.Keys()
        self.zone = dict(self.keys.zone(), **SPF)
        self.zone[lab_dkim.name("h1", ID)] = {"TXT": [self.keys.rsa.record]}
        faults = {n: v for n, v in self.zone.items() if isinstance(v, str)}
        self.faults = faults
        nsd = lab_nsd.Nsd(lab, {n: v for n, v in self.zone.items() if n not in faults})
        self.dns = lab.own(lab_dns.DnsServer(faults, ttl=0, upstream=("127.0.0.1", nsd.port)))
        self.settings = settings(self.dns, mta)
        self.spf = lab_gatepost.Daemon(lab, self.settings, user="nobody", group=mta.GROUP)
        self.daemon = lab_gatepost.Daemon(
            lab, self.settings, name="dkim", user="nobody", group=mta.GROUP,
            beside=self.spf, keys=self.keys.files)
        self.wire = lab.own(lab_wiretap.Wiretap(self.daemon.socket))
        chain = "unix:%s, unix:%s" % (self.spf.socket, self.daemon.socket)
        self.mta = mta(
            lab, self.sink.port, chain, ID, login=USERS,
            other="unix:%s,inet:127.0.0.1:%d" % (self.spf.socket, self.wire.port))

    def say(self, s, raw, sender="<bounce@shop.example>", rcpt="ann@receiver.example", params=""):
        ident = self.ident()
        raw = raw if isinstance(raw, bytes) else raw.encode()
        mail = b"X-Lab-Id: %s\r\n" % ident.encode() + re.sub(rb"(?m)^X-Lab-Id: .*\r?\n", b"", raw)
        return self.note(lab_ledger.Posted(ident, *s.message(sender, [rcpt], mail, params)))

    def submit(self, raw=LETTER, login="app", **kw):
        """Submitted with a login; what the MTA said."""
        with self.mta.submission(login) as s:
            return self.say(s, raw, **kw)

    def receive(self, raw, client="192.0.2.1", login=None, port=None, **kw):
        """Brought to port 25 by this client."""
        with self.mta.client(client, login, port) as s:
            return self.say(s, raw, **kw)

    def signed_as(self, message):
        return lab_dkim.shown(message.raw, self.zone) if message else "not delivered"

    def log_of(self, posted, since):
        return self.daemon.log.wait(lambda l: posted.data.queue_id + ": " in l, 5, since) or ""


def ours(message):
    """Our fields of a delivered message: {method: (place, [results])}."""
    out = {}
    for i, (name, value) in enumerate(message.fields if message else []):
        if name.strip().lower() == AR.lower():
            ident, results = lab_authres.read(value, ID)
            if ident == ID:
                out.setdefault(results[0].method, []).append((i, results))
    return out


def dkim_of(message):
    """The dkim results of our one such field, which must be on top."""
    fields = ours(message).get("dkim", [])
    return [r.result for r in fields[0][1]] if len(fields) == 1 and fields[0][0] == 0 \
        else "our fields: %r" % fields


def both_ways(tap, p, what, posted, want):
    """Delivered, signed so by dkimpy's lights and by those of our own MX."""
    message = p.delivered(posted)
    tap.equal(p.signed_as(message), want, "%s: dkimpy verifies %s" % (what, sorted(want) or "nothing"))
    tap.equal(dkim_of(message), ["pass"] * len(want) or ["none"], what + ": our MX says the same")
    return message


# -- the tests -------------------------------------------------------------

def submission(tap, p):
    for domain, want in (
            ("shop.example", SHOP), ("news.shop.example", {("news.shop.example", "n1")}),
            ("other.shop.example", set()), ("club.example", {("club.example", "c1")}),
            ("a.b.club.example", {("club.example", "c1")}), ("unlisted.example", set())):
        both_ways(tap, p, "From: " + domain, p.submit(from_domain(domain)), want)
    message = both_ways(tap, p, "an empty body", p.submit(LETTER.partition("\n\n")[0] + "\n\n"), SHOP)
    tap.equal([n for n, _ in message.fields[:2]], [AR, AR], "our MX's results are on top")
    places = {m: [i for i, _ in f] for m, f in ours(message).items()}
    tap.equal(places, {"dkim": [0], "spf": [1]}, "spf and dkim in one chain: each its sealed field")
    for what, raw in (("8-bit body", LETTER.replace("Hello", "Gr\u00fc\u00dfe")),
                      ("folded", LETTER.replace("Subject: ", "Subject: much\n  too\n\tlong ")),
                      ("empty lines at the end", LETTER + "\n" * 9),
                      ("dots", LETTER + ".\n..\n"),
                      ("2 MB", LETTER + "a line of text of forty octets or so.\n" * 55000),
                      ("simple", from_domain("simple.example"))):
        want = {("simple.example", "k1")} if what == "simple" else SHOP
        both_ways(tap, p, what, p.submit(raw), want)
    posted = p.submit(from_domain("b\u00fccher.example"), params=" SMTPUTF8" if p.mta.SMTPUTF8 else "")
    both_ways(tap, p, "a UTF-8 address", posted, {("xn--bcher-kva.example", "x1")})
    with p.mta.submission("app") as s:
        posted = [p.say(s, from_domain(d)) for d in ("shop.example", "club.example", "unlisted.example")]
    tap.equal([len(p.signed_as(p.delivered(m))) for m in posted], [2, 1, 0],
              "three messages in a session: each its own")


def lists(tap, p):
    """Lists of addresses, which an MTA may write in its own way."""
    persons = ["Person %d <person%d@receiver.example>" % (i, i) for i in range(8)]
    for what, value in (("a long list without blanks", ",".join(persons)),
                        ("comments without blanks", "(a)a@receiver.example,b@receiver.example(b)"),
                        ("a group without blanks", "Team:a@receiver.example,Bob B. <b@receiver.example>;"),
                        ("an address without a domain", "ann")):
        raw = LETTER.replace("Ann <ann@receiver.example>", value)
        both_ways(tap, p, what, p.submit(raw), SHOP)
        both_ways(tap, p, what + ", simple", p.submit(from_domain("simple.example", raw)),
                  {("simple.example", "k1")})


def one_click(tap, p):
    posted = p.submit("List-Unsubscribe: <https://shop.example/u?1>\n"
                      "List-Unsubscribe-Post: List-Unsubscribe=One-Click\n" + LETTER)
    all_ = lab_dkim.signatures(p.delivered(posted).raw, p.zone)
    tap.equal([(s.good, s.names.count("list-unsubscribe"), s.names.count("list-unsubscribe-post"))
               for s in all_], [(True, 2, 2)] * 2, "one-click fields stand twice in h=")


def local_mail(tap, p):
    for what, rcpts, raw in (("sendmail -t", [], LETTER), ("sendmail", ["ann@receiver.example"], LETTER)):
        ident = p.ident()
        forged = "%s: %s; dkim=pass header.d=bank.example\n" % (AR, ID)
        out = p.mta.sendmail("news@shop.example", rcpts, "X-Lab-Id: %s\n%s%s" % (ident, forged, raw))
        p.took(ident)
        message = p.sink.wait(ident)
        tap.equal((out.returncode, p.signed_as(message)), (0, SHOP), what + ": signed")
        tap.ok(message and not any("bank" in v for v in message.all(AR)), what + ": a forged field is gone")


def bounces(tap, p):
    posted = p.receive(LETTER, rcpt="u@" + lab_smtp.NOWHERE, sender="<sender@far.example>")
    p.taken.remove(posted.ident)
    bounce = p.sink.wait(lambda m: m.sender == "" and m.rcpts == ["sender@far.example"])
    tap.ok(bounce and "MAILER-DAEMON@" + ID in bounce.first("From"), "a bounce of the MTA is delivered")
    tap.equal(p.signed_as(bounce), {(ID, "h1")} if p.mta.FILTERS_BOUNCES else set(),
              "a bounce of the MTA is signed by the host's block, where filters are shown it")
    posted = p.submit(sender="<>")
    both_ways(tap, p, "a null sender with a login", posted, SHOP)


def inbound(tap, p):
    sign = lambda s, k, raw=LETTER, **kw: lab_dkim.sign(raw, "far.example", s, k, **kw)
    rsa, ed = p.keys.rsa, p.keys.ed
    good = sign("far", rsa)
    cases = (("RSA", good, ["pass"]), ("Ed25519", sign("ed", ed), ["pass"]),
             ("simple/simple", sign("far", rsa, canon="simple/simple"), ["pass"]),
             ("a changed body", good.replace(b"Hello", b"Hallo"), ["fail"]),
             ("no key", sign("gone", rsa), ["permerror"]), ("SERVFAIL", sign("servfail", rsa), ["temperror"]),
             ("no answer", sign("slow", rsa), ["temperror"]),
             ("SERVFAIL beside a good one", sign("servfail", rsa, good), ["temperror", "pass"]),
             ("no signature", LETTER, ["none"]))
    for what, raw, want in cases:
        message = p.delivered(p.receive(raw))
        tap.equal(dkim_of(message), want, "port 25: %s: %s" % (what, " ".join(want)))
    message = p.delivered(p.receive(good))
    result = ours(message)["dkim"][0][1][0]
    b = lab_dkim.signatures(message.raw, p.zone)[0].tags["b"]
    tap.equal([result.props.get("header." + k) for k in "dsa"], ["far.example", "far", "rsa-sha256"],
              "port 25: header.d .s .a")
    tap.ok(len(result.props["header.b"]) >= 8 and b.startswith(result.props["header.b"]), "port 25: header.b")
    tap.ok("policy.gatepost-seal" in result.props, "port 25: the field is sealed", repr(result))
    message = p.delivered(p.receive(LETTER, client=STRANGER))
    tap.equal((message.all(SIGNATURE), dkim_of(message)), ([], ["none"]),
              "port 25: a stranger with our From: is not signed")
    p.dns.mute = True
    try:
        posted = p.receive(sign("down", rsa))
    finally:
        p.dns.mute = False
    tap.equal(dkim_of(p.delivered(posted)), ["temperror"], "port 25: DNS is down: temperror, and it goes on")
    lab_base.wait_until(lambda: dkim_of(p.delivered(p.receive(sign("ed", ed)))) == ["pass"], 20,
                        "DNS is believed again")


def senders(tap, p):
    for domain, login, code, pattern in (
            ("strict.example", "mallory", 550, r"^550 5\.7\.1 .*strict\.example"),
            ("later.example", "mallory", 451, r"^451 4\.7\.1 .*later\.example"),
            ("own.example", "bob@own.example", 550, r"^550 5\.7\.1 ")):
        posted = p.submit(from_domain(domain, local="ann"), login)
        tap.equal(posted.last.code, code, "senders: %s as %s: %d" % (login, domain, code))
        tap.match(pattern, posted.last.line, "senders: %s as %s: the reply" % (login, domain))
    both_ways(tap, p, "senders: unsigned", p.submit(from_domain("loose.example"), "mallory"), set())
    for domain, login, local in (("strict.example", "app", "news"), ("loose.example", "app", "news"),
                                 ("own.example", "ann@own.example", "ann"),
                                 ("own.example", "ann@own.example", "info")):
        both_ways(tap, p, "senders: %s as %s@%s" % (login, local, domain),
                  p.submit(from_domain(domain, local=local), login), {(domain, "k1")})
    posted = p.submit(from_domain("strict.example"), "mallory", sender="<>")
    tap.equal(posted.last.code, 550, "senders: a null sender is no way around it")


def again(tap, p):
    """Mail that was signed before, by us or by others."""
    first = p.delivered(p.submit()).raw
    message = both_ways(tap, p, "valid ones of ours", p.submit(first), SHOP)
    tap.equal(message and message.raw.count(b"DKIM-Signature:"), 2, "valid ones of ours: left alone")
    broken = first.replace(b"Hello Ann", b"Hallo Ann")
    message = both_ways(tap, p, "broken ones of ours", p.submit(broken), SHOP)
    tap.equal(message and message.raw.count(b"DKIM-Signature:"), 2, "broken ones of ours: replaced")
    foreign = lab_dkim.sign(LETTER, "far.example", "far", p.keys.rsa)
    both_ways(tap, p, "a foreign one", p.submit(foreign), SHOP | {("far.example", "far")})
    message = p.delivered(p.submit(foreign.replace(b"Hello Ann", b"Hallo Ann")))
    tap.equal(p.signed_as(message), SHOP | {("BAD", "far.example", "far")},
              "a broken foreign one: stays beside ours")


def forged(tap, p):
    lines = "".join("%s: %s\n" % (AR, v) for v in (
        ID + "; dkim=pass header.d=bank.example", "other1.example; dkim=pass",
        '"%s." 1; spf=pass' % ID.upper(), "other2.example; none"))
    for what, posted in (("submission", p.submit(lines + LETTER)), ("port 25", p.receive(lines + LETTER))):
        message = p.delivered(posted)
        left = [v.split(";")[0] for v in message.all(AR)][2:] if message else None
        tap.equal(left, ["other1.example", "other2.example"],
                  "forged results, %s: removed, foreign ones stay in order" % what)


def fragile(tap, p):
    cut = "a line of %d octets" % (p.mta.LINE_LIMIT + 1)
    cases = [("a line of %d octets" % n, LETTER + "x" * n + "\n") for n in {999, p.mta.LINE_LIMIT + 1}]
    cases = [*cases, ("an 8-bit header", "X-Name: caf\u00e9\n" + LETTER)]
    phrase = "Cc: John Q. Public <j@receiver.example>\n" + LETTER
    if p.mta.REWRITES_ADDRESSES:
        both_ways(tap, p, "a phrase that the MTA puts in quotes",
                  p.submit(from_domain("fragile.example", phrase)), {("fragile.example", "k1")})
    else:
        cases.append(("a phrase to be quoted", phrase))
    for what, raw in cases:
        posted = p.submit(from_domain("fragile.example", raw))
        tap.match(r"^550 5\.6\.0 ", posted.last.line, "on-fragile = reject: " + what)
        mark = p.daemon.log.mark()
        posted = p.submit(from_domain("warned.example", raw))
        message = p.delivered(posted)
        tap.ok(message and message.all(SIGNATURE), "on-fragile = warn: %s is signed" % what)
        tap.ok("fragile=" in p.log_of(posted, mark), "on-fragile = warn: %s is in the log" % what)
        if what == cut:
            tap.equal(dkim_of(message), ["fail"], "and %s did break on its way" % what)


def restart(p):
    p.daemon.stop()
    p.daemon.start()


def killed(tap, p):
    """The daemon dies in the middle of a message that is to be signed."""
    def at(direction, kind, what):
        hit = threading.Event()

        def seen(d, k, _data):
            if (d, k) == (direction, kind) and not hit.is_set():
                hit.set()
                p.daemon.kill()
                return False
            return True
        p.wire.seen = seen
        try:
            said = p.receive(LETTER, login="app", port=p.mta.other_port).last
        except ConnectionError as e:  # at the login
            said = e
        p.wire.seen = lambda *_: True
        tap.match(r"'4\d\d |lost", "%r" % said if hit.is_set() else None, "killed %s: a 4xx" % what)
        restart(p)
        message = p.delivered(p.receive(LETTER, login="app", port=p.mta.other_port))
        tap.equal(p.signed_as(message), SHOP, "killed %s: after a restart it is signed" % what)

    for direction, kind, what in ((">", "O", "at the negotiation"), (">", "M", "before MAIL"),
                                  (">", "L", "before the first field"), (">", "B", "before the body"),
                                  (">", "E", "before the end of the message"),
                                  ("<", "i", "before the first signature")):
        at(direction, kind, what)
    with p.mta.submission("app") as s:
        for command in ("MAIL FROM:<news@shop.example>", "RCPT TO:<ann@receiver.example>", "DATA"):
            s.command(command)
        ident = p.ident()
        s.send(("X-Lab-Id: %s\r\n" % ident).encode())
        p.daemon.kill()
        s.send(lab_smtp.stuffed(LETTER))
        posted = p.note(lab_ledger.Posted(ident, s.reply(), [], None))
        tap.ok(posted.refused_for_now, "killed in DATA of a submission: a 4xx", repr(posted.last))
    restart(p)
    both_ways(tap, p, "killed in DATA of a submission: after a restart", p.submit(), SHOP)


def clients(p, seconds):
    """Four that submit, three messages a session."""
    domains = ("shop.example", "club.example", "news.shop.example", "simple.example")

    def talk(number):
        with p.mta.submission("app") as s:
            for _ in range(3):
                one = p.say(s, from_domain(domains[number % 4]))
                one.domain = domains[number % 4]
                yield one
                if not one.accepted:
                    break
    return lab_ledger.Load(talk, 4, seconds)


def not_signed(p, posted):
    """The accepted messages that were not delivered signed by their block."""
    out = []
    for one in posted:
        if one.accepted:
            seen = p.signed_as(p.delivered(one))
            if not seen or {d for d, *_ in seen} != {one.domain}:
                out.append((one.ident, seen))
    return out


def killed_under_load(tap, p):
    load = clients(p, 60)
    for _ in range(4):
        seen = load.accepted()
        lab_base.wait_until(lambda: load.accepted() > seen + 8, 30, "mail flows")
        p.daemon.kill()
        restart(p)
    seen = load.accepted()
    lab_base.wait_until(lambda: load.accepted() > seen + 8, 30, "mail flows")
    posted = load.finish()
    refused = [m for m in posted if not m.accepted]
    tap.ok(all(m.refused_for_now for m in refused), "killed 4 times under load: nothing is refused for good",
           repr([m.last for m in refused][:5]))
    tap.equal(not_signed(p, posted), [], "killed 4 times under load: what was accepted is signed (%d, %d put off)"
              % (len(posted) - len(refused), len(refused)))


def reload_under_load(tap, p):
    log = len(p.mta.log())
    load = clients(p, 40)
    done, failed = 0, []
    while (done < 15 or load.accepted() < 100) and time.monotonic() < load.end:
        load.enough.wait(0.05)  # one reload every 50 ms
        resolver = dict(p.settings["resolver"], tries=1 + done % 2)
        p.daemon.set_policy(dict(p.settings, resolver=resolver))
        if p.daemon.reload()[0] != "ok":
            failed.append(done)
        done += 1
    posted = load.finish()
    tap.equal(failed, [], "reload under load: %d reloads succeed" % done)
    tap.equal([m.last for m in posted if not m.accepted], [], "reload under load: all messages are accepted (%d)"
              % len(posted))
    tap.equal(not_signed(p, posted), [], "reload under load: every message is signed")
    tap.equal(p.mta.trouble(log), [], "reload under load: no session is dropped")


def rotation_under_load(tap, p):
    """shop.example goes from s1 to s2 while it sends."""
    old, new = key("rsa.pem"), key("other.pem")
    staged = dict(new, state="staged", **{"activate-after": "2026-01-01"})
    name = lab_dkim.name("s2", "shop.example")
    p.zone[name] = {"TXT": [p.keys.other.record]}
    load = clients(p, 60)

    def stage(what, keys, want, published):
        p.dns.serve(dict(p.faults, **{name: p.zone[name] if published else {}}))
        p.daemon.set_policy({**p.settings, ("domain", "shop.example"): {
            ("key", s): k for s, k in keys.items()}})
        answer = p.daemon.reload()
        seen = load.accepted()
        lab_base.wait_until(lambda: load.accepted() > seen + 12, 30, "mail flows")
        signed = p.signed_as(p.delivered(p.submit()))
        tap.equal((answer[0], signed), ("ok", {("shop.example", s) for s in want}),
                  "rotation under load: %s: signed by %s" % (what, " and ".join(want)))

    stage("staged, not in DNS", {"s1": old, "s2": staged}, ["s1"], False)
    stage("staged, in DNS", {"s1": old, "s2": staged}, ["s1", "s2"], True)
    stage("the old one retired", {"s1": dict(old, state="retired"), "s2": new}, ["s2"], True)
    posted = load.finish()
    tap.equal([m.last for m in posted if not m.accepted], [], "rotation under load: none is refused (%d)"
              % len(posted))
    tap.equal(not_signed(p, posted), [], "rotation under load: every message verifies, with the old key or the new")
    p.daemon.set_policy(p.settings)
    tap.equal(p.daemon.reload()[0], "ok", "rotation under load: and back to the first policy")


def key_files(tap, p):
    path = p.daemon.key_path("rsa.pem")
    os.rename(path, path + ".away")
    head, text = p.daemon.reload()
    tap.ok(head != "ok" and re.search(r"gatepost\.conf:\d+: .*" + re.escape(path), text),
           "a missing key file: the reload fails and names file and path", "%s %s" % (head, text))
    both_ways(tap, p, "a missing key file: signing goes on from memory", p.submit(), SHOP)
    os.rename(path + ".away", path)
    tap.equal(p.daemon.reload()[0], "ok", "the file is there again: the reload succeeds")
    other = lab_gatepost.Daemon(p.lab, p.settings, name="dkim", label="open", user="nobody",
                                group=p.mta.GROUP, keys=p.keys.files, start=False)
    path = other.key_path("rsa.pem")
    os.chmod(path, 0o644)
    for what, args in (("--check", ["--check"]), ("the start", [])):
        process = other.spawn(*args)
        status = process.wait(10)
        process.err.wait_end()
        tap.ok(status == CONFIG and any(re.search("chmod 06[04]0 " + re.escape(path), l)
                                        for l in process.err.all),
               "a key of mode 0644: %s refuses it and says chmod" % what,
               "%r %s" % (status, process.err.all))
        process.stop()


def agreed(tap, p):
    """libopendkim has verified each message, too."""
    tap.equal(p.daemon.metrics()['gatepost_dkim_differences_total{daemon="dkim"}'], 0, "libopendkim says the same")


TESTS = (submission, lists, one_click, local_mail, bounces, inbound, senders, again, forged, fragile, agreed,
         key_files, reload_under_load, rotation_under_load, agreed, killed, killed_under_load)


def main(mta):
    why = mta.why_not() or lab_dkim.why_not() or (None if lab_nsd.NSD else "nsd is not installed")
    if why:
        lab_tap.skip_all("gatepost-dkim with " + mta.NAME, why)
    tap = lab_tap.Tap()
    with lab_base.Lab("dkim") as lab:
        p = Place(lab, mta)
        for test in TESTS:
            begin = time.monotonic()
            tap.run(test.__name__, test, tap, p)
            tap.note("%s took %.1f s" % (test.__name__, time.monotonic() - begin))
        tap.run("accounts", p.accounts, tap, p.mta)
        if tap.failed:
            tap.note(p.mta.NAME + "'s last words:\n" + "\n".join(p.mta.log().splitlines()[-30:]))
        tap.equal(p.daemon.stop(), 0, "the daemon ends with 0")
    tap.done()
