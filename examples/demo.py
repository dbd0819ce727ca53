"""The way through `spinntensor.nn` in two minutes: `python examples/demo.py`

Trains a small residual network on handwritten digits and reads held-out ones with it, in float32 and in int8; then
classifies a photograph with ResNet-50 in int8. No weights are downloaded: those of ResNet-50 are random, made from a
seed, so its classes carry no meaning, while its work, its sizes and its bits are those of the real network.
"""

import time

import numpy as np

import spinntensor as st
from spinntensor import nn

EPOCHS = 4
PHOTOGRAPH = "china"


def accuracy(model, x, y):
    """Share of samples whose largest result is that of their class."""
    return np.mean(np.argmax(model.predict(x), axis=-1) == y)


def digits():
    """Train ResNet-8 and read the digits that were held out."""
    (x, y), (x_test, y_test) = nn.data.digits()
    model = nn.resnet8(x.shape[1:], classes=10)
    steps = -(-len(x) // 32) * EPOCHS
    rate = nn.CosineDecay(0.05, steps)
    loss = nn.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(nn.SGD(rate, momentum=0.9, nesterov=True), loss, ["accuracy"])
    print(f"Training {model.name}, {model.parameters:,} parameters, on {len(x):,} digits of 8x8 pixels")
    model.fit(x, y, epochs=EPOCHS, verbose=2)
    small = model.quantize("int8", calibration=x[:64])
    for name, network in (("float32", model), ("int8", small)):
        with st.counting() as counts:
            share = accuracy(network, x_test, y_test)
        clamped = f", {counts['saturated']} numbers clamped" if counts["saturated"] else ""
        print(f"accuracy in {name}: {share:.2%} of {len(x_test)} held-out digits{clamped}")


def photograph():
    """Classify a photograph with ResNet-50 in int8."""
    images = nn.data.photographs()
    some = np.concatenate([nn.data.crops(image, 4) for image in images.values()])
    model = nn.resnet50(statistics=some)
    small = model.quantize("int8", calibration=some)
    print(small.summary())
    x = nn.data.preprocess(images[PHOTOGRAPH])[None]
    with st.counting() as counts:
        scores = st.softmax(small.predict(x)[0]).numpy()
    print(
        f"The five most likely of 1,000 classes for the photograph {PHOTOGRAPH!r}, by {small.name} in int8."
    )
    print(
        f"The weights are random: labels and scores carry no meaning. {counts['saturated']} numbers clamped."
    )
    for rank, number in enumerate(np.argsort(-scores, kind="stable")[:5], 1):
        print(f"  {rank}. class {number:<4} {scores[number]:.4f}")
    start = time.perf_counter()
    with st.counting():
        small.predict(nn.data.preprocess(images["flower"])[None])
    print(f"another photograph, now that it is warm: {time.perf_counter() - start:.2f} s")


if __name__ == "__main__":
    start = time.perf_counter()
    digits()
    print()
    photograph()
    print(f"\n{time.perf_counter() - start:.0f} s in all")
