"""Layers that Keras 1 and 2 wrote otherwise, as Keras 3 has them, and what of a layer has no place here."""

from __future__ import annotations

from keras_seg.architectures import allowed
from keras_seg.architectures.problems import ArchitectureError, cut
from keras_seg.architectures.values import Config
from keras_seg.architectures.written import Written

# Arguments that Keras counts to in a Python loop while it builds.
_COUNTED = ("chain_depth", "num_chains", "num_ops", "power_iterations")
_HIGHEST_COUNT = 100
# What a layer cannot do without, and how one gets it from a layer that was adapted.
_LEARNED = {
    **dict.fromkeys(
        ("IntegerLookup", "StringLookup", "TextVectorization"),
        ("vocabulary", "layer.get_vocabulary(include_special_tokens=False)"),
    ),
    "Discretization": ("bin_boundaries", "layer.bin_boundaries"),
}
_MERGE_MODES = {"sum": "Add", "mul": "Multiply", "ave": "Average", "max": "Maximum", "concat": "Concatenate", "dot": "Dot"}


def todays_layer(class_name: str, config: Config, where: str, source: Written) -> tuple[str, Config]:
    """Return a layer's class and arguments as Keras 3 knows them, where they differ by more than a name.

    Args:
        config: the arguments; a copy, which is changed.
        where: what an error begins with.
        source: the Keras that wrote them.

    Raises:
        ArchitectureError: it is a Merge of Keras 1 in a way that is not supported.
    """
    if class_name == "Merge":
        return _merge(config, where)
    if class_name == "Embedding" and source.generation == 1 and not config.get("dropout"):
        config.pop("dropout", None)
    _former_defaults(class_name, config, source)
    for rows, size in (("nb_row", ("nb_row", "nb_col")), ("kernel_dim1", ("kernel_dim1", "kernel_dim2", "kernel_dim3"))):
        if rows in config and "kernel_size" not in config:
            config["kernel_size"] = [config.pop(side, None) for side in size]
    if "forget_bias_init" in config:
        config["unit_forget_bias"] = config.pop("forget_bias_init") in ("one", "ones")
    class_name = allowed.LAYER_ALIASES.get(class_name, class_name)
    if class_name == "BatchNormalization" and isinstance(axis := config.get("axis"), list) and len(axis) == 1:
        config["axis"] = axis[0]
    for format_key in ("dim_ordering", "data_format"):
        if config.get(format_key) == "default":
            del config[format_key]
    return class_name, config


def _former_defaults(class_name: str, config: Config, source: Written) -> None:
    """Write down what arguments were that a layer does not give, where they are something else today."""
    if source.generation == 3:
        return
    if class_name in ("GRU", "GRUCell"):
        config.setdefault("reset_after", False)  # the default changed when the argument came
    if class_name == "ThresholdedReLU":
        config.setdefault("theta", 1.0)
    hard = source.gates_were_hard and class_name in ("LSTM", "LSTMCell", "GRU", "GRUCell")
    if (hard or class_name.startswith("ConvLSTM")) and "inner_activation" not in config:
        config.setdefault("recurrent_activation", "hard_sigmoid")


def _merge(config: Config, where: str) -> tuple[str, Config]:
    """Return the layer for one way to merge; Keras 1 had one layer for all of them."""
    mode = config.get("mode")
    if config.get("mode_type", "raw") != "raw":
        raise ArchitectureError(f'{where} carries code, which is not loaded; use a mode such as "sum" or "concat"')
    if not isinstance(mode, str) or mode not in _MERGE_MODES or "layers" in config:
        raise ArchitectureError(
            f"{where}: the mode {cut(mode)} is not supported; use a Functional model with one of {', '.join(_MERGE_MODES)}"
        )
    merged: Config = {key: config[key] for key in ("name", "trainable") if key in config}
    if mode == "concat":
        merged["axis"] = config.get("concat_axis", -1)
    if mode == "dot":
        merged["axes"] = config.get("dot_axes", -1)
    return _MERGE_MODES[mode], merged


def checked(class_name: str, config: Config, where: str) -> Config:
    """Return converted arguments, which Keras takes, without those that have no place here.

    Raises:
        ArchitectureError: one would read a file, count too far, carry a state from row to row, or is not supported.
    """
    for argument in ("vocabulary", "idf_weights"):
        if isinstance(config.get(argument), str):
            raise ArchitectureError(f'{where} reads a file as its "{argument}", which is not allowed; write the list itself')
    _require_learned(class_name, config, where)
    config.pop("unroll", None)  # a loop that is unrolled computes the same, but one of a million steps would never be built
    for argument in _COUNTED:
        if isinstance(count := config.get(argument), (int, float)) and count > _HIGHEST_COUNT:
            raise ArchitectureError(f'{where}: "{argument}" must be at most {_HIGHEST_COUNT}, got {cut(count)}')
    if config.get("stateful"):
        raise ArchitectureError(f'{where} is stateful, but rows are trained in shuffled batches; set "stateful" to false')
    if config.get("weights") is not None:
        raise ArchitectureError(f'{where}: "weights" do not belong into the architecture but beside it, as model weights')
    for argument in ("lora_rank", "gptq_unpacked_column_size", "quantization_config"):
        if config.get(argument) is not None:
            raise ArchitectureError(f'{where}: "{argument}" is not supported')
    if class_name in ("TimeDistributed", "Bidirectional", "SpectralNormalization") and not config.get("layer"):
        raise ArchitectureError(f'{where} must have the layer that it wraps as its "layer"')
    return config


def _require_learned(class_name: str, config: Config, where: str) -> None:
    """Raise if a layer lacks what adapt() learns: it is in a file of the whole model, and not in every to_json()."""
    argument, get = _LEARNED.get(class_name, ("", ""))
    if argument and not config.get(argument):
        raise ArchitectureError(
            f'{where} has no "{argument}": what adapt() learned is not in model.to_json(); make the layer again'
            f" with {argument}={get}, and take model.to_json() of that"
        )
