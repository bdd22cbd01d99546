"""Files of any mode and size become bytes of the wanted size; vocabularies of captions."""

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from raw_data import encoded, pixels, png, wish

from ditlaw.data.pictures import picture, size_for
from ditlaw.data.raw import Unusable
from ditlaw.data.vocabulary import Label, Words, make_vocabulary, words_of
from ditlaw.errors import BadInput

GREY = wish(channels=1)


def colour(content: bytes, wanted=None) -> tuple[int, ...]:
    """The colour in the middle."""
    made = picture(content, "key", wanted or wish())
    return tuple(int(v) for v in made[:, made.shape[1] // 2, made.shape[2] // 2])


def test_a_picture_of_the_wanted_size_is_kept_to_the_bit():
    assert np.array_equal(picture(png(3), "key", wish()), pixels(3).transpose(2, 0, 1))


@pytest.mark.parametrize(
    ("mode", "value", "form", "expected"),
    [
        ("RGB", (200, 100, 50), "PNG", (200, 100, 50)),
        ("RGBA", (200, 100, 50, 0), "PNG", (255, 255, 255)),
        ("RGBA", (200, 100, 50, 255), "WEBP", (200, 100, 50)),
        ("RGBA", (0, 0, 0, 51), "PNG", (204, 204, 204)),
        ("LA", (10, 0), "PNG", (255, 255, 255)),
        ("L", 77, "PNG", (77, 77, 77)),
        ("1", 1, "PNG", (255, 255, 255)),
        ("I;16", 257 * 100, "PNG", (100, 100, 100)),
        ("I;16", 65535, "PNG", (255, 255, 255)),
        ("CMYK", (0, 255, 255, 0), "JPEG", (255, 0, 0)),
        ("RGB", (200, 100, 50), "BMP", (200, 100, 50)),
    ],
)
def test_every_mode_becomes_colours_on_white(mode, value, form, expected):
    options = {"lossless": True} if form == "WEBP" else {}
    content = encoded(Image.new(mode, (20, 20), value), form, **options)
    close = 2 if form == "JPEG" else 0
    assert np.abs(np.subtract(colour(content), expected)).max() <= close


def test_palettes_with_a_transparent_colour_lie_on_white():
    image = Image.new("P", (20, 20), 1)
    image.putpalette([9, 9, 9, 200, 100, 50])
    assert colour(encoded(image)) == (200, 100, 50)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert colour(encoded(image, transparency=1)) == (255, 255, 255)
        assert colour(encoded(image, "GIF", transparency=1)) == (255, 255, 255)
        assert colour(encoded(image, transparency=b"\xff\x00")) == (255, 255, 255)


def test_grey_of_colours_is_their_brightness():
    content = encoded(Image.new("RGB", (8, 8), (255, 0, 0)))
    assert colour(content, GREY) == (76,)  # 0.299 of 255: ITU-R 601
    assert picture(content, "key", GREY).shape == (1, 16, 16)


def test_exif_turns_a_picture_upright():
    image = Image.new("RGB", (30, 20))
    image.paste((255, 0, 0), (0, 0, 15, 20))  # red on the left
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90° clockwise: left becomes top
    made = picture(encoded(image, exif=exif), "key", wish(sizes=((30, 20),)))
    assert tuple(made[:, 3, 10]) == (255, 0, 0)
    assert tuple(made[:, 26, 10]) == (0, 0, 0)


def test_damaged_exif_does_not_cost_the_picture():
    content = encoded(Image.new("RGB", (8, 8), (1, 2, 3)), "PNG", exif=b"Exif\0\0MM\0*\xff\xff")
    assert colour(content) == (1, 2, 3)


def test_the_centre_is_cropped_before_resizing():
    image = Image.new("RGB", (60, 20))
    image.paste((0, 255, 0), (20, 0, 40, 20))  # the middle third
    made = picture(encoded(image), "key", wish())
    assert (made[1, 8, 1:15] > 250).all()
    tall = picture(encoded(image.rotate(90, expand=True)), "key", wish())
    assert (tall[1, 1:15, 8] > 250).all()


def test_resizing_is_lanczos():
    large = Image.fromarray(pixels(1, 40))
    expected = np.asarray(large.resize((16, 16), Image.Resampling.LANCZOS))
    assert np.array_equal(picture(encoded(large), "k", wish()), expected.transpose(2, 0, 1))


def test_a_picture_takes_the_size_of_the_nearest_ratio():
    sizes = ((16, 16), (12, 20), (20, 12))
    for height, width, expected in ((50, 50, 0), (50, 60, 0), (50, 90, 1), (90, 50, 2), (9, 90, 1)):
        assert size_for(height, width, "key", sizes) == sizes[expected]


def test_keys_deal_out_sizes_of_one_ratio():
    sizes = ((16, 16), (32, 32), (20, 12))
    got = [size_for(64, 64, f"{i}", sizes) for i in range(400)]
    assert set(got) == set(sizes[:2])
    assert 150 < got.count((16, 16)) < 250  # 5 standard deviations
    assert got == [size_for(99, 99, f"{i}", sizes) for i in range(400)]


def bomb(width: int, height: int) -> bytes:
    """A PNG whose header claims that many pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (bomb(20000, 20000), "a decompression bomb"),
        (bomb(2**31 - 1, 2**31 - 1), "a decompression bomb"),
        (b"", "no picture that is read"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "no picture that is read"),
        (png(1)[:200], "the picture is cut short"),
        (bomb(50, 50), "the picture is (cut short|damaged)"),
        (encoded(Image.fromarray(pixels(1, 64)), "JPEG")[:-500], "the picture is cut short"),
    ],
)
def test_what_cannot_be_decoded_has_a_reason(content, reason):
    with pytest.raises(Unusable, match=reason) as told:
        picture(content, "key", wish())
    assert "0x" not in str(told.value)  # the same words in every process


def test_a_bomb_is_one_whatever_limit_pillow_has(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(Unusable, match="decompression bomb"):
        picture(bomb(20000, 20000), "key", wish())


def test_what_pillow_warns_of_is_kept(monkeypatch):
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 200)  # 256 of them: a warning, no bomb
    assert np.array_equal(picture(png(3), "key", wish()), pixels(3).transpose(2, 0, 1))


def test_pictures_of_two_pictures_give_the_first():
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (16, 16), c) for c in ((250, 0, 0), (0, 250, 0))]
    frames[0].save(buffer, "MPO", save_all=True, append_images=frames[1:])
    assert np.abs(np.subtract(colour(buffer.getvalue()), (250, 0, 0))).max() <= 2


@settings(deadline=None, derandomize=True)
@given(st.data())
def test_damage_is_unusable_and_nothing_worse(data):
    form = data.draw(st.sampled_from(["PNG", "JPEG", "WEBP", "GIF", "BMP"]))
    content = bytearray(encoded(Image.fromarray(pixels(2, 24)), form))
    for _ in range(data.draw(st.integers(0, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.integers(0, len(content)))
    try:
        made = picture(bytes(content[:cut]), "key", wish())
    except Unusable as told:
        assert str(told)
    else:
        assert made.shape == (3, 16, 16)
        assert made.dtype == np.uint8


def test_words_are_runs_of_letters_and_of_digits():
    assert words_of("An Éléphant's tone5, in NO. 12—ok_yes") == [
        *("an", "éléphant", "s", "tone", "5", "in", "no", "12", "ok", "yes")
    ]
    assert words_of("… !? 🙂") == []


def test_a_vocabulary_has_the_most_frequent_words():
    captions = ["b a a", "c b a", "d c"]
    assert make_vocabulary(wish(vocabulary=5), captions) == ["·", "?", "a", "b", "c"]
    assert make_vocabulary(wish(vocabulary=40), captions) == ["·", "?", "a", "b", "c", "d"]
    with pytest.raises(BadInput, match=r"geometry\.vocabulary: 2 leaves no room"):
        make_vocabulary(wish(vocabulary=2), captions)


def test_words_fill_the_tokens_from_the_first():
    side = Words(["·", "?", "a", "b"], 4)
    assert side(["b A zoo", "a b a b a", "b"])["text"].tolist() == [
        [3, 2, 1, 0],
        [2, 3, 2, 3],
        [3, 0, 0, 0],
    ]
    assert side.refuses("!!!") == "the caption has no words"


def test_labels_are_all_or_refused():
    wanted = wish(text="label", text_tokens=1, vocabulary=3)
    assert make_vocabulary(wanted, ["dog", "cat", "dog"]) == ["·", "cat", "dog"]
    with pytest.raises(BadInput, match=r"geometry\.vocabulary: 3 .* set vocabulary: 4"):
        make_vocabulary(wanted, ["dog", "cat", "cow"])
    side = Label(["·", "cat", "dog"])
    assert side(["dog", "cat"])["text"].tolist() == [[2], [1]]
    assert side.refuses("dog") is None
    assert side.refuses("cow")
    assert side.refuses("·")


def test_a_second_set_is_told_in_the_words_of_the_first():
    words = ("·", "?", "cat")
    assert make_vocabulary(wish(words=words), ["dog"]) == list(words)
    with pytest.raises(BadInput, match=r"data\.text"):
        make_vocabulary(wish(words=words, text="label"), ["dog"])
    with pytest.raises(BadInput, match=r"data\.text"):
        make_vocabulary(wish(words=("·", "cat")), ["dog"])


def test_gif_and_animation_give_the_first_picture():
    frames = [Image.new("RGB", (16, 16), c) for c in ((255, 0, 0), (0, 255, 0))]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:])
    assert colour(buffer.getvalue()) == (255, 0, 0)
