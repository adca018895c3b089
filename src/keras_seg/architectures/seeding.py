"""Seeds for everything random in a model: each its own, derived from one seed and from where it stands in the architecture.

The path counts positions and not names, so that an architecture gives the same weights whatever its layers are called. An
explicit seed in the architecture is kept.
"""

from __future__ import annotations

import copy
import hashlib
import inspect
import random
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from keras_seg.architectures import allowed

Config = dict[str, Any]

# Layers that copy their initializer, with its seed, for each of their projections; query and key would begin as equals.
_PROJECTING = frozenset(("MultiHeadAttention", "GroupedQueryAttention"))
# Weights that a layer draws without asking its configuration: the layer, the weight, its initializer.
_UNSEEDED: tuple[tuple[str, str, str, Config], ...] = (
    ("SpectralNormalization", "vector_u", "TruncatedNormal", {"stddev": 0.02}),
    ("AdditiveAttention", "scale", "GlorotUniform", {}),
)
_PARTS = ("layer", "backward_layer", "cell", "activation", "recurrent_activation")


def derived(seed: int, path: str) -> int:
    """Return the seed of what stands at `path`: 1 to 2**31 - 1, the same in every process and version."""
    digest = hashlib.blake2b(f"{seed}:{path}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") % (2**31 - 1) + 1


class Seeding:
    """Gives the seeds of one model.

    Args:
        seed: what all others derive from.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._given: dict[int, str] = {}

    @property
    def paths(self) -> Mapping[int, str]:
        """Where in the architecture each seed that was given stands."""
        return self._given

    def seeded(self, config: Config) -> Config:
        """Return a copy of a converted architecture in which nothing random is without a seed."""
        config = copy.deepcopy(config)
        self._object(config, "model")
        return config

    @staticmethod
    def finishes(model: Any) -> bool:
        """Tell whether there is something for `finish` to do."""
        drawn = _PROJECTING.union(class_name for class_name, *_ in _UNSEEDED)
        return any(type(layer).__name__ in drawn for layer in model._flatten_layers(include_self=False))

    def finish(self, model: Any) -> None:
        """Draw the weights again that the configuration of a layer cannot seed."""
        for index, layer in enumerate(model._flatten_layers(include_self=False)):
            if type(layer).__name__ in _PROJECTING:
                for projection in layer._flatten_layers(include_self=False):
                    self._redraw(projection, "kernel")
                    self._redraw(projection, "bias")
            for class_name, weight, initializer, config in _UNSEEDED:
                if type(layer).__name__ == class_name and getattr(layer, weight, None) is not None:
                    seed = derived(self._seed, f"{weight}/{index}")
                    self._draw(getattr(layer, weight), initializer, {**config, "seed": seed})

    def _object(self, node: Config, path: str) -> None:
        config = node["config"]
        if node["class_name"] in allowed.MODELS:
            self._list(config["layers"], path)
            return
        if node["class_name"] == "InputLayer":
            return
        if node["class_name"] == "Bidirectional" and config.get("backward_layer") is None:
            config["backward_layer"] = _backward(config["layer"])
        for argument, default in allowed.arguments("layers", node["class_name"]).items():
            self._argument(config, argument, default, f"{path}/{argument}")

    def _list(self, nodes: list[Config], path: str) -> None:
        for index, node in enumerate(nodes):
            self._object(node, f"{path}/{index}")

    def _argument(self, config: Config, argument: str, default: object, path: str) -> None:
        value = config.get(argument)
        if argument == "seed" and value is None:
            config["seed"] = self._give(path)
        elif argument in ("cells", "layers") and isinstance(value, list):
            self._list(value, path)
        elif argument in _PARTS and isinstance(value, dict) and value["class_name"] != "function":
            self._object(value, path)
        elif argument.endswith("_initializer"):
            self._initializer(config, argument, default, path)

    def _initializer(self, config: Config, argument: str, default: object, path: str) -> None:
        value = config.get(argument, None if default is inspect.Parameter.empty else default)
        if isinstance(value, str):
            class_name = allowed.member("initializers", value)
            value = {"module": "keras.initializers", "class_name": class_name, "config": {}, "registered_name": None}
        if value is None:
            return
        config[argument] = value
        if "seed" in allowed.arguments("initializers", value["class_name"]) and value["config"].get("seed") is None:
            value["config"]["seed"] = self._give(path)

    def _give(self, path: str) -> int:
        seed = derived(self._seed, path)
        self._given[seed] = path
        return seed

    def _redraw(self, layer: Any, name: str) -> None:
        """Draw one weight of a projection from a seed of its own."""
        initializer: Any = getattr(layer, f"{name}_initializer", None)
        weight = getattr(layer, name, None)
        if weight is None or getattr(initializer, "seed", None) not in self._given:
            return
        config = {**initializer.get_config(), "seed": derived(initializer.seed, layer.name)}
        weight.assign(type(initializer)(**config)(weight.shape, dtype=weight.dtype))

    def _draw(self, weight: Any, initializer: str, config: Config) -> None:
        import keras

        weight.assign(getattr(keras.initializers, initializer)(**config)(weight.shape, dtype=weight.dtype))


def _backward(layer: Config) -> Config:
    """Return the backward layer that Bidirectional would make, so that it can be given seeds of its own."""
    backward = copy.deepcopy(layer)
    backward["config"]["go_backwards"] = True
    backward["config"]["name"] = "backward_" + str(layer["config"]["name"]).removeprefix("forward_")
    return backward


@contextmanager
def undisturbed_random() -> Iterator[None]:
    """Leave Python's global generator as it was: Keras draws default seeds from it, even where they are then not used."""
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)
