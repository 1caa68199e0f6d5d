#!/usr/bin/env bash
# What deploy/ has, read by the tools that will read it: systemd's own checker, and kubectl without a cluster.
set -uo pipefail
source "$(dirname "$0")/expect.sh"
deploy=$(cd "$(dirname "$0")/../deploy" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
checked=0

# The units, with the programs of this build in place of the installed ones.
if command -v systemd-analyze >/dev/null; then
    for unit in holdfast-server holdfast-agent; do
        sed "s|/usr/bin/|${HF_BUILD_DIR:?}/|" "$deploy/systemd/$unit.service" >"$unit.service"
        [ -x "$HF_BUILD_DIR/holdfast-agent" ] || sed -i "s|$HF_BUILD_DIR/holdfast-agent|$HF_BUILD_DIR/holdfast|" $unit.service
        expect 0 '' systemd-analyze verify --man=no "./$unit.service"
        checked=$((checked + 1))
    done
    # The line that starts the server is one that it understands.
    line=$(sed -n 's|^ExecStart=||p' holdfast-server.service)
    line=${line//\$\{HOST\}/localhost}
    line=${line//\/var\/lib\/holdfast/$work\/data}
    line=${line//0.0.0.0:8443/127.0.0.1:0}
    line=${line//127.0.0.1:8080/127.0.0.1:0}
    read -ra words <<<"$line"
    expect 0 'the control plane is up' "${words[@]}" --for 1
else
    echo 'not checked: systemd-analyze is not installed'
fi

if command -v kubectl >/dev/null; then
    expect 0 'image: holdfast:test' kubectl set image --local --dry-run=client -o yaml -f "$deploy/kubernetes/agent.yaml" agent=holdfast:test
    # Only workloads have an image to set; the others must be read all the same.
    awk -v RS='---\n' '/kind: StatefulSet/' "$deploy/kubernetes/server.yaml" >workload.yaml
    expect 0 'image: holdfast:test' kubectl set image --local --dry-run=client -o yaml -f workload.yaml server=holdfast:test
    for file in server agent; do
        printf 'resources: [%s.yaml]\n' $file >kustomization.yaml
        cp "$deploy/kubernetes/$file.yaml" .
        expect 0 'kind: (Namespace|DaemonSet)' kubectl kustomize .
        checked=$((checked + 1))
    done
else
    echo 'not checked: kubectl is not installed'
fi
[ $checked -gt 0 ] || exit 77
if [ $failures -gt 0 ]; then
    echo "$failures failed"
    exit 1
fi
echo "all passed"
