"""Digits, models and clients for tests/ensemble.sh.

models FOLDER       writes small.onnx, large.onnx and mean.onnx, of which each takes digits in batches: the weights of
                    lr_mnist_scikit.onnx and of mnist_cnn.onnx, and the mean of two classifiers' scores; other.onnx is
                    small.onnx with scores ten times as large, flat.onnx reads 784 pixels
check URL           asks ensembles of them, and does what they do with their members' answers itself
same URL MODEL URL MODEL [STEPS]
                    asks the one and the other, which answer alike; and by the same steps, or the other by those
forge VAULT TAG NEW EDIT
                    tags a manifest that is another's with an edit, and its signature: "small" exchanges two members, "entry"
                    marks a member as what is to run, "leave" leaves one out
digit URL           writes digit.png and its label: one that the small model is unsure of, and the large one reads right
reload URL FOLDER   loads small.onnx again and again, another each time, while threads ask the ensembles

HF_DATA is the folder with mnist/ and models/.
"""

import hashlib
import json
import math
import os
import shutil
import struct
import sys
import threading
import urllib.error
import urllib.request
import zlib

import onnx_file
from cascade import DATA, DIGITS, PIXELS, digits, small
from onnx_file import FLOAT, INT64, every

BELOW = 0.9
OUTPUT = "Plus214_Output_0"
IMAGE, SCORES = ("n", 1, 28, 28), ("n", DIGITS)


def open_rows(model, instead, ports=((IMAGE, "Input3"), (SCORES, OUTPUT))):
    """The model with an open first extent, and with some of its constants replaced by others."""
    graph = every(model, 7)[0]
    constants = []
    for tensor in every(graph, 5):
        name = every(tensor, 8)[0].decode()
        constants.append(onnx_file.block(5, instead.get(name, tensor)))
    body = b"".join(onnx_file.block(1, node) for node in every(graph, 1)) + onnx_file.text(2, "g") + b"".join(constants)
    for field, (extents, name) in zip((11, 12), ports):
        body += onnx_file.block(field, onnx_file.port(name, FLOAT, *extents))
    return onnx_file.number(1, 8) + onnx_file.block(7, body) + onnx_file.block(8, onnx_file.number(2, 17))


def shape(name, *extents):
    return onnx_file.weights(name, INT64, [len(extents)], struct.pack(f"<{len(extents)}q", *extents))


def models(folder):
    small(folder + "/small.onnx")
    fixed = open(folder + "/small.onnx", "rb").read()
    rows = open_rows(fixed, {"flat": shape("flat", -1, PIXELS)})
    open(folder + "/small.onnx", "wb").write(rows)
    weights = {every(each, 8)[0]: each for each in every(every(fixed, 7)[0], 5)}
    louder = {"flat": shape("flat", -1, PIXELS)}
    for name, extents in (b"w", [PIXELS, DIGITS]), (b"b", [DIGITS]):
        data = every(weights[name], 9)[0]
        values = [10 * each for each in struct.unpack(f"<{len(data) // 4}f", data)]
        data = struct.pack(f"<{len(values)}f", *values)
        louder[name.decode()] = onnx_file.weights(name.decode(), FLOAT, extents, data)
    open(folder + "/other.onnx", "wb").write(open_rows(fixed, louder))
    flat = ((("n", PIXELS), "Input3"), (SCORES, OUTPUT))
    open(folder + "/flat.onnx", "wb").write(open_rows(fixed, {"flat": shape("flat", -1, PIXELS)}, flat))
    convolutions = open(DATA + "/models/trained/mnist_cnn.onnx", "rb").read()
    pooled = "Pooling160_Output_0_reshape0_shape"
    open(folder + "/large.onnx", "wb").write(open_rows(convolutions, {pooled: shape(pooled, -1, 256)}))
    mean = onnx_file.model(
        [onnx_file.node("Add", ["a", "b"], ["sum"]), onnx_file.node("Mul", ["sum", "half"], ["mean"])],
        [onnx_file.weights("half", FLOAT, [1], struct.pack("<f", 0.5))],
        [onnx_file.port("a", FLOAT, *SCORES), onnx_file.port("b", FLOAT, *SCORES)],
        [onnx_file.port("mean", FLOAT, *SCORES)],
    )
    open(folder + "/mean.onnx", "wb").write(mean)


