"""Whole replies of rota, Knot DNS and NSD for the same zones and queries: header, question, every section, OPT.

Where rota differs on purpose, DIFFERENCES says so, and why; a difference that is listed but no longer there fails too.
usage: compare_peers.py DNS_FIXTURE
"""

import itertools
import os
import pathlib
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
import unittest

ZONES = pathlib.Path(__file__).parent / "zones"
NAMES = ["example.com", "child.example.com", "example.net"]
FIXTURE = sys.argv.pop() if len(sys.argv) > 1 and not sys.argv[-1].startswith("-") else os.environ["DNS_FIXTURE"]

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "SRV": 33, "NAPTR": 35,
         "DS": 43, "SSHFP": 44, "TLSA": 52, "SVCB": 64, "HTTPS": 65, "SPF": 99, "ANY": 255, "CAA": 257,
         "IXFR": 251, "AXFR": 252, "MAILB": 253, "OPT": 41, "TSIG": 250, "TYPE0": 0, "TYPE200": 200, "TYPE65280": 65280}

OWNERS = """example.com www.example.com alias.example.com alias2.example.com away.example.com dangling.example.com
to-apex.example.com to-ent.example.com to-wild.example.com to-net.example.com to-child.example.com to-cut.example.com
loop1.example.com self.example.com ent.example.com a.ent.example.com b.ent.example.com nowhere.example.com
a.b.c.nowhere.example.com x.www.example.com wild.example.com any.wild.example.com a.b.c.wild.example.com
*.wild.example.com x.*.wild.example.com known.wild.example.com x.known.wild.example.com known2.wild.example.com
x.known2.wild.example.com any.walias.example.com y.starent.example.com *.starent.example.com starent.example.com
child.example.com nowhere.child.example.com up.child.example.com deep.www.child.example.com www.child.example.com
sub.example.com www.sub.example.com ns.sub.example.com deeper.sub.example.com x.deeper.sub.example.com
unsigned.example.com x.unsigned.example.com srv.example.com ptr.example.com naptr.example.com https.example.com
svcb.example.com tlsa.example.com sshfp.example.com spf.example.com ns1.example.com example.net www.example.net
back.example.net nowhere.example.net example.org com . badexample.com""".split()


