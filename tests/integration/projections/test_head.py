"""HEAD is answered as GET is, without the body (RFC 9110, 9.3.2)."""

import pytest

from tests.integration.projections.conftest import World


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/alerts", 200),
        ("/api/v1/compliance.csv", 200),
        ("/api/v1/trial/patients/P-1/visits", 200),
        ("/api/v1/trial/patients/P-404/visits", 404),
        ("/api/v1/alerts?limit=0", 422),
        ("/openapi.json", 200),
        ("/nothing", 404),
    ],
)
async def test_head_has_the_status_and_headers_of_get_and_no_body(
    world: World, path: str, status: int
) -> None:
    get = await world.client.get(path, headers=world.doctor())
    head = await world.client.head(path, headers=world.doctor())
    assert (head.status_code, head.content) == (get.status_code, b"") == (status, b"")
    assert int(head.headers["Content-Length"]) > 0
    assert set(head.headers) == set(get.headers)
    assert head.headers["Content-Type"] == get.headers["Content-Type"]


async def test_head_without_a_token_is_a_401_and_on_what_only_takes_post_a_405(world: World) -> None:
    refused = await world.client.head("/api/v1/alerts")
    assert (refused.status_code, refused.content) == (401, b"")
    assert refused.headers["WWW-Authenticate"] == "Bearer"
    wrong = await world.client.head("/logout")
    assert (wrong.status_code, wrong.headers["Allow"]) == (405, "POST")


async def test_what_takes_get_says_that_it_takes_head(world: World) -> None:
    for path in ("/api/v1/alerts", "/openapi.json", "/"):
        answer = await world.client.put(path, headers=world.doctor())
        assert answer.status_code == 405
        assert sorted(answer.headers["Allow"].split(", ")) == ["GET", "HEAD"]
