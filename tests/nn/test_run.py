"""The course of a training and its history."""

from spinntensor.nn.run import History


def test_history_by_key_leaves_out_epochs_without_it():
    history = History([{"epoch": 0, "loss": 2.0}, {"epoch": 1, "loss": 1.0, "saturated": 3}])
    assert history.history == {"loss": [2.0, 1.0], "saturated": [3]}
