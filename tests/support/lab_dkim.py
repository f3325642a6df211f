"""lab_dkim - keys made for one run, and dkimpy as the second opinion.

What gatepost signs, dkimpy verifies against the same DNS data; what gatepost
is to judge, dkimpy has signed.
"""
import base64
import collections
import functools
import subprocess

try:
    import dkim
    import dkim.util
except ImportError:
    dkim = None

# a signature of a delivered message: its tags, what dkimpy says of it, h= in
# lower case
Signature = collections.namedtuple("Signature", "domain selector algorithm good names tags")

# how dkimpy says no to what it does not expect
REFUSALS = (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError)
if dkim:
    REFUSALS += (dkim.DKIMException, dkim.util.InvalidTagValueList)

DEFAULT = (b"from", b"to", b"subject", b"date", b"message-id")


def why_not():
    return None if dkim else "python3-dkim is not installed"


def openssl(*args, **kw):
    return subprocess.run(["openssl", *args], check=True, capture_output=True, **kw).stdout


class Key:
    """type "rsa" (with bits) or "ed25519"; `pem` is PKCS#8."""

    def __init__(self, kind="rsa", bits=2048):
        self.kind, self.bits = kind, bits
        size = ["-pkeyopt", "rsa_keygen_bits:%d" % bits] if kind == "rsa" else []
        self.pem = openssl("genpkey", "-algorithm", kind, *size)
        public = openssl("pkey", "-pubout", "-outform", "DER", input=self.pem)
        # the last 32 octets of an Ed25519 SubjectPublicKeyInfo are the point
        self.public = base64.b64encode(public if kind == "rsa" else public[-32:]).decode()

    @property
    def record(self):
        return "v=DKIM1; k=%s; p=%s" % (self.kind, self.public)

    @property
    def algorithm(self):
        return self.kind + "-sha256"

    @functools.cached_property
    def dkimpy(self):
        """As dkimpy wants it: PKCS#1 in PEM, or the seed in base64."""
        if self.kind == "rsa":
            return openssl("rsa", "-traditional", input=self.pem)
        return base64.b64encode(openssl("pkey", "-outform", "DER", input=self.pem)[-32:])


def name(selector, domain):
    """Where the key record stands."""
    return "%s._domainkey.%s" % (selector, domain)


def octets(message):
    raw = message if isinstance(message, bytes) else message.encode()
    return raw.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def sign(message, domain, selector, key, headers=DEFAULT, canon="relaxed/relaxed", **kw):
    """The message (CRLF) with one more signature on top, by dkimpy."""
    raw = octets(message)
    canons = tuple(c.encode() for c in canon.split("/"))
    return dkim.sign(raw, selector.encode(), domain.encode(), key.dkimpy,
                     canonicalize=canons, include_headers=list(headers),
                     signature_algorithm=key.algorithm.encode(), **kw) + raw


def answers(zone):
    """dkimpy's view of a zone as lab_dns has it."""
    table = {n.rstrip(".").lower(): v for n, v in zone.items()}

    def txt(query, timeout=5):
        found = table.get(query.decode().rstrip(".").lower())
        records = found.get("TXT", []) if isinstance(found, dict) else []
        return "".join(records[0]).encode() if records else None
    return txt


def tags_of(field):
    value = dkim.util.parse_tag_value(field)
    return {k.decode(): "".join(v.decode("utf-8", "replace").split()) for k, v in value.items()}


def signatures(raw, zone):
    """Every DKIM-Signature of the message, from the top."""
    out = []
    fields = [v for n, v in dkim.DKIM(octets(raw)).headers if n.lower() == b"dkim-signature"]
    for i, field in enumerate(fields):
        tags = {}
        try:
            tags = tags_of(field)
            good = bool(dkim.DKIM(octets(raw)).verify(idx=i, dnsfunc=answers(zone)))
        except REFUSALS:
            good = False
        out.append(Signature(tags.get("d"), tags.get("s"), tags.get("a"), good,
                             tags.get("h", "").lower().split(":"), tags))
    return out


def shown(raw, zone):
    """{(d, s)} of the signatures that dkimpy lets pass; a set with an entry
    more for each that it does not."""
    return {(s.domain, s.selector) if s.good else ("BAD", s.domain, s.selector)
            for s in signatures(raw, zone)}
