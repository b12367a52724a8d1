"""The numbers in dns/types.h are IANA's (tests/golden/iana)."""

import csv
import os
import pathlib
import re
import unittest

ROOT = pathlib.Path(os.environ["ROTA_SOURCE_DIR"])
TYPES_H = (ROOT / "src/rota/dns/types.h").read_text()


def enumerators(name):
    body = re.search(r"enum class %s [^{]*\{([^}]*)\}" % name, TYPES_H).group(1)
    return {key: int(value) for key, value in re.findall(r"(\w+)\s*=\s*(\d+)", body)}


def registry(file, name, value):
    with open(ROOT / "tests/golden/iana" / file, newline="") as stream:
        return {row[name].lower(): int(row[value]) for row in csv.DictReader(stream)}


class CodePoints(unittest.TestCase):
    def test_every_type_has_its_registered_number(self):
        known = registry("rr-types.csv", "TYPE", "Value")
        known["any"] = known.pop("*")
        ours = enumerators("Type")
        self.assertGreater(len(ours), 15)
        for name, number in ours.items():
            self.assertEqual(known.get(name), number, f"dns::Type::{name}")

    def test_every_rcode_has_its_registered_number(self):
        known = registry("rcodes.csv", "Name", "RCODE")
        ours = enumerators("Rcode")
        self.assertGreater(len(ours), 5)
        for name, number in ours.items():
            self.assertEqual(known.get(name), number, f"dns::Rcode::{name}")


if __name__ == "__main__":
    unittest.main(warnings="ignore")
