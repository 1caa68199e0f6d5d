#!/usr/bin/env bash
# The description of the REST API, docs/openapi/inference.yaml, held against the server by schemathesis, a judge that
# others wrote: it makes requests from it, good and bad ones, and finds every answer that it does not describe.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
here=$(dirname "$(readlink -f "$0")")
description=${HF_SOURCE_DIR:-$here/../..}/docs/openapi/inference.yaml
# shellcheck source=tests/interop/venv.sh
source "$here/venv.sh"
seed=${HF_SEED:-20260701}
need_packages schemathesis "${HF_SCHEMATHESIS_VENV:-$HF_BUILD_DIR/venv-schemathesis}" schemathesis schemathesis==4.32.5
work=$(mktemp -d)
server=
trap 'kill $server 2>/dev/null; rm -rf "$work"' EXIT
failures=0

# Who may do everything, and who may nearly nothing.
for caller in 'chief infer=* load=* observe' 'guest infer=other'; do
    echo "${caller%% *} sha256:$(printf %s "${caller%% *}" | sha256sum | cut -d' ' -f1) ${caller#* }"
done >"$work/callers"

serve() {
    : >"$work/log"
    "$holdfast" serve /usr/include/onnx/backend/test/data/node/test_neg_example/model.onnx \
        --name neg --listen 127.0.0.1:0 --receipts "$work/receipts" --callers "$work/callers" \
        --shared-memory --traces http://127.0.0.1:9 --response-cache 1MiB \
        --access-log "$work/access.log" >"$work/log" 2>&1 &
    server=$!
    for _ in $(seq 50); do grep -q verified "$work/log" && break; read -rt 0.1 <> <(:) || true; done
    url=$(grep -oE 'http://[0-9.:]+' "$work/log" | head -1)
}

stop() {
    kill -TERM $server
    wait $server || { echo "FAILED: exit status $? of the server"; failures=$((failures + 1)); }
}

# judge NAME CALLER DESCRIPTION OPTION...: in a folder of its own, where it leaves notes.
judge() {
    local name=$1 caller=$2 file=$3
    shift 3
    (cd "$work" && timeout 170 "$venv/bin/st" --no-color --config-file "$name.toml" run "$file" --url "$url" \
        --header "Authorization: Bearer $caller" --seed "$seed" --generation-database none --workers 1 \
        --continue-on-failure "$@") >"$work/$name" 2>&1 && {
        grep -E '^  [0-9]+ generated' "$work/$name" | sed "s/^ */$name: /"
        return
    }
    echo "FAILED: $name (HF_SEED=$seed)"
    cat "$work/$name"
    failures=$((failures + 1))
}

# What the model wants of an inference is not in the description: there, 400 is an answer to what it allows, too.
cat >"$work/all.toml" <<'END'
[dictionaries]
models = { values = ["neg", "other"] }
versions = { values = ["1", "2"] }
[parameters]
"path.model" = { dictionary = "models", probability = 0.7 }
"path.version" = { dictionary = "versions", probability = 0.7 }
[[operations]]
include-operation-id = ["infer", "inferByVersion", "compare"]
checks = { positive_data_acceptance = { expected-statuses = ["2xx", "400", "403", "404", "409"] } }
END
# Here it is in it, and so all that the description allows must be answered.
cat >"$work/infer.toml" <<'END'
[parameters]
"path.model" = "neg"
"path.version" = "1"
[checks]
positive_data_acceptance = { expected-statuses = ["200"] }
END
cp "$work/all.toml" "$work/repository.toml"
cp "$work/all.toml" "$work/guest.toml"
"$venv/bin/python" "$here/schemathesis_descriptions.py" "$description" "$work" || exit 1

serve
judge all chief closed.yaml --max-examples 40 \
    --exclude-operation-id loadModel --exclude-operation-id unloadModel
judge infer chief neg.yaml --max-examples 150 --phases examples,coverage,fuzzing \
    --include-operation-id infer --include-operation-id inferByVersion
judge guest guest closed.yaml --max-examples 10 --phases examples,coverage
stop
# Loads and unloads have a server of their own, so that the others find their model.
serve
judge repository chief closed.yaml --max-examples 60 --include-tag repository --include-operation-id modelReady
stop
[ $failures -eq 0 ] && echo "schemathesis agrees with docs/openapi/inference.yaml"
exit $((failures > 0))
