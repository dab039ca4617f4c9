"""How an API describes itself: by its OpenAPI document alone.

FastAPI's pages that show the document load their scripts and styles from a third party's host, which nothing
of ours does at run time.
"""

from typing import Any, Final

from fastapi import FastAPI
from fastapi.responses import JSONResponse

WITHOUT_PAGES: Final[dict[str, Any]] = {"docs_url": None, "redoc_url": None}
"""For ``FastAPI(...)``: no pages of its own."""


def describe(app: FastAPI) -> None:
    """Answer ``/docs`` with the same document as ``/openapi.json``."""

    @app.get("/docs", include_in_schema=False)
    async def docs() -> JSONResponse:
        return JSONResponse(app.openapi())
