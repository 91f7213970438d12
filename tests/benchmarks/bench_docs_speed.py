"""How fast the docs server starts and answers, beside the floor of a bare MCP server in the same run.

    python tests/benchmarks/bench_docs_speed.py [--python .venv] [--rounds 10]

Times are wall-clock and so say as much about the machine's load, which is printed; ratios to the floor do not.

Warm questions are asked of two libraries of 27,000 chunks: the documentation of torch, scipy and numpy as installed
here, one after the other, and pydantic's fifteen times over, which makes nearly every word common: the worst case.
"""

import argparse
import os
import resource
import statistics
import struct
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import anyio
from mcp import Client, StdioServerParameters

from understudy_servers.docs.desk import Desk
from understudy_servers.docs.index.building import InlineBuilder
from understudy_servers.docs.index.dense import LocalDense
from understudy_servers.docs.index.embed_work import prepare
from understudy_servers.docs.index.embedding import embedder_spec, open_embedder
from understudy_servers.docs.index.model_process import TorchEmbedder
from understudy_servers.docs.index.store import Store
from understudy_servers.docs.index.vector_index import complete, save
from understudy_servers.docs.index.vectors import cosines
from understudy_servers.docs.project import Project
from understudy_servers.docs.readers.chunks import Chunk
from understudy_servers.docs.reply import pack
from understudy_servers.docs.sources.addable import folder_source
from understudy_servers.docs.words import count_tokens

BARE = "from mcp.server.mcpserver import MCPServer\nMCPServer('bare').run()\n"
SERVE = "from understudy_harness.cli import main\nmain()\n"
CHUNKS = 27_000
UNIT = struct.pack("<384e", *[384**-0.5] * 384)
QUESTIONS = (
    "how do I validate an email field",
    "BaseModel.model_dump",
    "serialize a model to json without unset fields",
    "custom validator that runs before parsing",
    "what does strict mode change",
    "configure aliases for field names",
    "generate a JSON schema",
    "discriminated union of models",
)

# Of torch, scipy and numpy, as people ask: by words, by name, and by an aim.
REAL = ("torch", "scipy", "numpy")
REAL_QUESTIONS = (
    "how do I broadcast a tensor to a new shape",
    "torch.nn.Linear",
    "save and load the weights of a model",
    "solve a linear system with a sparse matrix",
    "what does the dim argument of softmax change",
    "fit a curve to data points",
    "stack arrays along a new axis",
    "learning rate schedule with warm restarts",
    "gradient clipping by norm",
    "numpy.einsum",
    "minimize a function with bounds",
    "convert an array to another dtype without copying",
    "two dimensional convolution with padding",
    "random numbers from a seeded generator",
    "interpolate missing values on a grid",
    "mask attention to earlier positions",
    "scipy.stats.ttest_ind",
    "distance between two sets of vectors",
    "move a module to the GPU",
    "eigenvalues of a symmetric matrix",
    "why does my loss become nan in mixed precision",
    "index an array with a boolean condition",
    "export a model to ONNX",
    "fast Fourier transform of real input",
)


def percentile(values: list[float], share: float) -> float:
    """Return a percentile by the nearest rank."""
    return sorted(values)[min(int(len(values) * share), len(values) - 1)]


async def greet(parameters: StdioServerParameters) -> float:
    """Return the seconds from start to the answer of `initialize`."""
    started = time.perf_counter()
    async with Client(parameters, mode="legacy"):
        return time.perf_counter() - started


