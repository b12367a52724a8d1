"""One process that registers one weighted A record against the same rota serve: rota and what people use today."""

import json
import os
import statistics
import subprocess
import sys

import peers
import route53_http

HERE = os.path.dirname(os.path.abspath(__file__))
for folder in ("conformance", "system"):
    sys.path.insert(0, os.path.join(HERE, "..", "tests", folder))
import parts  # noqa: E402  the tests' metadata service

NAME, ADDRESS, IDENTIFIER = "www.bench.test", "192.0.2.10", "i-0123456789abcdef0"

# These take a few ms: they run in turn this often in a round, so that none of them pays for the caches that an interpreter before it
# left cold, and the median stands on more runs.
LIGHT, LIGHT_TIMES = ("rota", "rota route53", "curl"), 20

BATCH = {
    "Changes": [
        {
            "Action": "UPSERT",
            "ResourceRecordSet": {
                "Name": NAME,
                "Type": "A",
                "SetIdentifier": IDENTIFIER,
                "Weight": 10,
                "TTL": 60,
                "ResourceRecords": [{"Value": ADDRESS}],
            },
        }
    ]
}

BOTO3 = f"""
import boto3, os
boto3.client("route53", endpoint_url=os.environ["ENDPOINT"]).change_resource_record_sets(
    HostedZoneId=os.environ["ZONE"], ChangeBatch={BATCH!r})
"""

BOTO2 = f"""
import os
from boto.route53.connection import Route53Connection
from boto.route53.record import ResourceRecordSets
connection = Route53Connection(os.environ["AWS_ACCESS_KEY_ID"], os.environ["AWS_SECRET_ACCESS_KEY"], host=os.environ["HOST"],
                               port=int(os.environ["PORT"]))
connection.is_secure, connection.protocol = False, "http"  # the constructor insists on TLS
connection.get_path = lambda path="/": path
changes = ResourceRecordSets(connection, os.environ["ZONE"])
changes.add_change("UPSERT", "{NAME}", "A", 60, identifier="{IDENTIFIER}", weight=10).add_value("{ADDRESS}")
changes.commit()
"""


def commands(server):
    """{name: (what, argument vector)}; rota first, it is the base of the ratios."""
    endpoint = f"http://{peers.ADDRESS}:{server.api_port}"
    zone = server.zone_id
    change = route53_http.Api.change("UPSERT", NAME, ADDRESS, IDENTIFIER, 10)
    url = f"{endpoint}/2013-04-01/hostedzone/{zone}/rrset/"
    return {
        "rota": ("`rota join --no-wait --no-read`, literal address", [
            server.binary, "join", "--zone", zone, "--name", NAME, "--address", ADDRESS, "--set-identifier", IDENTIFIER,
            "--no-wait", "--no-read", "--endpoint-url", endpoint]),
        "rota route53": ("`rota route53 change_record`", [
            server.binary, "route53", "change_record", zone, NAME, "A", ADDRESS, "60", IDENTIFIER, "10"]),
        "curl": ("`curl --aws-sigv4`, hand-written XML", [
            "curl", "-s", "--fail", "-o", "/dev/null", "--aws-sigv4", "aws:amz:us-east-1:route53", "--user",
            f"{server.key_id}:{server.secret}", "-H", "Content-Type: application/xml", "--data-binary",
            route53_http.batch(change), url]),
        "boto 2": ("`ResourceRecordSets.commit`", ["/usr/bin/python3", "-W", "ignore", "-c", BOTO2]),
        "boto3": ("`change_resource_record_sets`", ["/usr/bin/python3", "-c", BOTO3]),
        "awscli": ("`aws route53 change-resource-record-sets`", [
            "/usr/bin/aws", "route53", "change-resource-record-sets", "--endpoint-url", endpoint, "--hosted-zone-id", zone,
            "--change-batch", json.dumps(BATCH)]),
    }


def environment(server):
    endpoint = f"http://{peers.ADDRESS}:{server.api_port}"
    return {
        "PATH": os.environ["PATH"],
        "HOME": server.dir,
        "AWS_ACCESS_KEY_ID": server.key_id,
        "AWS_SECRET_ACCESS_KEY": server.secret,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_ENDPOINT_URL_ROUTE_53": endpoint,
        "ENDPOINT": endpoint,
        "HOST": peers.ADDRESS,
        "PORT": str(server.api_port),
        "ZONE": server.zone_id,
    }


def launch(tools, command, env):
    """Runs a command under bench_launch; gives its costs."""
    read, write = os.pipe()
    with open(os.devnull, "wb") as null:
        done = subprocess.run(
            ["/bin/sh", "-c", 'exec "$0" "$@" 3>&"$COST_FD"', f"{tools}/bench_launch", *command], env={**env, "COST_FD": str(write)},
            pass_fds=(write,), stdout=null, stderr=subprocess.PIPE)
    os.close(write)
    with os.fdopen(read) as cost:
        row = json.load(cost)
    if row["status"] != 0:
        raise RuntimeError(f"{command[0]} failed ({row['status']}): {done.stderr.decode()[-800:]}")
    return row


def whole_join(server, tools, rounds, metadata):
    env = environment(server)
    del env["AWS_EC2_METADATA_DISABLED"]
    env["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = metadata
    command = [server.binary, "join", "--zone", "bench.test", "--name", NAME, "--address", "local-ipv4"]
    leave = [server.binary, "leave", "--zone", "bench.test", "--name", NAME, "--last", "remove", "--margin", "0", "--deadline", "1"]
    rows = []
    for _ in range(rounds):
        rows.append(launch(tools, command, env))
        subprocess.run(leave, env=env, capture_output=True, check=False)
    return rows


def bench(scratch, tools, rounds):
    server = peers.Rota(os.path.join(scratch, "registration"), "w1")
    metadata = None
    try:
        server.start()
        env = environment(server)
        samples = {}
        compared = commands(server)
        light = [name for name in compared if name in LIGHT]
        heavy = [name for name in compared if name not in LIGHT]
        for turn in range(rounds + 1):
            for name in light * LIGHT_TIMES + heavy:
                what, command = compared[name]
                row = launch(tools, command, env)
                if turn > 0:  # the first round warms the page cache
                    samples.setdefault(name, (what, []))[1].append(row)
            print(f"registration round {turn}", file=sys.stderr)
        metadata = parts.Metadata({"instance-id": IDENTIFIER, "local-ipv4": ADDRESS})
        samples["rota, whole join"] = (
            "metadata, zone by name, read, UPSERT, wait for INSYNC", whole_join(server, tools, rounds, metadata.endpoint))
        return samples
    finally:
        server.stop()
        if metadata is not None:
            metadata.close()


def report(samples):
    lines = [
        "## Registration: one process, one weighted A record",
        "",
        "Over plain HTTP against the same `rota serve`; user + system CPU of the child by wait4 from a small launcher. × is CPU against rota.",
        "",
        "| command | what | CPU ms | × rota | wall ms | peak MiB |",
        "|---|---|--:|--:|--:|--:|",
    ]
    median = lambda rows, pick: statistics.median(pick(row) for row in rows)
    cpu = lambda row: row["user_ms"] + row["sys_ms"]
    base = median(samples["rota"][1], cpu)
    for name, (what, rows) in samples.items():
        own = median(rows, cpu)
        lines.append(
            f"| {name} | {what} | {own:.2f} | {own / base:.1f} | {median(rows, lambda r: r['wall_ms']):.1f} | "
            f"{median(rows, lambda r: r['peak_kib']) / 1024:.1f} |"
        )
    return lines + [""]
