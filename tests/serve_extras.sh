#!/usr/bin/env bash
# What `holdfast serve` has beside plain inferences: models that keep state (a sum, and a GRU held against the same GRU
# over the whole sequence at once), answers from the cache with receipts of their own, tensors through shared memory that
# is cut under the server, trace settings; and that what is off says how it is had.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
server=
shared=holdfast-extras-$$
trap 'kill -9 $server 2>/dev/null; rm -rf "$work" "/dev/shm/$shared"' EXIT
cd "$work" || exit 1
failures=0
fail() {
    printf 'FAILED: %s\n' "$*"
    failures=$((failures + 1))
}

# serve ARGUMENT...: sets server and url.
serve() {
    : >log
    "$holdfast" serve "$@" --listen 127.0.0.1:0 >log 2>&1 &
    server=$!
    for _ in $(seq 100); do grep -q serving log && break; read -rt 0.1 <> <(:) || true; done
    url=$(grep -oE 'http://[0-9.:]+' log | head -1)
    [ -n "$url" ] || fail "$* is not served: $(cat log)"
}
stop() {
    kill -TERM $server
    wait $server || fail "exit status $? of the server: $(cat log)"
}
# refused PATTERN ARGUMENT...: a server that does not start.
refused() {
    local pattern=$1
    shift
    timeout 20 "$holdfast" serve "$@" >refusal 2>&1 && fail "$* is served"
    grep -qE -- "$pattern" refusal || fail "$*: want $pattern, got $(cat refusal)"
}

# Models that keep state: a sum over any batch; a GRU by the step, and over all steps at once.
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here python3 - <<'PYTHON'
import json
import random
import struct

from onnx_file import FLOAT, block, model, node, number, port, text, weights

with open("sum.onnx", "wb") as file:
    file.write(model([node("Add", ["x", "acc"], ["y"]), node("Identity", ["y"], ["next"])], [],
                     [port("x", FLOAT, "batch", 2), port("acc", FLOAT, "batch", 2)],
                     [port("y", FLOAT, "batch", 2), port("next", FLOAT, "batch", 2)]))
with open("sum.onnx.sequence.json", "w") as file:
    json.dump({"states": [{"input": "acc", "output": "next"}], "sequences": 50, "idle_seconds": 30}, file)

random.seed(11)
HIDDEN, FEATURES, STEPS = 8, 3, 12


def constants(name, *extents):
    count = 1
    for extent in extents:
        count *= extent
    return weights(name, FLOAT, extents, struct.pack(f"<{count}f", *(random.uniform(-1, 1) for _ in range(count))))


gru = node("GRU", ["x", "W", "R", "B", "", "h"], ["y", "next"]) + \
    block(5, text(1, "hidden_size") + number(3, HIDDEN) + number(20, 2))
learned = [constants("W", 1, 3 * HIDDEN, FEATURES), constants("R", 1, 3 * HIDDEN, HIDDEN), constants("B", 1, 6 * HIDDEN)]
for name, steps in ("step", 1), ("whole", STEPS):
    with open(f"{name}.onnx", "wb") as file:
        file.write(model([gru], learned, [port("x", FLOAT, steps, 1, FEATURES), port("h", FLOAT, 1, 1, HIDDEN)],
                         [port("y", FLOAT, steps, 1, 1, HIDDEN), port("next", FLOAT, 1, 1, HIDDEN)]))
with open("step.onnx.sequence.json", "w") as file:
    json.dump({"states": [{"input": "h", "output": "next"}]}, file)
PYTHON
cat >ask.py <<'PYTHON'
"""For the scripts below: one inference, as JSON."""
import http.client
import json


class Server:
    def __init__(self, url):
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=20)

    def send(self, method, path, body=None):
        self.connection.request(method, path, None if body is None else json.dumps(body))
        answer = self.connection.getresponse()
        data = answer.read()
        self.headers = answer.headers
        return answer.status, json.loads(data) if data[:1] in b"{[" else data.decode()

    def infer(self, model, inputs, outputs=(), **parameters):
        body = {"inputs": inputs, "parameters": parameters}
        if outputs:
            body["outputs"] = outputs
        status, answer = self.send("POST", f"/v2/models/{model}/infer", body)
        if status != 200:
            return status, answer["error"]
        return status, {output["name"]: output.get("data") for output in answer["outputs"]}


def tensor(name, shape, data):
    return {"name": name, "datatype": "FP32", "shape": shape, "data": data}
PYTHON

serve sum.onnx step.onnx whole.onnx --receipts receipts
python3 - "$url" <<'PYTHON' || fail "sequences: see above"
import random
import sys
import threading

from ask import Server, tensor

