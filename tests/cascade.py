"""Digits for tests/cascade.sh.

small FILE                     writes the small model: the weights of lr_mnist_scikit.onnx with the ports of mnist_cnn.onnx
ask URL FIRST COUNT [SLOWEST]  has the service there read that many of the test digits, and says how it went; fails when a
                               request does, or one takes longer than SLOWEST milliseconds

HF_DATA is the folder with mnist/ and models/.
"""

import gzip
import http.client
import json
import os
import struct
import sys
import time
import urllib.parse
from collections import Counter

import onnx_file
from onnx_file import FLOAT, INT64, every

DATA = os.environ["HF_DATA"]
PIXELS, FEATURES, DIGITS = 784, 780, 10


def small(path):
    """Logistic regression over the first 780 pixels; the last four are blank in every digit."""
    source = open(DATA + "/models/trained/lr_mnist_scikit.onnx", "rb").read()
    classifier = every(every(source, 7)[0], 1)[0]
    attributes = {every(each, 1)[0]: each for each in every(classifier, 5)}

    def floats(name):
        data = b"".join(every(attributes[name], 7))
        return struct.unpack(f"<{len(data) // 4}f", data)

    rows = [floats(b"coefficients")[k * FEATURES : (k + 1) * FEATURES] for k in range(DIGITS)]
    columns = [rows[k][pixel] if pixel < FEATURES else 0.0 for pixel in range(PIXELS) for k in range(DIGITS)]
    model = onnx_file.model(
        [
            onnx_file.node("Reshape", ["Input3", "flat"], ["pixels"]),
            onnx_file.node("MatMul", ["pixels", "w"], ["scores"]),
            onnx_file.node("Add", ["scores", "b"], ["Plus214_Output_0"]),
        ],
        [
            onnx_file.weights("flat", INT64, [2], struct.pack("<2q", 1, PIXELS)),
            onnx_file.weights("w", FLOAT, [PIXELS, DIGITS], struct.pack(f"<{PIXELS * DIGITS}f", *columns)),
            onnx_file.weights("b", FLOAT, [DIGITS], struct.pack(f"<{DIGITS}f", *floats(b"intercepts"))),
        ],
        [onnx_file.port("Input3", FLOAT, 1, 1, 28, 28)],
        [onnx_file.port("Plus214_Output_0", FLOAT, 1, DIGITS)],
    )
    open(path, "wb").write(model)


def digits(first, count):
    images = gzip.open(DATA + "/mnist/t10k-images-idx3-ubyte.gz").read()[16:]
    labels = gzip.open(DATA + "/mnist/t10k-labels-idx1-ubyte.gz").read()[8:]
    for i in range(first, first + count):
        yield struct.pack(f"<{PIXELS}f", *images[i * PIXELS : (i + 1) * PIXELS]), labels[i]


def ask(url, first, count, slowest=None):
    where = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(where.netloc, timeout=60)
    right, failed, longest, receipt = 0, 0, 0.0, ""
    told = Counter()
    for pixels, label in digits(first, count):
        begun = time.monotonic()
        connection.request("POST", where.path + "/infer", pixels, {"Inference-Header-Content-Length": "0"})
        response = connection.getresponse()
        body = response.read()
        longest = max(longest, time.monotonic() - begun)
        if response.status != 200:
            failed += 1
            continue
        head = int(response.headers["Inference-Header-Content-Length"])
        scores = struct.unpack(f"<{DIGITS}f", body[head:])
        right += max(range(DIGITS), key=scores.__getitem__) == label
        said = json.loads(body[:head]).get("parameters", {})
        told[said.get("holdfast_cascade", "local") + " " + said.get("holdfast_cascade_reason", "alone")] += 1
        if said.get("holdfast_cascade") == "upstream":
            receipt = response.headers["holdfast-receipt"]
    print(f"right {100 * right / count:.1f} % of {count}, failed {failed}, longest {1000 * longest:.0f} ms;", dict(told))
    if receipt:
        print("receipt", receipt)
    return failed == 0 and (slowest is None or 1000 * longest <= slowest)


if __name__ == "__main__":
    if sys.argv[1] == "small":
        small(sys.argv[2])
    else:
        sys.exit(0 if ask(sys.argv[2], *map(int, sys.argv[3:])) else 1)
