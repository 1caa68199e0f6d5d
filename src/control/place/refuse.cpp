// Who does not take a service, and why, by group of machines.

#include <algorithm>
#include <set>
#include <tuple>

#include "control/place/board.h"

namespace hf::control::place {
namespace {

class Tally {
public:
    void add(const Group& group, Refusal why, std::int64_t nodes) {
        if (nodes > 0) counts_[{group.site->name, group.device_kind, why}] += nodes;
    }

    std::vector<RefusedNodes> rows() const {
        std::vector<const std::pair<const Key, std::int64_t>*> order;
        for (const auto& count : counts_) order.push_back(&count);
        std::stable_sort(order.begin(), order.end(),
                         [](const auto* a, const auto* b) { return a->second > b->second; });
        std::vector<RefusedNodes> rows;
        std::map<Refusal, std::int64_t> rest;
        for (const auto* count : order) {
            const auto& [site, kind, why] = count->first;
            if (rows.size() < kRefusedRowsMax) {
                rows.push_back({std::string(site), std::string(kind), why, count->second});
            } else {
                rest[why] += count->second;
            }
        }
        for (const auto& [why, nodes] : rest) rows.push_back({"", "", why, nodes});
        return rows;
    }

private:
    using Key = std::tuple<std::string_view, std::string_view, Refusal>;  // site, kind of device

    std::map<Key, std::int64_t> counts_;
};

// Machines of a group, in any state, and what each lacks.
void tally_full(const Board& board, const Seat& seat, GroupIndex index, Tally& tally) {
    const Pool& pool = board.pool();
    const std::vector<StateIndex>& entered = pool.entered(index);
    const std::set<StateIndex> states(entered.begin(), entered.end());
    for (const StateIndex state : states) {
        for (MachineIndex m = pool.first_in(state); m != kNone; m = pool.next(m)) {
            Refusal why = board.judge(seat, m);  // of all but room
            if (why == Refusal::kNone) why = judge_free(pool.state(state), seat.service->demand);
            tally.add(board.layout().groups()[index], why, why == Refusal::kNotPinned ? 0 : 1);
        }
    }
}

}  // namespace

std::vector<RefusedNodes> refused_nodes(const Board& board, const Seat& seat) {
    const Layout& layout = board.layout();
    const Service& service = *seat.service;
    Tally tally;
    std::vector<std::int64_t> pinned(layout.groups().size(), 0);  // ready ones
    for (const std::string_view name :
         std::set<std::string_view>(service.pinned.begin(), service.pinned.end())) {
        const MachineIndex machine = layout.find(name);
        if (machine != kNone) ++pinned[layout.group_of(machine)];
    }
    std::map<GroupIndex, std::set<MachineIndex>> hosts;
    for (const Spot& spot : seat.spots) hosts[layout.group_of(spot.machine)].insert(spot.machine);
    for (GroupIndex i = 0; i < layout.groups().size(); ++i) {
        const Group& group = layout.groups()[i];
        tally.add(group, Refusal::kNotReady, group.not_ready);
        if (group.ready == 0) continue;
        const std::int64_t named = service.pinned.empty() ? group.ready : pinned[i];
        tally.add(group, Refusal::kNotPinned, group.ready - named);
        const Refusal rule = layout.judge(service, group);
        if (rule != Refusal::kNone) {
            tally.add(group, rule, named);
        } else if (seat.missing() > 0) {
            tally_full(board, seat, i, tally);
        } else {
            const auto used = hosts.find(i);
            const std::size_t count = used == hosts.end() ? 0 : used->second.size();
            tally.add(group, Refusal::kOutscored, named - static_cast<std::int64_t>(count));
        }
    }
    return tally.rows();
}

}  // namespace hf::control::place
