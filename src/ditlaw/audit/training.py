"""How the models were trained, as far as the rows tell."""

from ditlaw import text
from ditlaw.audit.seen import Found, Seen, untold
from ditlaw.observations import IN_WARMUP, MIN_STEPS, TOO_EARLY
from ditlaw.tablefile import numbers


def models(found: Found) -> Seen:
    """How many runs, of which sizes and lengths."""
    fit, frame = found.result, found.frame
    runs, rows = frame["trunk"].nunique(), len(frame)
    points = f"{rows} rows" if runs == rows else f"{rows} points along {runs} runs"
    spans = (fit.range.params, fit.range.tokens)
    params, tokens = (" to ".join(map(text.count, span)) for span in spans)
    return Seen("met", f"{points}; {params} params, {tokens} tokens")


def rates(found: Found) -> Seen:
    """Whether every size and budget was run at several learning rates, the best inside them."""
    if "learning-rate-edge" in found.notes:
        said = found.notes["learning-rate-edge"].partition(":")[0]
        return Seen("not met", said, "rates beyond the last one tried")
    return _tried(found, "learning_rate", "learning rate", "learning rates")


def batches(found: Found) -> Seen:
    """The same of the batch."""
    return _tried(found, "batch", "batch", "batches")


def _tried(found: Found, column: str, one: str, several: str) -> Seen:
    if not found.tells(column):
        return untold(column)
    mend = f"3 {several} at the smallest and the largest size; 'ditlaw rates' reads them"
    used = sorted(set(numbers(found.frame[column]).dropna()))
    if column in found.law.observations.compared:
        judged, cells = found.law.observations.compared[column]
        said = f"{judged} of {cells} sizes and budgets were run at 3 {several} or more"
        return Seen("met", said) if judged == cells else Seen("not met", said, mend)
    if len(used) == 1:
        return Seen("not met", f"one {one} ({used[0]:g}) for all, others not tried", mend)
    said = f"by a rule ({used[0]:.3g} to {used[-1]:.3g}), others not tried"
    return Seen("not met", said, mend)


def shape(found: Found) -> Seen:
    """Whether depth and width were varied one without the other."""
    frame = found.frame
    if not {"depth", "width"} <= set(frame):
        return untold("depth", "width")
    shapes = frame[["depth", "width"]].drop_duplicates()
    depths, widths = shapes["depth"].nunique(), shapes["width"].nunique()
    if depths > 1 and widths > 1 and len(shapes) > max(depths, widths):
        return Seen("met", f"{depths} depths and {widths} widths; 'ditlaw shapes' tells their part")
    fixed = f"one depth ({shapes['depth'].iloc[0]:g})" if depths == 1 else "depth follows width"
    return Seen("not met", fixed, "two depths at one size and budget; 'ditlaw shapes' reads them")


def schedule(found: Found) -> Seen:
    """Whether each length of training had an end of its own, or was read along a longer run."""
    frame = found.frame
    along = len(frame) - frame["trunk"].nunique()
    if found.tells("cooldown"):
        least = float(numbers(frame["cooldown"]).min())
        if least > 0:
            return Seen("met", f"the rate falls over the last {least:.0%} before each budget")
        said = f"constant rate, read at each budget: {along} points are not the end of their run"
        return Seen("not met", said, "'recipe.cooldown: 0.2' gives every budget an end of its own")
    if along:
        said = f"{along} of {len(frame)} points lie along a longer run; whether the rate had fallen"
        return Seen("unknown", f"{said} is not told", "a column 'cooldown'")
    return untold("cooldown")


def warmed_up(found: Found) -> Seen:
    """Whether all rows are past warm-up and their first steps."""
    if not found.tells("steps"):
        return untold("steps")
    reasons = (IN_WARMUP, TOO_EARLY)
    early = sum(row.reason in reasons for row in found.result.rows.dropped)
    least = int(numbers(found.frame["steps"]).min())
    left = f", earlier rows left out: {early}" if early else ""
    if not found.tells("warmup_steps") and found.law.observations.study is None:
        said = f"at least {least} steps{left}, no column 'warmup_steps'"
        return Seen("unknown", said, "a column 'warmup_steps'")
    return Seen("met", f"at least {max(least, MIN_STEPS)} steps{left}")


def single_pass(found: Found) -> Seen:
    """Whether no run saw its data twice."""
    study = found.law.observations.study
    if found.tells("epochs"):
        most = float(numbers(found.frame["epochs"]).max())
        said = f"at most {most:.2g} epochs"
        if most <= 1:
            return Seen("met", said)
        return Seen("not met", said, "leave those rows out, or more data")
    if study is not None and all(data.source == "scenes" for data in study.data):
        return Seen("met", "its pictures never repeat")
    return untold("epochs")


def one_quantity(found: Found) -> Seen:
    """Whether it is told what the loss was measured on."""
    kinds = found.law.observations.kinds()
    named = [
        f"{column} {kinds[column]}" for column in ("dataset", "evaluated_on") if column in kinds
    ]
    if not named:
        return untold("dataset", "evaluated_on")
    return Seen("met", text.plain(", ".join(named), 60))
