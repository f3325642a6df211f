"""lab_redis - redis-server(1) on a loopback port, for the store of limits.

With `keep` it writes what it has to a file, and has it again after kill() and
resume(); `options` are further lines of its configuration.
"""
import shutil
import socket

import lab_base

REDIS = shutil.which("redis-server", path="/usr/bin:/usr/local/bin")

CONF = """\
bind 127.0.0.1
port {port}
unixsocket {dir}/socket
dir {dir}
daemonize no
save ""
appendonly {keep}
enable-debug-command local
{options}
"""


class RedisError(Exception):
    """What the server answered, when that is an error."""


def packed(words):
    words = [w if isinstance(w, bytes) else str(w).encode() for w in words]
    return b"*%d\r\n" % len(words) + b"".join(
        b"$%d\r\n%s\r\n" % (len(w), w) for w in words)


def read_reply(stream):
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise OSError("the server hung up")
    kind, rest = line[:1], line[1:-2]
    if kind == b"-":
        raise RedisError(rest.decode())
    if kind == b":":
        return int(rest)
    if kind == b"$":
        return None if rest == b"-1" else stream.read(int(rest) + 2)[:-2].decode()
    if kind == b"*":
        return [read_reply(stream) for _ in range(int(rest))]
    return rest.decode()


class Redis:
    def __init__(self, lab, name="redis", keep=False, options=""):
        if not REDIS:
            raise lab_base.LabError("redis-server is not installed")
        self.port = lab_base.free_port()
        self.address = "127.0.0.1:%d" % self.port
        self.url = "redis://%s/0" % self.address
        directory = lab.path(name)
        self.socket = directory + "/socket"
        self.conf = lab.write(name + "/conf", CONF.format(
            port=self.port, dir=directory, keep="yes" if keep else "no",
            options=options))
        self.process = None
        lab.own(self)
        self.resume()

    def call(self, *words, timeout=5):
        """One command; its answer as str, int, list or None."""
        with socket.create_connection(("127.0.0.1", self.port), timeout) as s:
            s.sendall(packed(words))
            with s.makefile("rb") as stream:
                return read_reply(stream)

    def _answers(self):
        if not self.process.running:
            raise lab_base.LabError("redis-server ended: " +
                                    " | ".join(self.process.err.all))
        try:
            return self.call("PING") == "PONG"
        except RedisError as error:  # it loads, or wants a password
            return str(error).startswith("NOAUTH")
        except OSError:
            return False

    def resume(self):
        """Start it (again) and wait until it answers."""
        self.process = lab_base.Process([REDIS, self.conf])
        lab_base.wait_until(self._answers, 10, "redis-server answers")

    def kill(self):
        """kill -9."""
        self.process.kill()

    def level(self, key):
        """Of a meter at its last use; None: there is none."""
        value = self.call("GET", "{gatepost}:m:" + key)
        return None if value is None else float(value.split()[1])

    def keys(self):
        """Of the meters that are there."""
        prefix = "{gatepost}:m:"
        return sorted(k[len(prefix):] for k in self.call("KEYS", prefix + "*"))

    def stop(self):
        if self.process is not None:
            self.process.stop()
