"""Data for networks: bundled samples, image files and folders, arrays in files, and a loader that reads ahead."""

from spinntensor.nn.data.bundled import DIGITS, PHOTOGRAPHS, digits, photographs
from spinntensor.nn.data.check import check_labels
from spinntensor.nn.data.files import arrays, read_npy, read_npz
from spinntensor.nn.data.folder import ImageFiles, image_files, image_folder
from spinntensor.nn.data.images import crops, preprocess, read_image
from spinntensor.nn.data.loader import Loader
from spinntensor.nn.data.order import order, split
from spinntensor.nn.data.prefetch import prefetched
from spinntensor.nn.data.source import Arrays, Batch, Joined, Part, Scaled, Source

__all__ = [
    "Arrays",
    "Batch",
    "DIGITS",
    "ImageFiles",
    "Joined",
    "Loader",
    "PHOTOGRAPHS",
    "Part",
    "Scaled",
    "Source",
    "arrays",
    "check_labels",
    "crops",
    "digits",
    "image_files",
    "image_folder",
    "order",
    "photographs",
    "prefetched",
    "preprocess",
    "read_image",
    "read_npy",
    "read_npz",
    "split",
]
