"""What an engine's argument parser takes: flags, types, choices and bounds, by version. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from budsim.engine_ops.base import ArgumentValue

Version = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ArgumentFact:
    """One flag as a range of versions has it.

    Attributes:
        flag: Without its leading dashes.
        kind: ``int``, ``float``, ``bool``, ``str``, ``choice`` or ``list``.
        since: First version with the flag as described.
        until: First version without it, or with it changed; None = none that was read.
        choices: Allowed words, ``choice`` only.
        low: Smallest number.
        high: Largest number.
        low_is_excluded: ``low`` itself is too small.
        negatable: ``--no-<flag>`` exists.
    """

    flag: str
    kind: str
    since: Version
    until: Version | None = None
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    low_is_excluded: bool = False
    negatable: bool = False

    def covers(self, version: Version) -> bool:
        """Return whether a version's table has the flag as described."""
        return self.since <= version and (self.until is None or version < self.until)

    def problem(self, value: ArgumentValue) -> str | None:
        """Return why the parser refuses a value, or None."""
        if self.kind == "bool":
            return None if isinstance(value, bool) else f"{self.flag} takes no value, got {value}"
        if self.kind in ("int", "float"):
            return self._number_problem(value)
        if isinstance(value, bool) or str(value) == "":
            return f"{self.flag} needs a value, got {value!r}"
        if self.kind == "choice" and str(value) not in self.choices:
            return f"{self.flag} {value} is not one of {', '.join(self.choices)}"
        return None

    def _number_problem(self, value: ArgumentValue) -> str | None:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            return f"{self.flag} must be a number, got {value!r}"
        if self.kind == "int" and not isinstance(value, int):
            return f"{self.flag} must be a whole number, got {value}"
        if self.low is not None and (value < self.low or (self.low_is_excluded and value == self.low)):
            return f"{self.flag} must be {'above' if self.low_is_excluded else 'at least'} {self.low:g}, got {value}"
        if self.high is not None and value > self.high:
            return f"{self.flag} must be at most {self.high:g}, got {value}"
        return None


def names(text: str) -> frozenset[str]:
    """Return the words of a text as a set."""
    return frozenset(text.split())


def facts_of(table: Sequence[ArgumentFact], version: Version) -> dict[str, ArgumentFact]:
    """Return the flags that a version has, by name."""
    return {fact.flag: fact for fact in table if fact.covers(version)}


def parser_problems(args: Mapping[str, ArgumentValue], facts: Mapping[str, ArgumentFact], version: str) -> list[str]:
    """Return what the parser of a version refuses; empty = nothing.

    Args:
        args: Flags without their dashes.
        facts: What the version has.
        version: Engine and version, for the text.
    """
    problems = []
    for flag, value in args.items():
        fact = facts.get(flag)
        problem = f"{version} has no --{flag}" if fact is None else fact.problem(value)
        if problem is not None:
            problems.append(problem)
    return problems


def command_words(args: Mapping[str, ArgumentValue], facts: Mapping[str, ArgumentFact]) -> list[str]:
    """Return arguments as a command line takes them.

    True becomes ``--flag``; False ``--no-flag`` where the parser has that, and nothing where absence means false.
    """
    words: list[str] = []
    for flag, value in args.items():
        if isinstance(value, bool):
            if value:
                words.append(f"--{flag}")
            elif flag in facts and facts[flag].negatable:
                words.append(f"--no-{flag}")
        else:
            words += [f"--{flag}", str(value)]
    return words
