"""The MNIST network of shared/data/models/trained/mnist_cnn.onnx in NumPy, forwards and backwards: the reference
implementation by which attacks are made. Two convolutions of 5x5 with bias, ReLU and max pooling, and a product."""

import numpy as np

import onnx_file

FLOAT = 1


def weights_of(path):
    """Constants of an ONNX file by their names."""
    graph = onnx_file.every(path.read_bytes(), 7)[0]
    found = {}
    for tensor in onnx_file.every(graph, 5):
        if onnx_file.every(tensor, 2) != [FLOAT]:
            continue
        name = onnx_file.every(tensor, 8)[0].decode()
        shape = []
        for value in onnx_file.every(tensor, 1):
            shape += [value] if isinstance(value, int) else list(value)  # packed, all below 128
        raw = (onnx_file.every(tensor, 9) or [b''])[0] or b''.join(onnx_file.every(tensor, 4))
        found[name] = np.frombuffer(raw, '<f4').reshape(shape)
    return found


def windows(x, size, pad):
    """Of N x C x H x W, every window of size x size as a row: N, H, W, C * size * size."""
    padded = np.pad(x, ((0, 0), (0, 0), (pad, pad), (pad, pad)))
    view = np.lib.stride_tricks.sliding_window_view(padded, (size, size), (2, 3))
    n, c, h, w = view.shape[:4]
    return view.transpose(0, 2, 3, 1, 4, 5).reshape(n, h, w, c * size * size)


class Convolution:
    def __init__(self, weights, bias):
        self.weights, self.bias, self.pad = weights, bias.reshape(-1), weights.shape[2] // 2

    def forward(self, x):
        rows = windows(x, self.weights.shape[2], self.pad)
        flat = self.weights.reshape(len(self.weights), -1)
        return (rows @ flat.T + self.bias).transpose(0, 3, 1, 2)

    def backward(self, gradient):
        turned = self.weights[:, :, ::-1, ::-1].transpose(1, 0, 2, 3)
        rows = windows(gradient, self.weights.shape[2], self.pad)
        return (rows @ turned.reshape(len(turned), -1).T).transpose(0, 3, 1, 2)


class Relu:
    def forward(self, x):
        self.on = x > 0
        return x * self.on

    def backward(self, gradient):
        return gradient * self.on


class MaxPool:
    def __init__(self, size):
        self.size = size

    def forward(self, x):
        n, c, h, w = x.shape
        size, self.shape = self.size, x.shape
        rows, columns = h // size, w // size
        tiles = x[:, :, :rows * size, :columns * size].reshape(n, c, rows, size, columns, size)
        tiles = tiles.transpose(0, 1, 2, 4, 3, 5).reshape(n, c, rows, columns, size * size)
        self.most = tiles.argmax(-1)
        return np.take_along_axis(tiles, self.most[..., None], -1)[..., 0]

    def backward(self, gradient):
        n, c, rows, columns = gradient.shape
        size = self.size
        tiles = np.zeros((n, c, rows, columns, size * size), gradient.dtype)
        np.put_along_axis(tiles, self.most[..., None], gradient[..., None], -1)
        tiles = tiles.reshape(n, c, rows, columns, size, size).transpose(0, 1, 2, 4, 3, 5)
        x = np.zeros(self.shape, gradient.dtype)
        x[:, :, :rows * size, :columns * size] = tiles.reshape(n, c, rows * size, columns * size)
        return x


class Product:
    def __init__(self, weights, bias):
        self.weights, self.bias = weights.reshape(-1, weights.shape[-1]), bias

    def forward(self, x):
        self.shape = x.shape
        return x.reshape(len(x), -1) @ self.weights + self.bias

    def backward(self, gradient):
        return (gradient @ self.weights.T).reshape(self.shape)


class Network:
    def __init__(self, path):
        w = weights_of(path)
        self.layers = [Convolution(w['Parameter5'], w['Parameter6']), Relu(), MaxPool(2),
                       Convolution(w['Parameter87'], w['Parameter88']), Relu(), MaxPool(3),
                       Product(w['Parameter193'], w['Parameter194'])]

    def logits(self, x):
        for layer in self.layers:
            x = layer.forward(x)
        return x

    def gradient(self, x, labels):
        """Of each sample's cross entropy with its label, by its pixels."""
        logits = self.logits(x)
        gradient = np.exp(logits - logits.max(1, keepdims=True))
        gradient /= gradient.sum(1, keepdims=True)
        gradient[np.arange(len(x)), labels] -= 1
        for layer in reversed(self.layers):
            gradient = layer.backward(gradient)
        return gradient
