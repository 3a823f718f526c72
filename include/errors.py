"""Every error that Orrery raises on purpose, in one tree.

A message says what happened, to what, and what to do next. The second level of the tree says
whether trying again can help: Airflow retries a :class:`TransientError` and fails another
:class:`PermanentError` at once (``include/orchestration/defaults.py``).
"""

from __future__ import annotations


class OrreryError(Exception):
    """Root of the tree: catch this to catch everything Orrery raises on purpose."""


class TransientError(OrreryError):
    """Something is away for now; the same work may succeed later."""


class PermanentError(OrreryError):
    """The same work would fail again: somebody has to change something first."""


class SettingsError(PermanentError):
    """A configuration file is missing, unreadable, or holds an unknown key or a wrong type."""


class ManifestMissingError(SettingsError):
    """dbt's manifest is not there yet; it is being made."""


class SourceError(PermanentError):
    """A source could not be read: missing, truncated, renamed column, wrong type, empty."""


class DeliveryMissingError(SourceError):
    """A source has not delivered for a day."""


class SourceAwayError(SourceError, TransientError):
    """A source cannot be reached, lets nobody in or breaks off: its deliveries may be good, another try may succeed."""


class QualityError(PermanentError):
    """Audited data broke its quality suite and was quarantined."""


class FeatureError(PermanentError):
    """A built feature group is not as it has to be to be published."""


class StaleWriterError(PermanentError):
    """A newer worker holds the fence; this one must not publish."""


class WarehouseError(TransientError):
    """The warehouse refused a statement or could not be reached."""


class WarehouseSchemaError(PermanentError):
    """A table of the warehouse, or the warehouse as a whole, is not as this release declares it."""


class TrainingError(PermanentError):
    """A training set is too small, one-sided, or otherwise unfit to learn from."""


class RegistryError(TransientError):
    """The model registry is away, or holds no such version or alias."""


class RolloutError(PermanentError):
    """A rollout step is not allowed from the state the rollout is in."""


class ApprovalError(PermanentError):
    """An approval is missing, refused, or given by the person who trained the model."""


class ServingError(TransientError):
    """The model server cannot load or answer."""


class NotificationError(TransientError):
    """A channel cannot be reached, refuses a message, or lacks what it needs in its connection."""


class AdoptError(PermanentError):
    """A checkout cannot be made into somebody's own as it is."""


class StackError(OrreryError):
    """A component of the local stack did not start or died."""
