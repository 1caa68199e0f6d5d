// Instance: all that `holdfast up` runs on one machine, over one data folder: the control plane
// (control_host.h), the vault, and this machine as its one node (node_host.h).
//
// Owned by one thread. Destruction stops everything; drain() first lets requests end.

#pragma once

#include <memory>
#include <string>

#include "cli/up/control_host.h"
#include "cli/up/node_host.h"

namespace hf::cli {

struct InstanceOptions {
    std::string data;  // the folder; made when missing
    http::ServerOptions inference;
    http::ServerOptions api;  // its TLS is made here
    std::string node_name;
    serve::RequestObserver* observer = nullptr;  // see NodeOptions
    std::optional<Duration> sleep_after = {};    // see NodeOptions
};

class Instance final {
public:
    // UNAVAILABLE when an address is taken or another process has the data folder.
    static Result<std::unique_ptr<Instance>> start(World& world, InstanceOptions options);

    resources::Resources& resources() { return control_->resources(); }
    std::string inference_url() const { return node_->inference_url(); }
    std::string api_url() const { return control_->api_url(); }
    const std::string& data() const { return data_; }

    // Withdraws readiness and ends connections once they are answered. True when none had to be
    // cut.
    bool drain(Duration grace);

private:
    std::string data_;
    std::unique_ptr<vault::Vault> vault_;
    std::unique_ptr<ControlHost> control_;
    std::unique_ptr<node::ControlPlane> control_plane_;
    std::unique_ptr<NodeHost> node_;
};

}  // namespace hf::cli
