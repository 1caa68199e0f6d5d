#include "control/apply/scaler.h"

#include "api/conditions.h"
#include "control/scale/decide.h"

namespace hf::control {
namespace {

constexpr std::string_view kLimited = "ScalingLimited";
constexpr std::string_view kAtMax = "AtMax";

std::string condition_message(const api::Object& service, std::string_view type) {
    const auto condition = api::find_condition(service, type);
    return condition ? condition->message : "";
}

bool is_at_max(const api::Object& service) {
    const auto limited = api::find_condition(service, kLimited);
    return limited && limited->reason == kAtMax;
}

}  // namespace

Status Scaler::run(const View& view, Duration now) {
    std::set<std::string> scaled;
    for (const auto& [key, service] : view.services) {
        if (scale::scale_spec_of(service) && !service.being_removed()) scaled.insert(key);
    }
    if (scaled.empty()) return {};
    ages_.note(view.nodes, now);
    Status failed;
    for (const auto& [key, signals] : scale::read_signals(scaled, view.nodes, ages_.old(now))) {
        const Status status = run_one(view.services.at(key), signals, view.rolling.contains(key));
        if (!status.ok()) failed = Status(status).context("scale of service {}", key);
    }
    return failed;
}

Status Scaler::run_one(const api::Object& service, const scale::Signals& signals, bool rolling) {
    const Instant now = resources_.clock().now();
    api::Object next = service;
    scale::write_decision(next,
                          scale::decide(*scale::scale_spec_of(service), {signals, rolling},
                                        scale::history_of(service), now),
                          now);
    if (next == service) return {};
    const Result<api::Object> written = resources_.update_status(std::move(next), write_);
    const Code code = written.status().code();
    if (code == Code::kAborted || code == Code::kNotFound) return {};
    HF_TRY(written.status());
    return tell(service, *written);
}

// Moves, and that more would be better than there may be.
Status Scaler::tell(const api::Object& before, const api::Object& after) {
    resources::EventNote note;
    note.component = "autoscaler";
    const std::int64_t from = json::get_int(before.status(), "wantedReplicas");
    const std::int64_t to = json::get_int(after.status(), "wantedReplicas");
    if (from > 0 && from != to) {
        note.type = "Normal";
        note.reason = from < to ? "ScaledUp" : "ScaledDown";
        note.message = condition_message(after, "Scaled");
        HF_TRY(resources_.record_event(after, note));
    }
    if (!is_at_max(after) || is_at_max(before)) return {};
    note.type = "Warning";
    note.reason = kLimited;
    note.message = condition_message(after, kLimited);
    return resources_.record_event(after, note);
}

}  // namespace hf::control
