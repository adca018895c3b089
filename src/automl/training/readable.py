"""What can be said against the arguments of a search before there are tables that it is over."""

from __future__ import annotations

from automl.errors import Problems
from automl.models.compile_names import require_known
from automl.search.methods import find_method
from automl.search.space import COMPILE
from automl.search.space_arguments import parse_space
from automl.training.request import Arguments, computed_every, objective_of
from keras_seg.protocol.orders import VALIDATION


def require_readable(given: Arguments) -> None:
    """Raise unless what needs no table can be read, and goes together: the method, the grids, and what ranks trials.

    Args:
        given: arguments with a validation table, and no table of custom functions.

    Raises:
        AutomlError: all problems found, together.
    """
    problems = Problems()
    attempt = problems.attempt
    read = attempt(lambda: find_method(given.automl_method).read(given.automl_params))
    params = attempt(lambda: read.value[0])
    attempt(
        lambda: computed_every(given.metrics_compute_frequency, params.value.max_iterations, params.value.max_iterations_are)
    )
    space = attempt(lambda: parse_space(given.model_id_list, given.compile_params_grid, given.fit_params_grid))
    probes = attempt(lambda: space.value.probe_configurations())
    attempt(lambda: require_known(COMPILE, probes.value, None))
    attempt(lambda: objective_of(read.value[1], probes.value, VALIDATION))
    problems.stop()
