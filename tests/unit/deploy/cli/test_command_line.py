"""The command itself: quick to help, brief about errors, exact about exit codes."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from deploy.cli import SUBCOMMANDS, LazyGroup, main
from deploy.local.state import StackNotRunning


def failing(error: BaseException) -> LazyGroup:
    """The command line with one subcommand, which raises."""

    class One(LazyGroup):
        def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
            @click.command()
            def fail() -> None:
                raise error

            return fail

    return One("eightbells")


def test_help_names_every_command_and_imports_none() -> None:
    program = (
        "import sys; from click.testing import CliRunner; from deploy.cli import main;"
        "print(CliRunner().invoke(main, ['--help']).output);"
        "sys.exit(any(name.startswith(('deploy.local', 'projections', 'aiokafka')) for name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in SUBCOMMANDS)


def test_an_error_of_ours_is_one_line_and_its_own_exit_code() -> None:
    result = CliRunner().invoke(failing(StackNotRunning("No stack is running.")), ["fail"])
    assert (result.exit_code, result.output) == (3, "Error: No stack is running.\n")


def test_a_place_that_the_system_refuses_is_wrong_use_and_one_line() -> None:
    result = CliRunner().invoke(failing(PermissionError(13, "Permission denied", "/closed/logs")), ["fail"])
    assert (result.exit_code, result.output) == (2, "Error: /closed/logs: Permission denied.\n")


def test_an_unexpected_error_is_not_hidden() -> None:
    result = CliRunner().invoke(failing(ZeroDivisionError()), ["fail"])
    assert isinstance(result.exception, ZeroDivisionError)


def test_interrupting_ends_with_130() -> None:
    result = CliRunner().invoke(failing(KeyboardInterrupt()), ["fail"])
    assert (result.exit_code, result.output) == (130, "Interrupted.\n")


def test_an_unknown_command_is_wrong_use() -> None:
    assert CliRunner().invoke(main, ["pu"]).exit_code == 2


@pytest.mark.parametrize("command", ["status", "down", "logs", "migrate", "topics"])
def test_without_a_stack_commands_that_need_one_end_with_3(command: str, tmp_path: Path) -> None:
    result = CliRunner(env={"KAFKA_BOOTSTRAP": None, "DATABASE_URL": None}).invoke(
        main, [command, "--data", str(tmp_path)]
    )
    assert result.exit_code == 3
    assert "Error: " in result.output


def test_a_stopped_stacks_database_is_not_migrated(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "owner-url.txt").write_text("postgresql://owner@127.0.0.1:1/eightbells")
    result = CliRunner(env={"DATABASE_URL": None}).invoke(main, ["migrate", "--data", str(tmp_path)])
    assert result.exit_code == 3
    assert "No stack is running" in result.output


def test_of_a_log_no_lines_are_none_and_fewer_are_wrong_use(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "worker.log").write_text("one\ntwo\n")
    shown = [
        CliRunner().invoke(main, ["logs", "--data", str(tmp_path), "-n", lines]) for lines in ("0", "1", "-1")
    ]
    assert [(one.exit_code, one.stdout) for one in shown] == [(0, ""), (0, "two\n"), (2, "")]


def test_reset_leaves_a_directory_alone_that_is_not_a_stacks(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    result = CliRunner().invoke(main, ["reset", "--yes", "--data", str(tmp_path)])
    assert result.exit_code == 2
    assert (tmp_path / "thesis.txt").exists()
