#!/usr/bin/python3
"""core/authres beside python3-authres: both ways, values hostile.

What our writer wrote, python3-authres must read as what was put in, but for
what authres.h says is left out; what python3-authres wrote, our strict reader
must read.  The same seed makes the same cases.  Where python3-authres (1.2.0)
leaves RFC 8601 it is mended in support/lab_authres, each place with its reason.
"""
import email
import os
import random
import re
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "support"))
import lab_authres

if lab_authres.why_not():
    print("1..1\nok 1 - python3-authres # SKIP it is not installed")
    sys.exit(0)
import authres

DRIVER = os.path.join(os.environ.get("O", "build"), "asan/bin/drive_authres")
CASES = 2000
SEED = 8601
NAME = "Authentication-Results"

# Bounds that authres.h and limits.h name.
RESULTS, PROPS, WORD = 32, 16, 900


# -- cases -----------------------------------------------------------------

METHODS = [b"spf", b"dkim", b"dmarc", b"arc", b"iprev", b"auth", b"x-foo"]
RESULT = [b"pass", b"fail", b"softfail", b"neutral", b"temperror", b"none"]
PTYPES = [b"smtp", b"header", b"body", b"policy"]
NAMES = [b"mailfrom", b"helo", b"d", b"i", b"s", b"b", b"a", b"from",
         b"gatepost-seal"]
GOOD = [b"example.com", b"a_b.example", b"@example.com", b"20260101",
        b"joe@example.com", b"joe.smith+x@mail.example.com", b"rsa-sha256",
        b"xn--mnchen-3ya.example"]
EVIL = [b"", b" ", b'"', b"\\", b'\\"', b"a\\", b'"; spf=pass x="', b"(", b")",
        b"a(b", b"a;b", b"bank.example'a.evil.example", b"a,b", b"a=b", b"a/b",
        b"joe@bank.example'@evil.example", b"a b", b"  a  ", b"=?utf-8?q?x?=",
        b"l=j@b.example", b"joe@localhost", b".a@b.example", b"a..b@c.example",
        b"@", b"a@", b"<a@b.example>", b"[192.0.2.1]", b"a\tb", b"\r\n",
        b"a\r\nX-Evil: yes", b"a\n b", b"a\n\tb", b"\0", b"a\0b", b"\x7f",
        b"\x1b[31m", b"\xff", b"\xc0\xaf", b"\xed\xa0\x80", "\u00fc".encode(),
        "j\u00f6rg@m\u00fcnchen.example".encode(), "\u4e2d\u56fd".encode(),
        "\U0001f4a9".encode(), "\u202e".encode(), "\x85".encode(),
        b"x" * 255, b'"' * 300, b"y" * 880, b"z" * 1000, b"q" * 100000]
BAD_WORDS = [b"", b"a b", b"a;", b"a_b", b"a-", b"a.b", "\u00fc".encode(),
             b"a=b", b"a\r\nb", b"(a)"]
LETTERS = [bytes([i]) for i in range(256)] + [
    b'"', b"\\", b"(", b")", b";", b"=", b" ", b"@", b"."] * 12


def value(rng, kind):
    if kind == "good" or rng.random() < 0.3:
        return rng.choice(GOOD)
    if rng.random() < 0.6:
        return rng.choice(EVIL)
    return b"".join(rng.choice(LETTERS) for _ in range(rng.randrange(12)))


def word(rng, kind, words):
    if kind == "evil" and rng.random() < 0.03:
        return rng.choice(BAD_WORDS)
    return rng.choice(words)


def case(rng, kind):
    """(method, result, reason, [(ptype, property, value)]) ..."""
    most = rng.choice([1, 2, 3, 8, 40]) if kind == "evil" else 4
    return [(word(rng, kind, METHODS), word(rng, kind, RESULT),
             value(rng, kind) if rng.random() < 0.3 else b"",
             [(word(rng, kind, PTYPES), word(rng, kind, NAMES),
               value(rng, kind))
              for _ in range(rng.randrange(rng.choice([2, 5, 20])))])
            for _ in range(rng.randrange(most + 1))]


# -- what is left of a case, by the words of authres.h ---------------------

def is_text(b):
    try:
        text = b.decode()
    except UnicodeDecodeError:
        return False
    return not re.search("[\x00-\x1f\x7f-\x9f]", text)


def fits(*parts, text=b""):
    quoted = len(text) + 2 + len(re.findall(rb'["\\]', text))
    return is_text(text) and sum(map(len, parts)) + quoted + 2 <= WORD


def keyword(b):
    return re.fullmatch(rb"[A-Za-z0-9-]*[A-Za-z0-9]", b) is not None


def left_of(results):
    left = []
    for method, result, reason, props in results:
        if not (keyword(method) and keyword(result) and
                fits(method, result)):
            continue
        if not (reason and fits(b"reason", text=reason)):
            reason = b""
        props = [(t, p, v) for t, p, v in props
                 if keyword(t) and keyword(p) and fits(t, p, text=v)][:PROPS]
        left.append((method, result, reason, props))
    return left[:RESULTS]


