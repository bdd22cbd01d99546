"""The commands. Heavy imports happen inside each, so that help and errors come at once."""

from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ditlaw import __version__
from ditlaw.cli.numbers import ManyNumbers
from ditlaw.cli.output import emit, need_encoders, need_training, warn
from ditlaw.compute import DEFAULT_MFU
from ditlaw.errors import BadInput
from ditlaw.families import Geometry

app = typer.Typer(
    help="What your compute will buy when you train a diffusion transformer.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of tables.")]
Where = Annotated[
    list[str] | None, typer.Option("--where", metavar="COL=VALUE", help="Keep only these rows.")
]
Level = Annotated[float | None, typer.Option(help="Level of every interval; by default 0.9.")]
Source = Annotated[
    str, typer.Argument(metavar="SOURCE", help="Study folder, table, or saved law (.law.json).")
]
AnySource = Annotated[
    str,
    typer.Argument(metavar="SOURCE", help="Study folder, table, saved law or published:NAME."),
]
StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="The study file.")]
Workers = Annotated[int | None, typer.Option(min=1, help="Runs at a time; by default one a core.")]

FORM_HELP = (
    "Fit one equation instead: power, floor, henighan, broken, kaplan-n, kaplan-d, kaplan, "
    "chinchilla, repeated, yin, deepseek-m, deepseek-d, learning-rate, batch, sigmoid, shifted."
)


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"ditlaw {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Plan, run, fit, forecast and verify scaling laws of diffusion transformers."""


