"""Notice, in constant time per thought, that a chain repeats itself, goes round in circles or says nothing.

A thought leaves a small `Trace`; only the last eight are compared, and only the first part of a long thought is read.
Numbering ("Step 3:", "(2/5)", the thought's own number) never counts as new. Any other number, name or symbol does:
"add 3 to 5" and "add 8 to 4" are two steps of one method, not a repetition.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from understudy_servers.thinking.vocabulary import CONTRASTS, FILLER

WINDOW = 8  # traces kept
READ = 2_000  # characters of a thought that are compared
NEAR = 0.55  # Jaccard similarity of character 4-grams from which two thoughts with the same particulars are one
SHORT = 25  # letters under which only equality counts: in a few words one word is the whole point

LABEL = re.compile(
    r"\b(?:step|thought|part|attempt|try|iteration|round|phase|stage|pass|number|no)s?\W{0,3}\d+(?:\s*(?:/|of)\s*\d+)?"
    r"|^\W*\d+\s*(?:/|of)\s*\d+\W|^\W*\d+[.):]\s",
    re.IGNORECASE | re.MULTILINE,
)
WORD = re.compile(r"[^\W_]+(?:[.'][^\W_]+)*")
SENTENCE_START = re.compile(r"(?:^|[.!?:\n])\W*$")


@dataclass(frozen=True, slots=True)
class Trace:
    """What is remembered of a thought for comparison.

    `folded` are its words and figures, `uncounted` the same without the thought's own number, and `grams` the character
    4-grams of its words.
    """

    number: int
    folded: str
    uncounted: str
    length: int
    grams: frozenset[str]
    words: tuple[str, ...]
    names: frozenset[str]
    figures: tuple[str, ...]


def traced(text: str, number: int) -> Trace:
    """Fold a thought for comparison: case, punctuation, spaces and numbering go."""
    unnumbered = LABEL.sub(" ", text[:READ])
    words: list[str] = []
    figures: list[str] = []
    names: set[str] = set()
    for match in WORD.finditer(unnumbered):
        word, lower = match[0], match[0].lower()
        words.append(lower)
        if not word.isalpha() or (len(word) == 1 and lower not in "ai"):
            figures.append(lower)
        elif (
            lower in CONTRASTS
            or lower.endswith("n't")
            or _is_name(word, unnumbered[max(0, match.start() - 8) : match.start()])
        ):
            names.add(lower)
    figures += re.findall(r"[^\w\s.,;:!?'\"()\[\]*`]", unnumbered)
    joined = " ".join(words)
    signs = "".join(figures)
    length = len(text) if len(text) > READ else 0  # beyond what is read, only equal lengths can be equal thoughts
    return Trace(
        number=number,
        folded=joined + signs,
        uncounted=" ".join(word for word in words if word != str(number)) + signs.replace(str(number), ""),
        length=length,
        grams=frozenset(joined[i : i + 4] for i in range(len(joined) - 3)),
        words=tuple(words),
        names=frozenset(names),
        figures=tuple(figures),
    )


def _is_name(word: str, before: str) -> bool:
    """Say whether a word is capitalized although the text before it does not end a sentence."""
    return word[0].isupper() and SENTENCE_START.search(before) is None


def same(one: Trace, other: Trace) -> bool:
    """Say whether two thoughts are one, word for word or in a light paraphrase that keeps every name and figure."""
    if one.folded == other.folded or one.uncounted == other.uncounted != "":
        return one.length == other.length and bool(one.folded)
    if min(len(one.folded), len(other.folded)) < SHORT or one.figures != other.figures:
        return False
    common = len(one.grams & other.grams)
    if common < NEAR * (len(one.grams) + len(other.grams) - common):
        return False
    # Either may have a name at the start of a sentence, where a capital says nothing; together they know it.
    names = one.names | other.names
    return [word for word in one.words if word in names] == [word for word in other.words if word in names]


def repeated(recent: Sequence[Trace], new: Trace) -> Trace | None:
    """Find the latest of the recent thoughts that the new one repeats."""
    return next((trace for trace in reversed(recent) if same(trace, new)), None)


def cycle(recent: Sequence[Trace], new: Trace) -> list[Trace] | None:
    """Find the two or three thoughts that alternate in A-B-A-B or A-B-C-A-B-C; None when nothing does."""
    chain = [*recent, new]
    for period in (2, 3):
        tail = chain[-2 * period :]
        if len(tail) < 2 * period or same(tail[0], tail[1]):
            continue
        if all(same(tail[i], tail[i + period]) for i in range(period)):
            return tail[:period]
    return None


def says_nothing(text: str) -> bool:
    """Say whether a thought has no content word: it is empty, or only announces thinking."""
    if len(text) > 400:
        return False
    if re.search(r"[^\w\s]", text) and re.search(r"\d|[=<>+*/^%$]", text):
        return False
    return all(word.lower() in FILLER for word in WORD.findall(text))
