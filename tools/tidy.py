#!/usr/bin/env python3
"""Runs clang-tidy over translation units in parallel and remembers the clean ones.

A unit is skipped when nothing that clang-tidy could see has changed since it was clean: its preprocessed text, the raw text of
our own files in it (comments count: NOLINT), .clang-tidy and the version of the tool. A unit costs about 9 s of CPU, so a
second run over an unchanged tree is worth having. The memory is $XDG_CACHE_HOME/rota-tidy; deleting it is safe.
"""

import argparse
import concurrent.futures
import hashlib
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TIDY = "clang-tidy-19"
NOISE = re.compile(r"^(\d+ warnings?( treated as error.*| generated\.?)|Suppressed |Use -header-filter|\s*$)")


def commands(build):
    entries = json.loads((build / "compile_commands.json").read_text())
    return {pathlib.Path(entry["file"]): entry for entry in entries}


def key(entry, settings):
    """A digest of all that decides what clang-tidy says about one unit; paths of this checkout are left out of it."""
    command = shlex.split(entry["command"])
    output = command.index("-o")
    preprocess = [*command[:output], *command[output + 2 :], "-E"]
    result = subprocess.run(preprocess, cwd=entry["directory"], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        return None
    digest = hashlib.sha256(settings)
    digest.update(" ".join(command).replace(str(ROOT), "").encode())
    ours = sorted(set(re.findall(r'^# \d+ "(%s/src/[^"]+)"' % re.escape(str(ROOT)), result.stdout, re.MULTILINE)))
    for path in ours:
        digest.update(pathlib.Path(path).read_bytes())
    digest.update(result.stdout.replace(str(ROOT), "").encode())
    return digest.hexdigest()


def check(path, entry, settings, build, memory, fix):
    name = None if fix else key(entry, settings)
    if name and (memory / name).exists():
        return path, True, "", True
    command = [TIDY, "--quiet", "-p", str(build), *(["--fix", "--format-style=file"] if fix else []), str(path)]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if result.returncode == 0 and name:
        (memory / name).touch()
    said = "\n".join(line for line in (result.stdout + result.stderr).splitlines() if not NOISE.match(line))
    return path, result.returncode == 0, said, False


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build/tidy", help="folder of compile_commands.json")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    parser.add_argument("--fix", action="store_true", help="apply the tool's own corrections, one unit at a time")
    parser.add_argument("files", nargs="*", type=pathlib.Path, help="default: every unit of src/")
    options = parser.parse_args()

    known = commands(options.build)
    wanted = [path.resolve() for path in options.files] or sorted(path for path in known if path.is_relative_to(ROOT / "src"))
    unknown = [path for path in wanted if path not in known]
    if unknown:
        sys.exit(f"tidy: not compiled in {options.build}: {', '.join(map(str, unknown))}")
    memory = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "rota-tidy"
    memory.mkdir(parents=True, exist_ok=True)
    version = subprocess.run([TIDY, "--version"], capture_output=True, check=True).stdout
    settings = version + (ROOT / ".clang-tidy").read_bytes()

    bad = remembered = 0
    with concurrent.futures.ThreadPoolExecutor(1 if options.fix else options.jobs) as pool:
        jobs = [pool.submit(check, path, known[path], settings, options.build, memory, options.fix) for path in wanted]
        for job in concurrent.futures.as_completed(jobs):
            path, clean, said, skipped = job.result()
            remembered += skipped
            if not clean:
                bad += 1
                print(f"{path.relative_to(ROOT)}:\n{said}", flush=True)
    print(f"clang-tidy: {len(wanted)} units, {bad} with findings, {remembered} unchanged since they were clean")
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