def greeted(parameters: StdioServerParameters) -> tuple[float, float]:
    """Return the seconds to the answer of `initialize`, and those of processor time that the server's whole life took.

    The latter says what the former would be on a machine with nothing else to do.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = anyio.run(greet, parameters)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


async def first_answer(parameters: StdioServerParameters) -> tuple[float, bool]:
    """Return the seconds from start to the first hybrid answer, and whether it was one."""
    started = time.perf_counter()
    async with Client(parameters, mode="legacy") as client:
        await client.list_tools()
        result = await client.call_tool("query-docs", {"libraryId": "pydantic", "query": QUESTIONS[0]})
        content = result.structured_content or {}
        return time.perf_counter() - started, content.get("vectors") == "ready"


def fill(store: Store, model: str, name: str, chunks: list[Chunk]) -> None:
    """Index chunks of real text with made-up vectors: their values do not change what a search costs."""
    give_vectors(store, model, store.publish(folder_source(store.home, name), chunks, fingerprint="x"))


def give_vectors(store: Store, model: str, version: int) -> None:
    """Give a version any vectors, so that answers are hybrid and no indexer embeds it while something is measured."""
    with store.reading() as connection:
        hashes = [row[0] for row in connection.execute("SELECT DISTINCT hash FROM chunk WHERE version = ?", (version,))]
    save(store, model, [(hashed, UNIT) for hashed in hashes])
    complete(store, version, model)


def copied(package: list[Chunk]) -> list[Chunk]:
    """Return 27,000 chunks: one package again and again, each copy under titles of its own."""
    copies = CHUNKS // len(package) + 1
    return [
        replace(one, title=f"{one.title}{copy}", page=f"{one.page}{copy}", parent="p")
        for copy in range(copies)
        for one in package
    ][:CHUNKS]


def chunks_of(desk: Desk, name: str) -> list[Chunk]:
    """Index an installed package and return its chunks."""
    library, number = desk.locate(name)
    desk.wait(library, number)
    with desk.store.reading() as connection:
        rows = connection.execute(
            "SELECT * FROM chunk WHERE version = ? ORDER BY position", (desk.store.versions(library.key)[0].id,)
        ).fetchall()
    kept = ("kind", "title", "text", "source", "page", "parent")
    return [Chunk(**{field: row[field] for field in kept}) for row in rows]


def timed(work: Callable[[], object], rounds: int) -> list[float]:
    """Return the seconds of each round."""
    found = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        found.append(time.perf_counter() - started)
    return found


def server_memory(home: Path) -> float:
    """Return the resident megabytes of the server that serves this home, on Linux."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().split(b"\0")
            if str(home).encode() in command and b"serve" in command:
                return int((process / "status").read_text().partition("VmRSS:")[2].split()[0]) / 1_000
        except OSError:
            continue  # it ended meanwhile
    return 0.0


async def memory(parameters: StdioServerParameters, home: Path) -> float:
    """Return the memory of a server that has answered hybrid questions on 27,000 chunks."""
    async with Client(parameters, mode="legacy") as client:
        for question in QUESTIONS:
            await client.call_tool("query-docs", {"libraryId": "large", "query": question})
        return server_memory(home)


