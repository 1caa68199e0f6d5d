// Group: transactions that are written together, one after the other as far as anybody can see:
// each has its own revision, and compares with what those before it leave. What is refused leaves
// nothing.
//
// Pure: what there is besides is handed in. Not thread-safe.

#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "store/store.h"

namespace hf::store {

class Group final {
public:
    // What a key holds before the group; nullopt: nothing.
    using Find = std::function<std::optional<KeyValue>(const std::string& key)>;

    // `now` is the store's revision.
    explicit Group(Revision now) : revision_(now) {}

    // The revision that it gets: the one before when it changes nothing. ABORTED when a compare
    // fails.
    Result<Revision> add(const Transaction& transaction, const Find& find);

    // What happens, in order of revisions, and the revision that it leads to.
    const std::vector<Event>& events() const { return events_; }
    Revision revision() const { return revision_; }

private:
    std::optional<KeyValue> look(const std::string& key, const Find& find) const;

    Revision revision_;
    std::vector<Event> events_;
    std::map<std::string, std::size_t, std::less<>> newest_;  // the last event of each key
};

}  // namespace hf::store
