# For scripts of tests to source: programs that run beside the script, each with its log in a temporary folder, which is
# the working folder then. All are ended when the script ends.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/expect.sh"
holdfast=${HF_BUILD_DIR:?}/holdfast
work=$(mktemp -d)
cd "$work" || exit 1
declare -A pids=()
trap 'kill -9 "${pids[@]}" 2>/dev/null; rm -rf "$work"' EXIT
fail() { printf 'FAILED: %s\n' "$*"; failures=$((failures + 1)); }
pause() { read -rt 0.1 <> <(:) || true; }
# until_says PATTERN COMMAND...: asks again for up to 30 s; gives all up once much has failed.
until_says() {
    local pattern=$1
    shift
    [ $failures -lt 4 ] || finish
    for _ in $(seq 300); do "$@" >log 2>&1; grep -qE -- "$pattern" log && return; pause; done
    fail "$*: never said $pattern"
    cat log
}
# launch NAME COMMAND...: with its output behind what NAME.log has already.
launch() {
    local name=$1
    shift
    "$@" >>"$name.log" 2>&1 &
    pids[$name]=$!
}
# end SIGNAL NAME
end() {
    [ -n "${pids[$2]:-}" ] || return 0
    kill "-$1" "${pids[$2]}" 2>/dev/null
    wait "${pids[$2]}" 2>/dev/null
    unset "pids[$2]"
}
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
