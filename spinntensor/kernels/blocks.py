"""How a matrix of any size falls into register blocks: structural counts of the blocked matrix products."""

from __future__ import annotations


def block_counts(m: int, n: int, height: int, width: int, accumulate: int) -> tuple[float, ...]:
    """Counts of a product with C[M,N] in blocks of `height` x `width`, the rim by way of the state block.

    Returns
    -------
    1, rows of blocks, rows with a run of full blocks, rows with such a run and a rim,
    full blocks, rim blocks, rim rows, rim elements; full blocks and rim elements of a call that accumulates.
    """
    rows, columns = -(-m // height), -(-n // width)
    full_rows = m // height if n >= width else 0
    full = full_rows * (n // width)
    rim = rows * columns - full
    rim_columns = columns if not full_rows else columns - n // width
    rim_rows = full_rows * height * rim_columns + (m - full_rows * height) * columns
    elements = m * n - height * width * full
    both = full_rows if n % width else 0
    return 1, rows, full_rows, both, full, rim, rim_rows, elements, accumulate * full, accumulate * elements


def panel_counts(m: int, k: int, height: int, unroll: int, accumulate: int) -> tuple[float, ...]:
    """Counts of a matrix-vector product with A[M,K] in panels of `height` rows, pairs of k unrolled.

    Returns
    -------
    1, full panels, whether there is a short last one, its rows; pairs and chunks over all panels; full panels and
    rows of the short one of a call that accumulates.
    """
    pairs, panels, full, rest = (k + 1) // 2, -(-m // height), m // height, m % height
    along = (panels * pairs, panels * -(-pairs // unroll))
    return 1, full, int(rest > 0), rest, *along, accumulate * full, accumulate * rest