@app.command()
def demo(
    out: Annotated[
        Path, typer.Option(help="The study folder; a study.yaml in it is used as it is.")
    ] = Path("demo"),
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Run the quickstart, from plan to report, in minutes."""
    need_training("demo")
    from ditlaw.cli.demo import run_demo

    emit(run_demo(out, workers), as_json)


@app.command()
def init(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write the study.")],
    preset: Annotated[str, typer.Option(help="quickstart or paper.")] = "quickstart",
) -> None:
    """Write a commented study file; never overwrites."""
    from ditlaw.study import init_study

    init_study(file, preset)
    typer.echo(f"wrote {file}; next: ditlaw plan {file}", err=True)


@app.command()
def plan(study: StudyFile, as_json: Json = False) -> None:
    """Show a study's runs and their cost; nothing runs."""
    from ditlaw.study import load_study, plan_study

    emit(plan_study(load_study(study)), as_json)


@app.command()
def run(
    study: StudyFile,
    out: Annotated[
        Path | None, typer.Option(help="By default the study's own folder, or ./NAME.")
    ] = None,
    executor: Annotated[Literal["local"], typer.Option(help="Where runs are trained.")] = "local",
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Train what is missing of a study; safe to repeat."""
    need_training("run")
    from ditlaw.cli.live import live_watch, local_executor
    from ditlaw.study import default_folder, load_study, plan_study
    from ditlaw.sweep import require_done, run_study

    declared = load_study(study)
    warn(plan_study(declared).warnings)
    folder = out or default_folder(study, declared)
    done = run_study(study, folder, executor=local_executor(workers), watch=live_watch())
    emit(done, as_json)
    require_done(done.failures)


@app.command()
def status(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A study folder.")],
    as_json: Json = False,
) -> None:
    """Show how far the runs of a study folder are."""
    from ditlaw.results import StatusResult
    from ditlaw.sweep import study_status

    emit(StatusResult(runs=study_status(folder)), as_json)


@app.command()
def fit(
    source: Source,
    where: Where = None,
    method: Annotated[
        Literal["auto", "isoflop", "akima", "envelope", "joint", "surface"] | None,
        typer.Option(help="By default auto: weighed by backtests."),
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="Column that the law is of; by default loss.")
    ] = None,
    flops_as: Annotated[
        Literal["exact", "6nd"] | None,
        typer.Option(help="The flops column (default), or 6·params·tokens."),
    ] = None,
    level: Level = None,
    save: Annotated[
        Path | None, typer.Option(metavar="FILE.law.json", help="Save the law.")
    ] = None,
    form: Annotated[str | None, typer.Option(metavar="NAME", help=FORM_HELP)] = None,
    x: Annotated[
        str | None, typer.Option(help="Column of a one-column form: flops, params, tokens, loss.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Fit the laws of a table of runs, with intervals; or one equation with --form."""
    if form or x:
        from ditlaw.cli.forms import fit_one_form

        if method or save:
            raise BadInput("--form: one equation has no --method and is not saved; leave them out")
        emit(fit_one_form(source, where, form, x, metric, flops_as, level), as_json)
        return
    from ditlaw.forecast import LAW_SUFFIX, law_of
    from ditlaw.laws import save_law

    if save and not save.name.endswith(LAW_SUFFIX):
        raise BadInput(f"--save: {save} must end in {LAW_SUFFIX}, as {save.stem}{LAW_SUFFIX}")
    law = law_of(source, where, method=method, metric=metric, level=level, flops_as=flops_as)
    if save:
        save_law(law, save)
    emit(law.result(), as_json)


@app.command()
def forecast(
    source: AnySource,
    flops: Annotated[
        float | None, typer.Option(help="Training FLOPs; by default the study's target.")
    ] = None,
    gpus: Annotated[str | None, typer.Option(help="As 64xh100, with --days.")] = None,
    days: Annotated[float | None, typer.Option(help="Days that the GPUs are yours.")] = None,
    params: Annotated[
        float | None, typer.Option(help="Instead: the cost of this many params, trained best.")
    ] = None,
    loss: Annotated[float | None, typer.Option(help="Instead: the cost of this loss.")] = None,
    images: Annotated[
        float | None, typer.Option(help="Instead: the FLOPs that make best use of these images.")
    ] = None,
    mfu: Annotated[float | None, typer.Option(help="Model FLOPs utilisation, 0 to 1.")] = None,
    size: Annotated[
        list[float] | None,
        typer.Option(metavar="PARAMS", help="What a model of that size would give away."),
    ] = None,
    tolerance: Annotated[
        float, typer.Option(help="Loss that near-optimal sizes may give away; 0.0025 is 0.25 %.")
    ] = 0.0025,
    where: Where = None,
    level: Level = None,
    as_json: Json = False,
) -> None:
    """Say what a budget buys, or what a wish costs, with intervals."""
    from ditlaw.compute import budget as gpu_budget
    from ditlaw.compute.budget import check_mfu
    from ditlaw.forecast import answering_law
    from ditlaw.forecast import forecast as make_forecast
    from ditlaw.inverse import asked_for, cost
    from ditlaw.study import hardware_of
    from ditlaw.study.schema import Hardware

    asked = asked_for(params=params, loss=loss, images=images)
    given = (flops is not None) + (gpus is not None) + len(asked)
    one = BadInput(
        "forecast: give one of --flops, --gpus with --days, --params, --loss and --images"
    )
    if (gpus is None) != (days is None) or given > 1:
        raise one
    if mfu is not None:
        check_mfu(mfu)
    law = answering_law(source, where, level=level)
    study = law.observations.study
    wish = None
    for of, value in asked.items():
        wish = cost(law, of, value)
        flops = wish.flops.value
    if flops is None and gpus is None:
        if study is None or study.forecast is None:
            raise one
        flops = study.forecast.flops
    known = hardware_of(study)
    stated = mfu or known.mfu
    hardware = Hardware(gpu=known.gpu, mfu=stated) if mfu else None
    if gpus is not None:
        bought = gpu_budget(gpus, days=days, flops=flops, mfu=stated)
        hardware = Hardware(gpu=bought.gpu, mfu=stated)
        flops = bought.flops
    assert flops is not None
    answer = make_forecast(law, flops, hardware, wish, sizes=size or [], tolerance=tolerance)
    emit(answer, as_json)


@app.command(cls=ManyNumbers)
def compare(
    a: Annotated[
        str, typer.Argument(metavar="A", help="Study folder, table, saved law or published:NAME.")
    ],
    b: Annotated[
        str | None, typer.Argument(metavar="[B]", help="The other, unless --by splits A.")
    ] = None,
    at: Annotated[
        list[float] | None, typer.Option(metavar="X...", help="FLOPs to compare at.")
    ] = None,
    by: Annotated[
        str | None, typer.Option(metavar="COLUMN", help="Compare every pair of its values.")
    ] = None,
    metric: Annotated[
        str | None, typer.Option(help="Column to compare in; by default loss.")
    ] = None,
    where: Where = None,
    level: Level = None,
    as_json: Json = False,
) -> None:
    """Say which of two laws is better at a budget, by how much, and where they cross."""
    from ditlaw.compare import compare_groups, compare_sources

    if (b is None) == (by is None):
        raise BadInput("compare: give two sources, or one with --by COLUMN")
    asked: dict[str, Any] = {"where": where, "metric": metric, "level": level}
    if by is not None:
        result = compare_groups(a, by, at or [], **asked)
    else:
        assert b is not None
        result = compare_sources(a, b, at or [], **asked)
    emit(result, as_json)


@app.command()
def metrics(
    source: Source,
    metric: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="By default every known metric.")
    ] = None,
    where: Where = None,
    level: Level = None,
    as_json: Json = False,
) -> None:
    """Fit a law to each metric, and say how each stands to the loss."""
    from ditlaw.metric_laws import metrics_of

    emit(metrics_of(source, where, metrics=metric or [], level=level).result, as_json)


