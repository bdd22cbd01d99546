"""Two laws at equal device time: how many FLOPs each spends in it, and what they reach by then.

A law in seconds is its law in FLOPs with t(C) = C ÷ v(N*(C)) for C, where v are the measured FLOP/s
by size. In the time in which a spends C at its best size, b spends the C_b with t_b(C_b) = t_a(C).
Draws are those of the two laws, each with a draw of the timing's own scatter; what is not known of
N* is left out of v, which it hardly moves: v changes slowly with size.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ditlaw import text
from ditlaw.answering import AnsweringLaw
from ditlaw.comparison.curves import Curves, at
from ditlaw.laws.ensemble import of_draws
from ditlaw.laws.table import FloatArray
from ditlaw.results import AtEqualTime, CrossingAtEqualTime, Note, Pair, verdict_of
from ditlaw.speed import Speed

SEED = 1_000  # of the timing's scatter: other than those of the laws' own draws
Named = tuple[str, AnsweringLaw]


@dataclass(frozen=True)
class EqualTime:
    """Curves of ln L over ln FLOPs, with each law's ln seconds there: (draws + 1, m)."""

    curves: Curves
    time_a: FloatArray
    time_b: FloatArray

    def at(self, flops: float) -> AtEqualTime | None:
        """What each has reached once a has spent those FLOPs; None where b's lie off the grid."""
        curves, log_c = self.curves, float(np.log(flops))
        time = at(self.time_a, curves.log_c, log_c)
        log_b = _rowwise(time[:, None], self.time_b, curves.log_c)
        if not curves.log_c[0] < log_b[0, 0] < curves.log_c[-1]:
            return None
        a = at(curves.a, curves.log_c, log_c)
        b = _rowwise(log_b, curves.log_c, curves.b)[:, 0]
        difference = of_draws(np.exp(b) - np.exp(a), curves.level)
        return AtEqualTime(
            seconds=float(np.exp(time[0])),
            a_flops=flops,
            b_flops=float(np.exp(log_b[0, 0])),
            a=float(np.exp(a[0])),
            b=float(np.exp(b[0])),
            difference=difference,
            verdict=verdict_of(difference),
        )

    def crossing(self) -> CrossingAtEqualTime | None:
        """Where the two are equal after equal time, as ``Curves.crossing`` has it for FLOPs."""
        log_c, times = self.curves.log_c, (self.time_a, self.time_b)
        start, end = max(t[:, 0].max() for t in times), min(t[:, -1].min() for t in times)
        if not start < end:
            return None
        grid = np.linspace(start, end, len(log_c))
        everywhere = np.broadcast_to(grid, self.time_a.shape)
        spent = [_rowwise(everywhere, time, log_c) for time in times]
        reached = [
            _rowwise(c, log_c, loss)
            for c, loss in zip(spent, (self.curves.a, self.curves.b), strict=True)
        ]
        seconds = Curves(grid, reached[0], reached[1], self.curves.level).crossing()
        if seconds is None:
            return None
        a, b = (float(np.exp(np.interp(np.log(seconds.value), grid, c[0]))) for c in spent)
        return CrossingAtEqualTime(seconds=seconds, a_flops=a, b_flops=b)


def equal_time(a: AnsweringLaw, b: AnsweringLaw, curves: Curves) -> EqualTime | None:
    """What the two laws' rows tell of time; None unless both were timed, on one device.

    Rows that do not name their device are taken to be of the other's.
    """
    speeds = [law.observations.speed for law in (a, b)]
    if any(speed is None for speed in speeds) or len(_devices(speeds)) > 1:
        return None
    draws = len(curves.a) - 1
    times = []
    for seed, (law, speed) in enumerate(zip((a, b), speeds, strict=True)):
        size = law.curve(np.exp(curves.log_c)).params
        assert speed is not None
        if size is None:
            return None
        log_v = speed.draws(np.log(size.value), draws, SEED + seed)
        # Where more FLOPs took less time, as a faster size may, they are had by waiting.
        times.append(np.maximum.accumulate(curves.log_c - log_v, axis=1))
    return EqualTime(curves, times[0], times[1])


