"""DS-1000's and ODEX's questions over the DevDocs corpus, read from a copy of code-rag-bench.

The set: every DevDocs entry of ten Python libraries is one document, its id the library and the entry's path with dots;
the documents that solve a question were annotated by the authors of CodeRAG-Bench (arXiv 2406.14497). Only questions
with at least one such document count. Nothing of the set is in this repository; the loader takes a path.
"""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from understudy_servers.docs.chunks import Chunk, split
from understudy_servers.docs.clean import visible

# Which of the crawled forms of a library is in a snapshot and small: whole paragraphs, the first, or plain pages.
LIBRARIES = {
    "python": ("python~3.9", "firstpara"),
    "pandas": ("pandas~1", "paras"),
    "numpy": ("numpy~1.22", "paras"),
    "matplotlib": ("matplotlib~3.5", "plain"),
    "flask": ("flask~2.0", "paras"),
    "django": ("django~4.0", "plain"),
    "sklearn": ("scikit_learn", "firstpara"),
    "tensorflow": ("tensorflow~2.4", "firstpara"),
    "torch": ("pytorch~2", "paras"),
    "werkzeug": ("werkzeug~2.0", "paras"),
}
MAX_QUERY = 500  # characters: the question itself; what follows is data and code


@dataclass(frozen=True, kw_only=True)
class Question:
    """A question with the ids of the documents that answer it."""

    text: str
    library: str
    answers: frozenset[str]


def documents(data: Path, library: str) -> Iterator[Chunk]:
    """Yield the chunks of a library's entries; `page` is the document's id."""
    folder, form = LIBRARIES[library]
    crawl = data / "preprocessor" / "devdocs"
    if form == "plain":
        entries = json.loads((crawl / "raw" / folder / "index.json").read_text())["entries"]
        pages: dict[str, str] = {}
    else:
        entries = json.loads((crawl / "raw" / folder / f"populated_index_{form}.json").read_text())
    for entry in entries:
        path = str(entry["path"])
        plain = form == "plain"
        text = _from_page(crawl / "plain" / folder, path, pages) if plain else _text(str(entry["text"]))
        id = f"{library}." + path.replace("/", ".")
        title = _title(path, str(entry["name"]))
        kind = "api" if re.search(r"\w\.\w|\(\)", title) else "prose"
        for piece in (split(visible(text)) or [title])[:3]:
            yield Chunk(
                kind="api" if kind == "api" else "prose",
                title=title.removesuffix("()"),
                text=piece,
                source=path,
                page=id,
                parent=id,
                names=(title.removesuffix("()"),),
            )


def _title(path: str, name: str) -> str:
    leaf = path.partition("#")[2] or path.rpartition("/")[2]
    bare = name.removesuffix("()")
    if leaf.lower().endswith(bare.lower()):
        return leaf[: len(leaf) - len(bare)] + bare
    return leaf if "." in leaf else name


def _text(raw: str) -> str:
    if raw.startswith("["):
        try:
            return "\n\n".join(map(str, ast.literal_eval(raw)))
        except (SyntaxError, ValueError):
            return raw
    return raw.strip()


def _from_page(folder: Path, path: str, pages: dict[str, str]) -> str:
    page, _, anchor = path.partition("#")
    if page not in pages:
        file = folder / f"{page}.txt"
        pages[page] = file.read_text(errors="replace") if file.exists() else ""
    text = pages[page]
    if anchor:
        leaf = anchor.rpartition(".")[2]
        match = re.search(rf"^.*\b{re.escape(leaf)}\s*\(", text, re.MULTILINE)
        return text[match.start() : match.start() + 900] if match else ""
    return text[:3_000]


def questions(data: Path, name: str) -> list[Question]:
    """Return the questions of `ds1000` or `odex` that have an answer among the documents."""
    file = data / "retrieval" / "datasets" / "canonical" / f"{name}_docs.json"
    found = []
    for line in file.read_text().splitlines():
        row = json.loads(line)
        answers = row["docs"] if isinstance(row["docs"], list) else ast.literal_eval(row["docs"])
        ids = frozenset(str(document["title"]) for document in answers)
        if ids:
            text = row["intent"] if name == "odex" else question_of(row["prompt"])
            found.append(Question(text=text, library=next(iter(ids)).partition(".")[0], answers=ids))
    return found


def question_of(prompt: str) -> str:
    """Return what is asked in a DS-1000 prompt: the problem's text, or the comments of a plotting task."""
    if prompt.lstrip().startswith("Problem:"):
        text = prompt.partition("Problem:")[2].partition("\nA:")[0]
    else:
        comments = [
            line.lstrip("# ") for line in prompt.splitlines() if line.startswith("#") and "SOLUTION" not in line
        ]
        text = "\n".join(comments)
    return text.strip()[:MAX_QUERY]
