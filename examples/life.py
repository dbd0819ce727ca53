"""Conway's game of life: neighbours are counted by a convolution of int8 cells. `python examples/life.py`"""

import spinntensor as st

kernel = st.ones((3, 3, 1, 1), "int8")
cells = st.random.Generator(seed=1).bernoulli(0.3, size=(1, 16, 64, 1)).astype("int8")
for _ in range(20):
    around = st.conv2d(cells, kernel, padding="same") - cells.astype("int32")
    cells = ((around == 3) | ((around == 2) & (cells == 1))).astype("int8")
print("\n".join("".join(".#"[c] for c in row) for row in cells.numpy()[0, :, :, 0]))
