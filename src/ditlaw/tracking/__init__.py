"""Mirrors of runs in TensorBoard and Weights & Biases; the run folders stay what counts.

DIR/trackers.json   which ones a study is mirrored in; read by whatever trains its runs, anywhere
DIR/tensorboard/    TensorBoard's event files, a folder a run
DIR/wandb/          what Weights & Biases keeps here
"""

from ditlaw.tracking.chosen import TRACKERS, choose_trackers, chosen_trackers
from ditlaw.tracking.mirror import Tracker, mirrored

__all__ = ["TRACKERS", "Tracker", "choose_trackers", "chosen_trackers", "mirrored"]
