"""Sources that need the network, each from a real server on loopback through the door that a person or model uses."""

import io
import json
import shutil
import subprocess
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Iterator
from hashlib import sha256, sha512
from pathlib import Path

import pytest
from click.testing import CliRunner
from mcp import Client
from mcp.types import TextContent
from tests.servers.docs.site import Site, network, page, serving, tar_gz

from understudy_servers.docs.desk import Desk
from understudy_servers.docs.index.building import InlineBuilder
from understudy_servers.docs.index.store import Store
from understudy_servers.docs.people import docs
from understudy_servers.docs.project import Project
from understudy_servers.docs.server import build_server
from understudy_servers.docs.sources.addable import CannotAdd, addable
from understudy_servers.docs.sources.net import Refused


@pytest.fixture
def site() -> Iterator[tuple[str, Site]]:
    with serving() as served:
        yield served


def add(tmp_path: Path, address: str, *arguments: str) -> str:
    """Add a source as a person does, and return what is printed."""
    home = ["--home", str(tmp_path / "home"), "--no-vectors"]
    done = CliRunner().invoke(docs, ["add", *arguments, "--allow", address, *home])
    assert done.exit_code == 0, done.output
    return done.stdout


def search(tmp_path: Path, library: str, *query: str) -> str:
    home = ["--home", str(tmp_path / "home"), "--root", str(tmp_path), "--embedder", "off"]
    return CliRunner().invoke(docs, ["search", library, *query, *home]).stdout


def test_a_wheel_is_read_where_there_is_no_source_archive(tmp_path: Path, site: tuple[str, Site]) -> None:
    address, pages = site
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as wheel:
        wheel.writestr("lamp/__init__.py", 'def glow():\n    """Give light."""\n')
        wheel.writestr("lamp/_evil.pth", "import os")
        wheel.writestr(
            "lamp-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: lamp\nVersion: 1.0\n\n# Lamp\n\nBright.\n"
        )
        wheel.writestr("lamp-1.0.dist-info/RECORD", "lamp/__init__.py,,\n")
    data = packed.getvalue()
    hashes = {"sha256": sha256(data).hexdigest()}
    listed = [
        {"filename": "lamp-1.0-cp311-cp311-linux_x86_64.whl", "url": "/binary.whl"},
        {
            "filename": "lamp-1.0-py3-none-any.whl",
            "url": "/lamp-1.0-py3-none-any.whl",
            "hashes": hashes,
        },
        {"filename": "lamp-0.9.tar.gz", "url": "/old.tar.gz"},
        {"filename": "lamp-lantern-1.0.tar.gz", "url": "/other.tar.gz"},
        "nonsense",
    ]
    pages["/lamp/"] = page(json.dumps({"files": listed}), "application/vnd.pypi.simple.v1+json")
    pages["/lamp-1.0-py3-none-any.whl"] = (200, {}, data)

    added = add(tmp_path, address, "pypi:lamp==1.0", "--registry", f"http://{address}")

    assert added == "/pypi/lamp/1.0: 2 snippets\n"
    assert "Give light." in search(tmp_path, "lamp", "glow")


def test_the_versions_of_a_package_that_is_not_there_are_a_sentence(site: tuple[str, Site]) -> None:
    address, pages = site
    pages["/lamp/"] = page("<a href='lamp-1.0.tar.gz'>x</a>")
    pages["/broken/"] = page("{", "application/vnd.pypi.simple.v1+json")
    pages["/list/"] = page("[]", "application/vnd.pypi.simple.v1+json")
    pages["/lamp/1.0"] = page('{"dist": 5}', "application/json")
    reachable = network(address)

    for text, reason in (
        ("pypi:lamp==2.0", "lamp 2.0 has no files"),
        ("pypi:broken==1", "did not answer with JSON"),
        ("pypi:list==1", "did not answer with a JSON object"),
        ("pypi:absent==1", "status 404"),
        ("npm:lamp@1.0", "lamp 1.0 has no tarball"),
        ("npm:lamp@9", "status 404"),
        ("crates:lamp@1.0", "status 404"),
    ):
        with pytest.raises(Refused, match=reason):
            reachable.read(addable(text, network=True))
    pages["/empty/"] = page("<p>none</p>")
    with pytest.raises(Refused, match="has no files"):
        reachable.newest(addable("pypi:empty", network=True, newest=True))


