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

_GORILLA = f"{_RAW}/ShishirPatil/gorilla/6ea57973c7a6097fd7c5915698c54c17c5b1b6c8"
_BFCL = f"{_GORILLA}/berkeley-function-call-leaderboard/bfcl_eval/data"
_BFCL_FILES = {
    "BFCL_v4_simple_python.json": "82dd63ba502eb2520c6b5d1d9a5c4b590e03ff261565175561f6228a367d1991",
    "possible_answer/BFCL_v4_simple_python.json": "90cd5bc653690ee8e459b5b3f3fc9458606f7f3fcbf795bb51b7dc581f8c86dc",
    "BFCL_v4_multiple.json": "aef168155ebd74b7ac2401198b201343bc7d16d7a3d7e0d4e6d8ee82c6969b2a",
    "possible_answer/BFCL_v4_multiple.json": "244e00ce9395df948bcafc7bee64e8f9c87ef70887587d83cae45b13699f3047",
    "BFCL_v4_parallel.json": "19f51a82eff42e5d62541aa500115a056eb78f437c2ba1f10415fd7c8e5dda84",
    "possible_answer/BFCL_v4_parallel.json": "8a6aa19c1adddc6a5a2f7e40f9dbf30cc7e95815e7b830c90589ab318229e0f0",
    "BFCL_v4_parallel_multiple.json": "8863ea8433239f55c5f016154cf0830853c89f693c6ea270396a2fa121960579",
    "possible_answer/BFCL_v4_parallel_multiple.json": (
        "5ebf24f458c1f16300c05505d83d6f0a1b68b79be273a033febd0d4f840507e3"
    ),
    "BFCL_v4_irrelevance.json": "2b6ed4c2e992cdcf5f1678a701851f944bef7550ee026ed1ddb89efed5be01a6",
}
_BFCL_LIVE_FILES = {
    "BFCL_v4_live_simple.json": "1af2ac87dca47556db7b7e37e51e28b459a38b594e3c7b3c792b4903598ca0c4",
    "possible_answer/BFCL_v4_live_simple.json": "fec9cfa9744a936f9126981e85a2023da1e63e273eafebc81923a1162fad70ce",
    "BFCL_v4_live_multiple.json": "fd8ccfad4d911420d0e3341dbe2fff77d1d341da934248b9bb2bda24ab3a10c8",
    "possible_answer/BFCL_v4_live_multiple.json": "97e90d59c5bd76c55a2920ce93e5566e9046307d3f558578f085f9d3a56c3084",
    "BFCL_v4_live_parallel.json": "6c26e9fdc3350cf596e6d1ea9c179cbff834761bccf562f4141ed29a839ca421",
    "possible_answer/BFCL_v4_live_parallel.json": "8a9f189ff0e832ebbbbdade1fd95a7dbcc67406e9177df3f0aad76f59ab00350",
    "BFCL_v4_live_parallel_multiple.json": "21d4b9319c1faac431e22757b367ea28917fe467364c3a4b17f16ec06d4f6e79",
    "possible_answer/BFCL_v4_live_parallel_multiple.json": (
        "f5b5f360556c5feb51db46fb9f56ee4b304f4b45b161599bbb14161c98a2873f"
    ),
    "BFCL_v4_live_irrelevance.json": "6559fda2beaceb609a2cd2e504c65b4a56cb448e1ef88fddfd199e163d163349",
    "BFCL_v4_live_relevance.json": "e03f9e241657a137cba48a89ee12f47bf3fcb7e4f6274263e9c699a0c974203a",
}


class Place(NamedTuple):
    """Where a file is, and what it must be."""

    url: str
    sha256: str
    path: str
    """Under the data folder."""


FETCHABLE: dict[str, tuple[Place, ...]] = {
    "bfcl": tuple(Place(f"{_BFCL}/{name}", digest, f"bfcl/{name}") for name, digest in _BFCL_FILES.items()),
    "bfcl-live": tuple(Place(f"{_BFCL}/{name}", digest, f"bfcl/{name}") for name, digest in _BFCL_LIVE_FILES.items()),
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
    # Copies of Google's files (CC BY 4.0) in small repositories, whose commits can be checked.
    "mbpp": (
        Place(
            f"{_RAW}/OckBench/OckBench/b72752a0ba5989d3c212675ec60d3eedcd838628/data/mbpp.jsonl",
            "ccf64ceae9c5403bf50a044cb6d505bfd2a2963ee58338ba268fd65beab92a9f",
            "mbpp/mbpp.jsonl",
        ),
    ),
    "mbpp-sanitized": (
        Place(
            f"{_RAW}/mrigankpawagi/PropertyEval/b2be813dcff867cc350c61b8d3ea57ec088ce1ac/sanitized-mbpp.json",
            "8ac32b2799150228e2d745aed09c870b7e4444246d4727d1004576207ef40769",
            "mbpp/sanitized-mbpp.json",
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
