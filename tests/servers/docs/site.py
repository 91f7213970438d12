"""A web server on loopback whose pages are a dictionary, and archives to put on it."""

import io
import tarfile
import threading
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from understudy_servers.docs.sources.net import Fetcher
from understudy_servers.docs.sources.network import Network
from understudy_servers.docs.sources.registries import Registries

Answer = tuple[int, Mapping[str, str], bytes]
Site = dict[str, Answer]


@contextmanager
def serving() -> Generator[tuple[str, Site]]:
    """Serve a dictionary of pages and give its `host:port`."""
    pages: Site = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = pages.get(self.path, (404, {}, b"no"))
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """Stay silent."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}", pages
        finally:
            server.shutdown()
            thread.join()


def network(address: str) -> Network:
    """Return a network that may reach the site, and takes it for every registry."""
    base = f"http://{address}"
    return Network(
        fetcher=Fetcher(allowed=frozenset({address})), registries=Registries(pypi=base, npm=base, crates=base)
    )


def page(body: str, kind: str = "text/html") -> Answer:
    """Return a page that is found."""
    return 200, {"Content-Type": kind}, body.encode()


def tar_gz(files: Mapping[str, str]) -> bytes:
    """Return a gzipped tar archive of text files."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, text in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            archive.addfile(info, io.BytesIO(text.encode()))
    return packed.getvalue()
