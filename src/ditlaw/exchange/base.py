"""What an exchange is: the tensors of a model of ours as those of another library's class."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from ditlaw.errors import BadInput
from ditlaw.exchange.parts import Piece, Window
from ditlaw.families import Geometry

State = dict[str, Tensor]
Shapes = dict[str, torch.Size]


class NoClass(BadInput):
    """No class of the other library computes what the model does."""


@dataclass(frozen=True)
class Exchange:
    """One model of ours as a class of another library.

    ``config`` is what the class is made with. Of weights to be read, its fields in ``free`` may
    differ, and a field that they leave out or leave to the class counts as in ``defaults``.
    ``ours`` are the shapes of our tensors, ``copies`` further tensors of theirs by the one that
    they equal, ``unread`` the shapes of theirs whose values change nothing; ``buffers`` are what
    the class stores and our ``state_dict`` leaves out. ``call`` says what each argument of the
    class is in our terms.
    """

    class_name: str
    config: dict[str, Any]
    pieces: list[Piece | Window]
    ours: Shapes
    call: dict[str, str]
    copies: dict[str, str] = field(default_factory=dict)
    unread: dict[str, tuple[int, ...]] = field(default_factory=dict)
    buffers: State = field(default_factory=dict)
    free: frozenset[str] = frozenset()
    defaults: dict[str, Any] = field(default_factory=dict)

    @property
    def words(self) -> list[str]:
        """Our look-up tables of words, which lie before what the class has."""
        held = {piece.ours for piece in self.pieces}
        return [name for name in self.ours if name not in held]

    def to_theirs(self, state: Mapping[str, Tensor]) -> State:
        """Our weights as the class's ``state_dict``; ``words`` are left out.

        Raises:
            BadInput: they are another model's.
        """
        state = {**self.buffers, **state}
        for name in {piece.ours for piece in self.pieces}:
            shape = self._shape(name)
            if name not in state or state[name].shape != shape:
                raise BadInput(f"{name}: missing, or not of shape {list(shape)} as in this model")
        theirs = {piece.theirs: piece.give(state[piece.ours]) for piece in self.pieces}
        theirs |= {name: theirs[first].clone() for name, first in self.copies.items()}
        some = next(iter(theirs.values()))
        return theirs | {name: some.new_zeros(shape) for name, shape in self.unread.items()}

    def from_theirs(self, theirs: Mapping[str, Tensor]) -> State:
        """The class's ``state_dict`` as ours, ``buffers`` included and ``words`` left out.

        Raises:
            BadInput: names or shapes are not this model's, or what must be equal is not.
        """
        self._check_names(theirs)
        for name, first in self.copies.items():
            if not torch.equal(theirs[name], theirs[first]):
                raise BadInput(
                    f"{name}: differs from {first}; here one embedder serves all blocks, "
                    "so only weights whose blocks share theirs can be read"
                )
        state: State = {}
        for piece in self.pieces:
            value = theirs[piece.theirs]
            if piece.ours not in state:
                state[piece.ours] = value.new_empty(self._shape(piece.ours))
            piece.take(value, state[piece.ours])
        return state

    def check(self, config: Mapping[str, Any]) -> None:
        """Check that weights made with their ``config`` mean here what they meant there.

        Raises:
            BadInput: a field differs; the message names it and the value that works.
        """
        for name, wanted in self.config.items():
            given = config.get(name)
            given = self.defaults.get(name) if given is None else given
            given = list(given) if isinstance(given, tuple) else given
            if name not in self.free and given is not None and given != wanted:
                raise BadInput(f"{name}: {given} is not what this model has; use {wanted}")

    def _shape(self, name: str) -> torch.Size:
        return self.buffers[name].shape if name in self.buffers else self.ours[name]

    def _check_names(self, theirs: Mapping[str, Tensor]) -> None:
        wanted = {*(piece.theirs for piece in self.pieces), *self.copies, *self.unread}
        for names, what in ((wanted - set(theirs), "lack"), (set(theirs) - wanted, "have")):
            if names:
                raise BadInput(
                    f"{self.class_name}: the weights {what} '{min(names)}' and fit another "
                    "configuration; read them with the family, shape and geometry that they have"
                )


def need_square(class_name: str, geometry: Geometry) -> None:
    """For classes whose codes of place or ways back to an image are those of a square.

    Raises:
        NoClass: the samples are not square.
    """
    if geometry.height != geometry.width:
        raise NoClass(
            f"{class_name} reads square samples, not {geometry.height} × {geometry.width}"
        )
