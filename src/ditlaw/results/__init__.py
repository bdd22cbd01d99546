"""What the commands answer: the objects behind the terminal tables and ``--json``.

Each is a pydantic model; its JSON Schema ships in ``ditlaw/schemas`` (``make schemas``).
FLOPs, params, tokens and images are plain counts, times are hours, errors are fractions.
"""

from typing import Any

from ditlaw.results.base import Check, CheckState, Dropped, Note, Quantity, Result, known, scaled
from ditlaw.results.compare import (
    AtEqualTime,
    CompareResult,
    CrossingAtEqualTime,
    LawsResult,
    Pair,
    PublishedEntry,
    RefusedLaw,
    Target,
    Verdict,
    verdict_of,
)
from ditlaw.results.coordinates import (
    CoordinateCheck,
    CoordinatesResult,
    PartMoves,
    StepMove,
)
from ditlaw.results.counts import BudgetResult, CountResult, FlopsPerSample
from ditlaw.results.data import EncodeResult, ExportResult, SkippedSample
from ditlaw.results.forecast import (
    Choice,
    Forecast,
    Measured,
    Recipe,
    SizeRange,
    Verification,
    VerifiedRun,
    Wish,
)
from ditlaw.results.laws import (
    Backtest,
    BudgetOptimum,
    DataRange,
    FitResult,
    FormEvidence,
    FormResult,
    LossLaw,
    PowerLaw,
    Rows,
    RunNoise,
    SurfaceLaw,
)
from ditlaw.results.metric_laws import (
    MetricLaw,
    MetricsResult,
    Offset,
    RankCorrelation,
    SettingsVerdict,
)
from ditlaw.results.metrics import (
    EvaluatedObservation,
    EvaluateResult,
    MetricKey,
    MetricValue,
    SampleResult,
)
from ditlaw.results.rates import (
    FlaggedRow,
    RatesResult,
    SensitivityTrend,
    SettingCell,
    SettingGroup,
    SettingPower,
    SettingRule,
    Transfer,
)
from ditlaw.results.runs import (
    DemoResult,
    PlannedRun,
    PlannedSize,
    PlanResult,
    PlanTotal,
    ReportResult,
    RunCounts,
    RunStatus,
    RunSummary,
    StatusResult,
)
from ditlaw.results.shapes import (
    AxisBudget,
    AxisValue,
    NestedFit,
    RatioRange,
    ShapeAxis,
    ShapeBudget,
    ShapeLaw,
    ShapesResult,
    TriedRatio,
)
from ditlaw.results.time import TimedModel, TimeResult

__all__ = [
    "ANSWERS",
    "COMMANDS",
    "AtEqualTime",
    "AxisBudget",
    "AxisValue",
    "Backtest",
    "BudgetOptimum",
    "BudgetResult",
    "Check",
    "CheckState",
    "Choice",
    "CompareResult",
    "CoordinateCheck",
    "CoordinatesResult",
    "CountResult",
    "CrossingAtEqualTime",
    "DataRange",
    "DemoResult",
    "Dropped",
    "EncodeResult",
    "EvaluateResult",
    "EvaluatedObservation",
    "ExportResult",
    "FitResult",
    "FlaggedRow",
    "FlopsPerSample",
    "Forecast",
    "FormEvidence",
    "FormResult",
    "LawsResult",
    "LossLaw",
    "Measured",
    "MetricKey",
    "MetricLaw",
    "MetricValue",
    "MetricsResult",
    "NestedFit",
    "Note",
    "Offset",
    "Pair",
    "PartMoves",
    "PlanResult",
    "PlanTotal",
    "PlannedRun",
    "PlannedSize",
    "PowerLaw",
    "PublishedEntry",
    "Quantity",
    "RankCorrelation",
    "RatesResult",
    "RatioRange",
    "Recipe",
    "RefusedLaw",
    "ReportResult",
    "Result",
    "Rows",
    "RunCounts",
    "RunNoise",
    "RunStatus",
    "RunSummary",
    "SampleResult",
    "SensitivityTrend",
    "SettingCell",
    "SettingGroup",
    "SettingPower",
    "SettingRule",
    "SettingsVerdict",
    "ShapeAxis",
    "ShapeBudget",
    "ShapeLaw",
    "ShapesResult",
    "SizeRange",
    "SkippedSample",
    "StatusResult",
    "StepMove",
    "SurfaceLaw",
    "Target",
    "TimeResult",
    "TimedModel",
    "Transfer",
    "TriedRatio",
    "Verdict",
    "Verification",
    "VerifiedRun",
    "Wish",
    "json_schema",
    "known",
    "scaled",
    "verdict_of",
]

COMMANDS: dict[str, type[Result]] = {
    "budget": BudgetResult,
    "compare": CompareResult,
    "coordinates": CoordinatesResult,
    "count": CountResult,
    "demo": DemoResult,
    "encode": EncodeResult,
    "evaluate": EvaluateResult,
    "export": ExportResult,
    "fit": FitResult,
    "forecast": Forecast,
    "laws": LawsResult,
    "metrics": MetricsResult,
    "plan": PlanResult,
    "rates": RatesResult,
    "report": ReportResult,
    "run": RunSummary,
    "sample": SampleResult,
    "shapes": ShapesResult,
    "status": StatusResult,
    "time": TimeResult,
    "verify": Verification,
}

# What is printed, by the name of its schema: a command's own answer, or another with an option.
ANSWERS: dict[str, type[Result]] = COMMANDS | {"fit-form": FormResult}


def json_schema(answer: str) -> dict[str, Any]:
    """The JSON Schema of what ``ditlaw COMMAND --json`` prints."""
    return ANSWERS[answer].model_json_schema()
