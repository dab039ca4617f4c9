"""A file with secrets, written whole or not at all, that only its owner may read (0600)."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Self

import click


class CannotWrite(OSError):
    """The file cannot be written where it was asked for."""

    exit_code = 2


class PrivateFile:
    """A context in which a file is written beside its place and then moved there.

    ``write`` reaches the disk before it returns. Leaving the context without an error moves what was written
    to ``path``; with an error, ``path`` stays as it was, and what was written is discarded, or kept as
    ``path``.unconfirmed where ``keep_on_error``.
    """

    def __init__(self, path: Path, *, overwrite: bool, keep_on_error: bool = False) -> None:
        self._path = path
        self._overwrite = overwrite
        self._keep_on_error = keep_on_error
        self._temporary: Path | None = None

    def __enter__(self) -> Self:
        """Find out now whether it can be written.

        Raises:
            CannotWrite: its directory is missing or closed to us, or it exists and must not be overwritten.
        """
        if not self._overwrite and self._path.exists():
            raise CannotWrite(f"{self._path} exists already and is not overwritten; choose another file.")
        if not self._path.parent.is_dir() or not os.access(self._path.parent, os.W_OK):
            raise CannotWrite(f"{self._path} cannot be written: its directory is missing or closed to us.")
        return self

    def write(self, lines: Iterable[bytes]) -> None:
        """Write everything, once.

        Raises:
            CannotWrite: the disk is full or broken.
        """
        try:
            descriptor, name = tempfile.mkstemp(dir=self._path.parent, prefix=f".{self._path.name}.")
            self._temporary = Path(name)
            with os.fdopen(descriptor, "wb") as file:
                file.writelines(lines)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise CannotWrite(f"{self._path} cannot be written ({error.strerror}).") from None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._temporary is None:
            return
        if error is None:
            self._temporary.replace(self._path)
        elif self._keep_on_error and not isinstance(error, CannotWrite):
            kept = self._path.with_name(f"{self._path.name}.unconfirmed")
            self._temporary.replace(kept)
            click.echo(f"{kept} was kept: see whether what it is for was done before the failure.", err=True)
        else:
            self._temporary.unlink(missing_ok=True)
