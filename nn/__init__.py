"""Neural networks on spinntensor: layers, losses, optimisers, models, training loop. Empty for now.

The folder stands at the top level of the repository and is installed as ``spinntensor.nn``.
"""

if __name__ != "spinntensor.nn":
    raise ImportError(
        f"imported as {__name__!r}, expected 'spinntensor.nn'; write: from spinntensor import nn "
        "(after pip install -e . in the checkout)"
    )
