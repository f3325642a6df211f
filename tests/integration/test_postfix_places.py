#!/usr/bin/python3
"""gatepost-postfix(7): each place where gatepost stands in Postfix, set up by
what the page says, on a host whose Postfix is Debian's."""
import os
import re
import shutil
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "support"))
import lab_base
import lab_dkim
import lab_host
import lab_tap

NAME = "Postfix in all its places"
why = lab_dkim.why_not() or (None if shutil.which("postfix", path="/usr/sbin") else "postfix is not installed")
if why or os.geteuid() != 0:
    lab_tap.skip_all(NAME, why or "needs root")
lab_host.enter(NAME)
import places_host
from places_host import BANK, MOUNT_POINT, OURS, changes, must, must_change, run

AR, DKIM = "Authentication-Results", "DKIM-Signature"
FORGED = "Authentication-Results: mx.shop.example; dmarc=pass header.from=forged.example\r\n"
THEIRS = "Authentication-Results: elsewhere.example; spf=pass\r\n"
SIGNED = {(OURS, "s1")}
MILTER = "connect to Milter service unix:/run/gatepost/%s/milter.sock: "
tap = lab_tap.Tap()


def judged(message, place=0):
    """One field of ours, in this place of the header, and nothing that was forged."""
    ours = [v for v in message.all(AR) if v.startswith("mx.shop.example;")] if message else []
    return len(ours) == 1 and message.fields[place][0] == AR and "forged" not in ours[0] and "dmarc=" in ours[0]


def is_signed(h, message):
    return message is not None and len(message.all(DKIM)) == 1 and h.signatures(message) == SIGNED


def disabled_again(h, what):
    """What enable did is taken back byte by byte."""
    before = [places_host.read("/etc/postfix/%s.before" % n) for n in ("main.cf", "master.cf")]
    must_change("gatepost", "postfix", "disable")
    tap.equal([places_host.read("/etc/postfix/" + n) for n in ("main.cf", "master.cf")], before,
              what + ": disable gives main.cf and master.cf back")


def enable(h, page, section, number=0):
    """By the page's command; the files before are kept beside."""
    for name in ("main.cf", "master.cf"):
        shutil.copy("/etc/postfix/" + name, "/etc/postfix/%s.before" % name)
    for command in page.commands(section, number):
        r = (changes if "enable" in command else run)("sh", "-c", command)
        tap.ok(r.returncode == 0, "%s: %s" % (section.lower(), command.strip()), r.stdout + r.stderr)
        if "postfix enable" in command and r.returncode != 0:
            raise lab_tap.Skip("it is not enabled")


# -- ports ---------------------------------------------------------------------

def example(h, page):
    """The complete example, and what the page says that it changed."""
    h.fresh()
    enable(h, page, "EXAMPLE")
    _, text = page.block("EXAMPLE", 1)
    for name, value in places_host.settings(text):
        tap.equal(must("postconf", "-h", name).strip(), value, "example: %s is what the page shows" % name)
    _, text = page.block("EXAMPLE", 2)
    for service, _, overrides in places_host.services(text):
        got = [must("postconf", "-Ph", "%s/%s" % (service, name)).strip() for name, _ in overrides]
        tap.equal(got, [value for _, value in overrides], "example: the overrides of %s" % service)
    tap.ok(os.path.ismount(MOUNT_POINT), "example: the unit of the packages shows the sockets in the chroot")
    reply, message = h.inbound(more=FORGED + THEIRS)
    tap.ok(judged(message) and "dmarc=pass" in message.all(AR)[0], "both: what comes in is judged", repr(reply))
    tap.equal([v for v in message.all(AR) if v.startswith("else")], ["elsewhere.example; spf=pass"],
              "both: results of another name stay")
    for port in (587, 465):
        reply, sent = h.submit(port, more=FORGED)
        tap.ok(is_signed(h, sent) and not sent.all(AR), "both: port %d signs, does not judge, removes a forged field" % port,
               repr(reply))
    raw = sent.raw.decode().replace("X-Lab-Id: " + sent.id, "X-Lab-Id: @ID@")
    reply, back = h.inbound("list.example", "192.0.2.77", raw=raw)
    tap.ok(judged(back) and re.search(r"dkim=pass\s+header.d=shop.example", back.all(AR)[0]) and
           "dmarc=pass" in back.all(AR)[0], "both: its signature verifies when it comes back by port 25", repr(reply))
    disabled_again(h, "both")
    tap.ok(not os.path.ismount(MOUNT_POINT) and "postfix" not in must("getent", "group", "_gatepost"),
           "both: disable takes the mount and the group back")


