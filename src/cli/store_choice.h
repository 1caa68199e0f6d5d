// Which store a server keeps its resources in, as people write it: "sqlite:PATH", or
// "etcd://HOST:PORT[,HOST:PORT...][/PREFIX]" with certificates in files (store/etcd/address.h).

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "cli/command.h"
#include "store/store.h"

namespace hf::cli {

struct StoreChoice {
    std::string url;
    std::string ca_file, certificate_file, key_file;  // of etcd; empty: without TLS

    bool is_etcd() const;
};

// --store-ca, --store-cert and --store-key, for commands that may speak to an etcd.
std::vector<Option> store_tls_options();

// The three files as they were given.
StoreChoice store_choice(std::string url, const Arguments& arguments);

// INVALID_ARGUMENT names the option that is wrong; else what opening the store says. REQUIRES:
// world outlives the store.
Result<std::unique_ptr<store::Store>> open_store(World& world, const StoreChoice& choice);

}  // namespace hf::cli
