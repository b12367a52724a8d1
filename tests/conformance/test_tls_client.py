#!/usr/bin/python3
"""The client's side of TLS against Python's ssl module, with a certificate authority of the openssl program.

Usage: test_tls_client.py FETCH_TOOL
"""
import http.server
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import unittest

TOOL = None

CA_CONFIG = """
[ca]
default_ca = it
[it]
database = index.txt
serial = serial
new_certs_dir = .
default_md = sha256
policy = any
copy_extensions = copy
unique_subject = no
[any]
commonName = supplied
"""


class Authority:
    """A certificate authority in a directory; PEM files with certificate and key."""

    def __init__(self, directory):
        self.dir = pathlib.Path(directory)
        (self.dir / "ca.cnf").write_text(CA_CONFIG)
        (self.dir / "index.txt").write_text("")
        (self.dir / "serial").write_text("01\n")
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30",
                 "-subj", "/CN=test authority", "-keyout", "ca.key", "-out", "ca.pem")
        self.bundle = str(self.dir / "ca.pem")

    def run(self, *arguments):
        subprocess.run(["openssl", *arguments], cwd=self.dir, check=True, capture_output=True)

    def issue(self, name, alternative_names, start="20200101000000Z", end="20991231000000Z"):
        self.run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj", "/CN=" + name,
                 "-addext", "subjectAltName=" + alternative_names, "-keyout", name + ".key", "-out", name + ".csr")
        self.run("ca", "-batch", "-config", "ca.cnf", "-cert", "ca.pem", "-keyfile", "ca.key", "-notext",
                 "-startdate", start, "-enddate", end, "-in", name + ".csr", "-out", name + ".crt")
        return self.join(name)

    def self_signed(self, name):
        self.run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-subj",
                 "/CN=" + name, "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", name + ".key",
                 "-out", name + ".crt")
        return self.join(name)

    def join(self, name):
        pem = self.dir / (name + ".pem")
        pem.write_text((self.dir / (name + ".crt")).read_text() + (self.dir / (name + ".key")).read_text())
        return str(pem)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, body):
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/truncated":
            self.wfile.write(b"HTTP/1.1 200 OK\r\n\r\nhalf of")
            self.wfile.flush()
            os.close(self.connection.detach())  # without a close_notify
            self.close_connection = True
        else:
            self.answer(b"x" * 3000000 if self.path == "/large" else b"hello")

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.answer(b"%d" % len(body))

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, pem=None, adjust=lambda context: None):
        super().__init__(("127.0.0.1", 0), Handler)
        self.names = []
        self.accepted = 0
        self.context = None
        if pem:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(pem)
            self.context.sni_callback = lambda _, name, __: self.names.append(name)
            adjust(self.context)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def get_request(self):
        client, address = super().get_request()
        self.accepted += 1
        return client, address

    def finish_request(self, request, address):
        if self.context:
            request = self.context.wrap_socket(request, server_side=True)
        super().finish_request(request, address)

    def handle_error(self, *_):
        pass

    def url(self, host="localhost", path="/"):
        return "https://%s:%d%s" % (host, self.server_port, path)


