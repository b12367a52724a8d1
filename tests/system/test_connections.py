"""A drain also waits for the clients that are still connected, and names them when it will not wait any longer."""

import contextlib
import socket
import threading
import time
import unittest

import harness
import test_agent


class Connections(test_agent.AgentCase):
    def setUp(self):
        super().setUp()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]

    def connected(self):
        made = socket.create_connection(("127.0.0.1", self.port))
        self.addCleanup(made.close)
        served = self.listener.accept()[0]
        self.addCleanup(served.close)

        def read():
            with contextlib.suppress(OSError):
                while served.recv(65536):
                    pass
            served.close()

        threading.Thread(target=read, daemon=True).start()
        return made

    def talks(self, client):
        """Something to say again and again, until the connection ends."""
        def talk():
            with contextlib.suppress(OSError):
                while client.send(b"x" * 1000):
                    time.sleep(0.05)

        threading.Thread(target=talk, daemon=True).start()

    def test_it_waits_until_the_last_client_has_gone(self):
        client = self.connected()
        self.talks(client)
        agent = self.agent("--port", str(self.port))
        self.joined()
        agent.child.terminate()
        harness.eventually(lambda: self.members() == {}, "it leaves the rota", 30)
        harness.eventually(
            lambda: "1 connections are still open (1 from 127.0.0.1)" in self.command("status").stdout, "it waits for the client", 30)
        self.assertIsNone(agent.child.poll())
        client.shutdown(socket.SHUT_RDWR)
        client.close()
        self.assertEqual(agent.wait(30), 0, agent.output())
        self.assertIn("no client is connected", agent.output())

    def test_it_does_not_wait_for_clients_that_say_nothing(self):
        self.connected()
        agent = self.agent("--port", str(self.port), "--deadline", "10m")
        self.joined()
        self.assertEqual(agent.stop(), 0, agent.output())
        self.assertIn("1 of 1 connections are still open, quiet for a TTL: 1 from 127.0.0.1", agent.output())

    def test_it_names_who_stays_at_the_deadline(self):
        self.talks(self.connected())
        agent = self.agent("--port", str(self.port), "--deadline", "6s")
        self.joined()
        began = time.monotonic()
        self.assertEqual(agent.stop(), 75, agent.output())
        self.assertGreaterEqual(time.monotonic() - began, 5)
        self.assertIn("1 from 127.0.0.1", agent.output())

    def test_a_wrong_port_is_told(self):
        for port in ("0", "65536", "http"):
            agent = self.agent("--port", port, name="wrong")
            self.assertEqual(agent.wait(), 64, port)
            self.assertIn("is not a port from 1 to 65535", agent.output())


if __name__ == "__main__":
    unittest.main()
