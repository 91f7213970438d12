"""One of the servers of `bench_docs_crash`: adds libraries and asks about them until its input closes.

Each line it prints names a library whose indexing was acknowledged; a question that fails ends it with an error.
"""

import sys
import time
from pathlib import Path

from understudy_servers.docs.desk import Desk
from understudy_servers.docs.index.building import ProcessBuilder
from understudy_servers.docs.index.dense import LocalDense
from understudy_servers.docs.index.embedding import embedder_spec
from understudy_servers.docs.index.store import Store
from understudy_servers.docs.project import Project
from understudy_servers.docs.sources.addable import folder_source


def main(home: Path, folder: Path, name: str, embedder: str, seconds: float) -> None:
    """Add a library, wait until it is indexed, say so, ask about an earlier one; again and again."""
    store = Store(home)
    spec = embedder_spec(embedder)
    assert spec is not None
    builder = ProcessBuilder(store, ["--embedder", embedder, "--idle", "3"])
    desk = Desk(store, Project(environ={}), builder, dense=LocalDense(store, spec))
    acknowledged: list[str] = []
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        title = f"{name}x{len(acknowledged)}"
        page = folder / f"{title}.md"
        page.write_text(f"# {title}\n\nThe word is {title}word.\n\n## More\n\n" + "Some filling text.\n\n" * 40)
        desk.added = [folder_source(page)]
        library, number = desk.locate(title)
        desk.wait(library, number, 120)
        acknowledged.append(title)
        sys.stdout.write(f"{title}\n")
        sys.stdout.flush()
        earlier = acknowledged[len(acknowledged) // 2]
        library, number = desk.locate(earlier)
        found = desk.ask(library, number, f"what is the word {earlier}word")
        assert f"{earlier}word" in found.snippets[0].text, earlier


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], sys.argv[4], float(sys.argv[5]))