def say(text: str) -> None:
    """Print a line at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def start_up(home: Path, python: Path, rounds: int) -> None:
    """Measure initialize against the floor, and the first hybrid answer."""
    arguments = ["-c", SERVE, "serve", "docs", "--home", str(home), "--python", str(python)]
    ours = StdioServerParameters(command=sys.executable, args=arguments)
    bare = StdioServerParameters(command=sys.executable, args=["-c", BARE])
    ours_seconds: list[float] = []
    bare_seconds: list[float] = []
    ours_cpu: list[float] = []
    bare_cpu: list[float] = []
    for _ in range(rounds):  # in turn, so that load hits both
        for command, seconds, used in ((bare, bare_seconds, bare_cpu), (ours, ours_seconds, ours_cpu)):
            wall, cpu = greeted(command)
            seconds.append(wall)
            used.append(cpu)
    ratio = statistics.median(ours_seconds) / statistics.median(bare_seconds)
    say(
        f"initialize: p50 {statistics.median(ours_seconds):.2f} s, p95 {percentile(ours_seconds, 0.95):.2f} s (bar 0.8)"
    )
    say(f"  a bare MCP server: p50 {statistics.median(bare_seconds):.2f} s; ratio {ratio:.2f}")
    ours_used, bare_used = statistics.median(ours_cpu), statistics.median(bare_cpu)
    say(f"  processor time {ours_used:.2f} s, bare {bare_used:.2f} s; ratio {ours_used / bare_used:.2f}")
    answers = [anyio.run(first_answer, ours) for _ in range(max(rounds // 3, 2))]
    hybrid = sum(1 for _, ready in answers if ready)
    times = [seconds for seconds, _ in answers]
    say(f"first answer: p50 {statistics.median(times):.2f} s (bar 1.2), hybrid {hybrid}/{len(answers)}")
    say(f"server memory on 27,000 chunks: {anyio.run(memory, ours, home):.0f} MB (bar 250)")
    ratio = statistics.median(times) / statistics.median(bare_seconds)
    say(f"  first answer's ratio to the bare server's initialize {ratio:.2f}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", type=Path, default=Path(sys.prefix))
    parser.add_argument("--rounds", type=int, default=10)
    options = parser.parse_args()
    spec = embedder_spec("")
    if spec is None:
        sys.stderr.write("This benchmark needs the docs extra: pip install 'understudy[docs]'.\n")
        return 3
    say(f"load average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores")
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        prepare(spec, home).communicate()
        store = Store(home)
        desk = Desk(
            store, Project(pythons=[options.python], environ={}), InlineBuilder(store), dense=LocalDense(store, spec)
        )
        desk.libraries()
        started, cpu = time.perf_counter(), time.process_time()
        library, number = desk.locate("pydantic")
        desk.wait(library, number)
        desk.ask(library, number, QUESTIONS[0])
        spent = time.process_time() - cpu
        say(f"pydantic searchable: {time.perf_counter() - started:.2f} s, of which CPU {spent:.2f} s (bar 2)")
        version = desk.store.versions("/pypi/pydantic")[0]
        package = chunks_of(desk, "pydantic")
        embed(store, home, package, version.id)
        real = [chunk for name in REAL if find_spec(name) for chunk in chunks_of(desk, name)][:CHUNKS]
        for name in REAL:
            for other in desk.store.versions(f"/pypi/{name}"):
                give_vectors(store, spec.name, other.id)
        for name, chunks, asked in (("real", real, REAL_QUESTIONS), ("large", copied(package), QUESTIONS)):
            fill(store, spec.name, name, chunks)
            warm(desk, name, asked, options.rounds)
        start_up(home, options.python, options.rounds)
        store.close()
    return 0


def embed(store: Store, home: Path, package: list[Chunk], version: int) -> None:
    """Embed part of a package for throughput; give the rest any vector, so that answers are hybrid."""
    spec = embedder_spec("")
    assert spec is not None
    model = open_embedder(spec, home)
    texts = [f"pydantic | {one.title}\n{one.text}" for one in package[::7]][:160]
    started, cpu = time.perf_counter(), time.process_time()
    model.embed(texts)
    wall, spent = time.perf_counter() - started, time.process_time() - cpu
    say(f"int8 embedding: {len(texts) / wall:.0f} chunks/s of wall, {len(texts) / spent:.0f} chunks/s of CPU (bar 40)")
    os.environ["OMP_NUM_THREADS"] = "1"  # the peer gets one core, too
    peer = TorchEmbedder("")
    del os.environ["OMP_NUM_THREADS"]
    started = time.perf_counter()
    vectors = peer.embed(texts[:80])
    ratio = (time.perf_counter() - started) / 80 / (wall / len(texts))
    peer.process.close()
    lowest = min(cosines(vectors, model.embed(texts[:80])))
    say(
        f"  sentence-transformers, float32: {ratio:.1f} times the time a chunk; lowest cosine between them {lowest:.3f}"
    )
    give_vectors(store, spec.name, version)


def warm(desk: Desk, name: str, asked: Sequence[str], rounds: int) -> None:
    """Measure questions to a warm desk, and the sizes of its replies. Nothing is remembered from an earlier round."""
    library, number = desk.locate(name)
    chunks = desk.store.versions(library.key)[0].chunks
    secret = desk.store.setting("secret")
    sizes: list[float] = []

    def ask(question: str) -> None:
        found = desk.ask(library, number, question)
        assert found.vectors == "ready"
        text, _ = pack(found, query=question, tokens=2_000, page=1, secret=secret)
        sizes.append(count_tokens(text))

    ask("a question that nobody asks again")
    cpu = time.process_time()
    seconds = [spent for _ in range(rounds) for question in asked for spent in timed(lambda: ask(question), 1)]  # noqa: B023  run at once
    used = (time.process_time() - cpu) / len(seconds)
    say(f"warm question, {chunks:,} chunks, {name}: p50 {1_000 * statistics.median(seconds):.1f} ms (bar 15)")
    say(f"  p95 {1_000 * percentile(seconds, 0.95):.1f} ms (bar 40), CPU {1_000 * used:.1f} ms")
    say(f"  reply: median {statistics.median(sizes):.0f} tokens (bar 1500), largest {max(sizes):.0f} (cap 2000)")


if __name__ == "__main__":
    sys.exit(main())
