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


class Batches:
    """Batches of about `size` tokens, of chats of similar length. Padding stands on the right, so it needs no mask."""

    def __init__(self, folder: Path, size: int, seed: int) -> None:
        self.ids, self.learned, self.lengths = (np.load(folder / f"{n}.npy") for n in ("ids", "learned", "lengths"))
        self.starts = np.concatenate([[0], np.cumsum(self.lengths)])
        self.random, self.size = np.random.default_rng(seed), size

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
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

    def _batch(self, width: int, chosen: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
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
    """Processes that each take a batch per step and average their gradients: on CPUs far better than threads."""
    seed: int = 0


class Run:
    """A fit under way: network, optimizers, and how far it is. Saved whole, so that it can go on later."""

    def __init__(self, plan: Plan, text: Path) -> None:
        torch.manual_seed(plan.seed)
        self.plan, self.text = plan, text
        self.network = Network(SHAPES[plan.shape])
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

    def update(self, ids: torch.Tensor, learned: torch.Tensor, shared: "Shared | None" = None) -> float:
        """One step on one batch per worker; returns the loss before it on this worker's."""
        rate = self.learning_rate()
        for optimizer in self.optimizers:
            for group in optimizer.param_groups:
                group["lr"] = rate
        real, wanted = ids[:, 1:] != PAD, learned[:, 1:]
        with torch.autocast("cpu", dtype=torch.bfloat16):
            logits = F.linear(self.network.hidden(ids)[:, :-1][real], self.network.embedding.weight)
        losses = F.cross_entropy(logits.float(), ids[:, 1:][real], reduction="none")
        weights = (_weights(wanted) + PROMPT_WEIGHT * _weights(real & ~wanted))[real]
        loss = (losses * weights).sum() / weights.sum()
        loss.backward()
        tokens = shared.average(self.network, ids.numel()) if shared else ids.numel()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        for optimizer in self.optimizers:
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        self.step, self.tokens = self.step + 1, self.tokens + tokens
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
        state = torch.load(path, weights_only=True)
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
    shared = Shared(plan) if plan.workers > 1 else None
    processes = [
        get_context("fork").Process(target=_work, args=(plan, text, out, save_every, resume, shared, rank), daemon=True)
        for rank in range(1, plan.workers)
    ]
    for process in processes:
        process.start()
    _work(plan, text, out, save_every, resume, shared, 0)


def _work(
    plan: Plan, text: Path, out: Path, save_every: int, resume: Path | None, shared: Shared | None, rank: int
) -> None:
    run = Run(plan, text)
    if resume:
        run.resume(resume)
    if shared:
        shared.rank = rank
    batches = islice(Batches(text, plan.batch, plan.seed), run.step * plan.workers + rank, None, plan.workers)
    if rank == 0:
        click.echo(f"{plan}, {run.network.parameters_count / 1e6:.2f} M parameters, from step {run.step}")
    began, before, recent = time.monotonic(), run.tokens, list[float]()
    while run.tokens < plan.tokens * 1e6:
        recent.append(run.update(*next(batches), shared))
        if rank == 0 and run.step % 50 == 0:
            speed = (run.tokens - before) / (time.monotonic() - began)
            click.echo(
                f"step {run.step:5d}  loss {np.mean(recent[-50:]):.4f}  rate {run.learning_rate():.5f}  "
                f"{run.tokens / 1e6:.2f} M tokens  {speed / 1e3:.1f} k/s  {(time.monotonic() - began) / 60:.1f} min"
            )
            sys.stdout.flush()
        if rank == 0 and save_every and run.step % save_every == 0:
            run.save(out)
    if rank == 0:
        run.save(out)
        click.echo(
            f"done: {run.step} steps, {run.tokens / 1e6:.2f} M tokens, {(time.monotonic() - began) / 60:.1f} min"
        )


def load(path: Path) -> tuple[Network, Tokenizer]:
    """The network and tokenizer of a saved run."""
    state = torch.load(path, weights_only=True)
    network = Network(Shape(**state["shape"]))
    network.load_state_dict(state["network"])
    return network.eval(), Tokenizer((a, b) for a, b in state["merges"])
