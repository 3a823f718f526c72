"""Blue-green: the version that stands ready takes all traffic at once, and is watched like the end of a canary."""

from __future__ import annotations

from include.settings.rollout import CanarySettings, RolloutSettings


def plan_switch(settings: RolloutSettings) -> CanarySettings:
    """A canary of one step with all traffic, with the times of ``blue_green``.

    Its checks are one-sided: harm that is shown ends it, and nothing need be shown to pass, because there is no
    champion beside it any more (see ``include.rollout.judge.plan_step``).
    """
    times = {"min_interval_s": settings.blue_green.watch_s, "max_wait_s": settings.blue_green.max_wait_s}
    criteria = settings.canary.criteria.model_copy(update=times)
    return settings.canary.model_copy(update={"steps": (1.0,), "criteria": criteria})
