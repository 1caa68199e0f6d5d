#!/usr/bin/env bash
# The command line as a whole: exit statuses, messages with a remedy, hostile files, another locale, no permission.
set -uo pipefail
source "$(dirname "$0")/expect.sh"
holdfast=${HF_BUILD_DIR:?}/holdfast
cases=/usr/include/onnx/backend/test/data
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

cp $cases/node/test_add/model.onnx add.onnx
expect 0 'Commands:' "$holdfast" help
expect 0 'Usage: holdfast run' "$holdfast" run --help
expect 2 "did you mean 'inspect'" "$holdfast" inspct
expect 2 'needs a second word' "$holdfast" conform
expect 2 'FILE is missing' "$holdfast" run
expect 2 'unexpected argument' "$holdfast" inspect add.onnx more
expect 1 'none.onnx: No such file' "$holdfast" inspect none.onnx
expect 1 'not a regular file' "$holdfast" inspect .
expect 0 'Add' "$holdfast" inspect add.onnx
expect 0 '"operators":\{"Add":1\}' "$holdfast" inspect add.onnx --json
expect 1 "input 'x' is not given" "$holdfast" run add.onnx
expect 1 'one of these names: x y' "$holdfast" run add.onnx --input z=random
expect 0 'sum f32\[3x4x5\]' "$holdfast" run add.onnx --input x=random --input y=zeros
expect 0 '' "$holdfast" run add.onnx --input x=random --input y=zeros --output out
expect 0 'sum' "$holdfast" run add.onnx --input x=out/sum.npy --input y=out/sum.npy
expect 0 '"how":"measured"' "$holdfast" bench add.onnx --seconds 0.1 --json
expect 1 '--seconds: want' "$holdfast" bench add.onnx --seconds -1
expect 0 '"sessions":2,"threads":[1-9]' "$holdfast" bench add.onnx --seconds 0.1 --sessions 2 --threads 0 --json
expect 1 '--threads: 65 is outside 0 to 64' "$holdfast" bench add.onnx --seconds 0.1 --threads 65
expect 0 'simd.binary_f32' "$holdfast" profile add.onnx --seconds 0.1 --threads 2
expect 1 'want ref, cpu, auto' "$holdfast" run add.onnx --device gpu --input x=zeros --input y=zeros

cp $cases/pytorch-converted/test_Conv2d/model.onnx conv.onnx
expect 0 'Conv2d\(' "$holdfast" inspect conv.onnx --passes --graph
expect 0 'lower-images +1 .* changed' "$holdfast" inspect conv.onnx --passes
expect 0 'lower-images .* disabled' "$holdfast" inspect conv.onnx --passes --disable-pass lower-images
expect 0 '"importedNodes":1' "$holdfast" inspect conv.onnx --passes --json
expect 1 "did you mean 'fold-shapes'" "$holdfast" inspect conv.onnx --passes --disable-pass fold-shape
expect 1 "did you mean 'fold-shapes'" "$holdfast" run add.onnx --input x=zeros --input y=zeros --disable-pass fold-shape
expect 0 'sum f32' "$holdfast" run add.onnx --input x=zeros --input y=zeros --disable-pass all
expect 0 'add.plan: [0-9]+ bytes, 1 of 1 nodes' "$holdfast" compile add.onnx -o add.plan
expect 0 'simd.binary_f32 +Add' "$holdfast" compile add.onnx -o add.plan --report
expect 0 'us \(modelled\), 0 multiply-adds' "$holdfast" compile add.onnx --report
expect 0 predictedUs "$holdfast" compile add.onnx --report --json
expect 0 'format +plan' "$holdfast" inspect add.plan
expect 0 'sum f32\[3x4x5\]' "$holdfast" run add.plan --input x=random --input y=zeros
expect 0 '"device":"cpu".*"macs":0' "$holdfast" bench add.plan --seconds 0.1 --json
expect 0 'simd.binary_f32 .*Add' "$holdfast" profile add.plan --seconds 0.1 --trace trace.json
expect 0 '"ph":"X"' cat trace.json
expect 0 '"kernel":"simd.binary_f32".*"how":"measured"' "$holdfast" profile add.onnx --seconds 0.1 --json
expect 1 'has no steps to time' "$holdfast" profile add.onnx --seconds 0.1 --device ref
expect 1 'there is no kernel' "$holdfast" compile add.onnx -o other.plan --disable-kernel simd.conv
expect 0 'ref.Add .*' "$holdfast" compile add.onnx -o other.plan --report --disable-kernel simd.binary_f32
expect 1 'has no plans' "$holdfast" compile add.onnx -o ref.plan --device ref
expect 1 'a plan is for cpu' "$holdfast" run add.plan --device ref --input x=zeros --input y=zeros
expect 1 'with --output, or ask for a --report' "$holdfast" compile add.onnx
head -c 300 add.plan >cut.plan
expect 1 'cut.plan: the plan file has 300 bytes and says' "$holdfast" run cut.plan --input x=zeros --input y=zeros
[ ! -e ref.plan ] || { echo "FAILED: a refused plan was written"; failures=$((failures + 1)); }

# A model whose first extent is open: y = Relu(x), x a matrix of 3 columns.
python3 - >open.onnx <<'MODEL'
import sys
def field(number, value):
    if isinstance(value, int):
        return bytes([number << 3, value])
    value = value.encode() if isinstance(value, str) else value
    return bytes([number << 3 | 2, len(value)]) + value
def port(number, name):
    shape = field(1, field(2, "rows")) + field(1, field(1, 3))
    return field(number, field(1, name) + field(2, field(1, field(1, 1) + field(2, shape))))
