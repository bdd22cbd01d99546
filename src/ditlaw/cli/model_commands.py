"""The commands of single models: what one costs, what it reads, where its weights go.

Heavy imports happen inside each, so that help and errors come at once.
"""

from pathlib import Path
from typing import Annotated, Literal

import typer

from ditlaw.cli.options import Json
from ditlaw.cli.output import emit
from ditlaw.extras import need_encoders, need_training


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
    """Make a cache of your data to train on; safe to repeat.

    Of latents and text features, or of pixels and words.
    """
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


def export(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder: STUDY/runs/ID.")],
    out: Annotated[Path, typer.Option(help="A new folder.")],
    to: Annotated[str, typer.Option(help="What is to load it: diffusers.")] = "diffusers",
    as_json: Json = False,
) -> None:
    """Write a run's averaged weights as a diffusers model.

    It is the class that computes the same.
    """
    need_training("export")
    from ditlaw.export import export_run

    emit(export_run(run, to, out), as_json)


def budget(
    gpus: Annotated[str, typer.Option(help="GPUs, as 256xh100.")],
    days: Annotated[float | None, typer.Option(help="Days; gives FLOPs.")] = None,
    flops: Annotated[float | None, typer.Option(help="FLOPs; gives hours and days.")] = None,
    mfu: Annotated[
        float | None, typer.Option(help="Model FLOPs utilisation, 0 to 1; by default 0.4.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Turn GPU time into FLOPs, or FLOPs into GPU time."""
    from ditlaw.compute import DEFAULT_MFU
    from ditlaw.compute import budget as gpu_budget

    mfu = DEFAULT_MFU if mfu is None else mfu
    emit(gpu_budget(gpus, days=days, flops=flops, mfu=mfu), as_json)


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
    from ditlaw.families import Geometry
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
