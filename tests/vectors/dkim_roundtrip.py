#!/usr/bin/python3
"""Signatures made by one implementation of DKIM, verified by another.

What gatepost signs is verified by its own two engines, by dkimpy, by
Mail::DKIM and by libopendkim without our front; what those (and
opendkim-testmsg) sign is verified by both engines: each algorithm x each
canonicalisation x each shape of message below.  What a peer is known to get
wrong stands in FAULTS with its reason, and has to go wrong.
"""
import os
import random
import shutil
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.join(HERE, "..", "..")
sys.path[:0] = [HERE, os.path.join(ROOT, "tests", "support")]

from dkim_peers import (Dkimpy, Key, Libopendkim, MailDkim, Missing,  # noqa
                        Pipe, SELECTOR, key_name, openssl, testmsg)
from lab_tap import Tap  # noqa: E402

KEYS = {"rsa2048": ("rsa-sha256", "-algorithm", "RSA", "-pkeyopt",
                    "rsa_keygen_bits:2048"),
        "rsa4096": ("rsa-sha256", "-algorithm", "RSA", "-pkeyopt",
                    "rsa_keygen_bits:4096"),
        "ed25519": ("ed25519-sha256", "-algorithm", "ED25519")}
CANONS = ["%s/%s" % (h, b) for h in ("relaxed", "simple")
          for b in ("relaxed", "simple")]

# -- messages ----------------------------------------------------------------

HEADER = ["Received: from a.example (a.example [192.0.2.1])\r\n"
          "\tby b.example with ESMTP id 1; Sun, 22 Nov 2026 08:00:00 +0000",
          "From: \"A. Sender\" <a@%s>", "To: b@receiver.example",
          "Date: Sun, 22 Nov 2026 08:00:00 +0000",
          "Message-ID: <1@%s>", "MIME-Version: 1.0",
          "Content-Type: text/plain; charset=utf-8"]


