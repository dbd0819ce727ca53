"""The arguments of run, train and compare, with their help; nothing heavy is imported to parse them."""

from __future__ import annotations

import argparse

FORMATS = ("float32", "bfp16", "int8")

NETWORKS = (
    "networks: mlp, lenet5, resnet8, resnet20, resnet32, resnet56, resnet18, resnet34, resnet50, resnet101,\n"
    "  mobilenetv1; or a file that train --save wrote\n"
)

INPUTS = """inputs:
  photo.jpg ...          image files, brought to the network's size as ImageNet's evaluation does
  folder                 images in it, or in a subfolder for each class
  data.npy, data.npz     arrays [n, ...]; of an .npz those called x and y (x_train, arr_0); bytes are scaled to 0..1
  china, flower, digits  what comes with scikit-learn: two photographs, and 450 held-out 8x8 digits
"""


def run(parser: argparse.ArgumentParser) -> None:
    """Arguments of `spinntensor run`."""
    _model_and_inputs(parser)
    words = "where it runs: chip, an emulated one (default), or host; the bits are the same"
    parser.add_argument("--machine", type=machine, default="chip", metavar="M", help=words)
    words = "number format (default: float32; a model that was saved in another one keeps it)"
    parser.add_argument("--format", choices=FORMATS, help=words)
    parser.add_argument(
        "--top", type=count, default=5, metavar="N", help="classes shown for each input (default: 5)"
    )
    parser.add_argument("--labels", metavar="FILE", help="names of the classes, one on each line")
    words = "inputs computed at a time (default: 16 on the host, on a chip what suits it)"
    parser.add_argument("--batch", type=count, metavar="N", help=words)
    parser.add_argument("--json", metavar="FILE", help="also write the record of the run to FILE")


def plan(parser: argparse.ArgumentParser) -> None:
    """Arguments of `spinntensor plan`."""
    words = "name of a network, a saved model, or the sizes of a perceptron, such as 10-1024-20"
    parser.add_argument("model", metavar="MODEL", help=words)
    add = parser.add_argument
    add("--machine", default="chip", metavar="M", help="what it is planned for (default: chip)")
    add(
        "--format",
        choices=FORMATS,
        help="number format (default: int8; bfp16 for training; a model saved in another one keeps it)",
    )
    add(
        "--objective",
        choices=("throughput", "latency"),
        help="a stream of batches, or one image alone (default: throughput)",
    )
    words = "images of a period (default: one for each worker; 1 for latency; 32 for training)"
    add("--batch", type=count, metavar="N", help=words)
    add("--train", action="store_true", help="a training step: forward, backward and update")
    add("--weights", metavar="FILE", help="weights of a network by name; random ones without")
    add("--classes", type=count, metavar="N", help="classes of a network by name (default: as usual)")
    add("--seed", type=natural, default=0, metavar="N", help="of random weights (default: 0)")
    words = "physical numbers of cores that do not work, with commas between"
    add("--dead", type=numbers, default=(), metavar="N,...", help=words)
    words = "another figure of the machine, such as sdram_mb_per_s=400; may be repeated"
    add("--set", dest="figures", action="append", type=figure, default=[], metavar="NAME=VALUE", help=words)
    add("--why", metavar="LAYER", help="explain one layer: bound, choice, runner-up, memory")
    add("--json", metavar="FILE", help="write the plan to FILE (.json)")
    add("--html", metavar="FILE", help="write a page that shows where time and memory go to FILE (.html)")
    add(
        "--trace", metavar="FILE", help="write the simulated time line for Chrome or Perfetto to FILE (.json)"
    )


def report(parser: argparse.ArgumentParser) -> None:
    """Arguments of `spinntensor report`."""
    words = "record of a run on a machine, which run --json wrote"
    parser.add_argument("record", metavar="RUN.json", help=words)
    words = "write a page with tables, the time line and counters of cores to FILE (.html)"
    parser.add_argument("--html", metavar="FILE", help=words)
    words = "write the time line for Chrome or Perfetto to FILE (.json)"
    parser.add_argument("--trace", metavar="FILE", help=words)


def compare(parser: argparse.ArgumentParser) -> None:
    """Arguments of `spinntensor compare`."""
    _model_and_inputs(parser)
    formats = "bfp16,int8"
    words = f"formats to compare with float32, with commas between (default: {formats})"
    parser.add_argument("--formats", type=formats_, default=formats, metavar="F,...", help=words)
    parser.add_argument("--json", metavar="FILE", help="also write every figure to FILE")


