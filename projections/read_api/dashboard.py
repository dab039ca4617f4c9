"""The dashboard's files, as ``make dashboard`` has built them, served from memory.

What is under ``assets/`` has a hash of its content in its name and may be kept for a year; index.html says
which of them are current and is asked for each time. The dashboard's own addresses answer index.html, so that
a page can be reloaded and linked to; any other unknown address stays a 404.

The policy allows the page its own origin and nothing else: no inline script, no inline style, no third party.
Vue, Element Plus and ECharts set styles through the CSSOM, which a policy does not restrict.
"""

import gzip
import mimetypes
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import Response

from projections.read_api.problems import not_found, problem_response

DIST: Final = Path(__file__).parent.parent / "dashboard" / "dist"
PAGES: Final = (
    "/",
    "/login",
    "/profile",
    "/alerts",
    "/alerts/{id}",
    "/patients",
    "/patients/{id}",
    "/compliance",
    "/quarantine",
    "/adverse-events",
)
POLICY: Final = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "object-src 'none'",
        "base-uri 'none'",
        "form-action 'self'",
        "frame-ancestors 'none'",
    )
)
_YEAR: Final = "public, max-age=31536000, immutable"
_ASK: Final = "no-cache"
_LEAST_TO_COMPRESS: Final = 1024
_INDEX: Final = "index.html"


class BuiltFile(msgspec.Struct, frozen=True):
    """One file: its bytes, also gzipped where that is smaller, and its headers."""

    content: bytes
    compressed: bytes | None
    media_type: str
    tag: str
    cache: str


class Build:
    """The files of one build, read when first asked for and again when index.html has changed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._version: int | None = None
        self._files: dict[str, BuiltFile] = {}

    def file(self, name: str) -> BuiltFile | None:
        """A file by its path in the build; None where there is none, or no build at all."""
        try:
            version = (self._folder / _INDEX).stat().st_mtime_ns
        except OSError:
            self._version, self._files = None, {}
            return None
        if version != self._version:
            self._files = read_build(self._folder)
            self._version = version
        return self._files.get(name)


def read_build(folder: Path) -> dict[str, BuiltFile]:
    """Every file of a build, but for the bundler's own notes."""
    paths = (path for path in folder.rglob("*") if path.is_file())
    named = ((path.relative_to(folder).as_posix(), path) for path in paths)
    return {name: _read(name, path) for name, path in named if not name.startswith(".")}


def _read(name: str, path: Path) -> BuiltFile:
    content = path.read_bytes()
    media_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    compressed = gzip.compress(content, mtime=0) if len(content) >= _LEAST_TO_COMPRESS else None
    return BuiltFile(
        content=content,
        compressed=compressed if compressed and len(compressed) < len(content) else None,
        media_type="text/javascript" if name.endswith(".js") else media_type,
        tag=f'"{sha256(content).hexdigest()[:24]}"',
        cache=_YEAR if name.startswith("assets/") else _ASK,
    )


def install(app: FastAPI, folder: Path = DIST) -> None:
    """Add the dashboard's addresses to the application; they are no part of its OpenAPI document."""
    build = Build(folder)
    router = APIRouter(include_in_schema=False)

    async def page(request: Request) -> Response:
        index = build.file(_INDEX)
        if index is None:
            detail = "The dashboard has not been built: run `make dashboard`. The API is described at /docs."
            return problem_response(404, "Not found", detail)
        return respond(request, index)

    async def asset(request: Request, name: str) -> Response:
        found = build.file(f"assets/{name}")
        if found is None:
            raise not_found()
        return respond(request, found)

    async def icon(request: Request) -> Response:
        found = build.file("bell.svg")
        if found is None:
            raise not_found()
        return respond(request, found)

    for path in PAGES:
        router.add_api_route(path, page, methods=["GET", "HEAD"])
    router.add_api_route("/assets/{name}", asset, methods=["GET", "HEAD"])
    router.add_api_route("/bell.svg", icon, methods=["GET", "HEAD"])
    app.include_router(router)


def respond(request: Request, file: BuiltFile) -> Response:
    """The file, or 304 where the browser has it; compressed where the browser takes that."""
    headers = {
        "Cache-Control": file.cache,
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Opener-Policy": "same-origin",
        "ETag": file.tag,
        "Vary": "Accept-Encoding",
    }
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if file.compressed is not None and "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(file.compressed, headers=headers, media_type=file.media_type)
    return Response(file.content, headers=headers, media_type=file.media_type)
