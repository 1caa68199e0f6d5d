"""ONNX twins of TFLite models, for peers that read only ONNX.

The twin has the same layers, weights and numbers, images as NCHW throughout (what ONNX runtimes want; its input is
NCHW too, so that no peer pays for a transposition). An int8 model becomes a QDQ model: every operator between
DequantizeLinear and QuantizeLinear with the file's own scales, biases as int32 with scale x_scale * w_scale, which is
the form that ONNX Runtime fuses into its integer kernels.
"""

import numpy as np
import onnx
from ai_edge_litert import schema_py_generated as schema
from onnx import TensorProto, helper, numpy_helper

OPSET = 17
NAMES = {value: name for name, value in vars(schema.BuiltinOperator).items() if not name.startswith('_')}
TYPES = {schema.TensorType.FLOAT32: np.float32, schema.TensorType.INT8: np.int8, schema.TensorType.INT32: np.int32}


class Twin:
    def __init__(self, path):
        self.model = schema.ModelT.InitFromPackedBuf(open(path, 'rb').read(), 0)
        self.graph = self.model.subgraphs[0]
        self.nodes, self.constants, self.names, self.fresh = [], [], {}, 0
        self.quantized = self.graph.tensors[self.graph.inputs[0]].type == schema.TensorType.INT8

    def name(self, stem):
        self.fresh += 1
        return f'{stem}_{self.fresh}'

    def constant(self, stem, array):
        name = self.name(stem)
        self.constants.append(numpy_helper.from_array(np.array(array, order='C'), name))
        return name

    def node(self, op, inputs, **attributes):
        output = self.name(op)
        self.nodes.append(helper.make_node(op, inputs, [output], **attributes))
        return output

    def data(self, index):
        tensor = self.graph.tensors[index]
        raw = self.model.buffers[tensor.buffer].data
        return np.frombuffer(bytes(raw), TYPES[tensor.type]).reshape(tensor.shape)

    def scale(self, index):
        q = self.graph.tensors[index].quantization
        return np.asarray(q.scale, np.float32), np.asarray(q.zeroPoint, np.int64)

    # Weights as the operator wants them: fp32, or dequantised from int8 along `axis`.
    def weights(self, index, order, axis):
        tensor = self.graph.tensors[index]
        array = self.data(index).transpose(order)
        if tensor.type == schema.TensorType.FLOAT32:
            return self.constant('w', array)
        scale, _ = self.scale(index)
        if not self.quantized:  # dynamic range: int8 only in the file
            shape = [-1 if i == axis else 1 for i in range(array.ndim)]
            return self.constant('w', array.astype(np.float32) * (scale.reshape(shape) if scale.size > 1 else scale))
        scale = np.repeat(scale, array.shape[axis]) if scale.size == 1 else scale
        inputs = [self.constant('w', array), self.constant('s', scale), self.constant('z', np.zeros(scale.size, np.int8))]
        return self.node('DequantizeLinear', inputs, axis=axis)

    def bias(self, index, x, w, channels):
        if index < 0:
            return None
        array = self.data(index)
        if array.dtype == np.float32:
            return self.constant('b', array)
        scale = (self.scale(x)[0] * self.scale(w)[0]).astype(np.float32)
        scale = np.repeat(scale, channels) if scale.size == 1 else scale
        zero = self.constant('z', np.zeros(channels, np.int32))
        return self.node('DequantizeLinear', [self.constant('b', array), self.constant('s', scale), zero], axis=0)

    # The fused activation, then quantisation and back.
    def finish(self, output, index, activation=0):
        if activation == 1:
            output = self.node('Relu', [output])
        elif activation == 3:
            output = self.node('Clip', [output, self.constant('lo', np.float32(0)), self.constant('hi', np.float32(6))])
        elif activation:
            raise ValueError(f'activation {activation}')
        self.names[index] = self.requantized(output, index) if self.quantized else output

    def requantized(self, output, index):
        scale, zero = self.scale(index)
        pair = [self.constant('s', scale[0]), self.constant('z', np.int8(zero[0]))]
        return self.node('DequantizeLinear', [self.node('QuantizeLinear', [output, *pair]), *pair])

    def pads(self, padding, x, y, kernel, stride):
        if padding != schema.Padding.SAME:
            return [0, 0, 0, 0]
        total = [max(0, (y[i + 1] - 1) * stride[i] + kernel[i] - x[i + 1]) for i in range(2)]
        return [total[0] // 2, total[1] // 2, total[0] - total[0] // 2, total[1] - total[1] // 2]

    def convolution(self, op, options, depthwise):
        x, w, b = op.inputs[0], op.inputs[1], op.inputs[2] if len(op.inputs) > 2 else -1
        shape = [int(v) for v in self.graph.tensors[w].shape]
        kernel, stride = shape[1:3], [options.strideH, options.strideW]
        channels = shape[3] if depthwise else shape[0]
        inputs = [self.names[x], self.weights(w, (3, 0, 1, 2) if depthwise else (0, 3, 1, 2), 0)]
        bias = self.bias(b, x, w, channels)
        inputs += [bias] if bias else []
        pads = self.pads(options.padding, self.graph.tensors[x].shape, self.graph.tensors[op.outputs[0]].shape, kernel,
                         stride)
        output = self.node('Conv', inputs, kernel_shape=kernel, strides=stride, pads=pads,
                           group=channels if depthwise else 1)
        self.finish(output, op.outputs[0], options.fusedActivationFunction)

    def lower(self, op):
        kind = NAMES[self.model.operatorCodes[op.opcodeIndex].builtinCode
                     or self.model.operatorCodes[op.opcodeIndex].deprecatedBuiltinCode]
        options, output = op.builtinOptions, op.outputs[0]
        if kind in ('CONV_2D', 'DEPTHWISE_CONV_2D'):
            self.convolution(op, options, kind != 'CONV_2D')
        elif kind == 'FULLY_CONNECTED':
            x, w = op.inputs[0], op.inputs[1]
            channels = int(self.graph.tensors[w].shape[0])
            inputs = [self.names[x], self.weights(w, (0, 1), 0)]
            bias = self.bias(op.inputs[2] if len(op.inputs) > 2 else -1, x, w, channels)
            inputs += [bias] if bias else []
            self.finish(self.node('Gemm', inputs, transB=1), output, options.fusedActivationFunction)
        elif kind == 'ADD':
            self.finish(self.node('Add', [self.names[i] for i in op.inputs]), output, options.fusedActivationFunction)
        elif kind == 'AVERAGE_POOL_2D':
            self.finish(self.node('AveragePool', [self.names[op.inputs[0]]],
                                  kernel_shape=[options.filterHeight, options.filterWidth],
                                  strides=[options.strideH, options.strideW]), output,
                        options.fusedActivationFunction)
        elif kind == 'RESHAPE':
            source = self.names[op.inputs[0]]
            shape = self.graph.tensors[op.inputs[0]].shape
            if len(shape) == 4 and shape[1] * shape[2] > 1 and shape[3] > 1:
                source = self.node('Transpose', [source], perm=[0, 2, 3, 1])
            target = np.asarray(self.graph.tensors[output].shape, np.int64)
            if target.size == 4:
                target = target[[0, 3, 1, 2]]
            self.names[output] = self.node('Reshape', [source, self.constant('shape', target)])
        elif kind == 'SOFTMAX':
            self.finish(self.node('Softmax', [self.names[op.inputs[0]]], axis=-1), output)
        else:
            raise ValueError(f'no twin for {kind}')

    def build(self):
        source, sink = self.graph.inputs[0], self.graph.outputs[0]
        shape = [int(v) for v in self.graph.tensors[source].shape]
        shape = [shape[i] for i in (0, 3, 1, 2)] if len(shape) == 4 else shape
        if self.quantized:
            scale, zero = self.scale(source)
            self.names[source] = self.node('DequantizeLinear', ['x', self.constant('s', scale[0]),
                                                                self.constant('z', np.int8(zero[0]))])
        else:
            self.names[source] = 'x'
        for op in self.graph.operators:
            self.lower(op)
        if self.quantized:  # the last DequantizeLinear goes: the model's output is int8
            last = self.nodes.pop()
            self.names[sink] = last.input[0]
        out = [int(v) for v in self.graph.tensors[sink].shape]
        kind = TensorProto.INT8 if self.quantized else TensorProto.FLOAT
        graph = helper.make_graph(self.nodes, 'twin', [helper.make_tensor_value_info('x', kind, shape)],
                                  [helper.make_tensor_value_info(self.names[sink], kind, out)], self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid('', OPSET)], ir_version=8)
        onnx.checker.check_model(model)
        return model.SerializeToString()
