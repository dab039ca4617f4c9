"""Reading a small JSON body: the checks of the contract in their order, and nothing of it in an error."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, TypeVar

import msgspec
from fastapi import Request
from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from projections.read_api.problems import ProblemError

MAX_BODY_BYTES: Final = 8 * 1024
_BODY_S: Final = 10.0

Text = Annotated[str, StringConstraints(min_length=1, max_length=256, pattern=r"\A[^\x00]*\z")]


class JsonBody(BaseModel):
    """A request's body: no unknown fields, no value of another type."""

    model_config = ConfigDict(extra="forbid", strict=True)


Body = TypeVar("Body", bound=JsonBody)


def json_body(model: type[Body]) -> Callable[[Request], Awaitable[Body]]:
    """A dependency that reads the body as ``model``; dependencies before it are asked first.

    It answers 415, 413, 408, 400 or 422, in that order. FastAPI's own body parameters would read the body
    before any other dependency, accept NaN, and have no limit.
    """

    async def read(request: Request) -> Body:
        _check_headers(request)
        document = _decode(await _receive(request))
        try:
            return model.model_validate(document)
        except ValidationError as error:
            raise ProblemError(422, "Invalid body", _what_is_wrong(model, error)) from None

    return read


def described(model: type[JsonBody]) -> dict[str, Any]:
    """``openapi_extra`` of a route that reads ``model`` with ``json_body``."""
    schema = model.model_json_schema()
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _check_headers(request: Request) -> None:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != "application/json" or "content-encoding" in request.headers:
        raise ProblemError(415, "Unsupported media type", "Send application/json, not encoded.")
    length = request.headers.get("content-length", "0")
    if not length.isdecimal() or len(length) > 12 or int(length) > MAX_BODY_BYTES:
        raise _too_large()


async def _receive(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(_BODY_S):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MAX_BODY_BYTES:
                    raise _too_large()
    except TimeoutError:
        detail = "The body took longer than 10 s."
        raise ProblemError(408, "Request timeout", detail, {"Connection": "close"}) from None
    return bytes(body)


def _too_large() -> ProblemError:
    return ProblemError(413, "Body too large", "At most 8 KiB.", {"Connection": "close"})


def _decode(body: bytes) -> object:
    try:
        return msgspec.json.decode(body)
    except msgspec.ValidationError:
        raise ProblemError(422, "Invalid body", "A number is out of range.") from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise ProblemError(400, "Malformed JSON", "The body is not valid JSON in UTF-8.") from None


def _what_is_wrong(model: type[JsonBody], error: ValidationError) -> str:
    """Our own field names with pydantic's codes; a name that the sender made up is not repeated."""
    wrong = set()
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        name = item["loc"][0] if item["loc"] else "body"
        wrong.add(f"{name}: {item['type']}" if name in model.model_fields else item["type"])
    return "; ".join(sorted(wrong))