def wire_name(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def opt(size=1232, version=0, do=False, options=b""):
    return b"\0" + struct.pack(">HHBBHH", 41, size, 0, version, 0x8000 if do else 0, len(options)) + options


def query(name, qtype, flags=0, qclass=1, records=(0, 0, 0), extra=b"", questions=1):
    header = struct.pack(">HHHHHH", 0x5A17, flags, questions, *records)
    return header + wire_name(name) + struct.pack(">HH", TYPES.get(qtype, qtype), qclass) + extra


def read_name(message, at):
    labels, end = [], None
    for _ in range(200):
        length = message[at]
        if length >= 0xC0:
            end = end or at + 2
            at = (length & 0x3F) << 8 | message[at + 1]
        elif length == 0:
            return b".".join(labels).lower() + b".", end or at + 1
        else:
            labels.append(message[at + 1:at + 1 + length])
            at += 1 + length
    raise ValueError("a compression loop")


def expand(message, qtype, at, size):
    skip, names = {2: (0, 1), 5: (0, 1), 12: (0, 1), 15: (2, 1), 6: (0, 2)}.get(qtype, (size, 0))
    out = [message[at:at + skip]]
    end, at = at + size, at + skip
    for _ in range(names):
        name, at = read_name(message, at)
        out.append(name)
    return tuple(out + [message[at:end]])


def parse(message):
    """A reply as comparable parts; the records of a section in a fixed order."""
    if message is None:
        return None
    ident, flags, questions, *counts = struct.unpack(">HHHHHH", message[:12])
    at, question = 12, []
    for _ in range(questions):
        start = at
        _, at = read_name(message, at)
        at += 4
        question.append(message[start:at])
    reply = {"id": ident, "flags": f"{flags:04x}", "question": question, "opt": None}
    for section, count in zip(("answer", "authority", "additional"), counts):
        records = []
        for _ in range(count):
            owner, at = read_name(message, at)
            qtype, qclass, ttl, size = struct.unpack(">HHIH", message[at:at + 10])
            at += 10
            if qtype == 41:
                reply["opt"] = {"size": qclass, "extended": ttl >> 24, "version": ttl >> 16 & 255,
                                "do": bool(ttl & 0x8000)}  # the peers' EDE options are theirs
            else:
                records.append((owner, qtype, qclass, ttl, expand(message, qtype, at, size)))
            at += size
        reply[section] = sorted(records)
    if at != len(message):
        raise ValueError("octets after the last record")
    if flags & 0x0200:
        for section in ("answer", "authority", "additional"):
            reply[section] = "truncated"  # how much a truncated reply still holds is everybody's own affair
    return reply


class Server:
    def __init__(self, port, process, directory=None):
        self.address = ("127.0.0.1", port)
        self.process = process
        self.directory = directory

    def ask_udp(self, message, patience=2.0):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(patience)
            udp.connect(self.address)
            udp.send(message)
            try:
                return udp.recv(65535)
            except (TimeoutError, ConnectionRefusedError):
                return None

    def ask_until_answered(self, message, patience=20.0):
        """The reply, asked for again while none comes: a loaded machine loses datagrams and starves servers."""
        deadline = time.monotonic() + patience
        reply = None
        while reply is None and time.monotonic() < deadline and self.process.poll() is None:
            began = time.monotonic()
            reply = self.ask_udp(message)
            if reply is None and time.monotonic() - began < 0.05:  # refused at once: nobody listens yet
                time.sleep(0.05)
        return reply

    def ask_tcp(self, message):
        with socket.create_connection(self.address, timeout=5) as tcp:
            tcp.sendall(struct.pack(">H", len(message)) + message)
            stream = tcp.makefile("rb")
            length = stream.read(2)
            return stream.read(struct.unpack(">H", length)[0]) if len(length) == 2 else None

    def stop(self):
        if self.process.stdin:
            self.process.stdin.close()
        else:
            self.process.terminate()
        self.process.wait(10)
        if self.process.stdout:
            self.process.stdout.close()
        if self.directory:
            shutil.rmtree(self.directory)


def free_port():
    with socket.socket() as tcp, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        udp.bind(tcp.getsockname())
        return tcp.getsockname()[1]


def start_rota():
    process = subprocess.Popen([FIXTURE] + [str(ZONES / f"{name}.zone") for name in NAMES],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    return Server(int(process.stdout.readline().rsplit(":", 1)[1]), process)


def start_peer(program, configuration, arguments):
    directory = tempfile.mkdtemp(prefix="rota-compare-")
    port = free_port()
    path = pathlib.Path(directory) / "conf"
    path.write_text(configuration(directory, port))
    log = open(pathlib.Path(directory) / "log", "w")
    with log:
        process = subprocess.Popen([program] + arguments + [str(path)], stdout=log, stderr=log)
    server = Server(port, process, directory)
    deadline = time.monotonic() + 20
    while not all(is_served(server, zone) for zone in NAMES):
        if time.monotonic() > deadline or process.poll() is not None:
            raise RuntimeError((pathlib.Path(directory) / "log").read_text())
    return server


def is_served(server, zone):
    reply = server.ask_udp(query(zone, "SOA"), 0.2)
    return reply is not None and reply[2] & 4 != 0 and reply[3] & 15 == 0  # AA, NOERROR


def knot_configuration(directory, port):
    zones = "".join(f"  - domain: {name}\n    file: {ZONES}/{name}.zone\n    zonefile-sync: -1\n" for name in NAMES)
    return (f"server:\n  rundir: {directory}\n  listen: 127.0.0.1@{port}\n  udp-workers: 1\n  tcp-workers: 1\n"
            f"database:\n  storage: {directory}\nzone:\n{zones}")


def nsd_configuration(directory, port):
    zones = "".join(f"zone:\n  name: {name}\n  zonefile: {name}.zone\n" for name in NAMES)
    return (f"server:\n  ip-address: 127.0.0.1@{port}\n  server-count: 1\n  username: \"\"\n  chroot: \"\"\n"
            f"  pidfile: {directory}/pid\n  zonesdir: {ZONES}\n  database: \"\"\n  xfrdfile: {directory}/xfrd\n"
            f"  xfrdir: {directory}\n  zonelistfile: {directory}/list\n  rrl-ratelimit: 0\n  minimal-responses: yes\n"
            f"remote-control:\n  control-enable: no\n{zones}")


def labelled(*labels):
    return lambda label: label in labels


def asking(*types):
    return lambda label: label.rsplit(" ", 1)[-1] in types


def across_zones(label):
    return label.split(" ")[0] in ("to-net.example.com", "to-child.example.com", "up.child.example.com",
                                   "back.example.net")


DROPPED = ("response", "eleven octets")  # by everybody
UNREADABLE = ("two questions", "question cut", "pointer as question", "long label")


def ask(server, message, is_dropped):
    return server.ask_udp(message, 0.3) if is_dropped else server.ask_until_answered(message)


BOTH = [
    ("class ANY is refused: no client needs it, and RFC 1035 gives it no meaning for an authoritative answer",
     labelled("class ANY")),
    ("ANY gets a HINFO (RFC 8482 section 4.2), not one of the record sets (4.1)", asking("ANY")),
    ("no zone transfers: REFUSED in place of NOTAUTH or NOTIMP", asking("AXFR", "IXFR")),
]
# Why rota's reply is its own, and for which queries. Each must be needed by at least one.
DIFFERENCES = {
    "knot": BOTH + [
        ("a chain of CNAMEs is followed into rota's other zones", across_zones),
        ("addresses for names in the answer are left out (minimal responses)", asking("NS", "MX", "SRV", "SVCB")),
        ("addresses for names in the answer are left out (minimal responses)", labelled("case wildcard")),
        ("a type without data is NODATA, TYPE0 too; Knot says NOTIMP", asking("TYPE0")),
        ("FORMERR for two OPTs carries one (RFC 6891 section 6.1.1), as with NSD", labelled("edns twice")),
        ("OPT with an owner is FORMERR (RFC 6891 section 6.1.2), as with NSD", labelled("edns named")),
        ("a broken question is told so; Knot stays silent, NSD does not", labelled(*UNREADABLE)),
    ],
    "nsd": BOTH + [
        ("NOTIMP echoes a question that could be read, as Knot's does", lambda label: "opcode" in label),
        ("addresses for names in the answer are left out: NSD leaves them out for the question's name alone",
         asking("NS")),
        ("FORMERR echoes a question that could be read, as Knot's does",
         labelled("edns broken option", "edns twice", "edns in answer", "edns named", "record missing")),
        ("REFUSED for class NONE echoes the question, as Knot's does", labelled("class NONE")),
        ("records beside OPT are skipped, as Knot does; NSD takes none",
         labelled("edns after another record", "edns before another record", "answer record")),
        ("octets after the last record are FORMERR, as with Knot", labelled("trailing octets")),
    ],
}


def queries():
    for name, qtype in itertools.product(OWNERS, TYPES):
        yield f"{name} {qtype}", query(name, qtype)
    www = ("www.example.com", "A")
    for name, qtype in (www, ("sub.example.com", "A"), ("nowhere.example.com", "A"), ("example.org", "A"),
                        ("big.example.com", "A"), ("alias2.example.com", "A")):
        for size in (0, 512, 600, 1232, 4096, 65535):
            for do in (False, True):
                yield (f"edns size={size} do={int(do)} {name} {qtype}",
                       query(name, qtype, records=(0, 0, 1), extra=opt(size, do=do)))
    for flags in (0x0100, 0x0010, 0x0020, 0x0040, 0x0080, 0x0200, 0x0400, 0x01F0):
        yield f"flags {flags:04x}", query(*www, flags=flags)
        yield f"flags {flags:04x} edns", query(*www, flags=flags, records=(0, 0, 1), extra=opt())
    yield "case", query("wWw.ExAmPlE.cOm", "A")
    yield "case wildcard", query("AnY.wIlD.eXample.COM", "MX")
    yield "case nxdomain", query("NoWhere.eXample.COM", "A")
    yield "case cname", query("ALIAS2.eXample.COM", "A")
    yield "edns version 1", query(*www, records=(0, 0, 1), extra=opt(version=1))
    yield "edns version 255", query(*www, records=(0, 0, 1), extra=opt(version=255))
    yield "edns unknown option", query(*www, records=(0, 0, 1), extra=opt(options=b"\xff\xfe\0\x04abcd"))
    yield "edns cookie", query(*www, records=(0, 0, 1), extra=opt(options=b"\0\x0a\0\x08abcdefgh"))
    yield "edns subnet", query(*www, records=(0, 0, 1), extra=opt(options=b"\0\x08\0\x07\0\x01\x18\0\xc0\0\x02"))
    yield "edns broken option", query(*www, records=(0, 0, 1), extra=opt(options=b"\0\x0a\0\x09abc"))
    yield "edns twice", query(*www, records=(0, 0, 2), extra=opt() + opt())
    yield "edns in answer", query(*www, records=(1, 0, 0), extra=opt())
    yield "edns named", query(*www, records=(0, 0, 1), extra=b"\x01x" + opt())
    record = b"\0" + struct.pack(">HHIH", 1, 1, 0, 4) + b"\x01\x02\x03\x04"
    yield "edns after another record", query(*www, records=(0, 0, 2), extra=record + opt())
    yield "edns before another record", query(*www, records=(0, 0, 2), extra=opt() + record)
    yield "answer record", query(*www, records=(1, 0, 0), extra=record)
    yield "class CH", query(*www, qclass=3)
    yield "class ANY", query(*www, qclass=255)
    yield "class NONE", query(*www, qclass=254)
    for opcode in (1, 3, 6, 15):
        yield f"opcode {opcode}", query(*www, flags=opcode << 11)
    yield "no question", query(*www)[:12].replace(b"\0\x01\0\0", b"\0\0\0\0", 1)
    yield "two questions", query(*www, questions=2, extra=wire_name("example.net") + b"\0\x01\0\x01")
    yield "trailing octets", query(*www) + b"junk"
    yield "record missing", query(*www, records=(0, 0, 1))
    yield "question cut", query(*www)[:-1]
    yield "pointer as question", query(*www)[:12] + b"\xc0\x0c\0\x01\0\x01"
    yield "long label", query(*www)[:12] + b"\x40" + b"a" * 64 + b"\0\0\x01\0\x01"
    yield "response", query(*www, flags=0x8000)
    yield "eleven octets", query(*www)[:11]


class Comparison(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.rota = start_rota()
        cls.addClassCleanup(cls.rota.stop)

    def compare(self, peer, name):
        self.addCleanup(peer.stop)
        differing, used = [], set()
        for label, message in queries():
            ours = parse(ask(self.rota, message, label in DROPPED))
            theirs = parse(ask(peer, message, label in DROPPED + (UNREADABLE if name == "knot" else ())))
            if ours == theirs:
                continue
            known = next((reason for reason, matches in DIFFERENCES[name] if matches(label)), None)
            if known is None:
                differing.append((label, ours, theirs))
            used.add(known)
        for label, ours, theirs in differing:
            print(f"--- {label}\n rota  {ours}\n {name}  {theirs}")
        self.assertEqual([label for label, _, _ in differing], [])
        self.assertEqual([reason for reason, _ in DIFFERENCES[name] if reason not in used], [],
                         "listed differences that are none")

    def test_knot(self):
        self.compare(start_peer("/usr/sbin/knotd", knot_configuration, ["-c"]), "knot")

    def test_nsd(self):
        self.compare(start_peer("/usr/sbin/nsd", nsd_configuration, ["-d", "-c"]), "nsd")

    def test_tcp_gives_what_udp_cuts(self):
        peer = start_peer("/usr/sbin/knotd", knot_configuration, ["-c"])
        self.addCleanup(peer.stop)
        for name, qtype in (("big.example.com", "A"), ("sub.example.com", "A"), ("nowhere.example.com", "A")):
            message = query(name, qtype)
            self.assertEqual(parse(self.rota.ask_tcp(message)), parse(peer.ask_tcp(message)), name)


if __name__ == "__main__":
    unittest.main()
