"""`understudy serve testing` and its options."""

import os
import sys
from typing import Any, cast, get_args

import click

from understudy_servers.launch import MCPApplication, Transport, launch, transport_options
from understudy_servers.testing.execute import Machine
from understudy_servers.testing.isolation import POLICIES, Network
from understudy_servers.testing.limits import Limits
from understudy_servers.testing.server import Settings, build_server


def machine_options(command: Any) -> Any:
    """Options that say how tests are run; shared by `serve testing` and `test run`."""
    options = [
        click.option("--python", default=None, metavar="FILE", help="Interpreter of the tests; default: this one."),
        click.option(
            "--isolation", "policy", type=click.Choice(POLICIES), default="standard", show_default=True,
            help="strict: every layer; standard: no network, no writes, limits; weak: whatever this system has.",
        ),
        click.option(
            "--network", type=click.Choice(get_args(Network)), default="none", show_default=True,
            help="loopback lets tests talk to themselves.",
        ),
        click.option("--preload", default="", metavar="A,B", help="Libraries to import before the fork: numpy,pandas."),
        click.option("--readable", multiple=True, type=click.Path(exists=True), help="Let tests read it."),
        click.option("--timeout", type=click.FloatRange(min=0.1), default=10.0, help="Seconds of one run (10)."),
        click.option("--memory", type=click.IntRange(min=64), default=1024, help="MiB of one run (1024)."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


def machine(
    *,
    python: str | None,
    policy: Any,
    network: Any,
    preload: str,
    readable: tuple[str, ...],
    timeout: float,
    memory: int,
) -> Machine:
    """The machine setting that the options mean."""
    limits = Limits(wall_s=timeout, cpu_s=max(1, int(timeout * 2)), memory_mb=memory, address_mb=max(4096, memory * 4))
    names = tuple(name.strip() for name in preload.split(",") if name.strip())
    return Machine(
        policy=policy, network=network, preload=names, readable=readable, limits=limits, python=python or sys.executable
    )


@click.command()
@machine_options
@click.option(
    "--workers", type=click.IntRange(min=1), default=max(1, (os.cpu_count() or 2) // 2), help="Runs at the same time."
)
@click.option("--grade", is_flag=True, help="Allow the host to have hidden tests decide: for graders only.")
@transport_options
def serve(transport: Transport, workers: int, grade: bool, **options: Any) -> None:
    """Serve tests: sandboxed, warm, and a pass must be proved."""
    settings = Settings(machine=machine(**options), workers=workers, grade=grade)
    launch(lambda: cast("MCPApplication", build_server(settings)), transport)
