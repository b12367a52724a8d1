"""A thin Route 53 client for the benchmarks: one kept connection, requests signed by botocore."""

import http.client
import re
import urllib.request

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

NAMESPACE = "https://route53.amazonaws.com/doc/2013-04-01/"


def ready(address, port):
    try:
        with urllib.request.urlopen(f"http://{address}:{port}/healthz", timeout=1) as answer:
            return answer.status == 200
    except OSError:
        return False


class Api:
    def __init__(self, address, port, key_id, secret):
        self.origin = f"http://{address}:{port}"
        self.signer = SigV4Auth(Credentials(key_id, secret), "route53", "us-east-1")
        self.connection = http.client.HTTPConnection(address, port, timeout=60)

    def call(self, method, path, body=""):
        request = AWSRequest(method, self.origin + path, data=body.encode())
        self.signer.add_auth(request)
        self.connection.request(method, path, body.encode(), dict(request.headers))
        answer = self.connection.getresponse()
        text = answer.read().decode()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {text}")
        return text

    def create_zone(self, name):
        text = self.call(
            "POST",
            "/2013-04-01/hostedzone",
            f'<CreateHostedZoneRequest xmlns="{NAMESPACE}"><Name>{name}</Name>'
            f"<CallerReference>bench</CallerReference></CreateHostedZoneRequest>",
        )
        return re.search("/hostedzone/(Z[A-Z0-9]+)", text)[1]

    def create_records(self, zone_id, records):
        """records: (name, address, set identifier or None, weight)."""
        changes = "".join(self.change("CREATE", *record) for record in records)
        return self.call("POST", f"/2013-04-01/hostedzone/{zone_id}/rrset/", batch(changes))

    @staticmethod
    def change(action, name, address, identifier, weight, ttl=60):
        routing = f"<SetIdentifier>{identifier}</SetIdentifier><Weight>{weight}</Weight>" if identifier else ""
        return (
            f"<Change><Action>{action}</Action><ResourceRecordSet><Name>{name}</Name><Type>A</Type>{routing}"
            f"<TTL>{ttl}</TTL><ResourceRecords><ResourceRecord><Value>{address}</Value></ResourceRecord>"
            f"</ResourceRecords></ResourceRecordSet></Change>"
        )


def batch(changes):
    return (
        f'<ChangeResourceRecordSetsRequest xmlns="{NAMESPACE}"><ChangeBatch><Changes>{changes}</Changes>'
        f"</ChangeBatch></ChangeResourceRecordSetsRequest>"
    )
