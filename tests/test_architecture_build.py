"""Shapes of a model's rows, and its weights as bytes."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

from fix_architectures import SRC, dump_weights, text_of
from keras_seg.architectures.build import build_model, converted, input_shape, output_shape
from keras_seg.architectures.problems import ArchitectureError
from keras_seg.architectures.weights import load_weights


def test_several_inputs_or_outputs_are_not_supported() -> None:
    import keras

    one, two = keras.Input((3,)), keras.Input((3,))
    merged = keras.layers.Add()([one, two])
    model = build_model(keras.Model([one, two], [merged, keras.layers.Dense(2)(merged)]).to_json(), 1)
    with pytest.raises(ArchitectureError, match=r"^the model has 2 inputs; models with more than one input are not"):
        input_shape(model)
    with pytest.raises(ArchitectureError, match=r"^the model has 2 outputs; models with more than one output are not"):
        output_shape(model)


def test_a_sequential_without_input_has_no_shape() -> None:
    import keras

    with pytest.raises(ArchitectureError, match=r"give the first layer an input_shape$"):
        input_shape(keras.Sequential([keras.layers.Dense(3)]))


def test_an_open_dimension_is_reported() -> None:
    text = json.dumps(json.loads(text_of("keras-2.10.0_text"))).replace("[null, 7]", "[null, null]")
    with pytest.raises(ArchitectureError, match=r"^the input of the model has the shape \(None,\); give each dimension a"):
        input_shape(build_model(text, 1))


def test_weights_come_back_as_they_went_in() -> None:
    model = build_model(text_of("page_two_hidden_layers"), 1)
    raw = np.arange(193, dtype=np.float32).tobytes()
    load_weights(model, raw, converted(text_of("page_two_hidden_layers")))
    assert dump_weights(model) == raw
    assert model.get_weights()[0][0].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]  # rows of the first kernel, 4 by 10, in C order
    assert model.get_weights()[1].tolist() == [40, 41, 42, 43, 44, 45, 46, 47, 48, 49]


@pytest.mark.parametrize(("size", "shown"), [(1212, "303"), (0, "0"), (770, "192.5")])
def test_weights_of_another_length_are_refused(size: int, shown: str) -> None:
    model = build_model(text_of("page_two_hidden_layers"), 1)
    message = rf"^the weights hold {shown} numbers of float32 \({size} bytes\), but the architecture has 193 weights \(772 b"
    with pytest.raises(ArchitectureError, match=message):
        load_weights(model, bytes(size), converted(text_of("page_two_hidden_layers")))


def test_importing_does_not_import_keras() -> None:
    program = "import sys; sys.path.insert(0, sys.argv[1]); import keras_seg.architectures.build; print('keras' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", program, str(SRC)], check=True, capture_output=True, text=True)
    assert done.stdout == "False\n"
