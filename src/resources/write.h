// Resources::Write: one object's change as a transaction. Resources::Prepared: a write that has
// passed all checks. For the sources of Resources only.

#pragma once

#include "resources/resources.h"

namespace hf::resources {

struct Resources::Write {
    const api::Identity& who;
    std::string_view verb;  // "create", "update", "delete"
    ObjectKey key;
    store::Revision compared{0};       // 0: must not exist
    const api::Object* now = nullptr;  // null: it is removed
    std::string_view uid;
};

struct Resources::Prepared {
    const api::Kind& kind;
    api::Object now;
    std::optional<store::Transaction> transaction;  // nullopt: nothing is to be written
    bool ends = false;                              // it removes the object
};

}  // namespace hf::resources
