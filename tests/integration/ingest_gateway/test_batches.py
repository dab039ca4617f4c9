"""Many reports in one request: each has its own answer."""

import orjson
import pytest

from tests.gateways import FakeKafka, RunningGateway, report, request


def batch(*elements: bytes) -> bytes:
    return b'{ "reports" : [' + b" , ".join(elements) + b"] }"


async def ask_batch(
    gateway: RunningGateway, body: bytes, **headers: str
) -> list[tuple[int, dict[str, object]]]:
    answer = await gateway.ask(request(body, path="/api/v1/reports:batch", **headers))
    assert answer.status == 207
    results = answer.json["results"]
    assert isinstance(results, list)
    return [(result["status"], result["body"]) for result in results]


async def test_each_report_of_a_batch_has_its_own_result_in_order(
    gateway: RunningGateway, kafka: FakeKafka
) -> None:
    good = [report(), b'{\n"a": 1}', report("P-000002"), report().replace(b",", b" ,\t"), b"7"]
    results = await ask_batch(gateway, batch(*good))
    assert [status for status, _ in results] == [202, 422, 403, 202, 422]
    assert results[0][1]["reportId"] == orjson.loads(good[0])["reportId"]
    assert results[2][1]["error"] == "Forbidden"
    assert sorted(kafka.values()) == sorted([good[0], good[3]])
    assert gateway.gateway.admission.reports == 0


async def test_one_element_too_large_spoils_no_other(gateway: RunningGateway) -> None:
    large = report(answers={"note": "x" * 9000, **{f"n{i}": "y" * 9000 for i in range(8)}})
    assert [status for status, _ in await ask_batch(gateway, batch(large, report()))] == [413, 202]


@pytest.mark.parametrize(
    ("bad", "status"), [(rb'{"text":"\ud83d"}', 400), (b"NaN", 400), (b"[" * 5000 + b"]" * 5000, 422)]
)
async def test_an_element_that_cannot_be_parsed_spoils_no_other(
    gateway: RunningGateway, kafka: FakeKafka, bad: bytes, status: int
) -> None:
    good = [report(), report().replace(b",", b" ,\t")]
    results = await ask_batch(gateway, batch(good[0], bad, good[1]))
    assert [each for each, _ in results] == [202, status, 202]
    assert sorted(kafka.values()) == sorted(good)


async def test_an_empty_batch_has_no_results(gateway: RunningGateway) -> None:
    assert await ask_batch(gateway, batch()) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"{", 400),
        (b"[]", 422),
        (b'{"reports":{}}', 422),
        (b'{"reports":[],"more":1}', 422),
        (batch(*[b"{}"] * 501), 422),
        (b'{"reports":[{"a":]}', 400),
        (b" " * (1024 * 1024 + 1), 413),
    ],
)
async def test_what_is_no_batch_is_refused_as_a_whole(
    gateway: RunningGateway, body: bytes, status: int
) -> None:
    assert (await gateway.ask(request(body, path="/api/v1/reports:batch"))).status == status


async def test_a_batch_waits_for_kafka_and_tells_what_is_unknown(
    impatient: RunningGateway, kafka: FakeKafka
) -> None:
    kafka.silent = True
    results = await ask_batch(impatient, batch(report(), b"{}", report()))
    assert [status for status, _ in results] == [503, 422, 503]
    assert results[0][1]["error"] == "Outcome unknown"
