"""One synthetic report: of a patient enrolled for nothing else, in a study that is no production study."""

import json
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self
from zoneinfo import ZoneInfo

import asyncpg
import httpx
import msgspec

from deploy.local.state import Stack, database_url, token_keys_file
from ingest_gateway.auth.keys import load_keys
from ingest_gateway.auth.tokens import issue, patient_claims
from projections.study.cohort import CohortError
from projections.study.enrolment import EnrolmentRequest, enrol
from projections.study.model import Study
from projections.study.publishing import NoSuchStudy, latest_study

_ANSWER_S: Final = 10.0


class NoReportPossible(RuntimeError):
    """No report can be sent here; ``harmless`` where nothing is broken about that."""

    def __init__(self, message: str, hint: str, harmless: bool) -> None:
        super().__init__(message)
        self.hint = hint
        self.harmless = harmless


class Prepared(msgspec.Struct, frozen=True):
    """A report's bytes and the token it is sent with."""

    report_id: str
    body: bytes
    token: str


class Sent(msgspec.Struct, frozen=True):
    """What the gateway answered."""

    accepted: bool
    text: str
    partition: int | None = None
    offset: int | None = None


class Found(msgspec.Struct, frozen=True):
    """What the read API says of the report: a state of the contract, or ``unanswered``."""

    state: str
    text: str


async def prepare(data: Path, study_id: str | None) -> Prepared:
    """Enrol the doctor's own patient where it is not enrolled yet, and write its report.

    Raises:
        NoReportPossible: no study, several to choose from, or one in production.
    """
    now = datetime.now(UTC)
    connection = await asyncpg.connect(database_url(data, "eightbells_study"))
    try:
        study = await latest_study(connection, study_id)
        if study.purpose == "production":
            raise NoReportPossible(
                f"{study.study_id} is in production, where nothing synthetic goes", "", harmless=True
            )
        patient_id = f"doctor-{study.study_id}"
        site = study.sites[-1]
        yesterday = (now.astimezone(ZoneInfo(site.time_zone)) - timedelta(days=1)).date()
        cohort = f"patientId,siteId,startDate\n{patient_id},{site.id},{yesterday}\n".encode()
        await enrol(connection, study, EnrolmentRequest(cohort, Path("doctor.csv")), now)
        site_id = await connection.fetchval("select site_id from patients where patient_id = $1", patient_id)
    except NoSuchStudy as error:
        hint = "apply one: `eightbells study apply deploy/demo/study.yaml`, or name one with --study"
        raise NoReportPossible(str(error).rstrip("."), hint, harmless=True) from None
    except CohortError as error:
        raise NoReportPossible(str(error), "", harmless=False) from None
    finally:
        await connection.close()
    return _write(data, study, patient_id, site_id, now)


def _write(data: Path, study: Study, patient_id: str, site_id: str, now: datetime) -> Prepared:
    """Without answers: that is a report all the same (each missing item is flagged), and raises no alert."""
    instrument = study.instruments[0]
    zone = next(site.time_zone for site in study.sites if site.id == site_id)
    report_id = str(uuid.uuid4())
    body = {
        "reportId": report_id,
        "patientId": patient_id,
        "studyId": study.study_id,
        "instrument": instrument.id,
        "instrumentVersion": instrument.version,
        "recordedAt": now.astimezone(ZoneInfo(zone)).isoformat(timespec="milliseconds"),
        "timeZone": zone,
        "deviceId": "doctor",
        "answers": {},
    }
    claims = patient_claims(patient_id, f"u-{patient_id}", study.study_id, site_id, now)
    token = issue(claims, load_keys(token_keys_file(data)))
    return Prepared(report_id, json.dumps(body).encode(), token)


class Following:
    """Sends a report and asks what became of it; use it as a context."""

    def __init__(self, stack: Stack, report: Prepared) -> None:
        self._stack = stack
        self._report = report
        self._client = httpx.AsyncClient(
            headers={"Authorization": f"Bearer {report.token}"}, timeout=_ANSWER_S, trust_env=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exception: object) -> None:
        await self._client.aclose()

    async def send(self) -> Sent:
        """Post the report to the gateway."""
        try:
            answer = await self._client.post(
                f"{self._stack.gateway}/api/v1/reports",
                content=self._report.body,
                headers={"Content-Type": "application/json"},
            )
        except httpx.HTTPError as error:
            return Sent(accepted=False, text=f"does not answer ({type(error).__name__})")
        if answer.status_code != 202:
            return Sent(accepted=False, text=f"answered {answer.status_code}: {_title(answer)}")
        receipt = answer.json()["receipt"]
        place = f"partition {receipt['partition']}, offset {receipt['offset']}"
        return Sent(
            True, f"accepted a report; Kafka has it at {place}", receipt["partition"], receipt["offset"]
        )

    async def receipt(self, sent: Sent) -> Found:
        """Ask the read API for the report's receipt."""
        where: dict[str, int] = {}
        if sent.partition is not None and sent.offset is not None:
            where = {"partition": sent.partition, "offset": sent.offset}
        try:
            answer = await self._client.get(
                f"{self._stack.api}/api/v1/receipts/{self._report.report_id}", params=where
            )
        except httpx.HTTPError as error:
            return Found("unanswered", f"nothing: the read API does not answer ({type(error).__name__})")
        if answer.status_code != 200:
            return Found("unanswered", f"{answer.status_code}: {_title(answer)}")
        body = answer.json()
        return Found(body["state"], f"{body['state']} ({body.get('reason') or 'no reason'})")


def _title(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["title"])
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase
