// Enrolment: how machines get identities and are known by them. A machine makes a key, comes once
// with a join token and a signing request, and gets an X.509-SVID (SPIFFE X509-SVID standard) for
// spiffe://TRUST-DOMAIN/node/NAME, good for a day; by it alone it renews and speaks to the API.
//
//     POST /v1/enrol   Authorization: Bearer JOIN-TOKEN   {"node": NAME, "csr": PEM}
//     POST /v1/renew   by its certificate                 {"csr": PEM}
//
// Both answer {"node", "certificateChain", "trustBundle", "site", "renewAfter"}. A certificate that
// ended renews for kRenewalGrace: the handshake proves the key afresh, which a signing request,
// that anyone may have kept, does not. So the HTTP server has Tls::admit_expired_clients, and every
// other use is refused here by the store's clock.
//
// What is known of a node lies in the store under "/enrolments/NAME" (enrolment_record.h decides).
// Revocation counts from the next request on. Every change, and every refusal of a node that its
// certificate or token names, is audited; the latter once a minute for each node and reason, so
// that nobody can wash the audit away. docs/reference/enrolment.md is for people.
//
// Thread-safety: all methods from any thread. Refusals begin with a reason of reasons.h.

#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "control/server/enrolment_record.h"
#include "control/server/join_tokens.h"
#include "control/server/refusal_audit.h"
#include "crypto/certificates.h"
#include "crypto/spiffe.h"
#include "http/server.h"

namespace hf::control {

inline constexpr std::string_view kNodesGroup = "system:nodes";
inline constexpr std::string_view kNodeUserPrefix = "system:node:";

inline constexpr std::size_t kMaxEnrolBodyBytes = 16u << 10;

struct EnrolmentOptions {
    crypto::Credential authority;  // signs nodes
    std::string root_pem;          // signed the authority
    std::string trust_domain;
    Duration validity = std::chrono::hours(24);  // renewed after half of it
};

class Enrolment final {
    struct Private {
        explicit Private() = default;
    };

public:
    // FAILED_PRECONDITION when authority and root do not fit, INVALID_ARGUMENT when the trust
    // domain is none. REQUIRES: `tokens` is of the same root; all outlive this.
    static Result<std::unique_ptr<Enrolment>> create(resources::Resources& resources,
                                                     JoinTokens& tokens, env::Entropy& entropy,
                                                     EnrolmentOptions options);

    struct Parts {
        resources::Resources& resources;
        JoinTokens& tokens;
        env::Entropy& entropy;
    };
    Enrolment(Private, const Parts& parts, EnrolmentOptions options);

    http::Response enrol(const http::Request& request);
    http::Response renew(const http::Request& request);

    // "system:node:NAME" in system:nodes, of a request whose verified client certificate has URIs.
    Result<api::Identity> authenticate(const http::Request& request);

    // Its certificates are refused from now on; its name is free for another key. NOT_FOUND when it
    // is not enrolled.
    Status revoke(std::string_view node, std::string_view why, const api::Identity& by);

    // Lets a quarantined node go on. FAILED_PRECONDITION when it is not quarantined.
    Status clear(std::string_view node, const api::Identity& by);

    Result<EnrolmentRecord> get(std::string_view node);
    Result<std::vector<EnrolmentRecord>> list();  // by name

private:
    struct Stored {
        std::optional<EnrolmentRecord> record;
        store::Revision revision{0};

        const EnrolmentRecord* known() const { return record ? &*record : nullptr; }
    };
    struct Shown {
        std::string node;
        ShownSvid svid;
    };
    struct Asked;

    Result<Stored> read(std::string_view node);
    Result<json::Value> try_enrol(const http::Request& request);
    Result<json::Value> try_renew(const http::Request& request);
    Result<json::Value> issue(const Asked& asked, const Stored& stored,
                              store::Transaction& transaction);
    Status refused(const Asked& asked, const Stored& stored, const EnrolmentDecision& decision);
    Result<Shown> shown_by(const http::Request& request);
    Status apply(const Stored& stored, const EnrolmentDecision& decision);
    Status change(std::string_view node, std::string_view verb, const api::Identity& by,
                  const std::function<Result<EnrolmentRecord>(EnrolmentRecord)>& edit);
    void add_change(const Stored& stored, const EnrolmentRecord& next,
                    store::Transaction& transaction) const;
    void add_audit(const api::Identity& who, std::string_view verb, std::string_view node,
                   store::Transaction& transaction);
    void audit_refusal(std::string_view node, const Status& refusal);

    resources::Resources& resources_;
    JoinTokens& tokens_;
    env::Entropy& entropy_;
    const EnrolmentOptions options_;
    RefusalPace refusals_;
};

api::Identity node_identity(std::string_view node);

// REQUIRES: `enrolment` outlives the HTTP server that the router goes into.
void add_enrolment_routes(http::Router& router, Enrolment& enrolment);

}  // namespace hf::control
