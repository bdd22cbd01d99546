"""Designs at equal spend, on simulated studies: what the proposal's defaults rest on.

``choices`` lays out studies with other numbers of sizes, seeds and ranges of budgets for the same
FLOPs, and gives the error of their forecasts at the target, beside the interval that they state.
``stated`` compares the interval that ``ditlaw plan`` expects with what fits of fresh studies say.

    OMP_NUM_THREADS=1 python benchmarks/study_designs.py choices --studies 120
    OMP_NUM_THREADS=1 python benchmarks/study_designs.py stated --studies 120
"""

import argparse
from dataclasses import replace

import numpy as np

from ditlaw import laws
from ditlaw.design.centre import preset_centre
from ditlaw.design.expect import expected_interval
from ditlaw.design.propose import Layout, cost, propose
from ditlaw.design.simulate import draw_truths, observed, planned_rows, simulate
from ditlaw.design.truths import draw
from ditlaw.errors import Refused
from ditlaw.laws.noise import Noise
from ditlaw.study import parse_study, preset_text

CASES = {  # preset, target, spend
    "quickstart": (1e14, 5e12),
    "paper": (1.5e21, 7.5e19),
}
CHOICES = [(7, 1, 32), (5, 1, 32), (9, 1, 32), (7, 2, 32), (5, 2, 32), (7, 1, 8), (7, 1, 128)]
NOISES = (0.003, 0.02)


def base_of(preset):
    return parse_study(preset_text(preset), preset)


def truths_of(preset, spend, number, kappa, seed):
    """The same truths for every design: about the expected optimum of a twelfth of the spend."""
    log_c = float(np.log(spend / 12))
    centre = preset_centre(preset).log_n(log_c)
    return [draw(np.random.default_rng([seed, i]), centre, log_c, kappa) for i in range(number)]


def choices(studies, presets):
    print(f"{studies} studies a line; truths about the expected optimum, seeds 0 to {studies - 1}")
    print(
        "preset      noise  sizes seeds range  largest  fitted  |error| % median/90th  "
        "half-width %  N* |error| %  held"
    )
    for preset in presets:
        target, spend = CASES[preset]
        base, centre = base_of(preset), preset_centre(preset)
        for noise in NOISES:
            for sizes, seeds, widest in CHOICES:
                layout = Layout(sizes, seeds, widest)
                study = propose(base, target, spend, centre, layout)
                rows = planned_rows(study)
                kappa = draw_truths(study, rows, centre, 1)[0].kappa
                truths = truths_of(preset, spend, studies, kappa, 7)
                said = simulate(study, rows, truths, Noise(noise, 0.5, np.inf, ""), target)
                fitted = [one for one in said if one]
                errors = 100 * np.abs([one.loss_error for one in fitted])
                half = 100 * np.median([one.half_width for one in fitted])
                of_size = 100 * np.median(np.abs([one.params_error for one in fitted]))
                held = np.mean([one.inside for one in fitted])
                reach = study.budgets[-1] / study.budgets[0]
                print(
                    f"{preset:10} {100 * noise:5.1f}% {sizes:5d} {seeds:5d} {reach:5.0f}x "
                    f"T/{target / study.budgets[-1]:<6.0f} {len(fitted):4d}    "
                    f"{np.median(errors):5.1f} / {np.quantile(errors, 0.9):<5.1f}        "
                    f"{half:8.1f}      {of_size:6.0f}       {held:.2f}",
                    flush=True,
                )


def stated(studies, presets):
    print(f"{studies} fresh studies a line, fitted with 400 draws, beside what plan expects of it")
    print(
        "preset      noise  spend    expected %  stated % median [10th, 90th]  ratio  "
        "N* expected %  stated %  ratio"
    )
    for preset in presets:
        target, spend = CASES[preset]
        base, centre = base_of(preset), preset_centre(preset)
        for share, noise in ((1.0, 0.003), (1.0, 0.02), (4.0, 0.01)):
            if share * spend >= target:
                continue
            scatter = Noise(noise, 0.5, np.inf, "")
            study = propose(base, target, share * spend, centre)
            as_noisy = replace(centre, scatter=scatter)
            plan = expected_interval(study, target, as_noisy, halving=False)
            rows, halves, sizes = planned_rows(study), [], []
            rng = np.random.default_rng(99)
            log_c = float(np.log(study.budgets[-1]))
            kappa = draw_truths(study, rows, centre, 1)[0].kappa
            for _ in range(studies):
                truth = draw(rng, centre.log_n(log_c), log_c, kappa)
                try:
                    law = laws.fit(observed(study, rows, truth, scatter, rng))
                    found = law.optimum(target)
                except Refused:
                    continue
                halves.append((found.loss.high - found.loss.low) / 2 / found.loss.value)
                sizes.append(np.sqrt(found.params.high / found.params.low) - 1)
            middle, of_size = float(np.median(halves)), float(np.median(sizes))
            low, high = np.quantile(halves, [0.1, 0.9])
            print(
                f"{preset:10} {100 * noise:5.1f}%  {cost(study):.2g}  "
                f"{100 * plan.loss_half_width:8.1f}  {100 * middle:8.1f} "
                f"[{100 * low:.1f}, {100 * high:.1f}]    {middle / plan.loss_half_width:10.2f}  "
                f"{100 * plan.params_half_width:10.0f}  {100 * of_size:10.0f}  "
                f"{of_size / plan.params_half_width:6.2f}",
                flush=True,
            )


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("which", choices=["choices", "stated"])
    parser.add_argument("--studies", type=int, default=120)
    parser.add_argument("--preset", action="append", choices=list(CASES), help="all unless given")
    options = parser.parse_args()
    report = {"choices": choices, "stated": stated}[options.which]
    report(options.studies, options.preset or list(CASES))


if __name__ == "__main__":
    main()
