"""Every kind of source gives the same samples of the same pictures and captions."""

import json
import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from raw_data import (
    WORDS,
    bytes_of,
    caption,
    made,
    pixels,
    png,
    sample,
    samples,
    skipped,
    tar_bytes,
    wish,
    write_tar,
)

from ditlaw.data.raw import open_raw, source_facts
from ditlaw.errors import BadInput

COUNT = 7


def rows(count=COUNT, struct=False):
    return {
        "key": [f"{i:04d}" for i in range(count)],
        "image": [{"bytes": png(i), "path": None} if struct else png(i) for i in range(count)],
        "caption": [caption(i) for i in range(count)],
        "sparse": [WORDS[i % 8] for i in range(count)],
        "label": [i % 3 for i in range(count)],
    }


def as_tar(folder):
    write_tar(folder / "a-0.tar", samples(4))
    write_tar(folder / "a-1.tar", samples(COUNT - 4, 4))
    return folder / "a-*.tar"


def as_parquet(folder, struct=False):
    folder.mkdir()
    pq.write_table(pa.table(rows(struct=struct)), folder / "a.parquet", row_group_size=3)
    return folder / "a.parquet"


def as_data_set(folder):
    import datasets

    features = datasets.Features(
        {
            "key": datasets.Value("string"),
            "image": datasets.Image(),
            "caption": datasets.Value("string"),
            "sparse": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["ant", "bee", "cow"]),
        }
    )
    datasets.disable_progress_bars()
    made = datasets.Dataset.from_dict(rows(struct=True), features=features)
    made.save_to_disk(folder, num_shards=2)
    return folder


def as_folder(folder):
    for i in range(COUNT):
        for kind, content in sample(i).items():
            (folder / WORDS[i % 3]).mkdir(parents=True, exist_ok=True)
            (folder / WORDS[i % 3] / f"{i:04d}.{kind}").write_bytes(content)
    return folder


