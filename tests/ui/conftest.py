"""A real service and a real browser: the system's Chromium, which ``scripts/install_chromium.sh`` installs."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
START_SECONDS = 90


def chromium():
    for name in ("chromium", "chromium-browser", "google-chrome"):
        if path := shutil.which(name):
            return path
    if os.environ.get("CI") == "true":
        pytest.fail("No Chromium: scripts/install_chromium.sh installs it.", pytrace=False)
    pytest.skip("No Chromium: scripts/install_chromium.sh installs it.")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start_service(folder, **environment):
    port = free_port()
    command = [sys.executable, "-m", "budsim.cli", "serve", "--port", str(port)]
    command += ["--import-clusters", str(ROOT / "examples" / "clusters.json")]
    log = (folder / "service.log").open("w")
    known = {**os.environ, "BUDSIM_DATA_DIR": str(folder), "HUB_OFFLINE": "true", **environment}
    process = subprocess.Popen(command, cwd=ROOT, env=known, stdout=log, stderr=log, start_new_session=True)
    url = f"http://127.0.0.1:{port}"
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until and process.poll() is None:
        try:
            if httpx.get(f"{url}/ready", timeout=2).status_code == 200:
                return process, url
        except httpx.HTTPError:
            time.sleep(0.3)
    stop(process)
    pytest.fail(f"The service did not start:\n{(folder / 'service.log').read_text()[-3000:]}", pytrace=False)


def stop(process):
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture(scope="session")
def base_url(tmp_path_factory):
    process, url = start_service(tmp_path_factory.mktemp("page"))
    yield url
    stop(process)


@pytest.fixture(scope="session")
def token_url(tmp_path_factory):
    process, url = start_service(tmp_path_factory.mktemp("locked"), APP_API_TOKEN="the-token")
    yield url
    stop(process)


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def open_page(browser, base_url):
    """Return a function that opens a path; every error of the page's own scripts fails the test."""
    contexts, problems = [], []

    def opened(path, *, width=1280, dark=False, url=base_url, **options):
        context = browser.new_context(
            viewport={"width": width, "height": 900}, color_scheme="dark" if dark else "light", **options
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(60_000)
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.on("console", lambda line: problems.append(line.text) if line.type == "error" else None)
        page.goto(f"{url}/ui{path}")
        page.wait_for_selector("#main")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert problems == []
