// Whom a command believes, from its options --key and --ca; and the private key that signs.

#pragma once

#include <string>

#include "cli/command.h"
#include "trust/oms.h"

namespace hf::cli {

// The public keys and certificates that the arguments name. Both lists may be empty.
Result<trust::TrustRoots> read_trust_roots(World& world, const Arguments& arguments);

Result<crypto::PrivateKey> read_private_key(World& world, const std::string& path);

// A whole small file as text.
Result<std::string> read_text_file(World& world, const std::string& path, std::uint64_t max_bytes);

}  // namespace hf::cli
