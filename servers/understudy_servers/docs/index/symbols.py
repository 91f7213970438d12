"""Exact look-up of a symbol by name: full, by its last parts, through a re-export, or inherited."""

import re
import sqlite3
from collections.abc import Iterable, Sequence
from difflib import SequenceMatcher
from itertools import islice

from understudy_servers.docs.words import identifiers, prose_of

MAX_BASES = 24  # classes visited when a member is looked for among base classes
MAX_NAME = 200  # characters of a name that is looked up
MAX_NAMES = 24  # of a question, whatever is pasted into it
CLOSE = 60  # names that are compared with one that is none
ALIKE = 0.87  # of two last parts, as difflib measures it: one letter of eight is another
_CODE = re.compile(r"_|[a-z][A-Z]|\.|^[A-Z][a-z]+[A-Z]")


def find_symbols(
    connection: sqlite3.Connection, versions: Sequence[int], name: str, *, aliased: bool = True
) -> list[int]:
    """Return the chunks a dotted or single name means, best first; empty when no symbol of these versions has it.

    Args:
        aliased: the first part may be an import alias of the library, so that `pd.merge` means `merge` in pandas. Not
            where no library was named: any of them may have a `merge`.
    """
    name = name.strip().strip("`").removesuffix("()").strip(".")
    if not name or not versions:
        return []
    parts = name.split(".")
    for start in range(len(parts) if aliased else 1):
        wanted = ".".join(parts[start:])
        if start and len(parts) - start < 2:
            break  # a dotted name that fails is not any symbol with its last part
        if found := _by_name(connection, versions, wanted) or _inherited(connection, versions, wanted):
            return found
    return _by_name(connection, versions, parts[1]) if aliased and len(parts) == 2 else []


def symbols_in(connection: sqlite3.Connection, versions: Sequence[int], query: str, limit: int = 3) -> list[int]:
    """Return the chunks of the symbols a question names in so many words, best first.

    A word counts as a name when it is the whole query or, within one library, dotted or in snake or camel case.
    Backticks and parentheses do not count: in questions they mark the asker's own variables as often.
    """
    query = prose_of(query)  # code that is shown names what the asker has, not what the question is about
    whole = query.strip().removesuffix("()")
    single = len(versions) == 1
    names = (
        name
        for name in identifiers(query)
        if len(name) <= MAX_NAME and (name == whole or (single and len(name) > 3 and _CODE.search(name)))
    )
    found: dict[int, None] = {}
    named: list[str] = []
    for name in islice(names, MAX_NAMES):
        if any(name in known.split(".") for known in named):
            continue  # a part of a dotted name that was found
        chunks = find_symbols(connection, versions, name)[:limit] or _misspelled(connection, versions, name)[:1]
        found |= dict.fromkeys(chunks)
        named += [name] if chunks else []
        if len(found) >= limit:
            break
    return list(found)[:limit]


def nearest_names(connection: sqlite3.Connection, versions: Sequence[int], name: str, limit: int = 5) -> list[str]:
    """Return names whose last part begins as that of `name` does, the most alike first, for a 'did you mean' line."""
    wanted = name.lower()[-MAX_NAME:]
    leaf = wanted.rpartition(".")[2]
    marks = ",".join("?" * len(versions))
    for length in range(len(leaf), 2, -1):
        rows = connection.execute(
            f"SELECT DISTINCT name FROM symbol WHERE leaf >= ? AND leaf < ? AND version IN ({marks}) "
            "ORDER BY length(name), name LIMIT ?",
            (leaf[:length], leaf[:length] + "\U0010ffff", *versions, CLOSE),
        ).fetchall()
        if rows:
            alike = {row["name"]: (_likeness(leaf, row["name"]), _ratio(wanted, row["name"].lower())) for row in rows}
            return sorted(alike, key=lambda one: alike[one], reverse=True)[:limit]
    return []


def _misspelled(connection: sqlite3.Connection, versions: Sequence[int], name: str) -> list[int]:
    """Return the chunks of the one symbol that a name which is none was meant to be, if it is all but the same."""
    near = nearest_names(connection, versions, name, limit=1)
    close = near and _likeness(name.lower().rpartition(".")[2], near[0]) >= ALIKE
    return _by_name(connection, versions, near[0]) if close else []


def _likeness(leaf: str, name: str) -> float:
    return _ratio(leaf, name.lower().rpartition(".")[2])


def _ratio(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other, autojunk=False).ratio()


def _by_name(connection: sqlite3.Connection, versions: Sequence[int], name: str) -> list[int]:
    marks = ",".join("?" * len(versions))
    rows = connection.execute(
        f"SELECT symbol.name, chunk, chunk.title, chunk.demoted FROM symbol JOIN chunk ON chunk.id = symbol.chunk "
        f"WHERE leaf = ? AND symbol.version IN ({marks})",
        (name.rpartition(".")[2].lower(), *versions),
    ).fetchall()
    tail = f".{name.lower()}"
    ranked = sorted(
        (
            row["name"] != name,
            row["name"].lower() != name.lower(),
            not row["name"].endswith(f".{name}"),
            row["demoted"],
            row["name"].count("."),
            row["title"] != row["name"],
            row["chunk"],
        )
        for row in rows
        if f".{row['name'].lower()}".endswith(tail)
    )
    return list(dict.fromkeys(row[-1] for row in ranked))


def _inherited(connection: sqlite3.Connection, versions: Sequence[int], name: str) -> list[int]:
    """Look for `Owner.member` under the owner's canonical name, then in its base classes."""
    owner, _, member = name.rpartition(".")
    if not owner:
        return []
    queue = _owners(connection, _by_name(connection, versions, owner)[:2])
    seen: set[str] = set()
    while queue and len(seen) < MAX_BASES:
        title, bases = queue.pop(0)
        if title in seen:
            continue
        seen.add(title)
        if found := _by_name(connection, versions, f"{title}.{member}"):
            return found
        for base in bases:
            queue += _owners(connection, _by_name(connection, versions, base)[:1])
    return []


def _owners(connection: sqlite3.Connection, chunks: Iterable[int]) -> list[tuple[str, list[str]]]:
    owners = []
    for chunk in chunks:
        row = connection.execute(
            "SELECT title, bases FROM symbol JOIN chunk ON chunk.id = chunk WHERE chunk = ? ORDER BY bases DESC",
            (chunk,),
        ).fetchone()
        if row:
            owners.append((row["title"], [base for base in row["bases"].split("\n") if base]))
    return owners
