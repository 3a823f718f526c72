"""The servers that ``benchmarks.serving`` compares, each a process: ``python -m benchmarks.serving_sides``.

``ours PORT URI FOLDER`` is the project's own model server with the ONNX form of the model; ``peer PORT`` is
what serving a scikit-learn model looks like in most tutorials. Both make the same model first, from the same
seed. ``mlflow PORT FOLDER`` is ``mlflow models serve`` of it with one worker, and ``echo PORT`` a bare ASGI application
that answers with what it was sent. ``many PORT URI FOLDER`` serves all declared models, for ``benchmarks.many_models``.
"""

from __future__ import annotations

import os
import sys
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import uvicorn

from include.servers.ports import HOST

if TYPE_CHECKING:
    from fastapi import FastAPI

    from include.registry.contract import ModelContract
    from include.serving.tokens import ReadRules

MODEL_NAME: Final = "benchmark"
PATH: Final = f"/models/{MODEL_NAME}/predict"
FEATURES: Final = tuple(f"feature_{number}" for number in range(10))
TREES: Final = 100
THRESHOLD: Final = 0.5
TOKEN: Final = "the-token-of-the-benchmarks-client"


def make_model(trees: int = TREES) -> Any:
    """A random forest on 4,000 rows of ten features, the same every time."""
    import numpy as np
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline

    random = np.random.default_rng(5)
    rows = random.normal(size=(4_000, len(FEATURES))).astype(np.float32)
    labels = rows[:, 0] - rows[:, 1] + random.normal(size=len(rows)) > 1
    forest = RandomForestClassifier(trees, min_samples_leaf=20, random_state=5)
    return make_pipeline(SimpleImputer(), forest).fit(rows, labels)


def make_contract(model_name: str = MODEL_NAME) -> ModelContract:
    """A binary model over the ten features, by an integer key."""
    from include.features.catalog import Entity, Feature, GroupTable, Key
    from include.registry.contract import ModelContract
    from include.warehouse.names import TableName

    group = GroupTable("measured", TableName("features", "measured"), TableName("online", "measured"), "as_of_date", 1)
    return ModelContract(
        model=model_name,
        task="binary",
        entity=Entity("item", (Key("item_id", "integer"),)),
        label="is_positive",
        groups=(group,),
        features=tuple(Feature(name, "numeric", group.name) for name in FEATURES),
        decision={"threshold": THRESHOLD},
        test_as_of_date=date(2026, 1, 1),
        horizon_days=1,
    )


def know_client() -> ReadRules:
    """Rules with one caller who may ask for predictions, as a client of production is."""
    from include.serving.access import Role
    from include.serving.tokens import TOKENS, choose_rules, write_entry

    return choose_rules({TOKENS: write_entry("client", Role.PREDICT, TOKEN)}, frozenset(), HOST)


def build_ours(uri: str, folder: Path) -> FastAPI:
    """The project's model server on a warehouse whose champion is version 1."""
    from include.registry.onnx import export_onnx
    from include.serving.app import create_app
    from include.serving.loader import ServedModel, open_model
    from include.serving.server import ModelServer
    from include.settings import load_settings

    path = folder / "model.onnx"
    path.write_bytes(export_onnx(make_model(), make_contract()))

    def load(_: str, version: int) -> ServedModel:
        return open_model(path, version)

    return create_app(ModelServer(uri, [MODEL_NAME], load, load_settings().server), know_client())


def build_many(uri: str, folder: Path) -> FastAPI:
    """The project's model server of all declared models, each in a file of its name in ``folder``."""
    from include.serving.app import create_app
    from include.serving.loader import ServedModel, open_model
    from include.serving.server import ModelServer
    from include.settings import load_settings

    def load(model_name: str, version: int) -> ServedModel:
        return open_model(folder / f"{model_name}.onnx", version)

    settings = load_settings()
    return create_app(ModelServer(uri, settings.models, load, settings.server), know_client())


def build_peer() -> FastAPI:
    """FastAPI, a frame of one row, ``predict_proba``."""
    import pandas as pd
    from fastapi import FastAPI
    from pydantic import create_model

    model, app = make_model(), FastAPI()
    payload = create_model("Payload", **{name: (float | None, ...) for name in FEATURES})  # type: ignore[call-overload]
    request = create_model("Request", features=(payload, ...))

    def predict(asked: Any) -> dict[str, object]:
        frame = pd.DataFrame([asked.features.model_dump()], columns=list(FEATURES), dtype="float32")
        probability = float(model.predict_proba(frame.to_numpy())[0, 1])
        return {"probability": probability, "prediction": probability >= THRESHOLD}

    predict.__annotations__["asked"] = request
    app.post(PATH)(predict)
    app.get("/readyz")(lambda: {"is_ready": True})
    return app


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with the body that was sent: what an answer costs that takes no work."""
    if scope["type"] != "http":
        return
    body = b""
    while (message := await receive())["type"] == "http.request":
        body += message.get("body", b"")
        if not message.get("more_body"):
            break
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def take_core(number: int) -> None:
    """Keep this process, and what it starts, to one core, where the system lets it and there are several."""
    if hasattr(os, "sched_setaffinity") and len(os.sched_getaffinity(0)) > 1:
        os.sched_setaffinity(0, {sorted(os.sched_getaffinity(0))[number]})


def run_mlflow(port: str, folder: Path) -> None:
    """Become ``mlflow models serve`` of the same model, with one worker."""
    import mlflow.sklearn
    import numpy as np

    path = folder / "mlflow-model"
    example = np.zeros((1, len(FEATURES)), np.float32)
    mlflow.sklearn.save_model(
        make_model(), path, pyfunc_predict_fn="predict_proba", input_example=example, serialization_format="cloudpickle"
    )
    serve = ["models", "serve", "--model-uri", str(path), "--host", "127.0.0.1", "--port", port, "--workers", "1"]
    # It calls uvicorn by its name.
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    os.execv(sys.executable, [sys.executable, "-m", "mlflow", *serve, "--env-manager", "local"])


def main(side: str, port: str, *rest: str) -> None:
    """Serve one side until told to stop, on the first core: the client has the others."""
    take_core(0)
    if side == "mlflow":
        run_mlflow(port, Path(rest[0]))
    builders = {"ours": build_ours, "many": build_many}
    others: dict[str, Any] = {"peer": build_peer, "echo": lambda: echo}
    served = builders[side](rest[0], Path(rest[1])) if side in builders else others[side]()
    uvicorn.run(served, host="127.0.0.1", port=int(port), access_log=False, log_level="warning")


if __name__ == "__main__":
    main(*sys.argv[1:])
