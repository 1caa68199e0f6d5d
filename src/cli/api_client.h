// ApiClient: how commands read and change resources: Kubernetes' API conventions over HTTP, as the
// user of a kubeconfig. Waits end at SIGINT and SIGTERM with CANCELLED.
//
// Errors are those of http::Client, and what the server answered: its message, under the code of
// its HTTP status. Not thread-safe; the world outlives it.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/client.h"
#include "api/kinds.h"
#include "api/object.h"
#include "cli/command.h"
#include "cli/kubeconfig.h"
#include "http/client.h"

namespace hf::cli {

inline constexpr std::string_view kAcceptTable =
    "application/json;as=Table;v=v1;g=meta.k8s.io, application/json";

// --kubeconfig and --namespace.
std::vector<Option> api_options();
Option kubeconfig_option();

// KIND, KIND NAME or KIND/NAME, as people type it.
struct Target {
    const api::Kind* kind = nullptr;
    std::string name;  // empty: all of the kind

    std::string to_string() const { return kind->singular + "/" + name; }
};
Result<Target> parse_target(const std::string& kind, const std::string& name);

struct Call {
    std::string method = "GET";
    std::string path;  // with query
    std::string accept = "application/json";
    std::string content_type = "application/json";
    std::string body;
};

class ApiClient final {
public:
    static Result<std::unique_ptr<ApiClient>> open(World& world, const Arguments& arguments);

    // Of --namespace, else the kubeconfig's.
    const std::string& default_namespace() const { return config_.default_namespace; }

    // "/apis/holdfast.dev/v1/namespaces/default/services/pump". Without `ns` for kinds that have
    // none, and for all namespaces; without `name` for lists.
    static std::string path(const api::Kind& kind, std::string_view ns, std::string_view name);

    Result<json::Value> call(const Call& call);
    Result<api::Object> get(const Target& target);

    // One line of a watch. CANCELLED from it ends the watch, and so does any other error.
    using OnEvent = api::EventReader::OnEvent;

    // Watches until `on_event` or a signal ends it (CANCELLED), `deadline` has passed on the
    // monotonic clock (DEADLINE_EXCEEDED), or the server is not to be had. OUT_OF_RANGE: the
    // revision is too old, list again.
    Status watch(Call call, std::string resource_version, const OnEvent& on_event,
                 std::optional<Duration> deadline = std::nullopt);

    // To any address; the token goes along only where the API's server is.
    Result<http::Response> send(http::ClientRequest request);

private:
    ApiClient(World& world, Kubeconfig config, std::unique_ptr<http::Client> client)
        : world_(world), config_(std::move(config)), client_(std::move(client)) {}

    Status watch_once(const Call& call, std::string& revision, const OnEvent& on_event,
                      std::optional<Duration> deadline);

    World& world_;
    Kubeconfig config_;
    std::unique_ptr<http::Client> client_;
};

}  // namespace hf::cli
