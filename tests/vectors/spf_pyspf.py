#!/usr/bin/python3
"""core/spf beside python3-spf, over generated zones, records and clients.

The same seed makes the same cases.  Where python3-spf (2.0.14) is known to
leave RFC 7208 or to use a freedom of it in another way, either it is mended
here (class Mended, each with its reason), or the difference must fit a rule
of RULES, which says when it applies.  Any other difference is a failure.
"""
import os
import random
import re
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import spf_zone  # noqa: E402

try:
    import spf
except ImportError:
    print("1..1\nok 1 - python3-spf # SKIP it is not installed")
    sys.exit(0)

BATCHES = 12
CHECKS = 600  # a batch
SECONDS = 20  # then no further batch is begun
SEED = 7208

CLIENTS = ["192.0.2.1", "192.0.2.2", "192.0.2.3", "198.51.100.7",
           "2001:db8::1", "2001:db8::2", "::ffff:192.0.2.1"]
DOMAINS = ["d%d.test" % i for i in range(6)]
HOSTS = ["h%d.d%d.test" % (i, i % 3) for i in range(5)]
GHOSTS = ["ghost%d.test" % i for i in range(3)]
LOCALS = ["joe", "strong-bad", "a+b-c.d", "x=y", "postmaster", "o'hara&co"]
HELOS = ["mail.d0.test", "h1.d1.test", "OEMCOMPUTER", "[192.0.2.1]",
         "a b.test"]
SPECS = ["%{d}", "%{o}", "%{d2}", "%{o1r}.test", "%{h}", "%{i}.i.test",
         "%{ir}.%{v}.r.test", "%{l}.u.test", "%{l1r-}.u.test",
         "%{l2r+-.}.u.test", "%{s}.u.test", "%{L}.u.test", "%{p}.p.test",
         "%{p2}", "%{D-}.u.test", "a%%b%_c%-d.test", "h1..d1.test",
         "%{d}.%{o}.%{d}.%{o}.%{h}." * 6 + "%{d}", "h1.d1.test.",
         "%{d3r.-}.test", "%{i1}.i.test", "%{H}.u.test", "%{dR}.u.test",
         "%{d1}", "%{l01}.u.test"]
TEXTS = ["no", "%{i} may not send for %{o}", "%{S} %{L2r+-} %{c}",
         "%{p} %{h}%_%{t} %{r}", "bad %{x}", "bad %", "%{v} %% %- %{D}",
         "long " + "%{o} %{d} " * 40, "%{P} %{p2}"]


# -- cases -----------------------------------------------------------------

def spec(rng):
    return rng.choice(rng.choices([DOMAINS, HOSTS, GHOSTS, SPECS],
                                  [4, 4, 1, 5])[0])


def term(rng):
    kind = rng.choices(["ip4", "ip6", "a", "mx", "ptr", "exists", "include",
                        "all", "modifier"],
                       [4, 3, 6, 4, 3, 5, 6, 2, 1])[0]
    sign = rng.choice(["", "", "", "+", "-", "~", "?"])
    if kind == "modifier":
        return "x-%d=%s" % (rng.randrange(10 ** 6), rng.choice(SPECS))
    if kind == "ip4":
        return "%sip4:192.0.2.%d/%d" % (sign, rng.randrange(8),
                                        rng.choice([0, 24, 30, 31, 32]))
    if kind == "ip6":
        return "%sip6:2001:db8::%d/%d" % (sign, rng.randrange(4),
                                          rng.choice([0, 64, 127, 128]))
    text = sign + kind
    if kind in ("exists", "include") or \
            (kind != "all" and rng.random() < 0.7):
        text += ":" + spec(rng)
    if kind in ("a", "mx"):
        text += rng.choice(["", "", "/32", "/24", "/0", "//64", "/30//127",
                            "//0"])
    return text


def damage(rng, text):
    if rng.random() > 0.08:
        return text
    at = rng.randrange(7, len(text) + 1)
    return text[:at] + rng.choice("%{}:/.- =ra01,+") + text[at:]


def record(rng):
    terms = [term(rng) for _ in range(rng.choice([1, 2, 3, 4, 6, 9, 14]))]
    if rng.random() < 0.7:
        terms.append(rng.choice(["-all", "-all", "~all", "?all", "all"]))
    elif rng.random() < 0.7:
        terms.append("redirect=" + spec(rng))
    if rng.random() < 0.3:
        terms.insert(rng.randrange(len(terms) + 1), "exp=" + rng.choice(
            ["e%d.test" % i for i in range(len(TEXTS))] + SPECS))
    return damage(rng, "v=spf1 " + " ".join(terms)).encode("ascii")


def addresses(rng, pool):
    return rng.sample(pool, rng.randrange(len(pool)))


