// What the API tells people about themselves (access reviews), tokens for ServiceAccounts, and the
// built-in namespaces.

#include "base/text.h"
#include "control/server/api_server.h"
#include "control/server/review_body.h"

namespace hf::control {
namespace {

using api::Object;

constexpr std::int64_t kMinTokenSeconds = 600;
constexpr std::int64_t kDefaultTokenSeconds = 3600;
constexpr std::int64_t kMaxTokenSeconds = 10 * 365 * 24 * 3600ll;

json::Array strings(const std::vector<std::string>& texts) {
    json::Array array;
    for (const std::string& text : texts) array.emplace_back(text);
    return array;
}

// What is asked about, or null.
const json::Value& asked_for(const json::Value& spec, std::string_view key) {
    static const json::Value kNull;
    const json::Value* value = json::find(spec, key);
    return value ? *value : kNull;
}

// Core events and namespaces stand for our own.
std::string access_group(std::string_view group, std::string_view resource) {
    return group.empty() && resource == "events" ? std::string(api::kGroup) : std::string(group);
}

Result<json::Value> parse_review(const http::Request& request) {
    const bool protobuf =
        request.headers.get("Content-Type").value_or("").starts_with(kKubernetesProtobuf);
    if (protobuf) return parse_protobuf_review(request.body);
    json::Value body = HF_TRY(json::parse(as_text(request.body), kMaxRequestBodyBytes));
    if (!body.is_object()) return invalid_argument("a review must be an object");
    return body;
}

const api::Kind& namespace_kind() {
    static const api::Kind kKind{"Namespace",
                                 "namespaces",
                                 "namespace",
                                 {"ns"},
                                 "A space that names are unique in. Built in.",
                                 false,
                                 {},
                                 {{"Status", "status.phase", "Always Active."}}};
    return kKind;
}

Object make_namespace(std::string_view name) {
    Object object = Object::make("Namespace", "", name);
    object.fields()["apiVersion"] = "v1";
    object.set_label("kubernetes.io/metadata.name", name);
    object.edit_metadata()["uid"] = fmt::format("namespace-{}", name);
    object.edit_metadata()["resourceVersion"] = "1";
    object.edit_status()["phase"] = "Active";
    return object;
}

}  // namespace

// SelfSubjectAccessReview, SelfSubjectRulesReview, SelfSubjectReview: for everybody who is known.
http::Response ApiServer::review(const Call& call) {
    const std::string& resource = call.path.resource;
    const bool known =
        call.path.group == "authorization.k8s.io"
            ? resource == "selfsubjectaccessreviews" || resource == "selfsubjectrulesreviews"
            : resource == "selfsubjectreviews";
    if (!known) {
        return failure(not_found("the server could not find the requested resource"), call.about());
    }
    if (call.verb != "create" || !call.path.name.empty())
        return http_failure(405, "reviews are only created");
    Result<json::Value> body = parse_review(call.request);
    if (!body.ok()) return failure(body.status(), call.about());
    const json::Value spec = asked_for(*body, "spec");
    json::Value status;
    if (resource == "selfsubjectreviews") {
        status = json::Object{{"userInfo", json::Object{{"username", call.who.user},
                                                        {"groups", strings(call.who.groups)}}}};
    } else if (resource == "selfsubjectaccessreviews") {
        status = access_review(call, spec);
    } else {
        status = rules_review(call, spec);
    }
    body->get_object()["status"] = std::move(status);
    return json_answer(201, *body);
}

json::Value ApiServer::access_review(const Call& call, const json::Value& spec) {
    const json::Value& attributes = asked_for(spec, "resourceAttributes");
    const json::Value& path = asked_for(spec, "nonResourceAttributes");
    api::AccessRequest access;
    if (!path.is_null()) {
        access.verb = std::string(json::get_string(path, "verb"));
        access.path = std::string(json::get_string(path, "path"));
    } else {
        access.verb = std::string(json::get_string(attributes, "verb"));
        access.resource = std::string(json::get_string(attributes, "resource"));
        access.group = access_group(json::get_string(attributes, "group"), access.resource);
        access.ns = std::string(json::get_string(attributes, "namespace"));
        access.name = std::string(json::get_string(attributes, "name"));
        const api::Kind* kind = api::find_resource(access.resource);
        if (kind && !kind->namespaced) access.ns.clear();
        const std::string_view part = json::get_string(attributes, "subresource");
        if (!part.empty()) access.resource += fmt::format("/{}", part);
    }
    const Result<api::AccessRules> rules = resources_.access_rules();
    if (!rules.ok()) {
        return json::Object{{"allowed", false}, {"evaluationError", rules.status().message()}};
    }
    const api::Verdict verdict = rules->decide(call.who, access);
    return json::Object{{"allowed", verdict.allowed}, {"reason", verdict.reason}};
}

json::Value ApiServer::rules_review(const Call& call, const json::Value& spec) {
    json::Array resource_rules, path_rules;
    const Result<api::AccessRules> access = resources_.access_rules();
    std::vector<api::Rule> rules;
    if (access.ok()) rules = access->rules_for(call.who, json::get_string(spec, "namespace"));
    // What everybody may who is known.
    rules.push_back({{"authorization.k8s.io"},
                     {"selfsubjectaccessreviews", "selfsubjectrulesreviews"},
                     {"create"},
                     {},
                     {}});
    rules.push_back({{"authentication.k8s.io"}, {"selfsubjectreviews"}, {"create"}, {}, {}});
    rules.push_back({{""}, {"namespaces"}, {"get", "list"}, {}, {}});
    rules.push_back({{},
                     {},
                     {"get"},
                     {},
                     {"/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi/*",
                      "/readyz", "/version"}});
    for (const api::Rule& rule : rules) {
        if (!rule.resources.empty()) {
            resource_rules.push_back(json::Object{{"verbs", strings(rule.verbs)},
                                                  {"apiGroups", strings(rule.groups)},
                                                  {"resources", strings(rule.resources)},
                                                  {"resourceNames", strings(rule.names)}});
        }
        if (!rule.paths.empty()) {
            path_rules.push_back(json::Object{{"verbs", strings(rule.verbs)},
                                              {"nonResourceURLs", strings(rule.paths)}});
        }
    }
    return json::Object{{"resourceRules", std::move(resource_rules)},
                        {"nonResourceRules", std::move(path_rules)},
                        {"incomplete", !access.ok()}};
}

// authentication.k8s.io/v1 TokenRequest, as `kubectl create token` sends it.
http::Response ApiServer::create_token(const Call& call) {
    if (call.verb != "create") return http_failure(405, "tokens are only created");
    Result<json::Value> body = parse_review(call.request);
    if (!body.ok()) return failure(body.status(), call.about());
    const std::int64_t seconds =
        json::get_int(asked_for(*body, "spec"), "expirationSeconds", kDefaultTokenSeconds);
    if (seconds < kMinTokenSeconds || seconds > kMaxTokenSeconds) {
        return failure(invalid_argument("spec.expirationSeconds: Invalid value: {}: want {} to {}",
                                        seconds, kMinTokenSeconds, kMaxTokenSeconds),
                       call.about());
    }
    const Instant expires = resources_.clock().now() + std::chrono::seconds(seconds);
    const Result<std::string> token =
        tokens_.issue_for_account({call.kind, call.path.ns, call.path.name}, call.who, expires);
    if (!token.ok()) return failure(token.status(), call.about());
    body->get_object()["status"] =
        json::Object{{"token", *token}, {"expirationTimestamp", format_rfc3339(expires)}};
    return json_answer(201, *body);
}

http::Response ApiServer::namespaces(const Call& call) {
    if (call.verb != "get" && call.verb != "list") {
        return http_failure(405, fmt::format("namespaces are built in ({}); they are only read",
                                             join(api::all_namespaces(), ", ")));
    }
    const Result<Form> form = parse_form(call.request);
    if (!form.ok()) return http_failure(406, form.status().message());
    const Instant now = resources_.clock().now();
    if (call.verb == "get") {
        if (!api::is_namespace(call.path.name)) {
            return failure(not_found("namespaces \"{}\" not found", call.path.name), call.about());
        }
        return json_answer(200,
                           shaped(*form, namespace_kind(), make_namespace(call.path.name), now));
    }
    const auto labels = api::LabelSelector::parse(call.query("labelSelector"));
    const auto fields = api::FieldSelector::parse(call.query("fieldSelector"));
    if (!labels.ok()) return failure(labels.status(), call.about());
    if (!fields.ok()) return failure(fields.status(), call.about());
    resources::ObjectList list;
    list.resource_version = "1";
    for (const std::string& name : api::all_namespaces()) {
        Object object = make_namespace(name);
        if (labels->matches(object) && fields->matches(object)) list.items.push_back(object);
    }
    json::Value value = shaped_list(*form, namespace_kind(), list, now);
    if (form->shape == Form::Shape::kObject) value.get_object()["apiVersion"] = "v1";
    return json_answer(200, value);
}

}  // namespace hf::control
