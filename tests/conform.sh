#!/usr/bin/env bash
# `holdfast conform oip` finds nothing against our server, whatever the datatypes and shapes of its model, and names what
# is wrong of a server that is wrong on purpose.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
here=$(dirname "$(readlink -f "$0")")
work=$(mktemp -d)
servers=()
trap 'kill -9 "${servers[@]}" 2>/dev/null; rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() {
    printf 'FAILED: %s\n' "$*"
    failures=$((failures + 1))
}

# Models that give back what they get: of every datatype that ONNX and the protocol share, and one with open extents.
PYTHONDONTWRITEBYTECODE=1 PYTHONPATH=$here python3 - <<'PYTHON'
import onnx_file

KINDS = {"FP32": 1, "UINT8": 2, "INT8": 3, "UINT16": 4, "INT16": 5, "INT32": 6, "INT64": 7, "BYTES": 8, "BOOL": 9,
         "FP16": 10, "FP64": 11, "UINT32": 12, "UINT64": 13, "BF16": 16}


def echo(path, kinds, *extents):
    nodes = [onnx_file.node("Identity", [f"in_{name}"], [f"out_{name}"]) for name in kinds]
    inputs = [onnx_file.port(f"in_{name}", KINDS[name], *extents) for name in kinds]
    outputs = [onnx_file.port(f"out_{name}", KINDS[name], *extents) for name in kinds]
    with open(path, "wb") as file:
        file.write(onnx_file.model(nodes, [], inputs, outputs))


echo("every.onnx", KINDS, 2, 3)
echo("open.onnx", ["FP32", "INT64"], "batch", 4)

# And one that keeps state.
with open("sum.onnx", "wb") as file:
    file.write(onnx_file.model([onnx_file.node("Add", ["x", "acc"], ["y"]), onnx_file.node("Identity", ["y"], ["next"])],
                               [], [onnx_file.port("x", 1, 2), onnx_file.port("acc", 1, 2)],
                               [onnx_file.port("y", 1, 2), onnx_file.port("next", 1, 2)]))
with open("sum.onnx.sequence.json", "w") as file:
    file.write('{"states":[{"input":"acc","output":"next"}]}')
PYTHON

# serve FILE OPTION...: sets url.
serve() {
    "$holdfast" serve "$@" --listen 127.0.0.1:0 --device ref >"$1.log" 2>&1 &
    servers+=($!)
    for _ in $(seq 100); do grep -q serving "$1.log" && break; read -rt 0.1 <> <(:) || true; done
    url=$(grep -oE 'http://[0-9.:]+' "$1.log" | head -1)
    [ -n "$url" ] || fail "$1 is not served: $(cat "$1.log")"
}
# count KEY FILE: of a report.
count() { python3 -c 'import json, sys; print(json.load(open(sys.argv[2]))[sys.argv[1]])' "$1" "$2"; }

# conforms FILE LEAST OPTION...: no case fails, and at least so many pass.
conforms() {
    serve "$1" "${@:3}"
    "$holdfast" conform oip "$url" --json >"$1.json" 2>"$1.note" || fail "$1: exit status $?: $(cat "$1.note")"
    [ "$(count failed "$1.json")" = 0 ] || fail "$1: $("$holdfast" conform oip "$url" 2>&1 | grep -A1 '^failed')"
    [ "$(count passed "$1.json")" -ge "$2" ] || fail "$1: only $(count passed "$1.json") passed"
    echo "$1: $(count passed "$1.json") passed, $(count failed "$1.json") failed, $(count skipped "$1.json") skipped"
}
conforms every.onnx 300
conforms open.onnx 200
cp /usr/include/onnx/backend/test/data/node/test_relu/model.onnx relu.onnx
conforms relu.onnx 150
# With what is off by default, and a model all of whose requests must be of a sequence.
cp relu.onnx extras.onnx
conforms extras.onnx 170 --shared-memory --traces http://127.0.0.1:9 --response-cache 1MiB
serve sum.onnx
"$holdfast" conform oip "$url" --filter sequence/ >sequences || fail "sequences: $(cat sequences)"
grep -qE '^11 passed, 0 failed, 0 skipped$' sequences || fail "sequences: $(cat sequences)"

