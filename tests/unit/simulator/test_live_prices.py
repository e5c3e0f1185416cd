"""Prices of today, from a local server."""

import json
import socket
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from search_doubles import GPU, catalog

from budsim.simulator.live_prices import HttpPriceProvider, NoPriceProvider, price_provider

CATALOG = catalog()
QUOTE = {"device": "round-80gb", "usd_per_hour": 1.25, "provider": "ours", "as_of": "2026-11-21"}


@contextmanager
def served(body=None, status=200, delay_s=0.0):
    asked = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            time.sleep(delay_s)
            content = body if isinstance(body, bytes) else json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/prices", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_price_is_taken_with_its_provider_and_day():
    with served({"prices": [QUOTE]}) as (url, asked):
        found = HttpPriceProvider(url).prices("spot", CATALOG)
    price = found.prices["spot", GPU.name]
    assert (price.usd_per_hour, price.basis) == (1.25, "live")
    assert "ours, 2026-11-21" in price.source
    assert "basis=spot" in asked[0]


def test_an_answer_is_remembered_for_its_time_and_by_basis():
    now = [0.0]
    with served({"prices": [QUOTE]}) as (url, asked):
        provider = HttpPriceProvider(url, cache_s=60, clock=lambda: now[0])
        for _ in range(3):
            provider.prices("spot", CATALOG)
        assert len(asked) == 1
        provider.prices("on_demand", CATALOG)
        assert len(asked) == 2
        now[0] = 61.0
        provider.prices("spot", CATALOG)
        assert len(asked) == 3


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"<html>", 200), ({"prices": {}}, 200), ([], 200), ({}, 500), (b"[" * 100_000, 200), (b"x" * 1_000_001, 200)],
)
def test_an_answer_that_cannot_be_used_leaves_the_catalogue_and_says_why(body, status):
    with served(body, status) as (url, asked):
        provider = HttpPriceProvider(url)
        found = provider.prices("auto", CATALOG)
        provider.prices("auto", CATALOG)
    assert not found.prices
    assert "catalogue prices were used" in found.note
    assert len(asked) == 1  # not asked again at once


def test_a_slow_or_absent_service_costs_its_time_out_once():
    with served({"prices": [QUOTE]}, delay_s=1.0) as (url, _):
        started = time.perf_counter()
        provider = HttpPriceProvider(url, timeout_s=0.1)
        assert "Timeout" in provider.prices("spot", CATALOG).note
        assert "Timeout" in provider.prices("spot", CATALOG).note
        assert time.perf_counter() - started < 0.9
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert "ConnectError" in HttpPriceProvider(f"http://127.0.0.1:{port}").prices("spot", CATALOG).note


@pytest.mark.parametrize(
    "change", [{"usd_per_hour": 0}, {"usd_per_hour": "1"}, {"device": "abacus"}, {"basis": "spot"}]
)
def test_what_is_no_price_of_a_known_device_is_left_out(change):
    with served({"prices": [{**QUOTE, **change}, None]}) as (url, _):
        assert not HttpPriceProvider(url).prices("on_demand", CATALOG).prices


def test_without_a_setting_nobody_is_asked():
    assert isinstance(price_provider(None, 3, 900), NoPriceProvider)
    assert price_provider(None, 3, 900).prices("auto", CATALOG).note is None