def zone(rng):
    names = {}
    for name in DOMAINS + HOSTS:
        data = {"A": addresses(rng, CLIENTS[:4]),
                "AAAA": addresses(rng, CLIENTS[4:6]),
                "MX": [(10 * i, host) for i, host in enumerate(
                    rng.sample(HOSTS + GHOSTS, rng.choice([0, 1, 2, 3, 8])))]}
        if rng.random() < 0.9:
            data["TXT"] = [b"nothing"] * (rng.random() < 0.2) + [record(rng)]
        if rng.random() < 0.03:
            data["TXT"] = data.get("TXT", []) + [record(rng)]
        if rng.random() < 0.03:
            data[rng.choice(["TXT", "A", "AAAA", "MX"])] = "TIMEOUT"
        names[name] = {k: v for k, v in data.items() if v}
    if rng.random() < 0.1:
        names[DOMAINS[3]]["MX"] = [(i, rng.choice(HOSTS)) for i in range(12)]
    for ip in CLIENTS[:6]:
        arpa = spf.ipaddress.ip_address(ip).reverse_pointer
        names[arpa] = {"PTR": rng.choice(
            [[], rng.sample(HOSTS + GHOSTS + DOMAINS, rng.randrange(4)),
             rng.sample(HOSTS + DOMAINS, 11), "TIMEOUT"])}
    for i, text in enumerate(TEXTS):
        names["e%d.test" % i] = {"TXT": [text.encode("ascii")]}
    for name in ("1.2.0.192.in-addr.r.test", "192.0.2.1.i.test",
                 "joe.u.test", "strong.u.test", "bad.strong.u.test",
                 "h1.d1.test.p.test", "unknown.p.test", "d0.test.u.test"):
        if rng.random() < 0.7:
            names[name] = {"A": ["127.0.0.2"]}
    return spf_zone.Zone(names)


# -- python3-spf -----------------------------------------------------------

class Always:
    """RFC 7208 7.3: what was split is joined with dots, for every letter."""

    @staticmethod
    def get(_):
        return "."


spf.JOINERS = Always
# ABNF letters have no case (RFC 5234 2.3): "R" turns round as "r" does
spf.RE_ARGS = re.compile(r"([0-9]*)([rR]?)([^0-9a-zA-Z]*)")


CODED = {"%%": "%", "%_": " ", "%-": "%20"}


class Mended(spf.query):
    def expand(self, s, stripdot=True):
        """7.3: labels are dropped until 253 bytes are left, not one only,
        and none from an explanation."""
        if not stripdot:
            pieces = re.split(r"(%(?:\{[^}]*\}|[%_-]))", s)
            return "".join(CODED.get(piece) or
                           super(Mended, self).expand(piece, False)
                           for piece in pieces if piece)
        text = super().expand(s)
        while len(text) > 253 and "." in text:
            text = text[text.index(".") + 1:]
        return text

    def validate_mechanism(self, mech):
        """An include of itself is no syntax error; it meets the limit when
        it is reached."""
        try:
            return super().validate_mechanism(mech)
        except spf.PermError as e:
            if "trivial recursion" not in str(e):
                raise
            return (mech, "include", self.d, self.cidrmax,
                    spf.RESULTS.get(mech[0], "pass"))

    def dns_a(self, name, A="A", own=True):
        if not name:
            return []
        return self.dns(name, A, ignore_void=not own)

    def dns_mx(self, name):
        """A void is a term (4.6.4), not each address of its mail hosts."""
        hosts = self.dns(name, "MX")
        if len(hosts) > 10:
            raise spf.PermError("More than 10 MX records returned")
        return [a for _, host in hosts for a in self.dns_a(host, self.A,
                                                           own=False)]

    def dns_quietly(self, name, qtype, own):
        """5.5: an error while asking for a name is no error of the check."""
        try:
            return self.dns(name, qtype, ignore_void=not own)
        except spf.TempError:
            return []

    def validated_ptrs(self, own=True):
        """The PTR records are a look-up of "ptr", the names under them
        belong to the client."""
        arpa = "%s.%s.arpa" % (spf.reverse_dots(self.i), self.v)
        return [p for p in self.dns_quietly(arpa, "PTR", own)[:10]
                if self.cidrmatch(self.dns_quietly(p, self.A, False),
                                  self.cidrmax)]

    def getp(self):
        """7.3: of the names the one that fits <domain>, each time; %{p} is
        no term, so it is no void."""
        names = self.validated_ptrs(own=False)
        below = [n for n in names if n.endswith("." + self.d)]
        self.p = (self.d if self.d in names else
                  (below + names + ["unknown"])[0])
        return self.p


