"""A ladder as a run sees it: steps of tasks, which say where the ladder has put each trial."""

from __future__ import annotations

from automl.search.ladder import Assignment, Ladder, Progress
from automl.search.scheduler import MethodColumn, Milestone, Step, Task, Turn

COLUMNS = (MethodColumn("s", "integer"), MethodColumn("i", "integer"))


def step_of(ladder: Ladder, progress: Progress) -> Step:
    """Return what follows from a report."""
    finished, milestone = progress.finished, None
    if finished is not None:
        detail = f"{len(progress.ranking)} x {finished.iterations} iterations"
        milestone = Milestone(f"bracket s={finished.bracket}, round i={finished.round}", detail)
    return Step((), tuple(task_of(ladder, each) for each in progress.assignments), milestone)


def task_of(ladder: Ladder, assignment: Assignment) -> Task:
    """Return what a trial is to train in a rung."""
    rung = assignment.rung
    place = {"s": rung.bracket, "i": rung.round}
    after = ladder.iterations_after(rung)
    return Task(assignment.trial, rung.iterations, rung.offset, after, place, turn_of(assignment))


def turn_of(assignment: Assignment) -> Turn:
    """Return where that stands in the order of the plan: bracket after bracket, as on the page."""
    return -assignment.rung.bracket, assignment.rung.round, assignment.trial
