"""What the gateway answers besides reports."""

import httpx
import pytest

from ingest_gateway.app import create_app


@pytest.mark.parametrize("path", ["/docs", "/openapi.json"])
async def test_it_describes_itself_by_a_document_that_asks_nothing_of_a_third_party(path: str) -> None:
    transport = httpx.ASGITransport(create_app())
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as client:
        answer = await client.get(path)
        pages = [(await client.get(page)).status_code for page in ("/redoc", "/docs/oauth2-redirect")]
    assert answer.headers["content-type"] == "application/json"
    assert set(answer.json()["paths"]) == {"/api/v1/reports", "/api/v1/reports:batch"}
    assert pages == [404, 404]
