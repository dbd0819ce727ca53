"""The largest eigenvalue of a symmetric matrix by power iteration. `python examples/power_iteration.py`"""

import numpy as np

import spinntensor as st

m = st.random.Generator(seed=1).normal(size=(50, 50))
a, v = m @ m.T, st.ones(50)
step = st.compile(lambda v: (a @ v) / st.norm(a @ v))
for _ in range(200):
    v = step(v)
print("power iteration", float(v @ a @ v), "numpy", np.linalg.eigvalsh(a.numpy())[-1])
