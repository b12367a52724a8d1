"""A client of the rota, run on the machine `cli` with a resolver of its own: traffic_client.py KIND NAME LOG RATE.

It asks the system's resolver before every connection and makes RATE requests a second at random moments. KIND says what it is: "once" (a
connection a request), "kept" (a connection is kept for up to 3 s, as browsers and SDKs do), "curl" (the program, anew each time). A line of
JSON a request: [when, seconds, address, who answered or "", what failed or ""], on CLOCK_MONOTONIC, which all processes share.
Nothing is tried again, but for a GET on a kept connection that ended before an octet of the answer came, as RFC 9110 (9.2.2) allows.
"""

import http.client
import json
import random
import re
import socket
import subprocess
import sys
import time

PATIENCE = 10


class Once:
    def __init__(self, name):
        self.name = name
        self.address = ""
        self.connection = None

    def connect(self):
        self.address = ""
        found = socket.getaddrinfo(self.name, 80, type=socket.SOCK_STREAM)
        self.address = found[0][4][0]
        self.connection = http.client.HTTPConnection(self.address, 80, timeout=PATIENCE)
        self.connection.connect()

    def exchange(self, headers):
        self.connection.request("GET", "/", headers={"Host": self.name, **headers})
        answer = self.connection.getresponse()
        body = answer.read().decode(errors="replace").strip()
        if answer.status != 200:
            raise OSError(f"status {answer.status}")
        if answer.will_close:
            self.drop()
        return body

    def drop(self):
        if self.connection:
            self.connection.close()
        self.connection = None

    def request(self):
        try:
            self.connect()
            return self.exchange({"Connection": "close"})
        finally:
            self.drop()


class Kept(Once):
    LIFE = 3

    def __init__(self, name):
        super().__init__(name)
        self.since = 0

    def request(self):
        if self.connection and time.monotonic() - self.since < self.LIFE:
            try:
                return self.exchange({})
            except (http.client.RemoteDisconnected, BrokenPipeError, ConnectionResetError):
                pass  # ended between two requests
            except (OSError, http.client.HTTPException):
                self.drop()
                raise
        self.drop()
        try:
            self.connect()
            self.since = time.monotonic()
            return self.exchange({})
        except (OSError, http.client.HTTPException):
            self.drop()
            raise


class Curl(Once):
    def request(self):
        self.address = ""
        done = subprocess.run(
            ["curl", "-sv", "-m", str(2 * PATIENCE), "--connect-timeout", str(PATIENCE), "-w", "\n%{http_code}", f"http://{self.name}/"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        tried = re.findall(r"^\*\s+Trying ([0-9.]+):80", done.stderr, re.M)
        self.address = tried[-1] if tried else ""
        body, _, status = done.stdout.rpartition("\n")
        if done.returncode or status != "200":
            raise OSError(f"curl ended with {done.returncode}, status {status}: {' '.join(done.stderr.split())[-200:]}")
        return body.strip()


def main():
    kind, name, path, rate = sys.argv[1:5]
    client = {"once": Once, "kept": Kept, "curl": Curl}[kind](name)
    with open(path, "a", encoding="utf-8", buffering=1) as log:
        while True:
            time.sleep(random.expovariate(float(rate)))
            began = time.monotonic()
            who = failed = ""
            try:
                who = client.request()
            except (OSError, http.client.HTTPException) as error:
                failed = f"{type(error).__name__}: {error}"
            ended = time.monotonic()
            log.write(json.dumps([round(ended, 4), round(ended - began, 5), client.address, who, failed]) + "\n")


main()
