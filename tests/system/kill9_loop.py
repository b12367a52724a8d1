"""kill -9 at any moment loses nothing acknowledged.

Writers change record sets and make zones without a pause while the server is killed with SIGKILL after a random time, again and
again over the same directory; sometimes the next one is killed while it starts. After every start the zones must hold, for each name, what was acknowledged last, or what the one
request that the kill cut off asked for; never anything else. DNS answers the same, and acknowledged changes are INSYNC.

usage: kill9_loop.py [--rounds N] [--seed N]      (ROTA names the program under test, ROTA_KILL9_ROUNDS the default of N)
"""

import argparse
import contextlib
import os
import random
import secrets
import signal
import subprocess
import sys
import threading
import time

import harness
from botocore.exceptions import BotoCoreError, ClientError

WRITERS = 3
NAMES = 12  # for each writer


class Writer:
    """One writer's names, what each must hold, and what it may hold after a cut."""

    def __init__(self, number, zone, seed):
        self.number, self.zone = number, zone
        self.random = random.Random(seed)
        self.known = {f"n{index}-w{number}.example.com.": None for index in range(NAMES)}
        self.unsure = {}  # name -> the value that the cut request asked for
        self.zones = set()
        self.unsure_zone = None
        self.changes = []  # ids acknowledged in this round
        self.acknowledged = 0

    def run(self, client, ended):
        while not ended.is_set():
            try:
                if self.random.random() < 0.04:
                    self.make_zone(client)
                else:
                    self.change(client)
            except BotoCoreError:
                return  # the server is gone: this round is over
            except ClientError as error:
                raise AssertionError(f"writer {self.number}: {error}") from error

    def make_zone(self, client):
        name = f"z{self.acknowledged}-{secrets.token_hex(4)}.test."
        self.unsure_zone = name
        made = client.create_hosted_zone(Name=name, CallerReference=name)
        self.unsure_zone = None
        self.zones.add(name)
        self.changes.append(made["ChangeInfo"]["Id"])
        self.acknowledged += 1

    def change(self, client):
        """One batch of one to three names: each is made, replaced or deleted."""
        changes, outcome = [], {}
        for name in self.random.sample(sorted(self.known), self.random.randint(1, 3)):
            old = self.known[name]
            new = f"192.0.2.{self.random.randint(1, 254)}"
            if old is None:
                changes.append(("CREATE", self.record(name, new)))
            elif self.random.random() < 0.4:
                changes.append(("DELETE", self.record(name, old)))
                new = None
            else:
                changes.append(("UPSERT", self.record(name, new)))
            outcome[name] = new
        self.unsure = outcome
        batch = {"Changes": [{"Action": action, "ResourceRecordSet": record} for action, record in changes]}
        made = client.change_resource_record_sets(HostedZoneId=self.zone, ChangeBatch=batch)
        self.known.update(outcome)
        self.unsure = {}
        self.changes.append(made["ChangeInfo"]["Id"])
        self.acknowledged += 1

    def record(self, name, value):
        return harness.record_set(name, "A", value, identifier=f"i-{self.number}", weight=10)

    def check(self, stored, zones):
        """Compares with what the server has; what the cut request did becomes known. A batch is there whole or not at all."""
        if self.unsure:
            done = [name for name, value in self.unsure.items() if stored.get(name) == value != self.known[name]]
            undone = [name for name, value in self.unsure.items() if stored.get(name) == self.known[name] != value]
            if done and undone:
                raise AssertionError(f"a batch is there in part: {done} but not {undone}")
            if done:
                self.known.update(self.unsure)
            self.unsure = {}
        for name, value in self.known.items():
            if stored.get(name) != value:
                raise AssertionError(f"{name} is {stored.get(name)}, acknowledged was {value}")
        if self.unsure_zone in zones:
            self.zones.add(self.unsure_zone)
        self.unsure_zone = None
        if not self.zones <= zones:
            raise AssertionError(f"acknowledged zones are gone: {self.zones - zones}")


