"""lab_smtp - both ends of SMTP: a client that controls every octet, and a
sink that keeps what a relay delivers."""
import re
import socket
import socketserver
import threading
import time


class Reply:
    def __init__(self, code, lines):
        self.code, self.lines = code, lines
        self.text = " ".join(l[4:] for l in lines)
        self.line = "\n".join(lines)

    @property
    def good(self):
        return 200 <= self.code < 400

    @property
    def temporary(self):
        return 400 <= self.code < 500

    @property
    def queue_id(self):
        found = re.search(r"queued as (\S+)|2\.0\.0 (\S+) Message accepted", self.text)
        return found and (found[1] or found[2])

    def __repr__(self):
        return "Reply(%r)" % self.line


GONE = Reply(0, ["    connection lost"])


def loopback_of(source):
    """This host, in the family of that address."""
    if source and ":" in source:
        return "::ffff:127.0.0.1" if source.startswith("::ffff:") else "::1"
    return "127.0.0.1"


class Client:
    """One SMTP session.  Every command gives a Reply; GONE when it broke.
    `source` is the address it comes from, when that is not left to the system."""

    def __init__(self, port, timeout=60, source=None, host=None):
        self.sock = socket.create_connection((host or loopback_of(source), port), timeout,
                                             source and (source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.file = self.sock.makefile("rb")
        self.banner = self.reply()

    def reply(self):
        lines = []
        try:
            while True:
                raw = self.file.readline()
                if not raw.endswith(b"\n"):
                    return GONE
                lines.append(raw.rstrip(b"\r\n").decode("utf-8", "backslashreplace"))
                if lines[-1][3:4] != "-":
                    return Reply(int(lines[-1][:3]), lines)
        except (OSError, ValueError):
            return GONE

    def send(self, data):
        try:
            self.sock.sendall(data)
        except OSError:
            pass  # the reply will tell

    def command(self, text):
        self.send(text.encode() + b"\r\n")
        return self.reply()

    def xclient(self, addr=None, name=None, login=None, helo=None):
        """Become the client `addr` (IPv6 in plain form), maybe logged in."""
        words = []
        if addr:
            words.append("ADDR=%s%s" % ("IPV6:" if ":" in addr else "", addr))
        words.append("NAME=" + (name or "[UNAVAILABLE]"))
        if login:
            words.append("LOGIN=" + login)
        if helo:
            words.append("HELO=" + helo)
        return self.command("XCLIENT " + " ".join(words))

    def data(self, message):
        """DATA and the message; the last reply."""
        reply = self.command("DATA")
        if reply.code != 354:
            # Sendmail, when a filter has gone, keeps sender and recipients
            self.command("RSET")
            return reply
        self.send(stuffed(message))
        return self.reply()

    def message(self, sender, rcpts, message, params=""):
        """MAIL, RCPT for each, DATA; gives (mail, [rcpt ...], data or None)."""
        mail = self.command("MAIL FROM:%s%s" % (sender, params))
        if not mail.good:
            return mail, [], None
        answers = [self.command("RCPT TO:<%s>" % r) for r in rcpts]
        if not any(a.good for a in answers):
            self.command("RSET")
            return mail, answers, None
        return mail, answers, self.data(message)

    def quit(self):
        self.command("QUIT")
        self.close()

    def close(self):
        self.file.close()
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def stuffed(message):
    """As sent after DATA: CRLF, dots doubled, the final dot."""
    raw = message if isinstance(message, bytes) else message.encode()
    raw = re.sub(rb"\r?\n", b"\r\n", raw)
    if not raw.endswith(b"\r\n"):
        raw += b"\r\n"
    return re.sub(rb"(?m)^\.", b"..", raw) + b".\r\n"


def fields(raw):
    """The header of a delivered message: [(name, value with its folds)]."""
    head = raw.replace(b"\r\n", b"\n").split(b"\n\n", 1)[0]
    out = []
    for line in head.split(b"\n"):
        if line[:1] in (b" ", b"\t") and out:
            out[-1][1] += b"\n" + line
        else:
            name, _, value = line.partition(b":")
            out.append([name, value])
    return [(n.decode("utf-8", "replace"), v.decode("utf-8", "replace")) for n, v in out]


class Delivered:
    def __init__(self, sender, rcpts, raw):
        self.sender, self.rcpts, self.raw = sender, rcpts, raw
        self.fields = fields(raw)
        self.id = self.first("X-Lab-Id")

    def all(self, name):
        return [v.strip() for n, v in self.fields if n.lower() == name.lower()]

    def first(self, name):
        return next(iter(self.all(name)), None)

    @property
    def body(self):
        return self.raw.replace(b"\r\n", b"\n").partition(b"\n\n")[2]


# the sink has nobody there, so mail to this domain bounces
NOWHERE = "nowhere.example"


class Sink:
    """An SMTP server that takes everything else and remembers it."""

    def __init__(self, port=0):
        self.messages = []
        self.changed = threading.Condition()
        sink = self

        class Session(socketserver.StreamRequestHandler):
            def handle(self):
                try:
                    sink._session(self.rfile, self.wfile)
                except OSError:
                    pass  # the relay closed; what it had sent is kept or not

        class Server(socketserver.ThreadingTCPServer):
            daemon_threads = True
            request_queue_size = 100

        self.server = Server(("127.0.0.1", port), Session)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def _session(self, lines, out):
        sender, rcpts = None, []
        out.write(b"220 sink ESMTP\r\n")
        for raw in lines:
            word = raw.strip().upper()
            if word.startswith(b"EHLO"):
                out.write(b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")
            elif word.startswith(b"MAIL"):
                sender, rcpts = path_of(raw), []
                out.write(b"250 ok\r\n")
            elif word.startswith(b"RCPT") and path_of(raw).endswith("@" + NOWHERE):
                out.write(b"550 5.1.1 nobody there\r\n")
            elif word.startswith(b"RCPT"):
                rcpts.append(path_of(raw))
                out.write(b"250 ok\r\n")
            elif word == b"DATA":
                out.write(b"354 go\r\n")
                self._keep(sender, rcpts, b"".join(undotted(lines)))
                out.write(b"250 kept\r\n")
            elif word == b"QUIT":
                out.write(b"221 bye\r\n")
                return
            else:
                out.write(b"250 ok\r\n")

    def _keep(self, sender, rcpts, raw):
        with self.changed:
            self.messages.append(Delivered(sender, rcpts, raw))
            self.changed.notify_all()

    def of(self, ident):
        """Every delivery with that X-Lab-Id."""
        with self.changed:
            return [m for m in self.messages if m.id == ident]

    def wait(self, wanted, seconds=20):
        """The first delivery with that X-Lab-Id (or that a function accepts),
        or None."""
        end = time.monotonic() + seconds
        accepts = wanted if callable(wanted) else lambda m: m.id == wanted
        with self.changed:
            while True:
                found = next((m for m in self.messages if accepts(m)), None)
                left = end - time.monotonic()
                if found or left <= 0:
                    return found
                self.changed.wait(left)

    def wait_all(self, idents, seconds=60):
        """Wait for all of them; those that never came."""
        end = time.monotonic() + seconds
        return [i for i in idents if not self.wait(i, max(0, end - time.monotonic()))]

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


def path_of(raw):
    found = re.search(rb"<(.*)>", raw)
    return found.group(1).decode("utf-8", "backslashreplace") if found else ""


def undotted(lines):
    for raw in lines:
        if raw.rstrip(b"\r\n") == b".":
            return
        yield raw[1:] if raw.startswith(b".") else raw
