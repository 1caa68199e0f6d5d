#include "node/report.h"

namespace hf::node {
namespace {

json::Value condition(const Condition& of, std::int64_t generation) {
    return {{"type", of.type},
            {"status", of.truth ? "True" : "False"},
            {"reason", of.reason},
            {"message", of.message},
            {"observedGeneration", generation},
            {"lastTransitionTime", format_rfc3339(of.changed)}};
}

template <typename T>
const T* find(const std::map<std::string, T>& map, const std::string& service) {
    const auto at = map.find(service);
    return at == map.end() ? nullptr : &at->second;
}

json::Value load_status(const Load& load) {
    const auto queue = std::chrono::duration_cast<std::chrono::microseconds>(load.queue);
    return {{"concurrencyMilli", load.concurrency_milli},
            {"queueMicroseconds", queue.count()},
            {"requestsPerMinute", load.requests_per_minute}};
}

json::Value service_status(const std::string& service, const Slot& slot, const Report& report) {
    const std::size_t slash = service.find('/');
    json::Object status{{"namespace", service.substr(0, slash)},
                        {"name", service.substr(slash + 1)},
                        {"observedGeneration", slot.wish.generation},
                        {"epoch", slot.wish.epoch},
                        {"settled", slot.settled}};
    if (!slot.wish.rollout.empty()) status["rollout"] = slot.wish.rollout;
    if (!slot.active_digest.empty()) status["digest"] = slot.active_digest;
    const Running* running = find(report.running, service);
    if (running && running->digest == slot.active_digest) {
        status["url"] = running->url;
        status["device"] = running->device;
        status["format"] = running->format;
        status["signer"] = running->signer;
        status["sizeBytes"] = static_cast<std::int64_t>(running->size_bytes);
    }
    if (const Answers* answers = find(report.answers, service)) {
        status["requests"] = static_cast<std::int64_t>(answers->succeeded + answers->failed);
        status["errors"] = static_cast<std::int64_t>(answers->failed);
        status["latencyP99Milliseconds"] = answers->p99_ms;
        if (answers->compared > 0) {
            status["compared"] = static_cast<std::int64_t>(answers->compared);
            status["agreed"] = static_cast<std::int64_t>(answers->agreed);
        }
    }
    const LoadMeter* meter = report.meters ? find(*report.meters, service) : nullptr;
    if (const std::optional<Load> load = meter ? meter->load() : std::nullopt) {
        status["load"] = load_status(*load);
    }
    json::Array conditions;
    for (const Condition& each : slot.conditions) {
        conditions.push_back(condition(each, slot.wish.generation));
    }
    status["conditions"] = std::move(conditions);
    return status;
}

}  // namespace

json::Object node_status(const Report& report, Instant now) {
    const NodeFacts& facts = report.facts;
    json::Object status{{"capacity", {{"cpus", facts.cpus}, {"memoryBytes", facts.memory_bytes}}},
                        {"architecture", facts.architecture},
                        {"version", facts.version},
                        {"url", facts.url},
                        {"observedGeneration", report.generation},
                        {"heartbeatTime", format_rfc3339(now)},
                        {"devices", json::Array{"cpu", "ref"}},
                        {"instructionSets", json::Array(facts.instruction_sets.begin(),
                                                        facts.instruction_sets.end())}};
    if (!facts.jurisdiction.empty()) status["jurisdiction"] = facts.jurisdiction;
    if (report.profile) status["profile"] = profile_status(*report.profile);
    json::Array services;
    for (const auto& [service, slot] : report.state.slots) {
        services.push_back(service_status(service, slot, report));
    }
    status["services"] = std::move(services);
    const OutboxAccount& outbox = report.account.outbox;
    status["outbox"] = {{"waiting", static_cast<std::int64_t>(report.account.waiting)},
                        {"accepted", static_cast<std::int64_t>(outbox.accepted)},
                        {"acknowledged", static_cast<std::int64_t>(outbox.acknowledged)},
                        {"expired", static_cast<std::int64_t>(outbox.expired)},
                        {"dropped", static_cast<std::int64_t>(outbox.dropped_in_all())},
                        {"damaged", static_cast<std::int64_t>(outbox.damaged)}};
    return status;
}

}  // namespace hf::node
