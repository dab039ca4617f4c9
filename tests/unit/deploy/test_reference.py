"""The reference page says what the code says."""

from deploy.reference import PAGE, reference


def test_the_reference_page_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == reference(), "run: make reference"