@app.command()
def laws(as_json: Json = False) -> None:
    """List the published laws, to use as published:NAME."""
    from ditlaw.published import list_laws

    emit(list_laws(), as_json)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A study folder.")],
    flops: Annotated[
        float | None, typer.Option(help="Budget to check; by default the study's target.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(metavar="dataset=NAME", help="One of the study's several data sets."),
    ] = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Freeze a forecast, train that run, and compare."""
    need_training("verify")
    from ditlaw.cli.live import live_watch, local_executor
    from ditlaw.study import STUDY_FILE, open_study
    from ditlaw.verify import verify as verify_forecast

    study = open_study(folder)
    if flops is None:
        target = study.forecast
        if target is None:
            raise BadInput(f"{folder / STUDY_FILE}: forecast is missing; give --flops")
        flops = target.flops
    executor, watch = local_executor(workers), live_watch()
    emit(verify_forecast(folder, flops, where=where or [], executor=executor, watch=watch), as_json)


@app.command()
def report(
    source: Source,
    out: Annotated[
        Path | None, typer.Option(help="The page; by default report.html in the folder or here.")
    ] = None,
    where: Where = None,
    as_json: Json = False,
) -> None:
    """Write one self-contained HTML page."""
    from ditlaw.report import write_report

    emit(write_report(source, out, where), as_json)


@app.command()
def encode(
    data: Annotated[
        list[str],
        typer.Argument(metavar="DATA...", help="Tar shards, Parquet files or folders; globs too."),
    ],
    out: Annotated[Path, typer.Option(help="The cache: a new folder, or one to go on with.")],
    vae: Annotated[
        Path | None, typer.Option(metavar="DIR", help="An AutoencoderKL; without, pixels are kept.")
    ] = None,
    text_encoder: Annotated[
        Path | None, typer.Option(metavar="DIR", help="T5 or CLIP; without, captions are words.")
    ] = None,
    tokenizer: Annotated[
        Path | None, typer.Option(metavar="DIR", help="By default in the text encoder's folder.")
    ] = None,
    size: Annotated[
        list[str] | None,
        typer.Option(metavar="N|HxW", help="Pixels, by default 256; several: the nearest ratio."),
    ] = None,
    caption: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Where captions are, in each sample.")
    ] = None,
    image: Annotated[
        str | None, typer.Option(metavar="FIELD", help="Where pictures are, in each sample.")
    ] = None,
    text_tokens: Annotated[
        int | None,
        typer.Option(min=0, help="Tokens of a caption: 77 of CLIP, 120 of others, 16 words."),
    ] = None,
    vocabulary: Annotated[
        int, typer.Option(min=3, help="Words to keep, the most frequent; without an encoder.")
    ] = 4096,
    label: Annotated[
        bool, typer.Option("--label", help="Take a caption whole, as a class; no encoder.")
    ] = False,
    precision: Annotated[
        Literal["float32", "bfloat16"], typer.Option(help="What the encoders compute in.")
    ] = "float32",
    batch: Annotated[int, typer.Option(min=1, help="Samples at a time in an encoder.")] = 16,
    most_skipped: Annotated[
        float, typer.Option(min=0, max=1, help="Share of samples that may be unusable.")
    ] = 0.01,
    as_json: Json = False,
) -> None:
    """Make a cache of latents and text features, or of pixels and words; safe to repeat."""
    need_training("encode")
    if vae or text_encoder:
        need_encoders("encode")
    from ditlaw.cli.encoding import in_options, wish
    from ditlaw.cli.live import live_watch
    from ditlaw.encode import Encoders
    from ditlaw.encode import encode as make_cache

    wanted = wish(
        data,
        size or [],
        caption=caption,
        image=image,
        features=text_encoder is not None,
        label=label,
        text_tokens=text_tokens,
        vocabulary=vocabulary,
        most_skipped=most_skipped,
    )
    encoders = Encoders(vae, text_encoder, tokenizer, precision, batch)
    told = live_watch().prepare
    with in_options():
        made = make_cache(wanted, out, encoders, lambda done, of: told(str(out), done, of))
    emit(made, as_json)


@app.command()
def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder: STUDY/runs/ID.")],
    out: Annotated[Path, typer.Option(help="A new folder.")],
    to: Annotated[str, typer.Option(help="What is to load it: diffusers.")] = "diffusers",
    as_json: Json = False,
) -> None:
    """Write a run's averaged weights as the diffusers class that computes the same."""
    need_training("export")
    from ditlaw.export import export_run

    emit(export_run(run, to, out), as_json)


@app.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A study folder.")],
    metrics: Annotated[
        list[str] | None, typer.Option(metavar="NAME,…", help="By default vlb,nll.")
    ] = None,
    guidance: Annotated[
        list[str] | None,
        typer.Option(metavar="SCALE,…", help="Of what is drawn; by default the study's."),
    ] = None,
    steps: Annotated[
        list[str] | None,
        typer.Option(metavar="N,…", help="Of the sampler; by default the study's."),
    ] = None,
    sampler: Annotated[str, typer.Option(help="euler or heun.")] = "euler",
    samples: Annotated[
        int | None, typer.Option(min=2, help="Pictures, or held-out samples, of each metric.")
    ] = None,
    extractor: Annotated[
        str | None, typer.Option(help="What turns pictures into features; see docs/distances.md.")
    ] = None,
    unconditional: Annotated[
        bool, typer.Option("--unconditional", help="Measure without captions as well.")
    ] = False,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Add metrics to the finished runs of a study; safe to repeat."""
    need_training("evaluate")
    from ditlaw.cli.live import local_executor, measuring_lines
    from ditlaw.evaluate import evaluate_study, settings_of
    from ditlaw.study import open_study
    from ditlaw.sweep import require_done

    asked = settings_of(
        open_study(folder), metrics, guidance, steps, sampler, samples, extractor, unconditional
    )
    start, on_end = measuring_lines()
    done = evaluate_study(
        folder, asked, executor=local_executor(workers), start=start, on_end=on_end
    )
    emit(done, as_json)
    require_done(done.failures)


@app.command()
def sample(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder: STUDY/runs/ID.")],
    out: Annotated[Path, typer.Option(help="A new folder.")],
    captions: Annotated[
        Path | None, typer.Option(help="Text, a caption a line; by default held-out ones.")
    ] = None,
    budget: Annotated[
        float | None, typer.Option(help="Whose observation draws; by default the last.")
    ] = None,
    guidance: Annotated[
        float | None, typer.Option(min=0, max=1000, help="Scale; by default the study's.")
    ] = None,
    steps: Annotated[
        int | None, typer.Option(min=1, max=10**6, help="By default the study's.")
    ] = None,
    sampler: Annotated[Literal["euler", "heun"], typer.Option(help="The rule.")] = "euler",
    seed: Annotated[int, typer.Option(min=0, max=2**62, help="Of the noise.")] = 0,
    as_json: Json = False,
) -> None:
    """Draw pictures with a finished run."""
    need_training("sample")
    from ditlaw.sampling import sample_run

    done = sample_run(
        run,
        out,
        captions=captions,
        budget=budget,
        sampler=sampler,
        steps=steps,
        guidance=guidance,
        seed=seed,
    )
    emit(done, as_json)


@app.command()
def budget(
    gpus: Annotated[str, typer.Option(help="GPUs, as 256xh100.")],
    days: Annotated[float | None, typer.Option(help="Days; gives FLOPs.")] = None,
    flops: Annotated[float | None, typer.Option(help="FLOPs; gives hours and days.")] = None,
    mfu: Annotated[float, typer.Option(help="Model FLOPs utilisation, 0 to 1.")] = DEFAULT_MFU,
    as_json: Json = False,
) -> None:
    """Turn GPU time into FLOPs, or FLOPs into GPU time."""
    from ditlaw.compute import budget as gpu_budget

    emit(gpu_budget(gpus, days=days, flops=flops, mfu=mfu), as_json)


@app.command()
def count(
    depth: Annotated[int, typer.Option(help="Layers: the dial of a family.")],
    family: Annotated[str, typer.Option(help="Family of DiTs.")] = "in-context",
    width: Annotated[int | None, typer.Option(help="By default what the dial says.")] = None,
    heads: Annotated[int | None, typer.Option(help="By default what the dial says.")] = None,
    single_depth: Annotated[
        int | None, typer.Option(help="Single-stream blocks of flux; by default twice the depth.")
    ] = None,
    option: Annotated[
        list[str] | None, typer.Option(metavar="KEY=VALUE", help="An option of the family.")
    ] = None,
    latent: Annotated[
        str,
        typer.Option(
            metavar="[Fx]HxWxC", help="Size of a sample; an 8× autoencoder at 256 px. F: frames."
        ),
    ] = "32x32x4",
    patch: Annotated[int, typer.Option(min=1, help="Patch side.")] = 2,
    text_tokens: Annotated[int, typer.Option(min=0, help="Text tokens of a sample.")] = 120,
    text_dim: Annotated[
        int | None, typer.Option(min=1, help="Width of the text features; by default 768.")
    ] = None,
    pooled_dim: Annotated[
        int | None,
        typer.Option(
            min=0, help="Width of the pooled text vector, by default 768; 0: mean of the features."
        ),
    ] = None,
    vocabulary: Annotated[
        int,
        typer.Option(min=0, help="Words of a learned table, or classes, in place of features."),
    ] = 0,
    as_json: Json = False,
) -> None:
    """Count one model's params and FLOPs exactly, per sample."""
    from ditlaw.families.count import count_model, named_family, parse_latent

    default = 0 if vocabulary else 768
    geometry = Geometry(
        **parse_latent(latent),
        patch=patch,
        text_tokens=text_tokens,
        vocabulary=vocabulary,
        text_dim=default if text_dim is None else text_dim,
        pooled_dim=default if pooled_dim is None else pooled_dim,
    )
    chosen = named_family(family, option or [])
    shape = chosen.shape(depth, width, heads, single_depth)
    emit(count_model(chosen, shape, geometry), as_json)
