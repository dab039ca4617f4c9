"""The fast verifier against PyJWT's: whatever it accepts, the other accepts with the same claims."""

import base64
import hmac
import json
import time

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ingest_gateway.auth import tokens
from ingest_gateway.auth.hot import HotVerifier
from ingest_gateway.auth.keys import KeyRing
from ingest_gateway.auth.tokens import Claims, InvalidToken
from tests.gateways import KEYS, claims

HOT = HotVerifier(KEYS)
KEY = KEYS.signing_key
NOW = time.time()
HEADER = {"alg": "HS256", "kid": "k1", "typ": "at+jwt"}


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def sign(header: object, payload: object, key: bytes = KEY) -> str:
    """A token with a good signature over whatever it says."""
    parts = [
        encode(part if isinstance(part, bytes) else json.dumps(part, separators=(",", ":")).encode())
        for part in (header, payload)
    ]
    signed = ".".join(parts)
    return f"{signed}.{encode(hmac.digest(key, signed.encode(), 'sha256'))}"


def payload(**changes: object) -> dict[str, object]:
    said = {name: value for name, value in msgspec.to_builtins(claims()).items() if value not in (None, [])}
    said.update(changes)
    return {name: value for name, value in said.items() if value is not ...}


def verdicts(token: str) -> tuple[dict[str, object] | None, dict[str, object] | None]:
    """What the fast verifier and PyJWT's say: the claims, or None."""

    def claims_of(verified: Claims) -> dict[str, object]:
        return {name: getattr(verified, name) for name in Claims.__struct_fields__}

    try:
        fast = claims_of(HOT.verify(token.encode("latin-1"), NOW))
    except InvalidToken:
        fast = None
    try:
        slow = claims_of(tokens.verify(token, KEYS, NOW))
    except InvalidToken:
        slow = None
    return fast, slow


def refused(token: str) -> None:
    fast, _ = verdicts(token)
    assert fast is None


GOOD = tokens.issue(claims(), KEYS)


def test_what_this_system_issues_is_accepted_under_every_key() -> None:
    for kid in KEYS.keys:
        fast, slow = verdicts(tokens.issue(claims(), KeyRing(kid, KEYS.keys)))
        assert fast is not None
        assert fast == slow


@pytest.mark.parametrize(
    "header",
    [
        {**HEADER, "alg": "none"},
        {**HEADER, "alg": "nOnE"},
        {**HEADER, "alg": "RS256"},
        {**HEADER, "alg": "HS512"},
        {**HEADER, "typ": "JWT"},
        {**HEADER, "kid": "../../dev/null"},
        {**HEADER, "kid": "' OR 1=1 --"},
        {**HEADER, "kid": "unknown"},
        {**HEADER, "kid": None},
        {**HEADER, "crit": ["exp"]},
        {**HEADER, "jwk": {"kty": "oct", "k": encode(KEY)}},
        {**HEADER, "jku": "https://evil.example/keys"},
        {**HEADER, "x5u": "https://evil.example/cert"},
        {"alg": "HS256", "typ": "at+jwt"},
        {"typ": "at+jwt", "alg": "HS256", "kid": "k1"},
        b'{"alg": "HS256", "kid": "k1", "typ": "at+jwt"}',
        {},
        b"",
    ],
    ids=str,
)
def test_a_header_this_system_does_not_write_is_refused(header: object) -> None:
    refused(sign(header, payload()))


@pytest.mark.parametrize(
    "changes",
    [
        {"exp": ...},
        {"exp": 10**18},
        {"exp": str(int(NOW) + 60)},
        {"exp": NOW + 60.5},
        {"exp": int(NOW) - 1},
        {"exp": None},
        {"exp": -(10**30)},
        {"iat": ...},
        {"iat": int(NOW) + 3600, "exp": int(NOW) + 7200},
        {"nbf": int(NOW) + 3600},
        {"nbf": "soon"},
        {"iss": "someone-else"},
        {"iss": ...},
        {"aud": ["eightbells"]},
        {"aud": "other"},
        {"aud": ...},
        {"role": "superuser"},
        {"role": ...},
        {"userId": ...},
        {"userId": 7},
        {"jti": ...},
        {"sid": ...},
        {"sid": None},
        {"patientId": ...},
        {"patientId": ""},
        {"patientId": None},
        {"sub": 7},
        {"sites": "S-01"},
    ],
    ids=str,
)
def test_claims_that_break_a_rule_are_refused(changes: dict[str, object]) -> None:
    refused(sign(HEADER, payload(**changes)))


HEAD, BODY, SIGNATURE = GOOD.split(".")