server = Server(sys.argv[1])
status, about = server.send("GET", "/v2")
assert {"sequence", "sequence(string_id)"} <= set(about["extensions"]), about
status, about = server.send("GET", "/v2/models/sum")
assert [port["name"] for port in about["inputs"] + about["outputs"]] == ["x", "y"], about
assert "sequence_digest" in about["properties"], about


def add(of, values, shape=None, **parameters):
    return of.infer("sum", [tensor("x", shape or [1, 2], values)], **parameters)


assert add(server, [1, 2], sequence_id=1, sequence_start=True) == (200, {"y": [1, 2]})
assert add(server, [5, 5, 6, 6], [2, 2], sequence_id="two", sequence_start=True) == (200, {"y": [5, 5, 6, 6]})
assert add(server, [1, 2], sequence_id=1) == (200, {"y": [2, 4]})
assert add(server, [1, 1, 1, 1], [2, 2], sequence_id="two") == (200, {"y": [6, 6, 7, 7]})
status, error = add(server, [1, 1], sequence_id="two")
assert status == 400 and "keeps its batch" in error, (status, error)
assert add(server, [1, 1, 1, 1], [2, 2], sequence_id="two") == (200, {"y": [7, 7, 8, 8]}), "an error changes no state"
assert add(server, [0, 0], sequence_id=1, sequence_end=True) == (200, {"y": [2, 4]})
for parameters, want, word in (({"sequence_id": 1}, 404, "sequence_start"), ({}, 400, "sequence_id"),
                               ({"sequence_start": True}, 400, "sequence_id"), ({"sequence_id": []}, 400, "sequence_id")):
    status, error = add(server, [0, 0], **parameters)
    assert status == want and word in error, (parameters, status, error)

# Many sequences at a time, each request of which comes when the one before was answered; and one whose requests come
# from several connections at once, each of which counts exactly once.
wrong = []


def count(number):
    of, total = Server(sys.argv[1]), 0
    for step in range(100):
        total += step
        got = add(of, [step, number], sequence_id=100 + number, sequence_start=step == 0, sequence_end=step == 99)
        if got != (200, {"y": [total, number * (step + 1)]}):
            wrong.append((number, step, got))


def share():
    of = Server(sys.argv[1])
    for _ in range(50):
        status, answer = add(of, [1, 1], sequence_id="shared")
        if status != 200:
            wrong.append((status, answer))


