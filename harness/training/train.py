"""Make the training text and fit a network to it; the schedule counts tokens, never the clock."""

import os
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import islice
from multiprocessing import Pool, get_context
from multiprocessing.synchronize import Barrier
from pathlib import Path
from random import Random

import click
import numpy as np
import torch
import torch.nn.functional as F

from training import chats
from training.network import SHAPES, Network, Shape
from training.tokenizer import PAD, Tokenizer, as_arrays

VOCABULARY = 1024
LONGEST = 448  # tokens; longer chats are left out
SHARDS = 48
WARM_UP = 60  # steps
# Prompts repeat names and numbers, so predicting them too teaches copying, which documentation and thoughts need, in
# far fewer tokens than answers alone do.
PROMPT_WEIGHT = 0.15

# glibc must keep freed blocks, else every step pays page faults (4 s instead of 0.85 s); waiting threads must sleep
# instead of spin where cores are shared. Both are read at start, so `fit` starts itself again with them.
_ENVIRONMENT = {
    "MALLOC_MMAP_THRESHOLD_": "4294967296",
    "MALLOC_TRIM_THRESHOLD_": "17179869184",
    "MALLOC_TOP_PAD_": "268435456",
    "OMP_WAIT_POLICY": "PASSIVE",
}


def prepare(folder: Path, count: int, seed: int, processes: int) -> None:
    """Generate and tokenize `count` chats."""
    began = time.monotonic()
    random = Random(f"tokenizer {seed}")
    texts = ["\n".join(turn.message.content for turn in chats.sample(random)) for _ in range(4000)]
    texts += ["system\n", "user\n", "assistant\n"] * 500
    tokenizer = Tokenizer.train(texts, VOCABULARY)
    jobs = [(seed, shard, count // SHARDS, tokenizer.merges) for shard in range(SHARDS)]
    with Pool(processes) as pool:
        parts = pool.map(_shard, jobs, chunksize=1)
    folder.mkdir(parents=True, exist_ok=True)
    for index, name in enumerate(("ids", "learned", "lengths")):
        np.save(folder / f"{name}.npy", np.concatenate([part[index] for part in parts]))
    tokenizer.save(folder / "merges.json")
    tokens, learned = (sum(int(f(part)) for part in parts) for f in (lambda p: len(p[0]), lambda p: p[1].sum()))
    characters = sum(map(len, texts)) / sum(len(tokenizer.encode(text)) for text in texts)
    click.echo(
        f"{count // SHARDS * SHARDS} chats, {tokens / 1e6:.2f} M tokens, {learned / 1e6:.2f} M learned, "
        f"{len(tokenizer.vocabulary)} in the vocabulary, {characters:.2f} characters per token, "
        f"{time.monotonic() - began:.0f} s"
    )


def _shard(job: tuple[int, int, int, list[tuple[str, str]]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    seed, shard, count, merges = job
    random, tokenizer = Random(f"text {seed} {shard}"), Tokenizer(merges)
    made: list[tuple[list[int], list[bool]]] = []
    while len(made) < count:
        tokens, learned = tokenizer.chat(chats.sample(random))
        if len(tokens) <= LONGEST:
            made.append((tokens, learned))
    return as_arrays(made)


Batch = tuple[torch.Tensor, torch.Tensor]
"""Token ids and which of them are learned, both of shape (chats, time)."""


class Batches:
    """Batches of about `size` tokens, of chats of similar length. Padding stands on the right, so it needs no mask."""

    def __init__(self, folder: Path, size: int, seed: int) -> None:
        self.ids, self.learned, self.lengths = (np.load(folder / f"{n}.npy") for n in ("ids", "learned", "lengths"))
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)])
        self.random, self.size = np.random.default_rng(seed), size

    def __iter__(self) -> Iterator[Batch]:
        while True:
            for width, chosen in self._epoch():
                yield self._batch(width, chosen)

    def _epoch(self) -> list[tuple[int, list[int]]]:
        by_width: dict[int, list[int]] = defaultdict(list)
        for index in self.random.permutation(len(self.lengths)):
            by_width[-(-int(self.lengths[index]) // 32) * 32].append(int(index))
        batches = []
        for width, members in by_width.items():
            rows = max(1, self.size // width)
            batches += [(width, members[at : at + rows]) for at in range(0, len(members) - rows + 1, rows)]
        order = self.random.permutation(len(batches))
        return [batches[at] for at in order]

    def _batch(self, width: int, chosen: list[int]) -> Batch:
        ids, learned = np.zeros((len(chosen), width), np.int64), np.zeros((len(chosen), width), bool)
        for row, index in enumerate(chosen):
            start, end = self.starts[index], self.starts[index + 1]
            ids[row, : end - start], learned[row, : end - start] = self.ids[start:end], self.learned[start:end]
        return torch.from_numpy(ids), torch.from_numpy(learned)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a network is fitted. The same plan on the same text gives the same run, but for rounding across threads."""

    shape: str
    tokens: float
    """Millions, padding included."""
    decay: float
    """Millions of tokens at the end over which the learning rate falls to 1 %."""
    rate: float
    batch: int = 4096
    workers: int = 1
    """Batches per step. On a CPU a process works on each, which is far faster than threads; on a GPU one does all."""
    seed: int = 0


CHATS = 96_000
PLANS = {
    "nano": Plan(shape="nano", tokens=5, decay=2.5, rate=3e-3, batch=2048),
    "ref": Plan(shape="ref", tokens=19, decay=7, rate=2.5e-3, batch=2048, workers=2),
}


class Run:
    """A fit under way: network, optimizers, and how far it is. Saved whole, so that it can go on later."""

    def __init__(self, plan: Plan, text: Path, device: str = "cpu") -> None:
        torch.manual_seed(plan.seed)
        self.plan, self.text, self.device = plan, text, device
        self.network = Network(SHAPES[plan.shape]).to(device)
        hidden = {n: p for n, p in self.network.named_parameters() if p.dim() == 2 and "embedding" not in n}
        rest = [p for n, p in self.network.named_parameters() if n not in hidden]
        muon = torch.optim.Muon(
            list(hidden.values()), lr=plan.rate, momentum=0.95, weight_decay=0.05, adjust_lr_fn="match_rms_adamw"
        )
        self.optimizers = [muon, torch.optim.AdamW(rest, lr=plan.rate, betas=(0.9, 0.98), weight_decay=0.0, fused=True)]
        self.step, self.tokens = 0, 0

    def learning_rate(self) -> float:
        """Warm up, hold, then fall in a line over the last `decay` tokens."""
        left = self.plan.tokens * 1e6 - self.tokens
        fall = min(1.0, max(0.01, left / (self.plan.decay * 1e6)))
        return self.plan.rate * min(1.0, (self.step + 1) / WARM_UP) * fall

    def update(self, batches: list[Batch], shared: "Shared | None" = None) -> float:
        """Take one step on the mean gradient of batches, of all processes where they share; returns the mean loss."""
        rate = self.learning_rate()
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        losses = [self._backward(*batch) / len(batches) for batch in batches]
        for parameter in self.network.parameters():
            if len(batches) > 1:
                parameter.grad /= len(batches)
        tokens = sum(ids.numel() for ids, _ in batches)
        self.tokens += shared.average(self.network, tokens) if shared else tokens
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step += 1
        return sum(losses)

    def _backward(self, ids: torch.Tensor, learned: torch.Tensor) -> float:
        """Add the gradient of a batch; returns its loss."""
        ids, learned = ids.to(self.device), learned.to(self.device)
        real, wanted = ids[:, 1:] != PAD, learned[:, 1:]
        with torch.autocast(self.device, dtype=torch.bfloat16):
            logits = F.linear(self.network.hidden(ids)[:, :-1][real], self.network.embedding.weight)
        losses = F.cross_entropy(logits.float(), ids[:, 1:][real], reduction="none")
        weights = (_weights(wanted) + PROMPT_WEIGHT * _weights(real & ~wanted))[real]
        loss = (losses * weights).sum() / weights.sum()
        loss.backward()
        value: float = loss.item()
        return value

    def save(self, path: Path) -> None:
        """Write everything that going on needs; a kill while writing leaves the old file."""
        state = {
            "plan": asdict(self.plan),
            "shape": asdict(self.network.shape),
            "merges": Tokenizer.load(self.text / "merges.json").merges,
            "network": self.network.state_dict(),
            "optimizers": [optimizer.state_dict() for optimizer in self.optimizers],
            "step": self.step,
            "tokens": self.tokens,
        }
        torch.save(state, path.with_suffix(".part"))
        path.with_suffix(".part").replace(path)

    def resume(self, path: Path) -> None:
        """Go on where a saved run of the same text, rate and seed stopped."""
        state = torch.load(path, weights_only=True, map_location=self.device)
        self.network.load_state_dict(state["network"])
        for optimizer, saved in zip(self.optimizers, state["optimizers"], strict=True):
            optimizer.load_state_dict(saved)
        self.step, self.tokens = state["step"], state["tokens"]


def _weights(tokens: torch.Tensor) -> torch.Tensor:
    """Let a chat weigh the root of how many such tokens it has: else short answers drown in the tokens of programs."""
    return tokens * tokens.sum(1, keepdim=True).clamp(min=1).rsqrt()


class Shared:
    """Gradients and token counts of all workers, in memory that they share. Every worker computes the same average."""

    def __init__(self, plan: Plan) -> None:
        size = sum(parameter.numel() for parameter in Network(SHAPES[plan.shape]).parameters())
        self.gradients = torch.zeros(plan.workers, size + 1).share_memory_()
        self.barrier: Barrier = get_context("fork").Barrier(plan.workers)
        self.rank = 0

    def average(self, network: Network, tokens: int) -> int:
        """Put the mean gradient of all workers into the network; returns the tokens of all workers."""
        gradients = [parameter.grad for parameter in network.parameters() if parameter.grad is not None]
        self.gradients[self.rank, 0] = tokens
        self.gradients[self.rank, 1:] = torch.cat([gradient.flatten() for gradient in gradients])
        self.barrier.wait(timeout=600)
        total, mean = int(self.gradients[:, 0].sum()), self.gradients[:, 1:].mean(0)
        self.barrier.wait(timeout=600)
        at = 0
        for gradient in gradients:
            gradient.copy_(mean[at : at + gradient.numel()].view_as(gradient))
            at += gradient.numel()
        return total


def fit(plan: Plan, text: Path, out: Path, save_every: int, resume: Path | None) -> None:
    """Fit a network by its plan and save it to `out`, at the end and on the way."""
    if any(os.environ.get(name) != value for name, value in _ENVIRONMENT.items()):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, **_ENVIRONMENT})
    torch.set_num_threads(1)
    alone = torch.cuda.is_available() or plan.workers == 1
    work = Work(plan=plan, text=text, out=out, save_every=save_every, resume=resume)
    shared = None if alone else Shared(plan)
    for rank in range(1, 1 if alone else plan.workers):
        get_context("fork").Process(target=work.run, args=(shared, rank), daemon=True).start()
    work.run(shared, 0)


@dataclass(frozen=True, kw_only=True)
class Work:
    """What one process of a fit does."""

    plan: Plan
    text: Path
    out: Path
    save_every: int
    resume: Path | None

    def run(self, shared: Shared | None, rank: int) -> None:
        """Take steps until the plan's tokens are used; the process of rank 0 reports and saves."""
        run = Run(self.plan, self.text, "cuda" if torch.cuda.is_available() else "cpu")
        if self.resume:
            run.resume(self.resume)
        if shared:
            shared.rank = rank
        workers, mine = self.plan.workers, slice(rank, rank + 1) if shared else slice(None)
        batches = islice(Batches(self.text, self.plan.batch, self.plan.seed), run.step * workers, None)
        if rank == 0:
            click.echo(f"{self.plan}, {run.network.parameters_count / 1e6:.2f} M parameters, from step {run.step}")
        began, before, recent = time.monotonic(), run.tokens, list[float]()
        while run.tokens < self.plan.tokens * 1e6:
            recent.append(run.update(list(islice(batches, workers))[mine], shared))
            if rank == 0 and run.step % 50 == 0:
                _report(run, float(np.mean(recent[-50:])), time.monotonic() - began, run.tokens - before)
            if rank == 0 and self.save_every and run.step % self.save_every == 0:
                run.save(self.out)
        if rank == 0:
            run.save(self.out)
            click.echo(f"done: {run.step} steps, {run.tokens / 1e6:.2f} M tokens")


def _report(run: Run, loss: float, seconds: float, tokens: int) -> None:
    click.echo(
        f"step {run.step:5d}  loss {loss:.4f}  rate {run.learning_rate():.5f}  {run.tokens / 1e6:.2f} M tokens  "
        f"{tokens / seconds / 1e3:.1f} k/s  {seconds / 60:.1f} min"
    )
    sys.stdout.flush()


def load(path: Path) -> tuple[Network, Tokenizer]:
    """The network and tokenizer of a saved run."""
    state = torch.load(path, weights_only=True, map_location="cpu")
    network = Network(Shape(**state["shape"]))
    network.load_state_dict(state["network"])
    return network.eval(), Tokenizer((a, b) for a, b in state["merges"])
