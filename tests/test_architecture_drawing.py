"""Initial weights that are drawn again without building are those of a model that is built."""

from __future__ import annotations

import pytest

from fix_architectures import FILES, sequential, text_of
from keras_seg.architectures.build import build_and_note, build_model


def require_same(text: str) -> bool:
    """Compare what is drawn with what is built, for some seeds; return whether it can be drawn."""
    model, draws = build_and_note(text, 0)
    for seed in (0, 1, 2**40) if draws is not None else ():
        built = [variable.numpy() for variable in build_model(text, seed).variables]
        assert draws is not None
        drawn = draws.values(model.variables, seed)
        assert [(a.dtype, a.shape) for a in drawn] == [(a.dtype, a.shape) for a in built]
        assert all(a.tobytes() == b.tobytes() for a, b in zip(drawn, built, strict=True))
    return draws is not None


@pytest.mark.parametrize("name", FILES)
def test_of_every_keras(name: str) -> None:
    require_same(text_of(name))


USUAL = {
    "page": text_of("page_two_hidden_layers"),
    "dropout": sequential(("Dense", {"units": 9}), ("Dropout", {"rate": 0.5}), ("Dense", {"units": 2})),
    "normalized": sequential(("Dense", {"units": 9, "use_bias": False}), ("BatchNormalization", {}), ("Dense", {"units": 2})),
    "explicit": sequential(("Dense", {"units": 9, "kernel_initializer": {"class_name": "HeNormal", "config": {"seed": 5}}})),
    "convolution": sequential(("Conv2D", {"filters": 4, "kernel_size": 3}), ("Flatten", {}), shape=(8, 8, 1)),
    "embedding": sequential(("Embedding", {"input_dim": 9, "output_dim": 3}), ("Flatten", {}), ("Dense", {"units": 2})),
    "orthogonal": sequential(("Dense", {"units": 9, "kernel_initializer": "orthogonal"}), ("GaussianNoise", {"stddev": 0.1})),
}


@pytest.mark.parametrize("name", USUAL)
def test_usual_networks_are_not_built_again(name: str) -> None:
    assert require_same(USUAL[name])


def test_one_that_is_large_is_built_again() -> None:
    assert not require_same(sequential(("Dense", {"units": 2**20})))
