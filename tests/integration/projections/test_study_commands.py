"""The commands study, enrol and tokens, as scripts call them, on a real Postgres."""

import base64
import json
import secrets
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from deploy.cli import main
from tests.conftest import Database

STUDY = Path(__file__).parents[3] / "deploy" / "demo" / "study.yaml"


class Shell:
    """Calls ``eightbells`` in a directory of its own, with a database and keys."""

    def __init__(self, database: Database, directory: Path) -> None:
        self.directory = directory
        self._database = ["--database", database.role("eightbells_study")]

    def __call__(self, *arguments: str | Path) -> Result:
        return CliRunner().invoke(main, [*map(str, arguments), *self._database])

    def file(self, name: str, content: str) -> Path:
        path = self.directory / name
        path.write_text(content, encoding="utf-8")
        return path


@pytest.fixture
def shell(database: Database, tmp_path: Path) -> Shell:
    return Shell(database, tmp_path)


def keys(shell: Shell) -> Path:
    path = shell.file(
        "keys.json",
        json.dumps(
            {"current": "k1", "keys": {"k1": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()}}
        ),
    )
    path.chmod(0o600)
    return path


def test_from_a_study_file_to_tokens(shell: Shell) -> None:
    dry = shell("study", "apply", STUDY, "--dry-run", "--json")
    assert (dry.exit_code, json.loads(dry.stdout)["applied"]) == (0, False)
    applied = shell("study", "apply", STUDY)
    assert applied.exit_code == 0
    assert "EB-DEMO 1.0 (training): is published." in applied.stdout
    assert "nothing to change" in shell("study", "apply", STUDY).stdout

    cohort = shell.file("c.csv", "patientId,siteId\nP-1,S-01\nP-2,S-21\n")
    codes = shell.directory / "codes.csv"
    enrolled = shell("enrol", cohort, "--start", "2026-01-01", "--codes", codes, "--json")
    assert enrolled.exit_code == 0, enrolled.output
    assert json.loads(enrolled.stdout) == {
        "studyId": "EB-DEMO",
        "purpose": "training",
        "enrolled": 2,
        "visits": 66,
        "alreadyEnrolled": 0,
        "codes": str(codes),
    }
    lines = codes.read_text().splitlines()
    assert lines[0] == "patientId,siteId,code"
    assert [line.split(",")[:2] for line in lines[1:]] == [["P-1", "S-01"], ["P-2", "S-21"]]
    assert codes.stat().st_mode & 0o777 == 0o600
    again = shell("enrol", cohort, "--start", "2026-01-01", "--no-codes")
    assert "2 were enrolled already and stay as they are: P-1, P-2" in again.stdout

    shown = json.loads(shell("study", "show", "--json").stdout)
    assert (shown["purpose"], shown["patients"], shown["visits"]) == ("training", 2, 66)

    out = shell.directory / "tokens.jsonl"
    minted = shell("tokens", "mint", "--patients", "2", "--out", out, "--keys", keys(shell))
    assert minted.exit_code == 0, minted.output
    assert [json.loads(line)["patientId"] for line in out.read_text().splitlines()] == ["P-1", "P-2"]
    assert out.stat().st_mode & 0o777 == 0o600


def test_what_is_wrong_with_a_study_file_is_told_without_a_traceback(shell: Shell) -> None:
    wrong = shell.file("s.yaml", STUDY.read_text(encoding="utf-8").replace("purpose: training", "purpose: x"))
    result = shell("study", "apply", wrong)
    assert result.exit_code == 2
    assert f"{wrong}:5: purpose: input should be" in result.stderr


def test_changing_a_published_version_is_answered_with_no(shell: Shell) -> None:
    shell("study", "apply", STUDY)
    other = shell.file("s.yaml", STUDY.read_text(encoding="utf-8").replace("grace: 1h", "grace: 2h"))
    result = shell("study", "apply", other)
    assert (result.exit_code, "Give the changed file a new version." in result.stderr) == (1, True)


def test_wrong_lines_of_a_cohort_are_all_told_and_no_codes_are_written(shell: Shell) -> None:
    shell("study", "apply", STUDY)
    cohort = shell.file("c.csv", "patientId,siteId,startDate\nP-1,S-01,2026-11-22\nP-2,S-99,x\n")
    codes = shell.directory / "codes.csv"
    result = shell("enrol", cohort, "--codes", codes)
    assert result.exit_code == 2
    assert result.stderr.count("c.csv:3: ") == 2
    assert not codes.exists()


def test_codes_that_were_printed_are_never_overwritten(shell: Shell) -> None:
    codes = shell.file("codes.csv", "old")
    result = shell("enrol", shell.file("c.csv", "x"), "--codes", codes)
    assert (result.exit_code, codes.read_text()) == (2, "old")


def test_one_has_to_say_where_codes_go(shell: Shell) -> None:
    cohort = shell.file("c.csv", "x")
    assert shell("enrol", cohort).exit_code == 2
    assert shell("enrol", cohort, "--no-codes", "--codes", shell.directory / "codes.csv").exit_code == 2


def test_without_a_study_the_commands_say_so(shell: Shell) -> None:
    result = shell("enrol", shell.file("c.csv", "x"), "--no-codes")
    assert (result.exit_code, "No study was applied yet." in result.stderr) == (2, True)


def test_too_few_patients_leave_no_tokens_file(shell: Shell) -> None:
    shell("study", "apply", STUDY)
    out = shell.directory / "tokens.jsonl"
    result = shell("tokens", "mint", "--patients", "1", "--out", out, "--keys", keys(shell))
    assert (result.exit_code, out.exists()) == (1, False)


def test_without_a_stack_the_exit_code_is_3(tmp_path: Path) -> None:
    for arguments in (["study", "show"], ["study", "apply", str(STUDY)]):
        result = CliRunner().invoke(main, [*arguments, "--data", str(tmp_path)])
        assert (result.exit_code, "eightbells up" in result.stderr) == (3, True)


def test_a_database_that_does_not_answer_or_is_empty_is_told_in_a_sentence(
    database: Database,
) -> None:
    nobody = CliRunner().invoke(main, ["study", "show", "--database", "postgresql://x@127.0.0.1:1/x"])
    assert (nobody.exit_code, "does not answer" in nobody.stderr) == (3, True)
    missing = database.url.rpartition("/")[0] + "/no_such_database"
    refused = CliRunner().invoke(main, ["study", "show", "--database", missing])
    assert (refused.exit_code, "PostgreSQL refused: InvalidCatalogName" in refused.stderr) == (1, True)
