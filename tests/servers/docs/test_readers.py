"""What the readers make of what authors really write: Python files, HTML pages, API descriptions, npm folders."""

import json
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from understudy_servers.docs.index import jobs
from understudy_servers.docs.index.building import InlineBuilder, ProcessBuilder, allowing, lock_path
from understudy_servers.docs.index.lock import FileLock
from understudy_servers.docs.index.store import Store
from understudy_servers.docs.readers.chunks import Chunk, split
from understudy_servers.docs.readers.html import read_html
from understudy_servers.docs.readers.openapi import read_openapi
from understudy_servers.docs.readers.python_module import MAX_SOURCE, UnreadableSource, read_module
from understudy_servers.docs.readers.python_package import package_chunks
from understudy_servers.docs.sources.addable import folder_source
from understudy_servers.docs.sources.folder import documents, fingerprint, read_folder
from understudy_servers.docs.sources.npm import fingerprint as npm_fingerprint
from understudy_servers.docs.sources.npm import read_package
from understudy_servers.docs.sources.reading import UnreadableSource as Gone
from understudy_servers.docs.sources.reading import fingerprint as source_fingerprint

SOURCE = '''"""A lamp."""

import sys
from typing import overload

VERSION: str = "1.0"
"""Which lamp this is."""
LIMIT = Field(default=3, description="How many watts.")
quiet = 1

if sys.platform == "linux":
    def where():
        """On a desk."""
else:
    def where(): ...

try:
    def attempt(): "Try it."
except ImportError:
    attempt = None
finally:
    pass

with open("x") as file:
    def inside(): "Inside."


@overload
def put(thing: int) -> int: ...
@overload
def put(thing: str) -> str:
    """Put it."""
def put(thing):
    return thing


async def fetch(
    a, /, b: "Lamp" = None, *rest: int, c: dict = {"a": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13]}, **more
):
    """Fetch."""


def long(
    first_parameter: int, second_parameter: str = "a default", third_parameter: float = 1.5, fourth: bool = True
): ...


@deprecated("Use put.")
def old():
    """Old."""


class Lamp(Generic[T], metaclass=Meta):
    """A lamp.

    It gives light.
    """

    watts: int = 40
    """How strong it is."""
    name: "str"
    _hidden = 1

    def __init__(self, watts: int, *, name: str = "x") -> None:
        """Make a lamp that is as strong as you say, and no stronger than that."""

    @property
    def on(self) -> bool:
        """Whether it burns."""

    @on.setter
    def on(self, value: bool) -> None: ...

    @classmethod
    def make(cls): "Make one."

    @staticmethod
    def plain(): "Plain."

    class Shade:
        """A shade."""

        def tilt(self): "Tilt it."


Light = Lamp
'''


def chunks_of(source: str) -> dict[str, Chunk]:
    module = read_module(source.encode(), name="lamp", path="lamp.py", is_package=False)
    return {chunk.title: chunk for chunk in package_chunks({"lamp": module})}


def test_everything_public_of_a_python_file_is_found_with_its_signature() -> None:
    found = chunks_of(SOURCE)

    assert {"lamp.where", "lamp.attempt", "lamp.inside", "lamp.put", "lamp.fetch", "lamp.long", "lamp.old"} <= set(
        found
    )
    assert {"lamp.Lamp.on", "lamp.Lamp.make", "lamp.Lamp.plain", "lamp.Lamp.Shade", "lamp.Lamp.Shade.tilt"} <= set(
        found
    )
    assert "On a desk." in found["lamp.where"].text
    assert "def put(thing: int) -> int\ndef put(thing: str) -> str" in found["lamp.put"].text
    assert "async def fetch(" in found["lamp.fetch"].text
    assert "    a,\n    /,\n    b: Lamp = None,\n    *rest: int,\n    c: dict = " in found["lamp.fetch"].text
    assert "    first_parameter: int,\n" in found["lamp.long"].text
    assert found["lamp.old"].demoted


def test_a_class_is_shown_with_its_constructor_and_attributes() -> None:
    text = chunks_of(SOURCE)["lamp.Lamp"].text

    assert "class Lamp(Generic[T], Meta)\ndef __init__(watts: int, *, name: str = 'x') -> None" in text
    assert "Make a lamp that is as strong as you say" in text
    assert "watts: int = 40" in text
    assert "_hidden" not in text
    assert "lamp.Light" in chunks_of(SOURCE)["lamp.Lamp"].names


def test_attributes_have_the_texts_beside_them() -> None:
    found = chunks_of(SOURCE)

    assert "Which lamp this is." in found["lamp.VERSION"].text
    assert "How many watts." in found["lamp.LIMIT"].text
    assert "quiet = 1" in found["lamp"].text


@pytest.mark.parametrize("source", [b"def (", b"\xff\xfe\x00", b"x = 1\0", b"a" * (MAX_SOURCE + 1)])
def test_what_is_no_python_is_a_sentence(source: bytes) -> None:
    with pytest.raises(UnreadableSource, match=r"lamp\.py: "):
        read_module(source, name="lamp", path="lamp.py", is_package=False)


