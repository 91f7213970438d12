"""States of a documentation index, as a ledger keeps them: digest, embedder, state of the vectors."""

from collections.abc import Mapping
from typing import Any


def same_index(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two states of an index give equal answers."""
    return all(one.get(name) == other.get(name) for name in ("digest", "embedder", "vectors"))


def wording_of(index: Mapping[str, Any]) -> str:
    """A state of an index in a few words."""
    vectors = f"vectors {index['vectors']}" if index.get("vectors") else "nothing indexed"
    return f"{index.get('digest') or 'without a digest'} ({', '.join(filter(None, (index.get('embedder'), vectors)))})"
