"""Every error that Orrery raises on purpose, in one tree.

A message says what happened, to what, and what to do next.
"""

from __future__ import annotations


class OrreryError(Exception):
    """Root of the tree: catch this to catch everything Orrery raises on purpose."""


class SettingsError(OrreryError):
    """A configuration file is missing, unreadable, or holds an unknown key or a wrong type."""


class SourceError(OrreryError):
    """A source could not be read: missing, truncated, renamed column, wrong type, empty."""


class QualityError(OrreryError):
    """Audited data broke its quality suite and was quarantined."""


class StaleWriterError(OrreryError):
    """A newer worker holds the fence; this one must not publish."""


class WarehouseError(OrreryError):
    """The warehouse refused a statement or could not be reached."""


class TrainingError(OrreryError):
    """A training set is too small, one-sided, or otherwise unfit to learn from."""


class LeakageSuspectedError(TrainingError):
    """A model is better than the problem allows: it has probably seen the future."""


class RegistryError(OrreryError):
    """The model registry is away, or holds no such version or alias."""


class ParityError(OrreryError):
    """The ONNX form of a model answers differently from the model itself."""


class RolloutError(OrreryError):
    """A rollout step is not allowed from the state the rollout is in."""


class ApprovalError(OrreryError):
    """An approval is missing, refused, or given by the person who trained the model."""


class ServingError(OrreryError):
    """The model server cannot load or answer."""


class StackError(OrreryError):
    """A component of the local stack did not start or died."""