def train(parser: argparse.ArgumentParser) -> None:
    """Arguments of `spinntensor train`."""
    parser.add_argument("model", metavar="MODEL", help="name of a network, or a saved model to go on with")
    add = parser.add_argument
    data = "digits; a folder of images with a subfolder for each class; or an .npz with x and y"
    add("--data", required=True, metavar="DATA", help=data)
    add("--epochs", type=count, default=10, metavar="N", help="times through the data (default: 10)")
    add("--batch", type=count, default=32, metavar="N", help="samples of a step (default: 32)")
    add(
        "--optimizer",
        choices=("sgd", "adam"),
        default="sgd",
        help="sgd has Nesterov's momentum .9 (default: sgd)",
    )
    add("--lr", type=rate, metavar="X", help="learning rate (default: .05 for sgd, .001 for adam)")
    add("--schedule", choices=("constant", "cosine"), default="cosine", help="of the rate (default: cosine)")
    add("--warm-up", type=natural, default=0, metavar="N", help="epochs in which the rate rises (default: 0)")
    add("--weight-decay", type=rate, default=0.0, metavar="X", help="pull of weights towards 0 (default: 0)")
    add(
        "--label-smoothing",
        type=share,
        default=0.0,
        metavar="X",
        help="0 to 1, spread over classes (default: 0)",
    )
    add(
        "--format",
        choices=FORMATS[:2],
        default="float32",
        help="number format of products (default: float32)",
    )
    words = "where steps are computed: host (default), or chip, an emulated one; the bits are the same"
    add("--machine", type=machine, default="host", metavar="M", help=words)
    add(
        "--seed",
        type=natural,
        default=0,
        metavar="N",
        help="of first weights and order of samples (default: 0)",
    )
    add("--save", metavar="FILE", help="write the trained model to FILE (.safetensors)")
    add(
        "--checkpoint", metavar="FILE", help="keep the state of the training in FILE, after each epoch (.npz)"
    )
    add(
        "--resume",
        metavar="FILE",
        help="go on from a checkpoint, and keep it unless --checkpoint names another",
    )
    add("--log", metavar="FILE", help="write loss and accuracy of each epoch to FILE (.csv, .json)")
    add("--json", metavar="FILE", help="also write the record of the training to FILE")


def _model_and_inputs(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="MODEL", help="name of a network, or a file written by train --save")
    parser.add_argument(
        "inputs", metavar="INPUT", nargs="+", help="images, arrays, or the names of bundled ones"
    )
    weights = "weights by name, .safetensors or .npz, this package's or torchvision's; random ones without"
    parser.add_argument("--weights", metavar="FILE", help=weights)
    calibration = "inputs that ranges of numbers are taken from (default: bundled ones of the same kind)"
    parser.add_argument("--calibration", metavar="INPUT", help=calibration)
    classes = "classes of a network by name (default: as usual, 1000 or 10)"
    parser.add_argument("--classes", type=count, metavar="N", help=classes)
    parser.add_argument("--seed", type=natural, default=0, metavar="N", help="of random weights (default: 0)")


def machine(word: str) -> str:
    """A machine that networks run on."""
    from spinntensor.errors import SpinnTensorError
    from spinntensor.machine.current import chosen
    from spinntensor.machine.geometry import Machine
    from spinntensor.machine.grammar import Host

    try:
        found = chosen(word)
    except SpinnTensorError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    if isinstance(found, Host) or (isinstance(found, Machine) and len(found.chips) == 1):
        return word
    raise argparse.ArgumentTypeError(
        f"machine {word!r} received, expected chip or host; others are not there yet"
    )


def formats_(words: str) -> tuple[str, ...]:
    """Formats other than float32, each once."""
    found = tuple(dict.fromkeys(word.strip() for word in words.split(",")))
    strange = [word for word in found if word not in FORMATS[1:]]
    if strange:
        raise argparse.ArgumentTypeError(f"format {strange[0]!r} received, expected bfp16 or int8")
    return found


def numbers(words: str) -> tuple[int, ...]:
    """Integers from 0 on."""
    return tuple(dict.fromkeys(natural(word.strip()) for word in words.split(",")))


def figure(words: str) -> tuple[str, float]:
    """A name and its number."""
    name, equals, value = words.partition("=")
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    if not name or not equals or number != number:
        raise argparse.ArgumentTypeError(f"{words!r} received, expected NAME=VALUE with a number")
    return name, int(number) if number.is_integer() else number


def count(word: str) -> int:
    """An integer from 1 on."""
    return _number(word, 1)


def natural(word: str) -> int:
    """An integer from 0 on."""
    return _number(word, 0)


def rate(word: str) -> float:
    """A number from 0 on."""
    try:
        value = float(word)
    except ValueError:
        value = -1.0
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{word!r} received, expected a number from 0 on")
    return value


def share(word: str) -> float:
    """A number from 0 to 1."""
    value = rate(word)
    if value > 1:
        raise argparse.ArgumentTypeError(f"{word!r} received, expected a number from 0 to 1")
    return value


def _number(word: str, lowest: int) -> int:
    if not word.isdecimal() or int(word) < lowest:
        raise argparse.ArgumentTypeError(f"{word!r} received, expected an integer from {lowest} on")
    return int(word)
