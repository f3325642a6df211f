"""lab_authres - read Authentication-Results, strictly by RFC 8601 section 2.2.

Written from the grammar, apart from the reader under test: what gatepost
writes must be readable by somebody else.
"""
import collections
import re

Result = collections.namedtuple("Result", "method result reason props")

TOKEN = re.compile(r"[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+")
KEYWORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
QUOTED = re.compile(r'"((?:[^"\\\r\n]|\\[^\r\n])*)"')
ADDR = re.compile(r"[^\s;()\"<>@]*@[A-Za-z0-9_.-]+")
SPACE = re.compile(r"[ \t\r\n]*")


class Malformed(Exception):
    pass


class Reader:
    def __init__(self, text):
        self.text, self.at = text, 0

    def cfws(self):
        while True:
            self.at = SPACE.match(self.text, self.at).end()
            if self.text[self.at:self.at + 1] != "(":
                return
            depth = 0
            while True:
                c = self.text[self.at:self.at + 1]
                if not c:
                    raise Malformed("comment without its end")
                self.at += 2 if c == "\\" else 1
                depth += (c == "(") - (c == ")")
                if not depth:
                    break

    def take(self, pattern, what):
        found = pattern.match(self.text, self.at)
        if not found:
            raise Malformed("no %s at %r" % (what, self.text[self.at:self.at + 30]))
        self.at = found.end()
        return found

    def peek(self, char):
        return self.text[self.at:self.at + 1] == char

    def char(self, char):
        if not self.peek(char):
            raise Malformed("no %r at %r" % (char, self.text[self.at:self.at + 30]))
        self.at += 1

    def value(self):
        if self.peek('"'):
            return re.sub(r"\\(.)", r"\1", self.take(QUOTED, "string").group(1))
        found = ADDR.match(self.text, self.at)
        if found:
            self.at = found.end()
            return found.group(0)
        return self.take(TOKEN, "value").group(0)

    def result(self):
        method = self.take(KEYWORD, "method").group(0).lower()
        self.cfws()
        if self.peek("/"):
            raise Malformed("a method version is not ours")
        self.char("=")
        self.cfws()
        result = self.take(KEYWORD, "result").group(0).lower()
        reason, props = None, []
        self.cfws()
        while self.at < len(self.text) and not self.peek(";"):
            word = self.take(KEYWORD, "property type").group(0).lower()
            self.cfws()
            if word == "reason" and self.peek("="):
                self.char("=")
                self.cfws()
                reason = self.value()
            else:
                self.char(".")
                self.cfws()
                name = self.take(KEYWORD, "property").group(0).lower()
                self.cfws()
                self.char("=")
                self.cfws()
                props.append((word + "." + name, self.value()))
            self.cfws()
        return Result(method, result, reason, dict(props))


def parse(text):
    """(authserv-id, [Result ...]); Malformed when it is not by the grammar."""
    r = Reader(text)
    r.cfws()
    ident = r.value()
    r.cfws()
    if r.at < len(r.text) and not r.peek(";"):
        if r.take(TOKEN, "version").group(0) != "1":
            raise Malformed("version")
        r.cfws()
    results = []
    while r.at < len(r.text):
        r.char(";")
        r.cfws()
        if not results and r.text[r.at:].strip().lower() == "none":
            return ident, []
        results.append(r.result())
        r.cfws()
    if not results:
        raise Malformed("no result")
    return ident, results


def spf(text, prop="smtp.mailfrom"):
    """The spf result that has this property, or None."""
    for r in parse(text)[1]:
        if r.method == "spf" and prop in r.props:
            return r
    return None
