#!/usr/bin/python3
"""corpus.py DIR - messages to sign and to verify, and the keys for them.

The messages are the same each time (the seed is fixed), the keys are new.
With N from 0 to 9, mail from sN.example is signed by DIR/keys/rsa.pem
(rsa2048, selector "rsa"), from eN.example by DIR/keys/ed.pem (ed25519, "ed";
ed.seed is the same in base64); DIR/keys/*.txt are their records.  What is to
be verified, python3-dkim has signed.

  text/rsa text/ed            unsigned, 2 to 5 KB of text
  big/rsa                     unsigned, 3 MB in one attachment
  signed/rsa signed/ed        the texts, signed
  signed/html                 20 to 60 KB of HTML, indented, signed by rsa
  signed/big                  3 MB, signed by rsa
  broken/rsa broken/ed        the signed texts with an altered body
"""
import base64
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_dkim  # noqa: E402

SEED = 8463
TEXTS, PAGES, BIG = 60, 24, 2
SIGNED = (b"from", b"to", b"reply-to", b"subject", b"date", b"message-id", b"mime-version",
          b"content-type", b"content-transfer-encoding", b"list-unsubscribe")
WORDS = ("the order of your invoice has been shipped and will arrive on Tuesday please confirm at "
         "our office before noon with kind regards meeting account delivery schedule customer "
         "Z\u00fcrich update security release support resolved attached statement").split()


def line(rng, width):
    words, n = [], 0
    while n < width:
        words.append(rng.choice(WORDS))
        n += len(words[-1]) + 1
    return " ".join(words)


def lines(rng, size):
    """Paragraphs of text, about so many octets."""
    made, n = [], 0
    while n < size:
        made.append(line(rng, rng.randrange(40, 66)) if rng.random() < 0.85 else "")
        n += len(made[-1]) + 2
    return made


def page(rng, size):
    """HTML as programs write it: indented, long attributes, one tag a line."""
    made, n, depth = ["<!DOCTYPE html>", "<html><body>"], 0, 1
    while n < size:
        depth = max(1, min(12, depth + rng.choice((-1, 0, 1))))
        indent = " " * 2 * depth
        made += [indent + '<td style="padding: %dpx; color: #%06x" width="%d">' % (
            rng.randrange(20), rng.getrandbits(24), rng.randrange(600)),
            indent + '  <a href="https://click.s0.example/c/%016x?u=%08x">%s</a>' % (
                rng.getrandbits(64), rng.getrandbits(32), line(rng, rng.randrange(80))),
            indent + "</td>"]
        n += sum(len(m) + 2 for m in made[-3:])
    return made + ["</body></html>"]


def attachment(rng, size):
    text = base64.b64encode(rng.randbytes(size * 3 // 4)).decode()
    return [text[i:i + 76] for i in range(0, len(text), 76)]


def message(rng, number, kind, letter):
    domain = "%s%d.example" % (letter, number % 10)
    head = ["Received: from out%d.%s (out%d.%s [198.51.100.%d])" % (
                hop, domain, hop, domain, rng.randrange(1, 255)) +
            "\n\tby relay.%s with ESMTPS id %010X\n\tfor <rcpt@local.example>;" % (
                domain, rng.getrandbits(40)) + " Mon, 2 Mar 2026 10:%02d:00 +0000" % hop
            for hop in range(rng.randrange(1, 4))]
    ident = "%016x" % rng.getrandbits(64)
    head += ['From: "Sender %d" <user@%s>' % (number, domain),
             "To: Recipient <rcpt@local.example>", "Reply-To: <help@%s>" % domain,
             "Subject: " + line(rng, 30).replace("\u00fc", "ue"),
             "Date: Mon, 2 Mar 2026 10:%02d:01 +0000" % (number % 60),
             "Message-ID: <%s@%s>" % (ident, domain), "MIME-Version: 1.0",
             "List-Unsubscribe: <mailto:out-%s@%s>,\n <https://%s/out/%s>" % (
                 ident, domain, domain, ident),
             "List-Unsubscribe-Post: List-Unsubscribe=One-Click", "X-Mailer: bench"]
    coding, what, body = "8bit", "text/plain; charset=utf-8", None
    if kind == "text":
        body = lines(rng, rng.randrange(1300, 4000))
    elif kind == "html":
        what, body = "text/html; charset=utf-8", page(rng, rng.randrange(19000, 58000))
    else:
        what, coding = 'application/pdf; name="f.pdf"', "base64"
        body = attachment(rng, 3000000)
    head += ["Content-Type: " + what, "Content-Transfer-Encoding: " + coding]
    return domain, lab_dkim.octets("\n".join(head + [""] + body) + "\n")


class Corpus:
    def __init__(self, where):
        self.where = where
        self.keys = {"s": ("rsa", lab_dkim.Key("rsa", 2048)),
                     "e": ("ed", lab_dkim.Key("ed25519"))}
        for selector, key in self.keys.values():
            self.write("keys/%s.pem" % selector, key.pem, 0o600)
            self.write("keys/%s.txt" % selector, key.record.encode())
        self.write("keys/ed.seed", self.keys["e"][1].dkimpy, 0o600)

    def write(self, name, data, mode=0o644):
        path = os.path.join(self.where, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode)
        with open(fd, "wb") as f:
            f.write(data)

    def add(self, number, data, domain, unsigned, signed, broken=None):
        selector, key = self.keys[domain[0]]
        if unsigned:
            self.write("%s/%03d.eml" % (unsigned, number), data)
        made = lab_dkim.sign(data, domain, selector, key, SIGNED)
        self.write("%s/%03d.eml" % (signed, number), made)
        if broken:
            self.write("%s/%03d.eml" % (broken, number), made + b"one more line\r\n")


def main():
    rng = random.Random(SEED)
    corpus = Corpus(sys.argv[1])
    for number in range(TEXTS):
        for letter, name in (("s", "rsa"), ("e", "ed")):
            domain, data = message(rng, number, "text", letter)
            corpus.add(number, data, domain, "text/" + name, "signed/" + name, "broken/" + name)
    for number in range(PAGES):
        domain, data = message(rng, number, "html", "s")
        corpus.add(number, data, domain, None, "signed/html")
    for number in range(BIG):
        domain, data = message(rng, number, "big", "s")
        corpus.add(number, data, domain, "big/rsa", "signed/big")


if lab_dkim.why_not():
    sys.exit("corpus.py: " + lab_dkim.why_not())
main()
