"""What a person does, on the record: who, in which role, when, old, new, why; and its event."""

from collections.abc import Mapping
from typing import Any, Literal
from uuid import UUID, uuid4

import msgspec
import orjson

from ingest_gateway.auth.keys import KeyRing
from projections.action_seals import head as head_of_chain
from projections.action_seals import origin
from projections.read_api.database import Session
from projections.read_api.identity import Caller
from projections.read_api.services import Services
from projections.seals import seal


class Subject(msgspec.Struct, frozen=True):
    """What something is done to, and whose it is."""

    kind: Literal["alert", "adverse_event"]
    id: UUID
    study_id: str
    site_id: str
    patient_id: str


class Deed(msgspec.Struct, frozen=True):
    """What is done, in the past tense of its event; ``why`` in the person's own words."""

    what: str
    old: Mapping[str, Any] | None
    new: Mapping[str, Any] | None
    why: str | None = None


async def record(
    held: Services, session: Session, caller: Caller, subject: Subject, deed: Deed, data: Mapping[str, Any]
) -> None:
    """Write a deed into ``actions``, sealed, and its event into the outbox.

    Args:
        held: the time, and the keys that seal it.
        session: in the transaction that does it, so that there is never one without the other.
        caller: who does it.
        subject: to what.
        deed: what.
        data: the event's: ids and states, no words of anybody's.
    """
    now = held.clock()
    await session.value("turn_to_act")
    action_id = await session.value(
        "add_action",
        now,
        caller.user_id,
        caller.claims.role,
        subject.kind,
        subject.id,
        subject.site_id,
        subject.patient_id,
        deed.what,
        _json(deed.old),
        _json(deed.new),
        deed.why,
    )
    event = {
        "id": str(uuid4()),
        "type": deed.what,
        "studyId": subject.study_id,
        "siteId": subject.site_id,
        "patientId": subject.patient_id,
        "at": now,
        "data": data,
    }
    head = await _seal(session, held.action_seal_keys, action_id)
    await session.rows(
        "add_event",
        now,
        orjson.dumps([event], option=orjson.OPT_UTC_Z).decode(),
        orjson.dumps([head]).decode(),
    )


async def _seal(session: Session, keys: KeyRing, action_id: int) -> dict[str, str | int]:
    """Seal everything up to an action, the newest, and return the new head of the chain."""
    last = await session.row("last_action_seal")
    after, previous = (0, origin(keys.signing_key)) if last is None else last
    digests = await session.value("digests_of_actions", after, action_id)
    sealed = seal(keys.signing_key, previous, (digests,))
    await session.rows("add_action_seal", action_id, previous, sealed, keys.current)
    return head_of_chain(after, action_id, sealed)


def _json(value: Mapping[str, Any] | None) -> str | None:
    return None if value is None else orjson.dumps(value).decode()
