#!/usr/bin/env python3
"""Fails on an include against the arrows of docs/design/layers.md.

usage: check_layers.py [ROOT]; prints one line a violation and exits 1 when there is any.
"""

import pathlib
import re
import sys


def arrows(text):
    """The block ```layers as {folder: set of folders it may use directly}; `*` stands for every folder named."""
    block = re.search(r"```layers\n(.*?)```", text, re.DOTALL).group(1)
    lines = [re.match(r"\s*([\w*]+)\s*->\s*(.+)", line).groups() for line in block.splitlines() if line.strip()]
    pairs = [(source, target.strip()) for source, targets in lines for target in targets.split(",")]
    uses = {name: set() for pair in pairs for name in pair if name != "*"}
    everywhere = [target for source, target in pairs if source == "*"]
    for source, target in pairs:
        if source != "*":
            uses[target].add(source)
    for target in everywhere:
        uses[target] |= set(uses) - set(everywhere)
    return uses


def reachable(uses):
    """The transitive closure; a folder that reaches itself is a circle."""
    closure = {}

    def visit(folder, path):
        if folder in path:
            raise SystemExit(f"layers.md: a circle: {' -> '.join([*path, folder])}")
        if folder not in closure:
            closure[folder] = set().union(*({used} | visit(used, [*path, folder]) for used in uses[folder]))
        return closure[folder]

    for folder in uses:
        visit(folder, [])
    return closure


def violations(root):
    allowed = reachable(arrows((root / "docs/design/layers.md").read_text()))
    include = re.compile(r'^\s*#\s*include\s*"rota/([^/"]+)/([^"]+)"', re.MULTILINE)
    for file in sorted((root / "src/rota").rglob("*")):
        if file.suffix not in (".h", ".cpp"):
            continue
        folder = file.relative_to(root / "src/rota").parts[0]
        if folder not in allowed:
            yield f"{file.relative_to(root)}: the folder {folder} is not in docs/design/layers.md"
            continue
        text = file.read_text()
        for match in include.finditer(text):
            used = match.group(1)
            if used != folder and used not in allowed[folder]:
                line = text.count("\n", 0, match.start(1)) + 1
                yield f"{file.relative_to(root)}:{line}: {folder} may not use {used} (rota/{used}/{match.group(2)})"


def main():
    root = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else pathlib.Path(__file__).resolve().parent.parent
    found = list(violations(root))
    print("\n".join(found) if found else "every include follows the arrows")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
