"""How fresh an answer is. The API knows only what is committed, so it asks before it reads the data.

``asOf``: every report that Kafka took before this instant is in the answer. The worker says so for each
partition, also when nothing arrives, and the slowest partition decides; so a worker that stands still shows
as a growing ``lag``, the seconds from ``asOf`` to now. Until it has said so for every partition, ``asOf`` is
the newest commit. Null: nothing was ever committed.
"""

from datetime import datetime

from pydantic import BaseModel, Field

from projections.read_api.database import Session
from projections.read_api.services import Services


class Freshness(BaseModel):
    """What stands on every answer that shows trial data."""

    asOf: datetime | None = Field(
        description="Every report that arrived before this instant is in the answer."
    )
    lag: float | None = Field(description="Seconds from then to now; null before anything was committed.")


async def freshness(services: Services, session: Session) -> Freshness:
    """Ask Postgres; call it before the queries of the answer itself, so that it never promises too much."""
    as_of = await session.value("freshness")
    if as_of is None:
        return Freshness(asOf=None, lag=None)
    lag = max(0.0, (services.clock() - as_of).total_seconds())
    services.metrics.lag_seconds.set(lag)
    return Freshness(asOf=as_of, lag=round(lag, 3))
