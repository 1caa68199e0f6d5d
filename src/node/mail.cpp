#include "node/mail.h"

#include <algorithm>

namespace hf::node {
namespace {

// A refusal that will be the same when it is sent again.
bool is_final(Code code) {
    return code == Code::kInvalidArgument || code == Code::kNotFound ||
           code == Code::kPermissionDenied || code == Code::kAlreadyExists;
}

std::string encode(const ServiceEvent& event) {
    return json::write(json::Object{{"service", event.service},
                                    {"uid", event.uid},
                                    {"warning", event.warning},
                                    {"reason", event.reason},
                                    {"message", event.message}});
}

std::optional<ServiceEvent> decode(const std::string& text) {
    const Result<json::Value> value = json::parse(text);
    if (!value.ok()) return std::nullopt;
    return ServiceEvent{std::string(json::get_string(*value, "service")),
                        std::string(json::get_string(*value, "uid")),
                        json::get_bool(*value, "warning"),
                        std::string(json::get_string(*value, "reason")),
                        std::string(json::get_string(*value, "message"))};
}

}  // namespace

Duration link_pause(int failures, Rng& rng) {
    constexpr int kMostDoublings = 10;
    const Duration whole =
        std::min(kLinkRetryMost,
                 kLinkRetryFirst * (1 << std::min(std::max(failures - 1, 0), kMostDoublings)));
    const auto half = static_cast<std::uint64_t>(whole.count() / 2);
    return Duration(static_cast<Duration::rep>(half + rng.below(half + 1)));
}

Status Mail::tell(const ServiceEvent& event, Instant now) {
    const Urgency urgency = event.warning ? Urgency::kHigh : Urgency::kNormal;
    const Instant expires = now + (event.warning ? kWarningKept : kEventKept);
    return outbox_.put(urgency, expires, encode(event));
}

void Mail::reached() {
    enlisted_ = true;
    reached_ = true;
}

bool Mail::ready() const {
    if (!enlisted_) return false;
    return failures_ > 0 ? reached_ : status_ || outbox_.size() > 0;
}

Mail::Outgoing Mail::take(Instant now, Duration at) {
    Outgoing outgoing;
    outgoing.at = at;
    if (!beaten_ || at - *beaten_ >= every()) return outgoing;
    if (status_) {
        outgoing.status.swap(status_);
        return outgoing;
    }
    while (const OutboxItem* item = outbox_.next(now)) {
        outgoing.sequence = item->sequence;
        outgoing.event = decode(item->payload);
        if (outgoing.event) return outgoing;
        const Status ignored = outbox_.acknowledge(item->sequence);  // of another version of this
        (void)ignored;
    }
    return outgoing;
}

void Mail::settle(Outgoing outgoing, const Status& sent) {
    failures_ = sent.ok() ? 0 : failures_ + 1;
    if (!sent.ok()) reached_ = false;
    patience_ = sent.ok() ? every() : link_pause(failures_, rng_);
    if (sent.ok() && !outgoing.status && !outgoing.event) beaten_ = outgoing.at;
    const bool again = !sent.ok() && !is_final(sent.code());
    if (outgoing.status) {
        if (again && !status_) status_.swap(outgoing.status);
        return;
    }
    if (!outgoing.event || again) return;
    const Status ignored = outbox_.acknowledge(outgoing.sequence);  // else it is said once more
    (void)ignored;
}

Status send(ControlPlane& control_plane, const Mail::Outgoing& outgoing) {
    if (outgoing.status) return control_plane.publish(*outgoing.status);
    if (outgoing.event) return control_plane.tell(*outgoing.event);
    return control_plane.heartbeat();
}

}  // namespace hf::node
