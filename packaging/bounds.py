"""Print the lowest version that pyproject.toml allows of each library a user gets, as a pip constraints file.

pip has no way to resolve to the lowest versions; `pip install -c` of this file has the same effect for what we name
ourselves. Arguments are extras, besides the libraries that everyone gets.
"""

import re
import sys
import tomllib
from collections.abc import Sequence
from pathlib import Path

PROJECT = Path(__file__).parent.parent / "pyproject.toml"
REQUIREMENT = re.compile(r"([A-Za-z0-9_.-]+)(?:\[[^]]*\])?>=([0-9.]+)")


def lowest(extras: Sequence[str]) -> list[str]:
    """Give `name==version` for every lower bound of the base install and of the extras."""
    project = tomllib.loads(PROJECT.read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *(one for extra in extras for one in project["optional-dependencies"][extra])]
    found = [REQUIREMENT.match(one) for one in wanted]
    unbounded = [one for one, match in zip(wanted, found, strict=True) if match is None]
    if unbounded:
        raise SystemExit(f"No lower bound: {', '.join(unbounded)}. Write NAME>=VERSION in pyproject.toml.")
    return [f"{match[1]}=={match[2]}" for match in found if match]


if __name__ == "__main__":
    print("\n".join(lowest(sys.argv[1:])))  # noqa: T201 - a script prints its result
