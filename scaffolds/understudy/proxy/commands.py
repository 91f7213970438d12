"""`understudy proxy`: any scaffold as an OpenAI-compatible endpoint."""

import os
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio
import click

from understudy.budget import Budget, Meter
from understudy.errors import MissingKey, ServerError, SpecError, SpellingError, UnderstudyError
from understudy.models import open_models, price_of
from understudy.project import TEST_TIMEOUT_S, read_project, testing_command
from understudy.proxy.asked import LARGEST_LIMIT, MOST_TOKENS
from understudy.proxy.log import Log, default_path
from understudy.proxy.serving import CannotListen, is_loopback, listening, serve
from understudy.scaffold import Scaffold
from understudy.server_options import named_servers, server_options
from understudy.spelling import parse


class Refused(click.ClickException):
    """The environment lacks something."""

    exit_code = 3


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What the command line asks for, read."""

    scaffold: Scaffold
    models: dict[str, str]
    servers: dict[str, Any]
    budget: Budget
    project: Path | None
    host: str
    port: int
    token: str | None
    hosts: tuple[str, ...]
    origins: tuple[str, ...]
    log: Path | None
    log_text: bool
    record: Path | None
    progress: bool
    concurrency: int
    max_tokens: int


@click.command()
@click.option("--scaffold", "spelling", default="Repair(Direct())", show_default=True, help="What answers.")
@click.option(
    "--model", "models", multiple=True, required=True, metavar="[ROLE=]SPEC", help="Role is local. Repeatable."
)
@server_options
@click.option("--check", metavar="tests:DIR", help="Judge answers without a pending call by this project's tests.")
@click.option("--budget-usd", type=click.FloatRange(0), help="Most US dollars in all.")
@click.option("--budget-tokens", type=click.IntRange(1), help="Most tokens in all.")
@click.option("--budget-calls", type=click.IntRange(1), help="Most calls of models in all.")
@click.option("--listen", default="127.0.0.1:8484", show_default=True, metavar="[HOST:]PORT", help="Where.")
@click.option("--token-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="The key to ask for.")
@click.option("--allow-host", multiple=True, metavar="NAME", help="Also accept this Host header. Repeatable.")
@click.option("--allow-origin", multiple=True, metavar="URL", help="Also accept web pages of this origin. Repeatable.")
@click.option("--progress", is_flag=True, help="Show inner calls as thinking.")
@click.option("--concurrency", type=click.IntRange(1), default=8, show_default=True, help="Requests at once.")
@click.option(
    "--max-tokens",
    type=click.IntRange(1, LARGEST_LIMIT),
    default=MOST_TOKENS,
    show_default=True,
    help="Of one reply, where the client does not say.",
)
@click.option("--log", type=click.Path(path_type=Path), help="File for `understudy usage`; else in the data folder.")
@click.option("--no-log", is_flag=True, help="Keep no log.")
@click.option("--log-text", is_flag=True, help="Also keep what was asked and answered.")
@click.option("--record", type=click.Path(path_type=Path), help="Append completions here, to be replayed.")
def proxy(
    spelling: str,
    models: Sequence[str],
    check: str | None,
    budget_usd: float | None,
    budget_tokens: int | None,
    budget_calls: int | None,
    listen: str,
    token_file: Path | None,
    allow_host: tuple[str, ...],
    allow_origin: tuple[str, ...],
    progress: bool,
    concurrency: int,
    max_tokens: int,
    log: Path | None,
    no_log: bool,
    log_text: bool,
    record: Path | None,
    **servers: Sequence[str],
) -> None:
    """Serve a scaffold to any OpenAI-compatible client.

    Point the client's base URL at http://127.0.0.1:8484/v1. It may ask for the model "understudy", or for a role by its
    name to reach that model bare.
    """
    try:
        host, port = address(listen)
        wanted = Wanted(
            scaffold=parse(spelling),
            models=bound(models),
            servers=named_servers(servers),
            budget=Budget(usd=budget_usd, tokens=budget_tokens, calls=budget_calls),
            project=project_of(check),
            host=host,
            port=port,
            token=token_of(token_file),
            hosts=allow_host,
            origins=allow_origin,
            log=None if no_log else log or default_path(),
            log_text=log_text,
            record=record,
            progress=progress,
            concurrency=concurrency,
            max_tokens=max_tokens,
        )
        if wanted.token is None and not is_loopback(host):
            raise ValueError(
                f"{host!r} can be reached from other machines, so a key is needed. Pass --token-file FILE or set "
                "UNDERSTUDY_TOKEN, or listen on 127.0.0.1."
            )
    except (ValueError, SpellingError) as error:
        raise click.UsageError(str(error)) from None
    try:
        anyio.run(run, wanted)
    except (MissingKey, ServerError, CannotListen, OSError) as error:
        raise Refused(str(error)) from None
    except (SpecError, UnderstudyError) as error:
        raise click.UsageError(str(error)) from None


async def run(wanted: Wanted) -> None:
    """Open models and servers, serve, and close them again.

    Raises:
        UnderstudyError: A spec, a server or a price is not there.
    """
    # The HTTP side and the servers' client load what `--help` does not need.
    from understudy.proxy.app import App  # noqa: PLC0415
    from understudy.proxy.gate import Gate  # noqa: PLC0415
    from understudy.proxy.work import TESTS, Service, checked_roles  # noqa: PLC0415

    missing = checked_roles(wanted.scaffold, wanted.models)
    if missing:
        raise SpecError(f"The scaffold uses the role {missing[0]!r}. Bind it: --model {missing[0]}=SPEC.")
    unpriced = [spec for spec in wanted.models.values() if wanted.budget.usd is not None and price_of(spec) is None]
    if unpriced:
        raise SpecError(
            f"The price of {unpriced[0]!r} is unknown, so --budget-usd cannot be kept. Price it in UNDERSTUDY_PRICES, "
            "or cap tokens or calls instead."
        )
    if wanted.project is not None:
        read_project(wanted.project, TESTS)  # so that a folder without tests is refused now and not later
    log = None if wanted.log is None else Log(wanted.log, text=wanted.log_text)
    async with AsyncExitStack() as stack:
        sock = stack.enter_context(listening(wanted.host, wanted.port))
        models = await stack.enter_async_context(open_models(wanted.models, record=wanted.record))
        service = Service(
            scaffold=wanted.scaffold,
            models=models,
            meter=Meter(wanted.budget),
            servers=await stack.enter_async_context(connected(wanted)),
            price=price_of,
            project=wanted.project,
            log=log,
        )
        loopback = is_loopback(wanted.host)
        gate = Gate(loopback=loopback, token=wanted.token, hosts=wanted.hosts, origins=wanted.origins)
        app = App(service, gate, progress=wanted.progress, concurrency=wanted.concurrency, max_tokens=wanted.max_tokens)
        await serve(app, sock, started=lambda: greet(sock.getsockname(), wanted))


def connected(wanted: Wanted) -> Any:
    """The tool servers that are named, and the testing server where tests decide."""
    # Loads the MCP client, which a proxy without servers never needs.
    from understudy.solving import connected as connect  # noqa: PLC0415

    servers = dict(wanted.servers)
    if wanted.project is not None:
        servers.setdefault("testing", testing_command(wanted.project, None, TEST_TIMEOUT_S))
    return connect(servers)


def greet(name: tuple[Any, ...], wanted: Wanted) -> None:
    """Say where the proxy is, what it serves and where it logs."""
    host, port = name[:2]
    shown = f"[{host}]" if ":" in host else host
    click.echo(f"{wanted.scaffold!r} listens on http://{shown}:{port}/v1 as the model 'understudy'", err=True)
    if wanted.log is not None:
        click.echo(
            f"Usage, without text, goes to {wanted.log}" if not wanted.log_text else f"Log: {wanted.log}", err=True
        )


def bound(given: Sequence[str]) -> dict[str, str]:
    """Read [ROLE=]SPEC; the role is local where none is named.

    Raises:
        ValueError: A role comes twice.
    """
    roles: dict[str, str] = {}
    for text in given:
        role, equals, spec = text.partition("=")
        if not equals or not role.isidentifier():
            role, spec = "local", text
        if role in roles:
            raise ValueError(f"--model binds {role!r} twice.")
        roles[role] = spec
    return roles


def address(text: str) -> tuple[str, int]:
    """Read [HOST:]PORT.

    Raises:
        ValueError: There is no port from 0 to 65535.
    """
    host, _, port = text.rpartition(":")
    if not port.isdecimal() or int(port) > 65_535:
        raise ValueError(
            f"--listen {text!r} has no port from 0 to 65535. Write 8484, or 127.0.0.1:8484, or [::1]:8484."
        )
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", int(port)


def project_of(check: str | None) -> Path | None:
    """Read tests:DIR.

    Raises:
        ValueError: It is something else, or no folder.
    """
    if check is None:
        return None
    kind, _, folder = check.partition(":")
    if kind != "tests" or not folder:
        raise ValueError(f"--check {check!r} is no check. Write tests:DIR.")
    if not Path(folder).is_dir():
        raise ValueError(f"--check {check!r}: {folder!r} is no folder.")
    return Path(folder)


def token_of(path: Path | None) -> str | None:
    """Read the key from a file, else from UNDERSTUDY_TOKEN.

    Raises:
        ValueError: There is one that cannot travel in a header.
    """
    text = os.environ.get("UNDERSTUDY_TOKEN", "") if path is None else path.read_text("utf-8", "replace")
    token = text.strip()
    if not token and path is None:
        return None
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        source = "UNDERSTUDY_TOKEN" if path is None else repr(str(path))
        raise ValueError(f"{source} holds no usable key. Put one line of printable ASCII without spaces in it.")
    return token
