#include "control/server/kubeconfig.h"

#include "api/kinds.h"
#include "api/yaml.h"
#include "base/bytes.h"

namespace hf::control {

std::string kubeconfig(const Access& access) {
    constexpr std::string_view kName = "holdfast";
    const json::Object cluster{{"name", kName},
                               {"cluster", json::Object{{"server", access.url},
                                                        {"certificate-authority-data",
                                                         to_base64(as_bytes(access.ca_pem))}}}};
    const json::Object user{{"name", kName}, {"user", json::Object{{"token", access.token}}}};
    const json::Object context{
        {"name", kName},
        {"context",
         json::Object{{"cluster", kName}, {"user", kName}, {"namespace", api::kDefaultNamespace}}}};
    return api::write_yaml(json::Object{{"apiVersion", "v1"},
                                        {"kind", "Config"},
                                        {"clusters", json::Array{cluster}},
                                        {"users", json::Array{user}},
                                        {"contexts", json::Array{context}},
                                        {"current-context", kName}});
}

}  // namespace hf::control
