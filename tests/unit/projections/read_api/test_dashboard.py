"""The dashboard's files: what is cached, what a browser may load, and what stays a 404."""

from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from projections.read_api import dashboard, problems


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "dist"


@pytest.fixture
def browser(folder: Path) -> httpx.AsyncClient:
    app = FastAPI()
    problems.install(app)
    dashboard.install(app, folder)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://dashboard")


@pytest.fixture
def built(folder: Path) -> Path:
    (folder / "assets").mkdir(parents=True)
    (folder / ".vite").mkdir()
    (folder / ".vite" / "manifest.json").write_text("{}")
    (folder / "index.html").write_text("<!doctype html><title>first</title>")
    (folder / "assets" / "index-4f2a.js").write_text("export default 1;\n" * 200)
    return folder


async def test_without_a_build_the_first_page_says_how_to_make_one(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/")
    assert answer.status_code == 404
    assert "make dashboard" in answer.json()["detail"]


@pytest.mark.usefixtures("built")
async def test_pages_answer_the_index_and_are_asked_for_each_time(browser: httpx.AsyncClient) -> None:
    for address in ("/", "/login", "/alerts/5", "/patients/P-1", "/compliance"):
        answer = await browser.get(address)
        assert answer.status_code == 200, address
        assert answer.headers["cache-control"] == "no-cache"
    tag = answer.headers["etag"]
    assert (await browser.get("/", headers={"If-None-Match": tag})).status_code == 304


@pytest.mark.usefixtures("built")
async def test_hashed_files_are_kept_for_a_year_and_come_compressed(browser: httpx.AsyncClient) -> None:
    answer = await browser.get("/assets/index-4f2a.js", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-type"].startswith("text/javascript")
    assert answer.headers["content-encoding"] == "gzip"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.text.startswith("export default")


@pytest.mark.usefixtures("built")
async def test_the_policy_allows_no_inline_code_and_no_other_host(browser: httpx.AsyncClient) -> None:
    policy = (await browser.get("/")).headers["content-security-policy"]
    assert "default-src 'self'" in policy
    for forbidden in ("unsafe", "http", "data:", "*"):
        assert forbidden not in policy


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize(
    "address",
    [
        "/nowhere",
        "/assets/missing.js",
        "/assets/..%2f.vite%2fmanifest.json",
        "/assets/../../pyproject.toml",
        "/.vite/manifest.json",
        "/api/v1/nothing",
    ],
)
async def test_anything_else_is_a_404(browser: httpx.AsyncClient, address: str) -> None:
    assert (await browser.get(address)).status_code == 404


async def test_a_new_build_is_served_without_a_restart(browser: httpx.AsyncClient, built: Path) -> None:
    assert "first" in (await browser.get("/")).text
    (built / "index.html").write_text("<!doctype html><title>second one</title>")
    assert "second one" in (await browser.get("/")).text