class Proxy(threading.Thread):
    """A CONNECT proxy that sends every tunnel to one port, whatever name was asked for."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self.port = port
        self.heads = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.start()

    def run(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            head = b""
            while not head.endswith(b"\r\n\r\n"):
                head += client.recv(1)
            self.heads.append(head.decode())
            upstream = socket.create_connection(("127.0.0.1", self.port))
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            for source, sink in ((client, upstream), (upstream, client)):
                threading.Thread(target=self.copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def copy(source, sink):
        try:
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
        except OSError:
            pass

    def address(self):
        return "127.0.0.1:%d" % self.listener.getsockname()[1]


def fetch(*urls, timeout=5000, body=0, **environment):
    clean = {"PATH": os.environ["PATH"], **environment}
    for name in ("ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"):
        if name in os.environ:
            clean[name] = os.environ[name]
    result = subprocess.run([TOOL, str(timeout), str(body), *urls], env=clean, capture_output=True, text=True,
                            timeout=60)
    if result.returncode != 0:
        raise AssertionError("fetch_tool ended with %d: %s" % (result.returncode, result.stderr))
    return result.stdout.splitlines()


class TlsClient(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.authority = Authority(cls.temporary.name)
        cls.bundle = cls.authority.bundle
        cls.good_pem = cls.authority.issue("good", "DNS:localhost,IP:127.0.0.1")
        cls.good = Server(cls.good_pem)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def refused(self, line, kind, *words):
        self.assertTrue(line.startswith("error %s " % kind), line)
        for word in words:
            self.assertIn(word, line)

    def test_a_trusted_server_by_name_and_by_address(self):
        for host in ("localhost", "127.0.0.1"):
            self.assertEqual(fetch(self.good.url(host), AWS_CA_BUNDLE=self.bundle), ["200 hello"])

    def test_the_server_name_is_sent_for_names_only(self):
        server = Server(self.good_pem)
        fetch(server.url("localhost"), AWS_CA_BUNDLE=self.bundle)
        fetch(server.url("127.0.0.1"), AWS_CA_BUNDLE=self.bundle)
        self.assertEqual(server.names, ["localhost", None])

    def test_a_connection_is_used_again(self):
        server = Server(self.good_pem)
        lines = fetch(*[server.url()] * 5, AWS_CA_BUNDLE=self.bundle)
        self.assertEqual(lines, ["200 hello"] * 5)
        self.assertEqual(server.accepted, 1)

    def test_large_bodies_both_ways(self):
        line, = fetch(self.good.url(path="/large"), AWS_CA_BUNDLE=self.bundle)
        self.assertEqual(len(line), 3000004)
        self.assertEqual(fetch(self.good.url(), body=3000000, AWS_CA_BUNDLE=self.bundle), ["200 3000000"])

    def test_tls_1_2_and_1_3_but_not_1_1(self):
        def only(version):
            def adjust(context):
                context.minimum_version = ssl.TLSVersion.TLSv1
                context.maximum_version = version
                context.minimum_version = version
                context.set_ciphers("ALL:@SECLEVEL=0")
            return adjust
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            self.assertEqual(fetch(Server(self.good_pem, only(version)).url(), AWS_CA_BUNDLE=self.bundle),
                             ["200 hello"])
        line, = fetch(Server(self.good_pem, only(ssl.TLSVersion.TLSv1_1)).url(), AWS_CA_BUNDLE=self.bundle)
        self.refused(line, "unavailable", "TLS with")

    def test_an_unknown_authority_is_refused_with_the_way_out(self):
        line, = fetch(self.good.url())
        self.refused(line, "permission", "not trusted", "AWS_CA_BUNDLE")

    def test_ssl_cert_file_is_honoured_and_aws_ca_bundle_comes_first(self):
        self.assertEqual(fetch(self.good.url(), SSL_CERT_FILE=self.bundle), ["200 hello"])
        other = tempfile.TemporaryDirectory()
        stranger = Authority(other.name)
        line, = fetch(self.good.url(), SSL_CERT_FILE=self.bundle, AWS_CA_BUNDLE=stranger.bundle)
        self.refused(line, "permission")
        other.cleanup()

    def test_a_missing_bundle_is_named(self):
        line, = fetch(self.good.url(), AWS_CA_BUNDLE="/nonexistent/ca.pem")
        self.refused(line, "config", "/nonexistent/ca.pem", "No such file")

    def test_a_wrong_host_name_is_refused(self):
        server = Server(self.authority.issue("wrong", "DNS:example.com"))
        for host in ("localhost", "127.0.0.1"):
            line, = fetch(server.url(host), AWS_CA_BUNDLE=self.bundle)
            self.refused(line, "permission", "mismatch")

    def test_the_common_name_does_not_stand_in_for_an_alternative_name(self):
        server = Server(self.authority.issue("localhost", "DNS:example.com"))
        line, = fetch(server.url(), AWS_CA_BUNDLE=self.bundle)
        self.refused(line, "permission", "mismatch")

    def test_an_expired_certificate_is_refused(self):
        server = Server(self.authority.issue("expired", "DNS:localhost", "20200101000000Z", "20200102000000Z"))
        line, = fetch(server.url(), AWS_CA_BUNDLE=self.bundle)
        self.refused(line, "permission", "expired", "clock")

    def test_a_certificate_from_the_future_is_refused(self):
        server = Server(self.authority.issue("future", "DNS:localhost", "20980101000000Z", "20990102000000Z"))
        line, = fetch(server.url(), AWS_CA_BUNDLE=self.bundle)
        self.refused(line, "permission", "not yet valid")

    def test_a_self_signed_certificate_is_refused(self):
        server = Server(self.authority.self_signed("selfsigned"))
        line, = fetch(server.url(), AWS_CA_BUNDLE=self.bundle)
        self.refused(line, "permission", "self-signed")

    def test_a_server_without_tls_is_not_spoken_to(self):
        line, = fetch(Server().url(), AWS_CA_BUNDLE=self.bundle)
        self.refused(line, "unavailable", "TLS with")

    def test_a_silent_server_ends_at_the_deadline(self):
        listener = socket.create_server(("127.0.0.1", 0))
        line, = fetch("https://127.0.0.1:%d/" % listener.getsockname()[1], timeout=200, AWS_CA_BUNDLE=self.bundle)
        self.refused(line, "timeout", "TLS with")
        listener.close()

    def test_a_body_cut_without_a_close_notify_is_an_error(self):
        line, = fetch(self.good.url(path="/truncated"), AWS_CA_BUNDLE=self.bundle)
        self.refused(line, "unavailable")

    def test_through_a_proxy_the_origin_is_verified_by_its_own_name(self):
        proxy = Proxy(Server(self.authority.issue("origin", "DNS:api.example.com")).server_port)
        environment = {"HTTPS_PROXY": "http://user:secret@" + proxy.address(), "AWS_CA_BUNDLE": self.bundle}
        self.assertEqual(fetch("https://api.example.com/", **environment), ["200 hello"])
        self.assertIn("CONNECT api.example.com:443 HTTP/1.1\r\nHost: api.example.com:443\r\n", proxy.heads[0])
        self.assertIn("Proxy-Authorization: Basic dXNlcjpzZWNyZXQ=\r\n", proxy.heads[0])
        line, = fetch("https://other.example.com/", **environment)
        self.refused(line, "permission", "mismatch")
        self.assertEqual(fetch(self.good.url(), NO_PROXY="localhost", **environment), ["200 hello"])
        self.assertEqual(len(proxy.heads), 2)


if __name__ == "__main__":
    TOOL = sys.argv[1]
    unittest.main(argv=sys.argv[:1], warnings="ignore")