def test_the_newest_npm_version_is_what_the_registry_calls_latest(tmp_path: Path, site: tuple[str, Site]) -> None:
    address, pages = site
    data = tar_gz({"package/README.md": "# Box\n\nOpen it.\n", "package/package.json": "{}"})
    pages["/@acme%2Fbox/latest"] = page('{"version": "2.1.0"}', "application/json")
    digest = b64encode(sha512(data).digest()).decode()
    found = {"dist": {"tarball": f"http://{address}/b.tgz", "integrity": f"sha512-{digest}"}}
    pages["/@acme%2Fbox/2.1.0"] = page(json.dumps(found), "application/json")
    pages["/b.tgz"] = (200, {}, data)

    added = add(tmp_path, address, "npm:@acme/box", "--registry", f"http://{address}/")

    assert added == "/npm/@acme/box/2.1.0: 1 snippets\n"
    assert "Open it." in search(tmp_path, "@acme/box", "open")


def test_a_crate_gives_its_pages(tmp_path: Path, site: tuple[str, Site]) -> None:
    address, pages = site
    files = {"serde-1.0.1/README.md": "# Serde\n\nSerialize things.\n", "serde-1.0.1/src/lib.rs": "pub fn x() {}\n"}
    pages["/crates/serde/serde-1.0.1.crate"] = (200, {}, tar_gz(files))

    added = add(tmp_path, address, "crates:serde@1.0.1", "--registry", f"http://{address}")

    assert added == "/crates/serde/1.0.1: 1 snippets\n"


def test_a_source_archive_gives_notebooks_pages_and_its_packages(tmp_path: Path, site: tuple[str, Site]) -> None:
    address, pages = site
    cells = [{"cell_type": "markdown", "source": "# Tour\n\nWalk around."}, {"cell_type": "code", "source": ["x = 1"]}]
    files = {
        "lamp-1.0/docs/index.rst": "Lamp\n====\n\nBright.\n\nCare\n----\n\nDust it.\n",
        "lamp-1.0/docs/tour.ipynb": json.dumps({"cells": cells}),
        "lamp-1.0/docs/api.yaml": "openapi: 3.1.0\ninfo: {title: Lamp API}\n"
        "paths: {/on: {post: {summary: Switch on}}}\n",
        "lamp-1.0/docs/broken.ipynb": "{",
        "lamp-1.0/docs/latin.md": "# Ok\n\nfine\n",
        "lamp-1.0/lamp/__init__.py": 'def glow():\n    """Give light."""\n',
        "lamp-1.0/lamp/tests/test_x.py": "def test(): ...\n",
        "lamp-1.0/lamp/bad.py": "def (",
        "lamp-1.0/setup.py": "raise SystemExit('ran')\n",
        "lamp-1.0/examples/__init__.py": "def example(): ...\n",
    }
    pages["/lamp/"] = page('<a href="lamp-1.0.tar.gz">x</a>')
    pages["/lamp/lamp-1.0.tar.gz"] = (200, {}, tar_gz(files))

    chunks, notes = network(address).read(addable("pypi:lamp==1.0.0", network=True))

    titles = [chunk.title for chunk in chunks]
    assert titles == ["Lamp API", "POST /on", "Lamp", "Lamp > Care", "Ok", "Tour", "lamp.glow"]
    assert len(notes) == 2
    assert "docs/broken.ipynb: left out" in notes[0]
    assert "lamp/bad.py: not readable as Python" in notes[1]


def test_an_api_description_is_read_from_an_address(tmp_path: Path, site: tuple[str, Site]) -> None:
    address, pages = site
    api = {"openapi": "3.1.0", "info": {"title": "Lamps"}, "paths": {"/on": {"post": {"operationId": "switchOn"}}}}
    pages["/v1/openapi.json"] = page(json.dumps(api), "application/json")
    pages["/swagger.yaml"] = page("swagger: '2.0'\ninfo: {title: Old}\n", "text/yaml")

    add(tmp_path, address, f"http://{address}/v1/openapi.json", "--name", "lamps")
    add(tmp_path, address, f"http://{address}/swagger.yaml", "--name", "old-lamps")

    assert "### POST /on" in search(tmp_path, "lamps", "switchOn")


