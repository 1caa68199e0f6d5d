# For scripts of tests to source: commands that are to end and to say something, and how many did not.
# shellcheck shell=bash
failures=0

# expect STATUS PATTERN COMMAND...: runs it and checks exit status and combined output.
expect() {
    local status=$1 pattern=$2
    shift 2
    local output
    output=$("$@" 2>&1)
    local got=$?
    if [ $got -ne "$status" ] || ! grep -qE -- "$pattern" <<<"$output"; then
        printf 'FAILED: %s\n  status %s, want %s; want output like: %s\n  %s\n' \
            "$*" "$got" "$status" "$pattern" "$output"
        failures=$((failures + 1))
    fi
}
