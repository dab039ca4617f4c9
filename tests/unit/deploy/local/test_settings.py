"""What Kafka and PostgreSQL are started with."""

import os
from pathlib import Path

import psutil
import pytest

from deploy.local.broker import bootstrap, copies, new_cluster_id, nodes, render_settings
from deploy.local.children import Account
from deploy.local.ports import PREFERRED
from deploy.local.postgres import Home, forget_stale_lock, may_enter, server_command

NOBODY = Account("nobody", 65534, 65534)


def properties(brokers: int, number: int) -> dict[str, str]:
    cluster = nodes(Path("/data/kafka"), brokers, PREFERRED)
    lines = render_settings(cluster[number - 1], cluster).splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_one_broker_keeps_one_copy_on_loopback() -> None:
    settings = properties(1, 1)
    assert settings["listeners"] == "PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093"
    assert settings["controller.quorum.voters"] == "1@127.0.0.1:9093"
    assert settings["offsets.topic.replication.factor"] == settings["min.insync.replicas"] == "1"
    assert settings["log.dir"] == "/data/kafka/1/log"


def test_three_brokers_keep_three_copies_of_which_two_must_be_written() -> None:
    settings = properties(3, 2)
    assert settings["node.id"] == "2"
    assert settings["controller.quorum.voters"].count("@127.0.0.1:") == 3
    assert settings["offsets.topic.replication.factor"] == "3"
    assert settings["transaction.state.log.min.isr"] == settings["min.insync.replicas"] == "2"
    assert copies(3) == (3, 2)


@pytest.mark.parametrize("brokers", [1, 3])
def test_no_broker_makes_topics_or_elects_an_unclean_leader(brokers: int) -> None:
    settings = properties(brokers, 1)
    assert settings["auto.create.topics.enable"] == settings["unclean.leader.election.enable"] == "false"


def test_clients_are_given_every_broker() -> None:
    assert bootstrap(nodes(Path("/d"), 3, PREFERRED)) == "127.0.0.1:9092,127.0.0.1:9094,127.0.0.1:9096"


def test_a_cluster_id_is_no_option_to_a_command_line() -> None:
    assert all(len(new_cluster_id()) == 22 and new_cluster_id()[0] != "-" for _ in range(500))


def test_postgres_is_durable_and_listens_on_loopback_only() -> None:
    argv = server_command(Home(Path("/pg"), Path("/data/postgres"), NOBODY), 5432).argv
    assert {"fsync=on", "synchronous_commit=on", "full_page_writes=on"} < set(argv)
    assert {"listen_addresses=127.0.0.1", "unix_socket_directories=", "port=5432"} < set(argv)


def test_postgres_logs_no_statements_parameters_or_row_values() -> None:
    argv = server_command(Home(Path("/pg"), Path("/data/postgres"), None), 5432).argv
    assert {"log_min_error_statement=panic", "log_parameter_max_length_on_error=0"} < set(argv)
    assert "log_error_verbosity=terse" in argv


def test_an_account_may_enter_where_every_directory_lets_it_pass(tmp_path: Path) -> None:
    for step in (tmp_path, *tmp_path.parents):
        if step == Path("/tmp"):  # noqa: S108 - below it everything is ours
            break
        step.chmod(0o711)
    inner = tmp_path / "inner"
    inner.mkdir(mode=0o711)
    assert may_enter(inner, NOBODY)
    tmp_path.chmod(0o700)
    assert not may_enter(inner, NOBODY)
    owner = inner.stat()
    assert may_enter(inner, Account("me", owner.st_uid, owner.st_gid))


def test_a_lock_file_whose_pid_now_belongs_to_another_process_is_removed(tmp_path: Path) -> None:
    lock = tmp_path / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{tmp_path}\n1000000000\n5432\n")
    forget_stale_lock(Home(tmp_path, tmp_path, None))
    assert not lock.exists()


def test_the_lock_file_of_a_living_postmaster_stays(tmp_path: Path) -> None:
    lock = tmp_path / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{tmp_path}\n{int(psutil.Process().create_time())}\n5432\n")
    forget_stale_lock(Home(tmp_path, tmp_path, None))
    assert lock.exists()