def large():
    rng = random.Random(6376)
    line = "%08x  some words and\ta tab, quoted \"%s\" %s\r\n"
    lines = [line % (i, "x" * rng.randrange(40),
                     rng.choice(["", " ", "\t ", "end"]))
             for i in range(1000)]
    block = "".join(lines).encode()
    return block * (5 * 1024 * 1024 // len(block) + 1)


SHAPES = {
    "folded": (b"Subject: one\r\n  two\r\n\tthree   four \t\r\n five",
               b"One line.\r\n\r\nAnother  one. \t\r\n"),
    "empty body": (b"Subject:", b""),
    "no final CRLF": (b"Subject: end", b"one line\r\nlast line"),
    "trailing blank lines": (b"Subject: blank",
                             b"\r\ntext\r\n\r\n \r\n\t \r\n\r\n"),
    "8-bit": (b"Subject: gr\xc3\xbc\xc3\x9fe  \xe4 \xff",
              b"latin \xe4\xf6 and utf-8 \xc3\xa4 \xff\r\n\x80\r\n"),
    "5 MB": (b"Subject: large", large()),
}


def message(shape, domain):
    subject, body = SHAPES[shape]
    fields = [f.replace("%s", domain).encode() for f in HEADER] + [subject]
    return b"\r\n".join(fields) + b"\r\n\r\n" + body


# -- what peers get wrong ------------------------------------------------------

def wrapped_differently(peer, does, key, canon, shape):
    """Its DKIM-Signature field is folded in one way when it is hashed, and in
    another when it is written; relaxed headers do not mind."""
    return peer == "libopendkim" and does == "signs" and key == "ed25519" \
        and canon.startswith("simple/")


def no_crlf_added(peer, does, key, canon, shape):
    """RFC 6376 3.4.3: a body without a final CRLF gets one before it is
    hashed; it hashes it without."""
    return peer == "Mail::DKIM" and canon.endswith("/simple") and \
        shape == "no final CRLF"


FAULTS = [(wrapped_differently, "signature did not verify"),
          (no_crlf_added, "body hash did not verify")]


def fault(*case):
    """(reason, what our engines say of it); (None, "-"): it must go right."""
    for rule, says in FAULTS:
        if rule(*case):
            return " ".join(rule.__doc__.split()), says
    return None, "-"


# -- gatepost ------------------------------------------------------------------

def escape(text):
    return "".join(c if 0x20 < ord(c) < 0x7F and c != "%" else
                   "".join("%%%02x" % b for b in c.encode()) for c in text)


class Gatepost:
    name = "gatepost"

    def __init__(self, scratch, policy, zone):
        build = os.environ.get("O", os.path.join(ROOT, "build"))
        self.pipe = Pipe(os.path.join(build, "asan", "bin", "drive_dkim"))
        self.paths = [os.path.join(scratch, "gatepost.in"),
                      os.path.join(scratch, "gatepost.out")]
        path = os.path.join(scratch, "gatepost.conf")
        with open(path, "w", encoding="ascii") as f:
            f.write(policy)
        self.expect(["ok"], "policy", path)
        self.expect(["ok"], "zone", escape("".join(
            '%s TXT "%s" "%s"\n' % (name, text[:200], text[200:])
            for name, text in zone.items())))

    def expect(self, answer, *fields):
        got = self.pipe.ask(*fields)
        if got != answer:
            raise RuntimeError("%s: %s" % (fields[0], got))

    def write(self, text):
        with open(self.paths[0], "wb") as f:
            f.write(text)

    def sign(self, text, domain):
        self.write(text)
        answer = self.pipe.ask("sign", *self.paths)
        if answer[1] != domain:
            raise RuntimeError("not signed: %s" % answer)
        with open(self.paths[1], "rb") as f:
            return f.read()

    def verify(self, text):
        """{engine: [(result, reason)]}"""
        self.write(text)
        found = {}
        for engine in ("builtin", "libopendkim"):
            lines = self.pipe.rest(self.pipe.ask("verify", engine,
                                                 self.paths[0]))
            found[engine] = [(f[1], f[4]) for f in lines]
        return found


# -- rows ------------------------------------------------------------------------

class Matrix:
    def __init__(self, scratch):
        self.tap = Tap()
        self.keys = {name: self.make_key(scratch, name) for name in KEYS}
        self.zone = {key_name(self.domain(key, canon)): self.keys[key].record()
                     for key in KEYS for canon in CANONS}
        for canon in CANONS:
            for key in ("rsa2048", "ed25519"):
                self.zone[key_name(self.domain("both", canon), key)] = \
                    self.keys[key].record()
        self.gatepost = Gatepost(scratch, self.policy(), self.zone)
        self.peers = []
        for peer in (Dkimpy, MailDkim, Libopendkim):
            try:
                self.peers.append(peer(self.zone, scratch))
            except Missing as e:
                self.tap.skip(peer.name, str(e))

    @staticmethod
    def make_key(scratch, name):
        path = os.path.join(scratch, name + ".pem")
        openssl("genpkey", "-out", path, *KEYS[name][1:])
        os.chmod(path, 0o600)
        return Key(path, KEYS[name][0])

    @staticmethod
    def domain(key, canon):
        return "%s.%s.example" % (key, canon.replace("/", "-"))

    def policy(self):
        text = 'authserv-id = "mx.receiver.example"\n'
        block = 'domain "%s" {\n\tcanon = "%s"\n%s}\n'
        key = '\tkey "%s" { file = "%s"  state = active }\n'
        for canon in CANONS:
            for name in KEYS:
                text += block % (self.domain(name, canon), canon, key % (
                    SELECTOR, self.keys[name].path))
            text += block % (self.domain("both", canon), canon, "".join(
                key % (name, self.keys[name].path)
                for name in ("rsa2048", "ed25519")))
        return text

    def engines(self, title, text, want):
        """Both engines must come to these results."""
        for engine, got in self.gatepost.verify(text).items():
            self.tap.equal(got, want, "%s, %s: %s" % (title, engine,
                                                      want[0][0]))

    def peer_says(self, peer, title, text, case, good=True):
        reason, _ = fault(peer.name, "verifies", *case)
        if reason is not None:
            self.tap.ok(not peer.verify(text), "%s, %s: fails, as listed" % (
                title, peer.name), "listed: " + reason)
            return
        self.tap.equal(peer.verify(text), good, "%s, %s: %s" % (
            title, peer.name, "pass" if good else "fail"))

    def ours(self, key, canon, shape):
        title = "gatepost signs %s %s, %s" % (key, canon, shape)
        domain = self.domain(key, canon)
        text = self.gatepost.sign(message(shape, domain), domain)
        self.engines(title, text, [("pass", "-")] * (1 + (key == "both")))
        for peer in self.peers:
            if peer.unable(key) is None:
                self.peer_says(peer, title, text, (key, canon, shape))

    def changed(self, key, canon):
        """The same with a word changed in the body, and in the header."""
        domain = self.domain(key, canon)
        text = self.gatepost.sign(message("folded", domain), domain)
        for where, old, new, reason in (
                ("body", b"Another", b"another", "body hash did not verify"),
                ("header", b"three", b"Three", "signature did not verify")):
            title = "gatepost signs %s %s, %s changed" % (key, canon, where)
            self.engines(title, text.replace(old, new), [("fail", reason)])
            for peer in self.peers:
                if peer.unable(key) is None:
                    self.peer_says(peer, title, text.replace(old, new),
                                   (key, canon, "folded"), good=False)

    def theirs(self, peer, key, canon, shape):
        title = "%s signs %s %s, %s" % (peer.name, key, canon, shape)
        domain = self.domain(key, canon)
        reason, says = fault(peer.name, "signs", key, canon, shape)
        text = peer.sign(message(shape, domain), self.keys[key], domain,
                         canon)
        self.engines(title + (", listed" if reason else ""), text,
                     [("fail" if reason else "pass", says)])

    def unfolded(self, peer, canon):
        """What wrapped_differently() is about goes right without a fold."""
        domain = self.domain("ed25519", canon)
        text = peer.sign(message("folded", domain), self.keys["ed25519"],
                         domain, canon, margin=0)
        self.engines("libopendkim signs ed25519 %s on one line" % canon, text,
                     [("pass", "-")])

    def one_way(self):
        """opendkim-testmsg knows rsa-sha1 only, and asks the real DNS."""
        domain = self.domain("rsa2048", "simple/simple")
        text = testmsg(message("folded", domain), self.keys["rsa2048"], domain)
        self.engines("opendkim-testmsg signs", text,
                     [("policy", "rsa-sha1 is not accepted")])

    def canon(self, canon):
        for peer in self.peers:
            for key in KEYS:
                if peer.unable(key):
                    self.tap.skip("%s and %s, %s" % (peer.name, key, canon),
                                  peer.unable(key))
            if peer.name == "libopendkim":
                self.tap.run("one line", self.unfolded, peer, canon)
        for shape in SHAPES:
            for key in KEYS:
                self.tap.run("sign", self.ours, key, canon, shape)
                for peer in self.peers:
                    if peer.unable(key) is None:
                        self.tap.run("verify", self.theirs, peer, key, canon,
                                     shape)
        for key in KEYS:
            self.tap.run("changed", self.changed, key, canon)
        self.tap.run("both", self.ours, "both", canon, "folded")

    def run(self):
        for canon in CANONS:
            self.canon(canon)
        try:
            self.one_way()
        except Missing as e:
            self.tap.skip("opendkim-testmsg", str(e))
        for end in [self.gatepost.pipe] + self.peers:
            self.tap.equal(end.close(), 0, "%s ends well" % getattr(
                end, "name", "drive_dkim"))


def main():
    scratch = tempfile.mkdtemp(prefix="gatepost-dkim-")
    try:
        matrix = Matrix(scratch)
        matrix.run()
    finally:
        shutil.rmtree(scratch)
    matrix.tap.done()


if __name__ == "__main__":
    main()
