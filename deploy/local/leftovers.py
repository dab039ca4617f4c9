"""What a supervisor that died left behind: found by pid and start time, stopped in order."""

import signal
from pathlib import Path
from typing import Final

from deploy.local.children import stop_recorded
from deploy.local.stack import STOP_ORDER
from deploy.local.state import Process, forget_record, is_alive, read_record

_GROUP_S: Final = 5.0


def clean_up(data: Path) -> list[tuple[str, Process]]:
    """Stop every recorded process whose supervisor is gone; returns those that were still there.

    Call it only where no supervisor lives: as the holder of the data directory, or having seen it end.
    """
    record = read_record(data)
    if record is None or is_alive(record.supervisor):
        return []
    waiting = dict(record.processes)
    stopped = []
    for names, _ in (*STOP_ORDER, (None, 0.0)):  # last, whatever else is on record
        group = {n: waiting.pop(n) for n in list(waiting) if names is None or n.partition("-")[0] in names}
        found = stop_recorded({process: _stop_signal(name) for name, process in group.items()}, _GROUP_S)
        stopped += [(name, process) for name, process in group.items() if process in found]
    forget_record(data)
    return stopped


def _stop_signal(name: str) -> int:
    return signal.SIGINT if name == "postgres" else signal.SIGTERM  # PostgreSQL's fast shutdown
