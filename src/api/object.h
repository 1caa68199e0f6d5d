// Object: one resource as a value: a JSON object with apiVersion, kind, metadata and the fields of
// its kind (api/kinds.h), and typed access to what every kind has.
//
// Reading never fails: what is absent or of another type reads as empty. Whether an object is good
// is told by api/validate.h. Thread-safety: a value.

#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/status.h"

namespace hf::api {

inline constexpr std::string_view kGroup = "holdfast.dev";
inline constexpr std::string_view kApiVersion = "holdfast.dev/v1";

struct OwnerReference {
    std::string api_version;
    std::string kind;
    std::string name;
    std::string uid;
    bool controller = false;
    friend bool operator==(const OwnerReference&, const OwnerReference&) = default;
};

class Object final {
public:
    Object() : value_(json::Object()) {}

    // {"apiVersion": ..., "kind": ..., "metadata": {"name": ..., "namespace": ...}}
    static Object make(std::string_view kind, std::string_view ns, std::string_view name);

    // INVALID_ARGUMENT unless it is a JSON object with a string apiVersion, a string kind and,
    // where given, an object metadata.
    static Result<Object> from_json(json::Value value);

    const json::Value& json() const { return value_; }
    json::Object& fields() { return value_.get_object(); }

    std::string_view api_version() const { return json::get_string(value_, "apiVersion"); }
    std::string_view kind() const { return json::get_string(value_, "kind"); }
    std::string_view name() const { return meta("name"); }
    std::string_view ns() const { return meta("namespace"); }
    std::string_view uid() const { return meta("uid"); }
    std::string_view resource_version() const { return meta("resourceVersion"); }
    std::string_view creation_timestamp() const { return meta("creationTimestamp"); }
    std::string_view deletion_timestamp() const { return meta("deletionTimestamp"); }
    std::int64_t generation() const { return json::get_int(metadata(), "generation"); }
    bool being_removed() const { return !deletion_timestamp().empty(); }

    // Empty when there is none.
    std::string_view label(std::string_view key) const { return entry("labels", key); }
    std::string_view annotation(std::string_view key) const { return entry("annotations", key); }
    std::vector<std::string> finalizers() const;
    std::vector<OwnerReference> owner_references() const;

    // null when absent.
    const json::Value& metadata() const { return member("metadata"); }
    const json::Value& spec() const { return member("spec"); }
    const json::Value& status() const { return member("status"); }
    const json::Value& member(std::string_view key) const;

    // Made when absent.
    json::Object& edit_metadata() { return edit("metadata"); }
    json::Object& edit_spec() { return edit("spec"); }
    json::Object& edit_status() { return edit("status"); }

    void set_label(std::string_view key, std::string_view value);
    void set_annotation(std::string_view key, std::string_view value);
    void set_finalizers(const std::vector<std::string>& finalizers);
    void add_owner(const OwnerReference& owner);

    // How another object points here as its owner.
    OwnerReference as_owner() const;

    friend bool operator==(const Object& a, const Object& b) { return a.value_ == b.value_; }

private:
    explicit Object(json::Value value) : value_(std::move(value)) {}
    std::string_view meta(std::string_view key) const { return json::get_string(metadata(), key); }
    std::string_view entry(std::string_view map, std::string_view key) const;
    json::Object& edit(std::string_view key);

    json::Value value_;  // always a JSON object
};

}  // namespace hf::api
