"""The page about tensors is the one that the code gives."""

from pathlib import Path

from spinntensor import tensors
from spinntensor.ops import FORMATS, OPERATIONS
from spinntensor.report.tensors import page

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_is_up_to_date():
    assert page() == (DOCS / "tensors.md").read_text(), (
        "run python -m spinntensor.report.tensors docs/tensors.md"
    )


def test_everything_public_has_its_words():
    for module in tensors.MODULES:
        assert module.__doc__
        for name in module.__all__:
            assert getattr(module, name).__doc__, f"{module.__name__}.{name}"
            assert name in tensors.__all__


def test_every_operation_says_what_it_does_and_in_which_formats():
    for name, operation in OPERATIONS.items():
        assert operation.summary and "\n" not in operation.summary, name
        assert operation.formats and set(operation.formats) <= set(FORMATS), name
