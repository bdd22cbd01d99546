"""The published laws: numbers as printed, with their source and what is not known.

To add one, give an ``Entry``. A number whose unit was not found stands under ``unscaled`` and
answers nothing.
"""

from ditlaw.published.entry import Entry, Paper
from ditlaw.published.forms import (
    EF_DAY,
    PF_DAY,
    Line,
    OfSurface,
    Ratio,
    Rest,
    Surface,
)
from ditlaw.published.printed import Printed as P

_LIANG = Paper(
    source="Liang et al., Scaling Laws For Diffusion Transformers",
    year=2024,
    arxiv="2410.08184",
    read="secondary digests and the ICLR 2026 reviews, not the paper itself",
)
_LIANG_RANGE = (1e17, 6e18)
_LIANG_FLOPS = "C = 6·N·D, D in image and text tokens"
_CLIP = "CLIP ViT-L/14"

_HOFFMANN = Surface(P("1.6934"), P("406.4"), P("410.7"), P("0.3392"), P("0.2849"))
_BESIROGLU = Surface(P("1.8172"), P("482.01"), P("2085.43"), P("0.3478"), P("0.3658"))
_LLAMA_TOKENS = Line(P("0.299"), P("0.537"))


def _of_surface(surface: Surface) -> dict[str, OfSurface]:
    return {
        "params": OfSurface(surface, "params"),
        "tokens": OfSurface(surface, "tokens"),
        "loss": OfSurface(surface, "loss"),
    }


