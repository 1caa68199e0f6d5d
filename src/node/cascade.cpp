#include "node/cascade.h"

#include "node/lifecycle.h"
#include "node/residency.h"

namespace hf::node {
namespace {

constexpr std::int64_t kTimeoutMsMax = 60'000;

const json::Value& part(const json::Value& value, std::string_view key) {
    static const json::Value kNull;
    const json::Value* found = json::find(value, key);
    return found ? *found : kNull;
}

Status within(std::string_view name, std::int64_t value, std::int64_t most) {
    if (value >= 0 && value <= most) return {};
    return invalid_argument("{} is {}; want 0 to {}", name, value, most);
}

}  // namespace

Result<Cascade> read_cascade(const json::Value& order, std::string_view ns) {
    Cascade cascade;
    cascade.upstream = fmt::format("{}/{}", ns, HF_TRY(json::need_string(order, "upstream")));
    const json::Value& when = part(order, "when");
    cascade.output = json::get_string(when, "output");
    cascade.measure = json::get_string(when, "measure", "max-softmax");
    cascade.below_milli = HF_TRY(json::need_int(when, "belowMilli").context("when"));
    const std::int64_t timeout_ms = json::get_int(order, "timeoutMilliseconds", 1000);
    HF_TRY(within("timeoutMilliseconds", timeout_ms, kTimeoutMsMax));
    cascade.timeout = std::chrono::milliseconds(timeout_ms);
    cascade.budget_percent = json::get_int(order, "budgetPercent", 20);
    HF_TRY(within("budgetPercent", cascade.budget_percent, 100));
    cascade.refuse = json::get_string(order, "onFailure") == "refuse";
    cascade.in_jurisdiction = json::get_bool(order, "inJurisdiction");
    const json::Value* at = json::find(order, "at");
    if (!at) {
        cascade.alone = json::get_string(order, "alone", "no-upstream");
        return cascade;
    }
    cascade.node = HF_TRY(json::need_string(*at, "node").context("at"));
    cascade.url = HF_TRY(json::need_string(*at, "url").context("at"));
    cascade.jurisdiction = json::get_string(*at, "jurisdiction");
    return cascade;
}

Result<Cascade> cascade_of(const Wish& wish, const std::string& here) {
    const json::Value order = HF_TRY(json::parse(wish.cascade));
    const std::string_view service = wish.service;
    Cascade cascade = HF_TRY(read_cascade(order, service.substr(0, service.find('/'))));
    if (cascade.node.empty()) return cascade;
    const bool leaves = cascade.in_jurisdiction && (here.empty() || cascade.jurisdiction != here);
    if (!leaves && check_residency(wish, cascade.jurisdiction).ok()) return cascade;
    cascade.node.clear();
    cascade.url.clear();
    cascade.alone = "residency";
    return cascade;
}

}  // namespace hf::node
