"""No include in src/ goes against the arrows of docs/design/layers.md."""

import os
import pathlib
import sys
import tempfile
import unittest

ROOT = pathlib.Path(os.environ["ROTA_SOURCE_DIR"])
sys.path.insert(0, str(ROOT / "tools"))

import check_layers  # noqa: E402


class Layers(unittest.TestCase):
    def test_every_include_follows_the_arrows(self):
        self.assertEqual(list(check_layers.violations(ROOT)), [])

    def test_every_folder_with_code_is_a_layer(self):
        layers = check_layers.reachable(check_layers.arrows((ROOT / "docs/design/layers.md").read_text()))
        folders = {path.name for path in (ROOT / "src/rota").iterdir() if path.is_dir()}
        self.assertLessEqual(folders, set(layers))

    def test_an_include_against_an_arrow_is_found(self):
        with tempfile.TemporaryDirectory() as name:
            root = pathlib.Path(name)
            (root / "docs/design").mkdir(parents=True)
            (root / "docs/design/layers.md").write_text((ROOT / "docs/design/layers.md").read_text())
            (root / "src/rota/dns").mkdir(parents=True)
            (root / "src/rota/dns/bad.cpp").write_text('#include <string>\n\n#include "rota/zone/answer.h"\n')
            found = list(check_layers.violations(root))
        self.assertEqual(found, ["src/rota/dns/bad.cpp:3: dns may not use zone (rota/zone/answer.h)"])


if __name__ == "__main__":
    unittest.main(warnings="ignore")
