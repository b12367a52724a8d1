"""The lab's group and its metadata service, as the clients see them that everybody has: awscli, boto3, botocore's instance role, the
JavaScript SDK and cloud-init's Ec2 data source."""

import datetime
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

import boto3
import botocore.exceptions
from botocore.config import Config
from botocore.utils import InstanceMetadataFetcher

import harness

HERE = pathlib.Path(__file__).resolve().parent
CLOUD_INIT = harness.ROOT / "build/judges/cloud-init/usr/lib/python3/dist-packages"
ID, SECRET = "AKIAIOSFODNN7EXAMPLE", "a-secret-of-the-test"
INSTANCES = [f"i-0{number:016x}" for number in range(1, 8)]


class Part:
    """A part of the lab, told what to do on its standard input; `said` holds the lines of its standard output."""

    def __init__(self, directory, name, *arguments, first=(), **environment):
        self.port = harness.free_port()
        self.errors = open(pathlib.Path(directory) / f"{name}.log", "wb")
        self.child = subprocess.Popen(
            [harness.ROTA, name, "--listen", f"127.0.0.1:{self.port}", *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.errors, text=True, env=harness.clean_environment(**environment),
        )  # fmt: skip
        self.tell(*first)
        self.expect("ready")

    def tell(self, *lines):
        self.child.stdin.write("".join(line + "\n" for line in lines))
        self.child.stdin.flush()

    def expect(self, *lines):
        for line in lines:
            said = self.child.stdout.readline().rstrip("\n")
            if said != line:
                raise AssertionError(f"{line!r} was expected, it said {said!r}")

    @property
    def endpoint(self):
        return f"http://127.0.0.1:{self.port}"

    def close(self):
        self.child.stdin.close()
        status = self.child.wait(20 * harness.SLOW)
        self.child.stdout.close()
        self.errors.close()
        assert status == 0, status


class LabApis(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory(prefix="rota-test-")
        self.addCleanup(directory.cleanup)
        self.group = Part(directory.name, "lab-group", "--group", "web", "--max", "7", AWS_ACCESS_KEY_ID=ID, AWS_SECRET_ACCESS_KEY=SECRET)
        self.addCleanup(self.group.close)
        self.group.tell(*(f"launch {name} 127.77.1.{10 + number}" for number, name in enumerate(INSTANCES, 1)), "desired 7")
        self.group.expect(*(f"{name} Pending:Wait" for name in INSTANCES))
        until = (datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=6)).strftime("%Y-%m-%dT%H:%M:%SZ")
        role = {"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": ID, "SecretAccessKey": SECRET, "Token": "", "Expiration": until}
        self.metadata = Part(
            directory.name, "lab-metadata", "--instance-id", INSTANCES[0], "--address", "127.77.1.11",
            first=(
                "set meta-data/autoscaling/target-lifecycle-state InService",
                f"set meta-data/iam/security-credentials/rota-lab {json.dumps(role)}",
                "set user-data #cloud-config",
                "serve",
            ),
        )  # fmt: skip
        self.addCleanup(self.metadata.close)

    def environment(self, **extra):
        return harness.clean_environment(
            AWS_DEFAULT_REGION="us-east-1", AWS_EC2_METADATA_DISABLED="false",
            AWS_EC2_METADATA_SERVICE_ENDPOINT=self.metadata.endpoint + "/",  # awscli 2.9 puts no slash between it and the path
            **extra,
        )  # fmt: skip

    def client(self, service, secret=SECRET):
        config = Config(retries={"max_attempts": 0}, proxies={}, read_timeout=30 * harness.SLOW)
        return boto3.client(
            service, endpoint_url=self.group.endpoint, region_name="us-east-1", aws_access_key_id=ID, aws_secret_access_key=secret, config=config
        )

    def aws(self, *words):
        command = ["aws", "--endpoint-url", self.group.endpoint, "--output", "json", *words]
        return subprocess.run(command, capture_output=True, text=True, env=self.environment(), timeout=60 * harness.SLOW)

    def refusal(self, call, **arguments):
        with self.assertRaises(botocore.exceptions.ClientError) as caught:
            call(**arguments)
        return caught.exception.response["Error"], caught.exception.response["ResponseMetadata"]["HTTPStatusCode"]

    def test_awscli_ends_the_waits_with_the_keys_of_the_role(self):
        wait = ["--auto-scaling-group-name", "web", "--instance-id", INSTANCES[0], "--lifecycle-hook-name"]
        done = self.aws("autoscaling", "complete-lifecycle-action", *wait, "rota-launch", "--lifecycle-action-result", "CONTINUE")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.group.tell(f"terminate {INSTANCES[0]}")
        self.group.expect(f"{INSTANCES[0]} InService", f"{INSTANCES[0]} Terminating:Wait")
        beat = self.aws("autoscaling", "record-lifecycle-action-heartbeat", *wait, "rota-leave")
        self.assertEqual(beat.returncode, 0, beat.stderr)
        done = self.aws("autoscaling", "complete-lifecycle-action", *wait, "rota-leave", "--lifecycle-action-result", "CONTINUE")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.group.tell(f"gone {INSTANCES[0]}")
        self.group.expect(f"{INSTANCES[0]} Terminating:Proceed", f"{INSTANCES[0]} Terminated")
        again = self.aws("autoscaling", "complete-lifecycle-action", *wait, "rota-leave", "--lifecycle-action-result", "CONTINUE")
        self.assertNotEqual(again.returncode, 0)
        self.assertIn(f"(ValidationError) when calling the CompleteLifecycleAction operation: No active Lifecycle Action found with instance "
                      f"ID {INSTANCES[0]}", again.stderr)  # fmt: skip
        query = ["--query", "Reservations[].Instances[].[InstanceId,State.Name]"]
        machines = self.aws("ec2", "describe-instances", "--page-size", "5", *query)
        self.assertEqual(machines.returncode, 0, machines.stderr)
        self.assertEqual(json.loads(machines.stdout), [[INSTANCES[0], "terminated"], *([name, "running"] for name in INSTANCES[1:])])

    def test_boto3_reads_the_group_and_its_machines_by_pages(self):
        scaling, ec2 = self.client("autoscaling"), self.client("ec2")
        (group,) = scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["web", "other"])["AutoScalingGroups"]
        self.assertEqual((group["MinSize"], group["MaxSize"], group["DesiredCapacity"]), (1, 7, 7))
        self.assertEqual([one["InstanceId"] for one in group["Instances"]], INSTANCES)
        self.assertIsInstance(group["CreatedTime"], datetime.datetime)
        self.assertEqual(scaling.describe_auto_scaling_groups(AutoScalingGroupNames=["other"])["AutoScalingGroups"], [])
        pages = list(scaling.get_paginator("describe_auto_scaling_instances").paginate(PaginationConfig={"PageSize": 3}))
        self.assertEqual([len(page["AutoScalingInstances"]) for page in pages], [3, 3, 1])
        self.assertEqual({one["LifecycleState"] for page in pages for one in page["AutoScalingInstances"]}, {"Pending:Wait"})
        hooks = scaling.describe_lifecycle_hooks(AutoScalingGroupName="web")["LifecycleHooks"]
        self.assertEqual([(one["LifecycleHookName"], one["DefaultResult"]) for one in hooks], [("rota-launch", "CONTINUE"), ("rota-leave", "CONTINUE")])
        self.assertEqual([(one["HeartbeatTimeout"], one["GlobalTimeout"]) for one in hooks], [(60, 6000)] * 2)
        only = [{"Name": "instance-id", "Values": INSTANCES[2:4] + ["i-0forgotten"]}]
        found = [one["Instances"][0] for one in ec2.describe_instances(Filters=only)["Reservations"]]
        self.assertEqual([(one["InstanceId"], one["PrivateIpAddress"]) for one in found], list(zip(INSTANCES[2:4], ["127.77.1.13", "127.77.1.14"])))
        machines = [one for page in ec2.get_paginator("describe_instances").paginate(PaginationConfig={"PageSize": 5}) for one in page["Reservations"]]
        self.assertEqual([one["Instances"][0]["InstanceId"] for one in machines], INSTANCES)

    def test_boto3_is_refused_in_the_words_of_each_api(self):
        scaling, ec2 = self.client("autoscaling"), self.client("ec2")
        error, status = self.refusal(self.client("autoscaling", "wrong").describe_auto_scaling_groups)
        self.assertEqual((error["Code"], status), ("SignatureDoesNotMatch", 403))
        error, status = self.refusal(self.client("ec2", "wrong").describe_instances)
        self.assertEqual((error["Code"], status), ("AuthFailure", 401))
        error, status = self.refusal(ec2.describe_instances, InstanceIds=["i-0forgotten"])
        self.assertEqual((error["Code"], error["Message"], status), ("InvalidInstanceID.NotFound", "The instance ID 'i-0forgotten' does not exist", 400))
        error, _ = self.refusal(ec2.describe_instances, Filters=[{"Name": "colour", "Values": ["red"]}])
        self.assertEqual((error["Code"], error["Message"]), ("InvalidParameterValue", "The filter 'colour' is invalid"))
        error, _ = self.refusal(scaling.describe_lifecycle_hooks, AutoScalingGroupName="other")
        self.assertEqual(error["Message"], "AutoScalingGroup name not found - AutoScalingGroup 'other' not found")
        error, _ = self.refusal(scaling.describe_policies)
        self.assertEqual(error["Code"], "InvalidAction")

    def test_the_javascript_sdk(self):
        run = subprocess.run(
            ["node", "lab_apis.mjs", INSTANCES[1]], cwd=HERE, env=self.environment(ENDPOINT=self.group.endpoint), capture_output=True, text=True,
            timeout=120 * harness.SLOW,
        )  # fmt: skip
        self.assertEqual(run.returncode, 0, run.stdout + run.stderr)
        said = json.loads(run.stdout)
        self.group.expect(f"{INSTANCES[1]} InService")
        self.assertEqual((said["twice"]["name"], said["twice"]["status"]), ("ValidationError", 400))
        self.assertEqual([one["AutoScalingGroupName"] for one in said["groups"]], ["web"])
        self.assertEqual([one["LifecycleHookName"] for one in said["hooks"]], ["rota-launch", "rota-leave"])
        self.assertEqual([one["InstanceId"] for one in said["instances"]], INSTANCES)
        self.assertEqual([one["InstanceId"] for one in said["machines"]], INSTANCES)
        self.assertEqual({one["State"]["Name"] for one in said["machines"]}, {"running"})

    def test_botocore_takes_the_keys_of_the_role(self):
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            del os.environ[name]
        fetcher = InstanceMetadataFetcher(
            timeout=20 * harness.SLOW, num_attempts=1, base_url=self.metadata.endpoint + "/", env={},
            config={"ec2_metadata_v1_disabled": "true"},
        )  # fmt: skip
        found = fetcher.retrieve_iam_role_credentials()
        self.assertEqual((found["role_name"], found["access_key"], found["secret_key"]), ("rota-lab", ID, SECRET))

    def test_cloud_init_walks_all_of_the_metadata(self):
        if not CLOUD_INIT.exists():
            self.skipTest("no cloud-init here: ./dev setup test")
        code = """
import json, sys
sys.path.insert(0, sys.argv[1])
from cloudinit import helpers
from cloudinit.sources import DataSourceEc2
source = DataSourceEc2.DataSourceEc2({"datasource": {"Ec2": {"metadata_urls": [sys.argv[2]], "max_wait": 60, "timeout": 30}}}, None, helpers.Paths({}))
source._cloud_name = DataSourceEc2.CloudNames.AWS
print(json.dumps(source.crawl_metadata(), default=lambda octets: octets.decode()))
"""
        run = subprocess.run(
            [sys.executable, "-c", code, CLOUD_INIT, self.metadata.endpoint], env=self.environment(), capture_output=True, text=True,
            timeout=120 * harness.SLOW,
        )  # fmt: skip
        self.assertEqual(run.returncode, 0, run.stderr)
        said = json.loads(run.stdout)
        found = said["meta-data"]
        self.assertEqual((found["instance-id"], found["local-ipv4"], found["placement"]["region"]), (INSTANCES[0], "127.77.1.11", "us-east-1"))
        self.assertEqual(found["autoscaling"]["target-lifecycle-state"], "InService")
        self.assertIn("iam", found)  # the keys below it are what it leaves alone
        self.assertEqual(said["dynamic"]["instance-identity"]["document"]["instanceId"], INSTANCES[0])
        self.assertEqual(said["user-data"], "#cloud-config")


if __name__ == "__main__":
    unittest.main(warnings="ignore")
