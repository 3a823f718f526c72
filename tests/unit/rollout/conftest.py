"""The live model server of the serving tests, for the staging checks."""

from __future__ import annotations

from tests.unit.serving.conftest import online_uri, onnx_folder, rollout_settings, server_url, shelf

__all__ = ["online_uri", "onnx_folder", "rollout_settings", "server_url", "shelf"]
