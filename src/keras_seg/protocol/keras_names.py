"""What the installed Keras calls its losses, metrics and optimizers, read from its files: importing it takes seconds, and a
session.

`objectives` and `optimizers` look the names up in Keras itself; a test keeps both alike.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path

ACCURACY = frozenset(("accuracy", "acc"))
CROSSENTROPY = frozenset(("crossentropy", "ce"))
# Names that Keras 1 and 2 knew.
FORMER = {
    "cosine_proximity": "cosine_similarity",
    "cosine": "cosine_similarity",
    "kullback_leibler_divergence": "kl_divergence",
    "logcosh": "log_cosh",
    # A function whose one parameter has no default; its class has one.
    "categorical_generalized_cross_entropy": "CategoricalGeneralizedCrossEntropy",
}
UTILITIES = frozenset(("serialize", "deserialize", "get"))
# Losses and metrics that read the numbers of classes, and those that look for the place of the largest value.
NUMBERS_LOSSES = frozenset(
    (
        "circle",
        "categorical_generalized_cross_entropy",
        "sparse_categorical_crossentropy",
        "CategoricalGeneralizedCrossEntropy",
        "Circle",
        "SparseCategoricalCrossentropy",
    )
)
NUMBERS_METRICS = NUMBERS_LOSSES | {
    "sparse_categorical_accuracy",
    "sparse_top_k_categorical_accuracy",
    "SparseCategoricalAccuracy",
    "SparseTopKCategoricalAccuracy",
}
SCORES = frozenset(("F1Score", "f1_score", "FBetaScore", "f_beta_score"))
_DIVERGENCE = {"kld", "KLD", "kl_divergence", "KLDivergence", "kullback_leibler_divergence"}  # of one output: of 0 it is 0
CLASSES_LOSSES = NUMBERS_LOSSES | {
    *_DIVERGENCE,
    "categorical_crossentropy",
    "categorical_focal_crossentropy",
    "CategoricalCrossentropy",
    "CategoricalFocalCrossentropy",
}
CLASSES_METRICS = (
    (CLASSES_LOSSES - _DIVERGENCE)
    | NUMBERS_METRICS
    | {
        "categorical_accuracy",
        "top_k_categorical_accuracy",
        "CategoricalAccuracy",
        "TopKCategoricalAccuracy",
        "IoU",
        "MeanIoU",
        "OneHotIoU",
        "OneHotMeanIoU",
    }
)
_MODULES = {"loss": "losses", "metric": "metrics"}
# What Keras has among its optimizers that no trial can be trained with: it is no optimizer by itself.
NO_OPTIMIZERS = frozenset(("Optimizer", "LossScaleOptimizer", "MultiOptimizer", "OptimizerMap"))
_RATE = "learning_rate"
_OWN_MODULES = re.compile(
    r"\s*(?:(?:tf|tensorflow|keras|optimizers|losses|metrics|callbacks|schedules|legacy|experimental|compat|v1|v2)\.)+(?=\w)"
)


def without_module(text: str) -> str:
    """Return a name of Keras, or a call, without the modules that Python's code has before it.

    >>> without_module("tf.keras.metrics.AUC()"), without_module("losses.Huber(delta=2.0)"), without_module("mse")
    ('AUC()', 'Huber(delta=2.0)', 'mse')
    """
    found = _OWN_MODULES.match(text)
    return text[found.end() :] if found else text


def is_known(what: str, name: str) -> bool:
    """Return whether a "loss" or "metric" of this name is one of Keras, whether or not it fits rows."""
    return name in names(what) or name in FORMER or name.lower() in ACCURACY | CROSSENTROPY


def one_name(what: str, text: str) -> str:
    """Return one name for all ways to write a loss or a metric, with its arguments as they are written.

    Class numbers and one-hot rows give the same crossentropy.

    >>> one_name("loss", "MSE"), one_name("loss", "CategoricalCrossentropy(label_smoothing=0.1)")
    ('mean_squared_error', 'categorical_crossentropy(label_smoothing=0.1)')
    """
    written, bracket, arguments = text.partition("(")
    return plain_name(what, written.strip()).removeprefix("sparse_") + (bracket + arguments).replace("()", "")


def plain_name(what: str, name: str) -> str:
    """Return one name for all names of a loss or a metric.

    >>> plain_name("metric", "MSE"), plain_name("loss", "SparseCategoricalCrossentropy"), plain_name("metric", "AUC")
    ('mean_squared_error', 'sparse_categorical_crossentropy', 'auc')
    """
    former = FORMER.get(name, name)
    return _snake_case(_aliases(what).get(former, former))


@cache
def optimizers() -> Mapping[str, frozenset[str]]:
    """Return the parameters of each optimizer of Keras, by its name; empty where Keras is not installed.

    `lr` and `decay`, which older ones had, are among them.
    """
    package = _package()
    if package is None:
        return {}
    tree = ast.parse((package / "optimizers" / "__init__.py").read_text())
    modules = {alias.name: node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    files = {name: package.parent / f"{str(module).replace('.', '/')}.py" for name, module in modules.items()}
    found = {name: _parameters(file, name) for name, file in files.items() if file.is_file() and name not in NO_OPTIMIZERS}
    return {name: frozenset((*parameters, "lr", "decay")) for name, parameters in found.items() if _RATE in parameters}


def _parameters(file: Path, name: str) -> frozenset[str]:
    """Return the parameters of a class of a file, but those that are not for a trial to choose."""
    classes = [each for each in ast.parse(file.read_text()).body if isinstance(each, ast.ClassDef) and each.name == name]
    made = [each for cls in classes for each in cls.body if isinstance(each, ast.FunctionDef) and each.name == "__init__"]
    arguments = [each.arg for function in made for each in (*function.args.args, *function.args.kwonlyargs)]
    return frozenset(arguments) - {"self", "name"}


@cache
def _aliases(what: str) -> Mapping[str, str]:
    """Return what each alias of a loss or a metric stands for."""
    package = _package()
    if package is None:
        return {}
    nodes = ast.walk(ast.parse((package / "src" / _MODULES[what] / "__init__.py").read_text()))
    pairs = [pair for node in nodes if isinstance(node, ast.Dict) for pair in zip(node.keys, node.values, strict=True)]
    return {str(key.value): value.id for key, value in pairs if isinstance(key, ast.Constant) and isinstance(value, ast.Name)}


def reads_logits(loss: str) -> bool:
    """Return whether a loss reads outputs as logits: `BinaryCrossentropy(from_logits=True)`."""
    try:
        node = ast.parse(loss.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return False
    given = node.keywords if isinstance(node, ast.Call) else []
    values = [each.value for each in given if each.arg == "from_logits"]
    return any(isinstance(value, ast.Constant) and value.value is True for value in values)


@cache
def names(what: str) -> frozenset[str]:
    """Return the names under which Keras has losses ("loss") or metrics ("metric"); empty where it is not installed."""
    package, module = _package(), _MODULES[what]
    if package is None:
        return frozenset()
    public = _imported(ast.parse((package / module / "__init__.py").read_text()))
    source = ast.parse((package / "src" / module / "__init__.py").read_text())
    return (public | _listed(source)) - UTILITIES


def _package() -> Path | None:
    """Return the folder of the installed Keras."""
    spec = find_spec("keras")
    return None if spec is None or spec.origin is None else Path(spec.origin).parent


def _imported(tree: ast.Module) -> frozenset[str]:
    """Return the names that a module of Keras' public interface takes from elsewhere: all that it has."""
    found = {alias.asname or alias.name for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    return frozenset(name for name in found if not name.startswith("_"))


def _listed(tree: ast.Module) -> frozenset[str]:
    """Return the names in a module's ALL_OBJECTS_DICT: its aliases, its classes, and these in snake case where it says so."""
    nodes = list(ast.walk(tree))
    keys = [key for node in nodes if isinstance(node, ast.Dict) for key in node.keys]
    found = {key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str)}
    elements = [element for node in nodes if isinstance(node, ast.Set) for element in node.elts]
    classes = {element.id for element in elements if isinstance(element, ast.Name)}
    in_snake_case = any(isinstance(node, ast.Name) and node.id == "to_snake_case" for node in nodes)
    return frozenset(found | classes | ({_snake_case(name) for name in classes} if in_snake_case else set()))


def _snake_case(name: str) -> str:
    """As Keras has it: a word begins at a capital with small letters behind it, or small ones before it.

    >>> _snake_case("MeanIoU"), _snake_case("AUC"), _snake_case("R2Score")
    ('mean_io_u', 'auc', 'r2_score')
    """
    return re.sub("([a-z])([A-Z])", r"\1_\2", re.sub("(.)([A-Z][a-z]+)", r"\1_\2", name)).lower()
