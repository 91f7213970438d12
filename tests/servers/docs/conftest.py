"""A made-up environment with made-up packages, and a desk over it, all in the test's own folder."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from understudy_servers.docs.desk import Desk
from understudy_servers.docs.index.building import InlineBuilder
from understudy_servers.docs.index.store import Store
from understudy_servers.docs.project import Project

Install = Callable[..., Path]
CONCEPTS = ("cat kitten feline", "car vehicle engine", "soup broth cooking")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "home")
    yield opened
    opened.close()


@pytest.fixture
def install(tmp_path: Path) -> Install:
    """Install a distribution of plain files into the environment `tmp_path/project/.venv`."""
    site = tmp_path / "project" / ".venv" / "lib" / "python3.11" / "site-packages"
    site.mkdir(parents=True)
    (tmp_path / "project" / ".venv" / "pyvenv.cfg").write_text("home = /usr/bin\n")

    def install_one(name: str, version: str, files: Mapping[str, str], *, readme: str = "", url: str = "") -> Path:
        record = []
        for relative, text in files.items():
            path = site / relative
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
            record.append(f"{relative},sha256={sha256(text.encode()).hexdigest()},{len(text)}")
        info = site / f"{name.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        links = f"Project-URL: Source, {url}\n" if url else ""
        (info / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nSummary: About {name}\n{links}\n{readme}",
            encoding="utf-8",
        )
        (info / "RECORD").write_text("\n".join(record) + "\n", encoding="utf-8")
        return site

    return install_one


@pytest.fixture
def project(tmp_path: Path) -> Project:
    (tmp_path / "project").mkdir(exist_ok=True)
    return Project(roots=(tmp_path / "project",), environ={})


@pytest.fixture
def desk(store: Store, project: Project) -> Desk:
    return Desk(store, project, InlineBuilder(store))


@pytest.fixture
def concepts() -> Iterator[str]:
    """An embeddings endpoint that knows three concepts, whatever word is used, and breaks when it is told to."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
            if "break down" in texts:
                self.send_error(500)
                return
            vectors = [
                [float(any(word in text.lower() for word in concept.split())) for concept in CONCEPTS]
                + [sha256(text.encode()).digest()[0] / 2_560]
                for text in texts
            ]
            data = [{"index": index, "embedding": vector} for index, vector in enumerate(vectors)]
            body = json.dumps({"data": data}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1#concepts"
        server.shutdown()
        thread.join()
