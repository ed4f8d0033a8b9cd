"""Makes the tiny networks that the tests of finding faces run: they take what is red for a face.

Usage: python3 make_red_finder.py FOLDER    (needs `onnx` and `numpy`)

Both have the shape of a known kind of detector (docs/measures.md) and weights that are written down here, so what they find
can be worked out by hand. `anchors.onnx` looks at a picture of 96 x 64 in cells of 16 pixels, each with two anchors of which the
second lies two pixels to the right and is a little less sure. `maps.onnx` takes a picture of any size (multiples of 32) and says
so by names in place of sizes, at a stride of 4; what it finds is 16 high and 12 wide, middles half a cell to the right.
"""

import math
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

WIDTH, HEIGHT, CELL = 96, 64, 16


def constant(name, values):
    return numpy_helper.from_array(np.asarray(values, dtype=np.float32), name)


def shape(name, values):
    return numpy_helper.from_array(np.asarray(values, dtype=np.int64), name)


def save(folder, name, nodes, inputs, outputs, initial):
    graph = helper.make_graph(nodes, name, inputs, outputs, initial)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], producer_name="heirloom")
    model.ir_version = 8
    onnx.checker.check_model(model)
    onnx.save(model, str(folder / f"{name}.onnx"))


def anchors(folder):
    cells = (HEIGHT // CELL) * (WIDTH // CELL)
    boxes = []
    for row in range(HEIGHT // CELL):
        for column in range(WIDTH // CELL):
            left, top = column * CELL, row * CELL
            boxes.append([left / WIDTH, top / HEIGHT, (left + CELL) / WIDTH, (top + CELL) / HEIGHT])
    moved = [[left + 2 / WIDTH, top, right + 2 / WIDTH, bottom] for left, top, right, bottom in boxes]
    # Pure red is (1, -0.99, -0.99): 2 and a little; grey is 0. Of 20 * (redness - 1) the sigmoid is taken.
    nodes = [
        helper.make_node("Conv", ["picture", "red"], ["redness"]),
        helper.make_node("AveragePool", ["redness"], ["mean"], kernel_shape=[CELL, CELL], strides=[CELL, CELL]),
        helper.make_node("Reshape", ["mean", "column"], ["flat"]),
        helper.make_node("Sub", ["flat", "one"], ["over"]),
        helper.make_node("Mul", ["over", "steep"], ["first"]),
        helper.make_node("Sub", ["first", "one"], ["second"]),
        helper.make_node("Concat", ["first", "second"], ["both"], axis=1),
        helper.make_node("Sigmoid", ["both"], ["face"]),
        helper.make_node("Sub", ["one", "face"], ["none"]),
        helper.make_node("Concat", ["none", "face"], ["scores"], axis=2),
        helper.make_node("Identity", ["places"], ["boxes"]),
    ]
    initial = [
        constant("red", np.array([1.0, -0.5, -0.5]).reshape(1, 3, 1, 1)),
        constant("one", [1.0]),
        constant("steep", [20.0]),
        constant("places", np.array(boxes + moved).reshape(1, 2 * cells, 4)),
        shape("column", [1, cells, 1]),
    ]
    inputs = [helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, HEIGHT, WIDTH])]
    outputs = [
        helper.make_tensor_value_info("scores", TensorProto.FLOAT, [1, 2 * cells, 2]),
        helper.make_tensor_value_info("boxes", TensorProto.FLOAT, [1, 2 * cells, 4]),
    ]
    save(folder, "anchors", nodes, inputs, outputs, initial)


def maps(folder):
    # Codes come in as they are: pure red is 255, grey 0.
    nodes = [
        helper.make_node("Conv", ["picture", "red"], ["redness"]),
        helper.make_node("AveragePool", ["redness"], ["mean"], kernel_shape=[4, 4], strides=[4, 4]),
        helper.make_node("Sub", ["mean", "middle"], ["over"]),
        helper.make_node("Mul", ["over", "steep"], ["scaled"]),
        helper.make_node("Sigmoid", ["scaled"], ["heat"]),
        helper.make_node("Conv", ["heat", "nothing2", "log_sizes"], ["sizes"]),
        helper.make_node("Conv", ["heat", "nothing2", "half_right"], ["offsets"]),
        helper.make_node("Conv", ["heat", "nothing10"], ["landmarks"]),
    ]
    initial = [
        constant("red", np.array([1.0, -0.5, -0.5]).reshape(1, 3, 1, 1)),
        constant("middle", [128.0]),
        constant("steep", [0.05]),
        constant("nothing2", np.zeros((2, 1, 1, 1))),
        constant("nothing10", np.zeros((10, 1, 1, 1))),
        constant("log_sizes", [math.log(16 / 4), math.log(12 / 4)]),
        constant("half_right", [0.0, 0.5]),
    ]
    inputs = [helper.make_tensor_value_info("picture", TensorProto.FLOAT, ["n", 3, "h", "w"])]
    outputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", channels, "hh", "ww"])
        for name, channels in [("heat", 1), ("sizes", 2), ("offsets", 2), ("landmarks", 10)]
    ]
    save(folder, "maps", nodes, inputs, outputs, initial)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    where = Path(sys.argv[1])
    where.mkdir(parents=True, exist_ok=True)
    anchors(where)
    maps(where)
