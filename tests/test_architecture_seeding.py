"""A seed decides everything random in a model, and nothing else does."""

from __future__ import annotations

import random
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

from fix_architectures import FILES, FOLDER, SRC, dump_weights, fingerprint, sequential, text_of
from keras_seg.architectures.build import build_model
from keras_seg.architectures.seeding import derived


@pytest.mark.parametrize("name", FILES)
def test_the_seed_decides_the_weights(name: str) -> None:
    first = fingerprint(build_model(text_of(name), 7))
    assert fingerprint(build_model(text_of(name), 7)) == first
    assert fingerprint(build_model(text_of(name), 8)) != first


@pytest.mark.soak
def test_two_processes_begin_with_the_same_weights_and_generators() -> None:
    names = [name for name in FILES if "3.15.1" in name or "page" in name]
    program = (
        "import sys; sys.path[:0] = sys.argv[1:3]\n"
        "from fix_architectures import fingerprint, text_of\n"
        "from keras_seg.architectures.build import build_model\n"
        "for name in sys.argv[3:]: print(fingerprint(build_model(text_of(name), 11)))\n"
    )
    command = [sys.executable, "-c", program, str(SRC), str(FOLDER.parent), *names]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert printed == [fingerprint(build_model(text_of(name), 11)) for name in names]


def test_seeds_are_the_same_in_every_version() -> None:
    assert derived(0, "model/1/kernel_initializer") == 607808948
    assert derived(1, "model/1/kernel_initializer") == 1311615835
    assert derived(0, "model/2/kernel_initializer") == 381246380


def test_initializers_given_by_name_are_seeded() -> None:
    text = sequential(("Dense", {"units": 9, "kernel_initializer": "glorot_uniform"}), ("Dense", {"units": 9}))
    assert dump_weights(build_model(text, 2)) == dump_weights(build_model(text, 2))


def test_explicit_seeds_are_kept() -> None:
    fixed = {"class_name": "GlorotUniform", "config": {"seed": 5}}
    text = sequential(("Dense", {"units": 9, "kernel_initializer": fixed}), ("Dropout", {"rate": 0.5, "seed": 6}))
    model = build_model(text, 1)
    assert dump_weights(model) == dump_weights(build_model(text, 2))
    assert model.layers[1].seed == 6
    assert model.layers[0].kernel_initializer.get_config()["seed"] == 5


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (("Dropout", {"rate": 0.5}), (4,)),
        (("AlphaDropout", {"rate": 0.5}), (4,)),
        (("SpatialDropout1D", {"rate": 0.5}), (4, 2)),
        (("GaussianNoise", {"stddev": 0.5}), (4,)),
        (("GaussianDropout", {"rate": 0.5}), (4,)),
        (("RandomFlip", {}), (4, 4, 3)),
        (("RandomRotation", {"factor": 0.5}), (4, 4, 3)),
        (("RandAugment", {}), (4, 4, 3)),
        (("LSTM", {"units": 2, "dropout": 0.5}), (4, 2)),
        (("RNN", {"cell": {"class_name": "GRUCell", "config": {"units": 2, "dropout": 0.5}}}), (4, 2)),
        (("Bidirectional", {"layer": {"class_name": "LSTM", "config": {"units": 2, "dropout": 0.5}}}), (4, 2)),
        (("TimeDistributed", {"layer": {"class_name": "Dense", "config": {"units": 2}}}), (4, 2)),
        (("SpectralNormalization", {"layer": {"class_name": "Dense", "config": {"units": 2}}}), (4,)),
    ],
    ids=lambda value: value[0] if isinstance(value[0], str) else "",
)
def test_nothing_random_is_left(layer: tuple[str, dict[str, Any]], shape: tuple[int, ...]) -> None:
    text = sequential(layer, shape=shape)
    states = []
    for start in (1, 2):
        random.seed(start)
        before = random.getstate()
        states.append(fingerprint(build_model(text, 5)))
        assert random.getstate() == before
    assert states[0] == states[1]
    assert fingerprint(build_model(text, 6)) != states[0]


def test_projections_of_attention_do_not_begin_as_equals() -> None:
    model = build_model(text_of("keras-3.15.1_attention"), 1)
    kernels = {weight.path.split("/")[-2]: np.asarray(weight) for weight in model.weights if weight.path.endswith("kernel")}
    assert not np.array_equal(kernels["query"], kernels["key"])
    assert not np.array_equal(kernels["key"], kernels["value"])


def test_both_directions_do_not_begin_as_equals() -> None:
    model = build_model(text_of("keras-2.10.0_text"), 1)
    forward, backward = model.layers[1].forward_layer, model.layers[1].backward_layer
    assert not np.array_equal(np.asarray(forward.weights[0]), np.asarray(backward.weights[0]))
    assert backward.go_backwards