assert add(server, [0, 0], sequence_id="shared", sequence_start=True)[0] == 200
threads = [threading.Thread(target=count, args=(number,)) for number in range(8)]
threads += [threading.Thread(target=share) for _ in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
assert not wrong, wrong[:3]
assert add(server, [0, 0], sequence_id="shared", sequence_end=True) == (200, {"y": [200, 200]})

# The GRU by the step is the GRU over all steps.
random.seed(3)
STEPS = 12
x = [random.uniform(-1, 1) for _ in range(STEPS * 3)]
_, whole = server.infer("whole", [tensor("x", [STEPS, 1, 3], x), tensor("h", [1, 1, 8], [0] * 8)])
for step in range(STEPS):
    status, got = server.infer("step", [tensor("x", [1, 1, 3], x[3 * step:3 * step + 3])], sequence_id=9,
                               sequence_start=step == 0, sequence_end=step == STEPS - 1)
    assert status == 200, got
    want = whole["y"][8 * step:8 * step + 8]
    worst = max(abs(a - b) for a, b in zip(got["y"], want))
    assert worst < 1e-5, (step, worst)

# Bounds: 50 sequences of the sum, of which "two" is one.
for number in range(49):
    assert add(server, [0, 0], sequence_id=1000 + number, sequence_start=True)[0] == 200
status, error = add(server, [0, 0], sequence_id=2000, sequence_start=True)
assert status == 429 and "sequence_end" in error, (status, error)
status, metrics = server.send("GET", "/metrics")
assert 'holdfast_sequences{model="sum",version="1"} 50\n' in metrics, metrics
# A load of what has not changed keeps them; a new declaration is a new version, which knows none.
assert server.send("POST", "/v2/repository/models/sum/load", {})[0] == 200
assert add(server, [0, 0], sequence_id=1000)[0] == 200
with open("sum.onnx.sequence.json", "a") as file:
    file.write("\n")
assert server.send("POST", "/v2/repository/models/sum/load", {})[0] == 200
assert add(server, [0, 0], sequence_id=1000)[0] == 404
for path in ("/v2/systemsharedmemory/status", "/v2/trace/setting"):
    status, answer = server.send("GET", path)
    assert status == 501 and "--" in answer["error"], (path, status, answer)
print("sequences keep their state")
PYTHON
stop
echo '{"states":[{"input":"acc","output":"y2"}]}' >sum.onnx.sequence.json
refused "sum.onnx.sequence.json: /states/0/output: the model has no 'y2'; it has: y, next" sum.onnx --listen 127.0.0.1:0
echo '{"states":[{"input":"acc","output":"next"}]}' >sum.onnx.sequence.json
echo '{"kind":"rows"}' >sum.onnx.task.json
refused 'has neither a task nor a guard' sum.onnx --listen 127.0.0.1:0
rm sum.onnx.task.json sum.onnx.sequence.json

# The cache, shared memory and trace settings of another server. Nobody needs to take its spans.
refused "is no size" whole.onnx --response-cache 64 --listen 127.0.0.1:0
refused "whoever reached it could read and write" whole.onnx --shared-memory --listen 0.0.0.0:0 --anyone
serve sum.onnx --receipts receipts2 --response-cache 64KiB --shared-memory --traces http://127.0.0.1:9
python3 - "$url" "$shared" <<'PYTHON' || fail "the cache, shared memory and traces: see above"
import os
import struct
import sys

from ask import Server, tensor

server = Server(sys.argv[1])


def add(a, b):
    got = server.infer("sum", [tensor("x", [1, 2], a), tensor("acc", [1, 2], b)], [{"name": "y"}])
    assert got[0] == 200, got
    return got[1]["y"], server.headers["holdfast-cache"]


assert add([1, 2], [3, 4]) == ([4, 6], None)
assert add([1, 2], [3, 4]) == ([4, 6], "hit")
hit = server.headers["holdfast-receipt"]
assert add([3, 4], [1, 2]) == ([4, 6], None), "other inputs, though the same bytes"
for number in range(200):
    assert add([number, 0], [0, 0]) == ([number, 0], None)
assert add([1, 2], [3, 4]) == ([4, 6], None), "what was used longest ago made room"
_, metrics = server.send("GET", "/metrics")
values = dict(line.rsplit(" ", 1) for line in metrics.splitlines() if line.startswith("holdfast_response_cache"))
assert 0 < int(values["holdfast_response_cache_bytes"]) <= 64 << 10, values
assert int(values["holdfast_response_cache_evictions_total"]) > 50, values
_, stats = server.send("GET", "/v2/models/sum/stats")
times = stats["model_stats"][0]["inference_stats"]
assert times["cache_hit"]["count"] == 1 and times["cache_miss"]["count"] == 203, times
assert times["success"]["count"] == 204 and times["compute_infer"]["count"] == 203, times
with open("hit.id", "w") as file:
    file.write(hit)

# Shared memory that clients cut while it is registered.
path = f"/dev/shm/{sys.argv[2]}"
with open(path, "wb") as file:
    file.write(struct.pack("<4f", 1, 2, 30, 40) + bytes(16))
status, _ = server.send("POST", "/v2/systemsharedmemory/region/r/register", {"key": f"/{sys.argv[2]}", "byte_size": 32})
assert status == 200
def place(offset):
    return {"shared_memory_region": "r", "shared_memory_offset": offset, "shared_memory_byte_size": 8}
inputs = [{"name": name, "datatype": "FP32", "shape": [1, 2], "parameters": place(offset)}
          for name, offset in (("x", 0), ("acc", 8))]
status, answer = server.infer("sum", inputs, [{"name": "y", "parameters": place(16)}])
assert status == 200, answer
with open(path, "rb") as file:
    assert struct.unpack("<4f", file.read()[8:24]) == (30, 40, 31, 42)
os.truncate(path, 4)
status, error = server.infer("sum", inputs)
assert status == 412 and "shorter" in error, (status, error)
status, error = server.infer("sum", [tensor("x", [1, 2], [9, 9]), tensor("acc", [1, 2], [0, 0])],
                             [{"name": "y", "parameters": place(16)}])
assert status == 412 and os.stat(path).st_size == 4, (status, error)
assert server.send("GET", "/v2/health/live")[0] == 200

status, settings = server.send("POST", "/v2/models/sum/trace/setting", {"trace_rate": "1", "trace_count": "3"})
assert status == 200 and settings["trace_count"] == "3", settings
for number in range(5):
    add([number, 7], [7, 7])
_, settings = server.send("GET", "/v2/models/sum/trace/setting")
assert settings["trace_count"] == "0", settings
_, metrics = server.send("GET", "/metrics")
assert "holdfast_trace_spans_waiting" in metrics
print("the cache, shared memory and trace settings")
PYTHON
curl -s -m 5 "$url/v2/receipts/$(cat hit.id)" -o hit.receipt
"$holdfast" receipt verify hit.receipt --key receipts2/log.pub >verify 2>&1 || fail "the receipt of a hit: $(cat verify)"
grep -q '"cached":true' hit.receipt || fail "the receipt does not say that its answer was kept: $(cat hit.receipt)"
stop
[ $failures -eq 0 ] && echo "all of it holds"
exit $((failures > 0))
