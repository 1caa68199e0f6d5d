// The kubeconfig file with which kubectl and Kubernetes' client libraries reach this server. Pure.

#pragma once

#include <string>

namespace hf::control {

struct Access {
    std::string url;     // "https://127.0.0.1:8443"
    std::string ca_pem;  // the authority of the server's certificate
    std::string token;
};

// YAML. It holds the token: write it for its owner only.
std::string kubeconfig(const Access& access);

}  // namespace hf::control
