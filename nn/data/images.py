"""Images: files through Pillow, the ImageNet evaluation transform, and seeded crops of one photograph."""

from __future__ import annotations

from os import PathLike
from typing import Any

import numpy as np

from spinntensor.errors import InputError
from spinntensor.formats import Stochastic, random_words
from spinntensor.nn.data.check import optional, wrong

MEAN = np.array([0.485, 0.456, 0.406], np.float32)
STD = np.array([0.229, 0.224, 0.225], np.float32)
"""Mean and standard deviation of ImageNet's red, green and blue, on a scale of 0 to 1."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".ppm", ".pgm", ".tif", ".tiff", ".webp")
"""Endings of files that are taken for images in a folder, in small letters."""


def read_image(path: str | PathLike[str]) -> np.ndarray:
    """The pixels of an image file, uint8 [height, width, 3]; gray and palette images become red, green, blue.

    The file's own orientation mark (EXIF) is ignored, as torchvision ignores it. InputError, which names the file, when
    it is missing, not an image, or cut off.
    """
    pillow = optional("PIL.Image", "pillow")
    try:
        with pillow.open(path) as image:
            return np.array(image.convert("RGB"))
    except FileNotFoundError:
        raise InputError(str(path), "there is no such file", "check the path") from None
    except pillow.UnidentifiedImageError:
        mend = f"name an image, for instance one that ends in {', '.join(SUFFIXES[:3])}"
        raise InputError(str(path), "it is not an image that Pillow knows", mend) from None
    except (OSError, SyntaxError, ValueError, pillow.DecompressionBombError) as error:
        raise InputError(
            str(path), getattr(error, "strerror", None) or str(error), "save the image anew"
        ) from None


def preprocess(image: Any, size: int = 224, channels: int = 3) -> np.ndarray:
    """The ImageNet evaluation transform: resize, crop the centre, normalise; float32 [size, size, channels].

    Parameters
    ----------
    image : uint8 [height, width, 3] or [height, width], or the path of a file.
    size : height and width of the result. The shorter side is brought to size * 256 / 224 before (256 for 224),
        bilinear, averaging where the image shrinks.
    channels : 3, normalised by ImageNet's mean and standard deviation; or 1: luminance from 0 to 1, not normalised.

    The transform of torchvision: the pixels pass through 8 bits between resizing and normalising.
    """
    pillow = optional("PIL.Image", "pillow")
    picture = _picture(image, "preprocess")
    short = _shorter(size)
    width, height = picture.size
    if width <= height:
        to = (short, int(short * height / width))
    else:
        to = (int(short * width / height), short)
    left, top = round((to[0] - size) / 2), round((to[1] - size) / 2)
    resized = picture.resize(to, pillow.Resampling.BILINEAR)
    return normalise(resized.crop((left, top, left + size, top + size)), channels)


def crops(image: Any, n: int = 16, seed: int = 0, size: int = 224, channels: int = 3) -> np.ndarray:
    """Square cut-outs at random places, of random size, half of them mirrored: float32 [n, size, size, channels].

    Parameters
    ----------
    image : as `preprocess` takes it.
    n : how many.
    seed : crop i of a seed is always the same.
    size, channels : of each crop; normalised like the images of `preprocess`.

    Sides are half of to all of the shorter side of the image. For calibration and comparison where there are few
    images.
    """
    pillow = optional("PIL.Image", "pillow")
    picture = _picture(image, "crops")
    width, height = picture.size
    shorter = min(width, height)
    words = random_words(Stochastic(seed), 4 * n).astype(np.uint64).reshape(n, 4)
    out = np.empty((n, size, size, channels), np.float32)
    for i, draws in enumerate(words):
        side, left, top, mirrored = (int(w) for w in draws)
        side = shorter - (shorter // 2 * side >> 32)
        left, top = left * (width - side + 1) >> 32, top * (height - side + 1) >> 32
        box = (left, top, left + side, top + side)
        cut = picture.resize((size, size), pillow.Resampling.BILINEAR, box)
        if mirrored >> 31:
            cut = cut.transpose(pillow.Transpose.FLIP_LEFT_RIGHT)
        out[i] = normalise(cut, channels)
    return out


def normalise(picture: Any, channels: int) -> np.ndarray:
    """A Pillow image as float32 [height, width, channels]: see `preprocess`."""
    if channels == 3:
        pixels = np.asarray(picture.convert("RGB"), np.float32) / np.float32(255)
        return (pixels - MEAN) / STD
    if channels == 1:
        return np.asarray(picture.convert("L"), np.float32)[..., np.newaxis] / np.float32(255)
    raise wrong("preprocess", "channels", channels, "1 or 3", "give arrays (.npy) for other inputs")


def _shorter(size: int) -> int:
    """The length to which the shorter side is brought before the centre is cut out."""
    return round(size * 256 / 224)


def _picture(image: Any, where: str) -> Any:
    """A Pillow image of pixels or of a file."""
    pillow = optional("PIL.Image", "pillow")
    if isinstance(image, str | PathLike):
        image = read_image(image)
    pixels = np.asarray(image)
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] != 3):
        received = f"{pixels.dtype} {list(pixels.shape)}"
        mend = "scale to 0 to 255 and convert: (255 * x).astype(np.uint8)"
        raise wrong(where, "image", received, "uint8 [height, width, 3] or [height, width]", mend)
    if 0 in pixels.shape:
        raise wrong(where, "image", f"uint8 {list(pixels.shape)}", "pixels", "give an image that has some")
    return pillow.fromarray(pixels)
