"""Logistic regression on two clouds of points. `python examples/logistic_regression.py`"""

import numpy as np

import spinntensor as st

labels = np.arange(400) % 2
points = st.pad(
    st.random.Generator(seed=1).normal(size=(400, 2)) + 2.0 * labels[:, None],
    ((0, 0), (0, 1)),
    constant_values=1,
)
w = st.Variable(st.zeros((3, 2)), name="weights")
slope = st.compile(st.grad(lambda: st.cross_entropy(points @ w, labels), variables=[w]))
for _ in range(200):
    w.assign_sub(0.5 * slope()[0])
print("accuracy", float(st.mean(st.argmax(points @ w, axis=1) == labels)), "weights", w, sep="\n")
