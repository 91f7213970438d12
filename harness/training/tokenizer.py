"""Byte-level BPE with GPT-2's pre-tokenizer, as llama.cpp reads it from a GGUF file.

Numbers from 0 to 99 are one token each; no other merge holds a digit. Any text tokenizes.
"""

import json
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from training.chats import Chat

SPECIALS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
PAD, START, END = 0, 1, 2
CHAT_TEMPLATE = (
    "{%- for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>\\n' }}{%- endfor %}"
    "{%- if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{%- endif %}"
)

# GPT-2's pre-tokenizer, for ASCII text: llama.cpp's "gpt-2" gives the same pieces there.
_PIECES = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")
_SPECIAL = re.compile("(" + "|".join(map(re.escape, SPECIALS)) + ")")

Pair = tuple[str, str]


def _characters() -> dict[int, str]:
    """GPT-2's reversible map of bytes to printable characters."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = (byte for byte in range(256) if byte not in kept)
    return {byte: chr(byte) for byte in kept} | {byte: chr(256 + n) for n, byte in enumerate(others)}


_CHARACTER = _characters()
_BYTE = {character: byte for byte, character in _CHARACTER.items()}
_SPACE = _CHARACTER[32]


class Tokenizer:
    """Text to token ids and back."""

    def __init__(self, merges: Iterable[Pair]) -> None:
        self.merges = list(merges)
        self.vocabulary = [*SPECIALS, *(_CHARACTER[byte] for byte in range(256)), *(a + b for a, b in self.merges)]
        self.ids = {token: index for index, token in enumerate(self.vocabulary)}
        if len(self.ids) != len(self.vocabulary):
            raise ValueError("two merges make the same token; llama.cpp refuses such a vocabulary")
        self.equals = {self.ids[_SPACE + "="]}
        self._rank = {merge: rank for rank, merge in enumerate(self.merges)}
        self._known: dict[str, list[int]] = {}

    @classmethod
    def train(cls, texts: Iterable[str], size: int) -> "Tokenizer":
        """Learn merges from texts until the vocabulary has `size` tokens."""
        words: Counter[str] = Counter()
        for text in texts:
            words.update(_PIECES.findall(text))
        merges = _number_merges()
        made = {a + b for a, b in merges}
        pieces = [([_CHARACTER[byte] for byte in word.encode()], n) for word, n in words.items() if not _digit(word)]
        for pair in merges[-9:]:
            pieces = [(_merged(piece, pair), n) for piece, n in pieces]
        while len(SPECIALS) + 256 + len(merges) < size:
            pairs: Counter[Pair] = Counter()
            for piece, n in pieces:
                for pair in pairwise(piece):
                    pairs[pair] += n
            candidates = [pair for pair in pairs if pair[0] + pair[1] not in made]
            if not candidates:
                break
            best = max(candidates, key=lambda pair: (pairs[pair], pair))
            merges.append(best)
            made.add(best[0] + best[1])
            pieces = [(_merged(piece, best), n) for piece, n in pieces]
        return cls(merges)

    def encode(self, text: str) -> list[int]:
        """Token ids of a text; control tokens written in it become control tokens."""
        ids: list[int] = []
        for part in _SPECIAL.split(text):
            if part in SPECIALS:
                ids.append(SPECIALS.index(part))
            else:
                for word in _PIECES.findall(part):
                    ids += self._word(word)
        return ids

    def decode(self, ids: Iterable[int]) -> str:
        """The text of token ids."""
        tokens = [(index, self.vocabulary[index]) for index in ids]
        parts = [t.encode() if i < len(SPECIALS) else bytes(_BYTE[c] for c in t) for i, t in tokens]
        return b"".join(parts).decode("utf-8", "replace")

    def chat(self, chat: Chat) -> tuple[list[int], list[bool]]:
        """Token ids of a chat, and for each whether the model learns to produce it. Equals `CHAT_TEMPLATE`."""
        ids: list[int] = []
        learned: list[bool] = []
        for turn in chat:
            head, end = self.encode(f"<|im_start|>{turn.message.role}\n"), self.encode("\n")
            body = [*self.encode(turn.message.content), END]
            ids += head + body + end
            learned += [False] * len(head) + self._learned(body, turn.learn) + [False] * len(end)
        return ids, learned

    def _learned(self, body: Sequence[int], learn: str) -> list[bool]:
        if learn == "results":  # what stands right after an equals sign, to the end of the line where it is a word
            newline = self.encode("\n")[0]
            flags, inside = [], False
            for index, token in enumerate(body):
                inside = (inside or (index > 0 and body[index - 1] in self.equals)) and token not in (newline, END)
                flags.append(inside)
            return flags
        return [learn == "all"] * len(body)

    def save(self, path: Path) -> None:
        """Write the merges as JSON."""
        path.write_text(json.dumps(self.merges), encoding="utf-8")

    @classmethod
    def load(cls, path: Path) -> "Tokenizer":
        """Read what `save` wrote."""
        return cls((a, b) for a, b in json.loads(path.read_text(encoding="utf-8")))

    def _word(self, word: str) -> list[int]:
        if word not in self._known:
            pieces = [_CHARACTER[byte] for byte in word.encode()]
            while len(pieces) > 1:
                best = min(pairwise(pieces), key=lambda pair: self._rank.get(pair, 1 << 30))
                if best not in self._rank:
                    break
                pieces = _merged(pieces, best)
            self._known[word] = [self.ids[piece] for piece in pieces]
        return self._known[word]


def _number_merges() -> list[Pair]:
    ones = [(_SPACE, str(d)) for d in range(10)]
    tens = [(_SPACE + str(d), str(e)) for d in range(1, 10) for e in range(10)]
    bare = [(str(d), str(e)) for d in range(1, 10) for e in range(10)]
    return ones + tens + bare + [(_SPACE, sign) for sign in "+-*/%<>=["]


def _digit(word: str) -> bool:
    return any(character.isdigit() for character in word)


def _merged(pieces: list[str], pair: Pair) -> list[str]:
    out, index = [], 0
    while index < len(pieces):
        if index + 1 < len(pieces) and (pieces[index], pieces[index + 1]) == pair:
            out.append(pieces[index] + pieces[index + 1])
            index += 2
        else:
            out.append(pieces[index])
            index += 1
    return out


def as_arrays(chats: Iterable[tuple[list[int], list[bool]]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Flat token ids, flat learned flags, and the length of each chat."""
    listed = list(chats)
    ids = np.concatenate([np.array(tokens, np.uint16) for tokens, _ in listed])
    learned = np.concatenate([np.array(flags, bool) for _, flags in listed])
    return ids, learned, np.array([len(tokens) for tokens, _ in listed], np.int32)
