#!/usr/bin/env bash
# The resource API with the Python package kubernetes: list, create, patch, watch, delete, errors.
set -uo pipefail
here=$(dirname "$(readlink -f "$0")")
venv=${HF_KUBERNETES_VENV:-$HF_BUILD_DIR/venv-kubernetes}
if [ ! -x "$venv/bin/python" ] || ! "$venv/bin/python" -c 'import kubernetes' 2>/dev/null; then
    python3 -m venv "$venv" && "$venv/bin/pip" install -q kubernetes==31.0.0 || {
        echo "skipped: the package kubernetes cannot be installed here"
        rm -rf "$venv"
        exit 77
    }
fi
work=$(mktemp -d)
server=
finish() {
    [ -z "$server" ] || { kill "$server" && wait "$server"; }
    rm -rf "$work"
}
trap finish EXIT
if [ $# -ge 1 ]; then
    config=$1
else
    config=$work/kubeconfig
    coproc SERVER { exec "${HF_BUILD_DIR:?}/tests/api_server" "$config"; }
    server=$SERVER_PID
    read -r -t 20 line <&"${SERVER[0]}" && [ "$line" = ready ] || { echo "the server did not start"; exit 1; }
fi
timeout 120 "$venv/bin/python" "$here/kubernetes_client.py" "$config"
