"""Least squares by gradient descent: the backward pass is a graph like any other. `python examples/least_squares.py`"""

import spinntensor as st

rng = st.random.Generator(seed=1)
x, truth = rng.normal(size=(200, 3)), st.tensor([[2.0], [-1.0], [0.5]])
y = x @ truth + 0.01 * rng.normal(size=(200, 1))
descend = st.compile(lambda w: w - 0.5 * st.grad(lambda w: st.mean((x @ w - y) ** 2))(w))
w = st.zeros((3, 1))
for _ in range(50):
    w = descend(w)
print("found", w.numpy().ravel(), "truth", truth.numpy().ravel())