@pytest.mark.parametrize(
    "call",
    [
        "add_newdoc()",
        "add_newdoc('lamp', 'x')",
        "add_newdoc('lamp', 'x', y)",
        "add_newdoc('lamp', 'x', ['a', 'b'])",
        "add_newdoc('lamp', name, 'text')",
        "add_docstr(f(), 'text')",
        "add_docstr(lamp.x[0].y, 'text')",
        "add_docstr(lamp.x, 'a' % b)",
        "add_docstr(lamp.x, unknown.format(a=1))",
        "t = t\nadd_docstr(lamp.x, t)",
        "d = d\nadd_docstr(lamp.x, '{a}'.format(**d, **{**d}, **f(), b=c))",
        "add_newdoc_for_scalar_type('x', '', g())",
        "other('lamp', 'x', 'text')",
        "lamp.nested[0]('x')",
    ],
)
def test_a_call_that_gives_no_constant_text_gives_nothing_or_only_that(call: str) -> None:
    module = read_module(call.encode(), name="lamp", path="lamp.py", is_package=False)

    assert all(isinstance(name, str) and isinstance(text, str) for name, text in module.given.items())


def test_texts_that_are_cleaned_and_filled_in_are_read() -> None:
    source = (
        "import textwrap\nshared = {'a': 'A', **{}, 'b': textwrap.dedent('  B')}\n"
        "add_newdoc_for_scalar_type('byte', '', cleandoc('''\n    A byte.\n    '''))\n"
        "add_docstr(lamp.x, '{a}{b}{c}'.format(c='C', **shared))\n"
    )

    module = read_module(source.encode(), name="lamp._docs", path="lamp/_docs.py", is_package=False)

    assert module.given == {"lamp.byte": "A byte.", "lamp.x": "ABC"}


HTML = """<html><head><title>Ignored</title><style>x</style></head><body><nav>Menu</nav>
<main><h1>Lamp <code>x</code>¶</h1><p>First<br>second &amp; <b>bold</b>.</p>
<div hidden>gone</div>
<p style="FONT-SIZE: 0px">gone</p><p style="opacity:.0;">gone</p><p style="font-size: 0.9em">small</p>
<p style="visibility: hidden">gone</p><p style="opacity:0.5">half</p>
<span aria-hidden="true">gone</span>
<ul><li>one</li><li>two</li></ul><table><tr><th>a</th><td>b</td></tr></table>
<pre>code
  ```
</pre><dl><dt id="x">term</dt><dd>meaning</dd></dl><script>evil()</script><!-- gone -->
<a href="/other#part">o</a><a href="javascript:x">j</a><a href="http://[">b</a><a>none</a>
<a href="mailto:x@y">m</a></main>
<footer>Foot</footer></body></html>"""


def test_a_page_is_read_as_its_reader_sees_it() -> None:
    page = read_html(HTML, "https://example.org/docs/")

    assert page.title == "Lamp x"
    assert page.links == ("https://example.org/other",)
    for shown in (
        "First\nsecond & bold.",
        "half",
        "\n- one\n- two",
        "a | b | ",
        "````\ncode\n  ```",
        "#### term",
        "meaning",
    ):
        assert shown in page.markdown
    for hidden in ("gone", "Menu", "Foot", "evil", "Ignored"):
        assert hidden not in page.markdown


@pytest.mark.parametrize("html", ["", "<", "words", "<main></main>", "<div>" * 3_000 + "deep" + "</div>" * 3_000])
def test_a_page_of_any_shape_is_read(html: str) -> None:
    assert isinstance(read_html(html, "https://example.org/").markdown, str)


def test_an_api_description_names_operations_types_and_fields() -> None:
    whole = {"type": "array", "items": {"type": "integer"}}
    operation = {
        "operationId": "switchOn",
        "description": "Switch it on.",
        "parameters": [
            {"$ref": "#/components/parameters/Id"},
            {
                "name": "watts",
                "in": "query",
                "required": True,
                "schema": whole,
            },
        ],
        "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Lamp"}}}},
        "responses": {"200": {"description": "It burns."}, "404": None},
    }
    union = {"anyOf": [{"type": "string"}, {"type": "null"}]}
    lamp = {
        "type": "object",
        "description": "A lamp.",
        "required": ["watts"],
        "properties": {"watts": {"type": "integer", "format": "int32", "description": "How strong."}, "name": union},
    }
    api = {
        "openapi": "3.1.0",
        "info": {"title": "Lamps", "version": "2"},
        "paths": {"/on": {"parameters": [{"name": "id", "in": "path"}], "post": operation}, "/none": None},
        "components": {"schemas": {"Lamp": lamp, "Kind": {"type": ["string", "null"], "enum": ["a", 1, None]}}},
    }

    found = {chunk.title: chunk for chunk in read_openapi(json.dumps(api), "api.json")}

    text = found["POST /on"].text
    assert found["Lamps"].text == "Lamps 2"
    assert found["POST /on"].names == ("switchOn",)
    assert "- id (in path, any): \n- Id\n- watts (in query, array of integer, required):" in text
    assert "Body: application/json, Lamp" in text
    assert "- 200: It burns.\n- 404:" in text
    assert "- watts (int32, required): How strong.\n- name (string | null):" in found["Lamp"].text
    assert "One of: a, 1," in found["Kind"].text