def post(url, body, kind="application/json"):
    request = urllib.request.Request(url, body, {"Content-Type": kind})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.headers, answer.read()


def ask(url, model, inputs, request_id=""):
    """The tensors of the answer by name, each a list of rows, and its headers."""
    body = {"id": request_id} if request_id else {}
    body["inputs"] = [
        {"name": name, "datatype": "FP32", "shape": [len(rows), *extents], "data": [x for row in rows for x in row]}
        for name, extents, rows in inputs
    ]
    headers, answer = post(f"{url}/v2/models/{model}/infer", json.dumps(body).encode())
    tensors = {}
    for output in json.loads(answer)["outputs"]:
        width = len(output["data"]) // max(1, output["shape"][0])
        tensors[output["name"]] = [tuple(output["data"][i : i + width]) for i in range(0, len(output["data"]), width)]
    return tensors, headers


def image(name, rows):
    return (name, (1, 28, 28), rows)


def confidence(row):
    most = max(row)
    return 1 / sum(math.exp(each - most) for each in row)


def expect(truth, *said):
    if not truth:
        print("FAILED:", *said)
        sys.exit(1)


def check(url):
    rows, labels = zip(*((struct.unpack(f"<{PIXELS}f", pixels), label) for pixels, label in digits(0, 256)))
    few = ask(url, "small", [image("Input3", rows)])[0][OUTPUT]
    many = ask(url, "large", [image("Input3", rows)])[0][OUTPUT]
    mean = ask(url, "mean", [("a", (DIGITS,), few), ("b", (DIGITS,), many)])[0]["mean"]

    averaged, headers = ask(url, "average", [image("image", rows)])
    expect(averaged["scores"] == mean, "the average is not the mean of both")
    expect(headers["holdfast-steps"] in ("small=256, large=256, mean=256"), headers["holdfast-steps"])

    unsure = [confidence(row) < BELOW for row in few]
    want = [there if asked else here for here, there, asked in zip(few, many, unsure)]
    cascaded, headers = ask(url, "cascade", [image("image", rows)])
    expect(cascaded["scores"] == want, "the cascade's rows are not those of who should answer them")
    expect(headers["holdfast-steps"] == f"small=256, large={sum(unsure)}", headers["holdfast-steps"])
    expect(0 < sum(unsure) < 256, "the test tests nothing", sum(unsure))
    for i in range(32):
        alone = ask(url, "cascade", [image("image", rows[i : i + 1])])[0]["scores"]
        expect(alone == want[i : i + 1], "row", i, "alone is answered otherwise")

    # An ensemble of ensembles; the request takes all or nothing in the other.
    both = ask(url, "nested", [image("image", rows)])[0]
    expect(both["first"] == want and both["second"] == mean, "the nested ensemble")
    whole, headers = ask(url, "whole", [image("image", rows)])
    expect(whole["scores"] == many and headers["holdfast-steps"] == "small=256, large=256", "one unsure row is enough")
    sure = [row for row, asked in zip(rows, unsure) if not asked]
    whole, headers = ask(url, "whole", [image("image", sure)])
    expect(headers["holdfast-steps"] == f"small={len(sure)}", headers["holdfast-steps"])

    def right(scores):
        return sum(max(range(DIGITS), key=row.__getitem__) == label for row, label in zip(scores, labels))

    print(f"right of 256: small {right(few)}, large {right(many)}, cascade {right(want)} with {sum(unsure)} rows asked on")
    expect(right(few) < right(want), "the cascade gains nothing")


def same(one, model, other, other_model, steps=None):
    rows = [struct.unpack(f"<{PIXELS}f", pixels) for pixels, _ in digits(0, 256)]
    answers = [ask(url, name, [image("image", rows)]) for url, name in ((one, model), (other, other_model))]
    (want, wanted), (got, headers) = answers
    expect(got == want, "other answers")
    expect(headers["holdfast-steps"] == (steps or wanted["holdfast-steps"]), headers["holdfast-steps"])
    print(f"256 answers alike, {headers['holdfast-steps']}")


