"""Writes small.onnx without the package onnx: two layers of MatMul, Add and Relu with a Softmax between them."""

import struct
import sys


def varint(value):
    out = b''
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def tensor(name, extents, seed):
    count = extents[0] * extents[1]
    numbers = [((i * 37 + seed) % 101 - 50) / 64 for i in range(count)]
    dims = b''.join(field(1, extent) for extent in extents)
    return dims + field(2, 1) + field(8, name) + field(9, struct.pack(f'<{count}f', *numbers))


def port(name, extents):
    shape = b''.join(field(1, field(1, extent)) for extent in extents)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, shape)))


def node(op, inputs, output):
    return b''.join(field(1, name) for name in inputs) + field(2, output) + field(3, output + '_node') + field(4, op)


graph = b''.join(field(1, each) for each in [
    node('MatMul', ['x', 'w1'], 'p1'), node('Add', ['p1', 'b1'], 's1'), node('Relu', ['s1'], 'r1'),
    node('Softmax', ['r1'], 'soft'),
    node('MatMul', ['soft', 'w2'], 'p2'), node('Add', ['p2', 'b2'], 's2'), node('Relu', ['s2'], 'y')])
graph += field(2, 'small')
graph += b''.join(field(5, each) for each in [
    tensor('w1', [8, 16], 1), tensor('b1', [2, 16], 2), tensor('w2', [16, 4], 3), tensor('b2', [2, 4], 4)])
graph += field(11, port('x', [2, 8])) + field(12, port('y', [2, 4])) + field(12, port('r1', [2, 16]))
with open(sys.argv[1], 'wb') as out:
    out.write(field(1, 8) + field(7, graph) + field(8, field(1, '') + field(2, 17)))
