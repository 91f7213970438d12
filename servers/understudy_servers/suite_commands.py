"""The command `understudy serve all`; `launch` imports the suite itself, and with it the SDK."""

from pathlib import Path
from typing import cast

import click

from understudy_servers.launch import MCPApplication, Transport, launch, transport_options


@click.command()
@click.option(
    "--root",
    "roots",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Folder of the project; repeatable, tests run in the first. [default: the client's roots, else this folder]",
)
@click.option(
    "--store",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="THINK_STORE",
    help="Keep every thought in this folder.",
)
@click.option(
    "--isolation",
    type=click.Choice(["strict", "standard", "weak"]),
    default="standard",
    show_default=True,
    help="How tests are sandboxed.",
)
@transport_options
def serve(roots: tuple[Path, ...], store: Path | None, isolation: str, transport: Transport) -> None:
    """Serve thinking, docs and testing in one process, behind one attach."""

    def build() -> MCPApplication:
        # half a second, less inside `launch`
        from understudy_servers.suite import build_suite, parts_of  # noqa: PLC0415

        return cast("MCPApplication", build_suite(parts_of(roots, store, isolation, local=transport.address is None)))

    launch(build, transport)