def mx(h, page):
    h.fresh("relay_domains = static:all\n")
    enable(h, page, "MX: PORT 25 ALONE")
    tap.equal(must("postconf", "-xh", "smtpd_milters").count("unix:"), 3, "mx: three are asked")
    reply, message = h.inbound(more=FORGED)
    tap.ok(judged(message), "mx: what comes in is judged, a forged field goes", repr(reply))
    must("postconf", "-e", "mynetworks=127.0.0.0/8 10.20.7.0/24")
    h.reload()
    reply, message = h.inbound(OURS, "10.20.7.10")
    tap.ok(judged(message) and not message.all(DKIM), "mx: mynetworks alone makes nobody ours", repr(reply))
    h.set_conf("dmarc", "mode = monitor", "mode = enforce")
    reply, _ = h.inbound(OURS, "203.0.113.9")
    tap.ok(reply.code == 550 and "DMARC" in reply.text, "mx: enforced, a forgery of ours is refused", repr(reply))
    ident, _ = h.local()
    tap.ok(is_signed(h, h.sink.wait(ident)), "mx: what is made on the host is signed")
    reply, message = h.submit()
    tap.ok(message and not judged(message), "mx: a login is not judged all the same", repr(reply))


def submission(h, page):
    h.fresh()
    enable(h, page, "SUBMISSION ALONE")
    reply, message = h.inbound()
    tap.ok(message and not message.all(AR), "submission: port 25 is left as it is", repr(reply))
    h.apply(page, "SUBMISSION ALONE", 1)
    reply, message = h.submit()
    tap.ok(is_signed(h, message), "submission: the login is signed", repr(reply))
    reply, _ = h.submit(login="mallory")
    tap.ok(reply.code == 550 and "5.7.1" in reply.text, "submission: another login may not use the domain", repr(reply))
    reply, _ = h.submit(login="mallory", domain="other.example", sender="a@" + OURS)
    tap.ok(reply.code == 550 and "5.7.1" in reply.text, "submission: nor as envelope sender", repr(reply))
    ident, _ = h.local()
    tap.ok(is_signed(h, h.sink.wait(ident)), "submission: the host itself may, by 127.0.0.1")
    limit = h.policy_text().replace("100/1h", "2/1h")
    h.set_policy(limit)
    replies = [h.submit()[0] for _ in range(3)]
    tap.equal([r.code for r in replies][-1], 451, "submission: the limit of a login holds")
    disabled_again(h, "submission")


