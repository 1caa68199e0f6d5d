# For scripts of tests to source: a server (`holdfast serve`) that is started anew again and again in a folder of its own,
# asked, and stopped; what it should not have done is counted in `failures`. REQUIRES: $holdfast, the program.
# shellcheck shell=bash
work=$(mktemp -d)
server= url=
trap '[ -z "$server" ] || kill -9 "$server" 2>/dev/null; rm -rf "$work"' EXIT
failures=0
fail() {
    printf 'FAILED: %s\n' "$*"
    failures=$((failures + 1))
}
pause() { read -rt "$1" <> <(:) || true; }
# until_true SECONDS COMMAND...
until_true() {
    local tries=$(($1 * 20))
    shift
    for _ in $(seq $tries); do "$@" && return; pause 0.05; done
    return 1
}
stop() {
    kill -TERM "$server"
    wait "$server" || fail "exit status $?: $(tail -3 "$work/log")"
    server=
}
is_up() { grep -q '^serving ' "$work/log" || ! kill -0 "$server" 2>/dev/null; }
start() {
    : >"$work/log"
    "$holdfast" serve "$@" --listen 127.0.0.1:0 >"$work/log" 2>&1 &
    server=$!
    until_true 60 is_up
    url=$(grep -oE 'http://[0-9.:]+' "$work/log" | head -1)
    [ -n "$url" ] || { cat "$work/log"; exit 1; }
}
answer() { curl -s -m 20 -w ' [%{http_code}]' "$@" | tr '\n' ' '; }
expect() {
    local pattern=$1
    shift
    local got
    got=$(answer "$@")
    grep -qE -- "$pattern" <<<"$got" || fail "$*: want $pattern, got $got"
}
metric() { curl -s -m 20 "$url/metrics" | awk -v name="$1" 'index($0, name) == 1 {print $NF}'; }
