"""Other implementations of DKIM, each with the same two calls:

    sign(message, key, domain, canon)     the message with its signature
    verify(message)                       does every signature verify?

Messages are bytes with CRLF.  Keys and what DNS says of them are in a Keys;
no question leaves the process.
"""
import base64
import ctypes
import os
import shutil
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
SELECTOR = "s1"


class Missing(Exception):
    """A peer is not installed, or can not do that."""


class Key:
    def __init__(self, path, algorithm):
        self.path = path
        self.algorithm = algorithm  # of a=
        with open(path, "rb") as f:
            self.pem = f.read()
        self.der = openssl("pkey", "-in", path, "-pubout", "-outform", "DER")

    def record(self):
        if self.algorithm == "rsa-sha256":
            return "v=DKIM1; k=rsa; p=" + base64.b64encode(self.der).decode()
        return "v=DKIM1; k=ed25519; p=" + \
            base64.b64encode(self.der[-32:]).decode()

    def seed(self):
        """Of an Ed25519 key, in base64."""
        return base64.b64encode(openssl("pkey", "-in", self.path, "-outform",
                                        "DER")[-32:])


def openssl(*args):
    return subprocess.run(("openssl",) + args, check=True,
                          stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL).stdout


def key_name(domain, selector=SELECTOR):
    return "%s._domainkey.%s" % (selector, domain)


class Pipe:
    """A program that answers lines."""

    def __init__(self, *command):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE,
                                        encoding="ascii", bufsize=1)

    def ask(self, *fields):
        self.process.stdin.write("\t".join(fields) + "\n")
        return self.receive()

    def receive(self):
        line = self.process.stdout.readline()
        if not line.endswith("\n"):
            raise EOFError("%s ended" % self.process.args[0])
        return line[:-1].split("\t")

    def rest(self, first):
        """All lines up to the one with a dot."""
        found, line = [], first
        while line != ["."]:
            found.append(line)
            line = self.receive()
        return found

    def close(self):
        self.process.stdin.close()
        return self.process.wait(timeout=60)


class Peer:
    def unable(self, _key):
        """Why it can not use such a key; None: it can."""
        return None

    def close(self):
        return 0


class Dkimpy(Peer):
    name = "dkimpy"

    def __init__(self, zone, _):
        try:
            import dkim
            import nacl.signing  # noqa: F401
        except ImportError as e:
            raise Missing("python3-dkim or python3-nacl is not installed") \
                from e
        self.dkim = dkim
        self.zone = zone

    def lookup(self, name, timeout=5):
        text = self.zone.get(name.decode().rstrip("."))
        return None if text is None else text.encode()

    def sign(self, message, key, domain, canon):
        secret = key.pem if key.algorithm == "rsa-sha256" else key.seed()
        d = self.dkim.DKIM(message, signature_algorithm=key.algorithm.encode())
        return d.sign(SELECTOR.encode(), domain.encode(), secret,
                      canonicalize=tuple(canon.encode().split(b"/"))) + message

    def verify(self, message):
        d = self.dkim.DKIM(message)
        n = sum(name.lower() == b"dkim-signature" for name, _ in d.headers)
        try:
            return n > 0 and all(d.verify(idx=i, dnsfunc=self.lookup)
                                 for i in range(n))
        except self.dkim.ValidationError:
            return False


class MailDkim(Peer):
    """It looks at RSA only: a signature with Ed25519 beside does not
    disturb it."""
    name = "Mail::DKIM"

    def __init__(self, zone, scratch):
        if subprocess.run(["perl", "-MMail::DKIM", "-e", "1"],
                          stderr=subprocess.DEVNULL).returncode:
            raise Missing("libmail-dkim-perl is not installed")
        self.pipe = Pipe("perl", os.path.join(HERE, "dkim_perl.pl"))
        self.version = self.pipe.receive()[0]
        self.paths = [os.path.join(scratch, "perl.in"),
                      os.path.join(scratch, "perl.out")]
        for name, record in zone.items():
            self.pipe.ask("key", name, record)

    def unable(self, key):
        if key == "ed25519":
            return "version %s has no Ed25519" % self.version
        return None

    def write(self, message):
        with open(self.paths[0], "wb") as f:
            f.write(message)

    def sign(self, message, key, domain, canon):
        self.write(message)
        self.pipe.ask("sign", *self.paths, key.path, domain, SELECTOR, canon)
        with open(self.paths[1], "rb") as f:
            return f.read()

    def verify(self, message):
        self.write(message)
        found = self.pipe.rest(self.pipe.ask("verify", self.paths[0]))
        rsa = [f[1] for f in found if f[2] == "rsa-sha256"]
        return rsa != [] and set(rsa) == {"pass"}

    def close(self):
        return self.pipe.close()