def device_of(laws: Sequence[AnsweringLaw]) -> str | None:
    """The one device that the laws' rows name."""
    devices = _devices([law.observations.speed for law in laws])
    return devices[0] if len(devices) == 1 else None


def time_notes(laws: Sequence[Named], pairs: Sequence[Pair]) -> list[Note]:
    """Why there is no verdict at equal time, or what to beware of where there is."""
    speeds = {name: law.observations.speed for name, law in laws}
    return [
        *_not_timed(laws, speeds),
        *_devices_differ(speeds),
        *_beyond_sizes(dict(laws), speeds, pairs),
        *_changed(pairs),
    ]


def _not_timed(laws: Sequence[Named], speeds: dict[str, Speed | None]) -> list[Note]:
    """A table need not have times, unless another that it is compared with does."""
    missing = [(name, law) for name, law in laws if speeds[name] is None]
    some = len(missing) < len(laws)
    told = [(n, law) for n, law in missing if law.observations.study is not None or some]
    if not told:
        return []
    folders = {
        law.observations.source.partition("@")[0]: None
        for _, law in told
        if law.observations.study is not None
    }
    mend = " and ".join(f"'ditlaw time {folder}'" for folder in folders)
    how = f"{mend} measures it" if mend else "give them a column device_seconds"
    named = ", ".join(name for name, _ in told)
    return [
        Note(
            code="not-timed",
            text=f"{named}: no row says how long its FLOPs take, so there is no verdict at equal "
            f"device time; {how}.",
        )
    ]


def _devices_differ(speeds: dict[str, Speed | None]) -> list[Note]:
    if len(_devices(list(speeds.values()))) < 2:
        return []
    each = "; ".join(
        f"{name}: {', '.join(speed.devices)}" for name, speed in speeds.items() if speed
    )
    return [
        Note(
            code="devices-differ",
            text=f"step times are of several devices ({each}): laws are compared at equal time "
            "only where all their rows were timed on one.",
        )
    ]


def _beyond_sizes(
    laws: dict[str, AnsweringLaw], speeds: dict[str, Speed | None], pairs: Sequence[Pair]
) -> list[Note]:
    """Best sizes at a target that no timed model comes near."""
    beyond: dict[str, None] = {}
    for pair in pairs:
        for target in pair.at:
            if target.at_equal_time is None:
                continue
            spent = target.at_equal_time.a_flops, target.at_equal_time.b_flops
            for name, flops in zip((pair.a_name, pair.b_name), spent, strict=True):
                sizes, speed = laws[name].curve(np.array([flops])).params, speeds[name]
                best = 0.0 if sizes is None else float(sizes.value[0])
                if best and speed and not speed.holds(float(np.log(best))):
                    beyond[f"{name} at {text.flops(target.flops)} ({text.count(best)})"] = None
    if not beyond:
        return []
    return [
        Note(
            code="speed-beyond-sizes",
            text=f"best sizes outside those that were timed: {', '.join(beyond)}; their FLOP/s are "
            "taken to be those of the nearest one, and larger models mostly have more.",
        )
    ]


def _changed(pairs: Sequence[Pair]) -> list[Note]:
    """Verdicts at equal FLOPs that are others at equal time."""
    found = []
    for pair in pairs:
        for target in pair.at:
            timed = target.at_equal_time
            if timed is not None and timed.verdict != target.verdict:
                said = [
                    {"a": pair.a_name, "b": pair.b_name}.get(v, v)
                    for v in (target.verdict, timed.verdict)
                ]
                found.append(
                    f"{pair.a_name} against {pair.b_name} at {text.flops(target.flops)}: "
                    f"{said[0]} at equal FLOPs, {said[1]} at equal time"
                )
    if not found:
        return []
    return [Note(code="time-changes-verdict", text=f"{'; '.join(found)}.")]


def _devices(speeds: Sequence[Speed | None]) -> list[str]:
    return sorted({device for speed in speeds if speed for device in speed.devices})


def _rowwise(x: FloatArray, xs: FloatArray, ys: FloatArray) -> FloatArray:
    """``np.interp`` of each row; ``xs`` or ``ys`` may be one row for all."""
    each = (np.broadcast_to(v, (len(x), v.shape[-1])) for v in (xs, ys))
    return np.stack([np.interp(*row) for row in zip(x, *each, strict=True)])