def forge(vault, tag, new, edit):
    index = json.load(open(vault + "/index.json"))
    named = "org.opencontainers.image.ref.name"
    entry = next(each for each in index["manifests"] if each["annotations"][named] == tag)

    def path(digest):
        return vault + "/blobs/sha256/" + digest.removeprefix("sha256:")

    manifest = json.load(open(path(entry["digest"])))
    layers = {each.get("annotations", {}).get("org.cncf.model.filepath"): each for each in manifest["layers"]}
    small, large, own = (layers[each] for each in ("small.onnx", "large.onnx", "cascade.ensemble.json"))
    mark = "dev.holdfast.model.entry"
    if edit == "small":
        small["annotations"], large["annotations"] = large["annotations"], small["annotations"]
    elif edit == "entry":
        small["annotations"][mark] = own["annotations"].pop(mark)
    else:
        manifest["layers"].remove(large)
    body = json.dumps(manifest).encode()
    digest = "sha256:" + hashlib.sha256(body).hexdigest()
    open(path(digest), "wb").write(body)
    index["manifests"].append({**entry, "digest": digest, "size": len(body), "annotations": {named: new}})
    json.dump(index, open(vault + "/index.json", "w"))


def digit(url):
    for pixels, label in digits(0, 256):
        row = struct.unpack(f"<{PIXELS}f", pixels)
        few = ask(url, "small", [image("Input3", [row])])[0][OUTPUT][0]
        many = ask(url, "large", [image("Input3", [row])])[0][OUTPUT][0]
        if confidence(few) < BELOW and max(range(DIGITS), key=many.__getitem__) == label:
            break
    else:
        sys.exit(1)
    lines = b"".join(b"\0" + bytes(map(int, row[i : i + 28])) for i in range(0, PIXELS, 28))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 28, 28, 8, 0, 0, 0, 0))
    with open("digit.png", "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b""))
    with open("label", "w") as file:
        file.write(str(label))


def status_of(url, body=b"", method="POST"):
    try:
        request = urllib.request.Request(url, body if method == "POST" else None, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def reload(url, folder):
    """Every answer is of one small model alone, also where an ensemble runs it twice."""
    rows = [struct.unpack(f"<{PIXELS}f", pixels) for pixels, _ in digits(0, 4)]
    shutil.copy(folder + "/small.onnx", folder + "/first.onnx")
    few = ask(url, "small", [image("Input3", rows)])[0][OUTPUT]
    failures, answers, kinds = [], [0], set()
    stop = threading.Event()

    def ask_on(model):
        while not stop.is_set():
            try:
                tensors, _ = ask(url, model, [image("image", rows)])
            except Exception as error:  # noqa: BLE001
                failures.append(f"{model}: {error}")
                return
            loud = tensors["a"] != few
            if tensors["a"] != tensors["b"]:
                failures.append("an answer of two versions of a member")
            kinds.add(loud)
            answers[0] += 1

    threads = [threading.Thread(target=ask_on, args=("twice",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for i in range(40):
        shutil.copy(f"{folder}/{('other', 'first')[i % 2]}.onnx", folder + "/next")
        os.replace(folder + "/next", folder + "/small.onnx")
        before = answers[0]
        code, text = status_of(f"{url}/v2/repository/models/small/load")
        if code != 200:
            failures.append(f"load: {code} {text}")
        while answers[0] < before + 4 and not failures:
            stop.wait(0.002)
    stop.set()
    for thread in threads:
        thread.join()
    expect(not failures, failures[:3])
    expect(kinds == {True, False}, "only one of the models was seen")
    print(f"{answers[0]} answers while a member was loaded 40 times, each of one version alone")


if __name__ == "__main__":
    if sys.argv[1] == "models":
        models(sys.argv[2])
    elif sys.argv[1] == "check":
        check(sys.argv[2])
    elif sys.argv[1] == "same":
        same(*sys.argv[2:])
    elif sys.argv[1] == "forge":
        forge(*sys.argv[2:])
    elif sys.argv[1] == "digit":
        digit(sys.argv[2])
    else:
        reload(sys.argv[2], sys.argv[3])
