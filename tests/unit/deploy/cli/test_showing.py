"""What a person reads about a stack."""

from pathlib import Path

import pytest

from deploy.cli import showing
from deploy.cli.showing import DASHBOARD, banner, dashboard
from projections.read_api.dashboard import DIST
from tests.unit.deploy.samples import STACK


def test_the_dashboard_that_is_looked_for_is_the_one_that_the_read_api_serves() -> None:
    assert Path(str(DASHBOARD)) == DIST / "index.html"


def test_a_dashboard_that_was_not_built_is_told_with_what_builds_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = tmp_path / "index.html"
    monkeypatch.setattr(showing, "DASHBOARD", index)
    assert dashboard(STACK) == "not built yet: run `make dashboard`, then open http://127.0.0.1:8081/"
    index.touch()
    assert dashboard(STACK) == "http://127.0.0.1:8081/"


def test_the_banner_has_the_addresses_the_logins_file_and_moved_ports_but_no_password() -> None:
    said = banner(STACK)
    for told in ("127.0.0.1:8081/", STACK.gateway, STACK.kafka, STACK.demoLogins, STACK.notes[0]):
        assert told in said
    assert "secret@" not in said