def test_llms_full_txt_is_read_whole_and_without_its_links(tmp_path: Path, site: tuple[str, Site]) -> None:
    address, pages = site
    pages["/llms-full.txt"] = page(f"# Lamp\n\nAll of it.\n\n[more](http://{address}/missing.md)\n", "text/plain")
    pages["/llms.txt"] = page("# Lamp\n\n- [gone](/gone.md)\n- [data](/data.bin)\n", "text/plain")
    pages["/data.bin"] = (200, {"Content-Type": "application/octet-stream"}, b"\0\1")

    added = add(tmp_path, address, f"http://{address}/llms-full.txt", "--name", "lamp")
    chunks, notes = network(address).read(addable(f"http://{address}/llms.txt", network=True))

    assert added == "/llmstxt/lamp: 1 snippets\n"
    assert len(chunks) == 1
    assert "status 404" in notes[0]
    assert "is application/octet-stream, which is not read" in notes[1]


def test_a_sphinx_site_names_its_objects_and_what_of_it_is_missing(tmp_path: Path, site: tuple[str, Site]) -> None:
    address, pages = site
    lines = b"lamp.glow py:function 1 api.html#$ -\nlamp.gone py:function 1 gone.html#$ -\n"
    lines += b"lamp.off py:function 1 api.html#$ -\n"
    head = b"# Sphinx inventory version 2\n# Project: lamp\n# Version: 1.0\n"
    head += b"# The remainder of this file is compressed using zlib.\n"
    pages["/en/latest/objects.inv"] = (200, {}, head + zlib.compress(lines))
    pages["/en/latest/api.html"] = page(
        '<main><dl><dt id="lamp.glow">lamp.glow(watts)<a class="headerlink">¶</a></dt><dd><p>Give light.</p>'
        "<p>Deprecated since version 2.</p></dd></dl><p>More words.</p></main>"
    )

    added = add(tmp_path, address, f"http://{address}/en/latest/objects.inv", "--name", "lamp@1.0")
    found = search(tmp_path, "lamp", "lamp.glow")

    assert added.startswith("/websites/lamp/1.0: ")
    assert "lamp.glow(watts)" in found
    assert "Give light." in found


@pytest.fixture
def repository(tmp_path: Path, site: tuple[str, Site]) -> str:
    """Serve a repository with a tag and a newer commit; skips where git is absent."""
    if shutil.which("git") is None:
        pytest.skip("git is not installed")
    address, pages = site
    work, bare = tmp_path / "work", tmp_path / "bare.git"
    (work / "docs").mkdir(parents=True)
    git = [
        "git",
        "-C",
        str(work),
        "-c",
        "user.name=x",
        "-c",
        "user.email=x@example.org",
        "-c",
        "init.defaultBranch=main",
    ]

    def run(*arguments: str) -> None:
        subprocess.run([*git, *arguments], check=True, capture_output=True)

    run("init")
    (work / "docs" / "guide.md").write_text("# Guide\n\nThe first words.\n")
    (work / "docs" / "secret.md").symlink_to("/etc/hostname")
    run("add", ".")
    run("commit", "-m", "one")
    run("tag", "v1.0")
    (work / "docs" / "guide.md").write_text("# Guide\n\nThe newest words.\n")
    run("commit", "-am", "two")
    subprocess.run(["git", "clone", "--quiet", "--bare", str(work), str(bare)], check=True, capture_output=True)
    subprocess.run(["git", "-C", str(bare), "update-server-info"], check=True, capture_output=True)
    for path in bare.rglob("*"):
        if path.is_file():
            pages[f"/lamp.git/{path.relative_to(bare).as_posix()}"] = (200, {}, path.read_bytes())
            asked = f"/lamp.git/{path.relative_to(bare).as_posix()}?service=git-upload-pack"
            pages[asked] = pages[f"/lamp.git/{path.relative_to(bare).as_posix()}"]
    return f"http://{address}/lamp.git"


def test_a_repository_is_read_at_a_tag_or_at_its_newest_commit(
    tmp_path: Path, site: tuple[str, Site], repository: str
) -> None:
    address, _ = site

    tagged = add(tmp_path, address, f"git+{repository}@v1.0", "--name", "lamp")
    newest = add(tmp_path, address, repository, "--name", "newlamp")

    assert tagged == "/git/lamp/v1.0: 2 snippets\n"
    assert newest == "/git/newlamp: 2 snippets\n"
    assert "\n/etc/hostname\n" in search(tmp_path, "newlamp", "hostname")  # a link is the text of its target
    assert "The first words." in search(tmp_path, "lamp@1.0", "words") + search(tmp_path, "lamp", "words")
    assert "The newest words." in search(tmp_path, "newlamp", "words")


