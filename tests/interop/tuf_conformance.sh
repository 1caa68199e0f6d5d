#!/usr/bin/env bash
# `holdfast tuf` against tuf-conformance, the suite by which clients of The Update Framework are judged: an own server,
# real keys of three kinds, and attacks on each role. HF_TUF_CONFORMANCE names a folder with the suite (v2.4.0).
set -uo pipefail
holdfast=$(readlink -f "${HF_BUILD_DIR:?}/holdfast")
venv=${HF_TUF_VENV:-$HF_BUILD_DIR/venv-tuf}
suite=${HF_TUF_CONFORMANCE:-$HF_BUILD_DIR/tuf-conformance}
command -v faketime >/dev/null || { echo "skipped: needs faketime"; exit 77; }
if [ ! -d "$suite/tuf_conformance" ]; then
    timeout 60 git clone -q --depth 1 --branch v2.4.0 \
        https://github.com/theupdateframework/tuf-conformance "$suite" 2>/dev/null || {
        echo "skipped: the suite tuf-conformance cannot be fetched here; set HF_TUF_CONFORMANCE to a folder with it"
        exit 77
    }
fi
if [ ! -x "$venv/bin/pytest" ]; then
    python3 -m venv "$venv" && "$venv/bin/pip" install -q tuf==7.0.0 'securesystemslib[crypto]==1.4.0' pytest==9.1.1 || {
        echo "skipped: the packages tuf and pytest cannot be installed here"
        rm -rf "$venv"
        exit 77
    }
fi
cd "$suite" || exit 1
"$venv/bin/pytest" -q -p no:cacheprovider --tb=short tuf_conformance --entrypoint "$holdfast tuf" "$@"
