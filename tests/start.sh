#!/usr/bin/env bash
# The small runners and single-model programs give the outputs of `holdfast run`; damaged ones say what is wrong; neither
# needs a library; a run takes little memory.
set -uo pipefail
build=${HF_BUILD_DIR:?}
holdfast=$build/holdfast
models=${HF_DATA:?}/models/mlperf-tiny
for program in holdfast-run holdfast-micro; do
    [ -x "$build/$program" ] || { echo "needs $program: cmake --build $build --target $program"; exit 77; }
done
[ -d "$models" ] || { echo "needs $models"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

fail() { printf 'FAILED: %s\n' "$*"; exit 1; }
says() { grep -qE -- "$1" said || fail "want '$1', got: $(cat said)"; }

mkdir by_run by_program
for name in kws_ref_model ad01_int8 pretrainedResnet_quant vww_96_int8 kws_ref_model_float32 ad01_fp32; do
    "$holdfast" compile "$models/$name.tflite" -o $name.plan >/dev/null || fail "compile $name"
    "$holdfast" run $name.plan --input random --output want >/dev/null || fail "run $name"
    "$build/holdfast-run" $name.plan -i random -o by_run || fail "holdfast-run $name"
    "$holdfast" compile "$models/$name.tflite" --executable $name >/dev/null || fail "executable of $name"
    ./$name -i random -o by_program || fail "the program of $name"
    for folder in by_run by_program; do
        for output in want/*; do cmp "$output" $folder/"${output##*/}" || fail "$name: $folder differs"; done
    done
    rm -r want by_run/* by_program/*
done

# int8 networks go behind the smallest runner, others behind the whole one.
size() { stat -c %s "$1"; }
[ "$(size kws_ref_model)" -lt $((2 * $(size "$build/holdfast-micro"))) ] || fail 'kws is not behind holdfast-micro'
[ "$(size kws_ref_model_float32)" -gt "$(size "$build/holdfast-run")" ] || fail 'fp32 is not behind holdfast-run'
for program in "$build/holdfast-run" "$build/holdfast-micro" kws_ref_model; do
    readelf -d "$program" 2>/dev/null | grep NEEDED >/dev/null && fail "$program needs libraries"
done

# Standard input and output; the same bytes.
"$holdfast" run kws_ref_model.plan --input random --output want >/dev/null
./kws_ref_model -i random -o . && cmp want/*.npy "$(basename want/*.npy)" || fail 'into a folder'
python3 - <<'PYTHON' || fail 'writing an input'
import struct
header = "{'descr': '|i1', 'fortran_order': False, 'shape': (1, 49, 10, 1), }"
header += ' ' * (-(len(header) + 11) % 64) + '\n'
open('input.npy', 'wb').write(b'\x93NUMPY\x01\x00' + struct.pack('<H', len(header)) + header.encode() + bytes(490))
PYTHON
./kws_ref_model -i - -o - <input.npy >piped.npy || fail 'standard input'
"$build/holdfast-run" kws_ref_model.plan -i input.npy -o - >named.npy && cmp piped.npy named.npy || fail 'two ways differ'
./kws_ref_model -i zeros --bench 10 | grep '10 runs: min .* us' >/dev/null || fail 'bench'
./kws_ref_model --steps | grep 'simd.depthwise_i8' >/dev/null || fail 'steps'
./kws_ref_model --help | grep 'the model in this program' >/dev/null || fail 'help'

# Refusals.
"$build/holdfast-micro" kws_ref_model_float32.plan -i random >said 2>&1 && fail 'micro runs fp32'
says "this build has no kernel '.*'; compile the model again"
"$build/holdfast-run" >said 2>&1 && fail 'without a plan'; says 'name a plan'
"$build/holdfast-run" none.plan >said 2>&1 && fail 'without a file'; says 'open none.plan: No such file'
"$build/holdfast-run" kws_ref_model.plan >said 2>&1 && fail 'without an input'; says "input '.*' is not given"
"$build/holdfast-run" kws_ref_model.plan -i input.npy --fast >said 2>&1 && fail 'an unknown word'; says "unexpected word '--fast'"
head -c -9 kws_ref_model >cut && chmod +x cut
./cut -i random >said 2>&1 && fail 'a program cut off'; says 'name a plan'
tail -c 24 kws_ref_model >tail_bytes
{ cat "$build/holdfast-micro" tail_bytes; } >lies && chmod +x lies
./lies -i random >said 2>&1 && fail 'a tail without a plan'; says 'do not fit the file: make it again'
"$holdfast" compile kws_ref_model.plan --executable x --runner none >said 2>&1 && fail 'no runner'; says 'none: No such file'
"$holdfast" compile kws_ref_model.plan --executable x -o y >said 2>&1 && fail 'both'; says 'not both'

# Changed weights are found by whoever asks; a run reads what is there.
python3 -c "
data = bytearray(open('kws_ref_model.plan', 'rb').read()); data[-1] ^= 1; open('changed.plan', 'wb').write(data)"
"$holdfast" inspect kws_ref_model.plan --verify | grep 'every byte as it was written' >/dev/null || fail 'verify'
"$holdfast" inspect changed.plan --verify >said 2>&1 && fail 'changed weights'; says 'changed since it was written; compile the model again'
"$holdfast" serve changed.plan --listen 127.0.0.1:0 >said 2>&1 && fail 'served'; says 'changed since it was written'

# Whatever the weights are, a run stays in its memory.
python3 - kws_ref_model.plan noise.plan <<'PYTHON' || fail 'writing noise'
import random, struct, sys
data = bytearray(open(sys.argv[1], 'rb').read())
start = struct.unpack_from('<Q', data, 32)[0]
data[start:] = random.Random(7).randbytes(len(data) - start)
open(sys.argv[2], 'wb').write(data)
PYTHON
"$build/holdfast-run" noise.plan -i random >/dev/null || fail 'noise for weights'

# A run of a tiny model in the smallest program stays below 3 MiB of memory, and the program below one.
if cc -Os -static -o measure "$HF_SOURCE_DIR/bench/start/measure.c" 2>/dev/null; then
    read -r _ _ peak < <(./measure memory "$PWD/kws_ref_model" -i zeros)
    [ "$peak" -lt 3072 ] || fail "the keyword spotter takes $peak KiB"
    read -r first all < <(./measure time 1 "$PWD/kws_ref_model" -i zeros)
    [ "${first%.*}" -gt 0 ] && [ "${all%.*}" -ge "${first%.*}" ] || fail "no times: $first $all"
fi
[ "$(size kws_ref_model)" -lt 1048576 ] || fail "the keyword spotter has $(size kws_ref_model) bytes"
echo 'small programs: the same bytes, no libraries'
