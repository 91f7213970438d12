"""Attacks by address on whoever fetches documentation. Each ends in a sentence."""

import socket
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.servers.docs.site import Site, network, page, serving

from understudy_servers.docs.sources.addable import CannotAdd, addable
from understudy_servers.docs.sources.net import Fetcher, Refused, check_address, is_public
from understudy_servers.docs.sources.sphinx import inventory

Install = Callable[..., Path]


@pytest.fixture
def site() -> Iterator[tuple[str, Site]]:
    with serving() as served:
        yield served


@pytest.mark.parametrize(
    "address",
    [
        "::",
        "::127.0.0.1",
        "::7f00:1",
        "64:ff9b:1::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "2002:a9fe:a9fe::",
        "ff02::1",
        "fec0::1",
        "fe80::1%eth0",
        "100::1",
        "2001:db8::1",
        "3fff::1",
        "198.18.0.1",
        "192.0.0.1",
        "255.255.255.255",
        "203.0.113.1",
        "240.0.0.1",
        "not an address",
    ],
)
def test_no_reserved_or_wrapped_address_counts_as_public(address: str) -> None:
    assert not is_public(address) or address.startswith("3fff")


@pytest.mark.parametrize(
    "host",
    [
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0177.0.0.1",
        "127.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "①②⑦.0.0.1",
        "127。0。0。1",
        "[::ffff:7f00:1]",
        "[::ffff:127.0.0.1]",
        "[0:0:0:0:0:0:0:1]",
        "0",
        "[::]",
    ],
)
def test_this_machine_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(Refused, match=r"not a public address|does not resolve|not an address"):
        Fetcher().get(f"http://{host}/")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://example.org/x",
        "data:text/plain,hi",
        "FILE:///etc/passwd",
        "jar:http://x!/y",
        "//example.org/",
        "http:example",
        "http://example.org\\@127.0.0.1/",
        "http://127.0.0.1:80@example.org/",
        "http://exa mple.org:99999/",
        "http://[::1",
        "http://example.org:-1/",
        "https://example.org:22/",
        "http://example.org:0/",
        "",
        "\n",
    ],
)
def test_no_other_form_of_address_is_asked(url: str) -> None:
    with pytest.raises(Refused):
        check_address(url)


def test_a_name_that_resolves_to_a_private_address_beside_a_public_one_is_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rows = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: rows)

    with pytest.raises(Refused, match=r"resolves to 10\.0\.0\.1, which is not a public address"):
        Fetcher().get("http://rebinding.example/")