def both(h, page):
    h.fresh()
    enable(h, page, "BOTH ON ONE HOST")
    reply, _ = h.inbound(OURS, "10.20.7.10", rcpt="u@there.example")
    tap.ok(not reply.good, "relay: nobody may relay so far", repr(reply))
    h.apply(page, "BOTH ON ONE HOST", 1)
    reply, message = h.inbound(OURS, "10.20.7.10", rcpt="u@there.example")
    tap.ok(judged(message) and not message.all(DKIM), "relay: mynetworks lets it pass, unsigned", repr(reply))
    h.apply(page, "BOTH ON ONE HOST", 2)
    reply, message = h.inbound(OURS, "10.20.7.10", more=FORGED, rcpt="u@there.example")
    tap.ok(is_signed(h, message) and not message.all(AR), "relay: trust signs it", repr(reply))
    h.services["dkim"].stop()
    reply, message = h.inbound(OURS, "10.20.7.10", rcpt="u@there.example")
    tap.ok(reply.good and not message.all(DKIM), "relay: without the signer, it leaves unsigned by port 25", repr(reply))
    h.apply(page, "BOTH ON ONE HOST", 3)
    r = run("gatepost", "postfix", "enable")
    tap.ok(r.returncode == 69 and "gatepost-dkim" in r.stderr, "relay: enable wants the daemons", r.stdout + r.stderr)
    h.services["dkim"].start()
    must_change("gatepost", "postfix", "enable")
    reply, message = h.inbound(OURS, "203.0.113.9", port=2587, rcpt="u@there.example")
    tap.ok(not reply.good, "relay: the port of its own is not for strangers", repr(reply))
    h.set_conf("trust", ', "10.20.7.0/24"', "")
    reply, message = h.inbound(OURS, "10.20.7.10", port=2587, rcpt="u@there.example")
    tap.ok(is_signed(h, message), "relay: the port of its own says whose mail it is", repr(reply))
    h.services["dkim"].stop()
    reply, message = h.inbound(OURS, "10.20.7.10", port=2587, rcpt="u@there.example")
    tap.ok(reply.temporary, "relay: without the signer, mail waits there", repr(reply))


# -- the chroot ----------------------------------------------------------------

def doctor():
    return run("gatepost", "doctor", "--quiet", "--only", "sockets", "--only", "daemons").stdout


def table(page):
    """[(what is missing, what Postfix says, what doctor says)]"""
    text = page.text.split("# CHROOT\n")[1].split("# MAIL MADE")[0]
    return re.findall(r"(?m)^\|  (.*)\n:  (.*)\n:  (.*)$", text)


def says(h, mark, row):
    what, postfix, doctors = row
    for daemon, program in (("spf", "smtpd"), ("dkim", "cleanup")):
        tap.ok(h.logged(mark, "%s\\[\\d+\\]: warning: %s" % (program, re.escape(MILTER % daemon + postfix))),
               "chroot: %s: %s says: %s" % (what, program, postfix), h.log_since(mark))
    found = doctor()
    tap.ok(doctors in found and "FAIL" in found, "chroot: %s: doctor says: %s" % (what, doctors), found)


def try_all(h):
    mark = h.log_mark()
    reply, message = h.inbound()
    ident, _ = h.local()
    return mark, reply, message, ident


def chroot(h, page):
    missing, closed, stopped, dead = table(page)
    h.enabled()
    shutil.rmtree("/run/systemd")
    must("umount", MOUNT_POINT)
    mark, reply, message, ident = try_all(h)
    tap.ok(message and not message.all(AR), "chroot: no mount: inbound mail passes unseen", repr(reply))
    tap.ok(h.submit()[0].temporary, "chroot: no mount: what is submitted waits")
    says(h, mark, missing)
    r = run("gatepost", "postfix", "enable")
    tap.ok(r.returncode == 69 and "mount -B --mkdir" in r.stderr, "chroot: enable says what to mount", r.stdout + r.stderr)
    for command in page.commands("CHROOT"):
        must("sh", "-c", command)
    must("postqueue", "-f")
    tap.ok(judged(h.inbound()[1]), "chroot: the page's mount mends it")
    file, text = page.block("CHROOT", 1)
    places_host.write(file, text)
    must("umount", MOUNT_POINT)
    must("mount", MOUNT_POINT)
    tap.ok(judged(h.inbound()[1]), "chroot: the line of fstab does the same")
    must("gpasswd", "-d", "postfix", "_gatepost")
    h.reload()
    says(h, try_all(h)[0], closed)
    joined, reload = page.commands("CHROOT", 2)
    must("sh", "-c", joined)
    tap.ok(not judged(h.inbound()[1]), "chroot: the group alone does not reach processes that run")
    must_change("sh", "-c", reload)
    tap.ok(judged(h.inbound()[1]), "chroot: the reload does")
    for service in ("spf", "dkim"):
        h.services[service].process.kill()
    says(h, try_all(h)[0], dead)
    for service in ("spf", "dkim"):
        h.services[service].stop()
    says(h, try_all(h)[0], stopped)


