"""A log file stays bounded, and a disk that takes no more stops nobody."""

import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.kept_lines import KeptLines


@contextmanager
def _full_disk(size_bytes: int) -> Iterator[None]:
    """Let no file of this process grow past a size."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_file_makes_room_while_it_is_written(tmp_path: Path) -> None:
    path = tmp_path / "search.log"
    kept = KeptLines(path, limit_bytes=100)
    for number in range(100):
        kept.write(f"line {number:04}\n".encode())
    kept.close()
    old = (tmp_path / "search.log.1").read_text().splitlines()
    new = path.read_text().splitlines()
    assert [*old, *new][-12:] == [f"line {number:04}" for number in range(88, 100)]
    assert path.stat().st_size <= 100 + len("line 0000\n")


def test_lines_are_lost_while_the_disk_is_full_and_counted_when_it_is_not(tmp_path: Path) -> None:
    path = tmp_path / "search.log"
    kept = KeptLines(path)
    kept.write(b"before\n")
    with _full_disk(10):
        for number in range(5):
            kept.write(f"during {number}\n".encode())
    kept.write(b"after")
    kept.close()
    text = path.read_text()
    assert text.startswith("before\n")
    assert text.endswith("5 line(s) not kept: the disk took no more\nafter\n")


def test_a_folder_that_is_gone_is_tried_again_with_every_line(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "search.log"
    kept = KeptLines(path)
    kept.write(b"nowhere\n")
    path.parent.mkdir()
    kept.write(b"somewhere\n")
    kept.close()
    assert path.read_text() == "1 line(s) not kept: the disk took no more\nsomewhere\n"
