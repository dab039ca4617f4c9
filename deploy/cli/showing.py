"""What a person reads about a stack: the banner after a start, and the status table."""

from collections.abc import Mapping
from importlib.resources import files
from typing import Final
from urllib.parse import urlsplit

from deploy.local.state import Stack

DASHBOARD: Final = files("projections") / "dashboard" / "dist" / "index.html"
"""There once `make dashboard` has built it; the read API serves it from then on."""


def dashboard(stack: Stack) -> str:
    """Where the dashboard is, or how to get one; it needs no restart."""
    address = f"{stack.api}/"
    return address if DASHBOARD.is_file() else f"not built yet: run `make dashboard`, then open {address}"


def banner(stack: Stack) -> str:
    """Addresses, how to log in, where the data is, what survives what, how to stop and to reset."""
    survives = (
        "a crash of any process: yes; loss of power, system or disk: no (one broker, one copy)"
        if stack.brokers == 1
        else "a crash of any process or one broker: yes; loss of this machine's disk: no (three copies on it)"
    )
    where = f" --data {stack.dataDir}"
    lines = {
        "Dashboard": dashboard(stack) if stack.api else "",
        "Gateway": f"{stack.gateway}/api/v1/reports" if stack.gateway else "",
        "Read API": f"{stack.api} (/openapi.json)" if stack.api else "",
        "Kafka": stack.kafka,
        "PostgreSQL": _without_password(stack.database),
        "Log in": f"user names and passwords, once a study has users: {stack.demoLogins}"
        if stack.api
        else "",
        "Data": stack.dataDir,
        "Memory": _memory(stack),
        "Survives": survives if stack.kafka else "",
        "Look": f"eightbells status{where} · eightbells logs{where} -f · eightbells doctor{where}",
        "Stop": f"eightbells down{where} (or Ctrl-C where it runs); the data stays",
        "Reset": f"eightbells reset{where}, once stopped; deletes the data",
    }
    rows = [f"  {name:<11}{text}" for name, text in lines.items() if text]
    notes = [f"  {'Note':<11}{note}" for note in stack.notes]
    return "\n".join(["Eight Bells is up.", *rows, *notes])


def table(stack: Stack, conditions: Mapping[str, str]) -> str:
    """Every process: pid, restarts, how it is, and where its admin listener is."""
    head = f"{'PART':<10}{'PID':>8}{'RESTARTS':>10}  {'CONDITION':<14}ADMIN"
    rows = [
        f"{name:<10}{process.pid:>8}{process.restarts:>10}  {conditions[name]:<14}{process.admin or '-'}"
        for name, process in stack.processes.items()
    ]
    addresses = {"gateway": stack.gateway, "api": stack.api, "kafka": stack.kafka}
    addresses["database"] = _without_password(stack.database)
    addresses |= {"data": stack.dataDir, "supervisor": f"pid {stack.supervisor}"}
    where = [f"{name:<12}{address}" for name, address in addresses.items() if address]
    return "\n".join([head, *rows, "", *where])


def _memory(stack: Stack) -> str:
    kafka = sum(name.startswith("kafka-") for name in stack.processes)
    parts = [f"Kafka up to {700 * kafka} MB (heap 512 MB a broker)"] if kafka else []
    parts += ["PostgreSQL about 400 MB"] if "postgres" in stack.processes else []
    return ", ".join(parts)


def _without_password(url: str) -> str:
    parts = urlsplit(url)
    if not parts.password:
        return url
    return parts._replace(netloc=f"{parts.username}@{parts.netloc.rpartition('@')[2]}").geturl()