def no_chroot(h, page):
    h.fresh(systemd=False)
    must("adduser", "postfix", "_gatepost")
    for command in page.commands("CHROOT", 3):
        must("sh", "-c", command)
    must("postconf", "-F", "submission/inet/chroot=n", "submissions/inet/chroot=n")
    r = changes("gatepost", "postfix", "enable")
    tap.ok(r.returncode == 0 and "from inside" not in r.stdout, "no chroot: enable needs no mount", r.stdout + r.stderr)
    tap.ok(judged(h.inbound()[1]) and is_signed(h, h.submit()[1]), "no chroot: both ways")
    ident, _ = h.local()
    tap.ok(is_signed(h, h.sink.wait(ident)), "no chroot: local mail")


def tcp(h, page):
    """In the chroot, without mount and group."""
    h.fresh(systemd=False)
    h.apply(page, "CHROOT", 4, 5)
    h.services["spf"].stop()
    h.services["spf"].start()
    reply, message = h.inbound()
    tap.ok(message and "spf=pass" in message.all(AR)[0], "tcp: a socket of that kind needs neither mount nor group", repr(reply))
    h.services["spf"].stop()  # with the next policy it has its own socket again


# -- mail that no client sends -------------------------------------------------

def local(h, page):
    h.enabled()
    h.set_policy(page.block("SUBMISSION ALONE", 1)[1].replace("100/1h", "1/1h").replace('"auth"', '"domain"'))
    ident, _ = h.local(more=FORGED)
    message = h.sink.wait(ident)
    tap.ok(is_signed(h, message) and not message.all(AR), "local: signed, not judged, a forged field goes")
    mark = h.log_mark()
    ident, done = h.local()
    line = h.logged(mark, r"cleanup\[.*milter-reject: END-OF-MESSAGE from localhost\[127.0.0.1\]: 4.7.1 message rate exceeded")
    tap.ok(line and done.returncode == 0, "local: it is counted; over the limit it is put off", h.log_since(mark))
    tap.ok(OURS in must("mailq") and os.listdir("/var/spool/postfix/maildrop"), "local: mailq shows it, in maildrop")
    h.set_policy(h.shop)
    must("postkick", "public", "pickup", "W")  # the minute is over
    tap.ok(is_signed(h, h.sink.wait(ident)), "local: later it leaves, signed")
    h.set_policy(page.block("SUBMISSION ALONE", 1)[1].replace('"127.0.0.1"', '"192.0.2.1"'))
    mark = h.log_mark()
    ident, done = h.local()
    bounce = h.sink.wait(lambda m: not m.sender)
    tap.ok(done.returncode == 0 and h.logged(mark, "status=bounced") and bounce and bounce.rcpts == ["a@" + OURS] and
           b"may not be sent by this client" in bounce.raw, "local: what senders refuse bounces, with the reply in it",
           h.log_since(mark))


def bounced(h, ident_of_policy):
    """A submission bounces: the notification."""
    h.set_policy(ident_of_policy)
    h.sink.messages.clear()
    reply, _ = h.submit(rcpt="u@nowhere.example", wait=False)
    tap.ok(reply.good, "bounce: the message itself is taken", repr(reply))
    return h.sink.wait(lambda m: not m.sender)