ENTRIES = [
    Entry(
        name="dit-in-context",
        paper=_LIANG,
        range=_LIANG_RANGE,
        data="108M LAION-Aesthetics images with dense captions (LLaVA-1.5), 256 px",
        convention=_LIANG_FLOPS,
        units="params; image and text tokens; MSE of the rectified-flow velocity",
        laws={
            "params": Line(P("0.0009"), P("0.5681")),
            "tokens": Line(P("186.8535"), P("0.4319")),
            "loss": Line(P("2.3943"), P("-0.0273")),
            "frechet": Line(P("2.2566e6"), P("-0.234")),
        },
        extractors={"frechet": _CLIP},
        unknown=(
            "tokens per caption and so per image",
            "an irreducible loss (none was fitted)",
            "coefficients of VLB, likelihood, GenEval, HPSv2.1 and ImageReward",
        ),
        remarks={
            "contradicting-replies": "the authors' replies give 676B and 1.8T tokens for 3B "
            "params, and 2.2T and 6T for 10B; the law itself says neither.",
        },
        family="in-context",
        images=108e6,
        trained=(1024, 1e-4),
    ),
    Entry(
        name="dit-in-context-sparse",
        paper=_LIANG,
        range=_LIANG_RANGE,
        data="the images of dit-in-context with sparse captions, 256 px",
        convention=_LIANG_FLOPS,
        units="Fréchet distance",
        laws={"frechet": Line(P("1.059e6"), P("-0.216"))},
        extractors={"frechet": _CLIP},
        unknown=("N*, D* and loss under sparse captions",),
    ),
    Entry(
        name="dit-cross-attention",
        paper=_LIANG,
        range=_LIANG_RANGE,
        data="the data of dit-in-context, a PixArt-like model",
        convention=_LIANG_FLOPS,
        units="params; image and text tokens; MSE of the rectified-flow velocity",
        unscaled={"params": "C^0.54", "tokens": "C^0.46", "loss": "C^-0.0385"},
        unknown=("every coefficient; exponents alone say nothing at a budget",),
    ),
    Entry(
        name="chinchilla",
        paper=Paper(
            source="Hoffmann et al., Training Compute-Optimal Large Language Models, approach 3",
            year=2022,
            arxiv="2203.15556",
            read="the digits that later replications quote",
        ),
        range=(6e18, 3e21),
        data="MassiveText, language",
        convention="C = 6·N·D",
        units="params; text tokens; nats a token",
        laws=_of_surface(_HOFFMANN),
        surface=_HOFFMANN,
        unknown=("the FLOPs of all its runs; the range is that of the isoFLOP budgets",),
        remarks={
            "refitted": "a refit of the same runs differs (chinchilla-replication): "
            "the optimiser had stopped early.",
        },
    ),
    Entry(
        name="chinchilla-replication",
        paper=Paper(
            source="Besiroglu et al., Chinchilla Scaling: A replication attempt",
            year=2024,
            arxiv="2404.10102",
            read="the authors' code",
        ),
        range=(1.4e18, 1.3e22),
        data="240 points digitised from Hoffmann et al., language",
        convention="C = 6·N·D",
        units="params; text tokens; nats a token",
        laws=_of_surface(_BESIROGLU),
        surface=_BESIROGLU,
    ),
    Entry(
        name="kaplan",
        paper=Paper(
            source="Kaplan et al., Scaling Laws for Neural Language Models, compute-efficient",
            year=2020,
            arxiv="2001.08361",
            read="secondary notes for the exponents of N* and D*; the rest from memory",
        ),
        range=None,
        data="WebText2, language",
        convention="C_min, no embeddings, as if at small batches; 6·N*·D* is 1.8 times that",
        units="params without embeddings; text tokens; nats a token; C in PF-days",
        laws={
            "params": Line(P("1.3"), P("0.73"), unit=1e9, per=PF_DAY),
            "tokens": Line(P("2"), P("0.27"), unit=1e10, per=PF_DAY),
            "loss": Ratio(P("3.1e8"), P("0.050"), per=PF_DAY),
        },
        unknown=("the FLOPs that the lines were fitted on",),
        remarks={
            "not-converged": "these lines stop far short of convergence; the paper's L(N, D) is of "
            "runs trained until they stop improving, and its minimum is not this N*.",
        },
    ),
    Entry(
        name="deepseek",
        paper=Paper(
            source="DeepSeek-AI, DeepSeek LLM: Scaling Open-Source Language Models",
            year=2024,
            arxiv="2401.02954",
            read="secondary notes that agree with each other",
        ),
        range=(1e17, 3e20),
        data="DeepSeek's own corpus, language",
        convention="C = M·D, M the FLOPs per token: no embeddings, attention included",
        units="text tokens; M in FLOPs per token",
        laws={"tokens": Line(P("5.8316"), P("0.4757"))},
        asides={"M*": Line(P("0.1715"), P("0.5243"))},
        unknown=(
            "params: they follow from M* (FLOPs per token) only for a known depth, width and "
            "context, M = 72·L·d² + 12·L·d·n, and are fewer than M*/6",
            "the loss",
        ),
    ),
    Entry(
        name="llama3",
        paper=Paper(
            source="Llama Team, The Llama 3 Herd of Models",
            year=2024,
            arxiv="2407.21783",
            read="secondary notes",
        ),
        range=(6e18, 1e22),
        data="Llama 3's own corpus, language",
        convention="not known; C = 6·N·D is assumed here to turn tokens into params",
        units="text tokens; params derived from them",
        laws={"params": Rest(_LLAMA_TOKENS, "D*"), "tokens": _LLAMA_TOKENS},
        unknown=("the loss", "how the paper counts FLOPs, on which the params depend"),
    ),
    Entry(
        name="yin-video",
        paper=Paper(
            source="Yin et al., Towards Precise Scaling Laws for Video Diffusion Transformers",
            year=2024,
            arxiv="2411.17470",
            read="secondary digests that quote the equations",
        ),
        range=(1.8e17, 1.6e19),
        data="Panda-70M, 17 frames of 256 px, a cross-attention DiT",
        convention="C = (3/4)·N·(7 + n/d) a token, context n and width d",
        units="params in billions and C in EFLOP/s-days: so its 0.64B at 1e22 FLOPs holds",
        laws={"params": Line(P("1.5787"), P("0.4146"), unit=1e9, per=EF_DAY)},
        unscaled={"loss": "0.4856 + (0.0373/T)^0.2917 + (0.0082/N)^0.3188"},
        unknown=(
            "the units of 0.0373 and 0.0082 in its loss, so no loss is answered",
            "tokens: they need the context and the width",
            "the fitted FLOPs; the range is 5.25·N·D of its smallest and largest runs",
        ),
        remarks={
            "two-routes": "the paper's loss law alone implies an exponent of 0.478 for N* "
            "(0.2917/(0.2917 + 0.3188)); its line, which answers here, says 0.4146.",
        },
    ),
]
