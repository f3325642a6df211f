"""lab_dns - a small DNS server that can be told to misbehave.

One thread, UDP and TCP on one loopback port.  Zone data is a dict:

    { "name": {"TXT": ["text", ["two", "strings"], {"hex": "76ff"}],
               "A": ["192.0.2.1"], "MX": [[10, "mx.name"], "10 mx.name"]},
      "there.name": {},                 no data
      "*.wild.name": {...},             wildcard
      "slow.name": "TIMEOUT",           never answered (also for one type)
      "bad.name": "SERVFAIL" }          or {"RCODE": "REFUSED"} and the like

A name above a listed one exists without data, all else is NXDOMAIN, unless
`upstream` is given: then unlisted names are asked there, octet for octet, so
that a real name server answers and this one only adds the faults.

hold(name) keeps the answers for a name back until release(name), and
wait_query() tells when a question came: tests need no sleep to hit a moment.
"""
import collections
import ipaddress
import selectors
import socket
import struct
import threading
import time

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16,
         "AAAA": 28, "SPF": 99}
TYPE_NAMES = {v: k for k, v in TYPES.items()}
RCODES = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4,
          "REFUSED": 5}
UDP_MAX = 1232
CHAIN_MAX = 8

Answer = collections.namedtuple("Answer", "status records")


def name_key(text):
    """A domain name as a tuple of lower-case labels (bytes)."""
    raw = text.encode("utf-8").lower().rstrip(b".")
    return tuple(raw.split(b".")) if raw else ()


def wire_name(text):
    return b"".join(bytes([len(l)]) + l for l in name_key_as_is(text)) + b"\0"


def name_key_as_is(text):
    raw = text.encode("utf-8").rstrip(b".")
    return tuple(raw.split(b".")) if raw else ()


def _octets(text):
    return bytes.fromhex(text["hex"]) if isinstance(text, dict) else text.encode()


def _txt(record):
    out = b""
    for part in record if isinstance(record, list) else [record]:
        raw = _octets(part)
        chunks = [raw[i:i + 255] for i in range(0, len(raw), 255)] or [b""]
        out += b"".join(bytes([len(c)]) + c for c in chunks)
    return out or b"\0"


def _mx(record):
    pref, host = record.split() if isinstance(record, str) else record
    return struct.pack("!H", int(pref)) + wire_name(host)


RDATA = {
    "TXT": _txt, "SPF": _txt, "MX": _mx,
    "A": lambda r: ipaddress.IPv4Address(r).packed,
    "AAAA": lambda r: ipaddress.IPv6Address(r).packed,
    "PTR": wire_name, "NS": wire_name, "CNAME": wire_name,
}


def as_list(value):
    return value if isinstance(value, list) else [value]


class Zone:
    """What is answered for a name and a type."""

    def __init__(self, data):
        self.names = {name_key(n): self._entry(v) for n, v in data.items()}
        self.above = {k[i:] for k in self.names for i in range(1, len(k))}

    @staticmethod
    def _entry(value):
        if isinstance(value, dict) and "RCODE" in value:
            return value["RCODE"]
        return {"TXT": value} if isinstance(value, list) else value

    def knows(self, key):
        return self._find(key) is not None

    def _find(self, key):
        if key in self.names:
            return self.names[key]
        if key in self.above:
            return {}
        for i in range(1, len(key)):
            if (b"*",) + key[i:] in self.names:
                return self.names[(b"*",) + key[i:]]
            if key[i:] in self.names or key[i:] in self.above:
                break
        return None

    def look_up(self, key, owner, qtype):
        """An Answer; records are (owner in wire form, type, rdata)."""
        records = []
        for _ in range(CHAIN_MAX):
            entry = self._find(key)
            if entry is None:
                return Answer("NXDOMAIN", records)
            if isinstance(entry, str):
                return Answer(entry, records)
            if qtype not in entry and "CNAME" in entry:
                target = as_list(entry["CNAME"])[0]
                records.append((owner, "CNAME", wire_name(target)))
                key, owner = name_key(target), wire_name(target)
                continue
            found = entry.get(qtype, entry.get("*", []))
            if isinstance(found, str) and found in ("TIMEOUT", *RCODES):
                return Answer(found, records)
            records += [(owner, qtype, RDATA[qtype](r)) for r in as_list(found)]
            return Answer("NOERROR", records)
        return Answer("SERVFAIL", [])  # what a recursor says of a loop


class Query:
    """One question: `key` and `type` say what, `reply` sends the answer."""

    def __init__(self, packet, send, over_tcp):
        self.packet, self.send, self.over_tcp = packet, send, over_tcp
        at, labels = 12, []
        while packet[at]:
            labels.append(packet[at + 1:at + 1 + packet[at]])
            at += 1 + packet[at]
        self.owner = packet[12:at + 1]
        self.end = at + 5
        qtype, _ = struct.unpack("!HH", packet[at + 1:self.end])
        self.key = tuple(l.lower() for l in labels)
        self.type = TYPE_NAMES.get(qtype, str(qtype))
        self.name = b".".join(self.key).decode("latin-1")

    def response(self, answer, ttl):
        qid, flags = struct.unpack("!HH", self.packet[:4])
        body = b"".join(
            owner + struct.pack("!HHIH", TYPES[t], 1, ttl, len(data)) + data
            for owner, t, data in answer.records)
        authority = b""
        if not answer.records:
            soa = b"\0\0" + struct.pack("!5I", 1, 60, 60, 60, ttl)
            authority = b"\0" + struct.pack("!HHIH", 6, 1, ttl, len(soa)) + soa
        flags = 0x8480 | (flags & 0x0100) | RCODES.get(answer.status, 2)
        head = struct.pack("!6H", qid, flags, 1, len(answer.records),
                           1 if authority else 0, 0)
        whole = head + self.packet[12:self.end] + body + authority
        if len(whole) <= UDP_MAX or self.over_tcp:
            return whole
        return struct.pack("!6H", qid, flags | 0x0200, 1, 0, 0, 0) \
            + self.packet[12:self.end]


