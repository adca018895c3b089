"""Orders as a session of the page's example gets them, and orders that are none."""

from __future__ import annotations

import json
from typing import Any

from keras_seg.protocol.messages import Message
from keras_seg.protocol.orders import CompileOrder, FitOrder, SessionSetup, TrainingStop, VisitOrder
from keras_seg.protocol.variables import Variable, Variables


def dataset_query(variables: Variables, table: str) -> str:
    """The query of a dataset, without what chooses a partition and orders its buffers."""
    named = zip(variables.all, variables.names, strict=True)
    columns = (f"{each.column} AS {value}, {each.column}_shape AS {shape}" for each, (value, shape) in named)
    return f"SELECT {', '.join(columns)} FROM {table}"


IRIS = Variables((Variable("attributes", (4,), "float32"),), Variable("class_text", (3,), "int16"))
SETUP = SessionSetup(datasets={"training": dataset_query(IRIS, "train") + " WHERE $1 >= 0"}, variables=IRIS)
SGD = CompileOrder("SGD", {"lr": 0.1}, "categorical_crossentropy")
ORDER = VisitOrder("m", SGD, FitOrder(batch_size=8), (1, 1), (TrainingStop(1, 0, True),))


def altered(message: Message, path: str = "", **changed: Any) -> str:
    """The JSON of a message with other values of the object at a path; `...` takes a key away."""
    whole = json.loads(message.to_json())
    place = whole
    for step in path.split():
        place = place[int(step) if step.isdigit() else step]
    place.update(changed)
    for key in [key for key, value in changed.items() if value is ...]:
        del place[key]
    return json.dumps(whole)
