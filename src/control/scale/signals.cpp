#include "control/scale/signals.h"

#include <fmt/format.h>

#include "api/conditions.h"
#include "base/json_lists.h"
#include "control/reconcile/node_parts.h"

namespace hf::control::scale {
namespace {

bool answers(const json::Value& report) {
    for (const json::Value& each : json::items_of(report, "conditions")) {
        if (json::get_string(each, "type") == "Ready")
            return json::get_string(each, "status") == "True";
    }
    return false;
}

// Sums of one service, until all machines are read.
struct Sums {
    Signals signals;
    double waited_us = 0;  // microseconds a minute, of all its requests
    double requests = 0;   // a minute
};

void add(Sums& sums, const api::Object& node, const json::Value* report) {
    const json::Value* load = report ? json::find(*report, "load") : nullptr;
    if (!load) {
        if (!report || answers(*report)) sums.signals.silent.emplace_back(node.name());
        return;
    }
    if (answers(*report)) ++sums.signals.answering;
    sums.signals.concurrency_milli += json::get_int(*load, "concurrencyMilli");
    const auto requests = static_cast<double>(json::get_int(*load, "requestsPerMinute"));
    sums.requests += requests;
    sums.waited_us += requests * static_cast<double>(json::get_int(*load, "queueMicroseconds"));
}

}  // namespace

void LoadAges::note(const std::map<std::string, api::Object>& nodes, Duration now) {
    std::erase_if(seen_, [&](const auto& entry) { return !nodes.contains(entry.first); });
    for (const auto& [name, node] : nodes) {
        const std::string_view heartbeat = json::get_string(node.status(), "heartbeatTime");
        const auto [at, news] = seen_.try_emplace(name, Seen{std::string(heartbeat), now});
        if (news || at->second.heartbeat == heartbeat) continue;
        at->second = {std::string(heartbeat), now};
    }
}

std::set<std::string> LoadAges::old(Duration now) const {
    std::set<std::string> names;
    for (const auto& [name, seen] : seen_) {
        if (now - seen.since >= kLoadTerm) names.insert(name);
    }
    return names;
}

std::map<std::string, Signals> read_signals(const std::set<std::string>& services,
                                            const std::map<std::string, api::Object>& nodes,
                                            const std::set<std::string>& old) {
    std::map<std::string, Sums> sums;
    for (const std::string& service : services) sums[service];
    for (const auto& [name, node] : nodes) {
        const bool heard = api::is_true(node, "Ready") && !old.contains(name);
        for (const json::Value& order : json::items_of(node.spec(), "services")) {
            const std::string_view ns = json::get_string(order, "namespace");
            const std::string_view service = json::get_string(order, "name");
            const auto at = sums.find(fmt::format("{}/{}", ns, service));
            if (at == sums.end()) continue;
            ++at->second.signals.seats;
            const json::Value* report = heard ? find_service(node.status(), ns, service) : nullptr;
            const bool follows =
                report && json::get_int(*report, "epoch") >= json::get_int(order, "epoch");
            add(at->second, node, follows ? report : nullptr);
        }
    }
    std::map<std::string, Signals> signals;
    for (auto& [service, each] : sums) {
        if (each.requests > 0) {
            each.signals.queue = std::chrono::microseconds(
                static_cast<std::int64_t>(each.waited_us / each.requests));
        }
        signals[service] = std::move(each.signals);
    }
    return signals;
}

}  // namespace hf::control::scale