def bounces(h, page):
    h.enabled()
    tap.ok(not bounced(h, h.shop).all(DKIM), "bounce: passes no filter as installed")
    h.apply(page, "BOUNCES")
    bounce = bounced(h, h.shop)
    tap.ok(is_signed(h, bounce) and "MAILER-DAEMON@" + OURS in bounce.first("From"), "bounce: signed, From: myorigin",
           bounce.raw[:600].decode())
    strict = page.block("SUBMISSION ALONE", 1)[1]
    tap.ok(is_signed(h, bounced(h, strict)), "bounce: signed with senders that list 127.0.0.1")
    bounce = bounced(h, strict.replace('"127.0.0.1"', '"192.0.2.1"'))
    tap.ok(bounce and not bounce.all(DKIM), "bounce: with other senders it leaves unsigned, and is not refused")
    limited = h.shop[:-2] + ('\tpreflight { mode = enforce  else = reject  require = { "subject", "dmarc-record" } }\n'
                             '\tlimit "x" { rate = { "1/1h" }  by = { "domain" } }\n}\n')
    tap.ok(bounced(h, limited), "bounce: neither preflight nor a limit stands in its way")


# -- several instances ---------------------------------------------------------

SECOND_MOUNT = "/var/spool/postfix-in/run/gatepost"
SECOND_UNIT = "/etc/systemd/system/var-spool-postfix\\x2din-run-gatepost.mount"
FOLDERS = ("/etc/postfix", "/etc/postfix-in")


def both_files():
    return [places_host.read(os.path.join(d, n)) for d in FOLDERS for n in ("main.cf", "master.cf")]


def place():
    """(is the group joined, are the sockets in the first, the second chroot, is a unit made)"""
    return ("postfix" in must("getent", "group", "_gatepost"), os.path.ismount(MOUNT_POINT), os.path.ismount(SECOND_MOUNT),
            os.path.exists(SECOND_UNIT))


def null_client(h, page):
    """The first instance only sends what is made here, the second is an MX."""
    for command in page.commands("SEVERAL INSTANCES", 1):
        must_change("sh", "-c", command)
    ident, _ = h.local()
    tap.ok(is_signed(h, h.sink.wait(ident)), "null client: what is made on the host is signed")
    reply, message = h.inbound()
    tap.ok(message and not message.all(AR), "null client: its port 25 is left as it is", repr(reply))
    reply, message = h.inbound(host="127.0.0.2", more=FORGED)
    tap.ok(message and message.all(AR)[0].startswith("in.shop.example;"), "null client: the MX beside it judges",
           repr(reply))
    h.apply(page, "SEVERAL INSTANCES", 2)
    reply, message = h.inbound(host="127.0.0.2", more=FORGED)
    tap.ok(judged(message), "null client: by one name for both", repr(reply))
    tap.equal(must("postconf", "-c", FOLDERS[1], "-xh", "smtpd_milters").count("unix:"), 3, "null client: and does not limit")


def second_chroot(h, page):
    tap.equal(place(), (True, True, True, True), "instances: one group, two mounts, a unit for the second")
    verify = run("systemd-analyze", "verify", SECOND_UNIT)
    tap.ok("postfix" not in verify.stderr, "instances: systemd takes the unit that was made", verify.stderr)
    must("umount", SECOND_MOUNT)
    found = run("gatepost", "doctor", "--quiet", "--only", "sockets", "--config-dir", FOLDERS[1]).stdout
    tap.ok("root folder /var/spool/postfix-in" in found and "gatepost postfix enable --config-dir /etc/postfix-in" in found,
           "instances: doctor finds a second chroot without the mount", found)
    for command in page.commands("SEVERAL INSTANCES", 3):
        must("sh", "-c", command)
    tap.ok(judged(h.inbound(host="127.0.0.2")[1]), "instances: the page's mount mends it")


