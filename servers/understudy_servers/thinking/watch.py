"""A live view of a session while it is being thought: on a terminal as a growing tree, elsewhere one line a thought."""

from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.live import Live
from rich.text import Text
from rich.tree import Tree

from understudy_servers.thinking.guidance import clipped
from understudy_servers.thinking.store import Store, read_thoughts
from understudy_servers.thinking.thought import Thought

PAUSE = 0.2  # seconds between two looks
SHOWN = 40  # thoughts on the screen


class Tail:
    """Reads what was appended to a file since the last look, whole lines only."""

    def __init__(self, path: Path) -> None:
        self.path, self.size, self.thoughts = path, -1, list[Thought]()

    def look(self) -> list[Thought]:
        """Give the thoughts that are new."""
        size = self.path.stat().st_size
        if size == self.size:
            return []
        self.size = size
        known = len(self.thoughts)
        self.thoughts = list(read_thoughts(self.path))
        return self.thoughts[known:]


def follow(store: Store, path: Path | None, *, until_end: bool, terminal: bool, pause: Callable[[float], None]) -> None:
    """Show a session's thoughts as they come; without a `path`, whichever session was written to last."""
    console = Console(highlight=False, soft_wrap=not terminal)
    tail: Tail | None = None
    with Live(console=console, auto_refresh=False, vertical_overflow="visible", transient=False) as live:
        while True:
            tail = _latest(store, path, tail)
            new = tail.look() if tail is not None else []
            if tail is not None and new:
                if terminal:
                    live.update(tree(tail.thoughts), refresh=True)
                else:
                    for thought in new:
                        console.print(line(thought))
                if until_end and not new[-1].more:
                    return
            pause(PAUSE)


def _latest(store: Store, path: Path | None, tail: Tail | None) -> Tail | None:
    if path is None:
        sessions = store.sessions()
        path = sessions[0].path if sessions else None
    if path is None or (tail is not None and tail.path == path):
        return tail
    return Tail(path)


def tree(thoughts: list[Thought]) -> Tree:
    """Draw thoughts as a tree: the main line first, each branch under the thought it left."""
    root = Tree(Text(f"{len(thoughts)} thoughts" if len(thoughts) != 1 else "1 thought", style="bold"))
    at: dict[int, Tree] = {}
    branches: dict[str, Tree] = {}
    for thought in thoughts[-SHOWN:]:
        parent = root
        if thought.branch is not None:
            point = at.get(thought.branched_from or 0, root)
            if thought.branch not in branches:
                branches[thought.branch] = point.add(Text(f"branch {thought.branch}", style="green"))
            parent = branches[thought.branch]
        at[thought.number] = parent.add(line(thought))
    return root


def line(thought: Thought) -> Text:
    """Write one thought on one line."""
    style = "yellow" if thought.revision else "bold" if not thought.more else ""
    revises = f" (revises {thought.revises})" if thought.revises is not None else ""
    return Text(f"{thought.number}/{thought.total}{revises} {clipped(thought.text, 160)}", style=style)
