#include "control/server/machines_test.h"

#include <algorithm>
#include <ctime>

#include "crypto/issuing.h"

namespace hf::control {

Instant machine_time() {
    return Instant(std::chrono::seconds(std::time(nullptr)));
}

Machines::Machines() {
    add_api_routes(router_, api_);
    add_enrolment_routes(router_, *enrolment_);
    const crypto::Credential own =
        crypto::issue_server_certificate(authority_, {{}, {"127.0.0.1"}}, real_, kYear).value();
    http::ServerOptions options;
    options.tls.emplace();
    options.tls->certificate_pem =
        own.certificate_pem + authority_.certificate_pem + root_.certificate_pem;
    options.tls->key_pem = own.key.pem();
    options.tls->client_ca_pem = root_.certificate_pem;
    options.tls->admit_expired_clients = true;
    server_ = http::Server::start(std::move(options), router_).value();
}

Result<http::Response> Machines::send(const Machine* machine, const Ask& ask) {
    http::ClientOptions options;
    options.pinned_ca_sha256 = crypto::certificate_digest(root_.certificate_pem).value();
    options.tls13_only = true;
    if (machine) {
        options.certificate_pem = machine->chain;
        options.key_pem = machine->key.pem();
    }
    http::ClientRequest request;
    request.method = ask.method;
    request.url = fmt::format("https://127.0.0.1:{}{}", server_->port(), ask.path);
    request.body = to_bytes(ask.body);
    request.headers.add("Content-Type", ask.type);
    if (!ask.bearer.empty()) request.headers.add("Authorization", "Bearer " + ask.bearer);
    return http::Client::create(options).value()->send(request);
}

std::string Machines::outcome(const Machine* machine, const Ask& ask) {
    const Result<http::Response> response = send(machine, ask);
    if (response.status().code() == Code::kUnauthenticated) return "handshake";
    if (!response.ok()) return response.status().to_string();
    if (response->status < 300) return "ok";
    const json::Value status = json::parse(as_text(response->body)).value();
    EXPECT_EQ(json::get_string(status, "kind"), "Status");
    const std::string_view message = json::get_string(status, "message");
    return std::string(message.substr(0, message.find(':')));
}

Ask Machines::enrolment_of(const Machine& machine, const std::string& token) {
    const json::Object body{{"node", machine.name},
                            {"csr", crypto::make_signing_request(machine.key)}};
    return {"POST", "/v1/enrol", json::write(body), token};
}

Ask Machines::renewal_of(const Machine& machine) {
    return {"POST", "/v1/renew",
            json::write(json::Object{{"csr", crypto::make_signing_request(machine.key)}}), ""};
}

Ask Machines::own_node(const Machine& machine) {
    return {"GET", fmt::format("{}/{}", kNodes, machine.name), "", ""};
}

void Machines::take(Machine& machine, const http::Response& response) {
    ASSERT_EQ(response.status, 200) << as_text(response.body);
    const json::Value answer = json::parse(as_text(response.body)).value();
    machine.chain = std::string(json::get_string(answer, "certificateChain"));
}

Machine Machines::joined(std::string name) {
    Machine machine;
    machine.name = std::move(name);
    take(machine, send(nullptr, enrolment_of(machine, token())).value());
    return machine;
}

void Machines::renew(Machine& machine) {
    take(machine, send(&machine, renewal_of(machine)).value());
}

std::string Machines::token(const JoinOffer& offer) {
    return join_tokens_.issue(offer, admin_identity()).value();
}

Machine Machines::forged(std::string name, const char* alternatives, const char* constraints,
                         const crypto::Credential* by) {
    namespace openssl = crypto::openssl;
    Machine machine;
    machine.name = std::move(name);
    const crypto::Credential& issuer = by ? *by : authority_;
    const openssl::Certificate made(X509_new());
    const openssl::Certificate signer = crypto::parse_certificate(issuer.certificate_pem).value();
    const openssl::Key own = crypto::handle_of(machine.key);
    const openssl::Key signing = crypto::handle_of(issuer.key);
    X509_set_version(made.get(), X509_VERSION_3);
    ASN1_INTEGER_set(X509_get_serialNumber(made.get()), 77);
    X509_set_issuer_name(made.get(), X509_get_subject_name(signer.get()));
    X509_gmtime_adj(X509_getm_notBefore(made.get()), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made.get()), 3600);
    X509_set_pubkey(made.get(), own.get());
    const std::pair<int, const char*> extensions[] = {{NID_subject_alt_name, alternatives},
                                                      {NID_basic_constraints, constraints},
                                                      {NID_key_usage, "critical,digitalSignature"},
                                                      {NID_ext_key_usage, "clientAuth,serverAuth"}};
    for (const auto& [kind, value] : extensions) {
        const openssl::Extension extension(X509V3_EXT_nconf_nid(nullptr, nullptr, kind, value));
        X509_add_ext(made.get(), extension.get(), -1);
    }
    X509_sign(made.get(), signing.get(), EVP_sha256());
    machine.chain = crypto::pem_of(made.get()) + issuer.certificate_pem;
    return machine;
}

bool Machines::is_audited(std::string_view verb, std::string_view node) {
    const store::ListResult entries = store_->list("/audit/", {}).value();
    for (const store::KeyValue& item : entries.items) {
        const json::Value entry = json::parse(item.value).value();
        if (json::get_string(entry, "resource") == "enrolments" &&
            json::get_string(entry, "verb") == verb && json::get_string(entry, "name") == node)
            return true;
    }
    return false;
}

bool Machines::is_refusal_audited(const api::Identity& who, std::string_view reason) {
    const std::string verb = fmt::format("refuse/{}", reason);
    const store::ListResult entries = store_->list("/audit/", {}).value();
    return std::any_of(entries.items.begin(), entries.items.end(), [&](const auto& item) {
        const json::Value entry = json::parse(item.value).value();
        return json::get_string(entry, "verb") == verb &&
               json::get_string(entry, "user") == who.user;
    });
}

void Machines::expect_refused(std::string_view what, const Machine& machine, const Ask& ask,
                              std::string_view reason) {
    EXPECT_EQ(outcome(&machine, ask), reason) << what;
    EXPECT_TRUE(is_audited(fmt::format("refuse/{}", reason), machine.name)) << what;
}

}  // namespace hf::control
