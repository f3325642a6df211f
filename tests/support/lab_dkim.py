"""lab_dkim - keys made for one run, and dkimpy as the second opinion.

What gatepost signs, dkimpy verifies against the same DNS data; what gatepost
is to judge, dkimpy has signed.
"""
import base64
import collections
import functools
import hashlib
import re
import subprocess

try:
    import dkim
    import dkim.crypto
    import dkim.util
    import nacl.signing
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


def craft(message, key, tags, body=None):
    """The message with a signature whose tags are these [(name, value)], in
    this order and whatever they say; relaxed/relaxed.  bh and b may be None:
    then they are right, for all of the body or for `body` of it."""
    raw = octets(message)
    fields = [(n, v) for n, v in dkim.rfc822_parse(raw)[0]]
    text = re.sub(rb"[ \t]+(?=\r\n)", b"", re.sub(rb"[ \t]+", b" ", raw.partition(b"\r\n\r\n")[2]))
    text = re.sub(rb"(\r\n)+$", b"", text) + b"\r\n"
    digest = base64.b64encode(hashlib.sha256(text[:body]).digest()).decode()
    tags = [(n, digest if n == "bh" and v is None else v) for n, v in tags]
    value = "; ".join("%s=%s" % (n, v or "") for n, v in tags).encode()
    names = next((v for n, v in tags if n == "h"), "").lower().split(":")
    covered = b"".join(relaxed(n, v) for n, v in chosen(fields, names))
    covered += relaxed(b"DKIM-Signature", value).rstrip(b"\r\n")
    if ("b", None) in tags:
        value += signed(hashlib.sha256(covered), key)
    return b"DKIM-Signature: " + value + b"\r\n" + raw


def relaxed(name, value):
    return name.strip().lower() + b":" + re.sub(rb"[ \t\r\n]+", b" ", value).strip() + b"\r\n"


def chosen(fields, names):
    """The fields that h= names, the last one of a name first."""
    left = list(fields)
    for name in names:
        for at in range(len(left) - 1, -1, -1):
            if left[at][0].strip().lower() == name.strip().encode():
                yield left.pop(at)
                break


def signed(digest, key):
    if key.kind == "ed25519":
        seed = nacl.signing.SigningKey(base64.b64decode(key.dkimpy))
        return base64.b64encode(seed.sign(digest.digest()).signature)
    private = dkim.crypto.parse_pem_private_key(key.dkimpy)
    return base64.b64encode(dkim.crypto.RSASSA_PKCS1_v1_5_sign(digest, private))


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
