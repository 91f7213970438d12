"""Download benchmark data, only when asked to, from its public place, and only if its hash is the known one.

Addresses name a commit, so that the bytes cannot change; a file of another hash is not kept.
"""

import hashlib
from pathlib import Path
from typing import NamedTuple

import httpx2

from understudy_harness.benchmarks.data import data_folder, file_hash
from understudy_harness.errors import BenchmarkError, EndpointDown

MOST_BYTES = 64 << 20  # the largest known file has 1.4 MB
_RAW = "https://raw.githubusercontent.com"


class Place(NamedTuple):
    """Where a file is, and what it must be."""

    url: str
    sha256: str
    path: str
    """Under the data folder."""


FETCHABLE: dict[str, tuple[Place, ...]] = {
    "gsm8k": (
        Place(
            f"{_RAW}/openai/grade-school-math/3101c7d5072418e28b9008a6636bde82a006892c/grade_school_math/data/test.jsonl",
            "3730d312f6e3440559ace48831e51066acaca737f6eabec99bccb9e4b3c39d14",
            "gsm8k/test.jsonl",
        ),
    ),
    "humaneval": (
        Place(
            f"{_RAW}/openai/human-eval/6d43fb980f9fee3c892a914eda09951f772ad10d/data/HumanEval.jsonl.gz",
            "b796127e635a67f93fb35c04f4cb03cf06f38c8072ee7cee8833d7bee06979ef",
            "humaneval/HumanEval.jsonl.gz",
        ),
    ),
    "humaneval+": (
        Place(
            f"{_RAW}/evalplus/humanevalplus_release/200defce9e3429d28ca215b6dd061c0f7f31c18b/HumanEvalPlus-OriginFmt.jsonl.gz",
            "daa7661c8189924068069b0872a440b491edb60f8bdf431d5957adc88d18bae5",
            "humaneval/HumanEvalPlus-OriginFmt.jsonl.gz",
        ),
    ),
    "mbpp+": (
        Place(
            f"{_RAW}/evalplus/mbppplus_release/dadf43da556a00f7bacd71cb154f2932757d9144/MbppPlus-OriginFmt.jsonl.gz",
            "7a5aec547b134fa297ee6c45f829298aa3f58de02547b8d8a5c3d85d9cb10efc",
            "mbpp/MbppPlus-OriginFmt.jsonl.gz",
        ),
    ),
}


def fetch(name: str, *, client: httpx2.Client | None = None) -> list[Path]:
    """Download what is not there yet and return the files.

    Args:
        name: A benchmark of `FETCHABLE`.
        client: Who asks; a client of its own when left out.

    Raises:
        EndpointDown: The place does not answer.
        BenchmarkError: What came is not the known file, and was not kept.
    """
    if client is not None:
        return [_fetched(place, client) for place in FETCHABLE[name]]
    with httpx2.Client(follow_redirects=False, timeout=60) as own:
        return [_fetched(place, own) for place in FETCHABLE[name]]


def _fetched(place: Place, client: httpx2.Client) -> Path:
    path = data_folder() / place.path
    if path.is_file() and file_hash(path) == place.sha256:
        return path
    content = _downloaded(place, client)
    found = hashlib.sha256(content).hexdigest()
    if found != place.sha256:
        raise BenchmarkError(
            f"{place.url} gave a file with the SHA-256 {found[:16]}…, not {place.sha256[:16]}…, so it was not kept."
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    part.write_bytes(content)
    part.replace(path)
    return path


def _downloaded(place: Place, client: httpx2.Client) -> bytes:
    chunks, size = [], 0
    try:
        with client.stream("GET", place.url) as response:
            if response.status_code != 200:
                raise EndpointDown(
                    f"{place.url} answered {response.status_code}. Download it by hand and give its path."
                )
            for chunk in response.iter_bytes():
                size += len(chunk)
                if size > MOST_BYTES:
                    raise BenchmarkError(f"{place.url} is larger than {MOST_BYTES >> 20} MiB, so it was not kept.")
                chunks.append(chunk)
    except httpx2.HTTPError as error:
        raise EndpointDown(f"{place.url} cannot be reached ({error}). Download it by hand and give its path.") from None
    return b"".join(chunks)
