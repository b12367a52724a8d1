"""What README, docs/, man/ and packaging/ say about the commands is what the program says."""

import functools
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(os.environ["ROTA_SOURCE_DIR"])
ROTA = os.environ["ROTA"]
OPTION = re.compile(r"(?<![\w-])--[a-z0-9][a-z0-9-]*")


@functools.cache
def usage(*command):
    result = subprocess.run([ROTA, *command, "--help"], capture_output=True, text=True, timeout=30)
    return result.stdout if result.returncode == 0 else None


@functools.cache
def options(*command):
    return set(OPTION.findall(usage(*command) or "")) | {"--help", "--version"}


@functools.cache
def subcommands(*command):
    """The names listed under "Subcommands:" in the usage."""
    listed = re.search(r"^Subcommands:\n((?:  .*\n?)*)", usage(*command) or "", re.MULTILINE)
    return re.findall(r"^  (\S+)", listed.group(1), re.MULTILINE) if listed else []


def texts():
    found = [ROOT / "README.md", ROOT / "SECURITY.md", ROOT / "CONTRIBUTING.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("man/*.scd")]
    found += [path for path in ROOT.glob("packaging/**/*") if path.is_file()]
    return [path for path in found if path.exists()]


def command_lines(path):
    """(line number, words, options) for every `rota SUBCOMMAND …` written in a text."""
    text = path.read_text().replace("\\\n", " ")
    if path.suffix == ".scd":
        text = re.sub(r"[*_\\]", "", text)
    for number, line in enumerate(text.splitlines(), 1):
        for match in re.finditer(r"(?:^|[\s`*(/])rota ((?:[a-z0-9-]+)(?: [^`|;&#)]*)?)", line):
            words = match.group(1).split()
            yield number, words, [option.split("=")[0] for option in OPTION.findall(match.group(1))]


class Commands(unittest.TestCase):
    def test_every_option_in_the_texts_exists(self):
        wrong = []
        for path in texts():
            for number, words, named in command_lines(path):
                if words[0] not in subcommands() or not named:
                    continue
                known = options(words[0])
                for word in words[1:]:
                    if word in subcommands(words[0]):
                        known = known | options(words[0], word)
                wrong += [f"{path.relative_to(ROOT)}:{number}: rota {words[0]} has no {option}" for option in named if option not in known]
        self.assertEqual(wrong, [])

    def test_every_subcommand_has_a_man_page_with_exactly_its_options(self):
        wrong = []
        for name in subcommands():
            pages = [*ROOT.glob(f"man/rota-{name}.[18].scd")]
            if not pages:
                wrong.append(f"man/rota-{name}.1.scd is missing")
                continue
            (page,) = pages
            text = page.read_text().replace("\\", "")
            ours = options(name).union(*(options(name, inner) for inner in subcommands(name)))
            explained = set(re.findall(r"^\*?(?:\*-\w\*, )?\*?(--[a-z0-9-]+)", text, re.MULTILINE))
            named = set(OPTION.findall(text))
            wrong += [f"{page.name} does not mention {option}" for option in sorted(ours - named - {"--help", "--version"})]
            wrong += [f"{page.name} explains {option}, which is not there" for option in sorted(explained - ours)]
        self.assertEqual(wrong, [])

    def test_every_man_page_builds(self):
        scdoc = shutil.which("scdoc")
        self.assertIsNotNone(scdoc, "scdoc is missing: ./dev setup test")
        pages = sorted(ROOT.glob("man/*.scd"))
        self.assertIn(ROOT / "man/rota.1.scd", pages)
        for page in pages:
            result = subprocess.run([scdoc], input=page.read_text(), capture_output=True, text=True)
            self.assertEqual((page.name, result.stderr, result.returncode), (page.name, "", 0))
            self.assertNotRegex(result.stdout, r"%[a-z]n(?![a-z])", f"{page.name} lost the backslash of a \\n")

    def test_no_backslash_of_a_man_page_is_lost(self):
        """scdoc takes a backslash for its own, in literal blocks too; only two give one."""
        lost = {page.name: re.findall(r"(?<!\\)(?:\\\\)*\\[A-Za-z0-9].*", page.read_text()) for page in ROOT.glob("man/*.scd")}
        self.assertEqual({name: lines for name, lines in lost.items() if lines}, {})


class Completion(unittest.TestCase):
    def complete(self, *words):
        script = ROOT / "packaging/completion/rota.bash"
        run = 'PATH=$1:$PATH; source "$2"; shift 2; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _rota; printf "%s\\n" "${COMPREPLY[@]}"'
        result = subprocess.run(
            ["bash", "-c", run, "bash", os.path.dirname(ROTA), script, *words], capture_output=True, text=True, timeout=30
        )
        self.assertEqual(result.stderr, "")
        return result.stdout.split()

    def test_subcommands_complete(self):
        self.assertEqual(sorted(self.complete("rota", "")), sorted(subcommands()))

    def test_values_complete(self):
        self.assertEqual(self.complete("rota", "join", "--type", "")[:2], ["A", "AAAA"])
        self.assertEqual(self.complete("rota", "leave", "--last", "rem"), ["remove"])
        self.assertEqual(self.complete("rota", "agent", "--log-format", ""), ["key-value", "json"])

    def test_the_old_tools_commands_complete_under_both_names(self):
        self.assertIn("add_record", self.complete("rota", "route53", "add_"))
        with tempfile.TemporaryDirectory() as folder:
            route53 = os.path.join(folder, "route53")
            os.symlink(ROTA, route53)
            self.assertEqual(self.complete(route53, ""), self.complete("rota", "route53", ""))

    def test_options_complete_for_every_subcommand(self):
        for name in subcommands():
            if subcommands(name):
                self.assertEqual(sorted(self.complete("rota", name, "")), sorted(subcommands(name)))
            offered = set(self.complete("rota", name, "--"))
            self.assertEqual(offered, options(name) & set(OPTION.findall(usage(name))), name)


class Dev(unittest.TestCase):
    """./dev answers and refuses before it installs, configures or builds anything."""

    VERBS = ("demo", "test", "build", "setup", "lint", "format", "fuzz", "bench", "proof", "package")

    def dev(self, *words, **variables):
        environment = {**os.environ, **variables}
        return subprocess.run([ROOT / "dev", *words], capture_output=True, text=True, timeout=30, env=environment)

    def test_every_verb_has_help(self):
        listed = re.findall(r"^  ([a-z]+) ", self.dev("--help").stdout, re.MULTILINE)
        self.assertEqual(sorted(listed), sorted(self.VERBS))
        for verb in self.VERBS:
            run = self.dev(verb, "--help")
            self.assertEqual((run.returncode, run.stderr), (0, ""), verb)
            self.assertTrue(run.stdout.startswith(f"usage: ./dev {verb}"), run.stdout)
            self.assertNotIn("== ", run.stdout)

    def test_what_a_verb_does_not_take_is_refused(self):
        for words in (
            ("fuzz", "soon"), ("fuzz", "0"), ("fuzz", "-1"), ("fuzz", "5", "6"), ("build", "fast"), ("test", "--bogus"),
            ("test", "--preset", "release"), ("format", "--bogus"), ("lint", "--bogus"), ("package", "it"), ("setup", "everything"),
        ):  # fmt: skip
            run = self.dev(*words)
            self.assertEqual((run.returncode, run.stdout), (1, ""), words)
            self.assertTrue(run.stderr.startswith(f"./dev: {words[0]}: "), run.stderr)
        self.assertIn("JOBS=many", self.dev("test", JOBS="many").stderr)


class Changelog(unittest.TestCase):
    def test_it_says_what_is_new(self):
        text = (ROOT / "CHANGELOG.md").read_text()
        self.assertRegex(text, r"(?m)^## Unreleased$")
        self.assertRegex(text, r"(?m)^- \w+: ")

    def test_links_inside_the_repository_lead_somewhere(self):
        wrong = []
        for path in texts():
            if path.suffix != ".md":
                continue
            for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text()):
                if "://" not in target and not target.startswith("mailto:") and not (path.parent / target).exists():
                    wrong.append(f"{path.relative_to(ROOT)}: {target}")
        self.assertEqual(wrong, [])


if __name__ == "__main__":
    unittest.main(warnings="ignore")
