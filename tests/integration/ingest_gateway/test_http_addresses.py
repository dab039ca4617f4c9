"""Methods, paths, hosts and origins that the patients' port answers."""

import pytest

from tests.gateways import FakeKafka, RunningGateway, bearer, report, request, running_gateway

NOWHERE = request(method="GET", path="/nowhere")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_another_method_is_told_which_one_is_allowed(gateway: RunningGateway, method: str) -> None:
    answer = await gateway.ask(request(method=method, path="/api/v1/reports"))
    assert answer.status == 405
    assert answer.headers["allow"] == "POST"
    assert answer.error == "Method not allowed"


async def test_head_is_answered_without_a_body(gateway: RunningGateway) -> None:
    wire = await gateway.connect()
    await wire.send(request(method="HEAD", path="/api/v1/reports") + NOWHERE)
    assert (await wire.answer(head=True)).status == 405
    assert (await wire.answer()).status == 404


@pytest.mark.parametrize(
    "path", ["/api/v1/reports?a=b", "/api/v1/%72eports", "http://gateway/api/v1/reports"]
)
async def test_an_unusual_spelling_of_the_address_is_the_same_address(
    gateway: RunningGateway, path: str
) -> None:
    assert (await gateway.ask(request(report(), path=path))).status == 202


async def test_an_address_with_a_slash_too_many_is_not_redirected(gateway: RunningGateway) -> None:
    answer = await gateway.ask(request(report(), path="/api/v1/reports/"))
    assert (answer.status, answer.error) == (404, "Not found")
    assert "location" not in answer.headers


async def test_a_token_in_the_url_is_no_token(gateway: RunningGateway) -> None:
    token = bearer().partition(" ")[2]
    answer = await gateway.ask(
        request(report(), path=f"/api/v1/reports?access_token={token}", without=["Authorization"])
    )
    assert answer.error == "Authorization header is missing"


async def test_only_allowed_hosts_are_answered(kafka: FakeKafka) -> None:
    async with running_gateway(kafka.open, allowed_hosts="epro.example.org, [::1]") as gateway:
        for host, status in [
            ("epro.example.org", 202),
            ("EPRO.example.org:443", 202),
            ("[::1]:8080", 202),
            ("evil.example.org", 400),
            ("epro.example.org.evil", 400),
            ("", 400),
        ]:
            assert (await gateway.ask(request(report(), host=host))).status == status, host


def with_origin(data: bytes, origin: str) -> bytes:
    return data.replace(b"Host:", f"Origin: {origin}\r\nHost:".encode(), 1)


async def test_one_origin_may_call_from_a_browser(kafka: FakeKafka) -> None:
    async with running_gateway(kafka.open, cors_origin="http://127.0.0.1:8081") as gateway:
        preflight = request(method="OPTIONS", path="/api/v1/reports", access_control_request_method="POST")
        ours = await gateway.ask(with_origin(preflight, "http://127.0.0.1:8081"))
        assert ours.status == 204
        assert ours.headers["access-control-allow-origin"] == "http://127.0.0.1:8081"
        theirs = await gateway.ask(with_origin(preflight, "http://evil.example"))
        assert theirs.status == 405
        for answer, origin in [
            (await gateway.ask(request(report(), origin="http://127.0.0.1:8081")), True),
            (await gateway.ask(request(b"{", origin="http://127.0.0.1:8081")), True),
            (await gateway.ask(request(b"", origin="http://127.0.0.1:8081", authorization="x")), True),
            (await gateway.ask(request(report(), origin="http://evil.example")), False),
            (theirs, False),
        ]:
            assert ("access-control-allow-origin" in answer.headers) is origin
