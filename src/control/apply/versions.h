// VersionRecorder: the Models and ModelVersions that follow from what machines have verified.
//
// Owned by one thread.

#pragma once

#include <set>
#include <string>

#include "control/reconcile/orders.h"
#include "resources/resources.h"

namespace hf::control {

class VersionRecorder final {
public:
    // REQUIRES: resources outlives this.
    VersionRecorder(resources::Resources& resources, resources::WriteOptions write)
        : resources_(resources), write_(std::move(write)) {}

    // Creates what is missing for every version that answers on any of the nodes. Each is looked at
    // once; what cannot be recorded is the error, and is tried again the next time.
    Status record(const Objects& nodes);

private:
    Status record_one(const json::Value& order, const json::Value& report);
    Status create_unless_there(api::Object object);

    resources::Resources& resources_;
    const resources::WriteOptions write_;
    std::set<std::string> recorded_;  // "namespace/name@digest"
};

}  // namespace hf::control
