"""The command line's options for tool servers: which there are, and what of our environment they get."""

import os
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import click

from understudy.reach import Reach


def server_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options; the command receives `named`, `server_env` and `server_token`."""
    for option in (
        click.option(
            "--server-token", multiple=True, metavar="NAME=VARIABLE", help="Which variable holds a URL's bearer token."
        ),
        click.option(
            "--server-env",
            multiple=True,
            metavar="NAME:VARIABLE[=VALUE]",
            help="A variable that a server's command gets; it gets no keys otherwise. Repeatable.",
        ),
        click.option("--server", "named", multiple=True, metavar="NAME=COMMAND|URL", help="Tool server. Repeatable."),
    ):
        command = option(command)
    return command


def named_servers(given: Mapping[str, Any]) -> dict[str, Reach]:
    """Read the three options.

    Raises:
        UsageError: One has another form, names a server that is not there, or a variable that is not set.
    """
    targets = pairs(given["named"], "--server", "docs='npx -y @upstash/context7-mcp'")
    values, inherited = _environments(given["server_env"])
    tokens = pairs(given["server_token"], "--server-token", "docs=DOCS_TOKEN")
    for name in (*values, *inherited, *tokens):
        if name not in targets:
            raise click.UsageError(f"There is no server {name!r} to give this to. Add --server {name}=COMMAND|URL.")
    try:
        return {
            name: Reach(
                target,
                environment=values.get(name, {}),
                inherit=tuple(inherited.get(name, ())),
                token=_token(tokens[name]) if name in tokens else None,
            )
            for name, target in targets.items()
        }
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def pairs(values: Sequence[str], option: str, example: str) -> dict[str, str]:
    """Read `NAME=VALUE` options.

    Raises:
        UsageError: One of them has another form, or a name comes twice.
    """
    found: dict[str, str] = {}
    for value in values:
        name, equals, given = (part.strip() for part in value.partition("="))
        if not equals or not name or not given:
            raise click.UsageError(f"{option} {value!r} is not NAME=VALUE, such as {option} {example}.")
        if name in found:
            raise click.UsageError(f"{option} names {name!r} twice.")
        found[name] = given
    return found


def _environments(values: Sequence[str]) -> tuple[dict[str, dict[str, str]], dict[str, list[str]]]:
    environments: dict[str, dict[str, str]] = {}
    inherited: dict[str, list[str]] = {}
    for text in values:
        server, colon, rest = text.partition(":")
        variable, equals, value = rest.partition("=")
        if not colon or not server or not variable:
            raise click.UsageError(
                f"--server-env {text!r} is not NAME:VARIABLE or NAME:VARIABLE=VALUE, such as "
                "--server-env github:GITHUB_TOKEN."
            )
        if equals:
            environments.setdefault(server, {})[variable] = value
        else:
            inherited.setdefault(server, []).append(variable)
    return environments, inherited


def _token(variable: str) -> str:
    token = os.environ.get(variable, "").strip()
    if not token:
        raise ValueError(f"The variable {variable!r} holds no token. Set it, and give its name with --server-token.")
    return token
