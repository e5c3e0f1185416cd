"""What is asked for elsewhere: pages that are not there, a proxy's prefix, and a machine without a network."""

import socket
import threading

import pytest
from playwright.sync_api import expect

PREFIX = "/tools/sim"


def _carry(source, target):
    try:
        while part := source.recv(65536):
            target.sendall(part)
    except OSError:
        pass
    finally:
        for end in (source, target):
            end.close()


def _forward(caller, port):
    """Take the prefix off a request and name it in a header, as proxies do; one request a connection."""
    head = b""
    while b"\r\n\r\n" not in head and (part := caller.recv(65536)):
        head += part
    lines, _, rest = head.partition(b"\r\n\r\n")
    first, *headers = lines.split(b"\r\n")
    method, path, version = first.split(b" ")
    if not path.startswith(PREFIX.encode()):
        caller.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        caller.close()
        return
    upgrade = any(line.lower().startswith(b"upgrade:") for line in headers)
    kept = [line for line in headers if upgrade or not line.lower().startswith(b"connection:")]
    added = [f"X-Forwarded-Prefix: {PREFIX}".encode(), *([] if upgrade else [b"Connection: close"])]
    path = path[len(PREFIX) :] or b"/"
    server = socket.create_connection(("127.0.0.1", port))
    server.sendall(b"\r\n".join([b" ".join((method, path, version)), *kept, *added]) + b"\r\n\r\n" + rest)
    threading.Thread(target=_carry, args=(caller, server), daemon=True).start()
    _carry(server, caller)


@pytest.fixture(scope="module")
def proxied_url(base_url):
    listener = socket.create_server(("127.0.0.1", 0))
    port = int(base_url.rpartition(":")[2])

    def serve():
        while True:
            try:
                caller, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_forward, args=(caller, port), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    yield f"http://127.0.0.1:{listener.getsockname()[1]}{PREFIX}"
    listener.close()


@pytest.mark.parametrize("path", ["/ui/nope", "/ui/runs/one/two"])
def test_a_page_that_is_not_there_leads_on(browser, base_url, path):
    page = browser.new_page()
    answer = page.goto(f"{base_url}{path}")
    assert answer.status == 404
    expect(page.get_by_role("heading", name="There is no such page")).to_be_visible()
    page.get_by_role("navigation").get_by_role("link", name="Hardware").click()
    expect(page.get_by_role("heading", name="Hardware")).to_be_visible()
    page.close()


def test_every_link_stays_below_a_proxys_prefix(open_page, proxied_url):
    page = open_page("/?model=meta-llama/Llama-3.1-8B&method=heuristic", url=proxied_url)
    page.get_by_role("button", name="Optimise").last.click()
    page.wait_for_url(f"{proxied_url}/ui/runs/*")
    expect(page.get_by_role("heading", name="Best:")).to_be_visible(timeout=120_000)
    run = page.url
    page.get_by_role("navigation").get_by_role("link", name="Runs").click()
    page.wait_for_url(f"{proxied_url}/ui/runs")
    page.get_by_role("link", name="meta-llama/Llama-3.1-8B").first.click()
    page.wait_for_url(run)
    for name in ("Use cases", "Models", "Hardware", "Accuracy", "Optimise"):
        page.get_by_role("navigation").get_by_role("link", name=name).click()
        page.wait_for_url(f"{proxied_url}/ui/**")
        page.wait_for_timeout(1000)
        links = page.evaluate("[...document.querySelectorAll('a[href]')].map(link => link.href)")
        assert [link for link in links if not link.startswith(f"{proxied_url}/ui")] == []


@pytest.mark.parametrize("path", ["/docs", "/ui/", "/ui/accuracy"])
def test_nothing_is_fetched_from_elsewhere(browser, base_url, path):
    page, asked = browser.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{base_url}{path}")
    page.wait_for_timeout(3000)
    assert [url for url in asked if not url.startswith((base_url, "data:", "blob:"))] == []
    page.close()


def test_the_docs_try_a_request_out_behind_a_proxy_as_well(browser, proxied_url):
    page = browser.new_page()
    page.goto(f"{proxied_url}/docs")
    page.locator("#operations-default-health_health_get, [id*='health'][class*='opblock']").first.click()
    page.get_by_role("button", name="Try it out").click()
    page.get_by_role("button", name="Execute").click()
    expect(page.locator(".request-url")).to_contain_text(f"{proxied_url}/health")
    expect(page.locator(".live-responses-table").get_by_role("cell", name="200")).to_be_visible()
    page.close()
