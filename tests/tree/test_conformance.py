"""Every test that docs/conformance.md names exists."""

import os
import pathlib
import re
import unittest

ROOT = pathlib.Path(os.environ["ROTA_SOURCE_DIR"])
DECLARED = re.compile(r"\b(?:TEST|TEST_F|TEST_P|RC_GTEST_PROP)\(\s*(\w+),\s*(\w+)")


class Conformance(unittest.TestCase):
    def test_every_test_named_exists(self):
        declared = set()
        for path in [*ROOT.glob("tests/unit/*.cpp"), *ROOT.glob("tests/property/*.cpp")]:
            declared |= {f"{suite}.{test}" for suite, test in DECLARED.findall(path.read_text())}
        suites = {name.split(".")[0] for name in declared}
        wrong = []
        for number, line in enumerate((ROOT / "docs/conformance.md").read_text().splitlines(), 1):
            for name in re.findall(r"`([A-Z]\w*\.(?:\w{4,}|\*))`", line):
                suite, _, test = name.partition(".")
                if name not in declared and not (test == "*" and suite in suites) and name != "Suite.test":
                    wrong.append(f"docs/conformance.md:{number}: there is no test {name}")
            for name in re.findall(r"`(tests/[\w/]+\.py|test_\w+\.py)`", line):
                if not (ROOT / name).exists() and not list(ROOT.glob(f"tests/**/{name}")):
                    wrong.append(f"docs/conformance.md:{number}: there is no file {name}")
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main()
