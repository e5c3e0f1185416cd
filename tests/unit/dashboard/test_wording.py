"""Figures read as people read them, and words are those of the user guide."""

import pytest

from budsim.dashboard import wording


@pytest.mark.parametrize(
    ("confidence", "word"),
    [(0.95, "production"), (0.9, "staging"), (0.7, "staging"), (0.69, "low"), (None, "not")],
)
def test_confidence_has_the_guides_words(confidence, word):
    assert word in wording.confidence_word(confidence)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (wording.usd(30_000.0), "$30,000"), (wording.usd(3.291), "$3.29"), (wording.usd(0.03259), "$0.0326"),
        (wording.usd(None), "–"), (wording.number(1234.5), "1,234"), (wording.number(0), "0"),
        (wording.milliseconds(12_345), "12.3 s"), (wording.milliseconds(91.23), "91.2 ms"),
        (wording.seconds(0.25), "250 ms"), (wording.percent(0.444), "44%"), (wording.engine_name("sglang"), "SGLang"),
        (wording.engine_name("mine"), "mine"), (wording.price_basis(None), ""),
    ],
)  # fmt: skip
def test_figures_have_their_units_and_what_is_not_known_is_never_zero(text, expected):
    assert text == expected
