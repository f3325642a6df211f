"""lab_nsd - nsd(8), a real name server, on a loopback port.

The zone is a dict as in lab_dns (without the faults): everything stands in
one root zone, so a name that is not listed does not exist.  `broken` names
zones that nsd is to serve without having their data: it answers SERVFAIL.
`zones` are further ones as text, as they stand in a file, without the root zone
where `zone` is None; their text can be changed.
"""
import os
import shutil
import signal
import socket
import struct

import lab_base

NSD = shutil.which("nsd", path="/usr/sbin:/usr/local/sbin:/usr/bin")

CONF = """\
server:
    ip-address: {host}@{port}
    username: ""
    chroot: ""
    zonesdir: "{dir}"
    database: ""
    pidfile: "{dir}/nsd.pid"
    xfrdfile: "{dir}/xfrd.state"
    xfrdir: "{dir}"
    zonelistfile: "{dir}/zone.list"
    server-count: 1
    tcp-count: 50
    round-robin: no
remote-control:
    control-enable: no
"""
ZONE = """\
zone:
    name: "{name}"
    zonefile: "{file}.zone"
"""
BROKEN = """\
zone:
    name: "{name}"
    zonefile: "{name}.missing"
    request-xfr: AXFR 127.0.0.1@1 NOKEY
"""


def quoted(text):
    return '"%s"' % "".join(
        chr(b) if 32 <= b < 127 and b not in b'"\\' else "\\%03d" % b
        for b in text.encode())


def zone_text(zone, ttl):
    lines = ["$TTL %d" % ttl,
             "@ IN SOA ns.invalid. hostmaster.invalid. 1 3600 600 86400 %d" % ttl,
             "@ IN NS ns.invalid."]
    for name, types in zone.items():
        for rtype, records in types.items():
            for record in records:
                if rtype == "TXT":
                    parts = record if isinstance(record, list) else [record]
                    data = " ".join(quoted(p[i:i + 255]) for p in parts
                                    for i in range(0, len(p), 255))
                elif rtype == "MX":
                    data = "%d %s." % (record[0], record[1].rstrip("."))
                elif rtype in ("A", "AAAA"):
                    data = record
                else:
                    data = record.rstrip(".") + "."
                lines.append("%s. IN %s %s" % (name.rstrip("."), rtype, data))
    return "\n".join(lines) + "\n"


def answers(port, host="127.0.0.1"):
    """Does a name server answer on that port?"""
    ask = struct.pack("!6H", 4711, 0, 1, 0, 0, 0) + b"\0" + struct.pack("!HH", 6, 1)
    with socket.socket(type=socket.SOCK_DGRAM) as s:
        s.settimeout(0.05)
        try:
            s.connect((host, port))
            s.send(ask)
            return s.recv(512)[:2] == ask[:2]
        except OSError:
            return False


class Nsd:
    def __init__(self, lab, zone, broken=(), ttl=60, zones=None, label="nsd",
                 host="127.0.0.1", port=None):
        if not NSD:
            raise lab_base.LabError("nsd is not installed")
        self.port = port or lab_base.free_port(udp_too=True)
        self.address = "%s:%d" % (host, self.port)
        self.dir = lab.path(label)
        os.makedirs(self.dir, exist_ok=True)
        conf = CONF.format(host=host, port=self.port, dir=self.dir)
        if zone is not None:
            self._write("root", zone_text(zone, ttl))
            conf += ZONE.format(name=".", file="root")
        for name, text in (zones or {}).items():
            self._write(name, text)
            conf += ZONE.format(name=name, file=name)
        conf += "".join(BROKEN.format(name=n) for n in broken)
        path = lab.write(label + "/nsd.conf", conf)
        self.process = lab_base.Process([NSD, "-d", "-c", path])
        lab.own(self)
        lab_base.wait_until(lambda: answers(self.port, host) or self._check(), 10,
                            "nsd answers")

    def _write(self, name, text):
        path = os.path.join(self.dir, name + ".zone")
        with open(path + ".new", "w", encoding="ascii") as f:
            f.write(text)
        os.rename(path + ".new", path)

    def set_zone(self, name, text):
        """Another text for this zone; nsd reads it soon."""
        self._write(name, text)
        self.process.signal(signal.SIGHUP)

    def _check(self):
        if not self.process.running:
            raise lab_base.LabError("nsd ended: " + " | ".join(self.process.err.all))

    def stop(self):
        self.process.stop()
