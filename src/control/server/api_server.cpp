#include "control/server/api_server.h"

#include "api/openapi.h"
#include "base/text.h"
#include "control/server/discovery.h"
#include "control/server/node_access.h"
#include "control/server/reasons.h"

namespace hf::control {
namespace {

constexpr std::string_view kOpenapiProtobuf =
    "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

bool is_health(std::string_view path) {
    return path == "/healthz" || path == "/livez" || path == "/readyz";
}

bool is_reading(std::string_view method) {
    return method == "GET" || method == "HEAD";
}

// Whether Accept asks for the protobuf form first of all, as kubectl does.
bool wants_protobuf(const http::Request& request) {
    const std::string_view accept = request.headers.get("Accept").value_or("");
    return accept.find("com.github.proto-openapi.spec.v2") != std::string_view::npos &&
           !accept.starts_with("application/json");
}

// Says so on an answer that may be old, because the store cannot be reached (RFC 9111, section 5.5,
// has the warning's number).
void mark_stale(http::Response& response, Duration staleness) {
    if (staleness <= Duration::zero()) return;
    const auto seconds = std::chrono::ceil<std::chrono::seconds>(staleness).count();
    response.headers.add("Warning", "110 - \"Response is stale: the store does not answer\"");
    response.headers.set(std::string(kStaleHeader), fmt::to_string(seconds));
}

Status no_nodes() {
    return reasons::refuse(Code::kUnauthenticated, reasons::kSvidNotServed,
                           "this server takes no nodes");
}

http::Response raw(std::string_view type, std::string_view body) {
    http::Response response = http::Response::text(200, body);
    response.headers.set("Content-Type", std::string(type));
    return response;
}

}  // namespace

About ApiServer::Call::about() const {
    return {path.group, path.resource, path.name, ""};
}

api::AccessRequest ApiServer::Call::access() const {
    api::AccessRequest access;
    access.verb = verb;
    access.group = path.group;
    access.resource = path.access_resource();
    access.ns = path.ns;
    access.name = path.name;
    return access;
}

std::string_view ApiServer::Call::query(std::string_view name) const {
    return request.query_value(name).value_or("");
}

ApiServer::ApiServer(resources::Resources& resources, Tokens& tokens, std::string version,
                     Enrolment* enrolment)
    : resources_(resources),
      tokens_(tokens),
      enrolment_(enrolment),
      version_(std::move(version)),
      openapi_v2_(json::write(api::openapi_v2())),
      openapi_v2_protobuf_(api::openapi_v2_protobuf()),
      openapi_v3_(json::write(api::openapi_v3())),
      refusals_(resources) {}

Result<api::Identity> ApiServer::authenticate(const http::Request& request) {
    if (!request.client_uris.empty()) {
        if (enrolment_) return enrolment_->authenticate(request);
        return no_nodes();
    }
    const std::optional<std::string_view> header = request.headers.get("Authorization");
    if (!header) {
        if (!request.client_name.empty()) return by_certificate(request);
        return unauthenticated(
            "Unauthorized: send 'Authorization: Bearer TOKEN'; the kubeconfig that `holdfast up` "
            "writes has one");
    }
    constexpr std::string_view kScheme = "bearer ";
    if (to_lower(header->substr(0, kScheme.size())) != kScheme)
        return unauthenticated("Unauthorized: only 'Authorization: Bearer TOKEN' is known here");
    return tokens_.authenticate(trim(header->substr(kScheme.size())));
}

// A certificate by name, as people and other servers have them.
Result<api::Identity> ApiServer::by_certificate(const http::Request& request) {
    const bool ended = request.client_not_after <= resources_.clock().now();
    const std::string& name = request.client_name;
    if (ended || request.client_is_authority || name.starts_with("system:")) {
        return unauthenticated("Unauthorized: the client certificate {}",
                               ended                         ? "has ended"
                               : request.client_is_authority ? "could sign others"
                                                             : "has a name kept for Holdfast");
    }
    return api::Identity{name, {std::string(api::kAuthenticatedGroup)}};
}

Status ApiServer::check_sent(const api::Identity& who, const json::Value& sent) {
    const std::optional<std::string> node = node_name(who);
    if (!node) return {};
    if (!enrolment_) return no_nodes();
    const EnrolmentRecord record = HF_TRY(enrolment_->get(*node));
    return check_node_site(*node, record.site, sent);
}

Status ApiServer::authorize(const api::Identity& who, const api::AccessRequest& access) {
    const Status decided = decide(who, access);
    refusals_.note(who, access, decided);
    return decided;
}

http::Response ApiServer::refused(const Call& call, const Status& why, const About& about,
                                  const std::vector<api::Cause>& causes) {
    refusals_.note(call.who, call.access(), why);
    return failure(why, about, causes);
}

Status ApiServer::decide(const api::Identity& who, const api::AccessRequest& access) {
    if (const auto node = node_name(who)) return decide_node_access(*node, access);
    if (who.is_in(api::kMastersGroup)) return {};
    const api::AccessRules rules = HF_TRY(resources_.access_rules());
    const api::Verdict verdict = rules.decide(who, access);
    if (verdict.allowed) return {};
    if (!access.path.empty()) return permission_denied("forbidden: {}", verdict.reason);
    const std::string group = access.group.empty() ? "" : "." + access.group;
    return permission_denied("{}{}{} is forbidden: {}", access.resource, group,
                             access.name.empty() ? "" : fmt::format(" \"{}\"", access.name),
                             verdict.reason);
}

void ApiServer::tick() {
    const Duration now = resources_.clock().monotonic();
    std::vector<std::shared_ptr<Wakener>> due;
    {
        const MutexLock lock(mutex_);
        std::erase_if(watches_, [&](const OpenWatch& watch) {
            std::shared_ptr<Wakener> wakener = watch.wakener.lock();
            if (!wakener) return true;
            if (wakener->due() <= now) due.push_back(std::move(wakener));
            return false;
        });
    }
    for (const std::shared_ptr<Wakener>& wakener : due) wakener->wake();
}

void ApiServer::end_watches(const std::string& user) {
    std::vector<std::shared_ptr<Wakener>> theirs;
    {
        const MutexLock lock(mutex_);
        for (const OpenWatch& watch : watches_) {
            if (watch.user != user) continue;
            if (auto wakener = watch.wakener.lock()) theirs.push_back(std::move(wakener));
        }
    }
    for (const std::shared_ptr<Wakener>& wakener : theirs) wakener->end();
}

http::Response ApiServer::handle(const http::Request& request) {
    if (is_health(request.path)) {
        return is_reading(request.method) ? http::Response::text(200, "ok")
                                          : http_failure(405, "only GET is served here");
    }
    const Result<api::Identity> who = authenticate(request);
    if (!who.ok()) return failure(who.status());
    if (request.body.size() > kMaxRequestBodyBytes) {
        return http_failure(413, fmt::format("the body has {} bytes; the limit is {}",
                                             request.body.size(), kMaxRequestBodyBytes));
    }
    const std::optional<RequestPath> path = parse_request_path(request.path);
    if (const auto node = node_name(*who)) {
        const Status reachable = check_node_path(*node, path ? &*path : nullptr);
        if (!reachable.ok()) {
            api::AccessRequest asked;
            asked.verb = to_lower(request.method);
            asked.path = request.path;
            refusals_.note(*who, asked, reachable);
            return failure(reachable);
        }
    }
    if (!path || path->resource.empty()) return document(request);
    const bool watches = is_yes(request.query_value("watch").value_or(""));
    Call call{request, *path, verb_of(request.method, *path, watches), *who, nullptr, {}};
    http::Response response = serve_resource(call);
    if (is_reading(request.method)) mark_stale(response, resources_.store().staleness());
    return response;
}

// Discovery and OpenAPI: the same for everybody who is known.
http::Response ApiServer::document(const http::Request& request) {
    if (!is_reading(request.method)) return http_failure(405, "only GET is served here");
    std::string_view path = request.path;
    if (path.size() > 1 && path.ends_with('/')) path.remove_suffix(1);
    if (path == "/version") return json_answer(200, version_info(version_));
    if (path == "/api") return json_answer(200, api_versions());
    if (path == "/apis") return json_answer(200, api_groups());
    if (path == "/apis/holdfast.dev") return json_answer(200, holdfast_group());
    if (path == "/openapi/v2") {
        return wants_protobuf(request) ? raw(kOpenapiProtobuf, openapi_v2_protobuf_)
                                       : raw("application/json", openapi_v2_);
    }
    if (path == "/openapi/v3") return json_answer(200, openapi_v3_paths());
    if (path == "/openapi/v3/apis/holdfast.dev/v1") return raw("application/json", openapi_v3_);
    if (const std::optional<RequestPath> parsed = parse_request_path(path)) {
        json::Value resources = api_resources(parsed->group, parsed->version);
        if (!resources.is_null()) return json_answer(200, resources);
    }
    return failure(not_found("the server could not find the requested resource"));
}

http::Response ApiServer::serve_resource(Call& call) {
    const auto nothing = [&] {
        return failure(not_found("the server could not find the requested resource"), call.about());
    };
    RequestPath& path = call.path;
    if (path.version != "v1") return nothing();
    if (call.verb.empty()) return http_failure(405, "the method is not served here");
    const bool reviews =
        path.group == "authorization.k8s.io" || path.group == "authentication.k8s.io";
    if (reviews) return review(call);
    const bool token = path.resource == "serviceaccounts" && path.subresource == "token";
    if (path.group.empty() && path.resource == "namespaces") return namespaces(call);
    const bool core_events = path.group.empty() && path.resource == "events";
    if (core_events && call.verb != "get" && call.verb != "list" && call.verb != "watch") {
        return http_failure(405, "events can only be read here; write them in holdfast.dev/v1");
    }
    if (path.group != api::kGroup && !core_events && !(token && path.group.empty()))
        return nothing();
    call.kind = api::find_resource(path.resource);
    if (!call.kind) return nothing();
    const bool scoped_wrongly = (!call.kind->namespaced && !path.ns.empty()) ||
                                (call.kind->namespaced && path.ns.empty() && !path.name.empty());
    const bool known_part = path.subresource.empty() || token ||
                            (path.subresource == "status" && call.kind->has_status());
    if (scoped_wrongly || !known_part) return nothing();
    api::AccessRequest access = call.access();
    access.group = std::string(api::kGroup);  // also of core events
    if (access.name.empty()) {
        const auto selector = api::FieldSelector::parse(call.query("fieldSelector"));
        if (selector.ok()) access.name = selector->name();
    }
    if (const Status status = authorize(call.who, access); !status.ok())
        return failure(status, call.about());
    const Result<Form> form = parse_form(call.request);
    if (!form.ok()) return http_failure(406, form.status().message());
    call.form = *form;
    if (token) return create_token(call);
    return dispatch_kind(call);
}

http::Response ApiServer::dispatch_kind(const Call& call) {
    const bool status_part = call.path.subresource == "status";
    if (call.verb == "get") return get(call);
    if (call.verb == "update") return update(call);
    if (call.verb == "patch") return patch(call);
    if (status_part) return http_failure(405, "status is read, put and patched only");
    if (call.verb == "list") return list(call);
    if (call.verb == "watch") return watch(call);
    if (call.verb == "delete") return remove(call);
    if (call.verb == "deletecollection") return remove_collection(call);
    if (call.verb == "create" && call.path.name.empty()) return create(call);
    return http_failure(405, "objects are created at their collection, without a name");
}

void add_api_routes(http::Router& router, ApiServer& server) {
    const auto handler = [&server](const http::Request& request) { return server.handle(request); };
    for (std::string_view pattern :
         {"/version/{rest...}", "/openapi/{rest...}", "/healthz", "/livez", "/readyz"}) {
        router.add("GET", pattern, handler);
    }
    for (std::string_view pattern : {"/api/{rest...}", "/apis/{rest...}"}) {
        for (std::string_view method : {"GET", "POST", "PUT", "PATCH", "DELETE"})
            router.add(method, pattern, handler);
    }
}

}  // namespace hf::control
