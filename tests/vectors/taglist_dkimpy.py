#!/usr/bin/python3
"""core/taglist beside python3-dkim, over generated lists.

Ours takes a list exactly when python3-dkim takes it and none of the rules of
RFC 6376 section 3.2 (and RFC 8616) that python3-dkim does not know is broken;
then both read the same.  These rules are the functions in RULES.  The same
seed makes the same lists.
"""
import os
import random
import re
import subprocess
import sys
import urllib.parse

try:
    from dkim.util import InvalidTagValueList, parse_tag_value
except ImportError:
    print("1..1\nok 1 - python3-dkim # SKIP it is not installed")
    sys.exit(0)

LISTS = 20000
SEED = 6376
TAGS = 32  # taglist.h
DRIVER = os.path.join(os.environ.get("O", "build"), "asan", "bin",
                      "drive_taglist")


# -- what python3-dkim lets through ----------------------------------------

def has_octets_of_no_value(text):
    """Controls; CR or LF that is no line end before white space."""
    unfolded = re.sub(rb"\r?\n(?=[ \t])", b"", text)
    return re.search(rb"[\x00-\x08\x0a-\x1f\x7f]", unfolded)


def is_no_utf8(text):
    try:
        text.decode()
    except UnicodeDecodeError:
        return True
    return False


def has_odd_names(text):
    """python3-dkim looks at the first letter only."""
    names = [tag.split(b"=", 1)[0].strip() for tag in text.split(b";")
             if b"=" in tag]
    return not all(re.fullmatch(rb"[A-Za-z][A-Za-z0-9_]*", n) for n in names)


def is_empty(text):
    return not text.strip()


def has_too_many(text):
    return text.strip().strip(b";").count(b";") + 1 > TAGS


RULES = [has_octets_of_no_value, is_no_utf8, has_odd_names, is_empty,
         has_too_many]


# -- lists -----------------------------------------------------------------

BLANKS = [b""] * 6 + [b" ", b"\t", b"\r\n ", b"\n\t", b" \r\n\t", b"\r\n \n "]
NAMES = [b"v", b"a", b"b", b"bh", b"d", b"h", b"A", b"x_1", b"zz"]
ODD_NAMES = [b"", b"1a", b"a-b", b"a b", b"_a", "\u00e4".encode(), b"a.b",
             b"a\0", b"a\r\n b"]
VALUES = [b"", b"1", b"rsa-sha256", b"AAAA\r\n\tBBBB==", b"from : to",
          "b\u00fccher.example".encode(), b"a=b=c", b"say \"so\"", b"x  y"]
ODD_VALUES = [b"\0", b"a\0b", b"a\rb", b"a\nb", b"a\r\nb", b"a\r\n", b"\r a",
              b"a\x0bb", b"a\x0c", b"\x7f", b"\xfc", b"\xc0\xaf", b"a\x01b"]


def odd(rng, good, bad):
    return rng.choice(bad if rng.random() < 0.03 else good)


def make(rng):
    """A list that is well-formed more often than not."""
    count = rng.choice([0, 1, 2, 3, 5, 8, 31, 33])
    names = rng.sample(NAMES, min(count, len(NAMES)))
    names += [b"t%d" % i for i in range(count - len(names))]
    tags = []
    for name in names:
        if rng.random() < 0.02:
            name = rng.choice(NAMES + ODD_NAMES)
        sign = b"=" if rng.random() < 0.99 else b""
        tags.append(b"".join([
            rng.choice(BLANKS), name, rng.choice(BLANKS), sign,
            rng.choice(BLANKS), odd(rng, VALUES, ODD_VALUES),
            rng.choice(BLANKS)]))
    text = b";".join(tags) + odd(rng, [b"", b";", b"; ", b";\r\n "],
                                 [b";;", b"; ;", b"\r\n", b"\x0b"])
    if rng.random() < 0.1 and text:
        at = rng.randrange(len(text))
        text = text[:at] + bytes([rng.randrange(256)]) + text[at + 1:]
    return text


# -- both readers ----------------------------------------------------------

def theirs(text):
    try:
        return list(parse_tag_value(text).items())
    except InvalidTagValueList:
        return None


def ours(texts):
    lines = "".join(urllib.parse.quote(t, safe="") + "\n" for t in texts)
    run = subprocess.run([DRIVER], input=lines.encode(), check=True,
                         stdout=subprocess.PIPE)
    answers = []
    for line in run.stdout.decode().splitlines():
        rc, *fields = line.split("\t")
        fields = [urllib.parse.unquote_to_bytes(f) for f in fields]
        answers.append(list(zip(fields[::2], fields[1::2]))
                       if rc == "ok" else None)
    assert len(answers) == len(texts)
    return answers


def main():
    if not os.path.exists(DRIVER):
        print("Bail out! %s is not built" % DRIVER)
        return 1
    rng = random.Random(SEED)
    texts = [make(rng) for _ in range(LISTS)]
    wrong, taken, stricter = [], 0, dict.fromkeys(RULES, 0)
    for text, got in zip(texts, ours(texts)):
        want = theirs(text)
        broken = [rule for rule in RULES if rule(text)]
        if want is not None and len(broken) == 1:
            stricter[broken[0]] += 1
        if broken:
            want = None
        taken += want is not None
        if got != want:
            wrong.append("%r: wanted %r, read %r" % (text, want, got))
    if taken < LISTS / 4:
        wrong.append("few are well-formed: the generator is broken")
    idle = [rule.__name__ for rule, n in stricter.items() if n == 0]
    print("%sok 1 - %d lists, %d of them well-formed, are read alike" %
          ("not " if wrong else "", LISTS, taken))
    for line in wrong[:5]:
        print("# " + line)
    print("%sok 2 - each rule that python3-dkim lacks came up%s" %
          ("not " if idle else "", "".join("\n# " + name for name in idle)))
    print("1..2")
    return 1 if wrong or idle else 0


sys.exit(main())
