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
        std::vector<RefusedNodes> rows;
        for (const auto& [key, nodes] : counts_) {
            const auto& [site, kind, why] = key;
            rows.push_back({std::string(site), std::string(kind), why, nodes});
        }
        std::stable_sort(rows.begin(), rows.end(),
                         [](const auto& a, const auto& b) { return a.nodes > b.nodes; });
        if (rows.size() <= kRefusedRowsMax) return rows;
        std::map<Refusal, std::int64_t> rest;
        for (std::size_t i = kRefusedRowsMax; i < rows.size(); ++i)
            rest[rows[i].why] += rows[i].nodes;
        rows.resize(kRefusedRowsMax);
        for (const auto& [why, nodes] : rest) rows.push_back({"", "", why, nodes});
        return rows;
    }

private:
    std::map<std::tuple<std::string_view, std::string_view, Refusal>, std::int64_t> counts_;
};

}  // namespace

std::vector<RefusedNodes> refused_nodes(Board& board, const Seat& seat) {
    const Layout& layout = board.layout();
    const Pool& pool = board.pool();
    const Service& service = *seat.service;
    Tally tally;
    std::vector<std::int64_t> pinned(layout.groups().size(), 0);  // ready ones
    const std::set<std::string_view> names(service.pinned.begin(), service.pinned.end());
    for (const std::string_view name : names) {
        const MachineIndex machine = layout.find(name);
        if (machine != kNone) ++pinned[layout.group_of(machine)];
    }
    for (GroupIndex i = 0; i < layout.groups().size(); ++i) {
        const Group& group = layout.groups()[i];
        tally.add(group, Refusal::kNotReady, group.not_ready);
        if (group.ready == 0) continue;
        const std::int64_t named = names.empty() ? group.ready : pinned[i];
        tally.add(group, Refusal::kNotPinned, group.ready - named);
        const Refusal rule = layout.judge(service, group);
        if (rule != Refusal::kNone) {
            tally.add(group, rule, named);
        } else if (seat.missing() > 0 && names.empty()) {
            const std::set<StateIndex> states(pool.entered(i).begin(), pool.entered(i).end());
            for (const StateIndex state : states) {
                for (MachineIndex m = pool.first_in(state); m != kNone; m = pool.next(m)) {
                    Refusal why = board.judge(seat, m);
                    if (why == Refusal::kNone) why = judge_free(pool.state(state), service.demand);
                    tally.add(group, why, why == Refusal::kNone ? 0 : 1);
                }
            }
        }
    }
    for (const std::string_view name : names) {
        const MachineIndex machine = layout.find(name);
        if (seat.missing() == 0 || machine == kNone) continue;
        const Group& group = layout.groups()[layout.group_of(machine)];
        if (layout.judge(service, group) != Refusal::kNone) continue;
        Refusal why = board.judge(seat, machine);
        if (why == Refusal::kNone) {
            why = judge_free(pool.state(pool.state_of(machine)), service.demand);
        }
        tally.add(group, why, why == Refusal::kNone ? 0 : 1);
    }
    return tally.rows();
}

}  // namespace hf::control::place
