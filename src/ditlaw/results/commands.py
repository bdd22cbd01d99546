"""What each command answers, and the JSON Schema of it."""

from typing import Any

from ditlaw.results.audit import AuditResult
from ditlaw.results.base import Result
from ditlaw.results.compare import CompareResult, LawsResult
from ditlaw.results.coordinates import CoordinatesResult
from ditlaw.results.counts import BudgetResult, CountResult
from ditlaw.results.data import EncodeResult, ExportResult, ImportResult
from ditlaw.results.forecast import Forecast, FrozenCheck, Verification
from ditlaw.results.laws import FitResult, FormResult
from ditlaw.results.metric_laws import MetricsResult
from ditlaw.results.metrics import EvaluateResult, SampleResult
from ditlaw.results.place import PlaceResult
from ditlaw.results.planner import NextResult
from ditlaw.results.rates import RatesResult
from ditlaw.results.runs import DemoResult, PlanResult, ReportResult, RunSummary, StatusResult
from ditlaw.results.shapes import ShapesResult
from ditlaw.results.time import TimeResult
from ditlaw.results.watch import WatchResult

__all__ = ["ANSWERS", "COMMANDS", "json_schema"]

COMMANDS: dict[str, type[Result]] = {
    "audit": AuditResult,
    "budget": BudgetResult,
    "check": FrozenCheck,
    "compare": CompareResult,
    "coordinates": CoordinatesResult,
    "count": CountResult,
    "demo": DemoResult,
    "encode": EncodeResult,
    "evaluate": EvaluateResult,
    "export": ExportResult,
    "fit": FitResult,
    "forecast": Forecast,
    "import": ImportResult,
    "laws": LawsResult,
    "metrics": MetricsResult,
    "next": NextResult,
    "place": PlaceResult,
    "plan": PlanResult,
    "rates": RatesResult,
    "report": ReportResult,
    "run": RunSummary,
    "sample": SampleResult,
    "shapes": ShapesResult,
    "status": StatusResult,
    "time": TimeResult,
    "verify": Verification,
    "watch": WatchResult,
}

# What is printed, by the name of its schema: a command's own answer, or another with an option.
ANSWERS: dict[str, type[Result]] = COMMANDS | {"fit-form": FormResult}


def json_schema(answer: str) -> dict[str, Any]:
    """The JSON Schema of what ``ditlaw COMMAND --json`` prints."""
    return ANSWERS[answer].model_json_schema()
