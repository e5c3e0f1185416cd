"""With a token configured the page asks for it, and nobody else's page gets in."""

import base64

import httpx


def basic(token):
    return {"Authorization": "Basic " + base64.b64encode(f"me:{token}".encode()).decode()}


def test_without_a_token_the_browser_is_asked_for_one(token_url):
    answer = httpx.get(f"{token_url}/ui/")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Basic")
    assert httpx.get(f"{token_url}/ui/", headers=basic("wrong")).status_code == 401


def test_a_password_is_not_a_token_for_the_rest_interface(token_url):
    assert httpx.get(f"{token_url}/clusters", headers=basic("the-token")).status_code == 401


def test_the_token_as_password_opens_page_and_connection(open_page, token_url):
    page = open_page("/models", url=token_url, http_credentials={"username": "me", "password": "the-token"})
    page.get_by_label("Search the models").fill("llama-3.1-8b")
    page.get_by_role("link", name="meta-llama/Llama-3.1-8B", exact=True).wait_for()


def test_a_connection_from_another_page_is_refused(base_url):
    path = f"{base_url}/ui/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    upgrade = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    foreign = httpx.get(path, headers={**upgrade, "Origin": "http://somewhere.example"})
    assert foreign.status_code == 403
