"""Work that a newer run has taken: an earlier one lands, audits and publishes none of it."""

from __future__ import annotations

import logging
from collections.abc import Iterable

from include.errors import StaleWriterError
from include.ingestion.plan import LoadItem
from include.warehouse.fence import check_fence
from include.warehouse.session import Session

log = logging.getLogger(__name__)


def list_held(session: Session, items: Iterable[LoadItem]) -> list[LoadItem]:
    """The items whose fences are this run's, to the end of the transaction; late ones that are not are left out.

    Raises:
        StaleWriterError: a newer run has taken an item that is not late.
    """
    given = list(items)
    taken = []
    for item in sorted(given, key=lambda one: one["fence"]):
        try:
            check_fence(session, item["fence"], item["token"])
        except StaleWriterError:
            if not item.get("is_late"):
                raise
            taken.append(item)
            log.warning("A newer run loads %s of %s; this one goes on without.", item["source"], item["from_day"])
    return [item for item in given if item not in taken]
