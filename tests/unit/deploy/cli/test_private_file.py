from pathlib import Path

import pytest

from deploy.cli.private_file import CannotWrite, PrivateFile


def test_a_file_is_written_whole_and_only_its_owner_may_read_it(tmp_path: Path) -> None:
    path = tmp_path / "tokens.jsonl"
    with PrivateFile(path, overwrite=False) as private:
        private.write([b"one\n", b"two\n"])
        assert not path.exists()
    assert path.read_bytes() == b"one\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_exists_is_replaced_only_where_that_is_wanted(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    path.write_bytes(b"old")
    with pytest.raises(CannotWrite, match="not overwritten"), PrivateFile(path, overwrite=False):
        pass
    with PrivateFile(path, overwrite=True) as private:
        private.write([b"new"])
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_directory_that_is_missing_is_told_before_anything_is_done(tmp_path: Path) -> None:
    with pytest.raises(CannotWrite, match="directory"), PrivateFile(tmp_path / "no" / "f", overwrite=True):
        pytest.fail("the block was entered")


def write_and_fail(private: PrivateFile) -> None:
    with private:
        private.write([b"written"])
        raise ConnectionError


def test_after_an_error_the_old_file_stays_and_nothing_is_left_over(tmp_path: Path) -> None:
    path = tmp_path / "tokens.jsonl"
    path.write_bytes(b"old")
    with pytest.raises(ConnectionError):
        write_and_fail(PrivateFile(path, overwrite=True))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_codes_whose_enrolment_may_have_been_committed_are_kept_aside(tmp_path: Path) -> None:
    path = tmp_path / "codes.csv"
    with pytest.raises(ConnectionError):
        write_and_fail(PrivateFile(path, overwrite=False, keep_on_error=True))
    assert (tmp_path / "codes.csv.unconfirmed").read_bytes() == b"written"
    assert not path.exists()


def test_nothing_written_leaves_no_file(tmp_path: Path) -> None:
    with PrivateFile(tmp_path / "codes.csv", overwrite=False):
        pass
    assert list(tmp_path.iterdir()) == []
