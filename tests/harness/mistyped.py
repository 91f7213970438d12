"""Type every command of the whole tree wrongly, each in a process of its own, and print each that went badly.

Run as `python mistyped.py FOLDER [WORDS OF A COMMAND …]`; FOLDER is empty and becomes the home and the working folder.
Processes are forked from one that has imported every command, so that hundreds of them take seconds.
"""

import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from understudy_harness import cli

PATIENCE_S = 6.0
WAITS = {"proxy", "watch", "serve", "test", "doctor"}  # these may be busy, with a nonsensical option or not
TEXTS = ("", "nonsense", "a=b", "=", "nonsense:x", "http://127.0.0.1:1/v1#x", "\udcff", "x" * 5_000)
NUMBERS = ("nonsense", "-1", "0", "nan", "inf", "1e999", "9" * 30, "")
PATHS = ("missing/thing", "folder", "file", "", "x" * 300, "file/inside", "/proc/self/mem")


def leaves(
    command: click.Command, name: tuple[str, ...], context: click.Context
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    for child in command.list_commands(context):
        found = command.get_command(context, child)
        assert found is not None
        yield from leaves(found, (*name, child), context)


def wrong(parameter: click.Parameter) -> tuple[str, ...]:
    if isinstance(parameter.type, click.Path | click.File):
        return PATHS
    if isinstance(parameter.type, click.Choice):
        return ("nonsense", "")
    return TEXTS if isinstance(parameter.type, click.types.StringParamType) else NUMBERS


def usual(parameter: click.Parameter) -> str:
    if isinstance(parameter.type, click.Choice):
        return str(parameter.type.choices[0])
    if isinstance(parameter.type, click.Path):
        return "file" if not parameter.type.dir_okay else "folder"
    return "nonsense"


def spelled(parameter: click.Parameter, value: str) -> list[str]:
    return [value] if isinstance(parameter, click.Argument) else [parameter.opts[0], value]


def cases(name: tuple[str, ...], command: click.Command) -> Iterator[list[str]]:
    takes = [one for one in command.params if not (isinstance(one, click.Option) and (one.is_flag or one.is_eager))]
    needed = [one for one in takes if one.required]
    yield [*name, "--no-such-option"]
    yield [*name, "one", "two", "three", "four", "five"]
    if needed:
        yield [*name]
    for parameter in takes:
        others = [word for one in needed if one is not parameter for word in spelled(one, usual(one))]
        for value in wrong(parameter):
            yield [*name, *others, *spelled(parameter, value)]


def run(words: list[str], output: Path) -> tuple[int, str]:
    """Give the exit code (below 0 a signal) and everything that was said."""
    child = os.fork()
    if child == 0:
        os.setsid()
        said = os.open(output, os.O_RDWR | os.O_CREAT | os.O_TRUNC)
        nothing = os.open(os.devnull, os.O_RDONLY)
        for source, to in ((nothing, 0), (said, 1), (said, 2)):
            os.dup2(source, to)
        sys.argv = ["understudy", *words]
        code = 70  # what an exception that nobody caught ends with
        try:
            cli.main()
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException:
            import traceback  # noqa: PLC0415 - only to report what must not happen

            traceback.print_exc()
        finally:
            sys.stdout.flush()
            os._exit(code)
    until = time.monotonic() + PATIENCE_S
    while time.monotonic() < until:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), output.read_text("utf-8", "replace")
        time.sleep(0.005)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return 0 if WAITS & set(words) else 124, output.read_text("utf-8", "replace")


def bad(code: int, said: str) -> bool:
    return code not in {0, 1, 2, 3, 4} or "Traceback" in said or (code != 0 and not said.strip())


def main() -> None:
    folder, *only = sys.argv[1:]
    folder = os.path.realpath(folder)
    os.chdir(folder)
    os.environ.update(HOME=folder, XDG_DATA_HOME=f"{folder}/data", NO_COLOR="1")
    Path("folder").mkdir()
    Path("file").write_bytes(b"\xff\xfe nonsense")
    count = 0
    commands = list(leaves(cli.understudy, (), click.Context(cli.understudy)))
    for name, command in commands:
        if list(name[: len(only)]) != only or name == ("gap", "demo"):
            continue
        for words in cases(name, command):
            count += 1
            code, said = run(words, Path(folder).parent / "said")
            if bad(code, said):
                shown = [one[:80].encode("utf-8", "replace").decode() for one in words]
                sys.stdout.write(json.dumps({"words": shown, "code": code, "said": said[-1500:]}) + "\n")
                sys.stdout.flush()
    sys.stdout.write(json.dumps({"count": count, "commands": len(commands)}) + "\n")


if __name__ == "__main__":
    main()
