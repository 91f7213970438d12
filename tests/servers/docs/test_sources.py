"""What is read of a project: lock files, npm packages, pages of every format, re-exports."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from understudy_servers.docs.catalog import NotIndexed
from understudy_servers.docs.desk import Desk
from understudy_servers.docs.ids import BadLibraryId, LibraryRef, parse
from understudy_servers.docs.project import Project
from understudy_servers.docs.sources.folder import read_folder
from understudy_servers.docs.sources.lockfiles import locked
from understudy_servers.docs.sources.npm import packages, read_package

Install = Callable[..., Path]

OWN = '[[package]]\nname = "me"\nversion = "0"\n'
PNPM = """lockfileVersion: '9.0'

packages:

  a@1.0:
    resolution: {integrity: sha512-abc=}

snapshots:

  a@1.0: {}
"""
LOCKS = {
    "uv.lock": 'version = 1\n[[package]]\nname = "a"\nversion = "1.0"\nsource = { registry = "r" }\n'
    + OWN
    + 'source = { editable = "." }\n',
    "poetry.lock": '[[package]]\nname = "a"\nversion = "1.0"\n[metadata]\nlock-version = "2.1"\n',
    "pylock.toml": 'lock-version = "1.0"\n[[packages]]\nname = "a"\nversion = "1.0"\n',
    "requirements.txt": "a==1.0 ; python_version > '3' \\\n  --hash=sha256:abc\nb>=2\n-r other.txt\n# c==1\n",
    "package-lock.json": json.dumps(
        {
            "lockfileVersion": 3,
            "packages": {
                "": {"name": "me"},
                "node_modules/a": {"version": "1.0"},
                "node_modules/x/node_modules/a": {"version": "9"},
            },
        }
    ),
    "pnpm-lock.yaml": PNPM,
    "yarn.lock": '# yarn lockfile v1\n\n\n"a@^1.0", a@~1:\n  version "1.0"\n  resolved "https://x/a.tgz"\n',
    "Cargo.lock": 'version = 4\n[[package]]\nname = "a"\nversion = "1.0"\nsource = "registry+x"\n' + OWN,
}
NEWER = {
    "uv.lock": "version = 2\n",
    "poetry.lock": '[metadata]\nlock-version = "3.0"\n',
    "pylock.toml": 'lock-version = "2.0"\n',
    "package-lock.json": '{"lockfileVersion": 9}',
    "pnpm-lock.yaml": "lockfileVersion: '77.0'\n",
    "yarn.lock": "something else\n",
    "Cargo.lock": "version = 9\n",
}


@pytest.mark.parametrize("name", LOCKS)
def test_a_lock_file_gives_exact_versions_and_not_the_project_itself(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(LOCKS[name])
    notes: list[str] = []

    found = locked(tmp_path, notes)

    assert [(one.name, one.version) for one in found] == [("a", "1.0")]
    assert notes == []


@pytest.mark.parametrize("name", NEWER)
def test_a_lock_file_of_an_unknown_version_is_a_sentence_and_the_others_count(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text(NEWER[name])
    (tmp_path / "requirements.txt").write_text("a==1.0\n")
    notes: list[str] = []

    found = locked(tmp_path, notes)

    assert [one.name for one in found] == ["a"]
    assert len(notes) == 1
    assert notes[0].startswith(f"{name} was left out: ")


@pytest.mark.parametrize("name", [name for name in LOCKS if not name.startswith(("requirements", "yarn", "pnpm"))])
def test_a_broken_lock_file_is_a_sentence(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("{[}<<<")
    notes: list[str] = []

    assert locked(tmp_path, notes) == []
    assert len(notes) == 1
    assert notes[0].startswith(f"{name} was left out: ")


def test_a_locked_version_that_is_not_installed_is_known_and_needs_the_network(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "project" / "uv.lock").write_text(LOCKS["uv.lock"])

    library, number = desk.locate("a")

    assert (library.key, number) == ("/pypi/a", "1.0")
    with pytest.raises(NotIndexed, match=r"locked but not installed.*understudy docs add pypi:a==1\.0"):
        desk.job(library, number)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("pydantic", LibraryRef(name="pydantic")),
        ("pydantic@2.11", LibraryRef(name="pydantic", version="2.11")),
        ("pydantic==2.11.3", LibraryRef(name="pydantic", version="2.11.3")),
        ("pydantic 2.11", LibraryRef(name="pydantic", version="2.11")),
        ("npm:@types/node@20.1.0", LibraryRef(name="@types/node", ecosystem="npm", version="20.1.0")),
        ("@types/node", LibraryRef(name="@types/node")),
        ("/npm/@types/node/20", LibraryRef(name="@types/node", ecosystem="npm", version="20")),
        ("/pypi/pydantic/v2.0", LibraryRef(name="pydantic", ecosystem="pypi", version="2.0")),
        ("/vercel/next.js", LibraryRef(name="next.js", repository="vercel/next.js")),
        ("/vercel/next.js/v14.3.0", LibraryRef(name="next.js", version="14.3.0", repository="vercel/next.js")),
        ("/vercel/next.js@v14", LibraryRef(name="next.js", version="14", repository="vercel/next.js")),
        ("https://github.com/encode/httpx", LibraryRef(name="httpx", repository="encode/httpx")),
    ],
)
def test_a_library_is_named_in_many_ways(text: str, expected: LibraryRef) -> None:
    assert parse(text) == expected


@pytest.mark.parametrize("text", ["", "/", "x" * 501, "https://example.org/docs", "!!"])
def test_what_names_nothing_is_refused(text: str) -> None:
    with pytest.raises(BadLibraryId):
        parse(text)


def test_an_npm_package_gives_its_pages_and_declarations(tmp_path: Path) -> None:
    folder = tmp_path / "node_modules" / "@acme" / "boxes"
    folder.mkdir(parents=True)
    manifest = {"name": "@acme/boxes", "version": "3.1.0", "description": "Boxes.", "repository": "acme/boxes"}
    (folder / "package.json").write_text(json.dumps(manifest))
    (folder / "README.md").write_text("# Boxes\n\nOpen them.\n")
    (folder / "index.d.ts").write_text(
        "/** A box. */\nexport interface Box {\n  /** How wide, in meters. */\n  width: number;\n}\n"
        "export declare const MAX: number;\ndeclare namespace Inner { export function deep(): void; }\n"
    )

    (source,) = packages(tmp_path / "node_modules")
    chunks, notes = read_package(folder, source.title)

    assert (source.key, source.version, source.repository) == ("/npm/@acme/boxes", "3.1.0", "acme/boxes")
    titles = {chunk.title for chunk in chunks}
    assert {"Boxes", "@acme/boxes.Box", "@acme/boxes.Box.width", "@acme/boxes.MAX", "@acme/boxes.Inner.deep"} <= titles
    assert notes == []


def test_pages_of_every_format_are_cut_at_their_headings(tmp_path: Path) -> None:
    (tmp_path / "a.rst").write_text("Title\n=====\n\n.. unknown:: x\n\nIntro.\n\nPart\n----\n\nText with :role:`x`.\n")
    cells = [{"cell_type": "markdown", "source": ["# Note\n", "words"]}, {"cell_type": "code", "source": "x = 1"}]
    (tmp_path / "b.ipynb").write_text(json.dumps({"cells": cells}))
    get = {"summary": "List pets", "operationId": "listPets", "parameters": [{"name": "limit", "in": "query"}]}
    api = {"openapi": "3.1.0", "info": {"title": "Pets"}, "paths": {"/pets": {"get": get}}}
    (tmp_path / "c.json").write_text(json.dumps(api))
    (tmp_path / "d.yaml").write_text(
        "swagger: '2.0'\ninfo: {title: Old}\npaths: {}\ndefinitions: {Dog: {type: object}}\n"
    )
    (tmp_path / "e.mdx").write_text("---\ntitle: Front\n---\nimport X from 'x'\n\nBody.\n")
    (tmp_path / "f.json").write_text('{"name": "no api"}')

    chunks, notes = read_folder(tmp_path)

    assert notes == []
    titles = [chunk.title for chunk in chunks]
    assert titles == ["Title", "Title > Part", "Note", "Pets", "GET /pets", "Old", "Dog", "Front"]
    assert "x = 1" in chunks[2].text
    assert "limit (in query" in chunks[4].text
    assert "import" not in chunks[-1].text


def test_symbols_are_found_by_every_public_path_and_inherited_members_too(install: Install, desk: Desk) -> None:
    files = {
        "lib/__init__.py": "from lib._impl import Child as Kid\nfrom lib.sub import *\n__all__ = ['Kid', 'helper']\n",
        "lib/_impl.py": "from lib.sub import Base\n\n\nclass Child(Base):\n    '''A child.'''\n\n    own: int = 3\n",
        "lib/sub.py": "class Base:\n    '''A base.'''\n\n    def act(self) -> None:\n        '''Act.'''\n\n\n"
        "def helper(x: int, /, *, y: str = 'a') -> bool:\n    '''Help.'''\n",
    }
    install("lib", "1.0", files)
    library, number = desk.locate("lib")
    desk.wait(library, number)
    library, number = desk.locate("lib")

    def top(name: str) -> str:
        return desk.symbol([(library, number)], name).snippets[0].title

    assert top("lib.Kid") == "lib.Kid"
    assert top("lib.Kid.act") == "lib.sub.Base.act"
    assert top("lib.Kid.own") == "lib.Kid"
    assert top("lib.sub.helper") == top("helper") == "lib.helper"
    assert (
        "def helper(x: int, /, *, y: str = 'a') -> bool" in desk.symbol([(library, number)], "helper").snippets[0].text
    )
    with pytest.raises(NotIndexed, match=r"There is no symbol 'lib\.Kidd'.*Nearest: lib\.Kid"):
        desk.symbol([(library, number)], "lib.Kidd")


def test_a_project_without_marks_is_not_read_as_documentation(tmp_path: Path) -> None:
    (tmp_path / "diary.md").write_text("# Mine\n\nsecret\n")

    assert Project(roots=[tmp_path], environ={}).sources() == []
    (tmp_path / "pyproject.toml").write_text("")
    assert [source.kind for source in Project(roots=[tmp_path], environ={}).sources()] == ["folder"]
