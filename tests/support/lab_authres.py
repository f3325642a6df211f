"""lab_authres - read Authentication-Results, strictly by RFC 8601 section 2.2.

Written from the grammar, apart from the reader under test: what gatepost
writes must be readable by somebody else.  read() is for fields that gatepost
has written: where python3-authres is installed, it must find the same in them.
"""
import collections
import re

try:
    import authres
    import authres.core
except ImportError:
    authres = None

Result = collections.namedtuple("Result", "method result reason props")

TOKEN = re.compile(r"[!#$%&'*+.0-9A-Z^_`a-z{|}~-]+")
KEYWORD = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?")
QUOTED = re.compile(r'"((?:[^"\\\r\n]|\\[^\r\n])*)"')
ADDR = re.compile(r"[^\s;()\"<>@]*@[A-Za-z0-9_.-]+")
SPACE = re.compile(r"[ \t\r\n]*")


class Malformed(Exception):
    pass


class Differs(Exception):
    """python3-authres reads something else, or nothing."""


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


# -- the other reader --------------------------------------------------------

# Where python3-authres (1.2.0) leaves RFC 8601 it is mended, each place with
# its reason.
if authres:
    # text in quotes may be UTF-8 since RFC 6532
    authres.core.RFC5322_QTEXT_PATTERN = r'[\x21\x23-\x5b\x5d-\x7e\x80-\U0010ffff]'

    class Mended(authres.core.AuthenticationResultsHeader):
        def _parse_pvalue(self):
            # 1. It takes a quoted string only before ";" or the end, so a
            #    value in quotes that another property follows gets lost.
            # 2. It takes "" for no quoted string at all.
            self._parse_rfc5322_cfws()
            if not self._parse_text.startswith('"'):
                return super()._parse_pvalue()
            return self._parse_rfc5322_quoted_string() or ""


def why_not():
    return None if authres else "python3-authres is not installed"


def unescape(text):
    """It leaves the backslashes of quoted pairs in a value."""
    return re.sub(r"\\(.)", r"\1", text or "")


def by_authres(text):
    """(id, [(method, result, reason, [(type, name, value)])]) as
    python3-authres has it; "" for no reason."""
    header = Mended(authres.FeatureContext())
    header.strict = True  # else it swallows what it can not read
    header._parse_text = text
    header._parse()
    return header.authserv_id, [
        (r.method, r.result, unescape(r.reason),
         [(p.type, p.name, unescape(p.value)) for p in r.properties])
        for r in header.results]


def as_shown(reason):
    """It shows a reason in ASCII only."""
    return re.sub("[^ -~]", "?", reason or "")


def compare(text, mine):
    try:
        ident, results = by_authres(text.replace("\r\n", "\n"))
    except authres.AuthResError as e:
        raise Differs("python3-authres: %r: %s" % (text, e)) from e
    theirs = ident, [(method, result, reason, {"%s.%s" % p[:2]: p[2] for p in props})
                     for method, result, reason, props in results]
    if theirs != (mine[0], [(r.method, r.result, as_shown(r.reason), r.props) for r in mine[1]]):
        raise Differs("%r: python3-authres reads %r, not %r" % (text, theirs, mine))


def read(text, ours=None):
    """As parse(), of a field that gatepost has written: python3-authres reads
    the same in it, or this is Differs.  With `ours` only of that id."""
    mine = parse(text)
    if authres and (ours is None or mine[0].lower().rstrip(".") == ours):
        compare(text, mine)
    return mine


def spf(text, prop="smtp.mailfrom"):
    """The spf result that has this property, or None."""
    for r in read(text)[1]:
        if r.method == "spf" and prop in r.props:
            return r
    return None
