"""A drain also waits for the clients that are still connected, and names them when it will not wait any longer."""

import socket
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
        self.addCleanup(self.listener.accept()[0].close)
        return made

    def test_it_waits_until_the_last_client_has_gone(self):
        client = self.connected()
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

    def test_it_names_who_stays_at_the_deadline(self):
        self.connected()
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
