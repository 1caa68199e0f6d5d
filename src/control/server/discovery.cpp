#include "control/server/discovery.h"

#include "api/kinds.h"
#include "base/text.h"

namespace hf::control {
namespace {

// The API conventions that are followed here are those of this version.
constexpr std::string_view kConventionsMajor = "1";
constexpr std::string_view kConventionsMinor = "32";

json::Array strings(std::initializer_list<std::string_view> texts) {
    json::Array array;
    for (std::string_view text : texts) array.emplace_back(text);
    return array;
}

json::Object group(std::string_view name) {
    const json::Object version{{"groupVersion", fmt::format("{}/v1", name)}, {"version", "v1"}};
    return {{"name", name}, {"versions", json::Array{version}}, {"preferredVersion", version}};
}

json::Value resource_list(std::string_view group_version, json::Array resources) {
    return json::Object{{"kind", "APIResourceList"},
                        {"apiVersion", "v1"},
                        {"groupVersion", group_version},
                        {"resources", std::move(resources)}};
}

json::Value holdfast_resources() {
    json::Array resources;
    for (const api::Kind* kind : api::all_kinds()) {
        json::Object entry{
            {"name", kind->plural},
            {"singularName", kind->singular},
            {"namespaced", kind->namespaced},
            {"kind", kind->name},
            {"verbs", strings({"create", "delete", "deletecollection", "get", "list", "patch",
                               "update", "watch"})},
        };
        if (!kind->short_names.empty()) {
            json::Array names;
            for (const std::string& name : kind->short_names) names.emplace_back(name);
            entry["shortNames"] = std::move(names);
        }
        // What `kubectl get all` shows.
        const bool everyday = kind->name == "Service" || kind->name == "ModelVersion";
        if (everyday) entry["categories"] = strings({"all"});
        resources.emplace_back(std::move(entry));
        if (!kind->has_status()) continue;
        resources.push_back(json::Object{{"name", kind->plural + "/status"},
                                         {"singularName", ""},
                                         {"namespaced", kind->namespaced},
                                         {"kind", kind->name},
                                         {"verbs", strings({"get", "patch", "update"})}});
    }
    return resource_list(api::kApiVersion, std::move(resources));
}

json::Value core_resources() {
    json::Array resources;
    resources.push_back(json::Object{{"name", "namespaces"},
                                     {"singularName", "namespace"},
                                     {"namespaced", false},
                                     {"kind", "Namespace"},
                                     {"shortNames", strings({"ns"})},
                                     {"verbs", strings({"get", "list"})}});
    resources.push_back(json::Object{{"name", "events"},
                                     {"singularName", "event"},
                                     {"namespaced", true},
                                     {"kind", "Event"},
                                     {"shortNames", strings({"ev"})},
                                     {"verbs", strings({"get", "list", "watch"})}});
    resources.push_back(json::Object{{"name", "serviceaccounts/token"},
                                     {"singularName", ""},
                                     {"namespaced", true},
                                     {"group", "authentication.k8s.io"},
                                     {"version", "v1"},
                                     {"kind", "TokenRequest"},
                                     {"verbs", strings({"create"})}});
    return resource_list("v1", std::move(resources));
}

json::Value review_resources(std::string_view group_version,
                             std::initializer_list<std::string_view> kinds) {
    json::Array resources;
    for (std::string_view kind : kinds) {
        const std::string singular = to_lower(kind);
        resources.push_back(json::Object{{"name", singular + "s"},
                                         {"singularName", singular},
                                         {"namespaced", false},
                                         {"kind", kind},
                                         {"verbs", strings({"create"})}});
    }
    return resource_list(group_version, std::move(resources));
}

}  // namespace

json::Value api_versions() {
    return json::Object{{"kind", "APIVersions"},
                        {"versions", strings({"v1"})},
                        {"serverAddressByClientCIDRs", json::Array()}};
}

json::Value api_groups() {
    return json::Object{{"kind", "APIGroupList"},
                        {"apiVersion", "v1"},
                        {"groups", json::Array{group(api::kGroup), group("authentication.k8s.io"),
                                               group("authorization.k8s.io")}}};
}

json::Value holdfast_group() {
    json::Object value{{"kind", "APIGroup"}, {"apiVersion", "v1"}};
    for (auto& member : group(api::kGroup)) value[member.key()] = member.value();
    return value;
}

json::Value openapi_v3_paths() {
    const std::string path = fmt::format("apis/{}", api::kApiVersion);
    return json::Object{
        {"paths",
         json::Object{{path, json::Object{{"serverRelativeURL", "/openapi/v3/" + path}}}}}};
}

json::Value version_info(std::string_view version) {
    return json::Object{{"major", kConventionsMajor},
                        {"minor", kConventionsMinor},
                        {"gitVersion", fmt::format("v{}.{}.0-holdfast.{}", kConventionsMajor,
                                                   kConventionsMinor, version)},
                        {"gitCommit", ""},
                        {"gitTreeState", ""},
                        {"buildDate", "1970-01-01T00:00:00Z"},
                        {"goVersion", ""},
                        {"compiler", ""},
                        {"platform", "linux"}};
}

json::Value api_resources(std::string_view group, std::string_view version) {
    if (version != "v1") return {};
    if (group.empty()) return core_resources();
    if (group == api::kGroup) return holdfast_resources();
    if (group == "authorization.k8s.io") {
        return review_resources("authorization.k8s.io/v1",
                                {"SelfSubjectAccessReview", "SelfSubjectRulesReview"});
    }
    if (group == "authentication.k8s.io")
        return review_resources("authentication.k8s.io/v1", {"SelfSubjectReview"});
    return {};
}

}  // namespace hf::control
