#include "control/server/admin_routes.h"

#include <memory>

#include "base/text.h"

namespace hf::control {
namespace {

http::Response no_content() {
    http::Response response;
    response.status = 204;
    return response;
}

json::Value to_json(const JoinTokens::Open& token) {
    json::Array used;
    for (const JoinClaim& claim : token.record.used) used.emplace_back(claim.node);
    return {{"id", token.id},
            {"node", token.record.node},
            {"site", token.record.site},
            {"uses", token.record.uses},
            {"usedBy", std::move(used)},
            {"expires", format_rfc3339(token.record.expires)}};
}

json::Value to_json(const EnrolmentRecord& record) {
    return {{"node", record.node},
            {"site", record.site},
            {"state", name_of(record.state)},
            {"why", record.why},
            {"serial", record.current},
            {"until", format_rfc3339(record.until)},
            {"enrolled", format_rfc3339(record.enrolled)},
            {"renewed", format_rfc3339(record.renewed)}};
}

Result<JoinOffer> read_offer(const json::Value& body) {
    JoinOffer offer;
    offer.node = std::string(json::get_string(body, "node"));
    offer.site = std::string(json::get_string(body, "site"));
    offer.uses = json::get_int(body, "uses", 1);
    const std::int64_t hour = 3600;
    const std::int64_t seconds = json::get_int(body, "validitySeconds", hour);
    const std::int64_t most =
        std::chrono::duration_cast<std::chrono::seconds>(kMaxJoinValidity).count();
    if (seconds < 1 || seconds > most) {
        return invalid_argument("validitySeconds: {} is outside 1 to {}", seconds, most);
    }
    offer.validity = std::chrono::seconds(seconds);
    return offer;
}

class AdminRoutes final {
public:
    explicit AdminRoutes(const AdminParts& parts) : parts_(parts) {}

    http::Response issue(const http::Request& request) {
        return answer(201, [&]() -> Result<json::Value> {
            const api::Identity who = HF_TRY(allow(request, "create", "jointokens", ""));
            const json::Value body = HF_TRY(body_of(request));
            const JoinOffer offer = HF_TRY(read_offer(body));
            std::string token = HF_TRY(parts_.tokens.issue(offer, who));
            return json::Object{{"token", std::move(token)}};
        });
    }

    http::Response list_tokens(const http::Request& request) {
        return answer(200, [&]() -> Result<json::Value> {
            HF_TRY(allow(request, "list", "jointokens", ""));
            const std::vector<JoinTokens::Open> tokens = HF_TRY(parts_.tokens.list());
            json::Array items;
            for (const JoinTokens::Open& token : tokens) items.push_back(to_json(token));
            return json::Object{{"items", std::move(items)}};
        });
    }

    http::Response revoke_token(const http::Request& request) {
        return answer(204, [&]() -> Result<json::Value> {
            const std::string id(request.path_parameter("id"));
            const api::Identity who = HF_TRY(allow(request, "delete", "jointokens", id));
            HF_TRY(parts_.tokens.revoke(id, who));
            return json::Value();
        });
    }

    http::Response list_enrolments(const http::Request& request) {
        return answer(200, [&]() -> Result<json::Value> {
            HF_TRY(allow(request, "list", "enrolments", ""));
            const std::vector<EnrolmentRecord> records = HF_TRY(parts_.enrolment.list());
            json::Array items;
            for (const EnrolmentRecord& record : records) items.push_back(to_json(record));
            return json::Object{{"items", std::move(items)}};
        });
    }

    http::Response revoke_node(const http::Request& request) {
        return answer(204, [&]() -> Result<json::Value> {
            const std::string node(request.path_parameter("node"));
            const api::Identity who = HF_TRY(allow(request, "update", "enrolments", node));
            const json::Value body = HF_TRY(body_of(request));
            HF_TRY(parts_.enrolment.revoke(node, json::get_string(body, "why"), who));
            parts_.api.end_watches(node_identity(node).user);
            return json::Value();
        });
    }

    http::Response allow_node(const http::Request& request) {
        return answer(204, [&]() -> Result<json::Value> {
            const std::string node(request.path_parameter("node"));
            const api::Identity who = HF_TRY(allow(request, "update", "enrolments", node));
            HF_TRY(parts_.enrolment.clear(node, who));
            return json::Value();
        });
    }

    // A node that got a certificate is in the list of nodes, with its Site; the Site is the
    // server's word, by the join token.
    http::Response enrolled(const http::Response& response) {
        if (response.status >= 300) return response;
        const Result<json::Value> body = json::parse(as_text(response.body));
        const Status made = body.ok() ? make_node(*body) : body.status();
        return made.ok() ? response : failure(made);
    }

private:
    template <typename Act>
    http::Response answer(int status, Act act) {
        const Result<json::Value> result = act();
        if (!result.ok()) return failure(result.status());
        return status == 204 ? no_content() : json_answer(status, *result);
    }

    Result<api::Identity> allow(const http::Request& request, std::string_view verb,
                                std::string_view resource, const std::string& name) {
        api::Identity who = HF_TRY(parts_.api.authenticate(request));
        api::AccessRequest access;
        access.verb = verb;
        access.resource = resource;
        access.name = name;
        HF_TRY(parts_.api.authorize(who, access));
        return who;
    }

    static Result<json::Value> body_of(const http::Request& request) {
        if (request.body.size() > kMaxEnrolBodyBytes) {
            return resource_exhausted("the body has {} bytes; the limit is {}", request.body.size(),
                                      kMaxEnrolBodyBytes);
        }
        if (request.body.empty()) return json::Value(json::Object());
        return json::parse(as_text(request.body)).context("the body");
    }

    Status make_node(const json::Value& enrolment) {
        const std::string name(json::get_string(enrolment, "node"));
        const std::string site(json::get_string(enrolment, "site"));
        resources::WriteOptions write;
        write.who = api::Identity::of_system("enrolment");
        api::Object node = api::Object::make("Node", "", name);
        if (!site.empty()) node.edit_spec()["site"] = site;
        const Status made = parts_.resources.create(std::move(node), write).status();
        if (made.code() != Code::kAlreadyExists) return made;
        if (site.empty()) return {};
        const auto edit = [&](api::Object& known) -> Status {
            known.edit_spec()["site"] = site;
            return {};
        };
        return parts_.resources.modify({&api::node_kind(), "", name}, write, edit).status();
    }

    const AdminParts parts_;
};

}  // namespace

void add_admin_routes(http::Router& router, const AdminParts& parts) {
    const auto routes = std::make_shared<AdminRoutes>(parts);
    Enrolment* const enrolment = &parts.enrolment;
    using Request = const http::Request&;
    router.add("POST", "/v1/join-tokens", [routes](Request r) { return routes->issue(r); });
    router.add("GET", "/v1/join-tokens", [routes](Request r) { return routes->list_tokens(r); });
    router.add("DELETE", "/v1/join-tokens/{id}",
               [routes](Request r) { return routes->revoke_token(r); });
    router.add("GET", "/v1/enrolments", [routes](Request r) { return routes->list_enrolments(r); });
    router.add("POST", "/v1/enrolments/{node}/revoke",
               [routes](Request r) { return routes->revoke_node(r); });
    router.add("POST", "/v1/enrolments/{node}/allow",
               [routes](Request r) { return routes->allow_node(r); });
    router.add("POST", "/v1/enrol",
               [routes, enrolment](Request r) { return routes->enrolled(enrolment->enrol(r)); });
    router.add("POST", "/v1/renew",
               [routes, enrolment](Request r) { return routes->enrolled(enrolment->renew(r)); });
}

}  // namespace hf::control