def instances(h, page):
    h.fresh()
    h.second_instance()
    before = both_files()
    null_client(h, page)
    second_chroot(h, page)
    for command in page.commands("SEVERAL INSTANCES"):
        r = (changes if "enable" in command else run)("sh", "-c", command)
        tap.ok(r.returncode == 0, "instances: " + command.strip(), r.stdout + r.stderr)
    tap.ok("/etc/postfix: main.cf" in r.stdout and "/etc/postfix-in: unix:/run/gatepost/rate/milter.sock" in r.stdout,
           "instances: status tells of each", r.stdout)
    tap.ok(judged(h.inbound()[1]) and judged(h.inbound(host="127.0.0.2")[1]), "instances: both judge")
    must("gatepost", "postfix", "disable")
    tap.equal(place(), (True, False, True, True), "instances: disable of the first leaves the second its group and mount")
    tap.equal(run("gatepost", "postfix", "status", "--all").returncode, 2, "instances: status: in part")
    tap.ok(judged(h.inbound(host="127.0.0.2")[1]), "instances: the second goes on")
    must("gatepost", "postfix", "disable", "--all")
    tap.equal((place(), both_files() == before), ((False, False, False, False), True),
              "instances: disable of all takes all of it back, the files byte by byte")
    tap.equal(run("gatepost", "postfix", "status", "--all").returncode, 1, "instances: status: none")
    must("postmulti", "-i", "postfix-in", "-p", "stop")


# -- other filters, other places -----------------------------------------------

def through(h, page, message_of):
    """A content filter that changes nothing: (what it got, what was delivered)."""
    taken = len(h.amavis.messages)
    reply, _ = message_of()
    got = h.amavis.wait(lambda m: m in h.amavis.messages[taken:])
    with places_host.lab_smtp.Client(10025) as c:
        c.command("EHLO filter.example")
        c.message("<%s>" % got.sender, got.rcpts, got.raw)
    return got, h.sink.wait(got.id)


def content_filter(h, page):
    h.enabled()
    h.amavis = h.lab.own(places_host.lab_smtp.Sink())
    h.apply(page, "OTHER FILTERS", 0, 1)
    must("postconf", "-e", "content_filter=smtp:[127.0.0.1]:%d" % h.amavis.port)
    h.reload()
    got, end = through(h, page, lambda: h.inbound(wait=False))
    tap.ok(judged(got) and judged(end, 1), "content filter: judged once, the results stay",
           "%s\n%s" % (got.fields[:3], end.fields[:3]))
    got, end = through(h, page, lambda: h.submit(wait=False))
    tap.ok(is_signed(h, got) and is_signed(h, end), "content filter: signed once")
    ident, _ = h.local()
    got = h.amavis.wait(ident)
    tap.ok(is_signed(h, got), "content filter: local mail is signed before it")
    must("postconf", "-P", "127.0.0.1:10025/inet/receive_override_options=no_header_body_checks")
    h.reload()
    _, end = through(h, page, lambda: h.inbound(wait=False))
    tap.ok(not end.all(AR), "content filter: without no_milters the results are taken for forged")
    _, end = through(h, page, lambda: h.submit(wait=False))
    tap.ok(is_signed(h, end), "content filter: a signature of ours is kept, not doubled")
    r = run("gatepost", "postfix", "enable", "--dry-run")
    tap.ok("127.0.0.1:10025/inet: it takes main.cf's milters" in r.stdout, "content filter: enable says so", r.stdout)