"$holdfast" conform oip "$url" --filter health/ >table || fail "the table: exit status $?"
grep -qE '^passed +health/live +GET v2/health/live is a 200 .* 200 \{"live":true\}' table || fail "the table: $(cat table)"
grep -qE '^[0-9]+ passed, 0 failed, [0-9]+ skipped$' table || fail "the counts: $(tail -1 table)"

# A server that says yes to everything, forgets ids, tells errors as text, and counts wrongly.
cat >wrong.py <<'PYTHON'
import http.server
import json


class Wrong(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def say(self, status, kind, body):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        port = {"datatype": "FP32", "shape": [2]}
        answers = {
            "/v2": {"name": "wrong", "version": "1", "extensions": "none"},
            "/v2/health/live": {"live": True},
            "/v2/health/ready": {"live": True, "ready": True},
            "/v2/models/m": {"name": "m", "platform": "a_b", "inputs": [{"name": "x", **port}],
                             "outputs": [{"name": "y", **port}]},
            "/v2/models/m/ready": {"name": "m", "ready": True},
        }
        if self.path in answers:
            self.say(200, "application/json", json.dumps(answers[self.path]).encode())
        else:
            self.say(404, "text/plain", b"not here")

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = {"model_name": "m", "outputs": [{"name": "y", "datatype": "FP32", "shape": [2], "data": [1]}]}
        self.say(200, "application/json", json.dumps(answer).encode())


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Wrong)
print(server.server_address[1], flush=True)
server.serve_forever()
PYTHON
python3 wrong.py >port 2>wrong.log &
servers+=($!)
for _ in $(seq 100); do [ -s port ] && break; read -rt 0.1 <> <(:) || true; done
wrong=http://127.0.0.1:$(cat port)
"$holdfast" conform oip "$wrong" --model m --timeout 2 --json >wrong.json 2>wrong.note
status=$?
[ $status -eq 3 ] || fail "a wrong server: exit status $status: $(cat wrong.note)"
python3 - wrong.json <<'PYTHON' || fail "a wrong server: not the failures that it has"
import json
import sys

report = json.load(open(sys.argv[1]))
verdicts = {case["name"]: case["verdict"] for case in report["cases"]}
failed = ["server/extensions", "model/unknown", "infer/response", "infer/id", "outputs/unknown", "bad_body/empty",
          "bad_input/name_missing", "bad_data/one_less"]
wrong = {name: verdicts[name] for name in failed if verdicts[name] != "failed"}
wrong |= {name: verdicts[name] for name in ["health/live", "server/name", "model/name"] if verdicts[name] != "passed"}
wrong |= {name: verdicts[name] for name in ["binary/inputs", "repository/index"] if verdicts[name] != "skipped"}
sums = {word: sum(v == word for v in verdicts.values()) for word in ("passed", "failed", "skipped")}
if wrong or any(sums[word] != report[word] for word in sums) or sums["failed"] < 60:
    sys.exit(f"{wrong} {sums}")
PYTHON
"$holdfast" conform oip "$wrong" --model m --filter infer/id >table 2>&1
grep -qE '^failed +infer/id ' table || fail "a wrong server's table: $(cat table)"
grep -q 'if specified this identifier must be returned' table || fail "without the sentence of the standard: $(cat table)"

kill -9 "${servers[@]}" 2>/dev/null
wait 2>/dev/null
"$holdfast" conform oip "$url" >gone 2>&1 && fail "a server that is gone conforms"
grep -q 'start the server, or give the address' gone || fail "no remedy: $(cat gone)"
[ $failures -eq 0 ] && echo "judged as they are"
exit $((failures > 0))
