#!/usr/bin/env bash
# oneDNN is loaded by models with big shapes only, and a plan that names it runs where it is missing or broken.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
big=${HF_DATA:?}/models/onnx-light/light_squeezenet.onnx
small=/usr/include/onnx/backend/test/data/node/test_add/model.onnx
[ -f "$big" ] || { echo "needs $big"; exit 77; }
[ -f "$small" ] || { echo "needs the package libonnx-testdata"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

# Whether it is the faster depends on the machine.
prefer=(--prefer-kernel onednn)

fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
loads() { LD_DEBUG=files "$@" 2>&1 >/dev/null | grep -c 'calling init: .*libdnnl'; }
input=$("$holdfast" inspect "$big" --json | jq -r '.inputs[0].name')

"$holdfast" compile "$small" -o small.plan >/dev/null || fail "compile $small"
"$holdfast" compile "$big" "${prefer[@]}" -o big.plan --report >report || fail "compile $big"
grep -q 'onednn.conv_f32' report || fail "no oneDNN kernel in $(cat report)"
[ "$(loads "$holdfast" run small.plan --input x=random --input y=zeros)" = 0 ] || fail 'a small plan loads oneDNN'
[ "$(loads "$holdfast" run "$small" --input x=random --input y=zeros)" = 0 ] || fail 'a small model loads oneDNN'
[ "$(loads "$holdfast" bench big.plan --seconds 0.1)" = 1 ] || fail 'a big plan does not load oneDNN'
[ "$(loads "$holdfast" run big.plan --input "$input=zeros")" = 0 ] || fail 'one run of a plan loads oneDNN'
[ "$(loads "$holdfast" run "$big" "${prefer[@]}" --disable-kernel onednn --input "$input=zeros")" = 0 ] || fail 'it is switched off'

# A file that is no library, found first.
mkdir broken
echo 'not a library' >broken/libdnnl.so.2
ln -s libdnnl.so.2 broken/libdnnl.so.3
broken() { LD_LIBRARY_PATH=$PWD/broken "$@"; }
broken "$holdfast" compile "$big" "${prefer[@]}" -o own.plan --report >report || fail 'compile without the library'
grep -q 'not .*onednn.conv_f32: oneDNN cannot be loaded: .*broken/libdnnl' report || fail "no reason in $(cat report)"
grep -q 'node  *onednn' report && fail 'a kernel of a library that cannot be loaded'
broken "$holdfast" inspect big.plan >report || fail 'inspect without the library'
grep -q 'not onednn.conv_f32: oneDNN cannot be loaded' report || fail "no reason in $(cat report)"
"$holdfast" run "$big" "${prefer[@]}" --input "$input=random" --output by_library >/dev/null || fail 'run by the library'
broken "$holdfast" run big.plan --input "$input=random" --output by_ours >/dev/null || fail 'run without the library'

# The same but for the order of sums.
"$holdfast" run "$big" "${prefer[@]}" --input "$input=random" --output again >/dev/null || fail 'run again'
cmp by_library/* again/* || fail 'two runs differ'
python3 - by_library/*.npy by_ours/*.npy <<'PYTHON' || fail 'the library and our kernels disagree'
import array, sys
def numbers(path):
    data = open(path, 'rb').read()
    return array.array('f', data[10 + int.from_bytes(data[8:10], 'little'):])
a, b = map(numbers, sys.argv[1:])
assert len(a) == len(b) > 0
largest = max(map(abs, b))
worst = max(abs(x - y) for x, y in zip(a, b))
assert largest > 0 and worst <= 1e-4 * largest, (worst, largest)
PYTHON
refuses() { local wanted=$1; shift; "$@" >refusal 2>&1 && fail "$* is taken"; grep -q "$wanted" refusal || fail "$(cat refusal)"; }
refuses "did you mean 'onednn'" "$holdfast" compile "$big" -o x.plan --disable-kernel onedn
refuses 'chosen already' "$holdfast" run big.plan --disable-kernel simd.conv_f32 --input "$input=zeros"
[ "$(loads "$holdfast" bench big.plan --disable-kernel onednn --seconds 0.1)" = 0 ] || fail 'a plan: switched off'
"$holdfast" run big.plan --disable-kernel onednn --input "$input=random" --output switched_off >/dev/null || fail 'run by ours'
cmp by_ours/* switched_off/* || fail 'switched off is not without'
"$holdfast" inspect big.plan | grep 'onednn.conv_f32' >/dev/null || fail 'inspect with the library'
echo 'oneDNN: loaded late, and never needed'