def checks(h, page):
    h.enabled()
    places_host.write("/etc/postfix/checks", "/^Subject: (.*)/ REPLACE Subject: [checked] $1\n")
    must("postconf", "-e", "header_checks=regexp:/etc/postfix/checks")
    h.reload()
    _, message = h.submit()
    tap.ok(is_signed(h, message) and "[checked]" in message.first("Subject"), "header_checks: ours is signed as changed")
    _, message = h.inbound()
    tap.ok("dkim=fail" in message.all(AR)[0], "header_checks: break a signature that comes in", message.all(AR))
    must("postconf", "-X", "header_checks")
    must("postconf", "-e", "smtp_header_checks=regexp:/etc/postfix/checks")
    h.reload()
    tap.equal(h.signatures(h.submit()[1]), {("BAD", OURS, "s1")}, "smtp_header_checks: break our signature")
    must("postconf", "-X", "smtp_header_checks")
    h.apply(page, "OTHER FILTERS", 2, 3)
    mark = h.log_mark()
    h.inbound(BANK, "203.0.113.9", raw=h.message(BANK, "@ID@"), wait=False)
    tap.ok(h.logged(mark, "milter-header-hold: .*fails DMARC") and "!" in must("mailq"), "milter_header_checks: holds a forgery",
           h.log_since(mark))
    tap.ok(judged(h.inbound()[1]), "milter_header_checks: not what passes")
    must("postsuper", "-d", "ALL")


class Balanced(places_host.lab_smtp.Client):
    """A load balancer tells in front of the session whose it is."""
    told = False

    def reply(self):
        if not self.told:
            self.told = True
            self.send(b"PROXY TCP4 192.0.2.7 127.0.0.1 55555 2525\r\n")
        return super().reply()


def other_places(h, page):
    h.enabled()
    h.apply(page, "OTHER PLACES")
    lab_base.wait_until(lambda: lab_base.port_open(2525), 20, "the port for a load balancer")
    reply, message = h.inbound()
    tap.ok(judged(message), "postscreen: the smtpd behind it asks", repr(reply))
    with Balanced(2525) as c:
        c.command("EHLO mail.bank.example")
        ident = h.ident()
        _, message = h.mail(c, "a@" + BANK, h.message(BANK, ident), ident)
    tap.ok(judged(message) and "spf=pass" in message.all(AR)[0], "load balancer: the address that it tells is judged",
           message.all(AR) if message else c)
    reply, message = h.inbound(address="192.0.2.99")
    tap.ok(message and not message.all(AR), "smtpd_milter_maps: a client that is left out", repr(reply))


def down(h, page):
    h.enabled()
    text = page.text.split("# WHILE A DAEMON IS DOWN\n")[1]
    rows = re.findall(r"(?m)^\|  (.*)\n:  (.*)\n:  (.*)$", text)
    h.services["dkim"].stop()
    for action, by_smtp, made_here in rows:
        must("postconf", "-e", "smtpd_milters={ unix:/run/gatepost/dkim/milter.sock, default_action=%s }" % action,
             "non_smtpd_milters=$smtpd_milters")
        h.reload()
        mark = h.log_mark()
        reply, _ = h.inbound(wait=False)
        tap.ok(by_smtp.split(",")[0] in reply.line, "down, %s: by SMTP: %s" % (action, by_smtp), repr(reply))
        ident, _ = h.local()
        queue_id = h.logged(mark, "pickup.*uid=0").split()[5].rstrip(":")
        seen = {"leaves": "%s: .*status=sent" % queue_id, "waits": "%s: milter-reject.* 4.7.1" % queue_id,
                "bounces": "bounce.*%s: sender non-delivery notification" % queue_id, "in the": "%s: milter-hold" % queue_id}
        pattern = next(p for words, p in seen.items() if made_here.startswith(words))
        tap.ok(h.logged(mark, pattern), "down, %s: made on the host: %s" % (action, made_here), h.log_since(mark))
        must("postsuper", "-d", "ALL")


def main():
    page = places_host.Page()
    with lab_base.Lab("places") as lab:
        h = places_host.Host(lab)
        for test in (example, mx, submission, both, chroot, no_chroot, tcp, local, bounces, instances,
                     content_filter, checks, other_places, down):
            if len(sys.argv) < 2 or test.__name__ in sys.argv[1:]:
                began = time.monotonic()
                tap.run(test.__name__, test, h, page)
                tap.note("%s: %.1f s" % (test.__name__, time.monotonic() - began))
    if len(sys.argv) < 2:
        tap.equal(page.unused(), [], "every block of the page was used")
    tap.done()


main()
