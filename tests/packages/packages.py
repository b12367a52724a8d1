"""The packages that `./dev package` made, and what their tests share."""

import functools
import os
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]
MADE = pathlib.Path(os.environ.get("ROTA_PACKAGES", ROOT / "build/package"))
VERSION = re.search(r"project\(rota VERSION (\S+)", (ROOT / "CMakeLists.txt").read_text()).group(1)
LATER = "99.0.0"
SERVICES = ("agent", "serve", "sweep")


def one(pattern, folder=MADE):
    """The one package of that name."""
    found = sorted(folder.glob(pattern))
    assert len(found) == 1, f"{folder}/{pattern}: {found}; ./dev package makes it"
    return found[0]


def run(*command, **options):
    """Runs a command that must succeed; its output."""
    done = subprocess.run(command, capture_output=True, text=True, check=False, **options)
    assert done.returncode == 0, f"{command}: {done.returncode}\n{done.stdout}{done.stderr}"
    return done.stdout


@functools.cache
def deb(version=VERSION):
    return one(f"rota_{version}-1_*.deb", MADE if version == VERSION else MADE / "later")


@functools.cache
def rpm(version=VERSION):
    return one(f"rota-{version}-1.*.rpm", MADE if version == VERSION else MADE / "later")


@functools.cache
def tarball():
    return one(f"rota-{VERSION}-linux-*.tar.gz")
