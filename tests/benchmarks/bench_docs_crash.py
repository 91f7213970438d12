"""Kill servers and indexer at random over one home; then count what was acknowledged and is lost.

    python tests/benchmarks/bench_docs_crash.py --kills 100

Three servers add and ask without pause; at each kill the indexer or one server gets SIGKILL, and a killed
server is replaced. Embeddings come from a small endpoint in this process, so that Chroma is written all the time.
"""

import argparse
import contextlib
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from understudy_servers.docs.index.building import lock_path
from understudy_servers.docs.index.chroma import open_for_writing
from understudy_servers.docs.index.indexer import Indexer
from understudy_servers.docs.index.lock import FileLock
from understudy_servers.docs.index.store import Store
from understudy_servers.docs.index.vector_index import embedded_versions

SERVER = Path(__file__).with_name("docs_crash_server.py")
DIMENSIONS = 32


class Embeddings(BaseHTTPRequestHandler):
    """Embeds a text as numbers from its hash."""

    def do_POST(self) -> None:
        texts = json.loads(self.rfile.read(int(self.headers["Content-Length"])))["input"]
        vectors = [[byte - 127.5 for byte in sha256(text.encode()).digest()[:DIMENSIONS]] for text in texts]
        body = json.dumps({"data": [{"index": index, "embedding": one} for index, one in enumerate(vectors)]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # the asker was killed
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


@contextlib.contextmanager
def endpoint() -> Iterator[str]:
    """Serve embeddings on loopback; yield the embedder's spelling."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Embeddings) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/v1#fake"
        server.shutdown()
        thread.join()


@dataclass(kw_only=True)
class Outcome:
    """What became of it all."""

    kills: int = 0
    indexer_kills: int = 0
    acknowledged: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    failed_servers: list[str] = field(default_factory=list)
    index: str = ""
    chroma_equal: bool = False


class Servers:
    """Three servers, replaced when killed; what they acknowledged is kept."""

    def __init__(self, scratch: Path, embedder: str) -> None:
        self.scratch, self.embedder = scratch, embedder
        self.count = 0
        self.running: list[tuple[subprocess.Popen[str], Path, Path]] = []
        self.ended: list[Path] = []

    def start(self) -> None:
        said, erred = (self.scratch / f"server{self.count}.{kind}" for kind in ("out", "err"))
        command = [sys.executable, str(SERVER), str(self.scratch / "home"), str(self.scratch), f"s{self.count}"]
        with said.open("w") as out, erred.open("w") as err:
            started = subprocess.Popen([*command, self.embedder, "3600"], stdout=out, stderr=err, text=True)
        self.running.append((started, said, erred))
        self.count += 1

    def kill(self, index: int) -> None:
        process, said, _ = self.running.pop(index)
        process.kill()
        process.wait()
        self.ended.append(said)

    def stop(self, outcome: Outcome) -> None:
        for process, said, erred in self.running:
            if process.poll() is not None:
                outcome.failed_servers.append(erred.read_text()[-300:])
            process.kill()
            process.wait()
            self.ended.append(said)
        for said in self.ended:
            outcome.acknowledged += [line for line in said.read_text().split("\n")[:-1] if line]


def run(kills: int, seed: int, pause: float) -> Outcome:
    """Kill that often, then look at everything."""
    outcome, chance = Outcome(), random.Random(seed)
    with endpoint() as embedder, tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        servers = Servers(scratch, embedder)
        for _ in range(3):
            servers.start()
        lock = lock_path(scratch / "home")
        while outcome.kills < kills:
            time.sleep(chance.uniform(0.1, 2 * pause))
            if chance.random() < 0.7:
                outcome.indexer_kills += kill_holder(lock)
            else:
                servers.kill(chance.randrange(3))
                servers.start()
            outcome.kills += 1
        time.sleep(2 * pause)
        servers.stop(outcome)
        kill_holder(lock)
        inspect(scratch / "home", embedder, outcome)
    return outcome


def kill_holder(lock: Path) -> int:
    """Kill the indexer that holds the lock, if one does."""
    if not lock.exists() or not FileLock(lock).held_elsewhere():
        return 0
    with contextlib.suppress(ProcessLookupError, ValueError):
        pid = int(lock.read_text() or "0")
        if pid != os.getpid() and pid > 1:
            os.kill(pid, signal.SIGKILL)
            return 1
    return 0


def inspect(home: Path, embedder: str, outcome: Outcome) -> None:
    """Check the file, every acknowledged library, and that Chroma can be brought to what SQLite has."""
    store = Store(home)
    with store.reading() as connection:
        outcome.index = connection.execute("PRAGMA integrity_check").fetchone()[0]
        for title in outcome.acknowledged:
            row = connection.execute("SELECT 1 FROM words WHERE words MATCH ? LIMIT 1", (f'"{title}word"',)).fetchone()
            if row is None:
                outcome.lost.append(title)
    indexer = Indexer(store, embedder=embedder)
    indexer.drain()
    assert indexer.embedding is not None
    model = indexer.embedding.spec.name
    outcome.chroma_equal = dict(open_for_writing(store, model).counts()) == embedded_versions(store, model)
    store.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pause", type=float, default=0.5, help="mean seconds between kills")
    options = parser.parse_args()
    outcome = run(options.kills, options.seed, options.pause)
    lines = [
        f"kills {outcome.kills}, of which the indexer {outcome.indexer_kills}",
        f"acknowledged libraries {len(outcome.acknowledged)}, lost {len(outcome.lost)}",
        f"servers that failed without being killed {len(outcome.failed_servers)} {outcome.failed_servers[:1]}",
        f"SQLite integrity {outcome.index}; Chroma equal to SQLite afterwards {outcome.chroma_equal}",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return int(bool(outcome.lost or outcome.failed_servers or outcome.index != "ok" or not outcome.chroma_equal))


if __name__ == "__main__":
    sys.exit(main())