class Libopendkim(Peer):
    """The library by itself, as opendkim uses it with FixCRLF."""
    name = "libopendkim"
    FIXCRLF = 0x100
    CANONS = {"simple": 0, "relaxed": 1}
    ALGORITHMS = {"rsa-sha256": 1, "ed25519-sha256": 2}
    LOOKUP = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p,
                              ctypes.POINTER(ctypes.c_char), ctypes.c_size_t)

    def __init__(self, zone, _):
        try:
            self.so = ctypes.CDLL("libopendkim.so.11")
        except OSError as e:
            raise Missing("libopendkim11 is not installed") from e
        self.zone = zone
        for name in ("dkim_init", "dkim_sign", "dkim_verify"):
            getattr(self.so, name).restype = ctypes.c_void_p
        for name in ("dkim_sig_getselector", "dkim_sig_getdomain"):
            getattr(self.so, name).restype = ctypes.c_char_p
        self.lib = ctypes.c_void_p(self.so.dkim_init(None, None))
        flags = ctypes.c_uint(self.FIXCRLF)
        self.so.dkim_options(self.lib, 1, 0, ctypes.byref(flags),
                             ctypes.c_size_t(4))
        self.callback = self.LOOKUP(self.lookup)
        self.so.dkim_set_key_lookup(self.lib, self.callback)

    def lookup(self, _, sig, buf, size):
        sig = ctypes.c_void_p(sig)
        name = key_name(self.so.dkim_sig_getdomain(sig).decode(),
                        self.so.dkim_sig_getselector(sig).decode())
        text = self.zone.get(name, "").encode() + b"\0"
        if len(text) < 2 or len(text) > size:
            return 3  # not found
        ctypes.memmove(buf, text, len(text))
        return 0

    def feed(self, handle, message):
        """The message; returns what dkim_eom says."""
        fields, body = split(message)
        for field in fields:
            self.so.dkim_header(handle, field, ctypes.c_size_t(len(field)))
        self.so.dkim_eoh(handle)
        if body:
            self.so.dkim_body(handle, body, ctypes.c_size_t(len(body)))
        return self.so.dkim_eom(handle, None)

    def sign(self, message, key, domain, canon, margin=None):
        """`margin`: the column where its field is folded, 0 for never."""
        status = ctypes.c_int()
        header, body = canon.split("/")
        handle = ctypes.c_void_p(self.so.dkim_sign(
            self.lib, b"roundtrip", None, key.pem, SELECTOR.encode(),
            domain.encode(), self.CANONS[header], self.CANONS[body],
            self.ALGORITHMS[key.algorithm], ctypes.c_ssize_t(-1),
            ctypes.byref(status)))
        if margin is not None:
            self.so.dkim_set_margin(handle, margin)
        status = self.feed(handle, message)
        text = ctypes.c_char_p()
        n = ctypes.c_size_t()
        if status == 0:
            status = self.so.dkim_getsighdr_d(
                handle, ctypes.c_size_t(len("DKIM-Signature: ")),
                ctypes.byref(text), ctypes.byref(n))
        field = b"DKIM-Signature: " + (text.value or b"")
        self.so.dkim_free(handle)
        if status != 0:
            raise RuntimeError("libopendkim can not sign: %d" % status)
        return field.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n") + \
            b"\r\n" + message

    def verify(self, message):
        status = ctypes.c_int()
        handle = ctypes.c_void_p(self.so.dkim_verify(
            self.lib, b"roundtrip", None, ctypes.byref(status)))
        good = self.feed(handle, message) == 0
        self.so.dkim_free(handle)
        return good

    def close(self):
        self.so.dkim_close(self.lib)
        return 0


def testmsg(message, key, domain):
    """The message, signed by opendkim-testmsg in the one way it has."""
    program = shutil.which("opendkim-testmsg", path=os.environ.get(
        "PATH", "") + ":/usr/sbin:/usr/bin")
    if program is None:
        raise Missing("opendkim-tools is not installed")
    return subprocess.run([program, "-C", "-d", domain, "-k", key.path, "-s",
                           SELECTOR], input=message, stdout=subprocess.PIPE,
                          check=True, timeout=60).stdout


def split(message):
    """(fields without their line ends, body)"""
    head, _, body = message.partition(b"\r\n\r\n")
    fields = []
    for line in head.split(b"\r\n"):
        if line[:1] in (b" ", b"\t"):
            fields[-1] += b"\r\n" + line
        else:
            fields.append(line)
    return fields, body


