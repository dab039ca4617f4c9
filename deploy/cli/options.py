"""Options that several commands share."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

Command = TypeVar("Command", bound=Callable[..., object])


def seconds_option(flag: str, text: str, **more: Any) -> Callable[[Command], Command]:  # noqa: ANN401 - click's own
    """An option that is a time in seconds, of 0.1 at least."""
    return click.option(flag, type=click.FloatRange(min=0.1), metavar="SECONDS", help=text, **more)


def over_option(**more: Any) -> Callable[[Command], Command]:  # noqa: ANN401 - click's own
    """``--over SECONDS``: in how much time a burst's reports are sent."""
    return seconds_option("--over", "In how much time all of them report.", **more)
