// How a node tells what it does: the status of its services and its own, versions it has verified,
// and events. Owned by one thread.

#pragma once

#include <map>
#include <string>

#include "node/lifecycle.h"
#include "resources/resources.h"

namespace hf::node {

struct NodeFacts;

// The version of a service that was verified or activated last.
struct Running {
    std::string digest;
    std::string signer;
    std::string format;
    std::string url;
    std::string device;
    std::uint64_t size_bytes = 0;
};

class Publisher final {
public:
    // REQUIRES: resources outlives this.
    Publisher(resources::Resources& resources, std::string node);

    // OK also when the service is gone.
    Status publish_service(const api::Object& service, const Slot& slot, const Running& running);

    // Creates the Model and ModelVersion where they are missing. What fails is told as an event.
    void publish_version(const api::Object& service, const Running& verified);

    Status publish_node(const NodeFacts& facts, const std::map<std::string, Running>& running,
                        Instant now);

    // An event about the service; losing one is no reason to stop.
    void tell(const api::Object& service, const Action& event);

private:
    Status create_unless_there(api::Object object);

    resources::Resources& resources_;
    const std::string node_;
    const api::Identity who_;
};

}  // namespace hf::node
