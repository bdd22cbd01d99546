"""Results as terminal tables, made for 80 columns."""

from collections.abc import Callable
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ditlaw import text
from ditlaw.cli.audit_tables import show_audit
from ditlaw.cli.compare_tables import show_comparison, show_laws
from ditlaw.cli.coordinate_tables import show_coordinates
from ditlaw.cli.forecast_tables import show_forecast
from ditlaw.cli.import_command import show_import
from ditlaw.cli.metric_law_tables import show_metrics
from ditlaw.cli.metric_tables import show_evaluation, show_pictures
from ditlaw.cli.next_table import show_next
from ditlaw.cli.place_tables import show_place
from ditlaw.cli.rate_tables import show_rates
from ditlaw.cli.run_tables import (
    show_budget,
    show_count,
    show_encode,
    show_export,
    show_plan,
    show_run,
    show_status,
)
from ditlaw.cli.screen import Screen
from ditlaw.cli.shape_tables import show_shapes
from ditlaw.cli.table_parts import make_table, show_notes, yes
from ditlaw.cli.time_tables import show_times
from ditlaw.cli.verify_tables import show_frozen_check, show_verification
from ditlaw.cli.watch_tables import show_watch
from ditlaw.results import (
    AuditResult,
    BudgetResult,
    CompareResult,
    CoordinatesResult,
    CountResult,
    DemoResult,
    EncodeResult,
    EvaluateResult,
    ExportResult,
    FitResult,
    Forecast,
    FormResult,
    FrozenCheck,
    ImportResult,
    LawsResult,
    MetricsResult,
    NextResult,
    PlaceResult,
    PlanResult,
    Quantity,
    RatesResult,
    ReportResult,
    Result,
    RunSummary,
    SampleResult,
    ShapesResult,
    StatusResult,
    TimeResult,
    Verification,
    WatchResult,
)


def show(result: Result, console: Console | None = None) -> None:
    """Print a result for people, on standard output unless told."""
    _SHOW[type(result)](console or Screen(), result)


def can_show(kind: type[Result]) -> bool:
    """Whether there are tables for that kind of result; there are none for parts of one."""
    return kind in _SHOW


def _value(q: Quantity | None) -> str:
    return "-" if q is None else text.count(q.value)


def _fit(console: Console, fit: FitResult) -> None:
    console.print(
        f"[bold]{escape(fit.source)}[/]: {fit.rows.used} rows, {len(fit.rows.dropped)} dropped; "
        f"{fit.level:.0%} intervals, {'exact' if fit.flops_as == 'exact' else '6·N·D'} FLOPs, "
        f"time of one {fit.gpu} at {fit.mfu:.3g} MFU",
        soft_wrap=True,
    )
    console.print(
        f"fitted to {_ends(fit.range.flops, text.flops)} FLOPs, {_ends(fit.range.params)} params, "
        f"{_ends(fit.range.tokens)} tokens\n",
        soft_wrap=True,
    )
    if fit.budgets:
        console.print(_optima(fit))
        console.print()
    name = "L" if fit.metric == "loss" else escape(fit.metric)
    laws: list[tuple[str, dict[str, Quantity]]] = [
        ("N* = k·C^a", {"k": fit.params.coefficient, "a": fit.params.exponent}),
        ("D* = k·C^b", {"k": fit.tokens.coefficient, "b": fit.tokens.exponent}),
        (
            f"{name} = E + k·C^-c",
            {"E": fit.loss.floor, "k": fit.loss.coefficient, "c": fit.loss.exponent},
        ),
        (
            f"{name} = k·C^c, no floor",
            {"k": fit.loss_without_floor.coefficient, "c": fit.loss_without_floor.exponent},
        ),
    ]
    if fit.surface:
        terms = {term: getattr(fit.surface, term) for term in ("E", "A", "B", "alpha", "beta")}
        laws.append((f"{name} = E + A/N^alpha + B/D^beta", terms))
    equations = make_table("law", "", "value, interval")
    for equation, coefficients in laws:
        for term, quantity in coefficients.items():
            equations.add_row(equation, term, text.with_interval(quantity, text.number))
            equation = ""
    console.print(equations)
    if fit.one_law is not None:
        console.print(f"\n{text.one_law(fit.one_law, fit.metric)}")
    console.print()
    metric = escape(fit.metric)
    if fit.backtest:
        console.print("backtests: root mean square errors of each form, and how much it weighs")
    evidence = make_table("form", f"{metric} error", f"{metric} weight", "N* error", "N* weight")
    for form in fit.evidence:
        evidence.add_row(
            form.form,
            "-" if form.loss_error is None else f"{form.loss_error:.2%}",
            f"{form.loss_weight:.0%}",
            "-" if form.params_error is None else f"{form.params_error:.0%}",
            f"{form.params_weight:.0%}",
        )
    console.print(evidence)
    if fit.backtest:
        console.print(
            "\neach line: one budget, forecast from those at least that far below it alone"
        )
        tests = make_table("held out", "beyond", "N* error", "inside", f"{metric} error", "inside")
        for test in fit.backtest:
            tests.add_row(
                text.flops(test.held_out),
                f"{test.beyond:.2f}×",
                text.percent(test.params_error),
                yes(test.params_covered),
                text.percent(test.loss_error),
                yes(test.loss_covered),
            )
        console.print(tests)
    console.print(f"\n{text.run_noise(fit.noise, metric)}")
    console.print(text.tested(fit.tested_beyond))
    show_notes(console, fit.warnings)


