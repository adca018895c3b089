"""The two columns of docs/from-keras.md say the same: the architecture in SQL is the one that the Python beside it makes."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest

from keras_seg.architectures.build import build_model

PAGE = (Path(__file__).resolve().parent.parent / "docs/from-keras.md").read_text()
EXAMPLES = {
    title: (python, sql)
    for title, text in re.findall(r"^## (.*?)\n(.*?)(?=^## |\Z)", PAGE, re.M | re.S)
    for python, sql in re.findall(r"```python\n(.*?)```.*?```sql\n(.*?)```", text, re.S)
}
ARCHITECTURE = r"load_keras_model\('nets', '(\{.*?\}\]\})'"
OF_OLD_KERAS = "An old file"  # whose Python nothing here can run


@dataclass(frozen=True)
class Made:
    """What a model is: layers, whatever they are called, and what it was compiled with."""

    layers: list[tuple[str, Any, int, bool]]
    loss: str
    optimizer: str
    rate: float

    @classmethod
    def of(cls, model: keras.Model) -> Made:
        loss, optimizer = model.loss, model.optimizer
        name = loss if isinstance(loss, str) else loss.__name__
        return cls(layers_of(model), name, type(optimizer).__name__, float(optimizer.learning_rate))


def layers_of(model: keras.Model) -> list[tuple[str, Any, int, bool]]:
    return [(type(each).__name__, each.output.shape, each.count_params(), each.trainable) for each in model.layers]


@pytest.fixture(scope="module")
def made() -> dict[str, Made]:
    """What the Python of the page makes, by the titles of the examples; it is compiled, and not trained."""
    names: dict[str, Any] = {"x": np.zeros(4), "y": np.zeros(4), "reviews": ["A good film", "What a bad film"]}
    found = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.Model, "fit", lambda *_, **__: None)
        patch.setattr(keras.Model, "predict", lambda *_, **__: np.zeros((4, 3)))
        exec("import keras\nfrom keras import layers", names)
        for title, (python, _) in EXAMPLES.items():
            if title != OF_OLD_KERAS:
                exec(python, names)
                found[title] = Made.of(names[re.findall(r"^(\w+) = keras.Sequential", python, re.M)[0]])
    return found


def test_the_page_has_ten_networks() -> None:
    assert len(EXAMPLES) == 10


@pytest.mark.parametrize("title", [title for title in EXAMPLES if title != OF_OLD_KERAS])
def test_both_columns_are_the_same_network(made: dict[str, Made], title: str) -> None:
    sql = EXAMPLES[title][1]
    loaded = re.findall(ARCHITECTURE, sql, re.S) or re.findall(ARCHITECTURE, PAGE, re.S)  # or the first one of the page
    assert layers_of(build_model(loaded[0], 0)) == made[title].layers
    compiled = re.search(r"loss='(\w+)',\s*optimizer='(\w+)\((?:lr=([\d.]+))?", sql)
    assert compiled
    loss, optimizer, rate = compiled.groups()
    assert (loss, optimizer) == (made[title].loss, made[title].optimizer)
    assert float(rate or 0.001) == pytest.approx(made[title].rate)  # Keras' default
