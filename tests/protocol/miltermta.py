"""miltermta - the MTA's side of the milter protocol, version 6.

Written from the protocol, without libmilter, so that what the daemon sends is
judged by somebody else.  Session is the well-behaved MTA; Wire underneath
sends any octets at all.
"""
import socket
import struct

# actions a filter may ask for
ADD_HEADERS, CHANGE_BODY, ADD_RCPT, DEL_RCPT, CHANGE_HEADERS, QUARANTINE, \
    CHANGE_FROM, ADD_RCPT_PAR, SET_SYMLIST = (1 << i for i in range(9))
ALL_ACTIONS = 0x1FF
# steps it need not see (NO_) or need not answer (NR_)
NO_CONNECT, NO_HELO, NO_MAIL, NO_RCPT, NO_BODY, NO_HEADERS, NO_EOH, NR_HEADERS, \
    NO_UNKNOWN, NO_DATA, SKIP, RCPT_REJECTED, NR_CONNECT, NR_HELO, NR_MAIL, NR_RCPT, \
    NR_DATA, NR_UNKNOWN, NR_EOH, NR_BODY, HEADER_LEADING_SPACE = (1 << i for i in range(21))
ALL_STEPS = 0x1FFFFF

# stages of the macro lists a filter may ask for
STAGES = {0: "connect", 1: "helo", 2: "mail", 3: "rcpt", 4: "data", 5: "eom", 6: "eoh"}

FINAL = b"acdrtysf4"  # what ends the wait for an answer


class Gone(Exception):
    """The daemon closed the connection or did not answer in time."""


def cstr(text):
    return (text if isinstance(text, bytes) else text.encode()) + b"\0"


class Response:
    def __init__(self, kind, data, edits):
        self.kind = chr(kind)
        self.data = data
        self.edits = edits  # [(kind, data)] that came before

    @property
    def text(self):
        """The SMTP reply of a 'y', else ''."""
        return self.data.rstrip(b"\0").decode("utf-8", "backslashreplace").replace("%%", "%") \
            if self.kind == "y" else ""

    @property
    def action(self):
        """continue, accept, reject, tempfail ... as the MTA acts."""
        if self.kind == "y":
            return "reject" if self.data[:1] == b"5" else "tempfail"
        return {"c": "continue", "a": "accept", "r": "reject", "t": "tempfail",
                "d": "discard", "s": "skip"}.get(self.kind, self.kind)

    @property
    def inserted(self):
        """[(index, name, value)] of the header fields it inserts."""
        out = []
        for kind, data in self.edits:
            if kind == "i":
                name, value = data[4:].split(b"\0")[:2]
                out.append((struct.unpack("!I", data[:4])[0], name.decode(),
                            value.decode("utf-8", "backslashreplace")))
        return out

    @property
    def changed(self):
        """[(index, name, value)]; an empty value deletes."""
        out = []
        for kind, data in self.edits:
            if kind == "m":
                name, value = data[4:].split(b"\0")[:2]
                out.append((struct.unpack("!I", data[:4])[0], name.decode(),
                            value.decode("utf-8", "backslashreplace")))
        return out

    @property
    def quarantine(self):
        return next((d.rstrip(b"\0").decode() for k, d in self.edits if k == "q"), None)

    def __repr__(self):
        return "Response(%r, %r, %r)" % (self.kind, self.data, self.edits)


class Wire:
    """Packets over a unix socket (path) or TCP (port)."""

    def __init__(self, address, timeout=30):
        if isinstance(address, int):
            self.sock = socket.create_connection(("127.0.0.1", address), timeout)
        else:
            self.sock = socket.socket(socket.AF_UNIX)
            self.sock.settimeout(timeout)
            self.sock.connect(address)
        self.buffer = b""

    def raw(self, octets):
        try:
            self.sock.sendall(octets)
        except OSError as e:
            raise Gone(str(e)) from None

    def packet(self, command, data=b""):
        self.raw(struct.pack("!I", 1 + len(data)) + command.encode() + data)

    def _exactly(self, n):
        while len(self.buffer) < n:
            try:
                more = self.sock.recv(65536)
            except OSError as e:
                raise Gone(str(e) or "time-out") from None
            if not more:
                raise Gone("closed")
            self.buffer += more
        out, self.buffer = self.buffer[:n], self.buffer[n:]
        return out

    def read(self):
        """(kind, data) of the next packet."""
        length = struct.unpack("!I", self._exactly(4))[0]
        if not 1 <= length <= 1 << 20:
            raise Gone("a packet of %d octets" % length)
        body = self._exactly(length)
        return body[0], body[1:]

    def closed_within(self, seconds):
        """True when the daemon closes (whatever it says before)."""
        self.sock.settimeout(seconds)
        try:
            while True:
                if not self.sock.recv(65536):
                    return True
        except socket.timeout:
            return False
        except OSError:
            return True

    def close(self):
        self.sock.close()


