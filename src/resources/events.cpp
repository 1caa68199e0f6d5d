#include <map>

#include "resources/write.h"

namespace hf::resources {
namespace {

using api::Object;

constexpr std::size_t kMaxTogether = 256;  // committed together

// FNV-1a, 64 bits (Fowler, Noll, Vo): names that are the same on every machine; not for secrets.
std::uint64_t hash(std::initializer_list<std::string_view> texts) {
    std::uint64_t value = 14695981039346656037u;
    for (std::string_view text : texts) {
        for (const char c : text) value = (value ^ static_cast<unsigned char>(c)) * 1099511628211u;
        value = (value ^ 0xFF) * 1099511628211u;
    }
    return value;
}

// Events are about the reason and message, so the same ones share a name and are counted up.
std::string event_name(const Object& object, const EventNote& note) {
    constexpr std::size_t kMaxPrefixBytes = 200;
    const std::uint64_t digest =
        hash({object.uid(), note.type, note.reason, note.message, note.component, note.host});
    std::string prefix(object.name().substr(0, kMaxPrefixBytes));
    while (prefix.ends_with('.') || prefix.ends_with('-')) prefix.pop_back();
    return fmt::format("{}.{:016x}", prefix, digest);
}

WriteOptions as(const std::string& component) {
    WriteOptions options;
    options.who = api::Identity::of_system(component.empty() ? "events" : component);
    return options;
}

Object make_event(const Object& object, const EventNote& note, std::string_view now) {
    const std::string_view ns = object.ns().empty() ? api::kDefaultNamespace : object.ns();
    Object event = Object::make("Event", ns, event_name(object, note));
    json::Object involved{{"apiVersion", object.api_version()},
                          {"kind", object.kind()},
                          {"name", object.name()},
                          {"uid", object.uid()},
                          {"resourceVersion", object.resource_version()}};
    if (!object.ns().empty()) involved["namespace"] = object.ns();
    json::Object source{{"component", note.component}};
    if (!note.host.empty()) source["host"] = note.host;
    json::Object& fields = event.fields();
    fields["involvedObject"] = std::move(involved);
    fields["reason"] = note.reason;
    fields["message"] = note.message.substr(0, api::kMaxProseBytes);
    fields["type"] = note.type;
    fields["count"] = 1;
    fields["firstTimestamp"] = now;
    fields["lastTimestamp"] = now;
    fields["source"] = std::move(source);
    return event;
}

// What is there already is counted up.
Resources::Edit counted_up(const Object& event, Instant now) {
    const auto count = [now = format_rfc3339(now)](Object& known) -> Status {
        known.fields()["count"] = json::get_int(known.json(), "count", 1) + 1;
        known.fields()["lastTimestamp"] = now;
        return {};
    };
    return {key_of(api::event_kind(), event), count};
}

}  // namespace

Status Resources::record_again(const Object& event, const EventNote& note) {
    const Edit edit = counted_up(event, clock_.now());
    return modify(edit.key, as(note.component), edit.change).status();
}

Status Resources::record_event(const Object& object, const EventNote& note) {
    const Object event = make_event(object, note, format_rfc3339(clock_.now()));
    const Status created = create(event, as(note.component)).status();
    return created.code() == Code::kAlreadyExists ? record_again(event, note) : created;
}

Status Resources::record_events(const std::vector<Told>& told) {
    Status failed;
    const auto note_failure = [&](const Status& status) {
        if (!status.ok()) failed = status;
    };
    for (std::size_t from = 0; from < told.size(); from += kMaxTogether) {
        const std::size_t end = std::min(from + kMaxTogether, told.size());
        std::vector<Object> events;
        std::vector<Result<Prepared>> prepared;
        for (std::size_t i = from; i < end; ++i) {
            const Told& each = told[i];
            events.push_back(make_event(each.object, each.note, format_rfc3339(clock_.now())));
            prepared.push_back(prepare_new(events.back(), as(each.note.component)));
        }
        const std::vector<Result<store::Revision>> revisions = commit_all(prepared);
        auto revision = revisions.begin();
        std::map<std::string, std::vector<Edit>> again;  // by who tells
        for (std::size_t i = from; i < end; ++i) {
            const Result<Prepared>& each = prepared[i - from];
            const Status status = each.ok() ? (revision++)->status() : each.status();
            if (status.code() == Code::kAborted) {
                again[told[i].note.component].push_back(counted_up(events[i - from], clock_.now()));
            } else {
                note_failure(status);
            }
        }
        for (const auto& [component, edits] : again) {
            for (const auto& counted : modify_each(edits, as(component)))
                note_failure(counted.status());
        }
    }
    return failed;
}

}  // namespace hf::resources
