"""Zones for the SPF vectors: a table of names, and the pipe to drive_spf.

A zone is {name: {type: [values]}}; a value of a TXT is bytes, of an MX
(preference, name), else text.  Instead of a list (or of the whole name)
"TIMEOUT" says that nothing answers.  Names are compared without case.
"""
import os
import subprocess
import urllib.parse

CNAME_MAX = 8


def fold(name):
    return name.rstrip(".").lower()


class Zone:
    def __init__(self, names):
        self.names = {fold(name): data for name, data in names.items()}

    def answer(self, name, qtype):
        """("ok", values), ("none", []), ("nxdomain", []) or ("temp", why)"""
        for _ in range(CNAME_MAX):
            data = self.names.get(fold(name))
            if data is None:
                return "nxdomain", []
            if data == "TIMEOUT" or data.get(qtype, data.get("*")) == "TIMEOUT":
                return "temp", "timeout"
            if qtype in data:
                return ("ok" if data[qtype] else "none"), data[qtype]
            if "CNAME" not in data:
                return "none", []
            target = data["CNAME"]
            name = target if isinstance(target, str) else target[0]
        return "temp", "CNAME loop"


def escape(value):
    if isinstance(value, str):
        value = value.encode("utf-8")
    return "".join(chr(c) if 0x20 < c < 0x7F and c != 0x25 else "%%%02x" % c
                   for c in value)


def to_text(qtype, value):
    if qtype == "MX":
        return "%d %s" % (value[0], value[1].rstrip("."))
    if qtype == "PTR":
        return value.rstrip(".")
    return value


class Driver:
    """One drive_spf process."""

    def __init__(self):
        path = os.path.join(os.environ.get("O", "build"), "asan", "bin",
                            "drive_spf")
        self.process = subprocess.Popen([path], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE)

    def close(self):
        self.process.stdin.close()
        return self.process.wait(timeout=30)

    def send(self, *fields):
        line = "\t".join(escape(f) for f in fields) + "\n"
        self.process.stdin.write(line.encode("ascii"))
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        if not line.endswith(b"\n"):
            raise RuntimeError("drive_spf ended")
        return [urllib.parse.unquote_to_bytes(f)
                for f in line[:-1].split(b"\t")]

    def check(self, zone, ip, sender, helo, receiver="receiver.example"):
        """The outcome as a dict; `queries` is what was asked, in order."""
        local, _, domain = sender.rpartition("@")
        if sender == "":
            local, domain = "postmaster", helo
        self.send("check", ip, local, domain, helo, receiver, "1800000000")
        asked = []
        while True:
            fields = self.receive()
            if fields[0] == b"=":
                break
            qtype = fields[1].decode()
            name = fields[2].decode("latin-1")
            asked.append((qtype, name))
            rc, values = zone.answer(name, qtype)
            if rc == "temp":
                self.send("temp", values)
            else:
                self.send(rc, *[to_text(qtype, v) for v in values])
        explanation = fields[6].decode("latin-1")
        return {"result": fields[1].decode(), "queries": asked,
                "terms": int(fields[3]), "voids": int(fields[4]),
                "reason": fields[5].decode("latin-1"),
                "explanation": None if explanation == "-" else explanation}
