"""The models that bench serve asks: small ones with seeded weights, and a first extent that is open."""

import pathlib
import sys

import numpy as np
import onnx
from onnx import TensorProto, numpy_helper

sys.path.insert(0, str(pathlib.Path(__file__).parent.parent / 'peers'))
import networks

SEED = 20261201


def tiny(path):
    """An MLP of 4, 16 and 3: so cheap that all that is measured is the serving."""
    net = networks.Network('tiny', SEED)
    x = net.input('x', TensorProto.FLOAT, ['N', 4])
    hidden = net.node('Relu', net.linear(x, 4, 16))
    net.linear(hidden, 16, 3)
    net.save('output', ['N', 3], path)


def kws(path):
    """DS-CNN, the keyword spotter of MLPerf Tiny."""
    net = networks.Network('kws', SEED)
    x = net.input('x', TensorProto.FLOAT, ['N', 1, 49, 10])
    weights = net.weights(64, 1, 10, 4, fan_in=40)
    x = net.node('Clip', net.node('Conv', x, weights, kernel_shape=[10, 4], strides=[2, 2], pads=[4, 1, 5, 2]),
                 net.scalar(0), net.scalar(6))
    for _ in range(4):
        x = net.conv(net.conv(x, 64, 64, kernel=3, group=64), 64, 64)
    pooled = net.node('Flatten', net.node('GlobalAveragePool', x), axis=1)
    net.node('Gemm', pooled, net.weights(12, 64, fan_in=64), net.constant(np.zeros(12, np.float32)), transB=1)
    net.save('output', ['N', 12], path)


def dense(path):
    """An MLP as rankers and recommenders end in: 80 MiB of weights, each read once for a run, however many rows it has."""
    net = networks.Network('dense', SEED)
    x = net.input('x', TensorProto.FLOAT, ['N', 784])
    x = net.node('Relu', net.linear(x, 784, 4096))
    x = net.node('Relu', net.linear(x, 4096, 4096))
    net.linear(x, 4096, 64)
    net.save('output', ['N', 64], path)


def resnet50(path, topology):
    """As bench peers has it, with the batch left open."""
    networks.resnet50(path, SEED, topology)
    model = onnx.load(path)
    del model.graph.value_info[:]  # it is of a batch of one
    for value in [*model.graph.input, *model.graph.output]:
        value.type.tensor_type.shape.dim[0].dim_param = 'N'
    reshapes = {node.input[1] for node in model.graph.node if node.op_type == 'Reshape'}
    for initializer in model.graph.initializer:
        if initializer.name in reshapes:
            shape = numpy_helper.to_array(initializer).copy()
            shape[0] = -1
            initializer.CopyFrom(numpy_helper.from_array(shape, initializer.name))
    onnx.save(model, path)
