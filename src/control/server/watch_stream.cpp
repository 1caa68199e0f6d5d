#include "control/server/watch_stream.h"

#include <algorithm>

namespace hf::control {

void Wakener::set(std::function<void()> wake) {
    const MutexLock lock(mutex_);
    wake_ = std::move(wake);
}

void Wakener::wake() {
    std::function<void()> wake;
    {
        const MutexLock lock(mutex_);
        wake = wake_;
    }
    if (wake) wake();
}

void Wakener::end() {
    ended_ = true;
    wake();
}

WatchStream::WatchStream(std::unique_ptr<resources::ObjectWatch> watch,
                         std::shared_ptr<Wakener> wakener, env::Clock& clock,
                         WatchStreamOptions options)
    : watch_(std::move(watch)),
      wakener_(std::move(wakener)),
      clock_(clock),
      options_(std::move(options)),
      ends_at_(clock.monotonic() + options_.life),
      bookmark_at_(clock.monotonic() + kBookmarkInterval) {
    tell_due();
}

void WatchStream::tell_due() {
    wakener_->set_due(options_.bookmarks ? std::min(ends_at_, bookmark_at_) : ends_at_);
}

WatchStream::~WatchStream() {
    if (options_.on_end) options_.on_end();
}

std::optional<Bytes> WatchStream::next() {
    if (ended_ || wakener_->ended()) return std::nullopt;
    std::string out;
    Result<std::vector<resources::WatchEvent>> events = watch_->next(Duration::zero());
    if (!events.ok()) {
        append("ERROR", status_object(events.status(), {}), out);
        ended_ = true;
        return to_bytes(out);
    }
    for (resources::WatchEvent& event : *events) append_event(std::move(event), out);
    const Duration now = clock_.monotonic();
    const bool over = now >= ends_at_;
    if (first_ && options_.initial_events_end) {
        append_bookmark(true, out);
    } else if (options_.bookmarks && (over || now >= bookmark_at_)) {
        append_bookmark(false, out);
        bookmark_at_ = now + kBookmarkInterval;
        tell_due();
    }
    first_ = false;
    if (over) ended_ = true;
    if (over && out.empty()) return std::nullopt;
    return to_bytes(out);
}

void WatchStream::append(std::string_view type, const json::Value& object, std::string& out) {
    out += fmt::format(R"({{"type":"{}","object":)", type);
    out += json::write(object);
    out += "}\n";
}

void WatchStream::append_event(resources::WatchEvent event, std::string& out) {
    event.object.fields()["apiVersion"] = options_.api_version;
    json::Value value = shaped(options_.form, options_.kind, std::move(event.object), clock_.now());
    // The columns stay what they were: one telling is enough.
    const bool table = options_.form.shape == Form::Shape::kTable;
    if (table && columns_sent_) value.get_object()["columnDefinitions"] = json::Array();
    columns_sent_ = columns_sent_ || table;
    append(resources::type_name(event.type), value, out);
}

void WatchStream::append_bookmark(bool ends_initial, std::string& out) {
    json::Object metadata{{"resourceVersion", watch_->resource_version()}};
    if (ends_initial) metadata["annotations"] = json::Object{{"k8s.io/initial-events-end", "true"}};
    json::Object object{{"kind", options_.kind.name},
                        {"apiVersion", options_.api_version},
                        {"metadata", std::move(metadata)}};
    if (options_.form.shape == Form::Shape::kTable) {
        object["kind"] = "Table";
        object["apiVersion"] = "meta.k8s.io/" + options_.form.version;
        object["columnDefinitions"] = json::Array();
        object["rows"] = json::Array();
    }
    append("BOOKMARK", object, out);
}

}  // namespace hf::control