@pytest.mark.parametrize(
    "token",
    [
        "",
        ".",
        "..",
        "...",
        f"{HEAD}.{BODY}",
        f"{HEAD}.{BODY}.",
        f"{HEAD}.{BODY}.null",
        f"{HEAD}.{BODY}.{SIGNATURE[:-1]}",
        f"{HEAD}.{BODY}.{SIGNATURE}=",
        f"{HEAD}.{BODY}=.{SIGNATURE}",
        f"{HEAD}.{BODY}.{SIGNATURE}.{SIGNATURE}",
        f"{HEAD}..{SIGNATURE}",
        f" {GOOD}",
        f"{GOOD}\n",
        GOOD.swapcase(),
        f"{HEAD}.{BODY}.{SIGNATURE}é",
        sign(HEADER, payload(), KEY[::-1]),
        sign(HEADER, payload(), b""),
        sign(HEADER, payload(), KEYS.keys["k0"]),
        sign(HEADER, b"[]"),
        sign(HEADER, b"null"),
        sign(HEADER, b"{"),
        sign(HEADER, b"\xff\xfe"),
        sign(HEADER, b"\xef\xbb\xbf" + json.dumps(payload()).encode()),
        sign(HEADER, json.dumps(payload()).encode("utf-16")),
        sign(HEADER, b'{"a":' * 50_000),
    ],
)  # fmt: skip
def test_what_is_not_a_token_of_ours_is_refused(token: str) -> None:
    refused(token)


def test_another_spelling_of_a_good_signature_is_refused() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    same_bits = alphabet[alphabet.index(SIGNATURE[-1]) + 1]
    assert base64.urlsafe_b64decode(SIGNATURE + "=") == base64.urlsafe_b64decode(
        SIGNATURE[:-1] + same_bits + "="
    )
    refused(f"{HEAD}.{BODY}.{SIGNATURE[:-1]}{same_bits}")


@pytest.mark.parametrize(
    "spoil", [lambda s: s + "A", lambda s: s + "=", lambda s: "+" + s[1:], lambda s: "!" + s]
)
def test_a_payload_in_another_spelling_is_refused_even_if_signed(spoil: object) -> None:
    assert callable(spoil)
    signed = f"{HEAD}.{spoil(BODY)}"
    refused(f"{signed}.{encode(hmac.digest(KEY, signed.encode(), 'sha256'))}")


def test_claims_of_a_later_release_are_left_to_pyjwt() -> None:
    fast, slow = verdicts(sign(HEADER, payload(sub="u-1", region={"code": "eu"})))
    assert fast is not None
    assert fast == slow


@pytest.mark.parametrize(
    "document",
    [
        lambda: json.dumps(payload())[:-1].encode() + b',"more":' + b"9" * 5000 + b"}",
        lambda: json.dumps(payload())[:-1].encode() + b',"more":' + b"[" * 5000 + b"]" * 5000 + b"}",
        lambda: json.dumps(payload())[:-1].encode() + b',"more":"\xff"}',
        lambda: json.dumps(payload())[:-1].encode() + b',"userId":"again"}',
        lambda: json.dumps(payload())[:-1].encode() + b',"exp":1}',
        lambda: json.dumps(payload(userId="u-\ud800")).encode(),
        lambda: json.dumps(payload(exp=float(int(NOW) + 60))).encode(),
        lambda: json.dumps(payload(iat=1e400)).encode(),
    ],
)
def test_where_json_readers_differ_the_fast_one_accepts_no_more(document: object) -> None:
    assert callable(document)
    fast, slow = verdicts(sign(HEADER, document()))
    assert fast is None or fast == slow


VALUES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
    | st.lists(st.text(max_size=4), max_size=2) | st.integers(int(NOW) - 100_000, int(NOW) + 100_000)
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*Claims.__struct_fields__, "sub", "other"]), VALUES, max_size=4))
def test_whatever_signed_claims_the_fast_path_accepts_pyjwt_accepts_alike(changes: dict[str, object]) -> None:
    fast, slow = verdicts(sign(HEADER, payload(**changes)))
    assert fast is None or fast == slow


@given(st.binary(max_size=300))
def test_whatever_signed_bytes_the_fast_path_accepts_pyjwt_accepts_alike(document: bytes) -> None:
    fast, slow = verdicts(sign(HEADER, document))
    assert fast is None or fast == slow


@given(st.integers(0, len(GOOD) - 1), st.characters(min_codepoint=1, max_codepoint=255))
def test_a_token_with_any_character_changed_is_refused(at: int, character: str) -> None:
    changed = GOOD[:at] + character + GOOD[at + 1 :]
    if changed != GOOD:
        refused(changed)
