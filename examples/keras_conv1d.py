"""Two Conv1D layers and a Dense one with the same weights in Keras and here: `python examples/keras_conv1d.py`

The other listing of Fassbender's thesis on spiDNN (2020); see keras_dense.py. Flattening before Dense is implicit.
"""

from keras_dense import compare

from spinntensor import nn


def network():
    """The listing here."""
    return nn.Sequential(
        [
            nn.Input((64, 4)),
            nn.Conv1D(20, 3),
            nn.Conv1D(5, 3, activation="relu"),
            nn.Dense(10, activation="softmax"),
        ],
        seed=1,
    )


def network_in_keras(keras):
    """The listing in Keras."""
    return keras.Sequential(
        [
            keras.Input((64, 4)),
            keras.layers.Conv1D(20, 3),
            keras.layers.Conv1D(5, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


if __name__ == "__main__":
    compare("conv1d", network(), network_in_keras)
