// Where things lie in the store, and how objects are written there. The one place that knows:
//
//     /objects/<plural>/<namespace>/<name>   an object of a namespaced kind
//     /objects/<plural>/<name>               an object of a kind without namespaces
//     /audit/<nanoseconds, 20 digits>-<16 hex digits>   a write or refusal: who did what
//     /tokens/<id>                           a bearer token's digest (control/server/tokens.h)
//
// An object's value is its JSON without metadata.resourceVersion, which is the revision of its key.
// Pure functions.

#pragma once

#include <string>
#include <string_view>

#include "api/kind.h"
#include "store/store.h"

namespace hf::resources {

inline constexpr std::string_view kObjectsPrefix = "/objects/";
inline constexpr std::string_view kAuditPrefix = "/audit/";

// Which object.
struct ObjectKey {
    const api::Kind* kind;  // never null
    std::string ns;         // empty for kinds without namespaces
    std::string name;
};

ObjectKey key_of(const api::Kind& kind, const api::Object& object);

std::string store_key(const ObjectKey& key);

// Of all objects of the kind, in one namespace unless `ns` is empty.
std::string store_prefix(const api::Kind& kind, std::string_view ns);

// The opposite of store_key(). INTERNAL when it is no object's key.
Result<ObjectKey> parse_store_key(std::string_view key);

std::string encode(const api::Object& object);

// DATA_LOSS when the stored value is not an object.
Result<api::Object> decode(const store::KeyValue& stored);

// The revision that a resourceVersion means. INVALID_ARGUMENT when it is not a number.
Result<store::Revision> parse_resource_version(std::string_view text);

// NOT_FOUND: services.holdfast.dev "pump" not found
Status not_there(const api::Kind& kind, std::string_view name);

// ABORTED, in Kubernetes' words for a lost comparison.
Status conflict(const api::Kind& kind, std::string_view name);

}  // namespace hf::resources