def as_text(results):
    return [(m.decode(), r.decode(), lab_authres.as_shown(why.decode()),
             [(t.decode(), p.decode(), v.decode()) for t, p, v in props])
            for m, r, why, props in results]


# -- the driver ------------------------------------------------------------

def hexed(b):
    return b.hex() or "-"


def format_line(ident, results):
    words = ["format", hexed(ident), str(len(results))]
    for method, result, reason, props in results:
        words += [hexed(method), hexed(result), hexed(reason),
                  str(len(props))]
        for prop in props:
            words += [hexed(part) for part in prop]
    return " ".join(words)


def drive(lines):
    run = subprocess.run([DRIVER], input="\n".join(lines) + "\n", text=True,
                         stdout=subprocess.PIPE, check=True)
    answers = run.stdout.splitlines()
    assert len(answers) == len(lines)
    return [None if a == "?" else b"" if a == "-" else bytes.fromhex(a)
            for a in answers]


# -- tests -----------------------------------------------------------------

number = 0
failures = 0


def test(name, problems):
    global number, failures
    number += 1
    failures += bool(problems)
    print("%sok %d - %s" % ("not " if problems else "", number, name))
    for problem in problems[:5]:
        print("# " + problem)


def check_lines(field):
    lines = (NAME + ": ").encode() + field
    for i, line in enumerate(lines.split(b"\n")):
        if len(line) > 998 or (i > 0 and not line.startswith(b"\t")):
            return "a line is too long or no continuation: %r" % line
    message = email.message_from_bytes(lines + b"\nX-Next: 1\n\nbody\n")
    if message.keys() != [NAME, "X-Next"] or \
            message.get_payload() != "body\n":
        return "not one field for Python's email: %r" % lines
    return None


def both_ways(name, kind, rng):
    cases = [case(rng, kind) for _ in range(CASES)]
    fields = drive([format_line(b"mx.example.com", c) for c in cases])
    canonical = drive(["parse " + hexed(f) for f in fields])
    wrong, lines, lost, values = [], [], [], 0
    for results, field, again in zip(cases, fields, canonical):
        want = as_text(left_of(results))
        values += sum(len(r[3]) for r in want)
        if again is None:
            lost.append("our reader refuses %r" % field)
        problem = check_lines(field)
        if problem:
            lines.append(problem)
        try:
            got = lab_authres.by_authres(field.decode())
        except authres.AuthResError as error:
            got = str(error)
        if got != ("mx.example.com", want):
            wrong.append("%r: wanted %r, read %r" % (field, want, got))
    test("%s: %d fields, %d values come back" % (name, CASES, values), wrong)
    test("%s: one field of good lines each" % name, lines)
    test("%s: our reader takes them too" % name, lost)


def theirs(rng):
    """What python3-authres writes, we read."""
    wanted, lines = [], []
    for _ in range(CASES):
        # it writes any reason with an "@" bare, which is none then
        results = [(m, r, why, props[:PROPS])
                   for m, r, why, props in case(rng, "good")
                   if b"@" not in why]
        header = authres.AuthenticationResultsHeader(
            authserv_id="mx.example.com", version=rng.choice([None, "1"]),
            results=[authres.AuthenticationResult(
                m.decode(), None, r.decode(), reason=why.decode() or None,
                result_comment=rng.choice([None, "a (nested) comment"]),
                properties=[authres.AuthenticationResultProperty(
                    t.decode(), p.decode(), v.decode()) for t, p, v in props])
                for m, r, why, props in results])
        text = ['"mx.example.com"']
        for m, r, why, props in results:
            text.append("%s=%s" % (m.decode(), r.decode()))
            if why:
                text[-1] += ' reason="%s"' % why.decode()
            for t, p, v in props:
                text[-1] += ' %s.%s="%s"' % (t.decode(), p.decode(),
                                             v.decode())
        wanted.append(";".join(text).encode())
        lines.append("parse " + hexed(header.header_value().encode()))
    wrong = ["%r: wanted %r, read %r" %
             (bytes.fromhex(line.split()[1]), want, got) for line, want, got
             in zip(lines, wanted, drive(lines)) if want != got]
    test("%d fields of python3-authres are read" % CASES, wrong)


def ids(rng):
    """Ids that are no dot-atom are beyond python3-authres."""
    names = [n for n in GOOD + EVIL if n]
    fields = drive([format_line(n, []) for n in names])
    again = drive(["parse " + hexed(f) for f in fields])
    wrong = []
    for name, field, back in zip(names, fields, again):
        quoted = b'"%s"' % re.sub(rb'(["\\])', rb"\\\1", name)
        writable = fits(text=name) or len(quoted) <= WORD and is_text(name)
        if writable and back != quoted or not writable and field != b"":
            wrong.append("%r: %r, %r" % (name, field, back))
    test("%d ids are quoted or nothing is written" % len(names), wrong)


def main():
    if not os.path.exists(DRIVER):
        print("Bail out! %s is not built" % DRIVER)
        return 1
    rng = random.Random(SEED)
    both_ways("plain values", "good", rng)
    both_ways("hostile values", "evil", rng)
    theirs(rng)
    ids(rng)
    print("1..%d" % number)
    return 1 if failures else 0


sys.exit(main())
