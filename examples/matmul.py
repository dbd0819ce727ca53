"""A matrix product: lazy, then computed with the bits that every machine gives. `python examples/matmul.py`"""

import numpy as np

import spinntensor as st

rng = st.random.Generator(seed=1)
a, b = rng.normal(size=(64, 256)), rng.normal(size=(256, 32))
c = a @ b
exact = a.numpy().astype(float) @ b.numpy().astype(float)
print(c)
print(f"largest difference from float64: {np.abs(c.numpy() - exact).max():.1e}")
