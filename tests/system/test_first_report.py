"""A patient's first report, from the activation code to the completed visit, with nothing but HTTP."""

import json
import secrets
import time
import uuid
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

import httpx
import pytest

from tests.system.conftest import Installation

PATIENTS = 8
WAIT_S = 30


@pytest.fixture(scope="module")
def codes(installation: Installation) -> dict[str, str]:
    return installation.enrol(PATIENTS)


def activate(api: str, code: str) -> dict[str, str]:
    answer = httpx.post(f"{api}/api/v1/activate", json={"code": code})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['token']}"}


def visits_of(api: str, patient_id: str, headers: dict[str, str]) -> list[dict[str, Any]]:
    answer = httpx.get(f"{api}/api/v1/trial/patients/{patient_id}/visits", headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["patientId"] == patient_id
    visits: list[dict[str, Any]] = answer.json()["visits"]
    return visits


def morning_report(patient_id: str, visit: dict[str, Any]) -> bytes:
    """A diary recorded at the very start of its window."""
    opened = datetime.fromisoformat(visit["opensAt"]).astimezone(ZoneInfo(visit["timeZone"]))
    return json.dumps(
        {
            "reportId": str(uuid.uuid4()),
            "patientId": patient_id,
            "visitId": visit["visitId"],
            "instrument": "daily-symptoms",
            "instrumentVersion": "1.0",
            "recordedAt": opened.isoformat(),
            "timeZone": visit["timeZone"],
            "answers": {"pain": 3, "fatigue": 2, "nausea": 0, "temperature": 36.8},
        }
    ).encode()


def send(gateway: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
    return httpx.post(
        f"{gateway}/api/v1/reports", content=body, headers={**headers, "Content-Type": "application/json"}
    )


def latest_morning(visits: list[dict[str, Any]]) -> dict[str, Any]:
    now = datetime.now(ZoneInfo("UTC"))
    opened = [
        one
        for one in visits
        if datetime.fromisoformat(one["opensAt"]) <= now
        and datetime.fromisoformat(one["opensAt"]).astimezone(ZoneInfo(one["timeZone"])).hour == 8
        and datetime.fromisoformat(one["closesAt"]).astimezone(ZoneInfo(one["timeZone"])).hour == 11
    ]
    return max(opened, key=lambda one: datetime.fromisoformat(one["opensAt"]))


def test_an_activated_patient_reports_and_the_visit_is_completed(
    installation: Installation, codes: dict[str, str]
) -> None:
    stack = installation.read("status")
    headers = activate(stack["api"], codes["P-000001"])
    profile = httpx.get(f"{stack['api']}/api/v1/profile", headers=headers).json()
    assert profile["message"] == "Welcome to the protected area!"
    assert profile["userRole"] == "patient"

    visit = latest_morning(visits_of(stack["api"], "P-000001", headers))
    assert visit["status"] in ("待进行", "已逾期")
    answer = send(stack["gateway"], morning_report("P-000001", visit), headers)
    assert answer.status_code == 202, answer.text
    receipt = answer.json()["receipt"]

    deadline = time.monotonic() + WAIT_S
    while True:
        now = next(
            one for one in visits_of(stack["api"], "P-000001", headers) if one["visitId"] == visit["visitId"]
        )
        if now["status"] == "已完成" or time.monotonic() > deadline:
            break
        time.sleep(0.1)
    assert (now["status"], now["statusCode"], now["timeliness"]) == ("已完成", "completed", "on_time")

    found = httpx.get(
        f"{stack['api']}/api/v1/receipts/{answer.json()['reportId']}",
        params={"partition": receipt["partition"], "offset": receipt["offset"]},
        headers=headers,
    )
    assert found.json()["state"] == "projected"


@pytest.mark.parametrize(
    ("headers", "error"),
    [
        ({}, "Authorization header is missing"),
        ({"Authorization": "Basic Zm9vOmJhcg=="}, "Invalid token format"),
        ({"Authorization": "Bearer not.a.token"}, "Invalid token"),
    ],
)
def test_both_doors_tell_the_three_token_errors_exactly(
    installation: Installation, headers: dict[str, str], error: str
) -> None:
    stack = installation.read("status")
    for answer in (
        send(stack["gateway"], b"{}", headers),
        httpx.get(f"{stack['api']}/api/v1/profile", headers=headers),
    ):
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"
        assert "www-authenticate" in answer.headers
        assert answer.json()["error"] == answer.json()["title"] == error


def test_a_patient_cannot_tell_anothers_visits_from_nobodys(
    installation: Installation, codes: dict[str, str]
) -> None:
    api = installation.read("status")["api"]
    headers = activate(api, codes["P-000002"])
    answers = [
        httpx.get(f"{api}/api/v1/trial/patients/{patient}/visits", headers=headers)
        for patient in ("P-000003", "P-nobody")
    ]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert answers[0].content == answers[1].content


def test_an_activation_code_works_once(installation: Installation, codes: dict[str, str]) -> None:
    api = installation.read("status")["api"]
    activate(api, codes["P-000004"])
    again = httpx.post(f"{api}/api/v1/activate", json={"code": codes["P-000004"]})
    assert again.status_code == 401
    assert again.headers["content-type"] == "application/problem+json"


def test_a_patient_sets_a_password_and_logs_in_with_it(
    installation: Installation, codes: dict[str, str]
) -> None:
    api = installation.read("status")["api"]
    headers = activate(api, codes["P-000005"])
    password = secrets.token_urlsafe(16)
    assert httpx.post(f"{api}/api/v1/password", json={"password": password}, headers=headers).is_success

    login = httpx.post(f"{api}/login", json={"username": "patient.000005", "password": password})
    assert login.status_code == 200, login.text
    assert set(login.json()) >= {"token", "refreshToken", "expiresIn"}

    wrong = httpx.post(f"{api}/login", json={"username": "patient.000005", "password": password + "x"})
    unknown = httpx.post(f"{api}/login", json={"username": "patient.nobody", "password": password})
    assert (wrong.status_code, unknown.status_code) == (401, 401)
    assert wrong.content == unknown.content


def test_an_old_refresh_token_works_for_a_phone_that_lost_the_answer(
    installation: Installation, codes: dict[str, str]
) -> None:
    api = installation.read("status")["api"]
    first = httpx.post(f"{api}/api/v1/activate", json={"code": codes["P-000006"]}).json()["refreshToken"]
    answers = [httpx.post(f"{api}/api/v1/token/refresh", json={"refreshToken": first}) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 200]
    headers = {"Authorization": f"Bearer {answers[1].json()['token']}"}
    assert httpx.get(f"{api}/api/v1/profile", headers=headers).json()["patientId"] == "P-000006"
