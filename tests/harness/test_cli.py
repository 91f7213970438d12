"""The command line as a person meets it: the tour, mistakes, and exit codes."""

import os
import subprocess
import sys

import pytest

from understudy_harness import cli


def run(*args: str, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "understudy_harness", *args],
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **env},
    )


def test_help_lists_every_command_with_a_line_each() -> None:
    result = run("--help")

    assert result.returncode == 0
    for name, (_, line) in cli.COMMANDS.items():
        assert name in result.stdout
        assert " ".join(line.split()[:3]) in result.stdout


@pytest.mark.parametrize("table", [cli.COMMANDS, cli.SERVE], ids=["commands", "servers"])
def test_every_row_of_the_tables_names_a_command_that_exists(table: dict[str, tuple[str, str]]) -> None:
    for name in table:
        result = run(*(["serve"] if table is cli.SERVE else []), name, "--help")
        assert result.returncode == 0, result.stderr
        assert result.stdout.startswith("Usage:")


def test_a_misspelled_command_is_met_with_the_nearest_one() -> None:
    result = run("atach")

    assert result.returncode == 2
    assert "Did you mean 'attach'?" in result.stderr


def test_a_missing_extra_is_one_sentence_with_the_cure() -> None:
    code = "import sys\nfrom understudy_harness import cli\n"
    code += "def fail(**kwargs):\n    raise ModuleNotFoundError('no', name='xllamacpp')\n"
    code += "cli.understudy = fail\ncli.main()\n"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert result.returncode == cli.MISSING
    assert result.stderr.strip() == "This needs xllamacpp. Install it with: pip install 'understudy[local]'"


def test_an_interrupt_ends_with_130_and_no_traceback() -> None:
    code = "from understudy_harness import cli\n"
    code += "def interrupted(**kwargs):\n    raise KeyboardInterrupt\n"
    code += "cli.understudy = interrupted\ncli.main()\n"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert result.returncode == cli.INTERRUPTED
    assert result.stderr.strip() == "Interrupted."


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_shell_completes_commands_of_every_depth(shell: str) -> None:
    words = "understudy serve th"
    asked = {
        "_UNDERSTUDY_COMPLETE": f"{shell}_complete",
        "COMP_WORDS": words,
        "COMP_CWORD": "th" if shell == "fish" else "2",
    }
    code = "import sys\nsys.argv = ['understudy']\nfrom understudy_harness import cli\ncli.main()\n"

    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, env={**os.environ, **asked}
    )

    assert "thinking" in result.stdout
    assert "docs" not in result.stdout


def test_output_that_is_no_terminal_has_no_colors() -> None:
    for args in (["--help"], ["attach", "--help"], ["gap", "costs"], ["doctor", "--only", "installation"]):
        assert "\x1b[" not in run(*args, FORCE_COLOR="").stdout


def test_a_reader_that_leaves_early_is_no_traceback() -> None:
    command = f"{sys.executable} -m understudy_harness gap costs --published | head -1"

    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)

    assert done.stdout
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr


@pytest.mark.parametrize(
    ("fails_with", "said"),
    [
        ("OSError(36, 'File name too long', 'x')", "Error: 'x': File name too long."),
        ("'\\udcff'.encode()", "Error: an argument or a name holds bytes that are not UTF-8. Type it again."),
        ("BrokenPipeError()", ""),
    ],
)
def test_what_the_system_refuses_is_a_sentence(fails_with: str, said: str) -> None:
    code = "from understudy_harness import cli\n"
    code += f"def fail(**kwargs):\n    found = {fails_with}\n    raise found\n"
    code += "cli.understudy = fail\ncli.main()\n"

    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)

    assert result.returncode in {cli.UNREADABLE, cli.UNHEARD}
    assert result.stderr.strip() == said


def test_no_number_of_a_command_may_be_endless_or_none() -> None:
    result = run("gap", "plan", "--gap", "nan")

    assert result.returncode == 2
    assert "nan is no number to count with." in result.stderr