class Session(Wire):
    """One MTA connection; negotiates at once unless told not to."""

    def __init__(self, address, timeout=30, negotiate=True, actions=ALL_ACTIONS,
                 steps=ALL_STEPS, version=6):
        super().__init__(address, timeout)
        self.actions = self.steps = 0
        self.symlists = {}
        if negotiate:
            self.negotiate(version, actions, steps)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def negotiate(self, version=6, actions=ALL_ACTIONS, steps=ALL_STEPS):
        self.packet("O", struct.pack("!III", version, actions, steps))
        kind, data = self.read()
        if kind != ord("O"):
            raise Gone("no answer to the negotiation: %r" % chr(kind))
        self.version, self.actions, self.steps = struct.unpack("!III", data[:12])
        rest = data[12:]
        while len(rest) > 4:
            stage = struct.unpack("!I", rest[:4])[0]
            names, _, rest = rest[4:].partition(b"\0")
            self.symlists[STAGES.get(stage, stage)] = names.decode().split()
        return self

    def macros(self, command, values):
        data = command.encode()
        for name, value in values.items():
            data += cstr(name if len(name) == 1 else "{%s}" % name) + cstr(value)
        self.packet("D", data)

    def answer(self):
        edits = []
        while True:
            kind, data = self.read()
            if kind in FINAL:
                return Response(kind, data, edits)
            if kind != ord("p"):  # progress
                edits.append((chr(kind), data))

    def step(self, command, data, skip, no_reply):
        """Send it unless the filter asked not to; its answer, or a continue."""
        if self.steps & skip:
            return Response(ord("c"), b"", [])
        self.packet(command, data)
        if self.steps & no_reply:
            return Response(ord("c"), b"", [])
        return self.answer()

    def connect(self, client="192.0.2.1", name=None, macros=None):
        self.macros("C", {"j": "mx.lab.example", "daemon_name": "mx", "v": "miltermta",
                          **(macros or {})})
        if client is None:
            data = cstr(name or "localhost") + b"U"
        elif client.startswith("/"):
            data = cstr(name or "localhost") + b"L" + struct.pack("!H", 0) + cstr(client)
        else:
            family = b"6" if ":" in client else b"4"
            wire = ("IPv6:" if family == b"6" else "") + client
            data = cstr(name or "[%s]" % client) + family + struct.pack("!H", 25025) + cstr(wire)
        return self.step("C", data, NO_CONNECT, NR_CONNECT)

    def helo(self, name="client.example"):
        return self.step("H", cstr(name), NO_HELO, NR_HELO)

    def mail(self, sender="<a@example.com>", macros=None, esmtp=()):
        self.macros("M", {"i": "", **(macros or {})} if macros else {})
        return self.step("M", cstr(sender) + b"".join(cstr(e) for e in esmtp), NO_MAIL, NR_MAIL)

    def rcpt(self, rcpt="<user@receiver.example>", esmtp=()):
        return self.step("R", cstr(rcpt) + b"".join(cstr(e) for e in esmtp), NO_RCPT, NR_RCPT)

    def data(self, queue_id="4QUEUE1ID"):
        if queue_id:
            self.macros("T", {"i": queue_id})
        return self.step("T", b"", NO_DATA, NR_DATA)

    def header(self, name, value):
        if not self.steps & HEADER_LEADING_SPACE:
            value = value[1:] if value[:1] in (" ", b" ") else value
        return self.step("L", cstr(name) + cstr(value), NO_HEADERS, NR_HEADERS)

    def eoh(self):
        return self.step("N", b"", NO_EOH, NR_EOH)

    def body(self, chunk=b"Hello.\r\n"):
        return self.step("B", chunk, NO_BODY, NR_BODY)

    def eom(self, queue_id=None):
        if queue_id:
            self.macros("E", {"i": queue_id})
        self.packet("E")
        return self.answer()

    def abort(self):
        self.packet("A")

    def quit(self):
        try:
            self.packet("Q")
        except Gone:
            pass
        self.close()

    def rest(self, headers=(), queue_id="4QUEUE1ID", body=b"Hello.\r\n"):
        """DATA to the end of the message; the answer to the last step, or the
        first answer that is not a continue."""
        steps = [lambda: self.data(queue_id)]
        steps += [lambda n=n, v=v: self.header(n, v) for n, v in headers]
        steps += [self.eoh, lambda: self.body(body), lambda: self.eom(queue_id)]
        for step in steps:
            last = step()
            if last.action not in ("continue", "skip"):
                return last
        return last


HEADERS = (("From", " <a@example.com>"), ("To", " <user@receiver.example>"),
           ("Subject", " test"), ("Date", " Sat, 21 Nov 2026 12:00:00 +0000"),
           ("Message-ID", " <1@example.com>"))
