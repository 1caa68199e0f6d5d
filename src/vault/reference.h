// How a packed model is named: "pump:1", "pump@sha256:...", "sha256:...", and with a registry in
// front "localhost:5000/pumps/pump:1" or "oci://registry.example/pump:1". The grammar of names and
// tags is that of the OCI distribution specification 1.1, section "Pulling manifests".
//
// Pure; values.

#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/digest.h"
#include "base/status.h"

namespace hf::vault {

struct Reference {
    std::string registry;  // "host" or "host:port"; empty: a vault on this machine
    std::string name;      // empty when only a digest was given
    std::string tag;
    std::optional<Digest> digest;  // when both are given the digest decides

    // Without the registry: "pump:1", "pump@sha256:...": the name that a vault knows it by.
    std::string local() const;
    std::string to_string() const;

    friend bool operator==(const Reference&, const Reference&) = default;
};

// The first part is a registry when "oci://" stands before it, or when a "/" follows and it holds a
// "." or ":" or is "localhost". INVALID_ARGUMENT says which part is wrong; neither tag nor digest
// is wrong too, for "latest" names something else tomorrow.
Result<Reference> parse_reference(std::string_view text);

// The specification's grammars of <name>, which may have several parts ("team/pump"), and of tags.
bool is_repository_name(std::string_view name);
bool is_tag(std::string_view tag);

}  // namespace hf::vault
