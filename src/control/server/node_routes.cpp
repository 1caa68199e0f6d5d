#include "control/server/node_routes.h"

#include <algorithm>

#include "control/server/node_access.h"
#include "control/server/reasons.h"

namespace hf::control {
namespace {

constexpr std::size_t kMaxNodeBodyBytes = 64u << 10;

http::Response done() {
    http::Response response;
    response.status = 204;
    return response;
}

class NodeRoutes final {
public:
    NodeRoutes(ApiServer& api, resources::Resources& resources,
               std::function<Duration(const std::string&)> on_heartbeat)
        : api_(api), resources_(resources), on_heartbeat_(std::move(on_heartbeat)) {}

    http::Response heartbeat(const http::Request& request) {
        const Result<std::string> node = caller(request);
        if (!node.ok()) return failure(node.status());
        const Duration next = on_heartbeat_ ? on_heartbeat_(*node) : Duration::zero();
        return json_answer(
            200, json::Object{{"nextMilliseconds",
                               static_cast<std::int64_t>(next / std::chrono::milliseconds(1))},
                              {"now", format_rfc3339(resources_.clock().now())}});
    }

    http::Response event(const http::Request& request) {
        const Result<std::string> node = caller(request);
        if (!node.ok()) return failure(node.status());
        const Status recorded = record(*node, request);
        return recorded.ok() ? done() : failure(recorded);
    }

private:
    Result<std::string> caller(const http::Request& request) {
        const api::Identity who = HF_TRY(api_.authenticate(request));
        const std::optional<std::string> node = node_name(who);
        if (!node) {
            return reasons::refuse(Code::kPermissionDenied, reasons::kNotANode,
                                   "only nodes may say this, as themselves");
        }
        if (request.body.size() > kMaxNodeBodyBytes) {
            return resource_exhausted("the body has {} bytes; the limit is {}", request.body.size(),
                                      kMaxNodeBodyBytes);
        }
        return *node;
    }

    Status record(const std::string& node, const http::Request& request) {
        const json::Value body = HF_TRY(json::parse(as_text(request.body)).context("the body"));
        const std::string service = HF_TRY(json::need_string(body, "service"));
        resources::EventNote note;
        note.reason = HF_TRY(json::need_string(body, "reason"));
        note.message = std::string(json::get_string(body, "message"));
        note.type = json::get_bool(body, "warning") ? "Warning" : "Normal";
        note.component = "node";
        note.host = node;
        HF_TRY(check_concerns(node, service));
        const std::size_t slash = service.find('/');
        api::Object about =
            api::Object::make("Service", service.substr(0, slash), service.substr(slash + 1));
        about.edit_metadata()["uid"] = json::get_string(body, "uid");
        return resources_.record_event(about, note);
    }

    // A node speaks of what it was ordered to run, and of nothing else.
    Status check_concerns(const std::string& node, const std::string& service) {
        const api::Object object = HF_TRY(resources_.get({&api::node_kind(), "", node}));
        const json::Array* orders = json::find_array(object.spec(), "services");
        const bool ordered =
            orders && std::any_of(orders->begin(), orders->end(), [&](const json::Value& order) {
                return fmt::format("{}/{}", json::get_string(order, "namespace"),
                                   json::get_string(order, "name")) == service;
            });
        if (ordered) return {};
        return reasons::refuse(Code::kPermissionDenied, reasons::kNotItsService,
                               "node {} is not ordered to run {}", node, service);
    }

    ApiServer& api_;
    resources::Resources& resources_;
    const std::function<Duration(const std::string&)> on_heartbeat_;
};

}  // namespace

void add_node_routes(http::Router& router, ApiServer& api, resources::Resources& resources,
                     std::function<Duration(const std::string&)> on_heartbeat) {
    const auto routes = std::make_shared<NodeRoutes>(api, resources, std::move(on_heartbeat));
    router.add("POST", "/v1/node/heartbeat",
               [routes](const http::Request& request) { return routes->heartbeat(request); });
    router.add("POST", "/v1/node/events",
               [routes](const http::Request& request) { return routes->event(request); });
}

}  // namespace hf::control
