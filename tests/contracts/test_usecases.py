"""Use cases over HTTP: what is stored, found, refused; and that nothing is half written."""

import threading

import pytest

CASE = {
    "unique_id": "t_chat", "name": "Test chat", "industry": "Testing", "input_tokens_min": 10, "input_tokens_max": 900,
    "output_tokens_min": 1, "output_tokens_max": 100, "ttft_max": 1.0, "e2e_max": 4.0, "tags": ["a", "b", "a"],
}  # fmt: skip


@pytest.fixture
def stored(client):
    answer = client.post("/api/usecases", json=CASE)
    assert answer.status_code == 201, answer.text
    yield answer.json()
    client.delete(f"/api/usecases/{CASE['unique_id']}", params={"hard_delete": True})


def field_of(answer):
    return answer.json()["param"]["field"]


def test_what_is_stored_comes_back_with_its_profiles(client, stored):
    answer = client.get("/api/usecases/t_chat").json()
    assert answer == stored
    assert {name: answer[name] for name in CASE if name != "tags"} == {n: v for n, v in CASE.items() if n != "tags"}
    assert answer["tags"] == ["a", "b"]
    assert (answer["latency_profile"], answer["input_length_profile"]) == ("interactive", "short")
    assert (answer["batch_size"], answer["beam_size"], answer["source"]) == (1, 1, "api")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"output_tokens_max": 0, "output_tokens_min": 5}, "output_tokens_max"),
        ({"input_tokens_max": -1}, "input_tokens_max"),
        ({"ttft_min": 2.0}, "ttft_max"),
        ({"batch_size": 0}, "batch_size"),
        ({"name": "   "}, "name"),
        ({"unique_id": "../etc/passwd"}, "unique_id"),
        ({"surprise": 1}, "surprise"),
        ({"e2e_max": -0.1}, "e2e_max"),
    ],
)
def test_a_wrong_field_is_named(client, change, field):
    answer = client.post("/api/usecases", json={**CASE, **change})
    assert answer.status_code == 422
    assert field_of(answer) == field


def test_an_id_exists_once(client, stored):
    answer = client.post("/api/usecases", json=CASE)
    assert (answer.status_code, field_of(answer)) == (400, "unique_id")


def test_html_in_a_name_is_text(client, stored):
    name = "<script>alert('x')</script> & <b>chat</b>"
    answer = client.put("/api/usecases/t_chat", json={**without_id(CASE), "name": name})
    assert answer.json()["name"] == name
    listed = client.get("/api/usecases/search", params={"query": "<script>"})
    assert [case["name"] for case in listed.json()["usecases"]] == [name]
    assert listed.headers["content-type"] == "application/json"


def without_id(case):
    return {name: value for name, value in case.items() if name != "unique_id"}


def test_a_wildcard_in_a_search_is_text(client, stored):
    assert client.get("/api/usecases/search", params={"query": "%"}).json()["total"] == 0
    assert client.get("/api/usecases/search", params={"query": "t_ch"}).json()["total"] == 1


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_a_missing_use_case_is_a_404(client, method):
    keywords = {"json": without_id(CASE)} if method == "put" else {}
    answer = getattr(client, method)("/api/usecases/nobody", **keywords)
    assert (answer.status_code, field_of(answer)) == (404, "unique_id")
    assert "nobody" in answer.json()["message"]


def test_a_deleted_use_case_is_hidden_and_can_come_back(client, stored):
    assert client.delete("/api/usecases/t_chat").json() == {"unique_id": "t_chat", "hard_delete": False}
    assert client.get("/api/usecases/t_chat").status_code == 404
    assert client.delete("/api/usecases/t_chat").status_code == 404
    assert client.put("/api/usecases/t_chat", json=without_id(CASE)).json()["is_active"] is True
    assert client.get("/api/usecases/t_chat").status_code == 200


