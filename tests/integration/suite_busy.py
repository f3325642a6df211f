"""gatepost-spf when it has no room for another session: what the client of a
private MTA sees, and that no mail is lost.  `main(mta)` is the program of an
MTA of lab_mta."""
import os
import socket
import sys
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "protocol"))
import lab_base
import lab_gatepost
import lab_ledger
import lab_smtp
import lab_tap
import miltermta

ID = "mx.lab.example"
DESCRIPTORS = 64


class Place(lab_ledger.Ledger):
    def __init__(self, lab, mta):
        super().__init__(lab.own(lab_smtp.Sink()))
        self.daemon = lab_gatepost.Daemon(
            lab, {"authserv-id": ID, "resolver": {"servers": ["127.0.0.1:9"], "timeout": "1s", "tries": 1}},
            user="nobody", group=mta.GROUP, descriptors=DESCRIPTORS)
        self.mta = mta(lab, self.sink.port, "unix:" + self.daemon.socket, ID)
        self.held = []

    def fill(self):
        """Sessions until one is told that there is no room."""
        for _ in range(DESCRIPTORS):
            s = miltermta.Session(self.daemon.socket)
            if s.connect().action != "continue":
                s.close()
                return
            s.helo()
            self.held.append(s)

    def empty(self):
        for s in self.held:
            s.quit()
        self.held = []

    def text(self, ident):
        return "X-Lab-Id: %s\nFrom: <a@pass.example>\nTo: <u@plain.example>\nSubject: test\n\nHello.\n" % ident

    def post(self):
        ident = self.ident()
        with self.mta.client("192.0.2.1", None, None, "helo.example") as s:
            posted = self.note(lab_ledger.Posted(ident, *s.message(
                "a@pass.example", ["u@plain.example"], self.text(ident), "")))
            s.command("QUIT")
            return posted


def first_line(port):
    """The greeting, how long it took, and whether that was all."""
    begin = time.monotonic()
    with socket.create_connection(("127.0.0.1", port), 20) as s:
        said = b""
        while b"\n" not in said:
            more = s.recv(4096)
            if not more:
                break
            said += more
        took = time.monotonic() - begin
        s.settimeout(5)
        try:
            closed = s.recv(4096) == b""
        except socket.timeout:
            closed = False
    return said.decode("ascii", "backslashreplace").strip(), took, closed


def no_room(tap, p):
    tap.ok(p.post().accepted, "at first mail is taken")
    p.fill()
    tap.ok(len(p.held) >= 10, "a number of sessions is open", len(p.held))
    for n in range(5):
        said, took, closed = first_line(p.mta.port)
        tap.match("^421 ", said, "no room: the client is told 421, %d" % n)
        tap.ok(took < 5 and closed, "no room: at once, and no more, %d" % n, repr((said, took, closed)))
    ident = p.ident()
    p.mta.sendmail("a@pass.example", ["u@plain.example"], p.text(ident))
    p.took(ident)
    p.empty()
    lab_base.wait_until(lambda: first_line(p.mta.port)[0].startswith("220"), 10, "a greeting")
    posted = p.post()
    tap.ok(posted.accepted and p.delivered(posted), "room again: mail is taken and delivered")
    tap.ok(p.sink.wait(ident), "what was sent on the host meanwhile is delivered")


def main(mta):
    why = mta.why_not()
    if why:
        lab_tap.skip_all("no room with " + mta.NAME, why)
    tap = lab_tap.Tap()
    with lab_base.Lab("busy") as lab:
        p = Place(lab, mta)
        tap.run("no_room", no_room, tap, p)
        tap.run("accounts", p.accounts, tap, p.mta)
        if tap.failed:
            tap.note("The MTA's last words:\n" + "\n".join(p.mta.log().splitlines()[-30:]))
        tap.equal(p.daemon.stop(), 0, "the daemon ends with 0")
    tap.done()
