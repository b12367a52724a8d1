"""deploy/ as others read it: HashiCorp's parser for Terraform and Packer, AWS's specification for CloudFormation, botocore's models for
the actions of IAM, dash for the shell, and rota itself for its configuration. Nothing is sent to AWS."""

import functools
import json
import pathlib
import re
import subprocess
import tempfile
import unittest

import botocore.session
import harness
import parts
import yaml

DEPLOY = harness.ROOT / "deploy"
HCL = sorted([*DEPLOY.glob("terraform/*.tf"), *DEPLOY.glob("image/*.pkr.hcl")])
HOLE = re.compile(r"\$\{(\w+)\}")
VALUES = {
    "partition": "aws", "region": "eu-central-1", "account": "123456789012", "group": "rota", "zone_id": "Z0123456789ABC",
    "record_name": "www.example.com", "address": "public-ipv4", "ttl": "30", "port": "80", "health_path": "/health", "application": "true",
    "package_url": "https://example.com/rota.rpm", "package_sha256": "0" * 64,
}  # fmt: skip

# By their names the agent knows them for its own.
HOOKS = {
    "rota-join": ("CONTINUE", "autoscaling:EC2_INSTANCE_LAUNCHING"),
    "rota-leave": ("CONTINUE", "autoscaling:EC2_INSTANCE_TERMINATING"),
}


class Tags(yaml.SafeLoader):
    """YAML with CloudFormation's short forms: !Ref x is {"Ref": "x"}, !Sub x is {"Fn::Sub": "x"}."""


def _short_form(loader, suffix, node):
    name = suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}"
    if isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    elif isinstance(node, yaml.MappingNode):
        value = loader.construct_mapping(node, deep=True)
    else:
        value = node.value.split(".", 1) if suffix == "GetAtt" else node.value
    return {name: value}


Tags.add_multi_constructor("!", _short_form)


def filled(path):
    return HOLE.sub(lambda hole: VALUES[hole[1]], path.read_text())


@functools.cache
def template():
    return yaml.load((DEPLOY / "cloudformation/group.yaml").read_text(), Tags)


