"""Winograd F(2x2,3x3) and F(2x4,3x3) in exact integers on the host: transforms, panels, the convolution they stand for.

Y = A^T [ (G g H^T) * (B^T d C) ] D (S. Winograd 1980; A. Lavin and S. Gray, "Fast Algorithms for Convolutional
Neural Networks", arXiv:1509.09308, sections 4.1 and 4.3), where the right-hand matrices are those of two or of four
outputs. G has fractions, so a multiple of it is used, and the sums come out so many times as large. Products
2 and 3 of one F(2,3) are negated in V (that of the columns, or of the rows where columns have four outputs): then every
output is a difference of running sums, and the product never clears its accumulators.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit

from spinntensor.kernels.pack_outer import BLOCK, chunks_of, pack_a, pairs_of, panels

B2 = np.array([[1, 0, -1, 0], [0, 1, 1, 0], [0, -1, 1, 0], [0, 1, 0, -1]], np.int32)
G2 = np.array([[2, 0, 0], [1, 1, 1], [1, -1, 1], [0, 0, 2]], np.int32)
"""F(2,3): B^T, and 2 G."""

B4 = np.array(
    [
        [4, 0, -5, 0, 1, 0],
        [0, -4, -4, 1, 1, 0],
        [0, 4, -4, -1, 1, 0],
        [0, -2, -1, 2, 1, 0],
        [0, 2, -1, -2, 1, 0],
        [0, 4, 0, -5, 0, 1],
    ],
    np.int32,
)
G4 = np.array([[6, 0, 0], [-4, -4, -4], [-4, 4, -4], [1, 2, 4], [1, -2, 4], [0, 0, 24]], np.int32)
"""F(4,3): B^T, and 24 G."""

NEGATED = np.array([1, 1, -1, -1], np.int32)[:, None]
"""Signs of the products of F(2,3) in V."""


@dataclass(frozen=True)
class Winograd:
    """F(2 x width, 3x3): the transforms of rows (always F(2,3)) and columns of a patch.

    Parameters
    ----------
    width : outputs of a tile in a row: 2 or 4.
    grown : how many times the convolution's sums the output transform gives.
    odd : the odd factor of `grown`, taken out modulo 2**32; the rest is a shift.
    """

    width: int
    grown: int
    odd: int

    @property
    def name(self) -> str:
        return f"2x{self.width}"

    @property
    def positions(self) -> int:
        """Products of a tile."""
        return 4 * (self.width + 2)

    def tiles(self, x: np.ndarray) -> tuple[int, int]:
        """Rows and columns of tiles that cover the valid convolution of x[H,W,C]."""
        return (x.shape[0] - 1) // 2, (x.shape[1] - 3 + self.width) // self.width

    def whole(self, x: np.ndarray) -> np.ndarray:
        """x[H,W,C] with rows and columns of zeros where the last tiles would reach out of it."""
        rows, columns = self.tiles(x)
        return np.pad(x, ((0, 2 * rows + 2 - x.shape[0]), (0, self.width * columns + 2 - x.shape[1]), (0, 0)))

    def input(self, x: np.ndarray) -> np.ndarray:
        """V of every tile: x[H,W,C] that tiles cover just so -> int16 [positions, tiles, C], with the negated signs."""
        rows, columns = self.tiles(x)
        d = np.lib.stride_tricks.sliding_window_view(x.astype(np.int32), (4, self.width + 2), (0, 1))
        d = d[::2, :: self.width]
        if self.width == 2:
            v = np.einsum("ik,yxckl,jl->ijyxc", B2, d, B2 * NEGATED, optimize=True)
        else:  # columns come first
            v = np.einsum("ik,yxckl,jl->jiyxc", B2 * NEGATED, d, B4, optimize=True)
        return v.reshape(self.positions, rows * columns, x.shape[2]).astype(np.int16)

    def weights(self, w: np.ndarray) -> np.ndarray:
        """U: w[M,C,3,3] int8 -> int16 [positions, M, C]; the products are small integers, exact in float64."""
        rows, columns = (G2, G2) if self.width == 2 else (G4, G2)  # columns come first
        taps = (w if self.width == 2 else w.swapaxes(2, 3)).reshape(-1, 9).T.astype(np.float64)
        u = np.kron(rows, columns).astype(np.float64) @ taps
        return u.reshape(self.positions, *w.shape[:2]).astype(np.int16)

    def u_words(self, m: int, channels: int) -> int:
        """Words of the panels of U for m output channels."""
        pairs = pairs_of(channels)
        return -(-m // BLOCK) * self.positions * (3 * pairs + chunks_of(pairs))

    def v_words(self, tiles: int, channels: int) -> int:
        """Words of the panels of V for so many tiles."""
        return -(-tiles // BLOCK) * self.positions * 3 * pairs_of(channels) + 1


F2X2 = Winograd(width=2, grown=4, odd=1)
F2X4 = Winograd(width=4, grown=48, odd=3)


def pack_v(v: np.ndarray) -> np.ndarray:
    """Panels of V[positions,T,C], those of three tiles together, then the word that is read ahead: uint32, flat."""
    p = np.stack([panels(x).reshape(-1, 3 * pairs_of(v.shape[2])) for x in v], axis=1)
    return np.append(p.reshape(-1), np.uint32(0))


def pack_u(u: np.ndarray) -> np.ndarray:
    """Panels of U[positions,M,C], three channels together: uint32 [ceil(M/3), positions, 3 * pairs + chunks].

    The word behind a chunk of 32 pairs is 1 inside a position, 0 at its end, and -1 at the end of the last one.
    """
    positions, m, channels = u.shape
    whole = np.pad(u, ((0, 0), (0, -m % BLOCK), (0, 0)))
    p = pack_a(whole.reshape(-1, channels)).reshape(positions, -(-m // BLOCK), -1)
    p = np.ascontiguousarray(p.swapaxes(0, 1))
    p[:, -1, -1] = 0xFFFFFFFF
    return p


def bounds(w: np.ndarray, lowest: int, highest: int) -> list[int]:
    """For every output channel, the largest `|sum|` of its convolution with pixels from lowest to highest."""
    flat = w.astype(np.int64).reshape(w.shape[0], -1)
    up, down = np.maximum(flat, 0).sum(1), np.minimum(flat, 0).sum(1)
    ends = (up * highest + down * lowest, up * lowest + down * highest)
    return [int(b) for b in np.maximum(np.abs(ends[0]), np.abs(ends[1]))]


@njit(cache=True)
def convolve(x: np.ndarray, w: np.ndarray, y: np.ndarray) -> None:
    """y[M,H,W] += valid 3x3 convolution of x[H+2,W+2,C] with w[M,C,3,3], stride 1; all int32."""
    for m in range(y.shape[0]):
        for i in range(y.shape[1]):
            for j in range(y.shape[2]):
                total = np.int32(0)
                for a in range(3):
                    for b in range(3):
                        for c in range(x.shape[2]):
                            total += w[m, c, a, b] * x[i + a, j + b, c]
                y[m, i, j] += total
