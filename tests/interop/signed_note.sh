#!/usr/bin/env bash
# Checkpoints both ways with the reference implementation of signed notes, Go's golang.org/x/mod/sumdb/note: theirs
# opens ours, ours opens a receipt that they signed, and both refuse a changed one.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
here=$(dirname "$(readlink -f "$0")")
peer=${HF_BUILD_DIR}/signed-note-peer
command -v go >/dev/null || { echo "skipped: needs Go"; exit 77; }
mkdir -p "$peer"
cp "$here/signed_note/main.go" "$peer/main.go"
(cd "$peer" && rm -f go.mod go.sum && go mod init peer && go get golang.org/x/mod@v0.17.0 && go build -o peer .) \
    >"$peer/log" 2>&1 || { echo "skipped: the module golang.org/x/mod cannot be fetched here"; exit 77; }
work=$(mktemp -d)
server=
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
failures=0
check() {
    local want=$1
    shift
    "$@" >"$work/output" 2>&1
    local got=$(($? != 0))
    [ "$got" -eq "$want" ] && return
    printf 'FAILED (want %s): %s\n%s\n' "$want" "$*" "$(tail -3 "$work/output")"
    failures=$((failures + 1))
}

"$holdfast" serve /usr/include/onnx/backend/test/data/node/test_relu/model.onnx \
    --name relu --listen 127.0.0.1:0 --receipts "$work/receipts" >"$work/log" 2>&1 &
server=$!
for _ in $(seq 50); do grep -q verified "$work/log" && break; read -rt 0.1 <> <(:) || true; done
url=$(grep -oE 'http://[0-9.:]+' "$work/log" | head -1)
body="{\"inputs\":[{\"name\":\"x\",\"shape\":[3,4,5],\"datatype\":\"FP32\",\"data\":[$(seq -s, 1 60)]}]}"
for i in 1 2 3; do
    id=$(curl -s -m 5 -o /dev/null -D - -d "$body" "$url/v2/models/relu/infer" | tr -d '\r' |
        sed -n 's/^holdfast-receipt: //p')
done
"$holdfast" receipt get "$id" --server "$url" -o "$work/receipt" 2>/dev/null

# Theirs opens ours.
jq -j .checkpoint "$work/receipt" >"$work/checkpoint"
check 0 "$peer/peer" open "$work/receipts/log.pub" "$work/checkpoint"
head -1 "$work/output" | grep -x 'holdfast/local' >/dev/null || { echo "FAILED: another text was opened"; failures=$((failures + 1)); }
sed '2s/.*/4/' "$work/checkpoint" >"$work/changed"
check 1 "$peer/peer" open "$work/receipts/log.pub" "$work/changed"

# Ours opens theirs: the same receipt under a checkpoint that they signed.
check 0 "$peer/peer" key holdfast/local "$work/theirs.key" "$work/theirs.pub"
head -3 "$work/checkpoint" >"$work/text"
check 0 "$peer/peer" sign "$work/theirs.key" "$work/text" "$work/note"
jq -cS --rawfile note "$work/note" '.checkpoint = $note' "$work/receipt" >"$work/resigned"
check 0 "$holdfast" receipt verify "$work/resigned" --key "$work/theirs.pub"
check 1 "$holdfast" receipt verify "$work/resigned" --key "$work/receipts/log.pub"
check 1 "$holdfast" receipt verify "$work/receipt" --key "$work/theirs.pub"

[ $failures -eq 0 ] && echo "both ways agree"
exit $((failures > 0))