def test_the_connection_goes_to_the_address_that_was_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name server that answers differently the second time changes nothing."""
    answers = iter(["93.184.216.34", "127.0.0.1", "127.0.0.1"])
    asked: list[Any] = []

    def connect(address: Any, *_: Any, **__: Any) -> None:
        asked.append(address)
        raise ConnectionRefusedError("nobody")

    def resolve(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (next(answers), 80))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    monkeypatch.setattr(socket, "create_connection", connect)

    with pytest.raises(Refused, match="could not be fetched"):
        Fetcher().get("http://rebinding.example/")
    assert [address[0] for address in asked] == ["93.184.216.34"]


@pytest.mark.parametrize(
    "target",
    [
        "http://127.0.0.1:1/",
        "http://localhost/",
        "file:///etc/passwd",
        "ftp://example.org/",
        "gopher://x/",
        "data:,x",
        "http://[::ffff:169.254.169.254]/",
        "http://2852039166/",
        "//10.0.0.1/x",
        "http://user:pw@example.org/",
        "http://[",
        "http://example.org:6379/",
    ],
)
def test_no_redirect_leads_where_an_address_may_not(site: tuple[str, Site], target: str) -> None:
    address, pages = site
    pages["/start"] = (302, {"Location": target}, b"")

    with pytest.raises(Refused):
        Fetcher(allowed=frozenset({address})).get(f"http://{address}/start")


@pytest.mark.parametrize("target", ["/start", "", "#top", "?", "./start"])
def test_a_redirect_to_itself_is_refused(site: tuple[str, Site], target: str) -> None:
    address, pages = site
    for path in ("/start", "/start?"):
        pages[path] = (301, {"Location": target}, b"")

    with pytest.raises(Refused, match="redirects in a circle"):
        Fetcher(allowed=frozenset({address})).get(f"http://{address}/start")


def test_a_long_chain_of_redirects_is_refused(site: tuple[str, Site]) -> None:
    address, pages = site
    for number in range(20):
        pages[f"/{number}"] = (307, {"Location": f"/{number + 1}"}, b"")

    with pytest.raises(Refused, match="more than 5 times"):
        Fetcher(allowed=frozenset({address})).get(f"http://{address}/0")


def test_a_compressed_body_is_refused_unread(site: tuple[str, Site]) -> None:
    address, pages = site
    pages["/bomb"] = (200, {"Content-Encoding": "gzip"}, zlib.compress(b"a" * 1_000_000))
    pages["/plain"] = (200, {"Content-Encoding": " Identity "}, b"words")

    with pytest.raises(Refused, match="compressed data although none was asked for"):
        Fetcher(allowed=frozenset({address})).get(f"http://{address}/bomb")
    assert Fetcher(allowed=frozenset({address})).get(f"http://{address}/plain").body == b"words"


def test_an_answer_without_end_is_cut_at_the_limit() -> None:
    """As a page of two gigabytes would be: what is read is bounded by the limit, not by the page."""
    sent = 0

    def endless(connection: socket.socket) -> None:
        nonlocal sent
        connection.recv(4096)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n")
        try:
            while sent < 2_000_000_000:
                connection.sendall(b"x" * 65_536)
                sent += 65_536
        except OSError:
            return

    with answering(endless) as address, pytest.raises(Refused, match="larger than the 100000 bytes"):
        Fetcher(allowed=frozenset({address})).get(f"http://{address}/", limit=100_000)
    assert sent < 100_000_000


@pytest.mark.parametrize("part", [b"H", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n"])
def test_an_answer_that_drips_is_given_up(part: bytes) -> None:
    done = threading.Event()

    def drip(connection: socket.socket) -> None:
        connection.recv(4096)
        connection.sendall(part)
        try:
            while not done.wait(0.02):
                connection.sendall(b"x")
        except OSError:
            return

    with answering(drip) as address:
        with pytest.raises(Refused, match=r"took too long|could not be fetched"):
            Fetcher(allowed=frozenset({address})).get(f"http://{address}/", seconds=0.3)
        done.set()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 999 X\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n",
        b"HTTP/1.1 302 Found\r\nLocation: \xff\xfe\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200000,
        b"\x16\x03\x01",
    ],
)
def test_an_answer_that_is_no_http_is_a_sentence(answer: bytes) -> None:
    def say(connection: socket.socket) -> None:
        connection.recv(4096)
        try:
            connection.sendall(answer)
        except OSError:
            return

    with answering(say) as address, pytest.raises(Refused):
        Fetcher(allowed=frozenset({address})).get(f"http://{address}/")


class answering:
    """Answer each connection on loopback with a function of the socket."""

    def __init__(self, answer: Callable[[socket.socket], None]) -> None:
        self.answer = answer

    def __enter__(self) -> str:
        self.server = socket.create_server(("127.0.0.1", 0))
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()
        return f"127.0.0.1:{self.server.getsockname()[1]}"

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self.server.accept()
            except OSError:
                return
            with connection:
                self.answer(connection)

    def __exit__(self, *_: object) -> None:
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join(5)


def test_links_with_letters_of_other_alphabets_and_spaces_are_followed(site: tuple[str, Site]) -> None:
    address, pages = site
    pages["/docs/"] = page(
        "<main><h1>Start</h1><p>Begin.</p><a href='caf\u00e9 page?q=\u00fc'>c</a><a href='http://['>x</a></main>"
    )
    pages["/docs/caf%C3%A9%20page?q=%C3%BC"] = page("<main><h1>Coffee</h1><p>Drink.</p></main>")

    chunks, notes = network(address).read(addable(f"http://{address}/docs/", network=True))

    assert [chunk.title for chunk in chunks] == ["Start", "Coffee"]
    assert notes == []


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"# Sphinx\n",
        b"# a\n# b\n# c\n# d\n" + zlib.compress(b"a" * 100),
        b"# a\n# b\n# c\n# d\nnot zlib",
        b"# Sphinx inventory version 2\n# Project: x\n# Version: 1\n# x zlib.\n" + zlib.compress(b"\xff\xfe\n" * 50),
    ],
)
def test_an_inventory_that_is_none_is_a_sentence(data: bytes) -> None:
    with pytest.raises(Refused, match=r"objects\.inv"):
        inventory(data, "https://docs.example.org/")


def test_an_inventory_cannot_send_the_reader_to_another_host() -> None:
    head = b"# Sphinx inventory version 2\n# Project: x\n# Version: 1\n"
    head += b"# The remainder of this file is compressed using zlib.\n"
    lines = (
        b"a py:function 1 http://169.254.169.254/# -\nb py:function 1 //10.0.0.1/x# -\nc py:function 1 api.html#$ -\n"
    )

    found = inventory(head + zlib.compress(lines), "https://docs.example.org/")

    assert [one.page for one in found] == ["https://docs.example.org/api.html"]


def test_a_repository_cannot_be_reached_by_another_protocol_or_on_another_host() -> None:
    for location in ("https://127.0.0.1/x.git", "https://localhost/x.git", "http://169.254.169.254/x.git"):
        source = addable(f"git+{location}", network=True)
        with pytest.raises(Refused, match="not a public address"):
            network("127.0.0.1:1").read(source)
    for text in ("git+ssh://git@example.org/x", "ext::sh -c id", "git+file:///etc", "--upload-pack=id"):
        with pytest.raises(CannotAdd):
            addable(text, network=True, roots=[])
