"""The table of a model, letter by letter."""

from __future__ import annotations

from spinntensor import nn

WANTED = """\
Model 'small'
----------------------------------------------------------------------------------
layer       class       inputs                output shape  parameters        MACs
----------------------------------------------------------------------------------
image       InputLayer                        32 x 32 x 3            0           0
conv2d      Conv2D      image                 32 x 32 x 64       1,792   1,769,472
batch_norm  BatchNorm   conv2d                32 x 32 x 64         256           0
conv2d_1    Conv2D      batch_norm            32 x 32 x 64      36,928  37,748,736
add         Add         batch_norm, conv2d_1  32 x 32 x 64           0           0
shared      Dense       add                   10               655,370     655,360
----------------------------------------------------------------------------------
total                                                          694,346  40,173,568
trainable 694,218, not trainable 128
"""


def test_the_table():
    x = nn.Input((32, 32, 3), "image")
    h = nn.BatchNorm()(nn.Conv2D(64, 3, padding="same")(x))
    h = nn.Add()([h, nn.Conv2D(64, 3, padding="same")(h)])
    model = nn.Model(x, nn.Dense(10, name="shared")(h), name="small")
    assert model.summary() == WANTED.rstrip("\n")


def test_a_layer_that_is_called_twice_is_counted_once():
    x = nn.Input((3,), "x")
    shared = nn.Dense(3, name="shared")
    lines = nn.Model(x, shared(shared(x))).summary().splitlines()
    assert [line.split()[-2:] for line in lines if line.startswith("shared")] == [["12", "9"], ["0", "9"]]
    assert lines[-2].split() == ["total", "12", "18"]
