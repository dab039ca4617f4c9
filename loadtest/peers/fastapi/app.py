"""The application: a token dependency, one route, problems as problem+json."""

import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Annotated

import jwt
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException as StarletteHTTPException

from ingest_gateway.contracts import problem
from ingest_gateway.contracts.topics import HEADER_ROLE, HEADER_SENT_AT, HEADER_USER_ID
from loadtest.peers.fastapi.models import Accepted, Claims, Receipt, Report
from loadtest.peers.fastapi.settings import Settings

LINGER_MS = 5
_REQUIRED_CLAIMS = ["userId", "role", "iss", "aud", "iat", "exp", "jti", "sid"]


def application(settings: Settings) -> FastAPI:
    """The peer, wired."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        producer = AIOKafkaProducer(
            bootstrap_servers=settings.kafka_bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=LINGER_MS,
            max_batch_size=1024 * 1024,
        )
        await producer.start()
        app.state.producer = producer
        yield
        await producer.stop()

    app = FastAPI(title="Reports", lifespan=lifespan)
    app.state.keys = settings.token_keys()
    app.state.topic = settings.reports_topic
    app.post("/api/v1/reports", status_code=HTTPStatus.ACCEPTED)(post_report)
    app.add_exception_handler(StarletteHTTPException, _http_problem)
    app.add_exception_handler(RequestValidationError, _validation_problem)
    return app


async def claims_of(request: Request) -> Claims:
    """The token's claims, verified with PyJWT.

    Raises:
        HTTPException: 401, with the contract's words.
    """
    header = request.headers.get("authorization")
    if header is None:
        raise _unauthorized(problem.MISSING_AUTHORIZATION)
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise _unauthorized(problem.INVALID_TOKEN_FORMAT)
    try:
        key = request.app.state.keys[jwt.get_unverified_header(token)["kid"]]
        payload = jwt.decode(
            token,
            key,
            algorithms=["HS256"],
            issuer="trial-system",
            audience="eightbells",
            options={"require": _REQUIRED_CLAIMS},
        )
        return Claims.model_validate(payload)
    except (jwt.PyJWTError, KeyError, ValueError):
        raise _unauthorized(problem.INVALID_TOKEN) from None


async def post_report(
    report: Report, claims: Annotated[Claims, Depends(claims_of)], request: Request
) -> Accepted:
    """Append the report's exact bytes to Kafka; answer when every in-sync replica has them."""
    if claims.role == "patient" and (
        report.patientId != claims.patientId or report.studyId not in (None, claims.studyId)
    ):
        raise HTTPException(HTTPStatus.FORBIDDEN, "The report is not the token's patient's.")
    body = await request.body()
    sent_at = request.headers.get("eight-bells-sent-at") or datetime.now(UTC).isoformat()
    try:
        record = await request.app.state.producer.send_and_wait(
            request.app.state.topic,
            body,
            key=report.patientId.encode(),
            headers=[
                (HEADER_USER_ID, claims.userId.encode()),
                (HEADER_ROLE, claims.role.encode()),
                (HEADER_SENT_AT, sent_at.encode()),
            ],
        )
    except KafkaError:
        raise HTTPException(
            HTTPStatus.SERVICE_UNAVAILABLE, "Send the same bytes again.", {"Retry-After": "2"}
        ) from None
    received_at = datetime.fromtimestamp(record.timestamp / 1000, UTC).isoformat(timespec="milliseconds")
    return Accepted(
        reportId=report.reportId,
        receipt=Receipt(
            partition=record.partition,
            offset=record.offset,
            sha256=hashlib.sha256(body).hexdigest(),
            receivedAt=received_at,
        ),
    )


def _unauthorized(title: str) -> HTTPException:
    return HTTPException(HTTPStatus.UNAUTHORIZED, title, {"WWW-Authenticate": "Bearer"})


async def _http_problem(_: Request, error: Exception) -> Response:
    if not isinstance(error, StarletteHTTPException):
        raise error
    return _problem(error.status_code, str(error.detail), dict(error.headers or {}))


async def _validation_problem(_: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):
        raise error
    kinds = [problem_["type"] for problem_ in error.errors()]
    malformed = "json_invalid" in kinds
    return _problem(400 if malformed else 422, ", ".join(kinds[:5]), {})


def _problem(status: int, detail: str, headers: dict[str, str]) -> Response:
    title = detail if status == HTTPStatus.UNAUTHORIZED else HTTPStatus(status).phrase
    content = problem.problem_bytes(status, title, detail)
    return Response(content, status, headers, problem.MEDIA_TYPE)
