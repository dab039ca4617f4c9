import pytest

from projections.read_api.language import choose, preferred

TEXTS = {"zh": "基线期", "en": "Baseline", "pt-BR": "Linha de base"}


@pytest.mark.parametrize(
    ("header", "languages"),
    [
        ("", []),
        ("en", ["en"]),
        ("zh;q=0.5, en-GB;q=0.8, fr", ["fr", "en-gb", "zh"]),
        ("en;q=0, *;q=0.1", []),
        ("en;q=nonsense, de", ["de"]),
        (",;,;q=1,", []),
    ],
)
def test_accept_language_is_read_best_first(header: str, languages: list[str]) -> None:
    assert preferred(header) == languages


@pytest.mark.parametrize(
    ("languages", "text"),
    [
        ([], "基线期"),
        (["fr"], "基线期"),
        (["fr", "en"], "Baseline"),
        (["en-gb"], "Baseline"),
        (["pt"], "Linha de base"),
        (["zh-cn", "en"], "基线期"),
    ],
)
def test_a_text_is_in_the_readers_language_else_chinese(languages: list[str], text: str) -> None:
    assert choose(TEXTS, languages) == text


def test_a_text_without_chinese_is_shown_in_what_there_is() -> None:
    assert choose({"en": "Baseline"}, ["fr"]) == "Baseline"
    assert choose({}, ["fr"]) == ""