@functools.cache
def parsed():
    """What parse_deploy.mjs says."""
    types = sorted({resource["Type"] for resource in template()["Resources"].values()})
    script = pathlib.Path(__file__).with_name("parse_deploy.mjs")
    done = subprocess.run(["node", script, *HCL, "--", *types], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def walk(value):
    """Every mapping in a tree, and every text."""
    if isinstance(value, dict):
        yield value
        for one in value.values():
            yield from walk(one)
    elif isinstance(value, list):
        for one in value:
            yield from walk(one)
    elif isinstance(value, str):
        yield value


class Terraform(unittest.TestCase):
    def files(self, folder):
        return {path: tree for path, tree in parsed()["hcl"].items() if f"/{folder}/" in path}

    def test_every_reference_leads_somewhere(self):
        for folder in ("terraform", "image"):
            trees = self.files(folder).values()
            text = "\n".join(text for tree in trees for text in walk(tree) if isinstance(text, str))
            declared = {name for tree in trees for name in tree.get("variable", {})}
            self.assertEqual(set(re.findall(r"\bvar\.(\w+)", text)), declared, "declared and used")
            resources = {f"{kind}.{name}" for tree in trees for kind, named in tree.get("resource", {}).items() for name in named}
            data = {f"data.{kind}.{name}" for tree in trees for kind, named in tree.get("data", {}).items() for name in named}
            local = {f"local.{name}" for tree in trees for one in tree.get("locals", []) for name in one}
            used = set(re.findall(r"(?<![\w./\"-])((?:data\.)?aws_\w+\.\w+|local\.\w+)", text))
            self.assertEqual(used - resources - data - local, set())

    def test_templates_get_what_they_ask_for(self):
        text = (DEPLOY / "terraform/main.tf").read_text()
        calls = re.findall(r'templatefile\("\$\{path\.module\}/([^"]+)", \{(.*?)\}\)', text, re.DOTALL)
        self.assertEqual(len(calls), 2)
        for path, given in calls:
            asked = set(HOLE.findall((DEPLOY / "terraform" / path).read_text()))
            self.assertEqual(set(re.findall(r"^\s*(\w+)\s*=", given, re.MULTILINE)), asked, path)
            self.assertNotIn("%{", (DEPLOY / "terraform" / path).read_text())

    def test_the_group_has_hooks_that_wait_and_go_on(self):
        (tree,) = (tree for path, tree in self.files("terraform").items() if path.endswith("main.tf"))
        (group,) = tree["resource"]["aws_autoscaling_group"]["rota"]
        hooks = {hook["name"]: (hook["default_result"], hook["lifecycle_transition"]) for hook in group["initial_lifecycle_hook"]}
        self.assertEqual(hooks, HOOKS)
        (instance,) = tree["resource"]["aws_launch_template"]["instance"]
        self.assertEqual(instance["metadata_options"][0]["http_tokens"], "required")


class CloudFormation(unittest.TestCase):
    def check(self, where, kind, properties, owner):
        """`properties` against those of `kind`, a resource type or (of the resource type `owner`) a property type."""
        known = kind["Properties"]
        if set(properties) & {"Ref", "Fn::If", "Fn::Sub", "Fn::GetAtt", "Fn::Base64", "Fn::Join"}:
            return
        self.assertEqual(set(properties) - set(known), set(), where)
        self.assertEqual({name for name, one in known.items() if one.get("Required")} - set(properties), set(), where)
        for name, value in properties.items():
            one = known[name]
            item = one.get("ItemType") if one.get("Type") == "List" else one.get("Type")
            if one.get("Type") == "List":
                self.assertTrue(isinstance(value, list) or isinstance(value, dict), f"{where}.{name} is a list")
            if item and item not in ("List", "Map"):
                inner = parsed()["properties"].get(f"{owner}.{item}") or parsed()["properties"][item]
                for each in value if isinstance(value, list) else [value]:
                    if "Properties" in inner:
                        self.check(f"{where}.{name}", inner, each, owner)

    def test_every_property_is_in_aws_specification_and_none_is_missing(self):
        for name, resource in template()["Resources"].items():
            kind = parsed()["resources"].get(resource["Type"])
            self.assertIsNotNone(kind, f"{name}: {resource['Type']}")
            self.check(name, kind, resource.get("Properties", {}), resource["Type"])
            self.assertLessEqual(set(resource), {"Type", "Properties", "Condition", "UpdatePolicy", "DependsOn"}, name)

    def test_every_reference_leads_somewhere(self):
        tree = template()
        names = set(tree["Parameters"]) | set(tree["Resources"])
        pseudo = {"AWS::Partition", "AWS::Region", "AWS::AccountId", "AWS::StackName", "AWS::URLSuffix"}
        used = set()
        for one in walk(tree):
            if not isinstance(one, dict):
                continue
            if "Ref" in one:
                used.add(one["Ref"])
            if "Fn::If" in one:
                self.assertIn(one["Fn::If"][0], tree["Conditions"])
            if "Fn::GetAtt" in one:
                resource, attribute = one["Fn::GetAtt"]
                self.assertIn(attribute, parsed()["resources"][tree["Resources"][resource]["Type"]]["Attributes"])
            if "Fn::Sub" in one:
                text, given = one["Fn::Sub"] if isinstance(one["Fn::Sub"], list) else (one["Fn::Sub"], {})
                asked = set(re.findall(r"\$\{([^}]*)\}", text))
                self.assertEqual(set(given) - asked, set())
                used |= asked - set(given)
        self.assertEqual(used - names - pseudo, set())
        self.assertEqual(set(tree["Parameters"]) - used, set(), "every parameter is used")

    def test_the_user_data_is_the_file(self):
        data = template()["Resources"]["Template"]["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]["Fn::Sub"]
        self.assertEqual(data[0], (DEPLOY / "cloud-init/agent.yaml").read_text())
        self.assertEqual(set(data[1]), set(HOLE.findall(data[0])))
        self.assertLess(len(data[0]), 12000, "user data may be 16 KiB in base64's source at most, filled in")

    def test_the_policy_is_the_file(self):
        names = {
            "AWS::Partition": "partition", "AWS::Region": "region", "AWS::AccountId": "account", "AWS::StackName": "group",
            "RecordName": "record_name", "zone": "zone_id",
        }  # fmt: skip

        def plain(value):
            if isinstance(value, list):
                return [plain(one) for one in value]
            if not isinstance(value, dict):
                return value
            if "Ref" in value:
                return VALUES[names[value["Ref"]]]
            if "Fn::Sub" in value:
                text = value["Fn::Sub"][0] if isinstance(value["Fn::Sub"], list) else value["Fn::Sub"]
                return re.sub(r"\$\{([^}]*)\}", lambda hole: VALUES[names[hole[1]]], text)
            return {name: plain(one) for name, one in value.items()}

        (policy,) = template()["Resources"]["Role"]["Properties"]["Policies"]
        self.assertEqual(plain(policy["PolicyDocument"]), json.loads(filled(DEPLOY / "iam/agent.json")))

    def test_the_group_has_hooks_that_wait_and_go_on(self):
        hooks = template()["Resources"]["Group"]["Properties"]["LifecycleHookSpecificationList"]
        self.assertEqual({hook["LifecycleHookName"]: (hook["DefaultResult"], hook["LifecycleTransition"]) for hook in hooks}, HOOKS)


class Iam(unittest.TestCase):
    POLICIES = sorted((DEPLOY / "iam").glob("*.json"))

    def statements(self, path):
        return json.loads(filled(path))["Statement"]

    def test_every_action_is_an_operation(self):
        session = botocore.session.get_session()
        for path in self.POLICIES:
            for statement in self.statements(path):
                actions = statement["Action"]
                for action in [actions] if isinstance(actions, str) else actions:
                    service, operation = action.split(":")
                    self.assertIn(operation, session.get_service_model(service).operation_names, path.name)

    def test_nothing_is_allowed_that_names_no_resource_but_reading(self):
        for path in self.POLICIES:
            for statement in self.statements(path):
                if statement["Resource"] == "*":
                    actions = statement["Action"]
                    self.assertEqual([action for action in actions if not re.match(r"\w+:(Describe|List|Get)", action)], [], path.name)

    def test_the_agents_policy_is_that_of_security_md(self):
        """There it is for a zone given by name, too, and without Auto Scaling."""
        text = (harness.ROOT / "SECURITY.md").read_text()
        told = json.loads(re.search(r"```json\n(.*?)```", text, re.DOTALL).group(1))["Statement"]
        told = [one for one in told if one["Action"] != "route53:ListHostedZonesByName"]
        ours = [{name: value for name, value in one.items() if name != "Sid"} for one in self.statements(DEPLOY / "iam/agent.json")]
        self.assertEqual([one for one in ours if "autoscaling" not in str(one["Action"])], told)


class CloudInit(unittest.TestCase):
    def setUp(self):
        text = filled(DEPLOY / "cloud-init/agent.yaml")
        self.assertEqual(text.splitlines()[0], "#cloud-config")
        self.config = yaml.safe_load(text)
        self.files = {one["path"]: one["content"] for one in self.config["write_files"]}

    def test_rota_takes_the_configuration(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "agent.toml"
            for text, taken in ((self.files["/etc/rota/agent.toml"], True), ("no-such-key = 1\n", False)):
                path.write_text(text)
                run = subprocess.run(
                    [harness.ROTA, "status", "--config", path, "--socket", f"{folder}/none", "--endpoint-url", "http://127.0.0.1:1"],
                    env=harness.clean_environment(AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="y", AWS_MAX_ATTEMPTS="1"),
                    capture_output=True, text=True, timeout=120 * harness.SLOW,
                )  # fmt: skip
                self.assertEqual(str(path) not in run.stderr, taken, run.stderr)

    def test_the_script_is_shell(self):
        script = self.files["/run/rota-set-up"]
        subprocess.run(["sh", "-n"], input=script, text=True, check=True)
        self.assertIn("\nset -eu\n", script)
        self.assertEqual(self.config["runcmd"], [["sh", "/run/rota-set-up"]], "from /run, which may be mounted noexec")

    def settings_of(self, user_data, tags=None):
        """What `rota` makes of them: its complaint about an API that is not there names the rota, or there is another."""
        metadata = parts.Metadata({"instance-id": "i-1", "public-ipv4": "192.0.2.1"})
        self.addCleanup(metadata.close)
        metadata.user_data, metadata.tags = user_data, tags
        environment = harness.clean_environment(
            AWS_ACCESS_KEY_ID="x", AWS_SECRET_ACCESS_KEY="y", AWS_EC2_METADATA_SERVICE_ENDPOINT=metadata.endpoint,
            AWS_ENDPOINT_URL_ROUTE_53="http://127.0.0.1:1", ROTA_AGENT_CONFIG="/dev/null",
        )  # fmt: skip
        del environment["AWS_EC2_METADATA_DISABLED"]
        run = subprocess.run(
            [harness.ROTA, "join", "--dry-run", "--deadline", "1s"], env=environment, capture_output=True, text=True, timeout=120 * harness.SLOW
        )
        return run.stderr

    def test_rota_takes_the_settings_of_an_image(self):
        text = filled(DEPLOY / "cloud-init/image.toml")
        self.assertIn("www.example.com. A i-1: ListResourceRecordSets", self.settings_of(text))
        self.assertIn("user data:5: unknown key 'names'", self.settings_of(text.replace("\nname =", "\nnames =")))
        tags = {"Name": "web", "rota:zone": VALUES["zone_id"], "rota:name": VALUES["record_name"]}
        self.assertIn("www.example.com. A i-1: ListResourceRecordSets", self.settings_of(None, tags))


if __name__ == "__main__":
    unittest.main(warnings="ignore")
