#!/usr/bin/env bash
# Spans as others read them: the messages of opentelemetry-proto, by Google's own mapping from JSON. One inference by
# REST in a trace that began elsewhere, one that begins here, and a collector that was away at first.
set -uo pipefail
holdfast=${HF_BUILD_DIR:?}/holdfast
here=$(dirname "$(readlink -f "$0")")
# shellcheck source=tests/interop/venv.sh
source "$here/venv.sh"
need_packages opentelemetry-proto "${HF_OTLP_VENV:-$HF_BUILD_DIR/venv-otlp}" \
    'opentelemetry.proto.collector.trace.v1.trace_service_pb2' 'opentelemetry-proto==1.27.0'
exec "$venv/bin/python" "$here/otlp_check.py" "$holdfast"
