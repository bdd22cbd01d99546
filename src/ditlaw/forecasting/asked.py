"""From what may be asked of a law to its answer: which budget that is about."""

from dataclasses import dataclass
from typing import Any

from ditlaw.answering import AnsweringLaw
from ditlaw.compute import budget, parse_gpus
from ditlaw.compute.budget import check_mfu
from ditlaw.errors import BadInput
from ditlaw.forecasting.answer import forecast
from ditlaw.forecasting.designs import Stated, tokens_per_image
from ditlaw.forecasting.inverse import asked_for, cost
from ditlaw.lifetime import lifetime
from ditlaw.results import Forecast
from ditlaw.study import Hours, hardware_of
from ditlaw.study.schema import Hardware

ONE = "forecast: give one of --flops, --gpus with --days, --params, --loss and --images"


@dataclass(frozen=True)
class Asked:
    """A budget or a wish, and what is paid with. Images beside a budget are all that there are.

    ``generated`` images are those that the model will make in its lifetime.
    """

    flops: float | None = None
    gpus: str | None = None
    days: float | None = None
    params: float | None = None
    loss: float | None = None
    images: float | None = None
    mfu: float | None = None
    price: float | None = None
    generated: float | None = None
    sampler_steps: int | None = None
    guided: bool = False

    @property
    def limited(self) -> bool:
        """Whether images limit a budget, rather than being what it is to be found for."""
        others = (self.flops, self.days, self.params, self.loss)
        return self.images is not None and any(value is not None for value in others)

    def check(self) -> None:
        """Whether they make sense together and alone, before a large table is read.

        Raises:
            BadInput: they name several budgets, or a value is none that it can be.
        """
        wanted = (self.flops, self.days, self.params, self.loss)
        if sum(value is not None for value in wanted) > 1:
            raise BadInput(f"{ONE}; --images may go with a budget")
        if self.days is not None and self.gpus is None:
            raise BadInput("--days: of which GPUs? add --gpus, as 64xh100, or give --flops")
        for name in ("flops", "params", "loss", "images", "days", "price"):
            value = getattr(self, name)
            if value is not None and not 0 < value < float("inf"):
                raise BadInput(f"--{name}: {value:g} is not a positive number")
        if self.generated is None and (self.sampler_steps is not None or self.guided):
            raise BadInput("forecast: --sampler-steps and --guided go with --generated, as 1e9")
        if self.gpus is not None:
            parse_gpus(self.gpus)
        if self.mfu is not None:
            check_mfu(self.mfu)


def answer(law: AnsweringLaw, asked: Asked, stated: Stated, **options: Any) -> Forecast:
    """What ``ditlaw forecast`` prints; ``options`` are as ``forecast`` takes them.

    Raises:
        BadInput, Refused: as ``Asked.check``, the law's cost and its forecast.
    """
    asked.check()
    study = law.observations.study
    of_study = hardware_of(study)
    mfu = asked.mfu or of_study.mfu
    said = asked.mfu or (study and study.hardware)
    hours = Hours(Hardware(gpu=of_study.gpu, mfu=mfu), "stated") if asked.mfu else None
    number, flops, wish = None, asked.flops, None
    if asked.gpus is not None:
        number, device = parse_gpus(asked.gpus)
        hours = Hours(Hardware(gpu=device.name, mfu=mfu), "stated" if said else "assumed")
        if asked.days is not None:
            flops = budget(asked.gpus, days=asked.days, mfu=mfu).flops
    images = asked.images if asked.limited else None
    each = tokens_per_image(law, stated)
    wishes = asked_for(
        params=asked.params, loss=asked.loss, images=None if asked.limited else asked.images
    )
    for of, value in wishes.items():
        wish = cost(law, of, value, each)
        flops = wish.flops.value
    if flops is None:
        if study is None or study.forecast is None:
            raise BadInput("--gpus: for how long? add --days, or --flops" if number else ONE)
        flops = study.forecast.flops
    made = forecast(
        law,
        flops,
        hours,
        wish,
        gpus=number,
        price=asked.price,
        images=images,
        stated=stated,
        **options,
    )
    if asked.generated is None:
        return made
    whole = lifetime(
        law,
        flops,
        asked.generated,
        sampler_steps=asked.sampler_steps,
        guided=asked.guided,
        each=each,
    )
    return made.model_copy(update={"lifetime": whole})
