"""Archives from strangers: what is unpacked, what is left out, and that nothing hostile is more than a sentence."""

import io
import os
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.servers.docs.site import tar_gz

from understudy_servers.docs.sources.archives import BadArchive, check_digest, unpack

Install = Callable[..., Path]


def tar_of(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for info, body in members:
            info.size = len(body)
            archive.addfile(info, io.BytesIO(body))
    return packed.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def written(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir())


@pytest.mark.parametrize(
    "kind",
    [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE],
    ids=["symbolic link", "hard link", "character device", "block device", "named pipe", "folder"],
)
def test_only_ordinary_files_are_unpacked(tmp_path: Path, kind: bytes) -> None:
    data = tar_of((member("evil.md", kind, "/etc/passwd"), b""), (member("good.md"), b"good"))

    unpack(data, tmp_path, [])

    assert written(tmp_path) == ["good.md"]


def test_a_file_is_not_written_through_a_link_of_the_same_archive(tmp_path: Path) -> None:
    outside, inside = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    inside.mkdir()
    data = tar_of((member("docs", tarfile.SYMTYPE, str(outside)), b""), (member("docs/page.md"), b"words"))

    unpack(data, inside, [])

    assert written(outside) == []
    assert written(inside) == ["docs/page.md"]


def test_a_zip_with_links_devices_and_escapes_gives_only_its_pages(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("../evil.md", "/evil.md", "a\\..\\..\\evil.md", "C:\\evil.md", "..\\evil.md", "good.md"):
            archive.writestr(name, "words")
        for name, mode in (("link.md", 0o120777), ("pipe.md", 0o010666), ("device.md", 0o020666)):
            info = zipfile.ZipInfo(name)
            info.external_attr = mode << 16
            archive.writestr(info, "/etc/passwd")

    unpack(packed.getvalue(), tmp_path, [])

    assert written(tmp_path) == ["good.md"]


@pytest.mark.parametrize("name", ["a\x1b[31m.md", "a\nb.md", "a\u202egpj.md", "a\u200b.md", "a\udcff.md", "\x00.md"])
def test_a_member_whose_name_cannot_be_shown_is_left_out(tmp_path: Path, name: str) -> None:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=tarfile.GNU_FORMAT, errors="surrogateescape") as archive:
        for one in (name, "good.md"):
            info = tarfile.TarInfo(one)
            info.size = 2
            archive.addfile(info, io.BytesIO(b"hi"))

    unpack(packed.getvalue(), tmp_path, [])

    assert "good.md" in written(tmp_path)
    assert all(one.isprintable() for one in written(tmp_path))


def test_one_member_that_cannot_be_written_does_not_spoil_the_rest(tmp_path: Path) -> None:
    names = ("x" * 300 + ".md", "a.md", "a.md/b.md", "good.md")
    notes: list[str] = []

    unpack(tar_of(*((member(name), b"words") for name in names)), tmp_path, notes)

    assert written(tmp_path) == ["a.md", "good.md"]
    assert len(notes) == 2
    assert all("could not be written and was left out" in note for note in notes)


def test_an_archive_that_breaks_off_gives_what_came_before(tmp_path: Path) -> None:
    body = os.urandom(200_000)
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in (("first.md", b"# First\n"), ("second.md", body)):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    data = packed.getvalue()
    notes: list[str] = []

    unpack(data[: len(data) // 2], tmp_path, notes)

    assert written(tmp_path) == ["first.md"]
    assert "The archive is broken" in notes[0]
    assert "What came before that was read." in notes[0]


def test_a_damaged_or_encrypted_member_of_a_zip_does_not_spoil_the_rest(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bad.md", "words " * 500)
        archive.writestr("secret.md", "words " * 500)
        archive.writestr("good.md", "words")
    data = bytearray(packed.getvalue())
    data[60:70] = b"\xff" * 10
    at = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 4)
    data[at + 8] |= 1  # the mark of encryption in the directory
    notes: list[str] = []

    unpack(bytes(data), tmp_path, notes)

    assert written(tmp_path) == ["good.md"]
    assert len(notes) == 2
    assert all("cannot be unpacked and was left out" in note for note in notes)


def test_millions_of_members_are_refused_before_they_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy_servers.docs.sources.archives.MAX_MEMBERS", 100)
    many = tar_of(*((member(f"f{number}.bin"), b"") for number in range(200)))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(200):
            archive.writestr(f"f{number}.bin", "")

    for data in (many, packed.getvalue()):
        with pytest.raises(BadArchive, match="more than 100 members"):
            unpack(data, tmp_path, [])


def test_many_pages_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("understudy_servers.docs.sources.archives.MAX_FILES", 10)

    with pytest.raises(BadArchive, match="more than 10 files"):
        unpack(tar_of(*((member(f"{number}.md"), b"x") for number in range(20))), tmp_path, [])


def test_a_huge_extended_header_is_refused_before_it_is_read(tmp_path: Path) -> None:
    header = tarfile.TarInfo("././@PaxHeader")
    header.type = tarfile.XHDTYPE
    header.size = 50_000_000
    data = header.tobuf(tarfile.USTAR_FORMAT) + b"\0" * 1_000

    with pytest.raises(BadArchive, match="header of 50000000 bytes"):
        unpack(data, tmp_path, [])


def test_headers_nested_without_end_are_a_sentence(tmp_path: Path) -> None:
    header = tarfile.TarInfo("././@PaxHeader")
    header.type, header.size = tarfile.XHDTYPE, 512
    record = b"11 path=ab\n".ljust(512, b"\0")

    with pytest.raises(BadArchive, match="The archive is broken"):
        unpack((header.tobuf(tarfile.USTAR_FORMAT) + record) * 5_000, tmp_path, [])


def test_a_member_that_unpacks_to_too_much_is_left_out_by_name(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.md", b"a" * 4_000_000)
        archive.writestr("good.md", "words")
    notes: list[str] = []

    unpack(packed.getvalue(), tmp_path, notes)
    unpack(tar_of((member("large.md"), b"a" * 6_000_000)), tmp_path, notes)

    assert written(tmp_path) == ["good.md"]
    assert ["bomb.md" in notes[0], "large.md" in notes[1]] == [True, True]


def test_a_bomb_within_a_bomb_is_not_unpacked(tmp_path: Path) -> None:
    inner = tar_gz({"page.md": "a" * 30_000_000})

    unpack(tar_of((member("inner.tar.gz"), inner), (member("good.md"), b"words")), tmp_path, [])

    assert written(tmp_path) == ["good.md"]


_VALID = tar_gz({"a/page.md": "# Page\n" * 50, "a/b.py": "x = 1\n" * 20})


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, len(_VALID) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_no_damage_to_a_compressed_archive_is_more_than_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int]]
) -> None:
    data = bytearray(_VALID)
    for at, value in damage:
        data[at] = value
    try:
        unpack(bytes(data), tmp_path_factory.mktemp("unpacked"), [])
    except BadArchive:
        return  # said in words


_PLAIN = tar_of((member("a/page.md"), b"# Page\n" * 50), (member("b.md"), b"words"))


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 1_600), st.integers(0, 255)), min_size=1, max_size=8))
def test_no_damage_to_a_plain_archive_is_more_than_a_sentence(
    tmp_path_factory: pytest.TempPathFactory, damage: list[tuple[int, int]]
) -> None:
    data = bytearray(_PLAIN)
    for at, value in damage:
        data[at] = value
    folder = tmp_path_factory.mktemp("unpacked")
    try:
        unpack(bytes(data), folder, [])
    except BadArchive:
        return  # said in words


@pytest.mark.parametrize("digest", ["md5:abc", "sha256:zz", "sha512-!!", "sha256:", "crc-1"])
def test_a_digest_that_cannot_be_checked_is_no_match(digest: str) -> None:
    with pytest.raises(BadArchive, match=r"digest|not what was stated"):
        check_digest(b"data", digest)


def test_the_header_of_a_zip_that_lies_about_its_size_is_a_sentence(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("page.md", "words")
    data = bytearray(packed.getvalue())
    at = data.index(b"PK\x01\x02")
    data[at + 24 : at + 28] = struct.pack("<I", 3)
    notes: list[str] = []

    unpack(bytes(data), tmp_path, notes)

    assert written(tmp_path) in ([], ["page.md"])
