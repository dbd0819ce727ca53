"""Conway's game of life: neighbours are counted by a convolution of int8 cells. `python examples/life.py`"""

import numpy as np

import spinntensor as st

kernel = st.ones((3, 3, 1, 1), "int8")
board = np.zeros((1, 12, 24, 1), np.int8)
board[0, [1, 2, 3, 3, 3], [2, 3, 1, 2, 3], 0] = 1
cells = st.tensor(board)
for _ in range(8):
    around = st.conv2d(cells, kernel, padding="same") - cells.astype("int32")
    cells = ((around == 3) | ((around == 2) & (cells == 1))).astype("int8")
print("\n".join("".join(".#"[c] for c in row) for row in cells.numpy()[0, :, :, 0]))