def as_list(folder):
    folder.mkdir()
    lines = []
    for i in range(COUNT):
        (folder / f"{i:04d}.png").write_bytes(png(i))
        lines.append({"file_name": f"{i:04d}.png", "text": caption(i), "sparse": WORDS[i % 8]})
    (folder / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


KINDS = {
    "tar": as_tar,
    "parquet": as_parquet,
    "struct": lambda folder: as_parquet(folder, struct=True),
    "data_set": as_data_set,
    "folder": as_folder,
    "list": as_list,
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_gives_the_same_samples(tmp_path, kind):
    path = KINDS[kind](tmp_path / "raw")
    cache = made(tmp_path / "cache", wish(path), most_samples=3)
    assert not skipped(tmp_path / "cache")
    said = dict(cache.captions())
    order = {key: int(key.rpartition("/")[2].partition(".")[0]) for key in said}
    assert sorted(order.values()) == list(range(COUNT))
    for key, image in bytes_of(cache).items():
        assert np.array_equal(image, pixels(order[key]).transpose(2, 0, 1))
        assert said[key] == caption(order[key])
    vocabulary = cache.manifest.text.vocabulary
    words = cache.read(np.arange(COUNT)).words
    for row, key in zip(words, said, strict=True):
        told = [vocabulary[word] for word in row if word]
        number = order[key]
        assert told == ["a", WORDS[number % 8], WORDS[number // 8 % 8], "no", str(number)]


@pytest.mark.parametrize(
    ("kind", "field", "text", "expected"),
    [
        ("tar", "caption_sparse", "words", WORDS),
        ("tar", None, "label", ("0", "1", "2")),
        ("tar", "txt", "words", None),
        ("parquet", "sparse", "words", WORDS),
        ("parquet", None, "label", ("0", "1", "2")),
        ("data_set", None, "label", ("ant", "bee", "cow")),
        ("data_set", "sparse", "label", WORDS),
        ("folder", "folder", "label", WORDS[:3]),
        ("folder", "caption_sparse", "words", WORDS),
        ("list", "sparse", "words", WORDS),
    ],
)
def test_the_caption_is_of_the_chosen_field(tmp_path, kind, field, text, expected):
    path = KINDS[kind](tmp_path / "raw")
    raw = open_raw(wish(path, caption=field, text=text))
    for number in range(COUNT):
        key = int(raw.keys[number].rpartition("/")[2].partition(".")[0])
        told = caption(key) if expected is None else expected[key % len(expected)]
        assert raw.caption(number) == told


@pytest.mark.parametrize("kind", KINDS)
def test_a_wrong_field_is_answered_with_those_there_are(tmp_path, kind):
    path = KINDS[kind](tmp_path / "raw")
    with pytest.raises(BadInput) as told:
        open_raw(wish(path, caption="captoin"))
    line = str(told.value)
    assert "\n" not in line
    assert line.startswith("data.caption: ")
    assert any(name in line for name in ("caption_sparse", "sparse")), line


def test_folders_name_labels_where_nothing_else_does(tmp_path):
    for i in range(4):
        (tmp_path / "raw" / WORDS[i % 2]).mkdir(parents=True, exist_ok=True)
        (tmp_path / "raw" / WORDS[i % 2] / f"{i}.png").write_bytes(png(i))
    (tmp_path / "raw" / "stray.png").write_bytes(png(9))
    wanted = wish(tmp_path / "raw", text="label", text_tokens=1, most_skipped=0.5)
    cache = made(tmp_path / "cache", wanted)
    assert cache.manifest.text.vocabulary == ["·", "green", "red"]
    assert [said for _, said in cache.captions()] == ["green", "green", "red", "red"]
    assert list(skipped(tmp_path / "cache")) == ["stray.png"]
    with pytest.raises(BadInput, match=r"data\.caption"):
        open_raw(wish(tmp_path / "raw"))


def test_without_text_no_caption_is_needed(tmp_path):
    write_tar(tmp_path / "a.tar", {f"{i}.png": png(i) for i in range(3)})
    cache = made(tmp_path / "cache", wish(tmp_path / "a.tar", text="none", text_tokens=0))
    assert len(cache) == 3
    assert cache.read(np.arange(3)).text is None
    with pytest.raises(BadInput, match=r"set geometry\.text_tokens: 0"):
        open_raw(wish(tmp_path / "a.tar"))


def test_keys_of_tables_default_to_file_and_row(tmp_path):
    for name in ("a", "b"):
        table = pa.table({"image": [png(1), png(2)], "text": ["x", "y"]})
        pq.write_table(table, tmp_path / f"{name}.parquet")
    raw = open_raw(wish(tmp_path / "*.parquet"))
    assert raw.keys == ["a.parquet:0", "a.parquet:1", "b.parquet:0", "b.parquet:1"]


def test_rows_are_reached_in_any_order(tmp_path):
    raw = open_raw(wish(as_parquet(tmp_path / "raw")))
    for number in (6, 0, 3, 2, 5, 5, 1, 6):
        assert raw.image(number) == png(number)
        assert raw.caption(number) == caption(number)


def test_digits_are_real_and_small(tmp_path):
    cache = made(tmp_path / "cache", wish(sizes=((8, 8),), channels=1, text="label", vocabulary=11))
    assert len(cache) == 1797
    assert cache.manifest.text.vocabulary[1:] == sorted(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    )
    assert bytes_of(cache)["digit-0000"].max() == round(15 * 255 / 16)
    assert next(iter(cache.captions())) == ("digit-0000", "zero")


def test_a_shard_sorted_by_extension_is_put_together(tmp_path):
    members = sorted(samples(5).items(), key=lambda item: item[0].split(".")[1])
    write_tar(tmp_path / "a.tar", members)
    raw = open_raw(wish(tmp_path / "a.tar"))
    assert not raw.faults
    assert [raw.caption(i) for i in range(5)] == [caption(i) for i in range(5)]


def test_names_are_read_as_webdataset_reads_them(tmp_path):
    members = {
        "./x/one.PNG": png(1),
        "x/one.txt": b"first",
        "x/one.seg.png": png(5),
        "__meta__.json": b"{}",
        "._two.png": b"junk",
        "README": b"text",
        "notes.npy": b"array",
    }
    write_tar(tmp_path / "a.tar", members)
    raw = open_raw(wish(tmp_path / "a.tar"))
    assert (raw.keys, raw.faults) == (["x/one"], [])
    assert raw.image(0) == png(1)
    assert open_raw(wish(tmp_path / "a.tar", image="seg.png")).image(0) == png(5)
    with pytest.raises(BadInput, match=r"data\.image.*png, seg\.png"):
        open_raw(wish(tmp_path / "a.tar", image="jpg"))


def test_global_headers_are_no_damage(tmp_path):
    import io
    import tarfile

    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", pax_headers={"comment": "x" * 700}) as tar:
        for name, content in samples(2).items():
            info = tarfile.TarInfo("long/" * 40 + name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    (tmp_path / "a.tar").write_bytes(buffer.getvalue())
    raw = open_raw(wish(tmp_path / "a.tar"))
    assert raw.faults == []
    assert raw.caption(1) == caption(1)


def test_paths_globs_and_folders_find_the_same(tmp_path, monkeypatch):
    as_tar(tmp_path / "raw")
    monkeypatch.chdir(tmp_path)
    whole = open_raw(wish("raw")).keys
    assert whole == open_raw(wish("raw/*.tar")).keys
    assert whole == open_raw(wish("raw/a-0.tar", "raw/a-?.tar")).keys
    facts = source_facts(wish("raw"))
    shutil.copytree("raw", "elsewhere")
    assert source_facts(wish(tmp_path / "elsewhere" / "*.tar")) == facts


@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("nothing-*.tar", "nothing is at"),
        ("a-{0..1}.tar", "write a glob"),
        ("notes.zip", "of no kind that is read"),
        ("empty", "no sample in"),
    ],
)
def test_what_is_not_there_is_one_line(tmp_path, monkeypatch, path, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "notes.zip").write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=f"data.path: .*{told}"):
        open_raw(wish(path))


def test_kinds_are_not_mixed(tmp_path):
    (tmp_path / "a.tar").write_bytes(tar_bytes(samples(1)))
    as_parquet(tmp_path / "b")
    with pytest.raises(BadInput, match="parquet and webdataset together"):
        open_raw(wish(tmp_path / "a.tar", tmp_path / "b"))
    (tmp_path / "a.tar").rename(tmp_path / "b" / "a.tar")
    with pytest.raises(BadInput, match="parquet and webdataset together"):
        open_raw(wish(tmp_path / "b"))


def test_a_data_set_of_splits_asks_which(tmp_path):
    as_data_set(tmp_path / "raw" / "train")
    (tmp_path / "raw" / "dataset_dict.json").write_text('{"splits": ["train"]}')
    with pytest.raises(BadInput, match="has the splits train; give one, such as"):
        open_raw(wish(tmp_path / "raw"))
    assert len(open_raw(wish(tmp_path / "raw" / "train")).keys) == COUNT


def test_reading_data_sets_does_not_need_their_library(tmp_path, monkeypatch):
    import sys

    as_data_set(tmp_path / "raw")
    monkeypatch.setitem(sys.modules, "datasets", None)
    assert open_raw(wish(tmp_path / "raw")).image(3) == png(3)
