"""What kind of model a recipe is of: a study's, or as stated for a law that has no study."""

from dataclasses import dataclass

from ditlaw.answering import AnsweringLaw
from ditlaw.errors import BadInput
from ditlaw.families import get_family
from ditlaw.families.count import parse_latent
from ditlaw.laws import Law
from ditlaw.published import PublishedLaw
from ditlaw.study import Study
from ditlaw.study.data_section import Data
from ditlaw.study.geometry_section import GeometrySection
from ditlaw.study.schema import LearningRate, Recipe
from ditlaw.study.shape_section import FamilySection, ShapeSection

LATENT, PATCH, TEXT_TOKENS, TEXT_DIM = "32x32x4", 2, 120, 768  # as 'ditlaw count' has them
SAME = 0.01  # tokens per image that differ by less agree


@dataclass(frozen=True)
class Stated:
    """What a user says of the models of a law without a study; None where nothing was said."""

    family: str | None = None
    latent: str | None = None
    patch: int | None = None
    text_tokens: int | None = None

    @property
    def sample(self) -> bool:
        """Whether anything was said of a sample."""
        return not (self.latent is None and self.patch is None and self.text_tokens is None)

    def geometry(self) -> GeometrySection:
        """What a sample is; what was not said is that of 256 px through an 8× autoencoder.

        Raises:
            BadInput: sides and patch do not go together.
        """
        text_tokens = TEXT_TOKENS if self.text_tokens is None else self.text_tokens
        dim = TEXT_DIM if text_tokens else 0
        found = GeometrySection(
            **parse_latent(self.latent or LATENT),
            patch=self.patch or PATCH,
            text_tokens=text_tokens,
            text_dim=dim,
            pooled_dim=dim,
        )
        try:
            found.geometry()  # its own checks
        except BadInput as error:
            raise _by_option(error) from None
        return found


@dataclass(frozen=True)
class Design:
    """A plain study whose family, samples and recipe the forecast model has.

    Where the law has none (``of_study`` is false) it stands for what was stated; ``assumed`` then
    says what of a sample was not, and ``other_than`` of which family the law is, if of another.
    """

    study: Study
    of_study: bool
    assumed: str | None = None
    other_than: str | None = None


def design_of(law: AnsweringLaw, stated: Stated) -> Design | None:
    """What a forecast's recipe is of; None where that is not known.

    Raises:
        BadInput: something is stated that a study says itself, that is unknown, or that
            contradicts the law's rows.
    """
    rows, study = law.observations, law.observations.study
    if study is not None:
        if stated != Stated():
            raise BadInput(
                f"--family, --latent, --patch, --text-tokens: {rows.source} is of a study, which "
                "says these itself; leave them out"
            )
        return Design(study, of_study=True) if study.design().closed_form else None
    own = _own_family(law)
    by_itself = own if isinstance(law, PublishedLaw) or stated.sample else None
    name = stated.family or by_itself
    if name is None:
        if stated.sample:
            raise BadInput(
                f"--latent, --patch, --text-tokens: of which family {rows.source} is, is not "
                "known; add --family, as in-context"
            )
        return None
    family = get_family(name)
    if not family.closed_form:
        raise BadInput(f"--family: {name} has no sizes of its own; use a family of ditlaw")
    geometry = stated.geometry()
    try:
        family.check(geometry.geometry())
    except BadInput as error:
        raise _by_option(error) from None
    tokens, each = geometry.geometry().tokens, rows.tokens_per_image()
    if each and abs(tokens / each - 1) > SAME:
        raise BadInput(
            f"--latent, --patch, --text-tokens: they make {tokens} tokens of an image; those of "
            f"{rows.source} have {each:g}"
        )
    study = Study(
        name="design",
        family=[FamilySection(name=family.name, options=family.options())],
        data=[Data(source="described")],
        geometry=geometry,
        budgets=[1.0],
        shapes=[ShapeSection(depth=1), ShapeSection(depth=2)],  # two depths: it follows the dial
        recipe=Recipe(batch=1, learning_rate=LearningRate(value=1.0), precision="bfloat16"),
    )
    return Design(
        study,
        of_study=False,
        assumed=None if stated.sample else _words(geometry),
        other_than=own if own not in (None, family.name) else None,
    )


def tokens_per_image(law: AnsweringLaw, stated: Stated) -> float | None:
    """Tokens of one image, as the law's rows or the user says; None where neither does.

    Raises:
        BadInput: as ``Stated.geometry``.
    """
    own = law.observations.tokens_per_image()
    return float(stated.geometry().tokens_per_sample()) if own is None and stated.sample else own


def _own_family(law: AnsweringLaw) -> str | None:
    """Of the paper's models, or of a table's rows where a column says it."""
    if isinstance(law, PublishedLaw):
        return law.entry.family
    if not (isinstance(law, Law) and "family" in law.observations.frame):
        return None
    names = set(law.observations.frame["family"].dropna().map(str))
    return names.pop() if len(names) == 1 else None


def _by_option(error: BadInput) -> BadInput:
    """The error by the option that was given, in place of the study file's field."""
    message = str(error)
    for field in ("patch", "text_tokens"):
        message = message.replace(f"geometry.{field}:", f"--{field.replace('_', '-')}:")
    return BadInput(message)


def _words(geometry: GeometrySection) -> str:
    g = geometry
    return (
        f"an image is {g.geometry().tokens} tokens: a {g.height}x{g.width}x{g.channels} latent in "
        f"patches of {g.patch}, {g.text_tokens} of text"
    )
