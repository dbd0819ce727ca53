"""Train a small residual network on handwritten digits: `python examples/digits.py [--format bfp16] [--seeds 5]`

The settings were chosen on a part of the training samples; the held-out samples are looked at once, at the end.
"""

import argparse

import numpy as np

from spinntensor import nn

BATCH, RATE, WARM = 32, 0.1, 43


def trained(x, y, format, epochs, seed):
    """A ResNet-8 after so many epochs of Nesterov's momentum, the rate rising for an epoch and falling to 0."""
    steps = -(-len(x) // BATCH) * epochs
    rate = nn.WarmUp(nn.CosineDecay(RATE, max(steps - WARM, 1)), WARM, start=RATE / 20)
    loss = nn.SparseCategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    model = nn.resnet8(x.shape[1:], classes=10, seed=seed)
    optimizer = nn.SGD(rate, momentum=0.9, nesterov=True, weight_decay=5e-3)
    model.compile(optimizer, loss, ["accuracy"], format=format, seed=seed)
    model.fit(x, y, batch_size=BATCH, epochs=epochs)
    return model


if __name__ == "__main__":
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--format", choices=["float32", "bfp16"], default="float32")
    options.add_argument("--epochs", type=int, default=12)
    options.add_argument("--seeds", type=int, default=1)
    chosen = options.parse_args()
    (x, y), (x_test, y_test) = nn.data.digits()
    found = []
    for seed in range(chosen.seeds):
        model = trained(x, y, chosen.format, chosen.epochs, seed)
        small = model.quantize("int8", calibration=x[:256])
        found.append([m.evaluate(x_test, y_test)["accuracy"] for m in (model, small)])
        print(f"seed {seed}: accuracy {found[-1][0]:.4f}, after it in int8 {found[-1][1]:.4f}")
    own, int8 = np.mean(found, axis=0)
    print(
        f"trained in {chosen.format}, {len(x_test)} held-out digits, mean of {len(found)}: {own:.4f}, int8 {int8:.4f}"
    )
    print("rows are digits, columns what the last network took them for:")
    print(nn.confusion_matrix(y_test, model.predict(x_test, format=chosen.format)))
