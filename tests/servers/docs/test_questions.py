"""What questions are about: code that is shown, lists of changes, and names whose library nobody said."""

from collections.abc import Callable
from pathlib import Path

import pytest

from understudy_servers.docs.catalog import NotIndexed
from understudy_servers.docs.desk import Desk
from understudy_servers.docs.index.search import search
from understudy_servers.docs.index.store import Store
from understudy_servers.docs.readers.chunks import Chunk
from understudy_servers.docs.sources.addable import folder_source
from understudy_servers.docs.words import count_tokens, prose_of

Install = Callable[..., Path]
CODE = "import lib\n\nmade = lib.Made()\nfor line in made.read_lines():\n    print(line)\n"


def ask(desk: Desk, query: str) -> list[str]:
    place = desk.locate("lib")
    desk.wait(*place)
    return [one.title for one in desk.ask(*desk.locate("lib"), query).snippets]


@pytest.mark.parametrize("shown", [f"```python\n{CODE}```", CODE], ids=["fenced", "bare"])
def test_what_is_shown_as_code_is_not_pinned_before_what_is_asked(install: Install, desk: Desk, shown: str) -> None:
    source = "class Made:\n    '''A thing.'''\n    def read_lines(self):\n        '''Give lines.'''\n"
    source += "def stream():\n    '''Stream a response in small parts to save memory.'''\n"
    install("lib", "1.0", {"lib.py": source})

    assert ask(desk, f"{shown}\nHow do I stream a response to save memory?")[0] == "lib.stream"
    assert ask(desk, shown)[:2] == ["lib.Made", "lib.Made.read_lines"], "code alone is what is asked about"


@pytest.mark.parametrize(
    "line",
    ["@app.get('/')", ">>> f(1)", "x = 1", "self.x[0] += 2", "return x", "await call(x)", "})", "with open(p) as f:"],
)
def test_lines_of_code_are_told_from_prose(line: str) -> None:
    prose = "Why does this fail when it runs twice?"
    assert prose_of(f"{line}\n{prose}").strip() == prose


@pytest.mark.parametrize(
    "query",
    ["with open files: how many?", "pass a list", "import x", "a = b\nc = d", "for each of them\nuse one thread"],
)
def test_prose_that_looks_a_little_like_code_stays_whole(query: str) -> None:
    assert prose_of(query) == query


@pytest.mark.parametrize(
    "title", ["Lib > v2.1.0 (2026-01-01) > Fixes", "Changelog > Fixed", "1.2.3", "Lib > What's Changed > New"]
)
def test_lists_of_changes_stand_back_unless_they_are_asked_for(store: Store, title: str) -> None:
    chunks = [
        Chunk(kind="prose", title=title, text="Fix strict validation of unknown fields", source="a", page="a"),
        Chunk(kind="prose", title="Strictness", text="To make validation of fields strict", source="b", page="b"),
    ]
    version = store.publish(folder_source(store.home, "lib"), chunks, fingerprint="x")

    def first(query: str) -> str:
        with store.reading() as connection:
            return search(connection, [version], query)[0].name

    assert first("unknown fields strict validation") == "b"
    assert first("which release fixed strict validation of unknown fields") == "a"


@pytest.mark.parametrize("name", ["zz.merge", "zz.Params.merge"])
def test_a_name_of_an_unknown_library_is_no_other_librarys(install: Install, desk: Desk, name: str) -> None:
    install("lib", "1.0", {"lib.py": "class Params:\n    def merge(self):\n        '''Merge.'''\n"})
    desk.wait(*desk.locate("lib"))

    places, said = desk.places(name)
    with pytest.raises(NotIndexed, match=f"There is no symbol '{name}' in lib 1.0"):
        desk.symbol(places, name, said=said)
    places, said = desk.places("Params.merge")
    assert desk.symbol(places, "Params.merge", said=said).snippets[0].title == "lib.Params.merge"


def test_customary_import_aliases_mean_their_library_and_its_absence_is_said(install: Install, desk: Desk) -> None:
    install("numpy", "2.0", {"numpy.py": "def zeros():\n    '''Zeros.'''\n"})

    places, said = desk.places("np.zeros")
    for place in places:
        desk.wait(*place)
    assert desk.symbol(desk.places("np.zeros")[0], "np.zeros", said=said).snippets[0].title == "numpy.zeros"
    assert desk.locate("np")[0].key == "/pypi/numpy"
    with pytest.raises(NotIndexed, match="'pandas' is not indexed"):
        desk.places("pd.merge")


def test_a_name_with_one_wrong_letter_finds_the_symbol_it_was_meant_to_be(install: Install, desk: Desk) -> None:
    source = "def minimize(f):\n    '''Find the least.'''\ndef minimal(f):\n    '''Whether it is.'''\n"
    install("lib", "1.0", {"lib.py": source + "def describe():\n    '''What to minimise, minimise, minimise.'''\n"})

    assert ask(desk, "lib.minimise")[0] == "lib.minimize"
    assert ask(desk, "how does lib.minimise work")[0] == "lib.minimize"
    with pytest.raises(NotIndexed, match=r"Nearest: lib\.minimize\."):
        desk.symbol([desk.locate("lib")], "lib.minimise")


def test_a_long_first_piece_leaves_room_for_others(install: Install, desk: Desk) -> None:
    parts = "\n\n".join(f"    Note {number}\n    ------\n    " + "About polishing brass. " * 24 for number in range(8))
    source = "".join(f"def polish_{name}():\n    '''Polish {name}.\n\n{parts}\n    '''\n" for name in "abcdef")
    install("lib", "1.0", {"lib.py": source})
    place = desk.locate("lib")
    desk.wait(*place)

    sizes = [count_tokens(one.text) for one in desk.ask(*desk.locate("lib"), "polishing brass").snippets]

    assert 450 < sizes[0] <= 600
    assert all(size <= 350 for size in sizes[1:])
