// Who may read a model's bytes (edge-trust case A65: the artifact cache as a confused deputy).

#include "control/server/model_access.h"

#include "control/server/machines_test.h"

namespace hf::control {
namespace {

using std::chrono::hours;

class ModelAccess : public Machines {
protected:
    // The request as it is after the handshake of this machine.
    http::Request from(const Machine& machine) {
        const crypto::CertificateFacts facts = crypto::read_certificate(machine.chain).value();
        http::Request request;
        request.tls_version = "TLSv1.3";
        request.client_uris = {"spiffe://plant/node/" + machine.name};
        request.client_serial = facts.serial_hex;
        request.client_key = machine.key.public_key().fingerprint();
        request.client_not_after = facts.not_after;
        return request;
    }

    http::Request from(const std::string& user) {
        const api::Identity who{user, {std::string(api::kAuthenticatedGroup)}};
        http::Request request;
        request.headers.add("Authorization",
                            "Bearer " + tokens_.issue(who, admin_identity()).value());
        return request;
    }

    void make(std::string_view text) {
        resources::WriteOptions options;
        options.who = admin_identity();
        api::Object object = api::Object::from_json(json::parse(text).value()).value();
        const Status made = resources_.create(std::move(object), options).status();
        ASSERT_TRUE(made.ok()) << made.to_string();
    }

    std::string may(const http::Request& request, const std::string& repository) {
        const Status status = may_read_models(api_, resources_, request, repository);
        if (status.ok()) return "ok";
        EXPECT_EQ(status.code(), Code::kPermissionDenied) << status.to_string();
        const std::string_view reason = reasons::of(status);
        return std::string(reasons::is_reason(reason) ? reason : reasons::kForbidden);
    }
};

TEST_F(ModelAccess, A65ANodeReadsWhatItIsOrderedToRun) {
    clock_.advance(hours(25));
    const Machine press = joined("press");
    make(R"({"apiVersion":"holdfast.dev/v1","kind":"Node","metadata":{"name":"press"},"spec":
        {"services":[{"namespace":"default","name":"pump","uid":"u","generation":1,
        "model":"pump:v1"}]}})");
    EXPECT_EQ(may(from(press), "pump"), "ok");
    EXPECT_FALSE(is_refusal_audited(node_identity("press"), reasons::kNotItsModel));
    for (const std::string repository :
         {"pump-2", "pum", "Pump", "a/pump", "pump/a", "pump:v1", "pump@sha256", "*", "../pump"}) {
        EXPECT_EQ(may(from(press), repository), reasons::kNotItsModel) << repository;
    }
    EXPECT_TRUE(is_refusal_audited(node_identity("press"), reasons::kNotItsModel));
}

TEST_F(ModelAccess, A65APersonReadsWhatARoleSays) {
    make(R"({"apiVersion":"holdfast.dev/v1","kind":"Role","metadata":{"name":"reader",
        "namespace":"holdfast-system"},"rules":[{"apiGroups":["holdfast.dev"],
        "resources":["models"],"resourceNames":["pump"],"verbs":["get"]}]})");
    make(R"({"apiVersion":"holdfast.dev/v1","kind":"RoleBinding","metadata":{"name":"ada",
        "namespace":"holdfast-system"},"roleRef":{"kind":"Role","name":"reader"},
        "subjects":[{"kind":"User","name":"ada"}]})");
    make(R"({"apiVersion":"holdfast.dev/v1","kind":"Role","metadata":{"name":"admin-of-default",
        "namespace":"default"},"rules":[{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}]})");
    make(R"({"apiVersion":"holdfast.dev/v1","kind":"RoleBinding","metadata":{"name":"eve",
        "namespace":"default"},"roleRef":{"kind":"Role","name":"admin-of-default",
        "namespace":"default"},"subjects":[{"kind":"User","name":"eve"}]})");
    EXPECT_EQ(may(from("ada"), "pump"), "ok");
    for (const std::string repository : {"pump-2", "pum", "a/pump", "pump/a", "*"}) {
        EXPECT_EQ(may(from("ada"), repository), reasons::kForbidden) << repository;
    }
    EXPECT_EQ(may(from("eve"), "pump"), reasons::kForbidden) << "models are of the whole cluster";
    EXPECT_TRUE(is_refusal_audited({"ada", {}}, reasons::kForbidden));
    EXPECT_TRUE(is_refusal_audited({"eve", {}}, reasons::kForbidden));
}

}  // namespace
}  // namespace hf::control
