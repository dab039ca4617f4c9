"""What is on record about a stack, and who is trusted to be the process that was recorded."""

import json
import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from deploy.local.credentials import make_secrets, record_owner_url
from deploy.local.state import (
    Process,
    Record,
    StackError,
    StackNotRunning,
    database_url,
    find,
    forget_record,
    identify,
    is_alive,
    running_stack,
    secrets_dir,
    token_keys_file,
    with_login,
    write_record,
)
from ingest_gateway.auth.keys import load_keys
from projections.migrate import ROLES


def record(supervisor: Process, **changes: object) -> Record:
    made = Record(
        supervisor=supervisor, phase="ready", parts=("kafka",), brokers=1, kafka="127.0.0.1:9092",
        database=False, gateway="", api="", processes={"kafka-1": identify(os.getpid())},
    )  # fmt: skip
    return msgspec.structs.replace(made, **changes)


def test_a_directory_without_a_stack_has_none_running(tmp_path: Path) -> None:
    with pytest.raises(StackNotRunning) as refused:
        running_stack(tmp_path)
    assert refused.value.exit_code == 3


def test_a_stack_runs_while_its_supervisor_lives(tmp_path: Path) -> None:
    write_record(tmp_path, record(identify(os.getpid())))
    stack = running_stack(tmp_path)
    assert stack.supervisor == os.getpid()
    assert stack.dataDir == str(tmp_path)
    assert stack.processes["kafka-1"].pid == os.getpid()


def test_a_pid_that_was_given_out_again_is_not_the_supervisor(tmp_path: Path) -> None:
    another = msgspec.structs.replace(identify(os.getpid()), started=1.0)
    write_record(tmp_path, record(another))
    with pytest.raises(StackNotRunning):
        running_stack(tmp_path)


def test_a_stack_that_is_still_starting_is_not_running(tmp_path: Path) -> None:
    write_record(tmp_path, record(identify(os.getpid()), phase="starting"))
    with pytest.raises(StackNotRunning, match="starting"):
        running_stack(tmp_path)


def test_the_maker_of_the_aot_cache_is_recorded_but_not_shown(tmp_path: Path) -> None:
    me = identify(os.getpid())
    write_record(tmp_path, record(me, processes={"kafka-1": me, "kafka-aot": me}))
    assert list(running_stack(tmp_path).processes) == ["kafka-1"]


def test_only_the_owner_may_read_the_state_file(tmp_path: Path) -> None:
    write_record(tmp_path, record(identify(os.getpid())))
    assert (tmp_path / "stack.json").stat().st_mode & 0o077 == 0
    assert [entry.name for entry in tmp_path.iterdir()] == ["stack.json"]
    forget_record(tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_state_file_is_an_error_and_not_an_absent_stack(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text("{")
    with pytest.raises(StackError, match="cannot be read"):
        running_stack(tmp_path)


def test_a_process_that_ended_but_was_not_reaped_counts_as_gone() -> None:
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    recorded = identify(child.pid)
    assert is_alive(recorded)
    child.kill()
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # it ended; it is a zombie
    assert find(recorded) is None
    child.communicate()


def test_secrets_are_made_once_and_only_their_owner_reads_them(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    before = {file.name: file.read_bytes() for file in secrets_dir(tmp_path).iterdir()}
    make_secrets(tmp_path)
    assert before == {file.name: file.read_bytes() for file in secrets_dir(tmp_path).iterdir()}
    assert secrets_dir(tmp_path).stat().st_mode & 0o077 == 0
    assert all(file.stat().st_mode & 0o077 == 0 for file in secrets_dir(tmp_path).iterdir())
    assert len(load_keys(token_keys_file(tmp_path)).signing_key) >= 32
    assert set(ROLES) < set(json.loads(before["database.json"]))


def test_secrets_in_a_directory_that_others_may_enter_are_refused(tmp_path: Path) -> None:
    secrets_dir(tmp_path).mkdir(mode=0o755)
    with pytest.raises(StackError, match="chmod 700"):
        make_secrets(tmp_path)


def test_each_role_has_a_url_with_its_own_password(tmp_path: Path) -> None:
    make_secrets(tmp_path)
    record_owner_url(tmp_path, "postgresql://owner:secret@db.example:5432/eightbells?sslmode=require")
    url = database_url(tmp_path, "eightbells_api")
    passwords = json.loads((secrets_dir(tmp_path) / "database.json").read_text())
    expected = f"postgresql://eightbells_api:{passwords['eightbells_api']}@db.example:5432/eightbells"
    assert url == f"{expected}?sslmode=require"
    with pytest.raises(StackError, match="no database role"):
        database_url(tmp_path, "postgres")


def test_a_password_with_special_characters_stays_one_password() -> None:
    assert with_login("postgresql://h/d", "u", "a@b/c") == "postgresql://u:a%40b%2Fc@h/d"
