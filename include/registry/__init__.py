"""The model registry: the only room that talks to MLflow.

What is registered is ONNX, and nothing here unpickles. ``onnx`` exports, checks and runs models;
``tracking`` opens the MLflow client for the runs of training; ``registry`` keeps versions and
aliases over MLflow's REST API, without importing the client, because the model server uses it.
"""
