"""The models of each size category: the document's table, and parameter ranges where the table has none."""

import pytest
from sqlalchemy import delete, inspect, update

from budsim.model_ops.services import default_library
from budsim.usecases.models import ModelRecommendationCategory

DOCUMENT = {
    "3B": ["google/gemma-3-4B", "microsoft/Phi-3-mini", "meta-llama/Llama-3.2-3B"],
    "8B": ["meta-llama/meta-llama-3.1-8b", "google/gemma-2-9b", "Qwen/Qwen2.5-7B"],
    "32B": ["Qwen/Qwen2.5-32B", "Qwen/Qwen1.5-32B", "google/gemma-3-27B"],
    "72B": ["Qwen/Qwen2.5-72B", "meta-llama/meta-llama-3.1-70b", "meta-llama/Llama-4-Scout-17B-16E"],
    "200B+": ["meta-llama/Llama-3.1-405B", "meta-llama/Llama-4-Maverick-17B-128E", "deepseek-ai/DeepSeek-V3-Base"],
}
RANGES = {"3B": (1, 5), "8B": (5, 15), "32B": (15, 50), "72B": (50, 100), "200B+": (100, float("inf"))}
COLUMNS = {"id", "category", "model_id", "display_order", "is_active", "created_at", "updated_at"}


def shown(client):
    body = {"batch_sizes": [1], "models_per_category": 3}
    answer = client.post("/api/usecases/chat_support/recommendations", json=body).json()
    models = {
        item["model_category"]: [model["model_id"] for model in item["recommended_models"]]
        for item in answer["recommendations"]
    }
    return models, answer["category_source"]


@pytest.fixture
def empty_table(service):
    def switch(is_active):
        with service.database.transaction() as session:
            session.execute(update(ModelRecommendationCategory).values(is_active=is_active))

    switch(False)
    yield
    switch(True)


@pytest.fixture
def unreadable_row(service):
    row = ModelRecommendationCategory(category="8B", model_id="nobody/knows-this", display_order=0)
    with service.database.transaction() as session:
        session.add(row)
    yield "nobody/knows-this"
    with service.database.transaction() as session:
        session.execute(
            delete(ModelRecommendationCategory).where(ModelRecommendationCategory.model_id == "nobody/knows-this")
        )


def test_a_model_that_cannot_be_read_stops_no_other(client, unreadable_row):
    body = {"batch_sizes": [1], "model_categories": ["8B"], "models_per_category": 3}
    (found,) = client.post("/api/usecases/chat_support/recommendations", json=body).json()["recommendations"]
    (skipped,) = found["skipped_models"]
    assert skipped["model_id"] == unreadable_row
    assert unreadable_row in skipped["reason"]
    assert {model["model_id"] for model in found["recommended_models"]} <= set(DOCUMENT["8B"])
    assert found["recommended_models"]


def test_a_callers_own_unknown_model_is_an_error(client):
    body = {"models": ["nobody/knows-this", "Qwen/Qwen3-8B"], "batch_sizes": [1]}
    answer = client.post("/api/usecases/chat_support/recommendations", json=body)
    assert answer.status_code == 400
    assert "nobody/knows-this" in answer.json()["message"]


def test_every_category_has_the_documents_models_in_its_order(client):
    assert shown(client) == (DOCUMENT, "table")


def test_the_table_has_the_documents_columns_and_key(service):
    inspected = inspect(service.database.engine)
    table = ModelRecommendationCategory.__tablename__
    assert table == "model_recommendation_categories"
    assert {column["name"] for column in inspected.get_columns(table)} >= COLUMNS
    assert ["category", "model_id"] in [key["column_names"] for key in inspected.get_unique_constraints(table)]


def test_without_the_table_models_are_sorted_by_their_parameters(client, empty_table):
    models, source = shown(client)
    assert source == "parameter ranges"
    for category, names in models.items():
        low, high = RANGES[category]
        assert len(names) == 3
        for name in names:
            assert low <= default_library().resolve(name).params_total / 1e9 < high, name
