"""Networks that people deploy, with seeded weights, as exporters write them: ONNX opset 17, batch norms folded.

For speed only: what they compute means nothing. Weights are drawn so that activations keep their size from layer to
layer, and every engine meets ordinary numbers.
"""

import numpy as np
import onnx
import onnx.version_converter
from onnx import TensorProto, helper, numpy_helper

OPSET = 17


class Network:
    def __init__(self, name, seed):
        self.name, self.rng = name, np.random.default_rng(seed)
        self.nodes, self.constants, self.inputs, self.fresh = [], [], [], 0

    def constant(self, array):
        self.fresh += 1
        name = f'c{self.fresh}'
        self.constants.append(numpy_helper.from_array(np.ascontiguousarray(array), name))
        return name

    def weights(self, *shape, fan_in):
        return self.constant((self.rng.standard_normal(shape) / np.sqrt(fan_in)).astype(np.float32))

    def node(self, op, *inputs, **attributes):
        self.fresh += 1
        output = f'v{self.fresh}'
        self.nodes.append(helper.make_node(op, list(inputs), [output], name=f'n{self.fresh}', **attributes))
        return output

    def input(self, name, kind, shape):
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def save(self, output, shape, path):
        self.nodes[-1].output[0] = 'output'
        graph = helper.make_graph(self.nodes, self.name, self.inputs,
                                  [helper.make_tensor_value_info('output', TensorProto.FLOAT, shape)], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', OPSET)], ir_version=8)
        onnx.checker.check_model(model)
        path.write_bytes(model.SerializeToString())
        return path

    # Convolution, bias, and ReLU6 where `active`.
    def conv(self, x, channels, filters, kernel=1, stride=1, group=1, active=True):
        depth = channels // group
        pad = kernel // 2
        gain = 2 if active else 1
        weights = self.weights(filters, depth, kernel, kernel, fan_in=depth * kernel * kernel / gain)
        bias = self.constant(self.rng.uniform(-0.1, 0.1, filters).astype(np.float32))
        y = self.node('Conv', x, weights, bias, kernel_shape=[kernel, kernel], strides=[stride, stride],
                      pads=[pad, pad, pad, pad], group=group)
        return self.node('Clip', y, self.scalar(0), self.scalar(6)) if active else y

    def scalar(self, value):
        return self.constant(np.array(value, np.float32))

    def classifier(self, x, channels):
        pooled = self.node('Flatten', self.node('GlobalAveragePool', x), axis=1)
        return self.node('Gemm', pooled, self.weights(1000, channels, fan_in=channels),
                         self.constant(np.zeros(1000, np.float32)), transB=1)

    # x W + b over the last axis.
    def linear(self, x, depth, columns):
        product = self.node('MatMul', x, self.weights(depth, columns, fan_in=depth))
        return self.node('Add', self.constant(self.rng.uniform(-0.1, 0.1, columns).astype(np.float32)), product)

    def norm(self, x, width):
        return self.node('LayerNormalization', x, self.constant(np.ones(width, np.float32)),
                         self.constant(np.zeros(width, np.float32)), axis=-1, epsilon=1e-12)

    def gelu(self, x):
        erf = self.node('Erf', self.node('Div', x, self.scalar(np.sqrt(2))))
        return self.node('Mul', self.node('Mul', x, self.node('Add', erf, self.scalar(1))), self.scalar(0.5))


def mobilenet_v1(path, seed):
    net = Network('mobilenet_v1_1.0_224', seed)
    x = net.conv(net.input('input', TensorProto.FLOAT, [1, 3, 224, 224]), 3, 32, kernel=3, stride=2)
    channels = 32
    for filters, stride in ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1), (512, 1), (512, 1),
                            (512, 1), (512, 1), (1024, 2), (1024, 1)):
        x = net.conv(x, channels, channels, kernel=3, stride=stride, group=channels)
        x = net.conv(x, channels, filters)
        channels = filters
    net.classifier(x, channels)
    return net.save('output', [1, 1000], path)


def mobilenet_v2(path, seed):
    net = Network('mobilenet_v2_1.0_224', seed)
    x = net.conv(net.input('input', TensorProto.FLOAT, [1, 3, 224, 224]), 3, 32, kernel=3, stride=2)
    channels = 32
    for expansion, filters, count, first in ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1),
                                             (6, 160, 3, 2), (6, 320, 1, 1)):
        for i in range(count):
            stride, hidden, y = first if i == 0 else 1, channels * expansion, x
            if expansion > 1:
                y = net.conv(y, channels, hidden)
            y = net.conv(y, hidden, hidden, kernel=3, stride=stride, group=hidden)
            y = net.conv(y, hidden, filters, active=False)
            x = net.node('Add', x, y) if stride == 1 and channels == filters else y
            channels = filters
    net.classifier(net.conv(x, channels, 1280), 1280)
    return net.save('output', [1, 1000], path)


