"""Sources that need the network: exact archives, Sphinx sites, llms.txt, git tags, crawls. All off until named."""

import os
import re
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urljoin, urlsplit
from urllib.robotparser import RobotFileParser

from understudy_servers.docs.progress import Progress, silent
from understudy_servers.docs.readers.chunks import Chunk
from understudy_servers.docs.readers.html import ParserMissing, read_html
from understudy_servers.docs.readers.markdown import page_chunks
from understudy_servers.docs.readers.openapi import read_openapi
from understudy_servers.docs.sources import npm
from understudy_servers.docs.sources.archives import check_digest, unpack
from understudy_servers.docs.sources.distributions import read_distribution, read_tree
from understudy_servers.docs.sources.folder import decoded, read_folder
from understudy_servers.docs.sources.net import (
    ARCHIVE_BYTES,
    ARCHIVE_SECONDS,
    Fetcher,
    Refused,
    check_address,
    public_addresses,
)
from understudy_servers.docs.sources.registries import Archive, Registries, newest, npm_archive, pypi_archive
from understudy_servers.docs.sources.source import Kind, Source
from understudy_servers.docs.sources.sphinx import SphinxObject, inventory, sphinx_chunks

MAX_PAGES = 300
MAX_CRAWL_BYTES = 50_000_000
MAX_SECONDS = 900.0  # for all pages of one site
CLONE_SECONDS = 180.0
CAPPED = 'ulimit -f 2000000; exec "$0" "$@"'  # no file of more than one or two GB, as the shell counts blocks
_MARKDOWN_LINK = re.compile(r"\[([^\]]*)\]\((https?://[^)\s]+|/[^)\s]+)\)")


Result = tuple[list[Chunk], list[str]]


