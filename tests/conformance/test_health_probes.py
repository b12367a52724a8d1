#!/usr/bin/python3
"""The probes against servers that nobody here wrote: gRPC's own library, Python's and openssl's TLS, and HAProxy as the reader of our
agent-check words.

Usage: test_health_probes.py PROBE_TOOL
"""
import concurrent.futures
import http.server
import pathlib
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import grpc

import haproxy

TOOL = None

UNKNOWN, SERVING, NOT_SERVING, SERVICE_UNKNOWN = range(4)


def probe(*checks, timeout=10000):
    run = subprocess.run([TOOL, str(timeout), *checks], capture_output=True, text=True, timeout=60, check=True)
    return run.stdout.splitlines()


class Health(grpc.GenericRpcHandler):
    """grpc.health.v1.Health as its specification has it; the two messages have one field each, written by hand."""

    def __init__(self):
        self.status = {"": SERVING}
        self.metadata = {}
        self.delay = 0

    def service(self, details):
        self.metadata = dict(details.invocation_metadata)
        if details.method == "/grpc.health.v1.Health/Check":
            return grpc.unary_unary_rpc_method_handler(self.check)
        return None

    @staticmethod
    def service_of(request):
        if request == b"":
            return ""
        length, name = (request[1], request[2:]) if request[1] < 128 else (request[1] - 128 + 128 * request[2], request[3:])
        assert request[0] == 0x0A and length == len(name), request
        return name.decode()

    def check(self, request, context):
        self.time_left = context.time_remaining()
        name = self.service_of(request)
        if self.delay:
            self.released.wait(self.delay)
        if name not in self.status:
            context.abort(grpc.StatusCode.NOT_FOUND, "unknown service")
        status = self.status[name]
        return bytes([0x08, status]) if status else b""


def grpc_server(handlers, credentials=None):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers(handlers)
    if credentials is None:
        port = server.add_insecure_port("127.0.0.1:0")
    else:
        port = server.add_secure_port("127.0.0.1:0", credentials)
    server.start()
    return server, port