def stored_records(client, zone):
    pages = client.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone)
    sets = [record for page in pages for record in page["ResourceRecordSets"] if record["Type"] == "A"]
    return {record["Name"]: record["ResourceRecords"][0]["Value"] for record in sets}


def stored_zones(client):
    return {zone["Name"] for page in client.get_paginator("list_hosted_zones").paginate() for zone in page["HostedZones"]}


def check_dns(server, stored, names):
    for name in names:
        answered = harness.drawn(server, name, 1)
        wanted = stored.get(name)
        if answered != {wanted: 1}:
            raise AssertionError(f"DNS answers {dict(answered)} for {name}, stored is {wanted}")


def kill_while_starting(server, chance):
    """A server that does not get to answer: it is killed while it opens, recovers or loads."""
    command = [harness.ROTA, "serve", "--data", server.data, "--dns", f"127.0.0.1:{server.dns_port}"]
    process = harness.Process(
        [*command, "--api", f"127.0.0.1:{server.api_port}"], server.directory, "cut", env=harness.clean_environment()
    )
    threading.Event().wait(chance.uniform(0.001, 0.03))
    process.child.send_signal(signal.SIGKILL)
    process.wait()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=int(os.environ.get("ROTA_KILL9_ROUNDS", "200")))
    parser.add_argument("--seed", type=int, default=secrets.randbelow(1 << 32))
    options = parser.parse_args()
    print(f"kill -9 loop: {options.rounds} rounds, seed {options.seed}", flush=True)
    chance = random.Random(options.seed)
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        server = harness.Server("--log-level", "error")
        stack.callback(server.close)
        server.start()
        client = server.boto3()
        zone = server.zone("example.com", client)
        writers = [Writer(number, zone, chance.randrange(1 << 32)) for number in range(WRITERS)]
        for round_number in range(options.rounds):
            ended = threading.Event()
            failures = []

            def write(writer, ended=ended, failures=failures):
                try:
                    writer.run(client, ended)
                except AssertionError as error:
                    failures.append(error)

            threads = [threading.Thread(target=write, args=(writer,)) for writer in writers]
            for thread in threads:
                thread.start()
            ended.wait(chance.uniform(0.005, 0.15) * harness.SLOW)  # the moment of the kill: chance, not a condition
            server.process.child.send_signal(signal.SIGKILL)
            server.process.wait()
            ended.set()
            for thread in threads:
                thread.join()
            if chance.random() < 0.3:
                kill_while_starting(server, chance)
            server.start()
            if failures:
                raise failures[0]
            stored, zones = stored_records(client, zone), stored_zones(client)
            for writer in writers:
                writer.check(stored, zones)
                for change in writer.changes[-2:]:
                    if client.get_change(Id=change)["ChangeInfo"]["Status"] != "INSYNC":
                        raise AssertionError(f"{change} is not INSYNC after a restart")
                writer.changes.clear()
            names = [name for writer in writers for name in writer.known]
            check_dns(server, stored, chance.sample(names, 5))
            if (round_number + 1) % 50 == 0:
                print(f"  {round_number + 1} rounds, {sum(w.acknowledged for w in writers)} changes acknowledged", flush=True)
        server.stop()
        check = subprocess.run(
            [sys.executable, "-c", "import sqlite3,sys; print(sqlite3.connect(sys.argv[1]).execute('PRAGMA integrity_check').fetchone()[0])"]
            + [str(server.data / "rota.db")],
            capture_output=True,
            text=True,
        )
        if check.stdout.strip() != "ok":
            raise AssertionError(f"integrity_check: {check.stdout}{check.stderr}")
        total = sum(writer.acknowledged for writer in writers)
        if total < options.rounds:
            raise AssertionError(f"only {total} changes in {options.rounds} rounds: the loop shows nothing")
    print(f"{options.rounds} rounds, {total} acknowledged changes, none lost, {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
