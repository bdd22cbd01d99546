"""What a sweep says, in sentences that the tables and the report share."""

from ditlaw import text
from ditlaw.results import FlaggedRow, RatesResult, SettingGroup, SettingPower, SettingRule

WORDS = {"learning_rate": "learning rate", "batch": "batch"}
SYMBOLS = {"learning_rate": "η*", "batch": "B*"}


def name(group: SettingGroup) -> str:
    """Family and parametrization; empty where the table tells neither."""
    return ", ".join(part for part in (group.family, group.parametrization) if part)


def equation(law: SettingPower, setting: str) -> str:
    """The law with its numbers and the exponents' intervals."""
    parts = [f"{SYMBOLS[setting]} = {text.number(law.coefficient.value)}"]
    said = []
    for symbol, exponent in (("N", law.params_exponent), ("D", law.tokens_exponent)):
        if exponent is not None:
            parts.append(f"{symbol}^({text.number(exponent.value)})")
            said.append(f"{symbol}'s exponent {text.bounds(exponent, text.number)}")
    meant = ", ".join(
        f"{symbol} {word}"
        for symbol, word, exponent in (
            ("N", "params", law.params_exponent),
            ("D", "tokens", law.tokens_exponent),
        )
        if exponent is not None
    )
    return f"{'·'.join(parts)} ({meant}); {', '.join(said)}; from {law.cells} optima"


def advice(group: SettingGroup, setting: str) -> str | None:
    """Which setting to use; None where nothing was swept."""
    found = group.advice
    if found is None:
        return None
    base = "base " if (group.parametrization or "").startswith("mup") else ""
    size = f"{'N* = ' if found.at_best_size else ''}{text.count(found.params)} params"
    how = "by the law below" if found.by == "law" else "that size's own best, as there is no law"
    value = text.with_interval(found.setting, lambda v: f"{v:.2g}")
    if found.setting.low is None and found.setting.high is None:
        value = f"{found.setting.value:.2g}"
    return f"{base}{WORDS[setting]} {value} at {text.flops(found.flops)} FLOPs and {size}, {how}"


def transfer(group: SettingGroup, setting: str) -> str | None:
    """By how much the best setting moves; None without a law in params."""
    found = group.transfer
    if found is None:
        return None
    base = "base " if (group.parametrization or "").startswith("mup") else ""
    held = "at fixed tokens" if found.at_fixed_tokens else "along the sizes that were swept"
    return (
        f"the best {base}{'rate' if setting == 'learning_rate' else 'batch'} moves by a factor "
        f"{text.with_interval(found.factor, text.number)} over a {text.number(found.over)}× range "
        f"of {found.of}, {held}"
    )


def sensitivity_trend(group: SettingGroup) -> str | None:
    """How the sensitivity changes with size; None where it cannot be compared."""
    found = group.sensitivity_trend
    if found is None:
        return None
    change = found.change_per_decade
    return (
        f"sensitivity over {text.number(found.range[0])} to {text.number(found.range[1])} changes "
        f"by {text.with_interval(change, text.number)} for ten times the params "
        f"({found.sizes} sizes at {text.flops(found.flops)} FLOPs)"
    )


def noise(group: SettingGroup) -> str:
    """How far one run scatters, and how that is known."""
    found = group.run_noise
    if found is None:
        return "run noise is not known"
    sd = text.with_interval(found.sd, text.share)
    seen = "the residuals of isoFLOP curves"
    if found.source == "seeds":
        seen = f"the seeds of {found.replicated} settings of a size and budget"
    return f"one run scatters by {sd}, by {seen}"


def rule(found: SettingRule, setting: str) -> str:
    """A rule's name with its setting."""
    return found.rule if found.setting is None else f"{found.rule} {text.number(found.setting)}"


def rule_reasons(group: SettingGroup, setting: str) -> list[str]:
    """Why rules lack numbers or cells, each reason once; one line where no rule has a law."""
    reasons: dict[str, list[str]] = {}
    for found in group.rules:
        if found.reason:
            reasons.setdefault(found.reason, []).append(rule(found, setting))
    if any(found.params is not None for found in group.rules):
        return [f"{', '.join(rules)}: {reason}" for reason, rules in reasons.items()]
    if not reasons:
        return []
    common = max(reasons, key=lambda reason: len(reasons[reason]))
    return [f"no law of N* can be fitted under any rule: {common}"]


def flag_how(flag: FlaggedRow) -> str:
    """How a row was found, and whether run noise could be the cause."""
    if flag.beyond_noise is None:
        return f"{flag.how}, noise not known"
    return flag.how if flag.beyond_noise else f"{flag.how}, within noise"


def flags(result: RatesResult) -> str:
    """How many rows are flagged, of which kind."""
    flagged, word = result.flagged, WORDS[result.setting]
    beyond = f"{sum(bool(flag.beyond_noise) for flag in flagged)} beyond run noise"
    if flagged and all(flag.beyond_noise is None for flag in flagged):
        beyond = "run noise is not known"
    predicted = sum(flag.how == "predicted" for flag in flagged)
    rows = sum(group.rows for group in result.groups)
    return (
        f"{len(flagged)} of {rows} rows have a {word} that gives away more than "
        f"{text.share(result.tolerance)}: {beyond}, {predicted} by the law's prediction"
    )
