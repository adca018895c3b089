"""Networks for vectors of columns: their JSON in Keras and in numpy, and what their numbers become."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from automl.columns.layout import Layout
from automl.columns.networks import Form, bins, is_of_columns, mean_of, network, products
from fix_architectures import sequential
from keras_seg.architectures.build import build_model
from keras_seg.inference.network import network as in_numpy

EDGES = (-2.0, -1.0, 0.0, 0.5, 1.0, 3.0)
SMALL = Form(members=3, blocks=1, width=5, dropout=0.2, bins=4, embedding=2)
LAYOUTS = {
    "numbers": Layout((EDGES, (0.0, 1.0)), 0, (), 1, False),
    "flags": Layout((), 4, (), 3, True),
    "codes": Layout((), 0, (9, 12), 2, True),
    "numbers, flags and codes": Layout((EDGES, (0.0, 1.0)), 3, (9, 12, 30), 4, True),
    "one number": Layout((EDGES,), 0, (), 1, False),
    "one code": Layout((), 0, (9,), 2, True),
}


def rows_of(layout: Layout, count: int = 7) -> np.ndarray:
    """Rows of a layout: the last ones have codes from 0 to the largest."""
    random = np.random.default_rng(1)
    x = random.normal(0, 1.5, (count, layout.width)).astype(np.float32)
    for place, codes in enumerate(layout.codes, layout.width - len(layout.codes)):
        x[:, place] = np.arange(count) * codes // (count - 1)
    return x


def weights_of(model: Any) -> list[np.ndarray]:
    random = np.random.default_rng(2)
    return [random.normal(0, 0.5, weight.shape).astype(np.float32) for weight in model.get_weights()]


@pytest.mark.parametrize("members", [1, 3])
@pytest.mark.parametrize("name", LAYOUTS)
def test_keras_and_numpy_compute_the_same_of_its_json(name: str, members: int) -> None:
    import keras

    layout = LAYOUTS[name]
    text = network(layout, Form(members, 1, 5, 0.2, 4, 2))
    model = keras.models.model_from_json(text)
    weights = weights_of(model)
    model.set_weights(weights)
    x = rows_of(layout)
    expected = np.asarray(model(x))
    assert expected.shape == (7, layout.outputs)
    again = keras.models.model_from_json(keras.models.model_from_json(text).to_json())
    again.set_weights(weights)
    assert np.array_equal(again(x), expected)
    ours = build_model(text, 1)
    ours.set_weights(weights)
    assert np.array_equal(ours(x), expected)
    computed = in_numpy(text, b"".join(each.tobytes() for each in weights)).outputs(x)
    np.testing.assert_allclose(computed, expected, rtol=1e-6, atol=1e-6)


def test_all_its_weights_are_trained_and_its_edges_are_none() -> None:
    model = build_model(network(LAYOUTS["numbers, flags and codes"], SMALL), 1)
    shapes = [tuple(weight.shape) for weight in model.trainable_weights]
    # Two numbers of at most 4 bins to 2 each, 54 codes to 8 each, 3 members of 2 * 2 + 3 + 3 * 8 inputs, 5 units, 4 classes.
    assert sorted(shapes) == sorted([(2, 4, 2), (2, 2), (54, 8), (3, 31), (31, 5), (5,), (3, 5, 4), (3, 4)])
    assert model.non_trainable_weights == []


def test_a_number_becomes_how_much_of_each_bin_lies_below_it() -> None:
    import keras

    model = keras.models.model_from_json(network(Layout(((0.0, 1.0, 3.0), (0.0, 10.0)), 0, (), 1, False), SMALL))
    found = keras.Model(model.inputs, model.get_layer("bins_clamped").output)(np.array([[2.0, 5.0], [-1.0, 20.0]], np.float32))
    # The first has the bins 0 to 1 and 1 to 3, the second one bin, and none in the place of another one.
    assert np.asarray(found).tolist() == [[[1.0, 0.5], [0.5, 0.0]], [[0.0, 1.0], [0.0, 0.0]]]


def test_codes_share_one_table() -> None:
    import keras

    model = keras.models.model_from_json(network(Layout((), 0, (9, 12), 2, True), SMALL))
    found = keras.Model(model.inputs, model.get_layer("codes_placed").output)(np.array([[0, 0], [9, 12]], np.float32))
    assert np.asarray(found).tolist() == [[0.0, 10.0], [9.0, 22.0]]
    assert model.get_layer("codes_embedded").input_dim == 23


def test_bins_are_between_quantiles_and_none_is_empty() -> None:
    assert bins([0, 0, 0, 1, 2, 2, 4], 6) == [(0, 1), (1, 1), (2, 2)]
    assert bins([5.0, 5.0], 48) == [(5.0, 1.0)]
    assert bins([0.0, 1 / 3], 48) == [(0.0, 0.3333333)]


def test_of_very_many_columns_a_network_has_less_of_each() -> None:
    wide = Form().within_reason(Layout((EDGES,) * 1600, 1600, (), 2, True))
    assert (wide.members, wide.bins, wide.embedding) == (13, 5, 2)
    assert Form().within_reason(Layout((EDGES,) * 35, 20, (9,), 2, True)) == Form()


def test_products_of_a_row() -> None:
    # 2 numbers of 4 bins to 2 each, then 3 members of 4 + 3 + 24 inputs, 5 units and 4 classes; backwards takes twice as much.
    assert products(LAYOUTS["numbers, flags and codes"], SMALL) == 3 * (2 * 4 * 2 + 3 * (31 * 5 + 5 * 4))


def test_the_mean_of_networks_has_their_weights_one_after_the_other() -> None:
    import keras

    layout = LAYOUTS["numbers, flags and codes"]
    texts = [network(layout, SMALL), network(layout, Form(2, 2, 4, 0.0, 2, 3))]
    models = [keras.models.model_from_json(text) for text in texts]
    for model in models:
        model.set_weights(weights_of(model))
    x = rows_of(layout)
    mean = mean_of({"one": texts[0], "other": texts[1]})
    weights = [weight for model in models for weight in model.get_weights()]
    whole = keras.models.model_from_json(mean)
    whole.set_weights(weights)
    expected = (np.asarray(models[0](x)) + np.asarray(models[1](x))) / 2
    np.testing.assert_allclose(whole(x), expected, atol=1e-6)
    computed = in_numpy(mean, b"".join(each.tobytes() for each in weights)).outputs(x)
    np.testing.assert_allclose(computed, expected, atol=1e-6)


def test_a_network_of_ours_is_known_by_its_name() -> None:
    assert is_of_columns(network(LAYOUTS["flags"], SMALL))
    assert not is_of_columns(sequential(("Dense", {"units": 3})))
    assert json.loads(network(LAYOUTS["flags"], SMALL))["config"]["name"] == "columns"


def test_a_form_in_words() -> None:
    assert str(Form(32, 3, 512, 0.3)) == "32 members, 3 x 512, dropout 0.3"
