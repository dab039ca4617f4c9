"""The broker's jars: only the listed bytes are used."""

import hashlib
from pathlib import Path

import pytest

from deploy.local.jars import LOCK_FILE, BadJar, Jar, cache_dir, fetch, read_lock

CONTENT = b"not really a jar"
JAR = Jar("org.example", "thing", "1.0", hashlib.sha256(CONTENT).hexdigest())


def put(cache: Path, content: bytes) -> Path:
    path = cache / JAR.path
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return path


def test_the_list_names_every_jar_by_coordinates_and_digest_and_no_host() -> None:
    jars = read_lock()
    assert len(jars) == len({(jar.group, jar.artifact) for jar in jars}) == 46
    assert {jar.version for jar in jars if jar.group == "org.apache.kafka"} == {"4.3.1"}
    assert jars[-1].artifact == "log4j-slf4j-impl"
    assert "://" not in LOCK_FILE.read_text()


def test_a_jar_that_is_there_and_as_listed_is_not_fetched_again(tmp_path: Path) -> None:
    path = put(tmp_path, CONTENT)
    told: list[tuple[int, int]] = []
    assert fetch([JAR], tmp_path, lambda done, total: told.append((done, total))) == [path]
    assert told == [(1, 1)]


def test_a_tampered_jar_is_refused_by_name_and_left_for_inspection(tmp_path: Path) -> None:
    path = put(tmp_path, CONTENT + b"!")
    with pytest.raises(BadJar, match=r"thing-1\.0\.jar is not the jar of the list"):
        fetch([JAR], tmp_path)
    assert path.exists()


def test_a_line_of_another_form_is_refused(tmp_path: Path) -> None:
    lock = tmp_path / "jars.lock"
    lock.write_text("# a comment\norg.example:thing 1.0 abc\n")
    with pytest.raises(BadJar, match="line 2"):
        read_lock(lock)


def test_a_jar_lies_where_maven_would_put_it() -> None:
    assert JAR.path == Path("org/example/thing/1.0/thing-1.0.jar")


def test_the_cache_follows_the_users_setting_where_it_is_an_absolute_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    assert cache_dir() == tmp_path / ".cache" / "eightbells"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "elsewhere"))
    assert cache_dir() == tmp_path / "elsewhere" / "eightbells"
