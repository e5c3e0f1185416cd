"""Prices of today from a service of the operator's own, asked where ``PRICE_SERVICE_URL`` is set.

``GET {PRICE_SERVICE_URL}?basis=spot`` answers JSON::

    {"prices": [{"device": "NVIDIA H100 SXM 80GB", "usd_per_hour": 2.1, "provider": "ours", "as_of": "2026-11-21"}]}

``device`` is any spelling that the catalogue knows, ``usd_per_hour`` is of one device. What it does not know, and
everything when it does not answer, is priced from the catalogue, and the answer says so.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import httpx

from budsim.commons.errors import UnknownHardwareError
from budsim.perf_model.hardware_catalog import HardwareCatalog
from budsim.simulator.hardware import Price, PriceBasis
from budsim.simulator.pricing import LivePrices

logger = logging.getLogger(__name__)

MAX_ANSWER_BYTES = 1_000_000
MAX_QUOTES = 5_000
_TEXT_LIMIT = 100
# A service that did not answer is left alone for so long, so that no request waits for it again.
_RETRY_S = 30.0


class PriceProvider(Protocol):
    """Whoever knows prices of today."""

    def prices(self, basis: PriceBasis, catalog: HardwareCatalog) -> LivePrices:
        """Return what is known on a basis; never raises: what went wrong is the ``note``."""
        ...


class NoPriceProvider:
    """Nobody: the catalogue's prices are used."""

    def prices(self, basis: PriceBasis, catalog: HardwareCatalog) -> LivePrices:
        """Return no price, and nothing to say about it."""
        return LivePrices()


class HttpPriceProvider:
    """A JSON service over HTTP; remembers its answers.

    Args:
        url: Where to ask.
        timeout_s: Longest wait for an answer.
        cache_s: How long an answer is good for.
        transport: For tests; None = the network.
        clock: For tests.
    """

    def __init__(
        self,
        url: str,
        timeout_s: float = 3.0,
        cache_s: float = 900.0,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url, self._timeout_s, self._cache_s = url, timeout_s, cache_s
        self._transport, self._clock = transport, clock
        self._guard = threading.Lock()
        self._known: dict[str, tuple[float, LivePrices]] = {}

    def prices(self, basis: PriceBasis, catalog: HardwareCatalog) -> LivePrices:
        """Return what the service says, or said up to ``cache_s`` ago."""
        asked = "on_demand" if basis == "auto" else basis
        with self._guard:  # one caller asks, the others wait for its answer
            until, found = self._known.get(asked, (-math.inf, LivePrices()))
            if self._clock() < until:
                return found
            found, good_for_s = self._fetch(asked, catalog)
            self._known[asked] = (self._clock() + good_for_s, found)
            return found

    def _fetch(self, basis: str, catalog: HardwareCatalog) -> tuple[LivePrices, float]:
        try:
            with httpx.Client(timeout=self._timeout_s, transport=self._transport) as client:
                response = client.get(self._url, params={"basis": basis})
                response.raise_for_status()
                quotes = _quotes(response, basis, catalog)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, RecursionError) as error:
            logger.warning("The price service does not answer: %s", type(error).__name__)
            why = f"{type(error).__name__}{f': {error}' if isinstance(error, ValueError) else ''}"[:_TEXT_LIMIT]
            note = f"the price service did not answer ({why}): catalogue prices were used"
            return LivePrices(note=note), min(_RETRY_S, self._cache_s)
        note = f"{len(quotes)} {basis} prices of the price service; what it does not know has catalogue prices"
        return LivePrices(quotes, note), self._cache_s


def _quotes(response: httpx.Response, basis: str, catalog: HardwareCatalog) -> dict[tuple[str, str], Price]:
    """Return the usable entries of an answer, the first of each device.

    Raises:
        ValueError: It is no JSON object of the agreed shape, or too large.
    """
    if len(response.content) > MAX_ANSWER_BYTES:
        raise ValueError("answer too large")
    document = response.json()
    entries = document.get("prices") if isinstance(document, Mapping) else None
    if not isinstance(entries, list) or len(entries) > MAX_QUOTES:
        raise ValueError("no list of prices")
    found: dict[tuple[str, str], Price] = {}
    for entry in entries:
        quote = _quote(entry, basis, catalog)
        if quote is not None:
            found.setdefault((basis, quote[0]), quote[1])
    return found


def _quote(entry: Any, basis: str, catalog: HardwareCatalog) -> tuple[str, Price] | None:
    if not isinstance(entry, Mapping) or entry.get("basis", basis) != basis:
        return None
    usd, device = entry.get("usd_per_hour"), entry.get("device")
    if isinstance(usd, bool) or not isinstance(usd, (int, float)) or not (math.isfinite(usd) and usd > 0):
        return None
    try:
        spec = catalog.match(str(device)[:200]).spec
    except UnknownHardwareError:
        return None
    told = ", ".join(str(entry[name])[:_TEXT_LIMIT] for name in ("provider", "as_of") if entry.get(name))
    return spec.name, Price(float(usd), f"live {basis} price ({told or 'price service'})", False, "live")


def price_provider(url: str | None, timeout_s: float, cache_s: float) -> PriceProvider:
    """Return who is asked for prices."""
    return HttpPriceProvider(url, timeout_s, cache_s) if url else NoPriceProvider()
