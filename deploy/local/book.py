"""Keeps the state file: each process goes on record as it is spawned and off it when it has ended."""

from pathlib import Path

import msgspec
import psutil

from deploy.local.state import Phase, Process, Record, forget_record, identify, write_record


class Book:
    """The state file of the stack that this process supervises."""

    def __init__(self, data: Path, record: Record) -> None:
        self._data = data
        self.record = record
        write_record(data, record)

    def spawned(self, name: str, pid: int, admin: str | None, restarts: int) -> None:
        """Put a new process on record, in place of the one that had its name."""
        try:
            process = identify(pid, admin=admin, restarts=restarts)
        except psutil.NoSuchProcess:
            process = Process(pid=pid, started=0.0, admin=admin, restarts=restarts)
        self._write(processes={**self.record.processes, name: process})

    def ended(self, name: str) -> None:
        """Take a process off the record."""
        self._write(processes={key: each for key, each in self.record.processes.items() if key != name})

    def phase(self, phase: Phase) -> None:
        """Say how far the stack is."""
        self._write(phase=phase)

    def found(self, kafka: str) -> None:
        """Record Kafka's addresses."""
        self._write(kafka=kafka)

    def noted(self, note: str) -> None:
        """Add something that the operator has to know."""
        self._write(notes=(*self.record.notes, note))

    def close(self) -> None:
        """The stack is gone; nothing is left to find."""
        forget_record(self._data)

    def _write(self, **changes: object) -> None:
        self.record = msgspec.structs.replace(self.record, **changes)
        write_record(self._data, self.record)
