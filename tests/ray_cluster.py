"""A Ray cluster for the tests: a head where nothing is trained, and two nodes, on this machine.

It lives in a process of its own, ``python ray_cluster.py``: a line on its standard input takes a
node away, the end of input everything.
"""

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator

NODE = {"num_cpus": 1, "object_store_memory": 150 * 2**20}


class Nodes:
    """The cluster as a test sees it."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.process = process
        self.address = process.stdout.readline().strip()

    def lose_one(self) -> None:
        """Kill a node and whatever it runs."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "lost\n"


@contextlib.contextmanager
def ray_cluster() -> Iterator[Nodes]:
    """A running cluster."""
    process = subprocess.Popen(
        [sys.executable, __file__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
    )
    with process:
        yield Nodes(process)
        process.stdin.close()
        process.wait(60)


def main() -> None:
    from ray.cluster_utils import Cluster

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # Ray prints, too
    head = NODE | {"num_cpus": 0, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    nodes = [cluster.add_node(wait=False, **NODE) for _ in range(2)]
    cluster.wait_for_nodes()
    print(cluster.address, file=answers, flush=True)
    for _ in sys.stdin:
        cluster.remove_node(nodes.pop(), allow_graceful=False)
        print("lost", file=answers, flush=True)
    cluster.shutdown()


if __name__ == "__main__":
    main()
