// What every client of the resource API over HTTP needs: the errors that it answers, and the events
// of its watches. Without HTTP itself; pure.

#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "api/object.h"
#include "base/bytes.h"

namespace hf::api {

inline constexpr std::string_view kBasePath = "/apis/holdfast.dev/v1";
inline constexpr std::size_t kMaxEventBytes = 8u << 20;

// Of a metav1.Status, or of whatever text came instead. REQUIRES: http_status >= 300.
Status refusal(int http_status, std::string_view body);

// Splits what arrives of a watch into lines, each an event. Bookmarks only move the version on.
class EventReader final {
public:
    // "ADDED", "MODIFIED", "DELETED", and the object. What it answers ends the watch, unless OK.
    using OnEvent = std::function<Status(std::string_view type, const json::Value& object)>;

    // `version`: the resourceVersion to go on from; kept up to date. REQUIRES: both outlive this.
    EventReader(std::string& version, const OnEvent& on_event)
        : version_(version), on_event_(on_event) {}

    // OUT_OF_RANGE: list again. RESOURCE_EXHAUSTED: an event is larger than kMaxEventBytes.
    Status take(ByteView piece);

private:
    Status line(std::string_view text);

    std::string& version_;
    const OnEvent& on_event_;
    std::string pending_;
};

}  // namespace hf::api
