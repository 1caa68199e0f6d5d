#!/usr/bin/env bash
# A model through the example plug-in gives what the reference gives; the report says where it was split and why; and
# plug-ins that are broken in any of many ways are refused by name, in one line.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
example=$HF_BUILD_DIR/examples/device-plugin/libexample_device.so
broken=$HF_BUILD_DIR/tests/libbroken_device.so
for needed in "$holdfast" "$example" "$broken"; do
    [ -f "$needed" ] || { echo "FAILED: $needed is not built"; exit 1; }
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
fail() { printf 'FAILED: %s\n' "$*"; failures=$((failures + 1)); }
python3 "$HF_SOURCE_DIR/tests/device_plugin/small_model.py" small.onnx || exit 1

# expect STATUS PATTERN COMMAND...: as in cli.sh; an error is one line.
expect() {
    local status=$1 pattern=$2 output got
    shift 2
    output=$("$@" 2>&1)
    got=$?
    [ $got -eq "$status" ] && grep -qE -- "$pattern" <<<"$output" ||
        fail "$* gave $got: $output; want $status: $pattern"
    [ "$status" -eq 0 ] || [ "$(wc -l <<<"$output")" -eq 1 ] || fail "$* gave more than a line: $output"
}

# The same answers, in parts, whole, and by named operators only.
same() {
    "$holdfast" run small.onnx --input x=random --device ref --output want >log 2>&1 || fail "ref: $(cat log)"
    "$holdfast" run small.onnx --input x=random --output got "$@" >log 2>&1 || fail "$*: $(cat log)"
    python3 - want got <<'PYTHON' || fail "$* gives other numbers"
import array, sys
def numbers(folder, name):
    data = open(f'{folder}/{name}.npy', 'rb').read()
    return array.array('f', data[10 + int.from_bytes(data[8:10], 'little'):])
for name in 'y', 'r1':
    want, got = (numbers(folder, name) for folder in sys.argv[1:])
    assert len(want) == len(got) > 0 and any(want)
    assert all(abs(a - b) <= 1e-5 for a, b in zip(want, got)), (name, want, got)
PYTHON
    rm -rf want got
}
same --device "plugin:$example"
same --op-device "Add=plugin:$example"
same --op-device "Add=plugin:$example" --op-device "Relu=plugin:$example" --device ref
same --device "plugin:$example" --disable-pass all
export HOLDFAST_DEVICE_PATH=/nowhere:$(dirname "$example")
same --device plugin:example_device

# What was split, and why.
report() { "$holdfast" compile small.onnx --report --device "plugin:$example" "$@"; }
expect 0 'part +1 of 3: example, 3 nodes' report
expect 0 'part +2 of 3: cpu, 1 nodes' report
expect 0 "not Softmax 'soft_node' .ai.onnx.: example: it has only Relu, Add and MatMul" report
expect 0 "node +example.MatMul +MatMul 'p1_node'" report
expect 0 'device +example.cpu' report
expect 0 '"parts":\[\{"device":"example","nodes":3,"refused":\[\]\},\{"device":"cpu","nodes":1,"refused":\["Softmax' \
    report --json
expect 0 'example .*part 1 of 3, 3 nodes' "$holdfast" profile small.onnx --seconds 0.1 --device "plugin:$example"
expect 0 '"device":"example.cpu"' "$holdfast" bench small.onnx --seconds 0.1 --device "plugin:$example" --json
expect 1 "device 'example.cpu' has no plans" "$holdfast" compile small.onnx -o x.plan --device "plugin:$example"

# Words that are wrong.
expect 1 'want ref, cpu, auto, onnxruntime or plugin:PATH' "$holdfast" run small.onnx --device npu
expect 1 'plugin: wants a path' "$holdfast" run small.onnx --device plugin:
expect 1 'no libmissing.so in HOLDFAST_DEVICE_PATH, which is .*give the plug-in.s path' "$holdfast" run small.onnx --device plugin:missing
expect 1 'want OP=onnxruntime or OP=plugin:PATH' "$holdfast" run small.onnx --op-device Add
expect 1 "has no operator 'Ad', did you mean 'Add'" "$holdfast" run small.onnx --op-device "Ad=plugin:$example"
expect 1 'say where the plan goes' "$holdfast" compile small.onnx
"$holdfast" compile small.onnx -o small.plan >log || fail "$(cat log)"
expect 1 'a plan is for cpu' "$holdfast" run small.plan --input x=zeros --device "plugin:$example"