def test_of_those_who_read_the_same_version_one_wins(client, stored):
    answers = []

    def change(name):
        body = {**without_id(CASE), "name": name, "version": stored["version"]}
        answers.append((client.put("/api/usecases/t_chat", json=body).status_code, name))

    threads = [threading.Thread(target=change, args=(f"name {index}",)) for index in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(status for status, _ in answers) == [200, 409, 409, 409, 409, 409]
    winner = next(name for status, name in answers if status == 200)
    now = client.get("/api/usecases/t_chat").json()
    assert (now["name"], now["version"]) == (winner, stored["version"] + 1)


def test_an_import_is_stored_whole_or_not_at_all(client, stored):
    new = [{**CASE, "unique_id": f"t_import_{index}"} for index in range(3)]
    assert client.post("/api/usecases/import", json={"usecases": [*new, CASE]}).status_code == 400
    assert client.get("/api/usecases/t_import_0").status_code == 404
    answer = client.post("/api/usecases/import", json={"usecases": [*new, CASE], "on_conflict": "skip"})
    assert answer.json() == {"created": 3, "replaced": 0, "skipped": ["t_chat"]}
    replaced = {"usecases": [{**CASE, "name": "Other"}], "on_conflict": "replace"}
    assert client.post("/api/usecases/import", json=replaced).json()["replaced"] == 1
    assert client.get("/api/usecases/t_chat").json()["name"] == "Other"
    for case in new:
        client.delete(f"/api/usecases/{case['unique_id']}", params={"hard_delete": True})


def test_an_id_twice_in_an_import_is_refused(client):
    answer = client.post("/api/usecases/import", json={"usecases": [CASE, CASE]})
    assert answer.status_code == 400
    assert "t_chat" in answer.json()["message"]


def test_an_import_of_ten_megabytes_is_refused_before_it_is_read(client):
    body = b'{"usecases": [' + b" " * 10_000_000 + b"]}"
    answer = client.post("/api/usecases/import", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 413
    assert "MAX_BODY_BYTES" in answer.json()["message"]


def test_an_export_can_be_imported(client, stored):
    exported = client.post("/api/usecases/export", params={"tags": ["a"]}).json()
    assert [case["unique_id"] for case in exported["usecases"]] == ["t_chat"]
    answer = client.post("/api/usecases/import", json={**exported, "on_conflict": "replace"})
    assert answer.json() == {"created": 0, "replaced": 1, "skipped": []}
    assert client.get("/api/usecases/export").json()["usecases"][0].keys() == exported["usecases"][0].keys()


def test_the_shipped_cases_are_there_and_counted(client):
    stats = client.get("/api/usecases/stats").json()
    assert stats["total_usecases"] >= 60
    assert sum(stats["by_industry"].values()) == sum(stats["by_latency_profile"].values()) == stats["total_usecases"]
    assert sorted(stats["by_industry"]) == client.get("/api/usecases/industries/list").json()
    kinds = {"chat", "rag", "code", "agents", "summarisation", "extraction", "translation", "classification",
             "embedding", "voice", "batch"}  # fmt: skip
    assert kinds <= {entry["tag"] for entry in client.get("/api/usecases/tags/list").json()}


def test_every_filter_holds_for_everything_it_lets_through(client):
    asked = {"tags": ["chat"], "max_ttft": 1.0, "max_e2e_latency": 20, "min_input_tokens": 100, "sort_by": "e2e_max",
             "sort_order": "desc", "max_output_tokens": 400}  # fmt: skip
    found = client.get("/api/usecases/search", params=asked).json()["usecases"]
    assert found
    for case in found:
        assert "chat" in case["tags"]
        assert case["ttft_max"] <= 1.0
        assert case["e2e_max"] <= 20
        assert case["input_tokens_max"] >= 100
        assert case["output_tokens_max"] <= 400
    bounds = [case["e2e_max"] for case in found]
    assert bounds == sorted(bounds, reverse=True)


def test_pages_do_not_overlap_and_add_up(client):
    pages = [client.get("/api/usecases", params={"limit": 25, "offset": offset}).json() for offset in (0, 25, 50, 75)]
    ids = [case["unique_id"] for page in pages for case in page["usecases"]]
    assert len(ids) == len(set(ids)) == pages[0]["total"]
    assert ids == sorted(ids)
