"""What a trial tells TensorBoard: event files, written by Keras' own callback, below the directory that a superuser configured.

A session trains as ever and lets the callback know what has come of each epoch. So training with the callback is training
without it, bit for bit, and what is written is what `keras.Model.fit` would write.

Where it is written is decided here, on the session, because any role can call a session with an order of its own:

    directory         from a table of the extension that nobody but a superuser can change
      log_dir         of the order, mapped below the directory
        role          whose rights the session has, so that nobody writes over another role's files
          run_12      the search
            mst_key_3
              train, validation

A file holds one iteration and is named after it. A visit that is repeated writes the same file again.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras

from keras_seg.protocol.orders import TensorBoardOrder
from keras_seg.server.folders import PathProblem, below, folder, name_of, put

_CONFIGURED = "SELECT directory FROM madlib.automl_tensorboard_setting"
_WHO = "SELECT current_user::pg_catalog.text AS role"  # a type "text" of the caller's own could name another role

Point = tuple[int, Mapping[str, float]]  # an epoch, counted from 0, and what it is known by


class BoardProblem(ValueError):
    """TensorBoard's files cannot be written; the message says why, and what to do."""


@dataclass(frozen=True)
class Board:
    """The event files of one trial.

    Attributes:
        directory: that a superuser configured.
        parts: the folders that lead from there to those of the trial.
        histogram_freq: histograms of the weights are written every so many epochs; 0 for none.
        write_graph, write_images: as Keras' callback has them.
    """

    directory: str
    parts: tuple[str, ...]
    histogram_freq: int
    write_graph: bool
    write_images: bool

    @classmethod
    def of(cls, plpy: Any, given: TensorBoardOrder) -> Board:
        """Return the event files of a trial.

        Args:
            plpy: of the session, which asks where they go and whose they are.
            given: what is to be written.

        Raises:
            BoardProblem: no directory is configured, it cannot be written, or the path cannot be mapped below it.
        """
        rows = plpy.execute(_CONFIGURED)
        if not rows:
            raise BoardProblem(
                "no directory is configured for TensorBoard; a superuser configures one:"
                " SELECT madlib.automl_tensorboard('/var/log/tensorboard')"
            )
        directory = str(rows[0]["directory"])
        if not (os.path.isdir(directory) and os.access(directory, os.W_OK | os.X_OK)):
            raise BoardProblem(f"the server's OS user cannot write to the directory configured for TensorBoard, {directory}")
        try:
            parts = below(directory, given.log_dir)
        except PathProblem as problem:
            raise BoardProblem(f"log_dir: {problem}") from None
        role = name_of(str(plpy.execute(_WHO)[0]["role"]))
        own = (role, f"run_{given.run}", f"mst_key_{given.trial}")
        return cls(directory, (*parts, *own), given.histogram_freq, given.write_graph, given.write_images)

    def trained(self, model: keras.Model, iteration: int, points: Sequence[Point]) -> None:
        """Write what the epochs of an iteration came to, and the model's weights if it is their turn.

        Args:
            model: with the weights of the end of the iteration.
            iteration: counted from 1; it names the file.
            points: the epochs, counted from 0 over the whole training, at least one.

        Raises:
            OSError: it cannot be written.
        """
        *others, (last, values) = points
        turn = bool(self.histogram_freq) and any(epoch % self.histogram_freq == 0 for epoch, _ in points)

        def events(callback: keras.callbacks.TensorBoard) -> None:
            for epoch, each in others:
                callback.on_epoch_end(epoch, dict(each))
            # The weights that are there are those of the end of the last epoch.
            callback.histogram_freq = int(turn)
            callback.on_epoch_end(last, dict(values))

        with folder(self.directory, (*self.parts, "train")) as here:
            first = set(os.listdir(here)) <= {_name(iteration)}
            options = {"write_graph": self.write_graph and first, "write_images": self.write_images}
            put(here, _name(iteration), _written(model, "train", options, events))

    def validated(self, model: keras.Model, iteration: int, epoch: int, values: Mapping[str, float]) -> None:
        """Write what a validation came to.

        Args:
            model: any of the trial's; its weights are not written.
            iteration: counted from 1; it names the file.
            epoch: the one that it came after, counted from 0.
            values: the loss and the metrics by name.

        Raises:
            OSError: it cannot be written.
        """
        logs = {f"val_{name}": value for name, value in values.items()}
        with folder(self.directory, (*self.parts, "validation")) as here:
            content = _written(model, "validation", {"write_graph": False}, lambda callback: callback.on_epoch_end(epoch, logs))
            put(here, _name(iteration), content)


def _name(iteration: int) -> str:
    """Return the name of an event file: TensorBoard reads those of a folder in the order of their names, once each."""
    return f"events.out.tfevents.{iteration:010d}.v2"


def _written(
    model: keras.Model, kind: str, options: Mapping[str, bool], events: Callable[[keras.callbacks.TensorBoard], None]
) -> bytes:
    """Return the event file that Keras' callback writes; it knows paths only, and so writes into a place of its own."""
    with tempfile.TemporaryDirectory(prefix="keras_automl-") as place:
        model.optimizer = None  # it asks a compiled model for one; the learning rate comes with the values
        callback = keras.callbacks.TensorBoard(place, **options)
        callback.set_model(model)
        events(callback)
        callback.on_train_end()
        (file,) = Path(place, kind).iterdir()
        return file.read_bytes()
