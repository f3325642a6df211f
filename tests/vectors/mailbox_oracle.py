#!/usr/bin/python3
"""core/mailbox beside its own grammar, and beside Python's email package.

A generator writes address lists by RFC 5322, obsolete forms and all, and knows
what it wrote: our reader must find exactly that.  The same lists, and copies
with some octets damaged, go to both readers: what ours accepts, Python's must
accept too and find the same domains.  (What we refuse, Python may guess at.)
The same seed makes the same cases.
"""
import email._header_value_parser as parser
import ipaddress
import os
import random
import re
import subprocess
import sys
import urllib.parse

DRIVER = os.path.join(os.environ.get("O", "build"), "asan/bin/drive_mailbox")
LISTS = 8000
DAMAGED = 3  # copies of each
SEED = 5322

ATOMS = ["joe", "J", "a1", "o'hara", "x+y", "=?utf-8?Q?a?=", "{}|~", "-",
         "=?utf-8?B?PGFkbWluQGJhbmsuZXhhbXBsZT4=?=", "j\u00f6rg",
         "\u4e2d\u6587", "\u5c71\u7530\u3000\u592a", "\u00a0"]
QUOTED = ["", "a b", "a@b.example", "<c@d>", ",", ";:", "(x)", "\\\"",
          "\\\\", "\\a", "\\ ", ".", "a\r\n b", "\t", "\u00f6", "[x]", "=?"]
DOMAINS = ["example.com", "Bank.EXAMPLE", "localhost", "a_b.example",
           "xn--mnchen-3ya.example", "m\u00fcnchen.example", "1.2", "a.b.c.d"]
LITERALS = {"[192.0.2.1]": "[192.0.2.1]",
            "[ 198.51.100.7 ]": "[198.51.100.7]",
            "[IPv6:2001:DB8::1]": "[IPv6:2001:db8::1]"}
BLANKS = [" ", "  ", "\t", "\r\n ", "\n\t", "(c)", " (a(b) c)", "(\\)@\\()\n ",
          "(<x@y>, z)", "()", " (\u00f6) "]
SPECIALS = list("()<>[]:;@\\,.\" \t'=?") + ["\r\n ", "\n", "x", "@b", "<a@b>"]


# -- lists, and what is in them ---------------------------------------------

class Writer:
    def __init__(self, rng):
        self.rng = rng

    def often(self, chance):
        return self.rng.random() < chance

    def blank(self, chance=0.25):
        return self.rng.choice(BLANKS) if self.often(chance) else ""

    def quoted(self):
        parts = [self.rng.choice(QUOTED)
                 for _ in range(self.rng.randrange(4))]
        text = "".join(parts)
        plain = re.sub(r"\\(.)", r"\1", text.replace("\r\n", ""))
        return '"%s"' % text, plain

    def word(self):
        """(written, meant)"""
        if self.often(0.3):
            return self.quoted()
        atom = self.rng.choice(ATOMS)
        return atom, atom

    def phrase(self):
        text = ""
        for i in range(self.rng.randint(1, 4)):
            text += self.word()[0] + (self.blank(0.9) or " ")
            if self.often(0.1):
                text += "." + self.blank()
        return text

    def local(self):
        words = [self.word() for _ in range(self.rng.choice([1, 1, 2, 3]))]
        dot = self.blank(0.1) + "." + self.blank(0.1)
        return (dot.join(w[0] for w in words), ".".join(w[1] for w in words))

    def domain(self):
        if self.often(0.1):
            literal = self.rng.choice(list(LITERALS))
            return literal, LITERALS[literal]
        domain = self.rng.choice(DOMAINS)
        meant = domain.lower().encode("idna").decode()
        if self.often(0.1):
            domain = domain.replace(".", self.blank() + "." + self.blank())
        return domain, meant

    def address(self):
        local, domain = self.local(), self.domain()
        text = (local[0] + self.blank(0.1) + "@" + self.blank(0.1) +
                domain[0])
        return text, (local[1], domain[1])

    def route(self):
        text = self.rng.choice(["", "", ",", " , "])
        for i in range(self.rng.randint(1, 3)):
            text += ("," if i else "") + self.blank(0.1) + "@" + \
                self.domain()[0]
        return text + self.blank(0.1) + ":"

    def mailbox(self):
        address, meant = self.address()
        if self.often(0.4):
            return self.blank() + address + self.blank(), meant
        text = self.blank()
        if self.often(0.7):
            text += self.phrase()
        text += "<" + self.blank(0.1)
        if self.often(0.1):
            text += self.route() + self.blank(0.1)
        return text + address + self.blank(0.1) + ">" + self.blank(), meant

    def members(self, empty):
        texts, meant = [], []
        for _ in range(self.rng.choice([1, 1, 1, 2, 3])):
            text, one = self.mailbox()
            texts.append(text)
            meant.append(one)
        if self.often(empty):
            texts.insert(self.rng.randint(0, len(texts)), self.blank())
        return ",".join(texts), meant

    def list(self):
        if self.often(0.8):
            return self.members(0.1)
        texts, meant = [], []
        for _ in range(self.rng.randint(1, 3)):
            inner, some = self.members(0.2)
            if self.often(0.2):
                inner, some = self.blank(), []
            text = (self.blank() + self.phrase() + ":" + inner + ";" +
                    self.blank())
            if self.often(0.3):
                text, some = self.members(0)
            texts.append(text)
            meant += some
        return ",".join(texts), meant


