"""Tokens that this system did not issue as it issues them are refused, whatever their form."""

import base64
import json
import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import msgspec
import pytest

from ingest_gateway.auth.keys import KeyRing
from ingest_gateway.auth.tokens import Claims, InvalidToken, issue, patient_claims, verify

NOW = 1_790_000_000
KEYS = KeyRing("k1", {"k1": secrets.token_bytes(32), "k0": secrets.token_bytes(32)})
CLAIMS = Claims(
    userId="u-P-000123",
    role="patient",
    iss="trial-system",
    aud="eightbells",
    iat=NOW - 10,
    exp=NOW - 10 + 86400,
    jti="j",
    sid="s",
    patientId="P-000123",
    studyId="EB-DEMO",
    siteId="S-01",
)
HEADER = {"alg": "HS256", "kid": "k1", "typ": "at+jwt"}


def signed(header: dict[str, Any] | None = None, key: bytes | None = None, **changes: object) -> str:
    """A token with some claims changed (None removes one), signed as given."""
    payload = {**msgspec.to_builtins(CLAIMS), **changes}
    payload = {name: value for name, value in payload.items() if value is not None}
    parts = [header or HEADER, payload]
    head, body = (base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
    signature = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256).sign(
        f"{head}.{body}".encode(), key or KEYS.signing_key
    )
    return f"{head}.{body}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


def test_an_issued_token_verifies_with_the_same_claims() -> None:
    assert verify(issue(CLAIMS, KEYS), KEYS, NOW) == CLAIMS


def test_a_patients_claims_are_good_for_a_day_and_each_login_is_its_own() -> None:
    now = datetime.fromtimestamp(NOW, UTC)
    one, other = (patient_claims("P-000123", "u-P-000123", "EB-DEMO", "S-01", now) for _ in range(2))
    for instant in (now, now + timedelta(hours=23, minutes=59)):
        assert verify(issue(one, KEYS), KEYS, instant.timestamp()) == one
    with pytest.raises(InvalidToken):
        verify(issue(one, KEYS), KEYS, (now + timedelta(days=1)).timestamp())
    assert msgspec.structs.replace(one, iat=CLAIMS.iat, exp=CLAIMS.exp, jti="j", sid="s") == CLAIMS
    assert (one.jti, one.sid) != (other.jti, other.sid)


def test_a_token_of_an_older_key_still_verifies() -> None:
    older = KeyRing("k0", KEYS.keys)
    assert verify(issue(CLAIMS, older), KEYS, NOW) == CLAIMS


@pytest.mark.parametrize(
    "forge",
    [
        lambda: "",
        lambda: "..",
        lambda: "not.a.token",
        lambda: signed()[:-4],
        lambda: signed().rpartition(".")[0] + ".",
        lambda: signed(header={**HEADER, "alg": "none"}),
        lambda: signed(header={**HEADER, "alg": "nOnE"}),
        lambda: signed(header={**HEADER, "alg": "RS256"}),
        lambda: signed(header={**HEADER, "kid": "../../etc/passwd"}),
        lambda: signed(header={**HEADER, "kid": "' or 1=1 --"}),
        lambda: signed(header={**HEADER, "kid": "unknown"}),
        lambda: signed(header={**HEADER, "jwk": {"kty": "oct", "k": "AAAA"}}),
        lambda: signed(header={**HEADER, "jku": "https://example.org/keys"}),
        lambda: signed(header={**HEADER, "crit": ["x"], "x": 1}),
        lambda: signed(header={**HEADER, "typ": "rt+jwt"}),
        lambda: signed(key=secrets.token_bytes(32)),
        lambda: signed(exp=None),
        lambda: signed(exp=NOW),
        lambda: signed(exp=10**18),
        lambda: signed(exp=str(NOW + 100)),
        lambda: signed(exp=NOW + 100.5),
        lambda: signed(nbf=NOW + 3600),
        lambda: signed(iat=NOW + 3600, exp=NOW + 7200),
        lambda: signed(iss="elsewhere"),
        lambda: signed(aud="other"),
        lambda: signed(aud=None),
        lambda: signed(aud=["eightbells"]),
        lambda: signed(role="superuser"),
        lambda: signed(patientId=None),
        lambda: signed(sid=None),
    ],
)
def test_a_forged_or_malformed_token_is_refused(forge: Callable[[], str]) -> None:
    with pytest.raises(InvalidToken):
        verify(forge(), KEYS, NOW)
