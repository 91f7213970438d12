"""The last section of a report: where the numbers came from, and the command that makes them again."""

import json
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

from understudy_harness.analysis import Analysis, ArmResult


def section(analysis: Analysis) -> Iterator[str]:
    """Provenance as HTML."""
    header = analysis.header
    yield '<section id="provenance"><h2>Provenance</h2>'
    command = header.get("command")
    if command:
        yield "<h3>Run it again</h3>"
        yield f'<div class="command"><pre>{escape(str(command))}</pre><button class="copy">Copy</button></div>'
        if not all(arm.about.get("imported") for result in analysis.benchmarks for arm in result.arms):
            yield '<p class="note">The same command on the same folder does what is missing and nothing else.</p>'
    yield _details("Software and settings", _table(("what", "value"), list(_settings(header))))
    yield _details("Data", _table(("benchmark", "samples", "SHA-256 of the samples", "source"), list(_data(analysis))))
    arms = [arm for result in analysis.benchmarks for arm in result.arms]
    yield _details("Arms", _table(("arm", "benchmark", "models", "fingerprint", "id"), [_arm(arm) for arm in arms]))
    facts = list(_facts(arms))
    if facts:
        yield _details("What the servers said about their models", _table(("model", "facts"), facts))
    indexes = list(dict.fromkeys(index for arm in arms for index in _indexes(arm)))
    if indexes:
        yield _details("Documentation indexes", _table(("arm", "benchmark", *_INDEX), indexes))
    yield _details("Ledger", _table(("what", "value"), list(_ledger(analysis))))
    yield "</section>"


def _settings(header: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name in ("git", "python", "machine", "seed", "epochs", "limit", "split"):
        if header.get(name) is not None:
            yield name, str(header[name])
    for name in ("packages", "prompts", "row_budget"):
        if header.get(name):
            yield name.replace("_", " "), ", ".join(f"{k} {v}" for k, v in header[name].items())


def _data(analysis: Analysis) -> Iterator[tuple[str, ...]]:
    for result in analysis.benchmarks:
        about = result.about
        yield (
            result.name,
            str(about.get("samples", len(result.sample_ids))),
            str(about.get("dataset", "unknown")),
            str(result.statement.get("source", "")),
        )


def _arm(arm: ArmResult) -> tuple[str, ...]:
    models = ", ".join(f"{role}: {spec}" for role, spec in arm.models.items())
    return arm.label, str(arm.about.get("benchmark", "")), models, str(arm.about.get("fingerprint", "")), arm.id


def _facts(arms: Sequence[ArmResult]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for arm in arms:
        for entry in arm.facts:
            if "server" in entry:
                continue
            text = json.dumps(entry.get("facts", {}), sort_keys=True)
            if text not in seen:
                seen.add(text)
                yield str(entry.get("model", "")), text


_INDEX = ("digest", "embedder", "vectors", "libraries")


def _indexes(arm: ArmResult) -> Iterator[tuple[str, ...]]:
    for entry in arm.facts:
        if "server" in entry:
            said = entry["facts"]
            yield arm.label, str(entry.get("benchmark", "")), *(str(said.get(name, "")) for name in _INDEX)


def _ledger(analysis: Analysis) -> Iterator[tuple[str, str]]:
    columns = analysis.columns
    yield "rows", f"{columns.rows:,}"
    yield "processes that went on with it", str(columns.resumes)
    yield "calls in flight when one ended", str(columns.in_flight)
    yield "lines not used", str(len(columns.damage))
    for damage in columns.damage[:20]:
        yield f"line {damage.line}", " ".join(filter(None, (damage.problem, damage.detail)))


def _details(title: str, content: str) -> str:
    return f'<details><summary>{escape(title)}</summary><div class="scroll">{content}</div></details>'


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    top = "".join(f"<th>{escape(name)}</th>" for name in head)
    body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"