def self_signed(directory):
    """A certificate for somebody else that has run out."""
    key, certificate = pathlib.Path(directory, "key.pem"), pathlib.Path(directory, "cert.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1", "-subj", "/CN=wrong.example",
         "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )
    return key, certificate


class Grpc(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.health = Health()
        cls.server, cls.port = grpc_server([cls.health])

    @classmethod
    def tearDownClass(cls):
        cls.server.stop(None)

    def setUp(self):
        self.health.status = {"": SERVING}

    def ask(self, service="", timeout=10000):
        return probe(f"grpc://127.0.0.1:{self.port}" + (f"/{service}" if service else ""), timeout=timeout)[0]

    def test_serving_passes(self):
        self.assertEqual(self.ask(), f"passed grpc://127.0.0.1:{self.port} is SERVING")

    def test_everything_else_fails(self):
        for status, word in ((NOT_SERVING, "NOT_SERVING"), (UNKNOWN, "UNKNOWN"), (SERVICE_UNKNOWN, "SERVICE_UNKNOWN")):
            self.health.status[""] = status
            self.assertEqual(self.ask(), f"failed grpc://127.0.0.1:{self.port} is {word}")

    def test_a_service_has_a_status_of_its_own(self):
        self.health.status = {"": NOT_SERVING, "shop.v1.Cart": SERVING, "s" * 200: SERVING}
        self.assertTrue(self.ask("shop.v1.Cart").startswith("passed "))
        self.assertTrue(self.ask("s" * 200).startswith("passed "))
        self.assertTrue(self.ask().startswith("failed "))

    def test_a_service_that_is_not_there_is_named_so(self):
        line = self.ask("shop.v1.Nothing")
        self.assertTrue(line.startswith("failed "))
        self.assertIn("gRPC status 5 (NOT_FOUND: it does not know the service): unknown service", line)

    def test_a_server_without_a_health_service_is_named_so(self):
        server, port = grpc_server([])
        line = probe(f"grpc://127.0.0.1:{port}")[0]
        server.stop(None)
        self.assertIn("gRPC status 12 (UNIMPLEMENTED", line)

    def test_the_deadline_is_told_and_the_caller_named(self):
        self.ask(timeout=7000)
        self.assertLessEqual(self.health.time_left, 7)
        self.assertGreater(self.health.time_left, 0)
        self.assertIn("health check", self.health.metadata["user-agent"])

    def test_a_server_that_hangs_ends_at_the_deadline(self):
        self.health.released = threading.Event()
        self.health.delay = 60
        begin = time.monotonic()
        line = self.ask(timeout=300)
        self.health.delay = 0
        self.health.released.set()
        self.assertTrue(line.startswith("failed "), line)
        self.assertLess(time.monotonic() - begin, 30)

    def test_any_certificate_will_do(self):
        with tempfile.TemporaryDirectory() as directory:
            key, certificate = self_signed(directory)
            pair = (key.read_bytes(), certificate.read_bytes())
        server, port = grpc_server([self.health], grpc.ssl_server_credentials([pair]))
        lines = probe(f"grpcs://127.0.0.1:{port}", f"grpcs://localhost:{port}", f"grpc://127.0.0.1:{port}")
        server.stop(None)
        self.assertEqual([line.split()[0] for line in lines], ["passed", "passed", "failed"])


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(int(self.path.lstrip("/")))
        self.end_headers()
        self.wfile.write(b"hello")

    def log_message(self, *_):
        pass


class Https(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.key, self.certificate = self_signed(directory.name)

    def serve(self, adjust=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.certificate, self.key)
        if adjust:
            adjust(context)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        server.socket = context.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_port

    def test_any_certificate_will_do_and_the_status_decides(self):
        port = self.serve()
        lines = probe(*(f"https://{host}:{port}/{status}" for host in ("127.0.0.1", "localhost") for status in (200, 302, 503)))
        self.assertEqual([line.split()[0] for line in lines], ["passed", "passed", "failed"] * 2)

    def test_the_name_is_sent(self):
        names = []

        def listen(context):
            context.sni_callback = lambda _socket, name, _context: names.append(name)

        port = self.serve(listen)
        probe(f"https://localhost:{port}/200", f"https://127.0.0.1:{port}/200")
        self.assertEqual(names, ["localhost", None])

    def test_openssl_s_server_is_understood(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        server = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-key", self.key, "-cert", self.certificate, "-www"],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.PIPE,
        )
        try:
            while b"ACCEPT" not in server.stdout.readline():
                pass
            self.assertEqual(probe(f"https://127.0.0.1:{port}/")[0], f"passed https://127.0.0.1:{port}/ answers 200")
        finally:
            server.kill()
            server.communicate()

    def test_a_server_without_tls_fails(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.assertTrue(probe(f"https://127.0.0.1:{server.server_port}/200")[0].startswith("failed "))


class Haproxy(unittest.TestCase):
    """HAProxy asks an agent that answers with rota's lines; its statistics tell what it understood."""

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.line = b"\n"
        self.agent = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.agent.close)
        threading.Thread(target=self.answer, daemon=True).start()
        self.haproxy = haproxy.Haproxy(self, directory.name, self.agent.getsockname()[1], "inter 50ms agent-inter 50ms")

    def answer(self):
        while True:
            try:
                client, _ = self.agent.accept()
            except OSError:
                return
            with client:
                client.sendall(self.line)

    def becomes(self, words, *wanted):
        """Waits until HAProxy shows what it should after rota's line for these words."""
        self.line = subprocess.run([TOOL, "format", *words.split()], capture_output=True, check=True).stdout
        self.haproxy.becomes(*wanted, after=f"after {self.line}")

    def test_every_word_is_understood(self):
        for words, status, weight in (
            ("50%", "UP", 50), ("ready up 75%", "UP", 75), ("down #disk full", "DOWN (agent)", 75), ("up", "UP", 75),
            ("stopped", "DOWN (agent)", 75), ("up 100%", "UP", 100), ("fail", "DOWN (agent)", 100), ("up", "UP", 100),
            ("drain", "DRAIN (agent)", 100), ("ready", "UP", 100), ("0%", "UP", 0), ("100%", "UP", 100), ("maint", "MAINT", 100),
        ):
            self.becomes(words, status, weight)


if __name__ == "__main__":
    TOOL = sys.argv[1]
    unittest.main(argv=sys.argv[:1], warnings="ignore")
