// Which server the resource commands talk to, whom they trust, and who they are: a kubeconfig file
// (Kubernetes' client configuration v1), of which the current context is used.
//
// A value. Errors name the file and the field. Certificate checks cannot be switched off, so a file
// that asks for that is refused.

#pragma once

#include <string>

#include "base/status.h"
#include "cli/command.h"

namespace hf::cli {

struct Kubeconfig {
    std::string server;  // "https://127.0.0.1:6443"
    std::string ca_pem;
    std::string token;
    std::string certificate_pem;
    std::string key_pem;
    std::string default_namespace = "default";
};

// Where the file is: --kubeconfig, else HOLDFAST_CONFIG, else the one in HOLDFAST_DATA, else the
// first in KUBECONFIG that exists, else the one in the data folder (cli/data_folder.h).
Result<std::string> kubeconfig_path(World& world, const Arguments& arguments);

// Files that it names are relative to its own folder.
Result<Kubeconfig> read_kubeconfig(World& world, const std::string& path);

}  // namespace hf::cli
