"""Which parameters tell configurations apart, by name: what a leaderboard shows of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields

from automl.search.literals import Call
from automl.search.parameters import CompileParams, FitParams, parse_compile_params, parse_fit_params
from automl.search.space import Configuration

Named = Mapping[str, object]  # values by the names of parameters


def named(model_id: int, compiled: CompileParams, fit: FitParams) -> Named:
    """Return all parameters of a configuration by their names, those of the optimizer too, as JSON can hold them."""
    others = {each.name: getattr(compiled, each.name) for each in fields(compiled) if each.name != "optimizer_params"}
    optimizer = {"optimizer": others.pop("optimizer"), **compiled.optimizer_params}
    found = {"model_id": model_id, **optimizer, **others, **{each.name: getattr(fit, each.name) for each in fields(fit)}}
    return {name: _plain(value) for name, value in found.items()}


def varied(configurations: Iterable[Configuration]) -> tuple[str, ...]:
    """Return the names of the parameters that differ between configurations, or that only some of them have."""
    found = [_named(each) for each in configurations]
    names = dict.fromkeys(name for each in found for name in each)
    return tuple(name for name in names if len({(name in each, repr(each.get(name))) for each in found}) > 1)


def _named(configuration: Configuration) -> Named:
    compiled = parse_compile_params(configuration.compile_params)
    return named(configuration.model_id, compiled, parse_fit_params(configuration.fit_params))


def _plain(value: object) -> object:
    if isinstance(value, Call):
        arguments = [repr(each) for each in value.positional] + [f"{key}={each!r}" for key, each in value.keywords]
        return f"{value.name}({','.join(arguments)})"
    if isinstance(value, (tuple, list)):
        return ",".join(str(_plain(each)) for each in value)
    return value if value is None or isinstance(value, (bool, int, float, str)) else repr(value)
