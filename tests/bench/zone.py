#!/usr/bin/python3
"""zone.py DIR NSD-PORT [UNBOUND-PORT [KEYS]] - the DNS of the benchmark.

Writes root.zone and nsd.conf into DIR, and unbound.conf for a cache in front
of nsd.  One zone, the root, holds everything; K runs from 0 to 9:

  sK.example        v=spf1 of two ip4 terms; 192.0.2.10 passes
  incK.example      the same at the end of five nested includes
  mxK.example       passes by its second mx
  redK.example      redirect to sK
  failK.example     -all for 192.0.2.10
  softK.example     ~all
  permK.example     two records: permerror
  any name below cold.example passes, so that no two messages ask the same
  _dmarc.sK.example p=none, quarantine or reject in turn
  mail.*            the HELO name of each: passes by `a`
  rsa._domainkey.sK.example, ed._domainkey.eK.example
                    what KEYS/rsa.txt and KEYS/ed.txt say
"""
import os
import sys

PASS = "ip4:192.0.2.0/24 ip4:198.51.100.0/24"
LONG, SHORT = 86400, 60


def keys(where):
    """The DKIM keys; a string of a TXT record has 255 octets at most."""
    for letter, selector in (("s", "rsa"), ("e", "ed")):
        with open(f"{where}/{selector}.txt", encoding="ascii") as f:
            text = f.read()
        data = " ".join(f'"{text[i:i + 255]}"' for i in range(0, len(text), 255))
        for k in range(10):
            yield f"{selector}._domainkey.{letter}{k}.example.", LONG, "TXT", data


def domains():
    """(name, ttl, type, data) of every other record."""
    yield ".", LONG, "SOA", "ns.lab.example. root.lab.example. 1 3600 600 9999 300"
    yield ".", LONG, "NS", "ns.lab.example."
    yield "ns.lab.example.", LONG, "A", "127.0.0.1"
    yield "mx.local.example.", LONG, "A", "127.0.0.1"
    yield "local.example.", LONG, "MX", "10 mx.local.example."
    yield "*.cold.example.", SHORT, "TXT", f'"v=spf1 {PASS} -all"'
    yield "10.2.0.192.in-addr.arpa.", LONG, "PTR", "mail.s0.example."
    for k in range(10):
        spf = {
            f"s{k}": [f"v=spf1 {PASS} -all"],
            f"red{k}": [f"v=spf1 redirect=s{k}.example"],
            f"mx{k}": ["v=spf1 a:ns.lab.example mx -all"],
            f"fail{k}": ["v=spf1 ip4:203.0.113.0/24 -all"],
            f"soft{k}": ["v=spf1 ip4:203.0.113.0/24 ~all"],
            f"perm{k}": ["v=spf1 -all", "v=spf1 +all"],
            f"inc{k}": [f"v=spf1 include:n1.inc{k}.example -all"],
        }
        for n in range(1, 5):
            spf[f"n{n}.inc{k}"] = [
                f"v=spf1 ip4:203.0.113.{n} include:n{n + 1}.inc{k}.example -all"]
        spf[f"n5.inc{k}"] = [f"v=spf1 ip4:203.0.113.5 {PASS} -all"]
        for name, records in spf.items():
            for record in records:
                yield f"{name}.example.", LONG, "TXT", f'"{record}"'
        policy = ("none", "quarantine", "reject")[k % 3]
        yield (f"_dmarc.s{k}.example.", LONG, "TXT",
               f'"v=DMARC1; p={policy}; rua=mailto:dmarc@s{k}.example"')
        for name in ("s", "red", "mx", "fail", "soft", "perm", "inc"):
            host = f"{name}{k}.example."
            yield host, LONG, "A", "192.0.2.10"
            yield host, LONG, "MX", f"10 other.{host}"
            yield host, LONG, "MX", f"20 mail.{host}"
            yield f"other.{host}", LONG, "A", "203.0.113.77"
            yield f"mail.{host}", LONG, "A", "192.0.2.10"
            yield f"mail.{host}", LONG, "TXT", '"v=spf1 a -all"'


def write(path, text):
    with open(path, "w", encoding="ascii") as f:
        f.write(text)


def main():
    where, nsd = os.path.abspath(sys.argv[1]), sys.argv[2]
    cache = sys.argv[3] if len(sys.argv) > 3 else "53"
    records = list(domains())
    if len(sys.argv) > 4:
        records += keys(sys.argv[4])
    os.makedirs(where, exist_ok=True)
    write(f"{where}/root.zone", "".join(f"{n} {ttl} IN {t} {d}\n" for n, ttl, t, d in records))
    write(f"{where}/nsd.conf", f"""\
server:
  ip-address: 127.0.0.1@{nsd}
  server-count: 1
  username: ""
  chroot: ""
  database: ""
  rrl-ratelimit: 0
  zonesdir: "{where}"
  xfrdir: "{where}"
  xfrdfile: "{where}/xfrd.state"
  zonelistfile: "{where}/zone.list"
  pidfile: "{where}/nsd.pid"
  logfile: "{where}/nsd.log"
remote-control:
  control-enable: no
zone:
  name: "."
  zonefile: "root.zone"
""")
    write(f"{where}/unbound.conf", f"""\
server:
  interface: 127.0.0.1@{cache}
  access-control: 127.0.0.0/8 allow
  do-not-query-localhost: no
  local-zone: "2.0.192.in-addr.arpa." nodefault
  module-config: "iterator"
  num-threads: 1
  do-ip6: no
  do-daemonize: no
  use-syslog: no
  username: ""
  chroot: ""
  directory: "{where}"
  pidfile: "{where}/unbound.pid"
  logfile: "{where}/unbound.log"
remote-control:
  control-enable: no
stub-zone:
  name: "."
  stub-addr: 127.0.0.1@{nsd}
""")
    write(f"{where}/resolv.conf", "nameserver 127.0.0.1\n")


main()
