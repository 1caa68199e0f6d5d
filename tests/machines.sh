# For scripts of tests to source: a control plane and machines of their own, each a process with its folder and log
# in a temporary folder, which is the working folder then. All are ended when the script ends.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/expect.sh"
holdfast=${HF_BUILD_DIR:?}/holdfast
work=$(mktemp -d)
cd "$work" || exit 1
declare -A pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT
fail() { printf 'FAILED: %s\n' "$*"; failures=$((failures + 1)); }
pause() { read -rt 0.1 <> <(:) || true; }
hf() { "$holdfast" "$@" --kubeconfig server/kubeconfig; }
# until_says PATTERN COMMAND...: asks again for up to 30 s; gives all up once much has failed.
until_says() {
    local pattern=$1
    shift
    [ $failures -lt 4 ] || finish
    for _ in $(seq 300); do "$@" >log 2>&1; grep -qE -- "$pattern" log && return; pause; done
    fail "$*: never said $pattern"
    cat log
}
# run NAME WORDS...: a program of its own, with its output in NAME.log.
run() {
    local name=$1
    shift
    : >"$name.log"
    "$holdfast" "$@" >"$name.log" 2>&1 &
    pids[$name]=$!
}
# end SIGNAL NAME
end() {
    [ -n "${pids[$2]:-}" ] || return 0
    kill "-$1" "${pids[$2]}" 2>/dev/null
    wait "${pids[$2]}" 2>/dev/null
    unset "pids[$2]"
}
start_server() {
    run server server --data server --listen "127.0.0.1:$1" --gateway "127.0.0.1:${2:-0}"
    until_says 'the control plane is up at' cat server.log
    until_says 'predictions: ' cat server.log
    [ $failures -eq 0 ] || exit 1
    address=$(grep -oE 'https://[0-9.:]+' server.log | head -1)
    gateway=$(grep -oE 'http://[0-9.:]+' server.log | head -1)
}
# start_agent NAME WORDS...: once it is up, url_NAME is where it answers.
start_agent() {
    local name=$1
    shift
    run "$name" agent --data "$name" --listen 127.0.0.1:0 "$@"
    until_says 'is up: predictions at' cat "$name.log"
    printf -v "url_$name" '%s' "$(grep -oE 'http://[0-9.:]+' "$name.log" | head -1)"
}
join() { start_agent "$1" --join "$address" --token "$2" --name "$1" "${@:3}"; }
token() { hf token create "$@" 2>/dev/null; }
# finish: says how it went, with the logs where it did not go well.
finish() {
    local name
    for name in "${!pids[@]}"; do [ "$name" = server ] || end 15 "$name"; done
    [ -z "${pids[server]:-}" ] || end 15 server
    if [ $failures -gt 0 ]; then
        tail -n 20 ./*.log
        echo "$failures failed"
        exit 1
    fi
    echo "all passed"
}
