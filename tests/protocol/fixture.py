"""fixture - a daemon, its name server and the question every test ends with:
does the daemon still serve the next session as it should?"""
import lab_authres
import lab_dns
import lab_gatepost
import miltermta

ID = "mx.lab.example"
ZONE = {
    "pass.example": {"TXT": ["v=spf1 ip4:192.0.2.1 ip6:2001:db8::1 -all"]},
    "fail.example": {"TXT": ["v=spf1 -all exp=why.fail.example"]},
    "why.fail.example": {"TXT": ["%{i} may not send for %{d}, 100%% sure"]},
    "soft.example": {"TXT": ["v=spf1 ~all"]},
    "neutral.example": {"TXT": ["v=spf1 ?all"]},
    "perm.example": {"TXT": ["v=spf1 moo:x -all"]},
    "client.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]},
    "slow.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]},
    "xn--bcher-kva.example": {"TXT": ["v=spf1 ip4:192.0.2.1 -all"]},
    "servfail.example": "SERVFAIL",
    "timeout.example": "TIMEOUT",
}


def settings(dns, **more):
    """Enforcing, but tagging only; four domains are stricter."""
    out = {
        "authserv-id": ID,
        "own-ids": ["old.lab.example"],
        "resolver": {"servers": [dns.address], "timeout": "1s", "tries": 1},
        "trust": {"clients": ["127.0.0.0/8", "198.51.100.0/24"]},
        "spf": {"mode": "enforce", "fail": "tag"},
        ("domain", "strict.example"): {"spf": {
            "fail": "reject", "softfail": "reject", "permerror": "reject",
            "temperror": "tempfail"}},
        ("domain", "hold.example"): {"spf": {"fail": "hold"}},
        ("domain", "monitor.example"): {"spf": {"mode": "monitor", "fail": "reject"}},
    }
    out.update(more)
    return out


class Fixture:
    def __init__(self, lab, label="spf", zone=None, build="asan", **more):
        self.dns = lab.own(lab_dns.DnsServer(zone or ZONE))
        self.daemon = lab_gatepost.Daemon(
            lab, settings(self.dns, **more), lab_gatepost.binary(build=build), label=label)
        self.socket = self.daemon.socket

    def session(self, **kw):
        return miltermta.Session(self.socket, **kw)

    def serves(self):
        """Does a good message get its pass?  '' or what went wrong."""
        try:
            with self.session() as s:
                return "" if deliver(s, "<a@pass.example>").spf == "pass" else "no pass"
        except (miltermta.Gone, lab_authres.Malformed) as e:
            return repr(e)


class Judged:
    """What came of one message."""

    def __init__(self, rcpts, last):
        self.rcpts, self.last = rcpts, last
        self.action = last.action
        self.fields = [v for _, n, v in last.inserted
                       if n.lower() == "authentication-results"]
        self.field = self.fields[0] if len(self.fields) == 1 else None
        self.results = lab_authres.read(self.field)[1] if self.field else []
        self.spf = self.results[0].result if self.results else None


def deliver(session, sender, rcpts=("<user@receiver.example>",), client="192.0.2.1",
            helo="client.example", headers=miltermta.HEADERS, greet=True, macros=None,
            queue_id="4QUEUE1ID"):
    """A whole message on this session; what came of it."""
    if greet:
        session.connect(client)
        session.helo(helo)
    session.mail(sender, macros)
    answers = [session.rcpt(r) for r in rcpts]
    if not any(a.action == "continue" for a in answers):
        session.abort()
        return Judged(answers, answers[-1])
    return Judged(answers, session.rest(headers, queue_id))
