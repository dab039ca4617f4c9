"""Which origins may connect, and what of a caller's scope is listened to."""

from uuid import uuid4

from ingest_gateway.auth.tokens import AUDIENCE, ISSUER, Claims
from projections.live.subscriber import Scope
from projections.read_api.compliance import as_csv
from projections.read_api.identity import Caller
from projections.read_api.live import origin_allowed, scope_of

DASHBOARD = frozenset({"https://board.example.org"})
CLAIMS = Claims(
    userId="u", role="doctor", iss=ISSUER, aud=AUDIENCE, iat=0, exp=1, jti="j", sid=str(uuid4())
)  # fmt: skip


def test_the_own_origin_the_configured_one_and_programs_may_connect() -> None:
    for origin, host in (
        (None, "api:8081"),
        ("https://board.example.org", "api:8081"),
        ("http://api:8081", "api:8081"),
        ("https://API.example.org", "api.example.org"),
    ):
        assert origin_allowed(origin, host, DASHBOARD), origin


def test_any_other_origin_may_not() -> None:
    for origin, host in (
        ("null", "null"),
        ("", ""),
        ("https://evil.org", "api:8081"),
        ("http://api:8082", "api:8081"),
        ("https://board.example.org.evil.org", "api:8081"),
        ("ws://api:8081", "api:8081"),
        ("http://api:8081", None),
        ("http:/api:8081", "api:8081"),
    ):
        assert not origin_allowed(origin, host, DASHBOARD), origin


def test_a_caller_listens_to_own_sites_only_and_to_nothing_without_a_permission() -> None:
    caller = Caller(CLAIMS, uuid4(), ("S-1", "S-2"), frozenset({"board.read", "alerts.assess"}))
    board = frozenset({"board.read"})
    assert scope_of(caller, None) == Scope(frozenset({"S-1", "S-2"}), board)
    assert scope_of(caller, frozenset({"S-2", "S-3"})) == Scope(frozenset({"S-2"}), board)
    assert scope_of(caller, frozenset({"S-3"})) is None
    assert scope_of(Caller(CLAIMS, uuid4(), ("S-1",), frozenset({"alerts.assess"})), None) is None


def test_no_cell_of_a_csv_begins_like_a_formula() -> None:
    cells = ["=1+1", "+1", "-1", "@x", "\tx", "\r\n=1", "＝1", "fine", 'a"b,c\n=d', -5, 3.5]
    lines = as_csv(["name"], [[cell] for cell in cells])
    assert lines.startswith("\ufeffname\r\n'=1+1\r\n'+1\r\n'-1\r\n'@x\r\n'\tx\r\n")
    assert lines.endswith('\'＝1\r\nfine\r\n"a""b,c\n=d"\r\n-5\r\n3.5\r\n')
