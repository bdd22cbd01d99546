"""An executor: one run after another in this very process, with nothing beside it.

The run folders hold all state, so a run that is handed over twice resumes, and an executor has
none of its own. ``prepare`` makes a process ready, ``carry_out`` does one job in it; a bigger one
calls the two wherever its processes are.
"""

from ditlaw.executors.job import carry_out, prepare


class InThisProcess:
    """Use it as ``run_study(study_file, folder, executor=InThisProcess())``."""

    def run(self, jobs, *, on_end=lambda ended: None, on_tick=lambda: None):
        prepare(threads=1, modules=[])
        ended = []
        for job in jobs:
            ended.append(carry_out(job))  # a failed run is told, and does not stop the others
            on_end(ended[-1])
            on_tick()
        return ended
