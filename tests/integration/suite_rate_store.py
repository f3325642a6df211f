"""suite_rate_store - two relays and one limit: two gatepost-rate behind a private
MTA, each with a port, that share a Redis or the files of LMDB.  Their limits hold
exactly while clients race, and nearly when the Redis or a daemon is killed in the
middle."""
import threading
import time

import lab_base
import lab_gatepost
import lab_ledger
import lab_redis
import lab_smtp
import lab_tap
import rate_fixture
from rate_fixture import ID, LETTER, OURS, STRANGER, block, level, limit

MONTH = "31d"  # of such a rate nothing drains while a test runs
REDIS, FILES = ("a", "b"), ("c", "d")  # the relays that share
CLIENTS = 6
LIMITS = {"apps": 60, "relays": 60, "kept": 300, "forgotten": 300, "down": 200, "killed": 20000, "reloaded": 150}
# Each relay goes on at half of what it heard last, so all of them together at
# the limit but for what was on its way just then.
OVER = 1.02


def settings(store):
    domains = {("domain", name + ".example"): block([("pace", limit("%d/%s" % (n, MONTH), "domain", "messages"))])
               for name, n in LIMITS.items()}
    # a busy machine is no reason to count locally
    return rate_fixture.settings(store=store, rate={
        "login-limit": [], "peers": 2, "store-timeout": "2s"}) | domains


class Place(lab_ledger.Ledger):
    """The lab and the ledger."""

    def __init__(self, lab, mta):
        super().__init__(lab.own(lab_smtp.Sink()))
        # one is sure of every write, one forgets all
        self.kept = lab_redis.Redis(lab, "kept", keep=True, options="appendfsync always")
        self.forgotten = lab_redis.Redis(lab, "forgotten")
        self.relays = {}
        self.pace = 0  # seconds between messages of a client
        for name in REDIS + FILES:
            self.relays[name] = lab_gatepost.Daemon(
                lab, settings(self.kept.url if name in REDIS else "lmdb"), name="rate", label=name,
                user="nobody", group=mta.GROUP, beside=self.relays.get("c") if name == "d" else None)
        self.mta = mta(lab, self.sink.port, "", ID, login={"app": "1"},
                       chains={name: "unix:" + d.socket for name, d in self.relays.items()})

    def client(self, relay, login=None):
        return self.mta.client(STRANGER if login else OURS, login, self.mta.chain_ports[relay])

    def say(self, s, domain):
        ident = self.ident()
        raw = "X-Lab-Id: %s\r\n%s" % (ident, LETTER % domain)
        return self.note(lab_ledger.Posted(ident, *s.message(
            "<bounce@%s>" % domain, ["ann@receiver.example"], raw)))

    def load(self, relays, domain, login=None, seconds=60):
        """Clients that send to the relays in turn, four messages a session."""
        pause = threading.Event()

        def talk(number):
            relay = relays[number % 2]
            with self.client(relay, login) as s:
                for _ in range(4):
                    one = self.say(s, domain)
                    one.relay = relay
                    yield one
                    pause.wait(self.pace if one.accepted else max(self.pace, 0.05))
        return lab_ledger.Load(talk, CLIENTS, seconds)

    def use(self, redis):
        """The two relays of a Redis go to this one."""
        for name in REDIS:
            self.relays[name].set_policy(settings(redis.url))
            if self.relays[name].reload()[0] != "ok":
                raise lab_base.LabError("reload")

    def is_up(self):
        return all("state up" in self.relays[name].request("store")[1] for name in REDIS)


def stopped(load, relays, n=4):
    """Were so many put off by each relay?"""
    with load.lock:
        return all(sum(m.relay == r and not m.accepted for m in load.posted) >= n for r in relays)


def reach(load, n, what):
    lab_base.wait_until(lambda: load.accepted() >= n, 30, "%s: %d pass (%d did)" % (what, n, load.accepted()))


# -- the tests -------------------------------------------------------------

def exactly(tap, p):
    for store, relays in (("one Redis", REDIS), ("one LMDB", FILES)):
        for domain, login in (("apps", "app"), ("relays", None)):
            what = "two relays on %s, %s" % (store, domain)
            load = p.load(relays, domain + ".example", login)
            lab_base.wait_until(lambda: stopped(load, relays), 30, what + ": both are at the limit")
            posted = load.finish()
            tap.equal(load.accepted(), LIMITS[domain], "%s: exactly %d of %d pass" % (
                what, LIMITS[domain], len(posted)))
            tap.ok(all(any(m.relay == r and m.accepted for m in posted) for r in relays),
                   what + ": some by each")
            tap.equal({m.last.code for m in posted if not m.accepted}, {451 if login else 450},
                      what + ": the others are put off")
            tap.equal([level(p.relays[r], "m/%s.example/" % domain) for r in relays], [LIMITS[domain]] * 2,
                      what + ": both know of all")


