#!/usr/bin/env bash
# Fills a folder with small valid inputs for a fuzz target, from what this machine has. seeds.sh TARGET FOLDER
set -euo pipefail
target=$1 folder=$2
source_dir=$(cd "$(dirname "$0")/.." && pwd)
data=${HF_DATA:-$source_dir/../shared/data}
cases=/usr/include/onnx/backend/test/data/  # a link: find does not follow one without the slash
mkdir -p "$folder"

# take FILE...: copies under names that do not collide; files that are not there are left out.
take() {
    local file
    for file in "$@"; do
        [ -f "$file" ] && cp --no-preserve=mode "$file" "$folder/$(tr / _ <<<"${file#/}")"
    done
    return 0
}

# Plans of small models, by whichever build of the program is there.
compile_plans() {
    local program model
    program=$(find "$source_dir/build" -maxdepth 2 -name holdfast -type f -perm -u+x 2>/dev/null | sort | head -1)
    if [ -z "$program" ]; then
        echo "seeds.sh: no build of holdfast, so no plans to start from: ./dev build" >&2
        return 0
    fi
    while read -r model; do
        "$program" compile "$model" --device cpu -o "$folder/$(tr / _ <<<"${model#/}").plan" >/dev/null 2>&1 || true
        "$program" compile "$model" --device cpu --math bf16 --max-rounding 100% \
            -o "$folder/$(tr / _ <<<"${model#/}").bf16.plan" >/dev/null 2>&1 || true
    done < <(find "$cases/node" -name '*.onnx' -size -4k 2>/dev/null | sort |
        grep -E 'conv|pool|gemm|matmul|softmax|layer_norm|lrn|gather|slice|pad|cast|where|reduce_sum|transpose|concat|tree|less|add|pow' |
        awk 'NR % 3 == 0')
}

# The base of the fuzz target, and versions of it. A chunk that is stored as it is lets the fuzzer see the list.
make_deltas() {
    local program
    program=$(find "$source_dir/build" -maxdepth 2 -name holdfast -type f -perm -u+x 2>/dev/null | sort | head -1)
    if [ -z "$program" ]; then
        echo "seeds.sh: no build of holdfast, so no deltas to start from: ./dev build" >&2
        return 0
    fi
    local work
    work=$(mktemp -d)
    python3 - "$work" <<'VERSIONS'
import random, sys
base = bytes((i * i >> 3) & 255 for i in range(5000))
random.seed(1)
noise = bytes(random.randrange(256) for _ in range(300))
def changed(share, most):
    return bytes((b + random.randint(-most, most)) & 255 if random.random() < share else b for b in base)
versions = {'same': base, 'few': changed(0.02, 1), 'many': changed(0.7, 9), 'other': noise,
            'moved': base[2000:] + noise + base[:2000], 'cut': base[:1234], 'long': base + noise}
open(f'{sys.argv[1]}/base', 'wb').write(base)
for name, content in versions.items():
    open(f'{sys.argv[1]}/{name}.new', 'wb').write(content)
VERSIONS
    local version
    for version in "$work"/*.new; do
        "$program" delta make "$work/base" "$version" -o "$folder/$(basename "$version" .new)" >/dev/null
    done
    rm -rf "$work"
}

# Calls of ModelInfer with raw and with typed contents, packed and not.
make_calls() {
    python3 - "$folder" <<'CALLS'
import gzip, struct, sys
def field(number, value):
    return bytes([number << 3 | 2, len(value)]) + value
def tensor(name, datatype, shape, contents=b''):
    return field(5, field(1, name) + field(2, datatype) + field(3, bytes(shape)) + contents)
raw = field(1, b'm') + tensor(b'x', b'FP32', [1, 2]) + tensor(b'n', b'INT8', [3]) + tensor(b's', b'BYTES', [1])
raw += field(7, struct.pack('<2f', 1, 2)) + field(7, bytes([1, 2, 3])) + field(7, struct.pack('<I', 1) + b'a')
typed = tensor(b'x', b'FP32', [1, 2], field(5, field(6, struct.pack('<2f', 1, 2))))
typed += tensor(b'n', b'INT8', [3], field(5, field(2, bytes([1, 2, 3])))) + tensor(b's', b'BYTES', [1], field(5, field(8, b'a')))
for name, message in {'raw': raw, 'typed': typed + field(6, field(1, b'y'))}.items():
    packed = gzip.compress(message)
    open(f'{sys.argv[1]}/{name}', 'wb').write(b'i' + struct.pack('>BI', 0, len(message)) + message)
    open(f'{sys.argv[1]}/{name}.gzip', 'wb').write(b'z' + struct.pack('>BI', 1, len(packed)) + packed)
CALLS
}

# WAV files of every kind of samples, and FLAC where a program that writes it is there.
make_sounds() {
    python3 - "$folder" <<'SOUNDS'
import struct, sys
def wav(kind, bits, channels, samples, extra=b''):
    head = struct.pack('<HHIIHH', kind, channels, 16000, 16000 * channels * bits // 8, channels * bits // 8, bits) + extra
    chunks = b'WAVEfmt ' + struct.pack('<I', len(head)) + head + b'data' + struct.pack('<I', len(samples)) + samples
    return b'RIFF' + struct.pack('<I', len(chunks)) + chunks
noise = bytes(i * 73 % 256 for i in range(192))
guid = bytes.fromhex('00001000800000aa00389b71')
for name, kind, bits, channels, extra in (('pcm8', 1, 8, 1, b''), ('pcm16', 1, 16, 2, b''), ('pcm24', 1, 24, 1, b''), ('pcm32', 1, 32, 3, b''),
                                          ('alaw', 6, 8, 1, b''), ('mulaw', 7, 8, 1, b''), ('wide', 0xFFFE, 16, 2, struct.pack('<HHIHH', 22, 16, 3, 1, 0) + guid)):
    open(f'{sys.argv[1]}/{name}', 'wb').write(wav(kind, bits, channels, noise, extra))
open(f'{sys.argv[1]}/float', 'wb').write(wav(3, 32, 1, struct.pack('<48f', *(i / 48 for i in range(48)))))
SOUNDS
    if command -v flac >/dev/null; then
        flac --silent --force --output-name="$folder/flac" "$folder/pcm16" || true
    fi
}

case $target in
    onnx)
        while read -r file; do take "$file"; done < <(find "$cases" "$data/models/with-outputs" \
            "$data/models/trained" -name '*.onnx' -size -12k 2>/dev/null | sort | awk 'NR % 5 == 0') ;;
    tflite) take "$data"/models/mlperf-tiny/kws*.tflite "$data"/models/mlperf-tiny/str*.tflite ;;
    etcd_message) printf '\x00\x0a\x02\x18\x09\x12\x0b\x0a\x04/p/a\x10\x03\x2a\x011\x20\x01' >"$folder/range"
        printf '\x01\x0a\x02\x18\x09\x10\x01\x1a\x06\x12\x04\x0a\x02\x18\x09' >"$folder/transaction"
        printf '\x02\x0a\x02\x18\x09\x5a\x0c\x08\x01\x12\x08\x0a\x04/p/b\x18\x09' >"$folder/watch" ;;
    http2_answer) printf '\xff\xff\xff\xff\0\0\0\4\0\0\0\0\0\0\0\1\1\4\0\0\0\1\x88\0\0\7\0\0\0\0\0\1\0\0\0\0\2hi\0\0\x0f\1\5\0\0\0\1\0\x0bgrpc-status\x010' \
            >"$folder/answer" ;;
    graph_text) take "$source_dir"/src/graph/testdata/* ;;
    arrays) take "$data"/models/with-outputs/*/io.npz ;;
    json | oms_bundle) take "$data"/oms/*/*.sig "$data"/oms/*/*/*.sig "$data"/oms/*/*.json ;;
    note) printf 'example.com/log\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\xe2\x80\x94 a AAAAAAAA\n' >"$folder/note" ;;
    tuf_metadata)
        for kind in root timestamp snapshot targets; do
            printf '{"signatures":[{"keyid":"a","sig":"00"}],"signed":{"_type":"%s","spec_version":"1.0.34","version":1,"expires":"2030-01-01T00:00:00Z","consistent_snapshot":true,"keys":{"a":{"keytype":"ed25519","scheme":"ed25519","keyval":{"public":"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"}}},"roles":{"root":{"keyids":["a"],"threshold":1},"timestamp":{"keyids":["a"],"threshold":1},"snapshot":{"keyids":["a"],"threshold":1},"targets":{"keyids":["a"],"threshold":1}},"meta":{"snapshot.json":{"version":1,"length":9,"hashes":{"sha256":"00"}}},"targets":{"pump/v1":{"length":1,"hashes":{"sha256":"00"},"custom":{}}},"delegations":{"keys":{},"roles":[{"name":"r","keyids":["a"],"threshold":1,"terminating":true,"paths":["pump/*"]}]}}}' "$kind" >"$folder/$kind"
        done ;;
    image) take "$source_dir"/src/media/testdata/*.png "$source_dir"/src/media/testdata/*.jpg ;;
    task_declaration)
        printf '{"kind":"image-classification","image":{"width":4,"height":4,"fit":"crop","short_side":5,"mean":[1],"std":[2]},"labels":["a","b","c"],"scores":"softmax","threshold":0.5}' \
            >"$folder/image"
        printf '{"kind":"image-classification","image":{"layout":"NHWC","fit":"pad","quantization":{"scale":1,"zero_point":-1}},"output_quantization":{"scale":1}}' >"$folder/integers"
        printf '{"kind":"audio-classification","audio":{"rate":8000,"samples":12,"step":3,"level":"peak","mean":[1],"std":[2]},"labels":["a","b","c"]}' >"$folder/samples"
        printf '{"kind":"audio-classification","audio":{"rate":16000,"quantization":{"scale":1},"features":{"kind":"mfcc","window_length":4,"hop":2,"fft_length":6,"align":"start","padding":"zeros","bands":5,"low_hz":20,"high_hz":4000,"mel_scale":"htk","triangles":"mels","mel_norm":"slaney","log":"e","log_offset":1e-6,"coefficients":4,"dct":"htk","lifter":22}}}' >"$folder/mfcc"
        printf '{"kind":"audio-classification","audio":{"rate":8000,"layout":"bands-first","features":{"kind":"spectrogram","window":"hamming","symmetric":true,"window_length":4,"hop":2,"padding":"reflect","power":1,"log":"db","log_range":80,"log_reference":"loudest"}}}' >"$folder/spectrogram"
        printf '{"kind":"rows","columns":["a",{"name":"b","values":{"yes":1},"missing":"nan"}],"missing_marks":["?"],"output":"y","labels":["c","d"],"top_k":2}' >"$folder/rows" ;;
    ensemble_declaration)
        printf '{"inputs":["i"],"steps":[{"model":"a","inputs":{"x":"i"},"outputs":{"y":"p"}},{"model":"b","inputs":{"x":"i","z":"p"},"outputs":{"y":"q","n":"n"},"when":{"value":"p","measure":"margin","confidence_below":2}}],"outputs":{"y":["q","p"]}}' \
            >"$folder/rows"
        printf '{"inputs":[{"name":"i","datatype":"FP32","shape":[-1,4]},"j"],"steps":[{"model":"c","inputs":{"x":"i"},"outputs":{"y":"p"}},{"model":"c","inputs":{"x":"i"},"outputs":{"y":"q"},"when":{"value":"p","confidence_at_least":0.5,"by":"request"}},{"model":"d","inputs":{"x":"j"},"outputs":{"y":"t"}}],"outputs":{"y":["q","p"],"t":"t","i":"i"}}' \
            >"$folder/request" ;;
    ensemble_contents)
        step='{"inputs":["i"],"steps":[{"model":"%s","inputs":{"x":"i"},"outputs":{"y":"p"}},{"model":"%s","inputs":{"x":"i"},"outputs":{"y":"q"}}],"outputs":{"y":["p"],"z":["q"]}}'
        printf "b.ensemble.json\nb.ensemble.json\n$step\0c.onnx\nc\0d.tflite\nd\0c.onnx.guard.json\n{}" c d >"$folder/both"
        printf "o.ensemble.json\no.ensemble.json\n$step\0b.ensemble.json\n$step\0c.onnx\nc\0d.onnx\nd\0w.bin\nw" b c c d >"$folder/nested" ;;
    sound) make_sounds ;;
    guard_file)
        printf '{"type":"holdfast.dev/guard/v1","mode":"flag","inputs":[{"name":"x","least":[0,0,0,0],"most":[1,1,1,1]}],"energy":{"output":"y","threshold":1},"mahalanobis":{"layer":"z","width":2,"classes":1,"mean":"AAAAAAAAAAA=","whitening":"AACAPwAAAAAAAIA/","centres":"AACAPwAAgD8=","threshold":9}}' >"$folder/all"
        printf '{"type":"holdfast.dev/guard/v1","mode":"refuse","model":"sha256:%064d","squeezing":{"input":"x","output":"y","threshold":0.5,"squeezers":[{"kind":"bit-depth","bits":3,"least":-1},{"kind":"median","size":3,"layout":"NHWC"}]},"fitted":{"a":1}}' 0 >"$folder/squeezing" ;;
    tokenizer)
        printf '{"normalizer":{"type":"BertNormalizer"},"pre_tokenizer":{"type":"BertPreTokenizer"},"added_tokens":[{"id":3,"content":"<m>","lstrip":true}],"post_processor":{"type":"BertProcessing","cls":["c",1],"sep":["s",2]},"model":{"type":"WordPiece","unk_token":"u","vocab":{"u":0,"a":4,"##b":5}}}\0ab <m> \xc3\x89' >"$folder/wordpiece"
        printf '{"normalizer":{"type":"Sequence","normalizers":[{"type":"Nmt"},{"type":"Prepend","prepend":"_"},{"type":"Replace","pattern":{"Regex":" {2,}"},"content":" "},{"type":"Strip"}]},"pre_tokenizer":{"type":"Sequence","pretokenizers":[{"type":"WhitespaceSplit"},{"type":"Metaspace","replacement":"_","prepend_scheme":"first"}]},"model":{"type":"Unigram","unk_id":0,"byte_fallback":true,"vocab":[["u",0],["_a",-1.5],["a",-2],["<0x62>",-9]]}}\0a  ab c' >"$folder/unigram"
        printf '{"normalizer":{"type":"Precompiled","precompiled_charsmap":"BAAAAAAAAgBhAA=="},"pre_tokenizer":null,"model":{"type":"BPE","byte_fallback":true,"fuse_unk":true,"unk_token":"u","vocab":{"a":0,"u":1,"<0x62>":2},"merges":[]}}\0aab ab' >"$folder/llama"
        printf '{"normalizer":{"type":"NFKC"},"pre_tokenizer":{"type":"ByteLevel"},"post_processor":{"type":"TemplateProcessing","single":[{"Sequence":{"id":"A"}},{"SpecialToken":{"id":"e"}}],"special_tokens":{"e":{"ids":[9]}}},"model":{"type":"BPE","vocab":{"a":0,"b":1,"ab":2},"merges":["a b"]}}\0aab ab' >"$folder/bpe" ;;
    task_rows) printf '\1b,a,c\r\nyes,1,"x, ""y"""\r\n,2,\n' >"$folder/csv"
        printf '\3{"rows":[[1,"yes","x"],{"a":2,"b":null,"c":"y"}]}' >"$folder/json" ;;
    yaml) while read -r file; do take "$file"; done < <(find "$source_dir" -path "$source_dir/build" -prune -o \
            \( -name '*.yaml' -o -name '*.yml' \) -size -20k -print) ;;
    infer_request) printf '\xff\xff{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]},{"name":"s","shape":[1],"datatype":"BYTES","data":["a"]}]}' >"$folder/json"
        printf '\xff\xff{"id":"a","inputs":[{"name":"x","shape":[2,2],"datatype":"FP32","data":[[1,-2.5e3],[0.1,4]]},{"name":"n","shape":[2],"datatype":"INT8","data":[1,-2]}],"outputs":[{"name":"z"}]}' >"$folder/plain" ;;
    grpc_request) make_calls ;;
    named_service) printf '{"input":["a\\"",{"model":1}],"model":"m"}' >"$folder/last"
        printf '{"mod\\u0065l":"m","input":[[],-1e3,null]}' >"$folder/escaped" ;;
    rest_answer) printf 'r\0{"model_name":"m","id":"7","parameters":{"a":true},"outputs":[{"name":"y","datatype":"FP32","shape":[1],"data":[1]}]}' >"$folder/json"
        printf 't\373{"outputs":[{"name":"y","datatype":"UINT8","shape":[2],"parameters":{"binary_data_size":2}}]}ab' >"$folder/binary" ;;
    http_request)
        printf '0GET /v2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' >"$folder/get"
        printf '1POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello' >"$folder/length"
        printf '2POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\nT: x\r\n\r\n' >"$folder/chunks"
        ;;
    trace_context) printf '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\nfoo=1,t@s=2\n' >"$folder/context" ;;
    plan_file) compile_plans ;;
    delta_apply) make_deltas ;;
    delta_make) for start in $(seq 20); do { printf '\377\177'; seq "$start" 900; seq "$((start / 2))" 3 1500; } >"$folder/$start"; done ;;
    registry_protocol)
        d=sha256:$(printf '1%.0s' $(seq 64))
        for path in '' _catalog pump/tags/list a/b/manifests/v1 "a/b/manifests/$d" "p/blobs/$d" "p/referrers/$d" "p/deltas/$d/$d" \
            p/blobs/uploads/; do
            printf '%s\nbytes=3-9\ntext/html, */*;q=1\n2\na' "$path" >"$folder/$(md5sum <<<"$path" | cut -d' ' -f1)"
        done
        ;;
    passes) for start in $(seq 40); do seq "$start" 7 "$((start * 9 + 60))" | tr -d '\n' >"$folder/$start"; done ;;
    *) echo "seeds.sh: no fuzz target '$target'" >&2; exit 2 ;;
esac