def python_spf(zone, ip, sender, helo):
    """(result, explanation or None, message)"""
    seen = {}

    def lookup(name, qtype, *_):
        rc, values = zone.answer(name, qtype)
        seen.setdefault(name, []).append(qtype)
        if rc == "temp":
            raise spf.TempError("DNS " + values)
        if qtype == "TXT":
            values = [[v] for v in values]
        return [((name, qtype), v) for v in values]

    spf.DNSLookup = lookup
    q = Mended(ip, sender, helo, receiver="receiver.example")
    q.t = "1800000000"
    q.set_default_explanation("DEFAULT")
    try:
        result, _, text = q.check()
    except Exception as e:  # whatever it is, it is no result
        return "crash", None, repr(e)
    explanation = text if result == "fail" and text != "DEFAULT" else None
    return result, explanation, text


# -- differences -----------------------------------------------------------

def laxer(ours, theirs, case):
    return re.search(r"bad macro delimiter|macro of zero parts|"
                     r"macro without its end|% without a macro", ours["reason"])


def no_target(ours, theirs, case):
    return "Void lookup limit" in theirs[2] and "ptr:h1..d1" in case["text"]


def early_redirect(ours, theirs, case):
    return "Too many DNS lookups" in theirs[2] and "redirect=" in case["text"]


def host_not_asked(ours, theirs, case):
    """A mail host without answer that we did not come to."""
    zone, asked = case["zone"], ours["queries"]
    qtype = "AAAA" if case["ip"].startswith("2001") else "A"
    hosts = [host for q, name in asked if q == "MX"
             for _, host in zone.answer(name, "MX")[1]]
    return theirs[0] == "temperror" and any(
        zone.answer(host, qtype)[0] == "temp" and (qtype, host) not in asked
        for host in hosts)


RULES = {
    laxer: "digits 0, wrong delimiters and bare % are syntax errors (7.1); "
           "python3-spf lets some pass",
    no_target: "python3-spf asks for PTR records though the target of the "
               "ptr can not be",
    early_redirect: "python3-spf counts a redirect that is not followed",
    host_not_asked: "python3-spf asks for all mail hosts before it compares "
                    "one",
}


def same(ours, theirs):
    if ours["result"] != theirs[0]:
        return False
    if ours["result"] != "fail":
        return True
    # ours is cut at 400 bytes
    return (theirs[1] or "")[:400] == (ours["explanation"] or "")


def judge(ours, theirs, case, counts):
    """None when alike or explained; else a sentence."""
    if same(ours, theirs):
        return None
    for applies in RULES:
        if applies(ours, theirs, case):
            counts[applies] = counts.get(applies, 0) + 1
            return None
    return "%s\n#   ours   %s (%s) %r\n#   theirs %s %r" % (
        case["text"], ours["result"], ours["reason"], ours["explanation"],
        theirs[0], theirs[2])


def batch(driver, seed, counts, results):
    rng = random.Random(seed)
    problems = []
    for i in range(CHECKS):
        if i % 10 == 0:
            world = zone(rng)
        ip, helo = rng.choice(CLIENTS), rng.choice(HELOS)
        sender = rng.choice(LOCALS) + "@" + rng.choice(DOMAINS + HOSTS[:1])
        case = {"zone": world, "ip": ip, "text": "%s %s %s %d/%d:" % (
            ip, sender, helo, seed, i)}
        ours = driver.check(world, ip, sender, helo)
        for qtype, name in ours["queries"]:
            if qtype == "TXT":
                case["text"] += " %s %s" % (name, world.answer(name, "TXT"))
        theirs = python_spf(world, ip, sender, helo)
        results[ours["result"]] = results.get(ours["result"], 0) + 1
        problem = judge(ours, theirs, case, counts)
        if problem:
            problems.append(problem)
    return problems


def main():
    driver = spf_zone.Driver()
    counts, results = {}, {}
    began, failed = time.monotonic(), 0
    number = 0
    for number in range(1, BATCHES + 1):
        if number > 2 and time.monotonic() - began > SECONDS:
            number -= 1
            break
        problems = batch(driver, SEED + number, counts, results)
        failed += bool(problems)
        print("%s %d - %d checks as python3-spf, or by a rule" % (
            "not ok" if problems else "ok", number, CHECKS))
        for problem in problems[:5]:
            print("# " + problem)
    for rule, text in RULES.items():
        print("# %4d: %s" % (counts.get(rule, 0), text))
    print("# " + ", ".join("%s %d" % item for item in sorted(results.items())))
    number += 1
    missing = {"pass", "fail", "softfail", "neutral", "none", "permerror",
               "temperror"} - set(results)
    failed += bool(missing)
    print("%s %d - every result occurs%s" % (
        "not ok" if missing else "ok", number,
        ", but for " + ", ".join(missing) if missing else ""))
    explained = sum(counts.values())
    many = explained * 100 > CHECKS * number
    number += 1
    failed += many
    print("%s %d - under one in a hundred needs a rule: %d" % (
        "not ok" if many else "ok", number, explained))
    driver.close()
    print("1..%d" % number)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
