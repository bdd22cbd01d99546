"""Does the loader keep up with the model, and does its memory stay flat?

Raw pictures are made on the spot, prepared as a study does, and read as training reads them: in
batches, shuffled. Each source is set against what a training step needs at three model sizes, and
against a named peer in the same run: torch's DataLoader over a folder of the same pictures, which
decodes, crops and resizes each one every time it is seen, as DiT's and SiT's trainers do.

    OMP_NUM_THREADS=1 python benchmarks/loading.py
"""

import tarfile
import tempfile
import time
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch.utils.data import DataLoader, Dataset

from ditlaw.data.cache import Cache, Stream
from ditlaw.data.manifest import ImageFacts, SourceFacts, TextFacts
from ditlaw.data.prepare import prepare
from ditlaw.data.scenes import Scenes
from ditlaw.data.shards import write_manifest, write_shard
from ditlaw.data.wanted import Wanted
from ditlaw.study import parse_study, study_runs
from ditlaw.training.trunk import Trunk

PICTURES, SIDE, BATCH = 2048, 64, 8
SECONDS = 2.0
LONG = 409_600  # samples of the memory's stream
LATENTS = 1024
STUDY = """
name: loading
geometry: {height: 16, width: 16, channels: 3, patch: 2, text_tokens: 16, vocabulary: 17}
budgets: [1.0e+15]
shapes: [{depth: 2, width: 24, heads: 4}, {depth: 4, width: 128}, {depth: 8, width: 384}]
recipe: {batch: 8, learning_rate: {value: 1.0e-3}}
"""


def pictures(count: int) -> list[tuple[str, Image.Image, str]]:
    """Key, picture and caption of scenes, enlarged."""
    images = Scenes(5).read(0, count).images
    return [
        (
            f"{i:06d}",
            Image.fromarray(((x.transpose(1, 2, 0) + 1) * 127.5).astype(np.uint8)).resize(
                (SIDE, SIDE)
            ),
            f"collage number {i % 97} in colour {i % 11}",
        )
        for i, x in enumerate(images)
    ]


def encoded(picture: Image.Image, kind: str) -> bytes:
    buffer = BytesIO()
    picture.save(buffer, kind)
    return buffer.getvalue()


def write_tar(samples, path: Path) -> None:
    with tarfile.open(path, "w") as tar:
        for key, picture, caption in samples:
            parts = (("png", encoded(picture, "PNG")), ("txt", caption.encode()))
            for suffix, content in parts:
                member = tarfile.TarInfo(f"{key}.{suffix}")
                member.size = len(content)
                tar.addfile(member, BytesIO(content))


def write_parquet(samples, path: Path) -> None:
    rows = [
        {"key": key, "image": encoded(picture, "JPEG"), "caption": caption}
        for key, picture, caption in samples
    ]
    pq.write_table(pa.Table.from_pylist(rows), path, row_group_size=512)


def write_folder(samples, path: Path) -> None:
    path.mkdir()
    for key, picture, caption in samples:
        (path / f"{key}.png").write_bytes(encoded(picture, "PNG"))
        (path / f"{key}.txt").write_text(caption)


def write_latents(folder: Path, count: int) -> None:
    """A cache of the size that 256-pixel latents and T5 features have."""
    rng = np.random.default_rng(0)
    shards = [
        write_shard(
            folder,
            f"{number:05d}",
            {
                "images": rng.normal(size=(256, 4, 32, 32)).astype(np.float16),
                "text": rng.normal(size=(256, 120, 768)).astype(np.float16),
            },
            [f"{number}-{i}" for i in range(256)],
            [""] * 256,
        )
        for number in range(count // 256)
    ]
    image = ImageFacts(kind="latents", channels=4, factor=8)
    text = TextFacts(kind="features", tokens=120, dim=768)
    write_manifest(folder, SourceFacts(kind="made"), image, text, shards, [])


class Folder(Dataset):
    """The peer's data set: a picture is decoded whenever it is seen."""

    def __init__(self, path: Path) -> None:
        self.files = sorted(path.glob("*.png"))

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, i: int) -> torch.Tensor:
        with Image.open(self.files[i]) as picture:
            small = picture.convert("RGB").resize((16, 16), Image.Resampling.LANCZOS)
        self.files[i].with_suffix(".txt").read_text()
        return torch.from_numpy(np.asarray(small).copy()).permute(2, 0, 1).float() / 127.5 - 1


def rate(batches: Iterator[int], seconds: float = SECONDS) -> float:
    """Samples a second."""
    seen, began = 0, time.perf_counter()
    for count in batches:
        seen += count
        if time.perf_counter() - began > seconds:
            break
    return seen / (time.perf_counter() - began)


def streamed(read: Callable[[int, int], object]) -> Iterator[int]:
    place = 0
    while True:
        read(place, BATCH)
        place += BATCH
        yield BATCH


def loaded(folder: Path) -> Iterator[int]:
    while True:
        for batch in DataLoader(Folder(folder), BATCH, shuffle=True):
            yield len(batch)


def needs() -> dict[str, float]:
    """Images a second that training consumes at three sizes, its data ready."""
    found = {}
    for spec in study_runs(parse_study(STUDY, "loading")):
        trunk = Trunk(spec, torch.device("cpu"))
        ready = trunk.sources[0].read(0, BATCH)
        trunk.sources = [type("Ready", (), {"read": lambda self, start, count, r=ready: r})()]
        steps = trunk.run(10**9)
        next(steps)
        shape = str(spec.shape)
        found[shape] = rate(BATCH for _ in steps)
        print(f"training step, {shape}: needs {found[shape]:,.0f} images/s")
    return found


def private_memory() -> float:
    """MB of this process that no file backs."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1024
    raise SystemExit("this system does not tell RssAnon")


def memory(stream: Stream) -> None:
    """Private memory along a stream of many epochs."""
    marks = []
    for place in range(0, LONG, 64):
        if place % (LONG // 4) == 0:
            marks.append(private_memory())
        stream.read(place, 64)
    told = ", ".join(f"{mark:.1f}" for mark in [*marks, private_memory()])
    epochs = LONG / stream.samples
    print(f"memory along {LONG:,} samples ({epochs:.0f} epochs), MB that no file backs: {told}")


def main() -> None:
    torch.set_num_threads(1)
    need = needs()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        samples = pictures(PICTURES)
        write_tar(samples, root / "shard.tar")
        write_parquet(samples, root / "table.parquet")
        write_folder(samples, root / "folder")
        write_latents(root / "latents", LATENTS)
        reads = {"scenes": Scenes(0).read}
        for source in ("shard.tar", "table.parquet", "folder"):
            wanted = Wanted((str(root / source),), ((16, 16),), text_tokens=16, vocabulary=200)
            out = root / f"cache-{source}"
            began = time.perf_counter()
            prepare(wanted, out, lambda done, of: None)
            spent = time.perf_counter() - began
            print(f"{source}: prepared once at {PICTURES / spent:,.0f} images/s")
            reads[source] = Stream(Cache(out), 0.05, 0).read
        reads["latents and features"] = Stream(Cache(root / "latents"), 0.05, 0).read
        peer = rate(loaded(root / "folder"))
        print(f"torch DataLoader over the folder, decoding: {peer:,.0f} images/s")
        for source, read in reads.items():
            made = rate(streamed(read))
            times = ", ".join(f"{made / n:,.0f}× {shape}" for shape, n in need.items())
            print(f"{source}: {made:,.0f} images/s, {made / peer:,.1f}× the peer; need met {times}")
        memory(Stream(Cache(root / "cache-shard.tar"), 0.05, 0))


if __name__ == "__main__":
    main()
