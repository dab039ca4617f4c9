"""Named queries are found by name, and a name that stands twice is an error."""

from projections.sql import migrations, queries


def test_a_named_query_is_the_text_under_its_name() -> None:
    assert queries("migrate")["applied_migrations"] == "select name, sha256 from migrations order by name"


def test_migrations_come_in_order_and_are_not_empty() -> None:
    names = [name for name, _ in migrations()]
    assert names == sorted(names)
    assert all(text.strip() for _, text in migrations())
