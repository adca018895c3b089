"""What others make of the columns of a table: LightGBM, and two of scikit-learn, each as its documents have it.

Each takes the rows to train on, those to stop by and those to predict, as data frames with the target apart, and returns the
probabilities of the classes in the order of their names, or numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Frame = Any
SEED = 0


@dataclass(frozen=True)
class Rows:
    """Rows of a table: all columns but the target, and the target."""

    x: Frame
    y: Any


def constant(train: Rows, validation: Rows, test: Rows, classes: bool) -> np.ndarray:
    """Guess the same for each row: the shares of the classes, or the mean."""
    if not classes:
        return np.full(len(test.y), train.y.mean())
    shares = train.y.value_counts(normalize=True).sort_index()
    return np.tile(shares.to_numpy(), (len(test.y), 1))


def lightgbm(train: Rows, validation: Rows, test: Rows, classes: bool) -> np.ndarray:
    """LightGBM with early stopping."""
    import lightgbm

    kind = lightgbm.LGBMClassifier if classes else lightgbm.LGBMRegressor
    model = kind(n_estimators=5000, random_state=SEED, verbose=-1)
    stop = lightgbm.early_stopping(50, verbose=False)
    x, of_validation, of_test = categorical(train.x, validation.x, test.x)
    model.fit(x, train.y, eval_set=[(of_validation, validation.y)], callbacks=[stop])
    return _predicted(model, of_test, classes)


def boosting(train: Rows, validation: Rows, test: Rows, classes: bool) -> np.ndarray:
    """scikit-learn's histogram gradient boosting with early stopping."""
    from sklearn import ensemble

    kind = ensemble.HistGradientBoostingClassifier if classes else ensemble.HistGradientBoostingRegressor
    model = kind(
        max_iter=5000,
        early_stopping=True,
        n_iter_no_change=50,
        categorical_features="from_dtype",
        random_state=SEED,
    )
    x, of_validation, of_test = categorical(train.x, validation.x, test.x)
    model.fit(x, train.y, X_val=of_validation, y_val=validation.y)
    return _predicted(model, of_test, classes)


def perceptron(train: Rows, validation: Rows, test: Rows, classes: bool) -> np.ndarray:
    """scikit-learn's multi-layer perceptron with early stopping, behind its usual encoders."""
    from sklearn import compose, impute, neural_network, pipeline, preprocessing

    numbers = list(train.x.select_dtypes("number").columns)
    others = [name for name in train.x.columns if name not in numbers]
    encoded = compose.make_column_transformer(
        (pipeline.make_pipeline(impute.SimpleImputer(strategy="median"), preprocessing.StandardScaler()), numbers),
        (preprocessing.OneHotEncoder(handle_unknown="ignore"), others),
    )
    kind = neural_network.MLPClassifier if classes else neural_network.MLPRegressor
    network = kind(early_stopping=True, max_iter=500, random_state=SEED)
    if not classes:
        network = compose.TransformedTargetRegressor(network, transformer=preprocessing.StandardScaler())
    model = pipeline.make_pipeline(encoded, network)
    model.fit(train.x, train.y)
    return _predicted(model, test.x, classes)


def categorical(*frames: Frame) -> list[Frame]:
    """Return frames whose texts are categories: those of the first one, and what is none of them is missing."""
    texts = [name for name in frames[0].columns if frames[0][name].dtype.kind not in "iufb"]
    categories = {name: frames[0][name].astype("category").dtype for name in texts}
    return [frame.astype(categories) for frame in frames]


def _predicted(model: Any, x: Frame, classes: bool) -> np.ndarray:
    return np.asarray(model.predict_proba(x) if classes else model.predict(x))


PEERS: Mapping[str, Callable[[Rows, Rows, Rows, bool], np.ndarray]] = {
    "LightGBM": lightgbm,
    "scikit-learn's boosting": boosting,
    "scikit-learn's MLP": perceptron,
    "constant": constant,
}
