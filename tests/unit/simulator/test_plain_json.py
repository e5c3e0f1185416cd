import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

import pytest

from budsim.commons.errors import InvalidRequestError
from budsim.simulator.plain_json import from_plain, to_plain


class Colour(StrEnum):
    RED = "red"


@dataclass(frozen=True)
class Inner:
    size: int
    colour: Colour = Colour.RED


@dataclass(frozen=True)
class Outer:
    inner: Inner
    many: tuple[Inner, ...] = ()
    pair: tuple[str, float] = ("a", 1.0)
    maybe: Inner | None = None
    names: frozenset[str] = frozenset()
    by_name: Mapping[str, Inner] = field(default_factory=dict)


def test_what_goes_out_comes_back_equal():
    value = Outer(Inner(1), (Inner(2), Inner(3)), ("b", 2.5), Inner(4), frozenset({"y", "x"}), {"k": Inner(5)})
    assert from_plain(Outer, json.loads(json.dumps(to_plain(value)))) == value
    assert from_plain(Outer, to_plain(Outer(Inner(1)))) == Outer(Inner(1))


def test_sets_are_written_in_order():
    assert to_plain(frozenset({"b", "a", "c"})) == ["a", "b", "c"]


def test_unknown_keys_are_ignored_and_missing_ones_take_their_default():
    assert from_plain(Outer, {"inner": {"size": 1, "later": True}, "newer": 2}) == Outer(Inner(1))


def test_a_missing_field_without_default_is_named():
    with pytest.raises(InvalidRequestError, match=r"Inner\.size"):
        from_plain(Outer, {"inner": {}})
