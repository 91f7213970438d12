"""How this server runs tests: set on its command line, out of reach of any client."""

import sys
from dataclasses import dataclass, field
from typing import Literal

from understudy_servers.testing.engines.isolation import Network, Policy
from understudy_servers.testing.engines.platforms import Platform, here
from understudy_servers.testing.limits import Limits

Warmth = Literal["auto", "spare", "cold"]


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The settings of all runs. `warmth`: `auto` forks where that is safe, `cold` is a new interpreter for each run."""

    python: str = sys.executable
    policy: Policy = "standard"
    network: Network = "none"
    preload: tuple[str, ...] = ()
    readable: tuple[str, ...] = ()
    plugins: bool = True  # whether the tests of a project load the pytest plugins that are installed
    warmth: Warmth = "auto"
    switched_off: frozenset[str] = frozenset()  # layers to leave out, for tests of the weaker cases
    limits: Limits = field(default_factory=Limits)
    platform: Platform = field(default_factory=here)