# Files that are no plug-ins.
echo 'not a library' >text.so
expect 1 'plug-in ./none.so cannot be loaded: .*No such file' "$holdfast" run small.onnx --device plugin:./none.so
expect 1 'plug-in ./text.so cannot be loaded' "$holdfast" run small.onnx --device plugin:./text.so
zlib=$(find /usr/lib /lib -name libz.so.1 2>/dev/null | head -n 1)
[ -z "$zlib" ] || expect 1 "$zlib is no device plug-in: it has no hf_device_get_api" \
    "$holdfast" run small.onnx --device "plugin:$zlib"

# Plug-ins with a fault.
faulty() { HF_TEST_FAULT=$1 "$holdfast" run small.onnx --input x=random --device "plugin:$broken"; }
expect 0 '^y f32\[2x4\]' faulty none
expect 1 'broken_device.so has no version 1 of the device ABI' faulty no-version
expect 1 'broken_device.so: it speaks version 9 of the device ABI, Holdfast version 1' faulty version
expect 1 'broken_device.so: its table has 40 bytes' faulty size
expect 1 "broken_device.so: its function 'release_session' is NULL" faulty function-null
expect 1 'broken_device.so: its name is NULL' faulty name-null
expect 1 'broken_device.so: its name is not 1 to 31 characters' faulty name
expect 1 'plug-in example .*: open: the card is in use' faulty open
expect 1 'plug-in example .*: open gave no device' faulty open-null
expect 1 "example: MatMul 'p1_node' .*: supports answered 77, which is no code: no reason given" faulty supports
expect 1 'example: MatMul .*: supports failed: xxxxx' faulty endless-text
expect 1 'example: compile: 4 MiB are too few' faulty compile
expect 1 'example: compile gave no program' faulty compile-null
expect 1 "example: it would write f32\[3x16\] to output 'r1', which is f32\[2x16\]" faulty shape
expect 1 'example: it would write element type 1 of rank 4000' faulty rank
expect 1 'example: it would write element type 4000 of rank 2' faulty dtype
expect 1 'plug-in example: new_session gave no session' faulty session-null
expect 1 'part 1 \(example\): device plug-in example: run failed: parity error in lane 3' faulty run

# One that declines after all: everything runs here, and the report says so.
expect 0 '^y f32\[2x4\]' faulty declines
export HF_TEST_FAULT=declines
expect 0 "not MatMul 'p1_node' .ai.onnx. and 5 more: example: too long a program" \
    "$holdfast" compile small.onnx --report --device "plugin:$broken"
unset HF_TEST_FAULT

# The example of the documentation, as it stands.
sed -n '/^```c$/,/^```$/p' "$HF_SOURCE_DIR/docs/reference/device-abi.md" | grep -v '^```' >negate.c
cc -std=c11 -Wall -Wextra -Wpedantic -Werror -shared -fPIC -I "$HF_SOURCE_DIR/src/runtime/plugin" negate.c -o libnegate.so ||
    fail 'the example of docs/reference/device-abi.md does not compile'
negation=/usr/include/onnx/backend/test/data/node/test_neg
if [ -d $negation ]; then
    expect 0 'part +1 of 1: negate, 1 nodes' "$holdfast" compile $negation/model.onnx --report --device plugin:./libnegate.so
    mkdir cases && cp -r $negation cases/test_neg
    expect 0 '^1 passed, 0 failed' "$holdfast" conform onnx cases --device plugin:./libnegate.so
fi

[ $failures -eq 0 ] && echo 'device plug-ins: same answers, split where refused, broken ones refused by name'
exit $((failures > 0))
