"""One bar over the steps of all jobs, and what runs now."""

from collections.abc import Sequence

from tqdm import tqdm

from training.benchmark.jobs.job import Job


class SuiteProgress:
    """Counts steps of the optimiser; those of a running job are known at the end of its epochs."""

    def __init__(self, name: str, steps: int, finished: int) -> None:
        self._steps, self._finished = steps, finished
        self._shown = (finished, "")
        self._bar = tqdm(total=steps, initial=finished, desc=name, unit="step", smoothing=0)

    def expect(self, steps: int) -> None:
        """There are more steps to do than was known at the start."""
        self._steps += steps
        self._bar.total = self._steps

    def finish(self, job: Job) -> None:
        """A job has ended, well or not."""
        self._finished += job.steps

    def show(self, running: Sequence[Job]) -> None:
        """Say what runs."""
        done = self._finished + sum(job.steps_done() for job in running)
        shown = done, ", ".join(job.name for job in running)
        if shown == self._shown:
            return
        self._shown = shown
        self._bar.n = done
        self._bar.set_postfix_str(shown[1])

    def close(self) -> None:
        """Leave the bar as it is."""
        self._bar.close()
