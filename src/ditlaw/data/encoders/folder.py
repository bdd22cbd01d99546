"""A folder that a network was saved to: what it says it is, its weights, their hash. No torch here.

Weights are read from safetensors alone: a pickle can run code as it is opened.
"""

import contextlib
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ditlaw.data.manifest import EncoderFacts
from ditlaw.errors import BadInput

CONFIG_FILE = "config.json"
PICKLES = ("*.bin", "*.pt", "*.pth", "*.ckpt")
BLOCK = 1 << 20


class ModelFolder:
    """A saved network.

    Args:
        path: the folder, as ``save_pretrained`` writes it.
        option: what names it on the command line, for error lines.
        stem: of its weight file, without ``.safetensors``.

    Raises:
        BadInput: no such folder, no config, or no weights in safetensors.
    """

    def __init__(self, path: Path, option: str, stem: str) -> None:
        self.path, self.option = path, option
        if not path.is_dir():
            raise self.wrong("no such folder", "give the one that save_pretrained wrote")
        if (path / "model_index.json").exists():
            sub = option.removeprefix("--").replace("-", "_")
            raise self.wrong("a pipeline of several networks", f"give its part, as {path / sub}")
        self.config = self._config()
        self.files = self._weights(stem)

    def wrong(self, what: str, mend: str) -> BadInput:
        """One line that names the option and the folder."""
        return BadInput(f"{self.option}: {self.path}: {what}; {mend}")

    def facts(self, class_name: str, precision: str) -> EncoderFacts:
        """What a manifest says of it; reads the weights through once."""
        return EncoderFacts(
            class_name=class_name,
            sha256=files_sha256(self.files),
            config_sha256=files_sha256([self.path / CONFIG_FILE]),
            precision=precision,
        )

    @contextlib.contextmanager
    def opening(self, what: str) -> Iterator[None]:
        """What goes wrong inside while the network is made becomes one line.

        Raises:
            BadInput: the weights are damaged, or are of another network.
        """
        from safetensors import SafetensorError

        try:
            yield
        except (
            OSError,
            ValueError,
            TypeError,
            KeyError,
            AttributeError,
            ImportError,
            RuntimeError,
            SafetensorError,
        ) as error:
            said = " ".join(str(error).split())[:160] or type(error).__name__
            raise self.wrong(f"{what} ({said})", "fetch it again or give another") from None

    def require_whole(self, info: dict[str, Any]) -> None:
        """Whether every weight was found: what is not would be drawn at random.

        Raises:
            BadInput: some were not, or have another shape.
        """
        lacking = sorted(str(key) for key in info["missing_keys"])
        lacking += sorted(str(key) for key in info["mismatched_keys"])
        if lacking:
            raise self.wrong(
                f"its weights lack {len(lacking)} of what its config describes, as {lacking[0]}",
                "fetch it again or give another",
            )

    def _config(self) -> dict[str, Any]:
        try:
            found = json.loads((self.path / CONFIG_FILE).read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise self.wrong(
                f"no {CONFIG_FILE}", "give a folder that save_pretrained wrote"
            ) from None
        except (OSError, ValueError):
            raise self.wrong(f"{CONFIG_FILE} is damaged", "fetch it again") from None
        if not isinstance(found, dict):
            raise self.wrong(f"{CONFIG_FILE} is not an object", "fetch it again")
        return found

    def _weights(self, stem: str) -> list[Path]:
        """The files that from_pretrained reads: one, or those that the index lists."""
        one, index = (self.path / f"{stem}.safetensors{end}" for end in ("", ".index.json"))
        if one.is_file():
            return [one]
        if index.is_file():
            names = self._listed(index)
            files = [self.path / name for name in names]
            for file in files:
                if not file.is_file():
                    raise self.wrong(f"{file.name} is missing", "fetch it again")
            return [index, *files]
        others = sorted(p.name for p in self.path.glob("*.safetensors"))
        if others:
            raise self.wrong(
                f"no {one.name} but {others[0]}", f"copy the folder with that file as {one.name}"
            )
        if any(next(self.path.glob(kind), None) for kind in PICKLES):
            raise self.wrong(
                "its weights are a pickle, which can run code",
                "save it with save_pretrained(..., safe_serialization=True)",
            )
        raise self.wrong(f"no {one.name}", "give a folder with weights in safetensors")

    def _listed(self, index: Path) -> list[str]:
        try:
            names = sorted(
                set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            )
            # A name that leads out of the folder is no name of a weight file.
            if all(name == Path(name).name and name.endswith(".safetensors") for name in names):
                return names
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass
        raise self.wrong(f"{index.name} is damaged", "fetch it again")


def files_sha256(files: list[Path]) -> str:
    """SHA-256 of a file; of several, that of the lines ``name sha256``, in the order of the names.

    Raises:
        BadInput: one cannot be read.
    """
    if len(files) == 1:
        return _sha256(files[0])
    lines = [f"{file.name} {_sha256(file)}\n" for file in sorted(files)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _sha256(file: Path) -> str:
    found = hashlib.sha256()
    try:
        with file.open("rb") as opened:
            while block := opened.read(BLOCK):
                found.update(block)
    except OSError as error:
        raise BadInput(f"{file}: cannot be read ({error.strerror or error})") from None
    return found.hexdigest()
