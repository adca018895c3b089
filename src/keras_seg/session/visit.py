"""A visit: one trial trains on partitions and evaluates them, as the stops of its order say.

What calling a compiled function costs is more than what it does with few rows. So stops of the same kind are made in one call
where their partitions are little and stay in memory (`Cache.data`): the same batches, in the same order, and the same bits.
What goes wrong then, nobody knows of which stop: such a visit is made once more, one stop after the other.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING, Any

import numpy as np

from keras_seg.protocol import parts
from keras_seg.protocol import state as codec
from keras_seg.protocol.orders import (
    TRAINING,
    VALIDATION,
    EvaluationStop,
    Scores,
    StateForm,
    Stop,
    TrainingStop,
    VisitOrder,
    VisitReport,
)
from keras_seg.server.failure import ends_statements, message_of
from keras_seg.server.interrupts import look
from keras_seg.session import programs
from keras_seg.session.cache import Cache
from keras_seg.session.data import Data
from keras_seg.session.shortage import ran_out
from keras_seg.training.batches import Orders, batches

if TYPE_CHECKING:
    from keras_seg.training.buffers import Joined
    from keras_seg.training.evaluator import Evaluator
    from keras_seg.training.parameters import Compile
    from keras_seg.training.tensorboard import Board
    from keras_seg.training.trainer import Trainer

_LITTLE_STATE = 2**20  # bytes
_FEW_ROWS = 2**16  # to train on in one call: their order is drawn before it, and nothing looks for a cancellation meanwhile
_WEIGHTS, _ROWS = 0, 1  # set the seeds of weights apart from those of the orders of rows


class Visit:
    """One visit while it runs: the program it uses, the trial's state, what it reports.

    Args:
        state: what came with the order; None for a trial that begins.
        at_once: whether several stops may be made in one call.
    """

    def __init__(self, plpy: Any, cache: Cache, order: VisitOrder, state: parts.Raw | None, *, at_once: bool = True) -> None:
        self._plpy = plpy
        self._cache = cache
        self._data = Data(plpy, cache)
        self._order = order
        self._state = state
        # A large state must not stay in memory, as it would for a second try; and to train it takes long anyway.
        self._at_once = at_once and order.tensorboard is None and (state is None or len(state) <= _LITTLE_STATE)
        self._came = state if self._at_once else None
        self._joined_stops = False
        self._fit = order.fit
        self._trained = 0
        self._astray = False
        self._sums = {name: _arrays(sums) for name, sums in order.sums.items()}
        self._current: codec.State | None = None
        self._before: tuple[int, codec.State | None] = 0, None
        self._frozen: Any = None
        self._board: Board | None = None
        self._scores: dict[str, Scores] = {}
        self._rows = 0
        self._setup_seconds = self._training_seconds = self._evaluation_seconds = 0.0
        self._warning: str | None = None
        self._failure = VisitReport()

    def run(self) -> None:
        """Make all the stops of the order, one after the other. What raises ends it: the state is then as it was before the
        last stop that trained, and as it came where the machine had too little."""
        try:
            self._make_stops()
        except ends_statements(self._plpy):
            raise  # no fault of the trial
        except Exception as error:
            self._failure = VisitReport(error=f"{type(error).__name__}: {message_of(error)}", shortage=ran_out(error))
            self._trained, self._current = (0, None) if self._failure.shortage else self._before

    def settled(self) -> Visit:
        """Return this visit, or the one that was made in its place because something went wrong in a call for several stops."""
        if not self._joined_stops or (self._failure.error is None and not self._astray):
            return self
        again = Visit(self._plpy, self._cache, self._order, self._came, at_once=False)
        again.run()
        return again

    def _make_stops(self) -> None:
        for _, group in groupby(self._order.stops, _what):
            stops = list(group)
            if not self._astray and not self._make_at_once(stops):
                self._make(stops)

    def _make(self, stops: Sequence[Stop]) -> None:
        """Make stops one after the other."""
        for stop in stops:
            if self._astray:
                return
            if isinstance(stop, TrainingStop):
                self._train(stop)
            else:
                self._evaluate(stop)

    def _make_at_once(self, stops: Sequence[Stop]) -> bool:
        """Make stops of the same kind in one call; return whether that can be."""
        dataset = _what(stops[0])
        partitions = {stop.partition for stop in stops}
        rows = self._data.joined(dataset or TRAINING, partitions) if self._at_once else None
        if rows is None:
            return False
        if dataset is None:
            return self._train_at_once([stop for stop in stops if isinstance(stop, TrainingStop)], rows)
        return self._evaluate_at_once([stop for stop in stops if isinstance(stop, EvaluationStop)], rows)

    def new_state(self) -> list[bytes | memoryview]:
        """Return the parts of the state after the visit; none where it only evaluated, for then it is the one that came."""
        return codec.encoded_parts(self._now()) if self._trained else []

    def let_go(self) -> None:
        """Drop what the trial leaves in the compiled program, once its state was taken: each program would keep one."""
        if self._trained:
            self._trainer().release()

    def report(self, size: int) -> VisitReport:
        """Return what became of the visit.

        Args:
            size: bytes of the state that it leaves.
        """
        if self._failure.error is not None:
            return replace(self._failure, size=size, trained=self._trained)
        return VisitReport(
            size=size,
            scores=self._scores,
            sums={name: [array.tolist() for array in sums] for name, sums in self._sums.items()},
            trained=self._trained,
            rows=self._rows,
            setup_seconds=self._setup_seconds,
            training_seconds=self._training_seconds,
            evaluation_seconds=self._evaluation_seconds,
            memory_mb=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
            warning=self._warning,
            astray=self._astray,
        )

    # --- training -------------------------------------------------------------------------------------------------------

    def _train(self, stop: TrainingStop) -> None:
        begin = time.perf_counter()
        trainer = self._trainer()
        self._take_over(trainer)
        if self._astray:
            return
        ready = time.perf_counter()
        watched = self._order.tensorboard is not None
        for epoch in range(self._fit.epochs):
            if watched:
                trainer.begin_sums(self._sums.get(f"epoch {epoch}"))
            random = self._order_of_rows(stop, epoch)
            rows = self._data.buffers(TRAINING, stop.partition)
            self._rows += trainer.train(self._compile, self._fit, rows, random, self._interrupt)
            if watched:
                self._sums[f"epoch {epoch}"] = trainer.sums()
        self._trained += 1
        self._current, self._frozen = None, None
        if watched and stop.last:
            self._tell_epochs(trainer, stop.iteration)
        self._setup_seconds += ready - begin
        self._training_seconds += time.perf_counter() - ready

    def _train_at_once(self, stops: Sequence[TrainingStop], rows: Joined) -> bool:
        """Make stops in one call; return whether they are so little."""
        trained = sum(count for stop in stops for _, count in rows.places[stop.partition])
        if self._fit.epochs * max(1, trained) > _FEW_ROWS:
            return False
        begin = time.perf_counter()
        self._joined_stops = True
        trainer = self._trainer()
        self._take_over(trainer)
        if self._astray:
            return True
        ready = time.perf_counter()
        orders = [order for stop in stops for epoch in range(self._fit.epochs) for order in self._orders(stop, epoch, rows)]
        made = batches(orders, self._fit.batch_size)
        trainer.train_batches(self._compile, self._fit, rows.buffer, made, self._interrupt)
        self._rows += len(made.rows)
        self._trained += len(stops)
        self._current, self._frozen = trainer.dump(), None
        self._astray = not self._current.is_number  # what is no number in between is none at the end
        self._setup_seconds += ready - begin
        self._training_seconds += time.perf_counter() - ready
        return True

    def _orders(self, stop: TrainingStop, epoch: int, rows: Joined) -> Iterator[np.ndarray]:
        """Yield the orders of the rows of each buffer of a partition."""
        orders = Orders(self._fit, self._order_of_rows(stop, epoch))
        for begin, count in rows.places[stop.partition]:
            yield orders.next(count) + np.int32(begin)

    def _take_over(self, trainer: Trainer) -> None:
        """Let the program have the trial's state, unless weights are no numbers any more."""
        if self._trained:
            now = trainer.dump()
            self._before, self._astray = (self._trained, now), not now.is_number
            return
        state = self._begin(trainer)
        if not self._astray:
            trainer.load(state)
            self._state = None  # a large one need not stay in memory twice

    def _order_of_rows(self, stop: TrainingStop, epoch: int) -> np.random.Generator:
        seed = np.random.SeedSequence([*self._order.seed, _ROWS, stop.iteration, stop.partition, epoch])
        return np.random.Generator(np.random.PCG64(seed))

    def _begin(self, trainer: Trainer) -> codec.State:
        if self._state is not None and self._order.state is StateForm.TRIAL:
            state = codec.decode(self._state)
            self._astray = not state.is_number
            return trainer.with_rate(state, self._compile, self._order.rate_cuts)
        seed = np.random.SeedSequence([*self._order.seed, _WEIGHTS]).generate_state(1)[0]
        return trainer.initial(self._compile, int(seed), self._state)

    # --- evaluation -----------------------------------------------------------------------------------------------------

    def _evaluate(self, stop: EvaluationStop) -> None:
        begin = time.perf_counter()
        evaluator = self._evaluator()
        sums = self._sums.get(stop.dataset) or evaluator.zeros()
        for part in self._parts(evaluator, stop):
            sums = [whole + piece for whole, piece in zip(sums, part, strict=True)]
        self._summed(stop, sums)
        self._evaluation_seconds += time.perf_counter() - begin

    def _summed(self, stop: EvaluationStop, sums: list[np.ndarray]) -> None:
        """Note the sums of a dataset after a stop, and what they come to where it was the last."""
        evaluator = self._evaluator()
        self._sums[stop.dataset] = sums
        if stop.last:
            loss, metrics = evaluator.results(self._sums.pop(stop.dataset))
            scores = Scores(loss, tuple(metrics))
            self._scores[stop.dataset] = scores
            if stop.dataset == VALIDATION and self._order.tensorboard is not None:
                self._tell_validation(stop.iteration, scores)

    def _evaluate_at_once(self, stops: Sequence[EvaluationStop], rows: Joined) -> bool:
        """Make stops of the same dataset in one call; return whether each partition is one batch.

        With more of them the sums of each partition would be added before they are added to those of the others.
        """
        begin = time.perf_counter()
        evaluator = self._evaluator()
        places = [place for stop in stops for place in rows.places[stop.partition or 0]]
        several = len(places) != len(stops) or any(count > evaluator.network.evaluation_batch for _, count in places)
        bounds = [places[0][0], *(first + count for first, count in places)]
        if several or bounds[:-1] != [first for first, _ in places]:
            return False
        sums = self._sums.get(stops[0].dataset) or evaluator.zeros()
        weights = self._frozen_weights(evaluator)
        made = evaluator.add_batches(sums, weights, rows.buffer, np.array(bounds, np.int32), self._interrupt)
        self._summed(stops[-1], made)
        self._evaluation_seconds += time.perf_counter() - begin
        return True

    def _parts(self, evaluator: Evaluator, stop: EvaluationStop) -> list[list[np.ndarray]]:
        """Return the sums that a stop adds: those of its partition, or those of all partitions, which came with the order."""
        if stop.partition is None:
            return [_arrays(sums) for sums in self._order.partition_sums]
        part = evaluator.zeros()
        for buffer in self._data.buffers(stop.dataset, stop.partition):
            part = evaluator.add(part, self._frozen_weights(evaluator), buffer, self._interrupt)
            del buffer  # before the next one is read
        return [part]

    def _frozen_weights(self, evaluator: Evaluator) -> Any:
        if self._frozen is None:
            self._frozen = evaluator.network.frozen(self._now())
        return self._frozen

    def _now(self) -> codec.State:
        """Return the state of the trial at this moment."""
        if self._current is None:
            self._current = self._trainer().dump() if self._trained else self._arrived()
        return self._current

    def _arrived(self) -> codec.State:
        if self._state is None:
            raise ValueError("a trial that has not begun cannot be evaluated")
        if self._order.state is StateForm.TRIAL:
            return codec.decode(self._state)
        trainable, other = programs.network(self._cache, self._order.model).initial(0, True, self._state)
        return codec.State(trainable, other, (), ())

    # --- TensorBoard ----------------------------------------------------------------------------------------------------

    def _tell_epochs(self, trainer: Trainer, iteration: int) -> None:
        """Let TensorBoard know the epochs of an iteration: passes over all partitions."""
        first, points = (iteration - 1) * self._fit.epochs, []
        for epoch in range(self._fit.epochs):
            loss, metrics = self._evaluator().results(self._sums.pop(f"epoch {epoch}"))
            points.append((first + epoch, self._named(loss, metrics)))
        points[-1][1]["learning_rate"] = trainer.learning_rate(self._compile)
        with trainer.shown(self._now()) as model:
            self._tell(lambda board: board.trained(model, iteration, points))

    def _tell_validation(self, iteration: int, scores: Scores) -> None:
        """Let TensorBoard know a validation, as of the epoch before it."""
        model, epoch = self._evaluator().network.model, iteration * self._fit.epochs - 1
        named = self._named(scores.loss, scores.metrics)
        self._tell(lambda board: board.validated(model, iteration, epoch, named))

    def _named(self, loss: float, metrics: Sequence[float]) -> dict[str, float]:
        from keras_seg.training.objectives import names_of

        return {"loss": loss, **dict(zip(names_of(self._compile.metrics), metrics, strict=True))}

    def _tell(self, event: Callable[[Board], None]) -> None:
        """Write for TensorBoard; that it cannot be written is worth a warning, not the trial."""
        from keras_seg.training.tensorboard import Board, BoardProblem

        assert self._order.tensorboard is not None
        try:
            self._board = self._board or Board.of(self._plpy, self._order.tensorboard)
            event(self._board)
        except (BoardProblem, OSError) as problem:
            self._warning = f"TensorBoard's files are not written: {problem}"

    # --- programs and rows ----------------------------------------------------------------------------------------------

    @cached_property
    def _compile(self) -> Compile:
        return programs.compiled(self._cache, self._order.compile)

    def _trainer(self) -> Trainer:
        watched = self._order.tensorboard is not None
        return programs.trainer(self._cache, self._order.model, self._compile, self._fit, watched)

    def _evaluator(self) -> Evaluator:
        return programs.evaluator(self._cache, self._order.model, self._compile)

    def _interrupt(self) -> None:
        look(self._plpy)


def _what(stop: Stop) -> str | None:
    """Return the dataset that a stop evaluates; None for one that trains."""
    return stop.dataset if isinstance(stop, EvaluationStop) else None


def _arrays(sums: Sequence[Any]) -> list[np.ndarray]:
    """Return sums as JSON has them as arrays, in which they are added in double precision."""
    return [np.asarray(array, np.float64) for array in sums]
