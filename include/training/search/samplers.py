"""How each method of search chooses parameters, and which trials it gives up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from include.training.search.spaces import Space

if TYPE_CHECKING:
    from optuna.pruners import BasePruner
    from optuna.samplers import BaseSampler


def build_sampler(method: str, space: Space, seed: int, *, is_shared: bool = False) -> BaseSampler:
    """The sampler of a method.

    What it draws for a trial depends on the seed and on the trials before that did not fail, not on what the process
    has drawn already: a search that was killed goes on as it would have gone.

    Args:
        is_shared: several workers draw for one study, and what the others are trying is stayed away from.
    """
    from optuna.samplers import BaseSampler, GridSampler, RandomSampler, TPESampler
    from optuna.trial import TrialState

    if method == "grid":
        return GridSampler({name: one.list_values() for name, one in space.items()}, seed=seed)

    class Seeded(BaseSampler):
        """Another sampler, made anew for each trial."""

        def __init__(self) -> None:
            self._inner: dict[int, BaseSampler] = {}

        def before_trial(self, study: Any, trial: Any) -> None:
            trials = study.get_trials(deepcopy=False)
            place = sum(one.number < trial.number and one.state != TrialState.FAIL for one in trials)
            drawn = (seed * 1_000_003 + place) % 2**32
            guided = TPESampler(seed=drawn, n_startup_trials=8, multivariate=True, constant_liar=is_shared)
            self._inner = {trial.number: guided if method == "optuna" else RandomSampler(seed=drawn)}

        def infer_relative_search_space(self, study: Any, trial: Any) -> Any:
            return self._inner[trial.number].infer_relative_search_space(study, trial)

        def sample_relative(self, study: Any, trial: Any, search_space: Any) -> Any:
            return self._inner[trial.number].sample_relative(study, trial, search_space)

        def sample_independent(self, study: Any, trial: Any, param_name: Any, param_distribution: Any) -> Any:
            return self._inner[trial.number].sample_independent(study, trial, param_name, param_distribution)

    return Seeded()


def build_pruner(method: str) -> BasePruner:
    """Halving gives up the worse half at each step (asynchronous successive halving: Li et al., 2020), Optuna what is
    below the median of the others; grid and random nothing."""
    from optuna.pruners import MedianPruner, NopPruner, SuccessiveHalvingPruner

    if method == "halving":
        return SuccessiveHalvingPruner(min_resource=1, reduction_factor=2)
    return MedianPruner(n_startup_trials=4, n_warmup_steps=0) if method == "optuna" else NopPruner()
