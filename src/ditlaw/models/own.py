"""A user's own module behind the signature of ours: found, built, checked where it is called.

Master weights stay in float32. Where a recipe asks for bfloat16, torch's autocast computes the
module in it: unlike a built-in family's, a user's layers do not follow their input's precision.
"""

import contextlib
import importlib
import inspect
import os
import sys
import traceback
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ditlaw import text
from ditlaw.errors import BadInput, DitlawError
from ditlaw.families import Geometry, Own, Shape
from ditlaw.models.condition import Condition

LONGEST_REASON = 200


class OwnModel(nn.Module):
    """Noisy latent, t, condition → velocity, by the user's ``model``; see ``Model.forward``."""

    def __init__(self, model: nn.Module, path: str, compute: torch.dtype | None = None) -> None:
        super().__init__()
        self.model = model
        self.path = path
        self.compute = compute

    def forward(self, x: Tensor, t: Tensor, condition: Condition) -> Tensor:
        """Velocity of a batch, in the shape and precision of ``x``.

        Raises:
            BadInput: the module returns something else.
        """
        lower: contextlib.AbstractContextManager[Any] = contextlib.nullcontext()
        if self.compute is not None:
            lower = torch.autocast(x.device.type, self.compute)
        with lower:
            velocity: Any = self.model(x, t, condition)
        if not isinstance(velocity, Tensor):
            raise BadInput(
                f"family: {self.path} returns a {type(velocity).__name__}; return the velocity "
                "alone, a tensor of x's shape"
            )
        if velocity.shape != x.shape:
            raise BadInput(
                f"family: {self.path} returns the shape {tuple(velocity.shape)} for an x of "
                f"{tuple(x.shape)}; return the shape of x"
            )
        return velocity.to(x.dtype)


def find(path: str, field: str = "family") -> Callable[..., Any]:
    """What makes the module: ``module:factory`` on sys.path, or last in the current folder.

    ``field`` is what an error names.

    Raises:
        BadInput: the module cannot be imported, or has no such callable.
    """
    module_name, name = path.split(":")
    if module_name == "diffusers":
        from ditlaw.models.diffusers_models import factory_of

        return factory_of(name)
    if os.getcwd() not in sys.path:
        sys.path.append(os.getcwd())  # last: a file here may not pass for a module of another's
    try:
        module = importlib.import_module(module_name)
    except (Exception, SystemExit) as error:  # a script that reads its arguments exits
        missing = error.name if isinstance(error, ModuleNotFoundError) else None
        if missing and (module_name == missing or module_name.startswith(f"{missing}.")):
            raise BadInput(
                f"{field}: {path}: no module '{missing}' in the current folder or on sys.path; "
                "run from the folder that holds it, or name that folder in PYTHONPATH"
            ) from None
        raise BadInput(
            f"{field}: {path}: importing {module_name} fails ({reason(error)}); mend the module"
        ) from None
    factory = getattr(module, name, None)
    if not callable(factory):
        made = [key for key, value in vars(module).items() if callable(value) and key[0] != "_"]
        where = getattr(module, "__file__", None) or module_name
        if factory is not None:
            raise BadInput(
                f"{field}: {path}: '{name}' in {where} is a {type(factory).__name__}, not a "
                "function or class that makes a module"
            )
        raise text.unknown(f"{field}: {where}", name, made)
    return factory  # type: ignore[no-any-return]


def build_own(
    family: Own,
    shape: Shape,
    geometry: Geometry,
    seed: int | None = None,
    *,
    precision: str = "float32",
    checkpointing: bool = False,
) -> OwnModel:
    """A user's module with its weights drawn from ``seed``; arguments as in ``models.build``.

    The module is made with torch's generator seeded, then drawn by its ``initialise(generator)``
    if it has one.

    Raises:
        BadInput: it cannot be found or made, or cannot recompute activations as asked.
    """
    factory = find(family.path)
    options = family.options()
    if shape.single_depth:
        options["single_depth"] = shape.single_depth
    taken = (shape.depth, shape.width, shape.heads, geometry)
    try:
        inspect.signature(factory).bind(*taken, **options)
    except TypeError as error:
        given = ", ".join(["depth", "width", "heads", "geometry", *options])
        raise BadInput(
            f"family: {family.path} does not take ({given}): {error}; change its arguments or "
            "options"
        ) from None
    except ValueError:
        pass  # a callable that does not tell what it takes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed or 0)
        try:
            model = factory(*taken, **options)
            if seed is not None and callable(draw := getattr(model, "initialise", None)):
                draw(torch.Generator().manual_seed(seed))
        except DitlawError:
            raise
        except (Exception, SystemExit) as error:
            raise BadInput(
                f"family: {family.path} cannot be made at {shape} ({reason(error)}); mend it or "
                "change the shape or options"
            ) from None
    if not isinstance(model, nn.Module):
        raise BadInput(
            f"family: {family.path} makes a {type(model).__name__}; it must return an nn.Module"
        )
    if checkpointing:
        _checkpoint(model, family.path)
    compute = torch.bfloat16 if precision == "bfloat16" else None
    # Whatever mode the user's code left it in: a run trains in the one that it was counted in.
    return OwnModel(model, family.path, compute).train()


def build_on_meta(family: Own, shape: Shape, geometry: Geometry, **settings: Any) -> OwnModel:
    """The same without any memory behind it: all that it holds is on torch's meta device."""
    with torch.device("meta"):
        return build_own(family, shape, geometry, **settings).to("meta")


def _checkpoint(model: Any, path: str) -> None:
    if hasattr(model, "checkpointing"):
        model.checkpointing = True
        return
    with contextlib.suppress(AttributeError, ValueError, NotImplementedError):
        model.enable_gradient_checkpointing()  # of diffusers
        return
    raise BadInput(
        f"recipe.checkpointing: {path} cannot recompute its activations; leave it out, or give "
        "the module an attribute 'checkpointing' that it heeds"
    )


def reason(error: BaseException) -> str:
    """An error of the user's code in one line, with the last place in it that is the user's."""
    said = text.plain(" ".join(str(error).split()), LONGEST_REASON)
    others = (os.path.dirname(os.path.dirname(__file__)), os.path.dirname(os.__file__), "<")
    places = [
        f", {os.path.basename(frame.filename)} line {frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(others) and "site-packages" not in frame.filename
    ]
    named = ": ".join([type(error).__name__, said] if said else [type(error).__name__])
    return named + (places[-1] if places else "")