def test_an_npm_package_with_broken_parts_gives_the_rest(tmp_path: Path) -> None:
    (tmp_path / "package.json").write_text("{}")
    (tmp_path / "README.md").write_text("# Box\n\nOpen it.\n")
    (tmp_path / "large.md").write_text("x" * 5_000_001)
    (tmp_path / "index.d.ts").write_text("export declare function open(): void;\n")
    os.mkfifo(tmp_path / "pipe.d.ts")

    chunks, notes = read_package(tmp_path, "@types/box")

    assert [chunk.title for chunk in chunks] == ["Box", "box.open"]
    assert len(notes) == 1
    assert notes[0].startswith("large.md: left out, 5000001 bytes")
    (tmp_path / "package.json").unlink()
    os.mkfifo(tmp_path / "package.json")
    with pytest.raises(OSError, match="no ordinary file"):
        npm_fingerprint(tmp_path)


def test_a_folder_with_more_files_than_are_read_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy_servers.docs.sources.folder.MAX_FILES", 3)
    for number in range(6):
        (tmp_path / f"{number}.md").write_text("# Page\n\nwords\n")

    chunks, notes = read_folder(tmp_path)

    assert len(chunks) == len(list(documents(tmp_path))) == 3
    assert notes == ["Only the first 3 files were read."]


def test_a_file_that_cannot_be_opened_is_named(tmp_path: Path) -> None:
    assert read_folder(tmp_path / "gone") == ([], [f"{str(tmp_path / 'gone')!r} does not exist any more."])
    (tmp_path / "setup.cfg").write_text("x")
    assert "only .md" in read_folder(tmp_path / "setup.cfg")[1][0]


def test_marked_utf_16_is_read(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_bytes("# Café\n\nwords\n".encode("utf-16"))

    chunks, notes = read_folder(tmp_path)

    assert [chunk.title for chunk in chunks] == ["Café"]
    assert notes == []


def test_a_source_that_is_gone_is_a_sentence(tmp_path: Path) -> None:
    source = folder_source(tmp_path / "gone")

    with pytest.raises(Gone, match=r"does not exist any more\. Put it back or remove '/local/gone'"):
        source_fingerprint(source)
    assert fingerprint(tmp_path) == fingerprint(tmp_path)


def states(store: Store, ids: Iterable[int]) -> list[str]:
    return [jobs.status(store, one).state for one in ids]


def test_a_source_is_read_by_one_indexer_process_and_not_where_another_holds_the_lock(
    store: Store, tmp_path: Path
) -> None:
    (tmp_path / "page.md").write_text("# Page\n\nwords\n")
    source = folder_source(tmp_path / "page.md")
    builder = ProcessBuilder(store, ("--embedder", "off", "--idle", "0.1", "--allow", "127.0.0.1:1"))
    lock = FileLock(lock_path(store.home))
    assert lock.acquire()
    waiting = builder.request(source)
    assert builder._process is None
    lock.release()

    builder.nudge()
    assert builder._process is not None
    builder.nudge()
    assert builder._process.wait(60) == 0

    assert states(store, [waiting]) == ["done"]


def test_a_job_that_fails_says_why(store: Store, tmp_path: Path) -> None:
    job = InlineBuilder(store).request(folder_source(tmp_path / "gone"))

    state = jobs.status(store, job)

    assert (state.state, state.finished) == ("failed", True)
    assert "does not exist any more" in state.message
    assert jobs.unfinished(store) == []


def test_an_indexer_that_died_over_a_source_gives_it_up_the_third_time(store: Store, tmp_path: Path) -> None:
    job = jobs.enqueue(store, folder_source(tmp_path))
    for _ in range(jobs.MAX_TRIES):
        assert jobs.claim(store) is not None
        jobs.report(store, job, 1, 2)
        jobs.recover(store)

    assert states(store, [job]) == ["failed"]
    assert "ended 3 times" in jobs.status(store, job).message


def test_a_network_for_named_addresses_is_made_only_when_there_are_any() -> None:
    named = allowing(["intranet:8080"])

    assert allowing([]) is None
    assert named is not None
    assert named.fetcher.allowed == {"intranet:8080"}


def test_a_long_table_keeps_its_head_in_every_piece() -> None:
    rows = [f"| option_{number} | what option number {number} does to the lamp |" for number in range(60)]
    pieces = split("\n".join(["Before.", "", "| name | meaning |", "|:--|---|", *rows]))

    assert len(pieces) > 3
    assert all("| name | meaning |\n|:--|---|\n| option_" in piece for piece in pieces)
    assert [line for piece in pieces for line in piece.split("\n") if "option_" in line] == rows


def test_what_only_looks_like_a_table_or_has_a_head_without_end_is_cut_as_text() -> None:
    assert split("a | b\n" + "c | d\n" * 300)[1].startswith("c | d")
    wide = "| " + " | ".join(["heading"] * 150) + " |"
    assert split(f"{wide}\n|---|\n" + "| x |\n" * 100)[-1].startswith("| x |")
