"""What a run says while it goes: a line for each milestone, and one every ten seconds in between."""

from __future__ import annotations

from dataclasses import dataclass, field

from automl.search.hyperband import HyperbandParams
from automl.search.hyperopt import HyperoptParams
from automl.search.scheduler import ListPlan, Milestone
from automl.search.space import Configuration
from automl.search.space_arguments import parse_space
from automl.training.progress import Progress
from automl.training.rows import Best


@dataclass
class Waiting:
    """Who waits, with a clock."""

    elapsed: float = 0.0
    said: list[str] = field(default_factory=list)

    def info(self, message: str) -> None:
        self.said.append(message)


def test_a_line_comes_every_ten_seconds_unless_another_was_said() -> None:
    waiting, best, share = Waiting(), Best(), 0.0
    progress = Progress(waiting, "latest validation accuracy", lambda: best, lambda: f"{share:.0%} of all iterations done")
    waiting.elapsed = 6.24
    progress.begins(13)
    for now in (7.0, 16.1, 16.3, 20.0):
        waiting.elapsed = now
        progress.goes_on()
    best, share, waiting.elapsed = Best(4, 0.25, 0.75), 0.2351, 24.0
    progress.reached(Milestone("bracket s=2, round i=0", "9 x 1 iterations"))
    for now in (33.9, 34.0, 34.1):
        waiting.elapsed = now
        progress.goes_on()
    assert waiting.said == [
        "training of 13 configurations begins after 6.2 s",
        "0% of all iterations done after 16.3 s; no trial has a finite loss yet",
        "bracket s=2, round i=0 done after 24.0 s: 9 x 1 iterations; best so far: mst_key 4, latest validation accuracy 0.75",
        "24% of all iterations done after 34.0 s; best so far: mst_key 4, latest validation accuracy 0.75",
    ]


def test_of_several_tries_it_says_what_the_mean_of_them_is() -> None:
    waiting = Waiting()
    best = Best(4, 0.25, 0.75, best_standard_error=0.0213)
    progress = Progress(waiting, "mean latest validation accuracy", lambda: best, lambda: "100% of all iterations done", 3)
    progress.begins(39)
    progress.ends("patience=4", 9, 27)
    assert waiting.said == [
        "training of 13 configurations, each 3 times, begins after 0.0 s",
        "patience=4 has ended the search after 0.0 s: 9 decisions about 9 configurations, 100% of all iterations done;"
        " best so far: mst_key 4, mean latest validation accuracy 0.75 (standard error 0.021)",
    ]


def test_what_a_budget_has_ended_is_said_with_how_far_it_was() -> None:
    waiting = Waiting()
    progress = Progress(waiting, "latest validation loss", lambda: Best(4, 0.25, 0.25), lambda: "100% of the time is over")
    progress.begins(None)
    waiting.elapsed = 12.0
    progress.ends("max_time=12 s", 137, 45)
    assert waiting.said == [
        "training of configurations begins after 0.0 s",
        "max_time=12 s has ended the search after 12.0 s: 137 decisions about 45 configurations, 100% of the time is over;"
        " best so far: mst_key 4, latest validation loss 0.25",
    ]


SPACE = parse_space([1], "{'loss': ['mse'], 'optimizer_params_list': [{'lr': [0.001, 0.1, 'log']}]}", "{'epochs': [1]}")
FOUR = parse_space([1], "{'loss': ['mse'], 'optimizer_params_list': [{'lr': [0.1, 0.2, 0.3, 0.4]}]}", "{'epochs': [1]}")


def test_the_iterations_of_all_trials() -> None:
    # 9 x 1 + 3 x 3 + 1 x 9, 3 x 3 + 1 x 9, 3 x 9
    assert HyperbandParams(R=9, eta=3).plan(SPACE, 0, 2).scheduler().iterations == 27 + 18 + 27
    assert HyperbandParams(R=9, eta=3).plan(FOUR, 0, 2).scheduler().iterations == 3 + 9 + 3 * 9
    assert HyperoptParams(num_configs=8, num_iterations=3).plan(SPACE, 0, 2).scheduler().iterations == 24
    assert ListPlan(((3, Configuration(1, "a", "b")), (5, Configuration(1, "a", "c"))), 4).scheduler().iterations == 8
