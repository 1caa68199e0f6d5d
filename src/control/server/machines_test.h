// A server with enrolment over real TLS, machines that come to it, and certificates that nobody
// should have. Used by tests only.

#pragma once

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "control/server/api_server.h"
#include "control/server/enrolment.h"
#include "control/server/reasons.h"
#include "crypto/svid.h"
#include "http/client.h"
#include "store/memory.h"
#include "testing/manual_clock.h"
#include "testing/seeded_entropy.h"

namespace hf::control {

inline constexpr std::string_view kDomain = "plant";
inline constexpr std::string_view kNodes = "/apis/holdfast.dev/v1/nodes";
inline constexpr Duration kYear = std::chrono::hours(24 * 365);

// TLS verifies certificates by the machine's clock; the API, by the one that the test moves.
Instant machine_time();

struct Machine {
    std::string name;
    crypto::PrivateKey key = crypto::PrivateKey::generate();
    std::string chain;
};

struct Ask {
    std::string method = "GET";
    std::string path = {};
    std::string body = {};
    std::string bearer = {};
    std::string type = "application/json";
};

class Machines : public ::testing::Test {
protected:
    Machines();

    Result<http::Response> send(const Machine* machine, const Ask& ask);

    // "ok", the reason that the refusal begins with, or "handshake" when it did not get that far.
    std::string outcome(const Machine* machine, const Ask& ask);

    static Ask enrolment_of(const Machine& machine, const std::string& token);
    static Ask renewal_of(const Machine& machine);
    static Ask own_node(const Machine& machine);

    // Takes the certificate of an answer.
    static void take(Machine& machine, const http::Response& response);

    Machine joined(std::string name);
    void renew(Machine& machine);
    std::string token(const JoinOffer& offer = {});

    // A certificate for the machine's key by an authority of ours, or `by`, as OpenSSL's words
    // describe it.
    Machine forged(std::string name, const char* alternatives, const char* constraints,
                   const crypto::Credential* by = nullptr);

    // Whether an entry says that `verb` was done to the node's enrolment.
    bool is_audited(std::string_view verb, std::string_view node);

    // Whether an entry says that this caller was refused for that reason, whatever they asked.
    bool is_refusal_audited(const api::Identity& who, std::string_view reason);

    // The refusal, and its audit entry.
    void expect_refused(std::string_view what, const Machine& machine, const Ask& ask,
                        std::string_view reason);

    // The API's clock is a day and an hour late at first: what it issues then has ended for TLS.
    const Instant real_ = machine_time();
    testing::ManualClock clock_{real_ - std::chrono::hours(25)};
    testing::SeededEntropy entropy_;
    std::unique_ptr<store::Store> store_ = store::make_memory_store(clock_);
    resources::Resources resources_{*store_, clock_, entropy_};
    const crypto::Credential root_ =
        crypto::make_root("root", real_ - std::chrono::hours(100), 2 * kYear).value();
    const crypto::Credential authority_ =
        crypto::issue_intermediate(root_, "authority", real_ - std::chrono::hours(100), kYear)
            .value();
    Tokens tokens_{resources_, entropy_};
    JoinTokens join_tokens_{resources_, entropy_, root_.certificate_pem};
    std::unique_ptr<Enrolment> enrolment_ =
        Enrolment::create(resources_, join_tokens_, entropy_,
                          {authority_, root_.certificate_pem, std::string(kDomain)})
            .value();
    ApiServer api_{resources_, tokens_, "0.0.0", enrolment_.get()};
    http::Router router_;
    std::unique_ptr<http::Server> server_;
};

}  // namespace hf::control
