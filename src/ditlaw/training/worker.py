"""A worker process: takes jobs on standard input, answers each; both as lines of JSON.

A job is ``{"folder": RUN, "settings": null, "rounds": null}``, a run to train; with settings its
metrics are measured with them; with rounds the folder is a study whose steps are timed. Started as
``python -m ditlaw.training.worker [FOLDER]…``, folders where a user's own modules may lie. End of
input means that whoever started it is gone or wants it gone: it stops at once, mid-step; the run
resumes from its checkpoint.
"""

import contextlib
import json
import os
import queue
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    jobs: queue.Queue[dict[str, Any]] = queue.Queue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()

    sys.path += [folder for folder in sys.argv[1:] if folder not in sys.path]
    # What a library prints must not pass for an answer: answers get a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    import torch

    from ditlaw.errors import DitlawError
    from ditlaw.metrics.base import Settings
    from ditlaw.metrics.measuring import measure_run
    from ditlaw.study import open_study
    from ditlaw.training.folder import RunFolder, folder_runs
    from ditlaw.training.run import train
    from ditlaw.training.timing import time_models

    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "1")))
    while True:
        job = jobs.get()
        folder, settings, rounds = RunFolder(Path(job["folder"])), job["settings"], job["rounds"]
        try:
            if rounds is not None:
                time_models(folder_runs(folder.path, open_study(folder.path)), folder.path, rounds)
                answer = {"state": "done", "reason": None}
            elif settings is None:
                answer = {"state": train(folder), "reason": folder.status().reason}
            else:
                measure_run(folder, Settings.model_validate(settings))
                answer = {"state": "done", "reason": None}
        except Exception as error:  # one run's failure must not end the others
            said = (
                str(error) if isinstance(error, DitlawError) else f"{type(error).__name__}: {error}"
            )
            reason = said.splitlines()[0] if said else type(error).__name__
            log = folder.log if settings is rounds is None else folder.log_measuring
            with contextlib.suppress(OSError):  # a full disk cannot hold its own obituary
                log("failed", reason=reason, traceback=traceback.format_exc())
            answer = {"state": "failed", "reason": reason}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


def _listen(jobs: "queue.Queue[dict[str, Any]]") -> None:
    for line in sys.stdin:
        jobs.put(json.loads(line))
    os._exit(0)


if __name__ == "__main__":
    main()
