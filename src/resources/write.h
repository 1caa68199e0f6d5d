// Resources::Write: one object's change as a transaction. For the sources of Resources only.

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

}  // namespace hf::resources
