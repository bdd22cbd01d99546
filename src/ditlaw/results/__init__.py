"""What the commands answer: the objects behind the terminal tables and ``--json``.

Each is a pydantic model; its JSON Schema ships in ``ditlaw/schemas`` (``make schemas``).
FLOPs, params, tokens and images are plain counts, times are hours, errors are fractions.
Each module says in its ``__all__`` what is to be had from here.
"""

from ditlaw.results.audit import *
from ditlaw.results.base import *
from ditlaw.results.commands import *
from ditlaw.results.compare import *
from ditlaw.results.coordinates import *
from ditlaw.results.counts import *
from ditlaw.results.data import *
from ditlaw.results.design import *
from ditlaw.results.forecast import *
from ditlaw.results.laws import *
from ditlaw.results.metric_laws import *
from ditlaw.results.metrics import *
from ditlaw.results.place import *
from ditlaw.results.planner import *
from ditlaw.results.rates import *
from ditlaw.results.rounds import *
from ditlaw.results.runs import *
from ditlaw.results.shapes import *
from ditlaw.results.time import *
from ditlaw.results.watch import *
