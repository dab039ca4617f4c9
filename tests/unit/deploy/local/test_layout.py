"""Data directories: ours are told from others, and nothing else is ever touched."""

import os
import socket
from pathlib import Path

import pytest

from deploy.local.layout import (
    MARKER,
    Layout,
    NotOurs,
    check_room,
    hold,
    log_file,
    make_room,
    open_log,
    outside_room,
    read_layout,
    remove,
    write_layout,
)
from deploy.local.plan import Options, WrongUse, make_plan
from deploy.local.ports import LOOPBACK, PortLocks

LAYOUT = Layout(brokers=1, clusterId="abc")


def test_an_empty_or_missing_directory_may_become_a_stacks(tmp_path: Path) -> None:
    assert read_layout(tmp_path) is None
    assert read_layout(tmp_path / "missing") is None


def test_a_directory_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").touch()
    with pytest.raises(NotOurs, match="holds no stack"):
        read_layout(tmp_path)


def test_reset_removes_a_marked_directory_and_no_other(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with pytest.raises(NotOurs):
        remove(data)
    write_layout(data, LAYOUT)
    assert read_layout(data) == LAYOUT
    assert remove(data) == [data]
    assert list(tmp_path.iterdir()) == []


def test_a_data_directory_has_one_supervisor_at_a_time(tmp_path: Path) -> None:
    first = hold(tmp_path)
    assert first is not None
    assert hold(tmp_path) is None
    os.close(first)
    again = hold(tmp_path)
    assert again is not None
    os.close(again)


def test_a_log_that_has_grown_large_is_put_aside_and_three_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.layout._LOG_BYTES", 3)
    write_layout(tmp_path, LAYOUT)
    for number in range(6):
        descriptor = open_log(tmp_path, "worker")
        os.write(descriptor, b"%d234" % number)
        os.close(descriptor)
    logs = {file.name: file.read_text() for file in (tmp_path / "logs").iterdir()}
    assert logs == {
        "worker.log": "5234", "worker.log.1": "4234", "worker.log.2": "3234", "worker.log.3": "2234"
    }  # fmt: skip
    assert log_file(tmp_path, "worker").stat().st_mode & 0o077 == 0


def test_a_room_outside_belongs_to_one_data_directory(tmp_path: Path) -> None:
    room = tmp_path / "room"
    make_room(room, tmp_path / "a")
    make_room(room, tmp_path / "a")
    with pytest.raises(NotOurs, match="belongs to the stack"):
        make_room(room, tmp_path / "b")
    assert outside_room(tmp_path / "a") != outside_room(tmp_path / "b")


def test_a_room_that_somebody_else_prepared_is_refused(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "target")
    open_to_all = tmp_path / "open"
    open_to_all.mkdir()
    open_to_all.chmod(0o777)
    bare = tmp_path / "bare"
    bare.mkdir()
    for room in (link, open_to_all, bare):
        with pytest.raises(NotOurs):
            make_room(room, tmp_path)
    (bare / MARKER).write_text("[]")
    with pytest.raises(NotOurs):
        check_room(bare, tmp_path)


def test_the_number_of_brokers_stays_what_the_data_was_made_with(tmp_path: Path) -> None:
    locks = PortLocks()
    try:
        assert make_plan(Options(data=tmp_path, brokers=3, parts=("kafka",)), locks).brokers == 3
        assert make_plan(Options(data=tmp_path, parts=("kafka",)), locks).brokers == 3
        with pytest.raises(WrongUse, match="made with 3"):
            make_plan(Options(data=tmp_path, brokers=1), locks)
    finally:
        locks.release()


def test_what_exists_already_is_not_started(tmp_path: Path) -> None:
    locks = PortLocks()
    try:
        options = Options(data=tmp_path, kafka="k:9092", database="postgresql://owner@db/eightbells")
        plan = make_plan(options, locks)
        assert plan.parts == ("api", "relay", "worker", "gateway")
        assert not [name for name in plan.ports if name.startswith(("kafka", "postgres"))]
    finally:
        locks.release()


def test_an_unknown_part_is_wrong_use(tmp_path: Path) -> None:
    with pytest.raises(WrongUse, match="no part gatway"):
        make_plan(Options(data=tmp_path, parts=("gatway",)), PortLocks())


def test_ports_that_were_taken_are_told_with_what_was_chosen_instead(tmp_path: Path) -> None:
    locks = PortLocks()
    try:
        with socket.create_server((LOOPBACK, 0)) as server:
            taken = server.getsockname()[1]
            recorded = {"gateway": taken, "gateway-admin": locks.choose("gateway-admin", {})}
            locks.release()
            write_layout(tmp_path, Layout(1, "c", recorded))
            plan = make_plan(Options(data=tmp_path, parts=("gateway",)), locks)
        assert plan.moved == {"gateway": (taken, plan.ports["gateway"])}
    finally:
        locks.release()