node = field(1, field(1, "x") + field(2, "y") + field(4, "Relu"))
graph = node + field(2, "open") + port(11, "x") + port(12, "y")
sys.stdout.buffer.write(field(1, 8) + field(7, graph) + field(8, field(2, 17)))
MODEL
expect 0 'shapes +compiled for each' "$holdfast" compile open.onnx --report
expect 0 'y f32\[1x3\]' "$holdfast" run open.onnx --input x=random
expect 0 'y f32\[5x3\]' "$holdfast" run open.onnx --input x=random --shape x=5x3
expect 1 'a plan has one shape; fix' "$holdfast" compile open.onnx -o open.plan
expect 0 'open.plan: .* 1 of 1 nodes' "$holdfast" compile open.onnx -o open.plan --shape x=5x3
expect 0 'y f32\[5x3\]' "$holdfast" run open.plan --input x=random
expect 1 'has one shape already' "$holdfast" run open.plan --input x=random --shape x=5x3
expect 1 "'x' is \?x3; shape 5x4 does not fit" "$holdfast" run open.onnx --input x=random --shape x=5x4
expect 1 "'z', which is no input" "$holdfast" run open.onnx --input x=random --shape z=5x4
expect 1 'want INPUT=SHAPE' "$holdfast" run open.onnx --input x=random --shape x
expect 1 'has a negative extent' "$holdfast" run open.onnx --input x=random --shape x=-5x3

head -c 60 add.onnx >cut.onnx
expect 1 'cut.onnx: (malformed|neither)' "$holdfast" inspect cut.onnx
head -c 5000 /dev/urandom >noise.onnx
expect 1 'noise.onnx' "$holdfast" inspect noise.onnx
printf '[1,2,3]' >short.json
expect 1 '3 elements where shape 3x4x5 needs 60' "$holdfast" run add.onnx --input x=short.json --input y=zeros
printf '\x93NUMPY\x01\x00\xff\xff' >cut.npy
expect 1 'truncated' "$holdfast" run add.onnx --input x=cut.npy --input y=zeros
mkdir sealed && chmod 500 sealed
if [ "$(id -u)" -ne 0 ]; then
    expect 1 'Permission denied' "$holdfast" run add.onnx --input x=zeros --input y=zeros --output sealed/out
fi
expect 1 'No space left|write' bash -c "ulimit -f 0; trap '' XFSZ; '$holdfast' run add.onnx --input x=zeros --input y=zeros --output full"
[ -z "$(ls -A full 2>/dev/null)" ] || { echo "FAILED: a half-written file stayed"; failures=$((failures + 1)); }
expect 0 '"p50_us":[0-9.E-]+,"p99' env LC_ALL=de_DE.UTF-8 LANG=de_DE.UTF-8 "$holdfast" bench add.onnx --seconds 0.1 --json

# Signing: what was signed verifies; any change, addition, loss, link or foreign key does not.
mkdir -p model/weights && cp add.onnx model/ && echo w >model/weights/a.bin
expect 0 'fingerprint sha256:' "$holdfast" keygen release.key
expect 1 'never overwritten' "$holdfast" keygen release.key
expect 0 'fingerprint' "$holdfast" keygen other.key
[ "$(stat -c %a release.key)" = 600 ] || { echo "FAILED: the private key is readable by others"; failures=$((failures + 1)); }
expect 2 '--key is missing' "$holdfast" sign model
expect 1 'not a PEM private key' "$holdfast" sign model --key release.key.pub
expect 0 'signed 2 files' "$holdfast" sign model --key release.key
expect 0 'verified: 2 files' "$holdfast" verify model --key release.key.pub
expect 0 '"verified":true' "$holdfast" verify model/ --signature model.sig --key release.key.pub --json
expect 1 'say whom to trust' "$holdfast" verify model
expect 1 'untrusted-key' "$holdfast" verify model --key other.key.pub
touch model/extra && expect 1 "extra-file. 'extra'" "$holdfast" verify model --key release.key.pub
rm model/extra && echo x >>model/weights/a.bin
expect 1 "changed-file. 'weights/a.bin'" "$holdfast" verify model --key release.key.pub
rm model/weights/a.bin && expect 1 'missing-file' "$holdfast" verify model --key release.key.pub
ln -s /etc/passwd model/weights/a.bin
expect 1 'is a link' "$holdfast" verify model --key release.key.pub
expect 0 'signed 1 file ' "$holdfast" sign model --key release.key --signature model/own.sig --ignore-path weights/a.bin
expect 0 'verified: 1 file' "$holdfast" verify model --key release.key.pub --signature model/own.sig
openssl ecparam -name secp384r1 -genkey -noout -out p384.key 2>/dev/null
openssl ec -in p384.key -pubout -out p384.pub 2>/dev/null
expect 0 'signed' "$holdfast" sign add.onnx --key p384.key
expect 0 'verified' "$holdfast" verify add.onnx --key p384.pub

# Options may come before the words, and then take one word each.
echo '{}' >root.json
expect 0 'root.json is the root of trusted' "$holdfast" tuf --metadata-dir trusted init root.json
expect 0 '' cmp root.json trusted/root.json
expect 1 'the root that is kept: .tuf-format.' "$holdfast" tuf --metadata-dir trusted --metadata-url http://127.0.0.1:9 refresh
expect 1 'needs --metadata-url' "$holdfast" tuf --metadata-dir trusted refresh
expect 1 'does init, refresh and download' "$holdfast" tuf --metadata-dir trusted renew
expect 1 'go together' "$holdfast" agent --data node --updates https://updates.example/metadata
expect 1 '--updates-root: ' "$holdfast" agent --data node --updates https://updates.example --updates-root 1:sha256:12

[ $failures -eq 0 ] && echo "all commands behaved"
exit $((failures > 0))
