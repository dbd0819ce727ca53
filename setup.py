"""Builds the ARM images before the package data is collected; everything else stands in pyproject.toml."""

from __future__ import annotations

import sys
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).resolve().parent


class BuildWithImages(build_py):
    """``build_py`` that first compiles ``blas_arm/`` to ``spinntensor/images/``."""

    def run(self) -> None:
        sys.path.insert(0, str(HERE))  # an isolated build does not see the checkout
        try:
            from spinntensor.image.build import build_images
        finally:
            sys.path.remove(str(HERE))
        build_images(source=HERE / "blas_arm", out=HERE / "spinntensor" / "images")
        self.__dict__.pop("data_files", None)  # cached by an earlier step, before the images were there
        super().run()


setup(cmdclass={"build_py": BuildWithImages})