def encoder(name, path, seed, layers, width, heads, length=128, vocabulary=30522):
    """A BERT encoder; the output is the last hidden state."""
    net = Network(name, seed)
    ids = net.input('input_ids', TensorProto.INT64, [1, length])
    mask = net.input('attention_mask', TensorProto.INT64, [1, length])
    kept = net.node('Cast', net.node('Unsqueeze', mask, net.constant(np.array([1, 2], np.int64))),
                    to=TensorProto.FLOAT)
    penalty = net.node('Mul', net.node('Sub', net.scalar(1), kept), net.scalar(-10000))
    x = net.node('Add', net.node('Gather', net.weights(vocabulary, width, fan_in=1), ids, axis=0),
                 net.weights(1, length, width, fan_in=1))
    x = net.norm(x, width)
    size = width // heads
    split = net.constant(np.array([1, length, heads, size], np.int64))
    joined = net.constant(np.array([1, length, width], np.int64))
    for _ in range(layers):
        query, key, value = (net.node('Reshape', net.linear(x, width, width), split) for _ in range(3))
        scores = net.node('MatMul', net.node('Transpose', query, perm=[0, 2, 1, 3]),
                          net.node('Transpose', key, perm=[0, 2, 3, 1]))
        scores = net.node('Add', net.node('Div', scores, net.scalar(np.sqrt(size))), penalty)
        seen = net.node('MatMul', net.node('Softmax', scores, axis=-1),
                        net.node('Transpose', value, perm=[0, 2, 1, 3]))
        seen = net.node('Reshape', net.node('Transpose', seen, perm=[0, 2, 1, 3]), joined)
        x = net.norm(net.node('Add', net.linear(seen, width, width), x), width)
        inner = net.gelu(net.linear(x, width, 4 * width))
        x = net.norm(net.node('Add', net.linear(inner, 4 * width, width), x), width)
    return net.save('output', [1, length, width], path)


def bert_tiny(path, seed):
    return encoder('bert_tiny_l2_h128_s128', path, seed, layers=2, width=128, heads=2)


def minilm(path, seed):
    return encoder('minilm_l6_h384_s128', path, seed, layers=6, width=384, heads=12)


def seeded(rng, name, shape, consumers):
    """A weight of ResNet-50: batch norms keep their input, and each block's last one adds a fifth of it."""
    if any(node.op_type == 'BatchNormalization' for node in consumers):
        if name.endswith('_s_0'):
            return np.full(shape, 0.2 if 'branch2c' in name else 1, np.float32)
        return np.full(shape, 1 if name.endswith('_riv_0') else 0, np.float32)
    if len(shape) == 1:
        return rng.uniform(-0.1, 0.1, shape).astype(np.float32)
    gain = 2 if len(shape) == 4 else 0.01
    return (rng.standard_normal(shape) * np.sqrt(gain / np.prod(shape[1:]))).astype(np.float32)


def resnet50(path, seed, topology):
    """The published topology, whose weights are all ConstantOfShape, with weights of its own; no softmax."""
    model, rng = onnx.load(topology), np.random.default_rng(seed)
    graph, shapes = model.graph, {i.name: numpy_helper.to_array(i) for i in model.graph.initializer}
    weights, nodes = [], []
    for node in graph.node:
        if node.op_type == 'ConstantOfShape':
            name = node.output[0]
            users = [other for other in graph.node if name in other.input]
            weights.append(numpy_helper.from_array(seeded(rng, name, [int(n) for n in shapes[node.input[0]]], users), name))
        elif node.op_type == 'Sum':  # of two; as Add, which more engines fuse
            nodes.append(helper.make_node('Add', list(node.input), list(node.output), name=node.name))
        elif node.op_type != 'Softmax':
            nodes.append(node)
    used = {name for node in nodes for name in node.input}
    weights += [i for i in graph.initializer if i.name in used and i.name not in {w.name for w in weights}]
    made = {w.name for w in weights}
    inputs = [i for i in graph.input if i.name in used and i.name not in made]
    output = helper.make_tensor_value_info(nodes[-1].output[0], TensorProto.FLOAT, [1, 1000])
    made = helper.make_model(helper.make_graph(nodes, 'resnet50', inputs, [output], weights),
                             opset_imports=[helper.make_opsetid('', 9)], ir_version=8)
    made = onnx.version_converter.convert_version(made, OPSET)
    path.write_bytes(made.SerializeToString())
    return path


GENERATED = {'mobilenet_v1': mobilenet_v1, 'mobilenet_v2': mobilenet_v2, 'bert_tiny': bert_tiny, 'minilm_l6': minilm}