def reloaded(tap, p):
    """New policies while clients race count on where the old ones stopped."""
    log = len(p.mta.log())
    load = p.load(FILES, "reloaded.example")
    for i in range(6):
        reach(load, 20 * i, "mail flows")
        tap.equal(p.relays[FILES[i % 2]].reload()[0], "ok", "reload %d under load" % (i + 1))
    lab_base.wait_until(lambda: stopped(load, FILES), 30, "reloaded: both are at the limit")
    posted = load.finish()
    tap.equal(load.accepted(), LIMITS["reloaded"], "reloaded 6 times: exactly %d of %d pass" % (
        LIMITS["reloaded"], len(posted)))
    tap.equal({m.last.code for m in posted if not m.accepted}, {450}, "reloaded 6 times: the others are put off")
    tap.equal(p.mta.trouble(log), [], "reloaded 6 times: no session is dropped")


def in_the_middle(tap, p):
    """Killed, and started again while mail flows."""
    for domain, redis, what in (("kept", p.kept, "a Redis that keeps what it has"),
                                ("forgotten", p.forgotten, "a Redis that comes back empty")):
        p.use(redis)
        most = LIMITS[domain]
        load = p.load(REDIS, domain + ".example")
        reach(load, most * .3, what)
        redis.kill()
        reach(load, most * .5, what + ", killed")
        with load.lock:
            put_off = [m.last for m in load.posted if not m.accepted]
        tap.equal(put_off, [], what + ": killed at a third, mail flows on, nobody is put off")
        # one is back up to a second before the other: the limit is not to be reached then
        p.pace = 2
        redis.resume()
        lab_base.wait_until(p.is_up, 30, what + ": the relays are back")
        p.pace = 0
        lab_base.wait_until(lambda: stopped(load, REDIS), 30, what + ": both are at the limit")
        load.finish()
        bounds(tap, what, load.accepted(), most)
        known = level(p.relays["a"], "m/%s.example/" % domain)
        tap.ok(known >= most / OVER, what + ": it knows of all", known)
        tap.ok(all(p.relays[r].log.find(lambda l: "redis is back" in l) for r in REDIS),
               what + ": the log says that it is back")


def bounds(tap, what, n, most):
    """As many as were on their way when it died may be counted twice, or not."""
    tap.ok(n <= most * OVER + CLIENTS, "%s: %d of %d pass: at most 2 %% and %d on their way more" % (
        what, n, most, CLIENTS), n)
    tap.ok(n >= most / OVER - CLIENTS, "%s: %d of %d pass: none is put off without need" % (what, n, most), n)


def down(tap, p):
    """It stays away until both relays are at their part of the limit."""
    what, most = "a Redis that stays away", LIMITS["down"]
    p.use(p.kept)
    load = p.load(REDIS, "down.example")
    reach(load, most * .3, what)
    p.kept.kill()
    lab_base.wait_until(lambda: stopped(load, REDIS), 30, what + ": nobody is without a limit")
    bounds(tap, what, load.accepted(), most)
    p.kept.resume()
    lab_base.wait_until(p.is_up, 30, what + ": the relays are back")
    before = load.accepted()
    seen = len(load.posted)
    lab_base.wait_until(lambda: len(load.posted) > seen + 3 * CLIENTS, 20, "they try on")
    load.finish()
    tap.ok(load.accepted() - before <= CLIENTS, what + ": back again it knows that the limit is reached",
           load.accepted() - before)


def killed(tap, p):
    """kill -9 of one daemon and the other, on the files that they share."""
    load = p.load(FILES, "killed.example")
    kills = 6
    for i in range(kills):
        seen = load.accepted()
        lab_base.wait_until(lambda: load.accepted() > seen + 20, 30, "mail flows")
        victim = p.relays[FILES[i % 2]]
        victim.kill()
        victim.stop()
        victim.start()
    seen = load.accepted()
    lab_base.wait_until(lambda: load.accepted() > seen + 20, 30, "mail flows")
    posted = load.finish()
    n, known = load.accepted(), level(p.relays["c"], "m/killed.example/")
    tap.ok(known >= n, "killed %d times: none of %d that passed is uncounted" % (kills, n), known)
    tap.ok(known <= n + kills * CLIENTS, "killed %d times: and what died with it is counted once: %d" % (
        kills, known), n)
    tap.equal([m.last for m in posted if not m.accepted and not m.refused_for_now], [],
              "killed %d times: nothing is refused for good" % kills)
    tap.equal(level(p.relays["d"], "m/killed.example/"), known, "killed %d times: both know the same" % kills)


def main(mta):
    why = mta.why_not() or (None if lab_redis.REDIS else "redis-server is not installed")
    if why:
        lab_tap.skip_all("relays that share limits, with " + mta.NAME, why)
    tap = lab_tap.Tap()
    with lab_base.Lab("ratestore") as lab:
        p = Place(lab, mta)
        for test in (exactly, reloaded, in_the_middle, down, killed):
            begin = time.monotonic()
            tap.run(test.__name__, test, tap, p)
            tap.note("%s took %.1f s" % (test.__name__, time.monotonic() - begin))
        tap.run("accounts", p.accounts, tap, p.mta)
        if tap.failed:
            tap.note("the MTA's last words:\n" + "\n".join(p.mta.log().splitlines()[-30:]))
            for name, daemon in p.relays.items():
                tap.note("relay %s:\n%s" % (name, "\n".join(daemon.log.all[-15:])))
        for name, daemon in p.relays.items():
            tap.equal(daemon.stop(), 0, "relay %s ends with 0" % name)
    tap.done()
