#!/usr/bin/env bash
# Proves the README's two commands in a bare Debian 12 root: nothing is there but what `./dev setup` installs.
# Needs root and Debian's packages; takes as long as two builds. Usage: ./dev ci install
# HF_PROOF_CCACHE=DIR lends it a compiler cache.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

die() { printf 'install proof: %s\n' "$*" >&2; exit 1; }
[ "$(id -u)" -eq 0 ] || die "needs root, for debootstrap and chroot"
command -v debootstrap >/dev/null || apt-get install -y -qq --no-install-recommends debootstrap >/dev/null

# The mirror that this machine uses itself.
mirror=$({ cat /etc/apt/sources.list /etc/apt/sources.list.d/debian.sources 2>/dev/null || true; } |
    sed -n 's/^URIs: *//p; s/^deb \(\[[^]]*\] \)\?\([^ ]*\) .*/\2/p' | head -1)
[ -n "$mirror" ] || die "no Debian mirror in /etc/apt"

root=$(mktemp -d /var/tmp/holdfast-install.XXXXXX)
cleanup() {
    local folder
    for folder in "$root/proc" "$root/root/.cache/ccache"; do
        if mountpoint -q "$folder"; then umount -l "$folder"; fi
    done
    rm -rf --one-file-system "$root"
}
trap cleanup EXIT

printf '==> a bare Debian 12 in %s\n' "$root"
debootstrap --variant=minbase bookworm "$root" "$mirror" >"$root.log" 2>&1 || {
    tail -20 "$root.log" >&2
    die "debootstrap failed"
}
rm -f "$root.log"
# How this machine reaches its mirror (proxy, certificates) is no part of the proof.
cp /etc/apt/apt.conf.d/*proxy* /etc/apt/apt.conf.d/*registry* "$root/etc/apt/apt.conf.d/" 2>/dev/null || true
cp /etc/resolv.conf /etc/hosts "$root/etc/" 2>/dev/null || true
mount -t proc proc "$root/proc"  # debootstrap has made the device nodes

# With a compiler cache to share the proof takes minutes; what is missing is missing all the same.
if [ -n "${HF_PROOF_CCACHE:-}" ]; then
    mkdir -p "$root/root/.cache/ccache"
    mount --bind "$HF_PROOF_CCACHE" "$root/root/.cache/ccache"
fi

mkdir -p "$root/src/holdfast"
git archive HEAD | tar -x -C "$root/src/holdfast"
if [ -d ../shared/data ]; then
    mkdir -p "$root/src/shared"
    cp -r ../shared/data "$root/src/shared/data"
fi

inside() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 "$@"; }
printf '==> ./dev up --for 20\n'
inside bash -c 'cd /src/holdfast && ./dev up --for 20'
printf '==> ./dev test\n'
inside bash -c 'cd /src/holdfast && ./dev test'
printf '==> the README holds on a bare Debian 12\n'