def _optima(fit: FitResult) -> Table:
    """The best of each budget; images only where they are known."""
    with_images = any(budget.images_opt for budget in fit.budgets)
    images = ["images"] if with_images else []
    table = make_table("FLOPs", "time", "N*", "tokens", *images, escape(fit.metric))
    for budget in fit.budgets:
        ok = budget.params_opt is not None
        table.add_row(
            text.flops(budget.flops),
            text.hours(budget.gpu_hours),
            text.with_interval(budget.params_opt) if ok else f"[yellow]{budget.status}[/]",
            _value(budget.tokens_opt),
            *([_value(budget.images_opt)] if with_images else []),
            text.with_interval(budget.loss_opt, text.loss),
        )
    return table


def _ends(ends: tuple[float, float], form: Callable[[float], str] = text.count) -> str:
    return f"{form(ends[0])} to {form(ends[1])}"


def _form(console: Console, fit: FormResult) -> None:
    console.print(
        f"[bold]{escape(fit.source)}[/]: {fit.rows.used} points used, {len(fit.rows.dropped)} rows "
        f"dropped; {fit.level:.0%} intervals\n\n{escape(fit.form)}: {escape(fit.formula)}\n"
        f"[bold]{escape(fit.equation)}[/]\n",
        soft_wrap=True,
    )
    table = make_table("", "value, interval")
    for name, quantity in fit.parameters.items():
        table.add_row(name, text.with_interval(quantity, text.number))
    for column, (low, high) in fit.range.items():
        table.add_row(f"{column} fitted", f"{text.count(low)} to {text.count(high)}")
    scatter = f"{fit.residual_sd:.2%} of {escape(fit.target)}"
    if fit.form == "sigmoid":
        scatter = f"{fit.residual_sd:.3g} in log odds of {escape(fit.target)}"
    table.add_row("residual scatter", scatter)
    table.add_row("failed refits", str(fit.failed_refits))
    console.print(table)
    console.print(f"\nSource: {escape(fit.reference)}.", soft_wrap=True)
    show_notes(console, fit.warnings)


def _report(console: Console, result: ReportResult) -> None:
    console.print(f"report: {escape(result.report)}", soft_wrap=True)
    for file in result.figures:
        console.print(f"figure: {escape(file)}", soft_wrap=True)


def _demo(console: Console, result: DemoResult) -> None:
    show_verification(console, result.verification)
    console.print(f"\nreport: {escape(result.report)}", soft_wrap=True)


_SHOW: dict[type[Result], Callable[[Console, Any], None]] = {
    AuditResult: show_audit,
    BudgetResult: show_budget,
    CompareResult: show_comparison,
    CoordinatesResult: show_coordinates,
    CountResult: show_count,
    DemoResult: _demo,
    EncodeResult: show_encode,
    EvaluateResult: show_evaluation,
    ExportResult: show_export,
    FitResult: _fit,
    Forecast: show_forecast,
    ImportResult: show_import,
    LawsResult: show_laws,
    FormResult: _form,
    FrozenCheck: show_frozen_check,
    MetricsResult: show_metrics,
    NextResult: show_next,
    PlaceResult: show_place,
    PlanResult: show_plan,
    RatesResult: show_rates,
    ReportResult: _report,
    RunSummary: show_run,
    SampleResult: show_pictures,
    ShapesResult: show_shapes,
    StatusResult: show_status,
    TimeResult: show_times,
    Verification: show_verification,
    WatchResult: show_watch,
}
