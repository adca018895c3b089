"""Nothing is written outside of the directory, whatever a path says or what somebody has put below it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from keras_seg.server.folders import PathProblem, below, folder, name_of, put


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/tmp/logs/fit", ("tmp", "logs", "fit")),
        ("logs", ("logs",)),
        ("/srv/logs/fit", ("fit",)),
        ("/srv/logs", ()),
        ("//srv/./logs///fit/", ("fit",)),
        ("/srv/logsmith", ("srv", "logsmith")),
        ("srv/logs/fit", ("fit",)),
        ("a b/ü", ("a b", "ü")),
        ("", ()),
    ],
)
def test_a_path_is_mapped_below_the_directory(path: str, expected: tuple[str, ...]) -> None:
    assert below("/srv/logs/", path) == expected


@pytest.mark.parametrize("path", ["..", "../x", "/srv/logs/../../etc", "a/..", "a\0b", "a\nb", "x" * 256, "ü" * 128])
def test_a_path_that_could_lead_out_is_refused(path: str) -> None:
    with pytest.raises(PathProblem, match=r"a path must have names of at most 255 bytes, and not '\.\.', got "):
        below("/srv/logs", path)


def test_a_folder_s_name_stands_for_one_text() -> None:
    texts = ["alice", "..", ".", ".x", "a/b", "a%2Fb", "A", "ü", "a b", "/", "run_1"]
    names = [name_of(text) for text in texts]
    assert len(set(names)) == len(texts)
    assert not any("/" in name or name.startswith(".") or not name for name in names)


def write(directory: Path, *parts: str, name: str = "events", content: bytes = b"new") -> None:
    with folder(str(directory), parts) as here:
        put(here, name, content)


def test_a_file_is_written_and_replaced(tmp_path: Path) -> None:
    write(tmp_path, "a", "b", content=b"first, and longer")
    write(tmp_path, "a", "b")
    assert (tmp_path / "a" / "b" / "events").read_bytes() == b"new"
    assert os.listdir(tmp_path / "a" / "b") == ["events"]


def test_what_a_killed_session_left_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / f".unfinished-{os.getpid()}").write_text("half a fi")
    write(tmp_path)
    assert (tmp_path / "events").read_bytes() == b"new"


@pytest.mark.parametrize(("mode", "folders", "files"), [(0o755, 0o755, 0o644), (0o700, 0o700, 0o600), (0o1777, 0o777, 0o644)])
def test_all_is_as_readable_as_the_directory(tmp_path: Path, mode: int, folders: int, files: int) -> None:
    tmp_path.chmod(mode)
    before = os.umask(0o077)
    try:
        write(tmp_path, "a")
    finally:
        os.umask(before)
    assert (tmp_path / "a").stat().st_mode & 0o7777 == folders
    assert (tmp_path / "a" / "events").stat().st_mode & 0o7777 == files


def test_a_link_in_the_place_of_a_folder_is_not_followed(tmp_path: Path) -> None:
    outside, root = tmp_path / "outside", tmp_path / "root"
    outside.mkdir()
    (root / "a").mkdir(parents=True)
    (root / "a" / "link").symlink_to(outside)
    with pytest.raises(OSError):
        write(root, "a", "link")
    with pytest.raises(OSError):
        write(root, "a", "link", "below")
    assert os.listdir(outside) == []


def test_a_link_in_the_place_of_a_file_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_text("precious")
    for name in ("events", f".unfinished-{os.getpid()}"):
        (tmp_path / name).symlink_to(target)
    write(tmp_path)
    assert target.read_text() == "precious"
    assert not (tmp_path / "events").is_symlink()


def test_what_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        write(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError):
        write(tmp_path, "file")
