"""What every route is handed, and how it asks who calls."""

from collections.abc import Callable
from datetime import datetime

import msgspec
from fastapi import Request

from ingest_gateway.auth.keys import KeyRing
from projections.read_api.database import Database
from projections.read_api.hashing import PasswordThreads
from projections.read_api.metrics import Metrics
from projections.read_api.settings import Network

Clock = Callable[[], datetime]


class LoginRules(msgspec.Struct, frozen=True):
    """The limits of logins: ``failures`` per ``window_s`` seconds; refresh tokens live ``refresh_days``."""

    failures: int
    window_s: int
    refresh_days: int
    trusted_proxies: tuple[Network, ...] = ()


class Services(msgspec.Struct, frozen=True):
    """Everything the routes need from outside.

    ``clock`` gives aware instants in UTC; ``action_seal_keys`` seal what people do.
    """

    database: Database
    keys: KeyRing
    passwords: PasswordThreads
    metrics: Metrics
    rules: LoginRules
    clock: Clock
    action_seal_keys: KeyRing


def services(request: Request) -> Services:
    """The services of the application that serves this request."""
    held: Services = request.app.state.services
    return held
