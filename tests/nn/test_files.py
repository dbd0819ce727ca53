"""Files are replaced whole or not at all, whatever happens on the way."""

from __future__ import annotations

import errno
import os
import resource
import signal

import pytest

from spinntensor.errors import InputError, OutputError
from spinntensor.nn import files
from spinntensor.nn.files import replacing


@pytest.fixture
def old(tmp_path):
    """A file that is there already."""
    path = tmp_path / "weights"
    path.write_bytes(b"old")
    return path


def alone(path):
    """No other file was left beside it."""
    return [p.name for p in path.parent.iterdir()] == [path.name]


def test_the_new_file_takes_the_place_of_the_old_one(old):
    with replacing(old) as file:
        file.write(b"new")
        assert old.read_bytes() == b"old"
    assert old.read_bytes() == b"new" and alone(old)


def test_an_exception_leaves_the_old_file(old):
    with pytest.raises(KeyboardInterrupt), replacing(old) as file:
        file.write(b"half")
        raise KeyboardInterrupt
    assert old.read_bytes() == b"old" and alone(old)


def test_a_full_disk_leaves_the_old_file(old, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(files.os, "fsync", full)
    with (
        pytest.raises(OutputError, match=r"No space left on device, the old file is intact; make room"),
        replacing(old) as file,
    ):
        file.write(b"new")
    assert old.read_bytes() == b"old" and alone(old)


def test_a_limit_of_the_system_leaves_the_old_file(old):
    """A real refusal in the middle of writing: files of this process may not grow beyond a megabyte."""
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, limits[1]))
    try:
        with pytest.raises(OutputError, match="File too large"), replacing(old) as file:
            for _ in range(4):
                file.write(bytes(1 << 19))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert old.read_bytes() == b"old" and alone(old)


def test_what_cannot_be_written_is_said(tmp_path):
    with pytest.raises(OutputError, match="No such file or directory; create the folder first"):
        replacing(tmp_path / "no" / "file").__enter__()
    with pytest.raises(OutputError, match="a folder of that name exists"):
        replacing(tmp_path).__enter__()


def test_errors_of_other_files_stay_themselves(old):
    with pytest.raises(FileNotFoundError), replacing(old):
        open(old.parent / "source")  # noqa: SIM115
    with pytest.raises(InputError), replacing(old):
        raise InputError("source", "it is damaged", "mend it")
    assert old.read_bytes() == b"old" and alone(old)


def test_a_link_stays_a_link(old):
    link = old.parent / "link"
    link.symlink_to(old)
    with replacing(link) as file:
        file.write(b"new")
    assert link.is_symlink() and old.read_bytes() == b"new"


def test_the_mode_is_that_of_any_new_file(tmp_path):
    with replacing(tmp_path / "a") as file:
        file.write(b"new")
    (tmp_path / "b").write_bytes(b"new")
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode
