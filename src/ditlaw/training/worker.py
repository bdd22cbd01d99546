"""A worker process: takes jobs on standard input, answers each; both as lines of JSON.

Started as ``python -m ditlaw.training.worker [FOLDER]…``, folders where a user's own modules may
lie. End of input means that whoever started it is gone or wants it gone: it stops at once,
mid-step; the run resumes from its checkpoint.
"""

import json
import os
import queue
import signal
import sys
import threading

from ditlaw.compute.devices import device_share
from ditlaw.executors.job import Job, carry_out, prepare


def main() -> None:
    """Serve until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides when to stop
    jobs: queue.Queue[Job] = queue.Queue()
    threading.Thread(target=_listen, args=(jobs,), daemon=True).start()

    # What a library prints must not pass for an answer: answers get a descriptor of their own.
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    threads = int(os.environ.get("OMP_NUM_THREADS", "1"))
    prepare(threads, modules=sys.argv[1:], share=device_share())
    while True:
        ended = carry_out(jobs.get())
        answers.write(json.dumps({"state": ended.state, "reason": ended.reason}) + "\n")
        answers.flush()


def _listen(jobs: "queue.Queue[Job]") -> None:
    for line in sys.stdin:
        jobs.put(Job.from_json(line))
    os._exit(0)


if __name__ == "__main__":
    main()
