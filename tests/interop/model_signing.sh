#!/usr/bin/env bash
# Model signatures both ways with the reference implementation, the Python package model-signing: theirs verifies
# ours, ours verifies theirs, and both refuse a changed file, a missing one, and one too many.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
venv=${HF_MODEL_SIGNING_VENV:-$HF_BUILD_DIR/venv-model-signing}
if [ ! -x "$venv/bin/model_signing" ]; then
    python3 -m venv "$venv" && "$venv/bin/pip" install -q model-signing==1.1.1 pyopenssl || {
        echo "skipped: the package model-signing cannot be installed here"
        rm -rf "$venv"
        exit 77
    }
fi
theirs=$venv/bin/model_signing
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
check() {
    local want=$1
    shift
    "$@" >log 2>&1
    local got=$(($? != 0))
    [ "$got" -eq "$want" ] && return
    printf 'FAILED (want %s): %s\n%s\n' "$want" "$*" "$(tail -5 log)"
    failures=$((failures + 1))
}

openssl ecparam -name prime256v1 -genkey -noout -out key 2>/dev/null
openssl ec -in key -pubout -out key.pub 2>/dev/null
mkdir -p model/sub && echo one >model/one.bin && echo two >model/sub/two.bin

check 0 "$holdfast" sign model --key key --signature ours.sig
check 0 "$theirs" verify key model --signature ours.sig --public_key key.pub
check 0 "$theirs" sign key model --private_key key --signature theirs.sig
check 0 "$holdfast" verify model --key key.pub --signature theirs.sig

for change in 'echo x >>model/one.bin' 'rm model/sub/two.bin' 'touch model/extra'; do
    cp -r model saved
    eval "$change"
    for signature in ours.sig theirs.sig; do
        check 1 "$theirs" verify key model --signature $signature --public_key key.pub
        check 1 "$holdfast" verify model --key key.pub --signature $signature
    done
    rm -rf model && mv saved model
done

[ $failures -eq 0 ] && echo "both ways agree"
exit $((failures > 0))
