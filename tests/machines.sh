# For scripts of tests to source: a control plane and machines of their own, each a process with its folder and log
# in a temporary folder, which is the working folder then. All are ended when the script ends.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/processes.sh"
# What programs are started by: empty, or as in (ip netns exec NAME).
within=()
hf() { "${within[@]}" "$holdfast" "$@" --kubeconfig server/kubeconfig; }
# run NAME WORDS...: a program of its own, with its output in NAME.log.
run() {
    : >"$1.log"
    launch "$1" "${within[@]}" "$holdfast" "${@:2}"
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
