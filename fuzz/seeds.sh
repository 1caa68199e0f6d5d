#!/usr/bin/env bash
# Fills a folder with small valid inputs for a fuzz target, from what this machine has. seeds.sh TARGET FOLDER
set -euo pipefail
target=$1 folder=$2
source_dir=$(cd "$(dirname "$0")/.." && pwd)
data=${HF_DATA:-$source_dir/../shared/data}
cases=/usr/include/onnx/backend/test/data
mkdir -p "$folder"

# take FILE...: copies under names that do not collide; files that are not there are left out.
take() {
    local file
    for file in "$@"; do
        [ -f "$file" ] && cp --no-preserve=mode "$file" "$folder/$(tr / _ <<<"${file#/}")"
    done
    return 0
}

case $target in
    onnx)
        while read -r file; do take "$file"; done < <(find "$cases" "$data/models/with-outputs" \
            "$data/models/trained" -name '*.onnx' -size -12k 2>/dev/null | sort | awk 'NR % 5 == 0') ;;
    tflite) take "$data"/models/mlperf-tiny/kws*.tflite "$data"/models/mlperf-tiny/str*.tflite ;;
    graph_text) take "$source_dir"/src/graph/testdata/* ;;
    arrays) take "$data"/models/with-outputs/*/io.npz ;;
    json | oms_bundle) take "$data"/oms/*/*.sig "$data"/oms/*/*/*.sig "$data"/oms/*/*.json ;;
    note) printf 'example.com/log\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n\xe2\x80\x94 a AAAAAAAA\n' >"$folder/note" ;;
    yaml) while read -r file; do take "$file"; done < <(find "$source_dir" -path "$source_dir/build" -prune -o \
            \( -name '*.yaml' -o -name '*.yml' \) -size -20k -print) ;;
    infer_request) printf '\xff\xff{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","data":[1,2]},{"name":"s","shape":[1],"datatype":"BYTES","data":["a"]}]}' >"$folder/json" ;;
    *) echo "seeds.sh: no fuzz target '$target'" >&2; exit 2 ;;
esac