def test_a_tag_that_is_not_there_is_a_sentence(site: tuple[str, Site], repository: str) -> None:
    address, _ = site

    for tag in ("v9", "--upload-pack=touch"):
        with pytest.raises(Refused, match="could not be cloned"):
            network(address).read(addable(f"git+{repository}@{tag}", network=True))


async def test_a_model_can_add_from_the_network_when_the_user_allowed_it(
    tmp_path: Path, site: tuple[str, Site]
) -> None:
    address, pages = site
    pages["/llms.txt"] = page("# Lamp\n\nTurn the switch.\n", "text/plain")
    store = Store(tmp_path / "home")
    (tmp_path / "project").mkdir()
    project = Project(roots=[tmp_path / "project"], environ={})
    desk = Desk(store, project, InlineBuilder(store, network=network(address)), network=True)

    async with Client(build_server(desk)) as client:
        added = await client.call_tool("add-docs", {"source": f"http://{address}/llms.txt", "libraryId": "lamp"})
        refused = await client.call_tool("add-docs", {"source": "http://169.254.169.254/latest/"})
        asked = await client.call_tool("query-docs", {"libraryId": "lamp", "query": "switch"})
    store.close()

    assert isinstance(added.content[0], TextContent)
    assert added.content[0].text == "Indexed lamp: 1 snippets. Ask with libraryId '/llmstxt/lamp'."
    assert refused.is_error
    assert isinstance(asked.content[0], TextContent)
    assert "Turn the switch." in asked.content[0].text


async def test_a_locked_version_is_fetched_when_the_user_allowed_it(tmp_path: Path, site: tuple[str, Site]) -> None:
    address, pages = site
    data = tar_gz({"lamp-1.0/docs/a.md": "# Lamp\n\nTurn the switch.\n"})
    pages["/lamp-1.0.tar.gz"] = (200, {}, data)
    root = tmp_path / "project"
    root.mkdir()
    (root / "uv.lock").write_text(
        f'version = 1\n[[package]]\nname = "lamp"\nversion = "1.0"\n'
        f'sdist = {{ url = "http://{address}/lamp-1.0.tar.gz", hash = "sha256:{sha256(data).hexdigest()}" }}\n'
    )
    store = Store(tmp_path / "home")
    desk = Desk(store, Project(roots=[root], environ={}), InlineBuilder(store, network=network(address)), network=True)

    async with Client(build_server(desk)) as client:
        result = await client.call_tool("query-docs", {"libraryId": "lamp", "query": "switch"})
    store.close()

    assert result.structured_content is not None
    assert (result.structured_content["version"], result.structured_content["origin"]) == ("1.0", "locked")


@pytest.mark.parametrize(
    ("text", "kind", "key"),
    [
        ("https://docs.example.org/en/latest/objects.inv", "sphinx", "/websites/docs.example.org"),
        ("https://example.org/llms.txt", "llmstxt", "/llmstxt/example.org"),
        ("https://github.com/acme/lamp", "git", "/git/acme-lamp"),
        ("https://github.com/acme/lamp@v2", "git", "/git/acme-lamp"),
        ("git+https://example.org/lamp.git@v1", "git", "/git/lamp"),
        ("https://github.com/acme/lamp/blob/main/README.md", "crawl", "/websites/github.com"),
        ("https://api.example.org/openapi.yaml", "openapi-url", "/websites/api.example.org"),
        ("HTTPS://Example.org/docs", "crawl", "/websites/example.org-docs"),
    ],
)
def test_an_address_says_by_its_form_what_it_is(text: str, kind: str, key: str) -> None:
    source = addable(text, network=True)

    assert (source.kind, source.key) == (kind, key)


@pytest.mark.parametrize("text", ["https://user:pw@github.com/acme/lamp", "https://[::1", "http:///nothing", "pypi:"])
def test_an_address_that_is_none_is_refused(text: str) -> None:
    with pytest.raises((CannotAdd, ValueError)):
        addable(text, network=True)
