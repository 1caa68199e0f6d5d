"""ONNX files as bytes, for the scripts of tests: as much of the format as they need, and nothing to install."""

FLOAT, INT8, INT64 = 1, 3, 7


def varint(n):
    out = b""
    while n >= 0x80:
        out, n = out + bytes([n & 0x7F | 0x80]), n >> 7
    return out + bytes([n])


def number(field, value):
    return varint(field << 3) + varint(value)


def block(field, value):
    return varint(field << 3 | 2) + varint(len(value)) + value


def text(field, value):
    return block(field, value.encode())


def port(name, kind, *extents):
    """An input or output of a graph. An extent that is a text is one that is open, by that name."""
    shape = b"".join(block(1, text(2, e) if isinstance(e, str) else number(1, e)) for e in extents)
    return text(1, name) + block(2, block(1, number(1, kind) + block(2, shape)))


def weights(name, kind, extents, data=None, location=None):
    """Constants: their bytes, little-endian, or the file beside the model that has them."""
    tensor = b"".join(number(1, extent) for extent in extents) + number(2, kind) + text(8, name)
    if data is not None:
        return tensor + block(9, data)
    return tensor + block(13, text(1, "location") + text(2, location)) + number(14, 1)


def node(operator, inputs, outputs):
    return b"".join(text(1, each) for each in inputs) + b"".join(text(2, each) for each in outputs) + text(4, operator)


def model(nodes, constants, inputs, outputs):
    graph = b"".join(block(1, each) for each in nodes) + text(2, "g")
    for field, parts in (5, constants), (11, inputs), (12, outputs):
        graph += b"".join(block(field, part) for part in parts)
    return number(1, 8) + block(7, graph) + block(8, number(2, 17))


def adder(kind, size):
    """y = x + w, with w in the file data/weights."""
    return model(
        [node("Add", ["x", "w"], ["y"])],
        [weights("w", kind, [size], location="data/weights")],
        [port("x", kind, size)],
        [port("y", kind, size)],
    )


def fields(data):
    """The fields of a message, as (number, value); a value is an integer or bytes."""
    at = 0

    def integer():
        nonlocal at
        value = shift = 0
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 127) << shift
            shift += 7
            if byte < 128:
                return value

    while at < len(data):
        key = integer()
        if key & 7 == 0:
            yield key >> 3, integer()
            continue
        size = {1: 8, 5: 4}.get(key & 7) or integer()
        yield key >> 3, data[at : at + size]
        at += size


def every(data, field):
    return [value for key, value in fields(data) if key == field]