class DnsServer:
    """Start it, give `address` to the resolver, stop() it."""

    def __init__(self, zone=None, ttl=5, upstream=None):
        self.zone = Zone(zone or {})
        self.ttl = ttl
        self.queries = []
        self.changed = threading.Condition()
        self.held = {}
        self.mute = False
        self.delay_s = 0
        self.later = []
        self.asked_upstream = {}
        self.selector = selectors.DefaultSelector()
        self.udp, self.tcp = self._listen()
        self.port = self.udp.getsockname()[1]
        self.address = "127.0.0.1:%d" % self.port
        self.upstream = None
        if upstream:
            self.upstream = socket.socket(type=socket.SOCK_DGRAM)
            self.upstream.connect(upstream)
            self.selector.register(self.upstream, selectors.EVENT_READ, self._from_upstream)
        self.selector.register(self.udp, selectors.EVENT_READ, self._from_udp)
        self.selector.register(self.tcp, selectors.EVENT_READ, self._accept)
        self.wake_in, self.wake_out = socket.socketpair()
        self.selector.register(self.wake_out, selectors.EVENT_READ, self._woken)
        self.running = True
        self.thread = threading.Thread(target=self._loop, daemon=True)
        self.thread.start()

    @staticmethod
    def _listen():
        for _ in range(50):
            tcp = socket.socket()
            tcp.bind(("127.0.0.1", 0))
            udp = socket.socket(type=socket.SOCK_DGRAM)
            try:
                udp.bind(tcp.getsockname())
            except OSError:
                tcp.close()
                udp.close()
                continue
            tcp.listen(64)
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 20)
            return udp, tcp
        raise OSError("no free port for the name server")

    # -- for tests ---------------------------------------------------------

    def serve(self, zone):
        """Replace the zone."""
        self.zone = Zone(zone)

    def count(self, name=None):
        """Questions so far, all or of one name."""
        with self.changed:
            return sum(1 for n, _ in self.queries if name in (None, n))

    def wait_query(self, name, seconds=10, more_than=0):
        """True once `name` was asked more than that often."""
        def asked():
            return sum(1 for n, _ in self.queries if n == name) > more_than
        with self.changed:
            return self.changed.wait_for(asked, seconds)

    def hold(self, name):
        with self.changed:
            self.held[name] = []

    def release(self, name):
        with self.changed:
            self.later += [(0, q) for q in self.held.pop(name, [])]
        self.wake_in.send(b"!")

    def stop(self):
        if not self.running:
            return
        self.running = False
        self.wake_in.send(b"!")
        self.thread.join(5)
        for key in list(self.selector.get_map().values()):
            key.fileobj.close()
        self.wake_in.close()
        self.selector.close()

    # -- the thread --------------------------------------------------------

    def _loop(self):
        while self.running:
            with self.changed:
                due = min((t for t, _ in self.later), default=None)
            pause = None if due is None else max(0, due - time.monotonic())
            for key, _ in self.selector.select(pause):
                key.data(key.fileobj)
            with self.changed:
                now = time.monotonic()
                ready = [q for t, q in self.later if t <= now]
                self.later = [(t, q) for t, q in self.later if t > now]
            for query in ready:
                self._answer(query)

    def _woken(self, sock):
        sock.recv(64)

    def _from_udp(self, sock):
        packet, peer = sock.recvfrom(4096)
        self._question(packet, lambda out: sock.sendto(out, peer), False)

    def _accept(self, sock):
        conn, _ = sock.accept()
        stream = bytearray()
        self.selector.register(conn, selectors.EVENT_READ,
                               lambda c: self._from_tcp(c, stream))

    def _from_tcp(self, conn, stream):
        try:
            data = conn.recv(65536)
        except OSError:
            data = b""
        if not data:
            self.selector.unregister(conn)
            conn.close()
            return
        stream += data
        while len(stream) >= 2 and len(stream) >= 2 + (stream[0] << 8 | stream[1]):
            n = stream[0] << 8 | stream[1]
            packet = bytes(stream[2:2 + n])
            del stream[:2 + n]
            self._question(packet, lambda out: conn.sendall(
                struct.pack("!H", len(out)) + out), True)

    def _question(self, packet, send, over_tcp):
        try:
            query = Query(packet, send, over_tcp)
        except (IndexError, struct.error):
            return
        with self.changed:
            self.queries.append((query.name, query.type))
            self.changed.notify_all()
            if query.name in self.held:
                self.held[query.name].append(query)
                return
            if self.delay_s:
                self.later.append((time.monotonic() + self.delay_s, query))
                return
        self._answer(query)

    def _answer(self, query):
        if self.mute:
            return
        if self.upstream and not self.zone.knows(query.key):
            ident = (query.packet[:2], query.packet[12:query.end])
            self.asked_upstream[ident] = query
            self.upstream.send(query.packet)
            return
        answer = self.zone.look_up(query.key, query.owner, query.type)
        if answer.status != "TIMEOUT":
            self._send(query, query.response(answer, self.ttl))

    def _from_upstream(self, sock):
        try:
            packet = sock.recv(65536)
            end = 12 + packet[12:].index(0) + 5
        except (OSError, ValueError):
            return
        query = self.asked_upstream.pop((packet[:2], packet[12:end]), None)
        if query:
            self._send(query, packet)

    @staticmethod
    def _send(query, packet):
        try:
            query.send(packet)
        except OSError:
            pass  # whoever asked has gone
