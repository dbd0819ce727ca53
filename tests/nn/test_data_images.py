"""Images: the evaluation transform against an independent one, crops, and files that are not images."""

from __future__ import annotations

import sys

import numpy as np
import pytest

from spinntensor.errors import InputError, MissingDependencyError, OperandError
from spinntensor.nn import data
from spinntensor.nn.data.images import MEAN, STD

Image = pytest.importorskip("PIL.Image")


def picture(rng, height, width):
    """A smooth random picture, uint8 [height, width, 3]."""
    coarse = rng.integers(0, 256, (9, 9, 3), np.uint8)
    return np.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))


@pytest.mark.parametrize(("height", "width"), [(427, 640), (500, 300), (256, 256), (224, 224), (60, 90)])
def test_the_transform_is_torchvisions(rng, height, width):
    torch = pytest.importorskip("torch")
    image = picture(rng, height, width)
    planes = torch.from_numpy(image).permute(2, 0, 1)[None]
    to = (256, int(256 * width / height)) if height <= width else (int(256 * height / width), 256)
    resize = torch.nn.functional.interpolate
    resized = resize(planes, size=to, mode="bilinear", antialias=True, align_corners=False)
    top, left = round((to[0] - 224) / 2), round((to[1] - 224) / 2)
    cut = resized[0, :, top : top + 224, left : left + 224].permute(1, 2, 0).numpy()
    pixels = np.rint((data.preprocess(image) * STD + MEAN) * 255)
    assert np.abs(pixels - cut).max() <= 1  # PyTorch and Pillow round weights to different fractions
    assert np.mean(pixels != cut) < 0.05


def test_the_centre_of_an_image_of_the_right_size_is_exact(rng):
    image = rng.integers(0, 256, (256, 256, 3), np.uint8)
    expected = (image[16:240, 16:240].astype(np.float32) / np.float32(255) - MEAN) / STD
    result = data.preprocess(image)
    assert result.dtype == np.float32 and result.shape == (224, 224, 3)
    np.testing.assert_array_equal(result, expected)


def test_other_sizes_and_gray(rng):
    image = picture(rng, 50, 70)
    assert data.preprocess(image, 32).shape == (32, 32, 3)
    gray = data.preprocess(image, 8, 1)
    assert gray.shape == (8, 8, 1) and 0 <= gray.min() < gray.max() <= 1
    ink = np.full((30, 40), 255, np.uint8)
    np.testing.assert_array_equal(data.preprocess(ink, 8, 1), np.ones((8, 8, 1), np.float32))


def test_files_give_the_pixels(tmp_path, rng):
    image = picture(rng, 20, 30)
    Image.fromarray(image).save(tmp_path / "a.png")
    np.testing.assert_array_equal(data.read_image(tmp_path / "a.png"), image)
    np.testing.assert_array_equal(data.preprocess(str(tmp_path / "a.png"), 16), data.preprocess(image, 16))
    Image.fromarray(image[..., 0]).save(tmp_path / "gray.png")
    np.testing.assert_array_equal(data.read_image(tmp_path / "gray.png"), image[..., :1].repeat(3, 2))


def test_crops_are_fixed_by_the_seed(rng):
    image = picture(rng, 120, 90)
    one = data.crops(image, 5, seed=3, size=48)
    assert one.shape == (5, 48, 48, 3) and one.dtype == np.float32
    np.testing.assert_array_equal(one, data.crops(image, 5, seed=3, size=48))
    np.testing.assert_array_equal(one[:2], data.crops(image, 2, seed=3, size=48))
    assert not np.array_equal(one, data.crops(image, 5, seed=4, size=48))
    assert len({crop.tobytes() for crop in one}) == 5


def test_crops_reach_all_of_the_image():
    image = np.zeros((10, 60, 3), np.uint8)
    image[..., 0] = np.arange(60, dtype=np.uint8) * 4
    columns = (data.crops(image, 300, size=16)[..., 0] * STD[0] + MEAN[0]) * 255 / 4
    assert columns.min() < 3 and columns.max() > 56
    mirrored = np.mean(columns[:, 0, 0] > columns[:, 0, -1])
    assert 0.35 < mirrored < 0.65


@pytest.mark.parametrize("content", [b"", b"no picture at all", b"\x89PNG\r\n\x1a\n cut off", None])
def test_a_file_that_is_no_image_is_named(tmp_path, content):
    path = tmp_path / "cat.jpg"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        data.read_image(path)
    assert str(path) in str(caught.value)
    assert ("no such file" if content is None else "not an image") in str(caught.value)


def test_an_image_that_is_cut_off_is_named(tmp_path, rng):
    Image.fromarray(rng.integers(0, 256, (50, 50, 3), np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "a.png").write_bytes((tmp_path / "a.png").read_bytes()[:3000])
    with pytest.raises(InputError, match=r"a\.png.*; save the image anew"):
        data.read_image(tmp_path / "a.png")


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4, 3)),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4,), np.uint8),
        np.zeros((0, 4, 3), np.uint8),
    ],
)
def test_pixels_of_another_kind_are_refused(image):
    with pytest.raises(OperandError, match="received"):
        data.preprocess(image)


def test_other_channels_are_refused(rng):
    with pytest.raises(OperandError, match="received 4, expected 1 or 3"):
        data.preprocess(picture(rng, 9, 9), 8, 4)


def test_missing_pillow_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(MissingDependencyError, match="pillow"):
        data.read_image(tmp_path / "a.png")
