"""Damaged input: each sample skipped and listed with its reason, up to a share; never a crash."""

import io
import json
import tarfile

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from raw_data import (
    bytes_of,
    caption,
    made,
    pixels,
    png,
    samples,
    skipped,
    tar_bytes,
    wish,
    write_tar,
)

from ditlaw.data.making import caption_or_nothing
from ditlaw.data.raw import Unusable, open_raw
from ditlaw.errors import BadInput, Refused

FUZZ = settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


def prepared(tmp_path, members, **changes):
    """The keys that are kept of a shard, and the reason of each that is skipped."""
    write_tar(tmp_path / "a.tar", members)
    wanted = wish(tmp_path / "a.tar", **({"most_skipped": 0.9} | changes))
    cache = made(tmp_path / "cache", wanted)
    for key, image in bytes_of(cache).items():
        assert np.array_equal(image, pixels(int(key)).transpose(2, 0, 1))
    assert cache.manifest.skipped == len(skipped(tmp_path / "cache"))
    return [key for key, _ in cache.captions()], skipped(tmp_path / "cache")


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("0002.png", b"", "the picture has zero bytes"),
        ("0002.png", b"junk", "no picture that is read (PNG, JPEG, WebP, GIF, BMP)"),
        ("0002.png", png(2)[:-30], "the picture is cut short"),
        ("0002.png", None, "no picture"),
        ("0002.txt", None, "no caption (.txt)"),
        ("0002.txt", b"", "the caption is empty"),
        ("0002.txt", b" \n", "the caption is empty"),
        ("0002.txt", b"caf\xe9", "the caption is not UTF-8"),
        ("0002.txt", b"?!", "the caption has no words"),
        ("0002.txt", b"a" * (1 << 20) + b"b", "the caption is too long"),
    ],
)
def test_a_part_that_is_no_use_costs_its_sample(tmp_path, name, content, reason):
    members = samples(5)
    if content is None:
        del members[name]
    else:
        members[name] = content
    kept, why = prepared(tmp_path, members)
    assert kept == ["0000", "0001", "0003", "0004"]
    assert why == {"0002": reason}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'{"say": "x"', "the JSON is broken"),
        (b"[" * 100_000, "the JSON is broken"),
        (b'["say"]', "the JSON is no object"),
        (b"\xff\xfe", "the caption is not UTF-8"),
        (b'{"other": 1}', "the JSON has no say"),
        (b'{"say": null}', "no caption"),
        (b'{"say": ["a"]}', "the caption is no text"),
        (b'{"say": true}', "the caption is no text"),
        (b'{"say": "\\ud800"}', "the caption is no Unicode text"),
    ],
)
def test_json_that_is_no_use_costs_its_sample(tmp_path, content, reason):
    members = {f"{i:04d}.png": png(i) for i in range(4)}
    members |= {f"{i:04d}.json": json.dumps({"say": f"word {i}"}).encode() for i in range(4)}
    members["0001.json"] = content
    kept, why = prepared(tmp_path, members, caption="say")
    assert kept == ["0000", "0002", "0003"]
    assert why == {"0001": reason}


def test_the_samples_before_a_cut_are_kept(tmp_path):
    whole = tar_bytes(samples(6))
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        place = tar.getmember("0004.png").offset_data
    (tmp_path / "a.tar").write_bytes(whole[: place + 100])
    cache = made(tmp_path / "cache", wish(tmp_path / "a.tar", most_skipped=0.5))
    assert list(bytes_of(cache)) == ["0000", "0001", "0002", "0003"]
    assert skipped(tmp_path / "cache") == {"0004": "cut short with the end of a.tar"}


def test_a_cut_between_members_is_seen_by_the_missing_end_mark(tmp_path):
    whole = tar_bytes(samples(6))
    with tarfile.open(fileobj=io.BytesIO(whole)) as tar:
        place = tar.getmember("0004.png").offset
    for cut in (place, place - 100):  # the second cuts only what fills the last block up
        (tmp_path / "a.tar").write_bytes(whole[:cut])
        raw = open_raw(wish(tmp_path / "a.tar"))
        assert len(raw.keys) == 4
        assert raw.faults == [("a.tar", "cut short: it has no end mark")]


