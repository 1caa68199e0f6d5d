# For judges from Python's package index to source. shellcheck shell=bash

# need_packages NAME FOLDER IMPORTS PACKAGE...: sets `venv` to a virtual environment in FOLDER where IMPORTS works, made
# with these packages when it is not there, by one test at a time. Ends the test as skipped where they cannot be installed.
need_packages() {
    local name=$1 imports=$3
    venv=$(realpath -m "$2")
    shift 3
    local lock broken=
    mkdir -p "$(dirname "$venv")"
    exec {lock}>"$venv.lock"
    flock "$lock"
    "$venv/bin/python" -c "import $imports" 2>/dev/null ||
        { python3 -m venv "$venv" && "$venv/bin/pip" install -q "$@"; } || broken=1
    [ -z "$broken" ] || rm -rf "$venv"
    exec {lock}>&-
    [ -n "$broken" ] || return 0
    echo "skipped: the package $name cannot be installed here"
    exit 77
}