def damaged(rng, text):
    for _ in range(rng.randint(1, 3)):
        at = rng.randrange(len(text) + 1)
        cut = rng.choice([0, 1, 1, 2])
        put = rng.choice(SPECIALS) if rng.random() < 0.7 else ""
        text = text[:at] + put + text[at + cut:]
    return text


# -- the readers -------------------------------------------------------------

def ours(values):
    lines = "\n".join(urllib.parse.quote(v.encode(), safe="")
                      for v in values) + "\n"
    run = subprocess.run([DRIVER], input=lines, text=True, check=True,
                         stdout=subprocess.PIPE)
    answers = []
    for line in run.stdout.splitlines():
        rc, *fields = [urllib.parse.unquote(f) for f in line.split("\t")]
        answers.append((rc, list(zip(fields[::2], fields[1::2]))))
    assert len(answers) == len(values)
    return answers


# Python's parser, mended in three places:
# 1. It decodes encoded words while it reads, with rules of their own for what
#    may stand beside one.  To the grammar they are atoms.
def no_encoded_word(value, *_):
    raise parser.errors.HeaderParseError("an atom as any other: " + value)


parser.get_encoded_word = no_encoded_word


# 2. Behind "name:;" it forgets the blanks; behind "name: ;" it does not.
# 3. It takes other white space of Unicode for blanks; by RFC 6532 it is text.
def mended(text):
    return re.sub("[\u00a0\u3000]", "x", text.replace(":;", ": ;"))


def normal(domain):
    if domain is None:
        return None
    literal = re.fullmatch(r"\[(IPv6:)?(.*)\]", domain, re.I)
    try:
        if literal is None:
            return domain.lower().encode("idna").decode()
        address = ipaddress.ip_address(literal[2])
    except ValueError:
        return domain
    address = getattr(address, "ipv4_mapped", None) or address
    return "[%s%s]" % ("" if address.version == 4 else "IPv6:", address)


def pythons(value):
    """(domains, syntax errors)"""
    text = mended(re.sub(r"\r?\n(?=[ \t])", "", value))
    try:
        found, rest = parser.get_address_list(text)
    except Exception as e:  # it raises what its lists raise
        return [], [repr(e)]
    wrong = [d for d in found.all_defects
             if isinstance(d, parser.errors.InvalidHeaderDefect)]
    if rest:
        wrong.append("left: " + rest)
    return [normal(m.domain) for m in found.all_mailboxes], wrong


# -- tests -------------------------------------------------------------------

number = 0
failures = 0


def test(name, problems):
    global number, failures
    number += 1
    failures += bool(problems)
    print("%sok %d - %s" % ("not " if problems else "", number, name))
    for problem in problems[:5]:
        print("# " + problem)


def same_domains(name, values, least):
    accepted, wrong = 0, []
    for value, (rc, got) in zip(values, ours(values)):
        if rc == "permanent":
            continue
        accepted += 1
        domains, errors = pythons(value)
        if domains != [d for _, d in got] or errors:
            wrong.append("%r: ours %r, Python's %r %r" %
                         (value, got, domains, errors))
    if accepted < least * len(values):
        wrong.append("too few were read to say anything")
    test("%s: %d of %d are read, by Python to the same domains" %
         (name, accepted, len(values)), wrong)


def main():
    if not os.path.exists(DRIVER):
        print("Bail out! %s is not built" % DRIVER)
        return 1
    rng = random.Random(SEED)
    writer = Writer(rng)
    lists = [writer.list() for _ in range(LISTS)]
    good = [value for value, _ in lists]
    bad = [damaged(rng, value) for value in good for _ in range(DAMAGED)]
    test("%d lists of %d mailboxes are read as they were meant" %
         (LISTS, sum(len(meant) for _, meant in lists)),
         ["%r: meant %r, %s %r" % (value, meant, rc, got)
          for (value, meant), (rc, got) in zip(lists, ours(good))
          if (rc, got) != ("ok" if meant else "none", meant)])
    same_domains("lists as written", good, 1)
    same_domains("damaged lists", bad, 0.1)
    print("1..%d" % number)
    return 1 if failures else 0


sys.exit(main())
