#!/usr/bin/python3
"""core/dkim_canon beside python3-dkim, over generated fields and bodies.

GP_PAIRS is how many pairs of a header and a body (default 100000).  The same
seed makes the same pairs.  A pair is a field, a DKIM-Signature field whose b=
is deleted, and a body in chunks of some size, each in both forms.

Bodies are any bytes.  Fields are what a milter is shown and what core/dkim_sig
accepts, so these known differences do not come up:

* CR and LF stand in folds, or as a CR alone inside of the value.  python3-dkim
  deletes each CRLF of a relaxed value, also one that folds nothing.
* VT and FF are not at the ends of a value: python3-dkim takes them for white
  space there, RFC 6376 2.8 does not.
* No white space between the value of b= and its ";", which belongs to what is
  deleted (RFC 6376 3.7) and which python3-dkim leaves.
* No white space behind the last ";" of a signature: python3-dkim strips it
  from the simple form too.
* Something stands before a tag b=: python3-dkim overlooks it at the very
  beginning of the value.  And " b=" is in no other tag's value, which
  python3-dkim would mutilate.
"""
import os
import random
import subprocess
import sys

try:
    import dkim
    from dkim.canonicalization import Relaxed, Simple
except ImportError:
    print("1..1\nok 1 - python3-dkim # SKIP it is not installed")
    sys.exit(0)

PAIRS = int(os.environ.get("GP_PAIRS", "100000"))
BATCH = 5000
SEED = 6376
DRIVER = os.path.join(os.environ.get("O", "build"), "asan", "bin",
                      "drive_canon")

NAMES = [b"Subject", b"FROM", b"x-a_B", b"DKIM-Signature", b"T", b"Cc ",
         b"List-Unsubscribe\t ", b"To"]
WORDS = [b"a", b"word", b"x=y;", b"caf\xc3\xa9", b"\xff\x00\x80", b":", b"\x7f",
         b"Lorem-ipsum-dolor-sit-amet", b"o\x0b\x0co", b"<a@b.example>"]
FOLDS = [b"\r\n ", b"\r\n\t", b"\n ", b"\n\t", b" \r\n ", b"\t\r\n \r\n\t",
         b"\n \n \t"]
BLANKS = [b" ", b" ", b" ", b"  ", b"\t", b" \t", b"\t \t "]
ENDS = [b"\r\n", b"\r\n", b"\r\n", b"\r\n\r\n", b" \r\n", b"\t \r\n \r\n"]
BARE = [b"\r", b"\n", b"\n\r", b"\r\r\n", b"\n\n", b" \r", b"\r "]
LINE = (b"Content of a longer line, as most mail has it, with single blanks "
        b"between the words and nothing to be changed before its end")
BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"


# -- pairs -----------------------------------------------------------------

def pieces(rng, most, *kinds):
    """Up to `most` pieces; a kind is (weight, list)."""
    lists = rng.choices([k[1] for k in kinds], [k[0] for k in kinds],
                        k=rng.randrange(most + 1))
    return b"".join([rng.choice(one) for one in lists])


def value(rng):
    made = pieces(rng, 9, (5, WORDS), (4, BLANKS), (2, FOLDS), (1, [b"\rx"]))
    made = made.strip(b"\x0b\x0c")
    return made if rng.random() < 0.2 else b" " + made


def fws(rng):
    if rng.random() < 0.6:
        return b""
    return rng.choice(rng.choice((BLANKS, FOLDS)))


def base64(rng):
    made = bytes(rng.choices(BASE64, k=rng.randrange(1, 50))) + b"="
    cut = rng.randrange(len(made))
    return made[:cut] + fws(rng) + made[cut:]


def signature(rng):
    tags = [(b"v", b"1"), (b"a", b"rsa-sha256"), (b"d", b"b.example"),
            (b"s", b"b"), (b"h", b"from:b" + fws(rng) + b":b=b"),
            (b"bh", base64(rng)), (b"bb", b"bb=" + base64(rng)),
            (b"B", b"=b=")]
    rng.shuffle(tags)
    tags.insert(rng.randrange(len(tags) + 1), (b"b", base64(rng)))
    made = [fws(rng) + name + fws(rng) + b"=" + fws(rng) + text +
            (b"" if name == b"b" else fws(rng)) for name, text in tags]
    made = b" " + b";".join(made).rstrip()
    return made + rng.choice([b"", b";"])


def body(rng):
    kind = rng.randrange(10)
    if kind == 0:
        return pieces(rng, 4, (3, ENDS), (2, BLANKS))
    if kind == 1:
        return bytes(rng.choices(b"ab \t\r\n", k=rng.randrange(30)))
    made = pieces(rng, 14, (5, WORDS), (4, BLANKS), (4, ENDS), (1, BARE),
                  (2, [LINE]))
    return made + pieces(rng, 3, (5, ENDS), (1, BLANKS), (1, [b"\r"]))


def chunk(rng):
    return rng.choice((0, 1, 2, 3, 5, 8, 64, 100))


# -- both of them ----------------------------------------------------------

ESCAPED = [chr(c) if 0x20 <= c < 0x7F and c != 0x25 else "%%%02x" % c
           for c in range(256)]


def escape(data):
    return "".join([ESCAPED[c] for c in data])


def with_crlf(data):
    return data.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def theirs(pair):
    name, text, sig, content, _ = pair
    sig = dkim.RE_BTAG.sub(b"\\1", with_crlf(sig) + b"\r\n")
    out = []
    for form in (Simple, Relaxed):
        headers = form.canonicalize_headers(
            [(name, with_crlf(text) + b"\r\n"), (b"DKIM-Signature", sig)])
        field, signed = [b":".join(header) for header in headers]
        out += [field, signed.rstrip(), form.canonicalize_body(content)]
    return "=\t" + "\t".join([escape(data) for data in out])


def ours(pairs):
    lines = ["\t".join(["canon"] + [escape(data) for data in pair[:4]] +
                       ["%d\n" % pair[4]]) for pair in pairs]
    done = subprocess.run([DRIVER], input="".join(lines).encode("ascii"),
                          stdout=subprocess.PIPE, check=True)
    return done.stdout.decode("ascii").splitlines()


def differences(pairs):
    answers = ours(pairs)
    if len(answers) != len(pairs):
        return ["%d answers" % len(answers)]
    found = []
    for pair, answer in zip(pairs, answers):
        expected = theirs(pair)
        if answer != expected:
            found.append("%r\n#   ours   %s\n#   theirs %s" % (
                pair, answer, expected))
    return found


def main():
    rng = random.Random(SEED)
    failed, number, left = 0, 0, PAIRS
    while left > 0:
        pairs = [(rng.choice(NAMES), value(rng), signature(rng), body(rng),
                  chunk(rng)) for _ in range(min(left, BATCH))]
        left -= len(pairs)
        number += 1
        found = differences(pairs)
        failed += bool(found)
        print("%s %d - %d pairs canonicalised as by python3-dkim" % (
            "not ok" if found else "ok", number, len(pairs)))
        for text in found[:5]:
            print("# " + text)
    print("1..%d" % number)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