@dataclass(kw_only=True)
class Network:
    """Reads sources over the network. Nothing that is fetched is executed or imported."""

    fetcher: Fetcher = field(default_factory=Fetcher)
    registries: Registries = field(default_factory=Registries)

    def read(self, source: Source, progress: Progress = silent) -> Result:
        """Return the chunks of a source and sentences about what of it could not be read.

        Raises:
            Refused, BadArchive, ParserMissing, LookupError: nothing of it could be read.
        """
        readers: dict[Kind, Callable[[Source, Progress], Result]] = {
            "sdist": self.sdist,
            "npm-tarball": self.npm_tarball,
            "crate": self.crate,
            "sphinx": self.sphinx,
            "llmstxt": self.llmstxt,
            "git": self.git,
            "crawl": self.crawl,
            "openapi-url": self.openapi,
        }
        return readers[source.kind](source, progress)

    def sdist(self, source: Source, progress: Progress) -> Result:
        """Read the source archive of an exact version: its documentation, which wheels leave out, and its API."""
        if source.location:
            archive = Archive(url=source.location, digest=source.digest)
        else:
            archive = pypi_archive(self.fetcher, self.registries.pypi, source)
        if archive.wheel:
            return self._archive(archive, lambda folder: read_distribution(folder, source.title, progress))
        return self._archive(archive, lambda folder: read_tree(folder, progress))

    def npm_tarball(self, source: Source, progress: Progress) -> Result:
        """Read the tarball of an exact npm version."""
        if source.location:
            archive = Archive(url=source.location, digest=source.digest)
        else:
            archive = npm_archive(self.fetcher, self.registries.npm, source)
        return self._archive(archive, lambda folder: npm.read_package(folder, source.title, progress))

    def newest(self, source: Source) -> str:
        """Return the newest final version of a `pypi:` or `npm:` source that names none."""
        return newest(self.fetcher, self.registries, source)

    def crate(self, source: Source, progress: Progress) -> Result:
        """Read the pages of a Rust crate; its API is not extracted."""
        url = f"{self.registries.crates}/crates/{source.title}/{source.title}-{source.version}.crate"
        archive = Archive(url=source.location or url, digest=source.digest)
        return self._archive(archive, lambda folder: read_folder(folder, progress))

    def _archive(self, archive: Archive, read: Callable[[Path], Result]) -> Result:
        data = self.fetcher.get(archive.url, limit=ARCHIVE_BYTES, seconds=ARCHIVE_SECONDS).body
        check_digest(data, archive.digest)
        notes: list[str] = []
        with tempfile.TemporaryDirectory(prefix="understudy-docs-") as scratch:
            folder = Path(scratch)
            unpack(data, folder, notes)
            inside = list(folder.iterdir())
            chunks, more = read(inside[0] if len(inside) == 1 and inside[0].is_dir() and not archive.wheel else folder)
        return chunks, notes + more

    def sphinx(self, source: Source, progress: Progress) -> Result:
        """Read a Sphinx site: the inventory names the objects and the pages they stand on."""
        base = source.location.removesuffix("objects.inv")
        objects = inventory(self.fetcher.get(base + "objects.inv").body, base)
        pages: dict[str, list[SphinxObject]] = {}
        for one in objects:
            pages.setdefault(one.page, []).append(one)
        chunks: list[Chunk] = []
        notes = [f"Only the first {MAX_PAGES} of {len(pages)} pages were read."] if len(pages) > MAX_PAGES else []
        until = time.monotonic() + MAX_SECONDS
        for index, page in enumerate(list(pages)[:MAX_PAGES]):
            progress(index, min(len(pages), MAX_PAGES))
            if time.monotonic() > until:
                notes.append(f"Only {index} pages were read in {MAX_SECONDS:.0f} s.")
                break
            try:
                body = self.fetcher.get(page).body
            except Refused as error:
                notes.append(str(error))
                continue
            chunks += sphinx_chunks(decoded(body, page, notes), page, pages[page])
        return chunks, notes

    def llmstxt(self, source: Source, progress: Progress) -> Result:
        """Read llms-full.txt whole, or llms.txt with the pages of its own host that it links to."""
        notes: list[str] = []
        first = self.fetcher.get(source.location)
        text = decoded(first.body, first.url, notes)
        chunks = page_chunks(text, page=first.url, fallback_title=source.title)
        host = urlsplit(first.url).netloc
        links = dict.fromkeys(urljoin(first.url, link) for _, link in _MARKDOWN_LINK.findall(text))
        wanted = [link for link in links if urlsplit(link).netloc == host][:MAX_PAGES]
        if "llms-full" in source.location:
            wanted = []
        until = time.monotonic() + MAX_SECONDS
        for index, link in enumerate(wanted):
            progress(index, len(wanted))
            if time.monotonic() > until:
                notes.append(f"Only {index} pages were read in {MAX_SECONDS:.0f} s.")
                break
            try:
                chunks += self._page(link, notes)[0]
            except (Refused, ParserMissing) as error:
                notes.append(str(error))
        return chunks, notes

    def openapi(self, source: Source, progress: Progress) -> Result:
        """Read one OpenAPI description."""
        notes: list[str] = []
        fetched = self.fetcher.get(source.location)
        return read_openapi(decoded(fetched.body, fetched.url, notes), urlsplit(fetched.url).path), notes

    def crawl(self, source: Source, progress: Progress) -> Result:
        """Read a site from one page on: same host, below the first page's folder, robots.txt respected."""
        start = source.location
        below = urljoin(start, ".")
        robots = self._robots(start)
        waiting, seen, size = [start], {start}, 0
        chunks: list[Chunk] = []
        notes: list[str] = []
        done = 0
        until = time.monotonic() + MAX_SECONDS
        while waiting and done < MAX_PAGES and size < MAX_CRAWL_BYTES and time.monotonic() < until:
            url = waiting.pop(0)
            if not robots.can_fetch("understudy-docs", url):
                notes.append(f"{url!r} is closed to crawlers by robots.txt.")
                continue
            done += 1
            progress(done, done + len(waiting))
            try:
                found, links, length = self._page(url, notes)
            except Refused as error:
                notes.append(str(error))
                continue
            chunks += found
            size += length
            for link in links:
                if link not in seen and link.startswith(below):
                    seen.add(link)
                    waiting.append(link)
        if waiting:
            notes.append(
                f"{len(waiting)} more pages were not read; the limit is {MAX_PAGES} pages or {MAX_SECONDS:.0f} s."
            )
        return chunks, notes

    def _page(self, url: str, notes: list[str]) -> tuple[list[Chunk], tuple[str, ...], int]:
        fetched = self.fetcher.get(url)
        text = decoded(fetched.body, url, notes)
        if fetched.kind in ("text/markdown", "text/plain", "text/x-markdown"):
            return page_chunks(text, page=url, fallback_title=url), (), len(fetched.body)
        if fetched.kind not in ("text/html", "application/xhtml+xml", ""):
            raise Refused(f"{url!r} is {fetched.kind}, which is not read.")
        page = read_html(text, fetched.url)
        return page_chunks(page.markdown, page=url, fallback_title=page.title), page.links, len(fetched.body)

    def _robots(self, url: str) -> RobotFileParser:
        robots = RobotFileParser()
        try:
            robots.parse(self.fetcher.get(urljoin(url, "/robots.txt")).body.decode("utf-8", "replace").splitlines())
        except Refused:
            robots.parse([])  # there is none
        return robots

    def git(self, source: Source, progress: Progress) -> Result:
        """Read the pages of a git repository at a tag or branch, or at its newest commit; no hook or filter runs."""
        host, port = check_address(source.location, self.fetcher.allowed)
        address = public_addresses(host, port, self.fetcher.allowed)[0]
        with tempfile.TemporaryDirectory(prefix="understudy-docs-") as scratch:
            target = Path(scratch, "checkout")
            command = ["git", *_git_options(f"{host}:{port}:{address}"), "clone", "--quiet", "--no-recurse-submodules"]
            command += ["--depth", "1"] if source.location.startswith("https:") else []
            command += [f"--branch={source.version}"] if source.version else []
            try:
                done = subprocess.run(
                    ["sh", "-c", CAPPED, *command, "--", source.location, str(target)],
                    env=_git_environment(scratch),
                    capture_output=True,
                    text=True,
                    timeout=CLONE_SECONDS,
                    check=False,
                )
            except FileNotFoundError as error:
                raise Refused("The program git is not installed, so a repository cannot be read.") from error
            except subprocess.TimeoutExpired as error:
                raise Refused(f"{source.location!r} took more than {CLONE_SECONDS:.0f} s to clone.") from error
            if done.returncode != 0:
                reason = done.stderr.strip().rpartition("\n")[2] or f"exit status {done.returncode}"
                raise Refused(f"{source.location!r} could not be cloned: {reason}")
            return read_tree(target, progress)


def _git_options(resolved: str) -> Iterator[str]:
    """Yield `-c` options: only http and https, no redirects, no symbolic links, the address that was checked."""
    settings = {
        "protocol.allow": "never",
        "protocol.https.allow": "always",
        "protocol.http.allow": "always",
        "http.followRedirects": "false",
        "http.curloptResolve": resolved,
        "core.symlinks": "false",
        "core.hooksPath": os.devnull,
        "credential.helper": "",
        "submodule.recurse": "false",
    }
    for name, value in settings.items():
        yield "-c"
        yield f"{name}={value}"


def _git_environment(home: str) -> dict[str, str]:
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": home,
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_LFS_SKIP_SMUDGE": "1",
        "GIT_ASKPASS": "true",
    }
