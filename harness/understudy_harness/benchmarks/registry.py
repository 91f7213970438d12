"""Find a benchmark by its spec: `NAME`, `NAME:PATH`, or the bare path of a folder or file of JSON lines.

A spec is all that a run, a worker on another machine or a rerun needs to open the same benchmark again. Nothing is
downloaded here; `understudy gap benchmarks fetch NAME` does that when asked.
"""

from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, cast

from understudy_harness.benchmarks.data import data_folder
from understudy_harness.benchmarks.spec import Spec
from understudy_harness.errors import BenchmarkError
from understudy_harness.sample import Benchmark


class Entry(NamedTuple):
    """One benchmark that is known by name."""

    opener: str
    """"module:function" under `understudy_harness.benchmarks`: called with a `Spec`."""
    summary: str
    """One line for `understudy gap benchmarks`."""
    data: str | None = None
    """File or folder that the benchmark looks for in the data folder; None where it is bundled or generated."""
    needs_path: bool = False
    """There is no default place: the spec must name one."""


KNOWN: dict[str, Entry] = {
    "fixture-sums": Entry("families:open_family", "Word problems the bundled models were trained for."),
    "fixture-facts": Entry("families:open_family", "Facts about invented libraries, with their documentation."),
    "fixture-facts-decoy": Entry("families:open_family", "The control of fixture-facts: another library's pages."),
    "fixture-functions": Entry("families:open_family", "Short Python functions the bundled models were trained for."),
    "toolcalling": Entry("toolcalling:open_toolcalling", "Right tool, right arguments, or none: for laptops."),
    "gsm8k": Entry("gsm8k:open_gsm8k", "Grade-school word problems, graded by number.", "gsm8k/test.jsonl"),
    "humaneval": Entry(
        "humaneval:open_humaneval", "164 Python functions from docstrings.", "humaneval/HumanEval.jsonl.gz"
    ),
    "humaneval+": Entry(
        "humaneval:open_humaneval", "HumanEval with EvalPlus' inputs.", "humaneval/HumanEvalPlus-OriginFmt.jsonl.gz"
    ),
    "bfcl": Entry("bfcl:open_bfcl", "Function calls: simple, multiple, parallel, irrelevance.", "bfcl"),
    "bfcl-live": Entry("bfcl:open_bfcl", "The same with functions and questions of users.", "bfcl"),
    "mbpp": Entry("mbpp:open_mbpp", "974 short Python tasks with their asserts.", "mbpp/mbpp.jsonl"),
    "mbpp-sanitized": Entry("mbpp:open_mbpp", "427 of them, checked by hand.", "mbpp/sanitized-mbpp.json"),
    "mbpp+": Entry("mbpp:open_mbpp", "378 of them with EvalPlus' inputs.", "mbpp/MbppPlus-OriginFmt.jsonl.gz"),
    "polyglot": Entry(
        "polyglot:open_polyglot", "Aider's exercises in four languages; the loop sees the tests.", "polyglot"
    ),
    "libraries": Entry(
        "libraries:open_libraries", "What changed in a package: libraries:PACKAGE=OLD,NEW.", needs_path=True
    ),
    "inspect": Entry("inspect_task:open_inspect", "An Inspect task: inspect:FILE.py@TASK.", needs_path=True),
    "jsonl": Entry("jsonl:open_jsonl", "Your own samples as JSON lines.", needs_path=True),
}


def open_benchmark(spec: str) -> Benchmark:
    """Open a benchmark by its spec. Its data is read when its samples are asked for.

    Raises:
        BenchmarkError: No benchmark has that name, or its data is not there.
    """
    name, _, rest = spec.partition(":")
    if name not in KNOWN:
        if Path(spec).exists():
            return _call("jsonl:open_jsonl", Spec(spec, "jsonl", Path(spec)))
        raise BenchmarkError(_unknown(spec))
    entry = KNOWN[name]
    if rest:
        return _call(entry.opener, Spec(spec, name, Path(rest)))
    if entry.needs_path:
        raise BenchmarkError(f"The benchmark {name!r} needs a path: write {name}:PATH.")
    if entry.data is None:
        return _call(entry.opener, Spec(spec, name, None))
    path = data_folder() / entry.data
    if not path.exists():
        raise BenchmarkError(
            f"The data of {name!r} is not at {path}. Write {name}:PATH, or fetch it with "
            f"`understudy gap benchmarks fetch {name}`."
        )
    return _call(entry.opener, Spec(spec, name, path))


def _call(opener: str, spec: Spec) -> Benchmark:
    module, _, function = opener.partition(":")
    found = getattr(import_module(f"understudy_harness.benchmarks.{module}"), function)
    return cast(Callable[[Spec], Benchmark], found)(spec)


def _unknown(spec: str) -> str:
    close = get_close_matches(spec, KNOWN, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return f"No benchmark and no path is called {spec!r}.{hint} Known names: {', '.join(KNOWN)}."
