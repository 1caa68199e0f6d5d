// The ControlPlane of a node that runs in the same process as the resources. See control_plane.h.

#pragma once

#include <memory>

#include "node/control_plane.h"
#include "resources/resources.h"

namespace hf::node {

// `on_heartbeat` is called with the node's name; it may be null. REQUIRES: resources outlives it.
std::unique_ptr<ControlPlane> make_local_control_plane(
    resources::Resources& resources, std::string node,
    std::function<void(const std::string& node)> on_heartbeat);

}  // namespace hf::node
