"""What a sweep says, in sentences that the tables and the report share."""

from ditlaw import text
from ditlaw.results import RatesResult, SettingGroup, SettingPower, SettingRule

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
    return f"{'·'.join(parts)}; {', '.join(said)}; from {law.cells} optima"


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


def flags(result: RatesResult) -> str:
    """How many rows are flagged, of which kind."""
    flagged, word = result.flagged, WORDS[result.setting]
    beyond = sum(bool(flag.beyond_noise) for flag in flagged)
    predicted = sum(flag.how == "predicted" for flag in flagged)
    rows = sum(group.rows for group in result.groups)
    return (
        f"{len(flagged)} of {rows} rows have a {word} that gives away more than "
        f"{text.share(result.tolerance)}: {beyond} beyond run noise, {predicted} by the law's "
        "prediction"
    )
