# For scripts of tests to source: three sites in network namespaces of their own, each on a cable to one bridge, which is
# in a fourth with the control plane's address 10.77.0.1; the sites' are 10.77.0.10, .11 and .12. All of it is taken
# away when the script ends. Skips the test where namespaces are refused.
# shellcheck shell=bash
source "$(dirname "${BASH_SOURCE[0]}")/machines.sh"
id=hf$$
net() { ip netns exec "$id-$1" "${@:2}"; }
if ! ip netns add "$id-ctl" 2>log; then
    echo "skipped: network namespaces are refused here: $(cat log)"
    exit 77
fi
sites=(berlin lyon oslo)
declare -A law=([berlin]=DE [lyon]=FR [oslo]=NO) at=([berlin]=10.77.0.10 [lyon]=10.77.0.11 [oslo]=10.77.0.12)
clean_sites() {
    kill -9 "${pids[@]}" 2>/dev/null
    local site
    for site in ctl "${sites[@]}"; do ip netns del "$id-$site" 2>/dev/null; done
    rm -rf "$work"
}
trap clean_sites EXIT
cable() { net ctl ip link set "$1" "$2"; }
# from PLACE COMMAND...: what `run` starts is started there.
from() {
    local within=(ip netns exec "$id-$1")
    "${@:2}"
}
now() { date +%s%N; }
since() { echo "$((($(now) - $1) / 1000000)) ms"; }

net ctl ip link set lo up
net ctl ip link add bridge type bridge
net ctl ip addr add 10.77.0.1/24 dev bridge
net ctl ip link set bridge up
for i in 0 1 2; do
    site=${sites[$i]}
    ip netns add "$id-$site"
    ip link add "v$$-$i" type veth peer name "w$$-$i"
    ip link set "v$$-$i" netns "$id-ctl" name "$site"
    ip link set "w$$-$i" netns "$id-$site" name uplink
    net ctl ip link set "$site" master bridge up
    net "$site" ip link set lo up
    net "$site" ip addr add "${at[$site]}/24" dev uplink
    net "$site" ip link set uplink up
done
within=(ip netns exec "$id-ctl")
