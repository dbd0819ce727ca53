"""Logistic regression on two clouds of points. `python examples/logistic_regression.py`"""

import numpy as np

import spinntensor as st

labels = np.arange(400) % 2
points = st.random.Generator(seed=1).normal(size=(400, 2)) + 2.0 * labels[:, None]
w, b = st.Variable(st.zeros((2, 2)), name="w"), st.Variable(st.zeros(2), name="b")
loss = st.value_and_grad(lambda: st.cross_entropy(points @ w + b, labels), variables=[w, b])
for _ in range(100):
    value, (by_w, by_b) = loss()
    w.assign_sub(0.5 * by_w), b.assign_sub(0.5 * by_b)
print(f"loss {float(value):.3f}, accuracy {np.mean(np.argmax(points @ w + b, axis=1) == labels):.3f}")
