"""Lists sort by figures, and recommendations are summed up by what they say."""

from budsim.dashboard.tables import Column, quasar_column
from budsim.dashboard.use_cases_page import cheapest_kept, left_out


def option(category="8B", price=1.0, meets_slo=True):
    return {"category": category, "total_cost_per_hour": price, "meets_slo": meets_slo}


def test_figures_sort_by_their_number_and_names_by_their_text():
    assert "x.by.ttft" in quasar_column(Column("ttft", "TTFT", is_figure=True))[":sort"]
    assert ":sort" not in quasar_column(Column("name", "Name"))


def test_the_cheapest_keeps_every_bound_and_has_a_price():
    options = [option(price=3.0), option(price=2.0), option(price=1.0, meets_slo=False), option(price=None)]
    found = cheapest_kept([*options, option("72B", meets_slo=None)])
    assert found["8B"]["total_cost_per_hour"] == 2.0
    assert found["72B"] is None


def test_what_is_left_out_has_its_reason():
    model = {"model_id": "m", "batch_configurations": [
        {"batch_size": 1, "hardware_options": [{}], "reason": None},
        {"batch_size": 8, "hardware_options": [], "reason": "too large"},
    ]}  # fmt: skip
    category = {"skipped_models": [{"model_id": "x", "reason": "not known"}], "recommended_models": [model]}
    assert left_out({"recommendations": [category]}) == ["x: not known", "m, batch size 8: too large"]
