"""GET /api/v1/instruments/{studyId}/{instrument}/{version}: items with their texts, units and ranges."""

from typing import Annotated, Final

from fastapi import APIRouter, Path, Request, Response

from projections.read_api.identity import PatientReader
from projections.read_api.problems import not_found
from projections.read_api.services import services
from projections.study.instruments import Instrument

router = APIRouter(tags=["instruments"])
_KEEP: Final = "private, max-age=3600"
_PLAIN: Final = r"\A[^\x00]*\z"


@router.get("/api/v1/instruments/{studyId}/{instrument}/{version}", response_model=Instrument)
async def instrument_definition(
    request: Request,
    study_id: Annotated[str, Path(alias="studyId", max_length=64, pattern=_PLAIN)],
    instrument: Annotated[str, Path(max_length=64, pattern=_PLAIN)],
    version: Annotated[str, Path(max_length=32, pattern=_PLAIN)],
    caller: PatientReader,
) -> Response:
    """An instrument of a study in which the caller has a site, as it was published; any other is a 404.

    A published version never changes, so browsers may keep it, and it has no freshness.
    """
    async with services(request).database.session() as session:
        definition = await session.value("instrument_definition", study_id, instrument, version, caller.sites)
    if definition is None:
        raise not_found()
    return Response(definition, media_type="application/json", headers={"Cache-Control": _KEEP})
