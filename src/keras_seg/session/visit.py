"""A visit: one trial trains on partitions and evaluates them, as the stops of its order say."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
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
    TrainingStop,
    VisitOrder,
    VisitReport,
)
from keras_seg.server.failure import ends_statements, message_of
from keras_seg.server.interrupts import look
from keras_seg.session import programs
from keras_seg.session.cache import Cache
from keras_seg.session.shortage import ran_out
from keras_seg.training import buffers

if TYPE_CHECKING:
    from keras_seg.training.buffers import Buffer
    from keras_seg.training.evaluator import Evaluator
    from keras_seg.training.parameters import Compile
    from keras_seg.training.tensorboard import Board
    from keras_seg.training.trainer import Trainer

_WEIGHTS, _ROWS = 0, 1  # set the seeds of weights apart from those of the orders of rows


class Visit:
    """One visit while it runs: the program it uses, the trial's state, what it reports.

    Args:
        state: what came with the order; None for a trial that begins.
    """

    def __init__(self, plpy: Any, cache: Cache, order: VisitOrder, state: parts.Raw | None) -> None:
        self._plpy = plpy
        self._cache = cache
        self._order = order
        self._state = state
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

    def _make_stops(self) -> None:
        for stop in self._order.stops:
            if self._astray:
                return
            if isinstance(stop, TrainingStop):
                self._train(stop)
            else:
                self._evaluate(stop)

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
            rows = self._buffers(TRAINING, stop.partition)
            self._rows += trainer.train(self._compile, self._fit, rows, random, self._interrupt)
            if watched:
                self._sums[f"epoch {epoch}"] = trainer.sums()
        self._trained += 1
        self._current, self._frozen = None, None
        if watched and stop.last:
            self._tell_epochs(trainer, stop.iteration)
        self._setup_seconds += ready - begin
        self._training_seconds += time.perf_counter() - ready

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
        self._sums[stop.dataset] = sums
        if stop.last:
            loss, metrics = evaluator.results(self._sums.pop(stop.dataset))
            scores = Scores(loss, tuple(metrics))
            self._scores[stop.dataset] = scores
            if stop.dataset == VALIDATION and self._order.tensorboard is not None:
                self._tell_validation(stop.iteration, scores)
        self._evaluation_seconds += time.perf_counter() - begin

    def _parts(self, evaluator: Evaluator, stop: EvaluationStop) -> list[list[np.ndarray]]:
        """Return the sums that a stop adds: those of its partition, or those of all partitions, which came with the order."""
        if stop.partition is None:
            return [_arrays(sums) for sums in self._order.partition_sums]
        part = evaluator.zeros()
        for buffer in self._buffers(stop.dataset, stop.partition):
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

    def _buffers(self, dataset: str, partition: int) -> Iterator[Buffer]:
        data = self._cache.data
        if self._cache.setup.caching and (dataset, partition) not in data:
            data[dataset, partition] = list(self._read(dataset, partition, last=True))
        if (dataset, partition) in data:
            yield from data[dataset, partition]
        else:
            yield from self._read_once(dataset, partition)

    def _read_once(self, dataset: str, partition: int) -> Iterator[Buffer]:
        """Yield the buffers of a partition, which stays in memory if it is little: to read it again would take longer."""
        kept: list[Buffer] = []
        room = self._cache.room
        for buffer in self._read(dataset, partition):
            room -= buffer.size
            if room >= 0:
                kept.append(buffer)
            else:
                kept.clear()
            yield buffer
            del buffer  # before the next one is read
        if room >= 0:
            self._cache.data[dataset, partition], self._cache.room = kept, room

    def _read(self, dataset: str, partition: int, last: bool = False) -> Iterator[Buffer]:
        """Yield the buffers of a partition; what was fed is let go buffer by buffer if this is the `last` time."""
        fed, variables = self._cache.fed.get((dataset, partition)), self._cache.variables
        if last:
            self._cache.fed.pop((dataset, partition), None)
        if fed is not None:
            return (buffers.decode(variables, fed.pop(number) if last else fed[number]) for number in sorted(fed))
        query = buffers.in_parts(self._cache.setup.datasets[dataset], variables)
        cursor = self._plpy.cursor(self._plpy.prepare(query, ["integer"]), [partition])
        return buffers.buffers(variables, lambda: self._fetch(cursor))

    def _fetch(self, cursor: Any) -> Any:
        rows = cursor.fetch(1)
        self._interrupt()  # PL/Python frees its own copy of the row at the next statement
        return rows[0] if rows else None

    def _interrupt(self) -> None:
        look(self._plpy)


def _arrays(sums: Sequence[Any]) -> list[np.ndarray]:
    """Return sums as JSON has them as arrays, in which they are added in double precision."""
    return [np.asarray(array, np.float64) for array in sums]
