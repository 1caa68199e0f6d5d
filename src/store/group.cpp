#include "store/group.h"

namespace hf::store {

std::optional<KeyValue> Group::look(const std::string& key, const Find& find) const {
    const auto at = newest_.find(key);
    if (at == newest_.end()) return find(key);
    const Event& event = events_[at->second];
    return event.kind == Event::Kind::kRemove ? std::nullopt : std::optional(event.now);
}

Result<Revision> Group::add(const Transaction& transaction, const Find& find) {
    for (const Compare& compare : transaction.compares) {
        const std::optional<KeyValue> now = look(compare.key, find);
        const Revision modified = now ? now->modified : Revision{};
        if (modified != compare.modified) {
            return aborted("'{}' is at revision {}, not {}; read it again", compare.key,
                           modified.value(), compare.modified.value());
        }
    }
    const Revision next{revision_.value() + 1};
    const std::size_t before = events_.size();
    const auto add = [&](Event event) {
        newest_[event.now.key] = events_.size();
        events_.push_back(std::move(event));
    };
    for (const Put& put : transaction.puts) {
        std::optional<KeyValue> was = look(put.key, find);
        const Revision created = was ? was->created : next;
        add({Event::Kind::kPut, {put.key, put.value, created, next, put.lease}, std::move(was)});
    }
    for (const std::string& key : transaction.removes) {
        std::optional<KeyValue> was = look(key, find);
        if (!was) continue;
        const Revision created = was->created;
        add({Event::Kind::kRemove, {key, "", created, next, LeaseId{}}, std::move(was)});
    }
    if (events_.size() > before) revision_ = next;
    return revision_;
}

}  // namespace hf::store
