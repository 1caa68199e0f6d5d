#!/usr/bin/env bash
# holdfast delta make, apply, show: what they say and refuse, and the memory that applying takes of a large file.
set -uo pipefail
source "$(dirname "$0")/expect.sh"
holdfast=${HF_BUILD_DIR:?}/holdfast
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1

# expect_only NAME...: nothing else lies in the folder.
expect_only() {
    local there
    there=$(ls -A | tr '\n' ' ')
    if [ "$there" != "$(printf '%s\n' "$@" | sort | tr '\n' ' ')" ]; then
        printf 'FAILED: left in the folder: %s, want %s\n' "$there" "$*"
        failures=$((failures + 1))
    fi
}

# Two versions of a safetensors file in bf16: every second weight of the new one is a neighbour of the old.
python3 - <<'VERSIONS'
import json, random, struct
random.seed(3)
def write(name, weights):
    data = struct.pack(f'<{len(weights)}H', *weights)
    header = json.dumps({'w': {'dtype': 'BF16', 'shape': [len(weights)], 'data_offsets': [0, len(data)]}}).encode()
    open(name, 'wb').write(struct.pack('<Q', len(header)) + header + data)
old = [0x3C00 + random.randrange(0x400) + 0x8000 * random.randrange(2) for _ in range(100_000)]
write('old.safetensors', old)
write('new.safetensors', [w + random.randrange(-1, 2) if i % 2 else w for i, w in enumerate(old)])
VERSIONS
expect 0 'd: [0-9]+ bytes, 1?[0-9]\.[0-9]+ % of new.safetensors' "$holdfast" delta make old.safetensors new.safetensors -o d
expect 0 'form +sparse [fi][0-9]+ +99\.9' "$holdfast" delta show d
expect 0 '"percentOfResult".*"form":"sparse [fi][0-9]+"' "$holdfast" delta show d --json
expect 0 'made: 200[0-9]+ bytes, sha256:' "$holdfast" delta apply old.safetensors d -o made
expect 0 '' cmp made new.safetensors
rm -f made
expect 1 'from: it has 200[0-9]+ bytes|from: it has sha256:' "$holdfast" delta apply new.safetensors d -o made
expect 1 'not a delta of Holdfast' "$holdfast" delta apply old.safetensors new.safetensors -o made
expect 1 'none: No such file' "$holdfast" delta apply old.safetensors none -o made
expect 1 'not applied in place' "$holdfast" delta apply old.safetensors d -o old.safetensors
expect 2 '--output is missing' "$holdfast" delta apply old.safetensors d
expect 1 '--level: 20 is outside 1 to 19' "$holdfast" delta make old.safetensors new.safetensors -o e --level 20
expect 1 '--output: new.safetensors is NEW' "$holdfast" delta make old.safetensors new.safetensors -o new.safetensors
expect 2 "needs a second word: delta make, delta apply, delta show" "$holdfast" delta
expect 0 'Examples:' "$holdfast" delta make --help
expect_only d old.safetensors new.safetensors
head -c 9000 d >cut
expect 1 'apply cut to old.safetensors: delta: 9000 bytes where the header says .* truncated' \
    "$holdfast" delta apply old.safetensors cut -o made
expect 1 'truncated' "$holdfast" delta show cut
python3 -c 'b = bytearray(open("d", "rb").read()); b[5000] ^= 4; open("flipped", "wb").write(b)'
expect 1 'chunk 0 at offset 128: it does not fit its checksum: the delta is damaged' "$holdfast" delta apply old.safetensors flipped -o made
expect_only d old.safetensors new.safetensors cut flipped
head -c 3000000 /dev/urandom >stranger
expect 0 'no smaller than stranger: send the file itself' "$holdfast" delta make old.safetensors stranger -o e
expect 1 'the result would have 2.9 MiB, more than the 1.0 MiB allowed' "$holdfast" delta apply old.safetensors e -o made --max-mib 1
: >empty
expect 0 "" "$holdfast" delta make empty stranger -o e
expect 0 "" "$holdfast" delta apply empty e -o made
expect 0 "" cmp made stranger
rm -f cut flipped stranger e d made

# A file of 256 MiB: changed bytes all over, a part moved.
python3 - <<'LARGE'
import os
with open('large', 'wb') as old, open('larger', 'wb') as new:
    new.write(b'a new part in front')
    for i in range(256):
        block = bytearray(os.urandom(1 << 20))
        old.write(block)
        block[::40] = bytes((b + 1) & 255 for b in block[::40])
        new.write(block)
LARGE
expect 0 'd: ' "$holdfast" delta make large larger -o d --level 1
peak_kib=$(python3 - "$holdfast" <<'PEAK'
import resource, subprocess, sys
subprocess.run([sys.argv[1], 'delta', 'apply', 'large', 'd', '-o', 'made'], check=True, stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
PEAK
)
expect 0 '' cmp made larger
echo "peak memory of applying to 256 MiB: $peak_kib KiB"
if ldd "$HF_BUILD_DIR/holdfast" | grep libasan >/dev/null; then
    echo 'not judged: the address sanitizer has memory of its own'
elif [ -z "$peak_kib" ] || [ "$peak_kib" -gt $((64 * 1024)) ]; then
    echo "FAILED: applying took $peak_kib KiB, more than 64 MiB"
    failures=$((failures + 1))
fi

if [ $failures -gt 0 ]; then
    echo "$failures failed"
    exit 1
fi
echo "all passed"