def test_a_damaged_header_costs_only_its_own_member(tmp_path):
    whole = bytearray(tar_bytes(samples(6)))
    with tarfile.open(fileobj=io.BytesIO(bytes(whole))) as tar:
        place = tar.getmember("0002.png").offset
    whole[place + 5] ^= 1
    (tmp_path / "a.tar").write_bytes(whole)
    cache = made(tmp_path / "cache", wish(tmp_path / "a.tar", most_skipped=0.5))
    assert list(bytes_of(cache)) == ["0000", "0001", "0003", "0004", "0005"]
    assert skipped(tmp_path / "cache") == {
        "a.tar": f"damaged at byte {place:,}",
        "0002": "no picture",
    }


def test_names_that_lead_elsewhere_are_listed_and_never_followed(tmp_path):
    (tmp_path / "secret.txt").write_text("secret words")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, content in samples(3).items():
            if name == "0001.txt":
                link = tarfile.TarInfo(name)
                link.type, link.linkname = tarfile.SYMTYPE, str(tmp_path / "secret.txt")
                tar.addfile(link)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
        for name, kind in (
            ("../../x.png", tarfile.REGTYPE),
            ("/etc/passwd", tarfile.REGTYPE),
            ("a/../../y.txt", tarfile.REGTYPE),
            ("0007.png", tarfile.CHRTYPE),
            ("0008.png", tarfile.LNKTYPE),
            ("pipe", tarfile.FIFOTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, "0000.png"
            tar.addfile(info)
    (tmp_path / "a.tar").write_bytes(buffer.getvalue())
    before = sorted(tmp_path.rglob("*"))
    raw = open_raw(wish(tmp_path / "a.tar"))
    assert raw.keys == ["0000", "0002"]
    link, out = "a link or a device, no file", "its name leads out of the shard"
    assert dict(raw.faults) == {
        "0001": link,
        "../../x": out,
        "/etc/passwd": out,
        "a/../../y": out,
        "0007": link,
        "0008": link,
        "pipe": link,
    }
    assert sorted(tmp_path.rglob("*")) == before


def test_of_equal_keys_the_first_is_kept_within_a_shard_and_across(tmp_path):
    members = list(samples(3).items())
    other = [(name, png(77) if name.endswith("png") else b"x y") for name, _ in members]
    write_tar(tmp_path / "a-0.tar", [*members, *other[:3]])
    write_tar(tmp_path / "a-1.tar", [*other[3:6], *samples(1, 3).items()])
    cache = made(tmp_path / "cache", wish(tmp_path, most_skipped=0.5))
    kept = bytes_of(cache)
    assert list(kept) == ["0000", "0001", "0002", "0003"]
    for key, image in kept.items():
        assert np.array_equal(image, pixels(int(key)).transpose(2, 0, 1))
    assert dict(cache.captions())["0001"] == caption(1)
    again = "duplicate key; the first is kept"
    assert skipped(tmp_path / "cache") == {"0000": again, "0001": again}


def test_names_that_are_not_utf8_stay_apart(tmp_path):
    members = [("k\udcf0.png", png(0)), ("k\udcf1.png", png(1))]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", errors="surrogateescape") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    (tmp_path / "a.tar").write_bytes(buffer.getvalue())
    cache = made(tmp_path / "cache", wish(tmp_path / "a.tar", text="none", text_tokens=0))
    assert [key for key, _ in cache.captions()] == ["k\\xf0", "k\\xf1"]


def test_too_many_are_refused_with_the_first_reason_and_the_mend(tmp_path):
    members = samples(20)
    members["0004.png"] = b"junk"
    del members["0009.txt"]
    write_tar(tmp_path / "a.tar", members)
    wanted = wish(tmp_path / "a.tar", most_skipped=0.05)
    with pytest.raises(Refused) as told:
        made(tmp_path / "cache", wanted)
    assert str(told.value) == (
        "data.most_skipped: 2 of 20 samples cannot be used (10 %), the first 0004: no picture that "
        f"is read (PNG, JPEG, WebP, GIF, BMP); {tmp_path / 'cache' / 'skipped.jsonl'} has all; "
        "mend them, or set most_skipped: 0.1"
    )
    assert list(skipped(tmp_path / "cache")) == ["0004", "0009"]
    # Raised, the same cache is finished: what was made is not made again.
    assert len(made(tmp_path / "cache", wish(tmp_path / "a.tar", most_skipped=0.1))) == 18


def test_too_many_are_seen_before_all_is_read(tmp_path):
    members = samples(20)
    for i in range(4):
        members[f"{i:04d}.png"] = b""
    write_tar(tmp_path / "a.tar", members)
    with pytest.raises(Refused, match=r"4 of 20 samples so far cannot be used"):
        made(tmp_path / "cache", wish(tmp_path / "a.tar"), most_samples=4)
    assert not (tmp_path / "cache" / "00001.json").exists()


def test_a_source_of_nothing_usable_is_refused(tmp_path):
    write_tar(tmp_path / "a.tar", {"1.png": b"", "1.txt": b"x"})
    with pytest.raises(Refused, match=r"1 of 1 samples cannot be used \(100 %\)"):
        made(tmp_path / "cache", wish(tmp_path / "a.tar", most_skipped=0.99))


@pytest.mark.parametrize("content", [b"", b"junk", b"junk" * 5000, b"\0" * 10240])
def test_a_shard_that_is_none_is_named(tmp_path, content):
    (tmp_path / "a.tar").write_bytes(content)
    with pytest.raises(BadInput, match=r"no sample in .*a\.tar \(a\.tar: (no tar|the file has)"):
        open_raw(wish(tmp_path / "a.tar"))
    write_tar(tmp_path / "b.tar", samples(2))
    raw = open_raw(wish(tmp_path / "a.tar", tmp_path / "b.tar"))
    assert (len(raw.keys), len(raw.faults)) == (2, 1)


def test_labels_that_the_model_is_not_told_are_skipped(tmp_path):
    members = {f"{i}.png": png(i) for i in range(3)}
    members |= {f"{i}.txt": word for i, word in enumerate((b"cat", b"cow", b"dog"))}
    kept, why = prepared(
        tmp_path, members, text="label", text_tokens=1, words=("·", "cat", "dog"), caption="txt"
    )
    assert kept == ["0", "2"]
    assert why == {"1": "its label is none of those that the model is told"}


def folder_of_pictures(tmp_path):
    folder = tmp_path / "raw"
    (folder / "in").mkdir(parents=True)
    for i in range(4):
        (folder / "in" / f"{i}.png").write_bytes(png(i))
    return folder


def test_a_list_of_captions_leads_nowhere_else(tmp_path):
    folder = folder_of_pictures(tmp_path)
    (tmp_path / "out.png").write_bytes(png(9))
    lines = [
        {"file_name": "in/0.png", "text": "zero"},
        {"file_name": "../out.png", "text": "out"},
        {"file_name": "in/1.png", "other": "one"},
        {"file_name": "in/0.png", "text": "again"},
        {"file_name": "in/9.png", "text": "nine"},
        {"file_name": 5, "text": "five"},
        ["in/2.png"],
        {"file_name": "in/3.png", "text": "three"},
    ]
    written = "".join(json.dumps(line) + "\n" for line in lines) + "{half"
    (folder / "metadata.jsonl").write_text(written)
    cache = made(tmp_path / "cache", wish(folder, most_skipped=0.9))
    assert list(cache.captions()) == [("in/0.png", "zero"), ("in/3.png", "three")]
    none = "no JSON object with a file_name"
    assert skipped(tmp_path / "cache") == {
        "../out.png": "no such picture in the folder",
        "in/0.png": "duplicate key; the first is kept",
        "in/9.png": "no such picture in the folder",
        "metadata.jsonl:6": none,
        "metadata.jsonl:7": none,
        "metadata.jsonl:9": none,
        "in/1.png": "its line has no text",
        "in/2.png": "no line names it",
    }


def test_links_to_folders_are_listed(tmp_path):
    folder = folder_of_pictures(tmp_path)
    (tmp_path / "other").mkdir()
    (folder / "more").symlink_to(tmp_path / "other")
    raw = open_raw(wish(folder, text="label"))
    assert raw.faults == [("more", "a link to a folder, not followed")]


def table_file(tmp_path, **columns):
    usual = {"image": [png(i) for i in range(4)], "text": [f"word {i}" for i in range(4)]}
    pq.write_table(pa.table(usual | columns), tmp_path / "a.parquet", row_group_size=3)
    return wish(tmp_path / "a.parquet", most_skipped=0.9)


def test_rows_that_are_no_use_are_listed(tmp_path):
    text = pa.array([b"fine", b"\xff", None, b"fine"]).view(pa.string())
    wanted = table_file(tmp_path, text=text, image=[png(0), png(1), png(2), None])
    cache = made(tmp_path / "cache", wanted)
    assert len(cache) == 1
    assert list(skipped(tmp_path / "cache").values()) == [
        "the caption is not UTF-8",
        "no caption",
        "no picture in the table (a path alone is not followed)",
    ]


def test_columns_without_pictures_are_named(tmp_path):
    table_file(tmp_path)
    with pytest.raises(BadInput, match=r"data\.image: .* no pictures in column text.*image"):
        open_raw(wish(tmp_path / "a.parquet", image="text"))
    pq.write_table(pa.table({"text": ["a"]}), tmp_path / "b.parquet")
    with pytest.raises(BadInput, match=r"data\.image: .* no column has bytes"):
        open_raw(wish(tmp_path / "b.parquet"))
    with pytest.raises(BadInput, match=r"another column image than"):
        open_raw(wish(tmp_path / "a.parquet", tmp_path / "b.parquet"))


def read_all(wanted) -> int:
    """Go through a source as preparing does; only one-line errors may come."""
    raw = open_raw(wanted)
    got = 0
    for number in range(len(raw.keys)):
        caption_or_nothing(raw, number)
        try:
            raw.image(number)
            got += 1
        except Unusable as told:
            assert "\n" not in str(told)
    return got


@FUZZ
@given(data=st.data())
def test_any_bytes_of_a_shard_are_survived(tmp_path, data):
    content = bytearray(tar_bytes(samples(3)))
    for _ in range(data.draw(st.integers(0, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    (tmp_path / "a.tar").write_bytes(content[:cut])
    try:
        read_all(wish(tmp_path / "a.tar"))
    except BadInput as told:
        assert "\n" not in str(told)


@FUZZ
@given(data=st.data())
@pytest.mark.parametrize("kind", ["parquet", "arrow"])
def test_any_bytes_of_a_table_are_survived(tmp_path, data, kind):
    whole = tmp_path / f"whole.{kind}"
    if not whole.exists():
        table = pa.table({"image": [png(i) for i in range(4)], "text": ["one", "two", "x", "y"]})
        if kind == "parquet":
            pq.write_table(table, whole, row_group_size=2)
        else:
            with pa.OSFile(str(whole), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as out:
                out.write_table(table, max_chunksize=2)
    content = bytearray(whole.read_bytes())
    for _ in range(data.draw(st.integers(0, 6))):
        # Both formats keep what describes the data in their last or first bytes.
        place = data.draw(st.one_of(st.integers(0, 600), st.integers(1, 600).map(lambda i: -i)))
        content[place] = data.draw(st.integers(0, 255))
    cut = data.draw(st.one_of(st.just(len(content)), st.integers(0, len(content))))
    (tmp_path / f"a.{kind}").write_bytes(content[:cut])
    try:
        read_all(wish(tmp_path / f"a.{kind}"))
    except BadInput as told:
        assert "\n" not in str(told)
        assert str(tmp_path) in str(told)
