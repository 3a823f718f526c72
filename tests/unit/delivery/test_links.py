"""The links in Airflow's navigation."""

from __future__ import annotations

from plugins.orrery import find_views


def test_the_model_server_opens_on_the_page_of_its_routes() -> None:
    environment = {"ORRERY_MODEL_SERVER_URL": "http://127.0.0.1:8600"}
    assert [view["href"] for view in find_views(environment)] == ["http://127.0.0.1:8600/docs"]


def test_mlflow_opens_on_the_experiments_and_an_address_that_is_not_set_has_no_link() -> None:
    environment = {"ORRERY_MLFLOW_URI": "http://127.0.0.1:5001/", "ORRERY_MODEL_SERVER_URL": ""}
    assert [(view["name"], view["href"]) for view in find_views(environment)] == [
        ("MLflow", "http://127.0.0.1:5001/#/experiments")
    ]
