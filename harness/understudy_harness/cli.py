"""The command line: finds commands by name and imports them lazily.

This table is the only bridge between the three packages: a row names a module and an attribute, and nothing is imported
before its command is called, so that `understudy --help` stays fast and `understudy serve thinking` loads no harness.
"""

from importlib import import_module, metadata
from typing import Any

import click

# name -> (where the command lives, the line shown in help). The order is the order of the tour in `understudy --help`.
COMMANDS: dict[str, tuple[str, str]] = {}

SERVE: dict[str, tuple[str, str]] = {
    "thinking": ("understudy_servers.thinking.commands:serve", "A notebook of thoughts that talks back in a line."),
    "docs": ("understudy_servers.docs.commands:serve", "Documentation of the versions you have installed."),
    "testing": ("understudy_servers.testing.commands:serve", "Run tests, sandboxed; a pass must be proved."),
}


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
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        rows = [(name, help_line) for name, (_, help_line) in self.table.items()]
        rows += [(name, command.get_short_help_str()) for name, command in self.commands.items()]
        if rows:
            with formatter.section("Commands"):
                formatter.write_dl(rows)


@click.group(cls=LazyGroup, table=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(metadata.version("understudy"), prog_name="understudy")
def main() -> None:
    """Help a small local model stand in for a large one, and measure honestly how well it does."""


@main.group(cls=LazyGroup, table=SERVE)
def serve() -> None:
    """Serve a tool server to any MCP client, over stdio or HTTP."""
