#!/usr/bin/env bash
# Runs the commands of README.md's tour (the blocks marked "sh") as a reader would: in a fresh copy of the
# checkout's top folder, in order, stopping at the first that fails.
set -euo pipefail
source_dir=$(cd "$(dirname "$0")/.." && pwd)
script=$(mktemp -d)
trap 'rm -rf "$script"' EXIT
awk '/^```sh$/ {on = 1; next} /^```$/ {on = 0} on' "$source_dir/README.md" >"$script/tour.sh"
[ -s "$script/tour.sh" ] || { echo "README.md has no tour"; exit 1; }
# The build has been made by whoever runs the tests; the first command of the tour would only repeat it.
mkdir -p "$script/build"
ln -s "${HF_BUILD_DIR:?}" "$script/build/release"
sed -i '/^\.\/dev build release$/d' "$script/tour.sh"
cd "$script"
bash -euxo pipefail "$script/tour.sh"
