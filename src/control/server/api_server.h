// ApiServer: the resource API over HTTP, as Kubernetes' clients speak it: discovery, OpenAPI,
// verbs, watches, access reviews. Every request is authenticated by bearer token or client
// certificate and its access judged by Roles and RoleBindings; only health checks are open to all.
// Nodes come with the certificate of their enrolment (enrolment.h) and may do what node_access.h
// lists, whatever Roles say. A certificate with URIs decides alone: a token beside it is not read.
// Who is known and refused leaves an audit entry (refusal_audit.h).
//
// Not here, and refused clearly: server-side apply and strategic merge patches (415).
//
// Thread-safety: handle() and tick() from any thread. Failures are metav1.Status answers.

#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "control/server/answers.h"
#include "control/server/enrolment.h"
#include "control/server/refusal_audit.h"
#include "control/server/request_path.h"
#include "control/server/tokens.h"
#include "control/server/watch_stream.h"
#include "http/server.h"
#include "resources/resources.h"

namespace hf::control {

// Bounds. A larger body is refused with 413, a watch too many with 503; a watch's life is cut.
inline constexpr std::size_t kMaxRequestBodyBytes = 3u << 20;
inline constexpr std::size_t kMaxWatches = 20'000;
inline constexpr Duration kMaxWatchLife = std::chrono::minutes(30);

// On the answer to a GET while the store cannot be reached: for how many seconds it could not.
inline constexpr std::string_view kStaleHeader = "X-Holdfast-Stale";

class ApiServer final {
public:
    // `version` is Holdfast's; without `enrolment`, nodes are refused. REQUIRES: all outlive this.
    ApiServer(resources::Resources& resources, Tokens& tokens, std::string version,
              Enrolment* enrolment = nullptr);

    http::Response handle(const http::Request& request);

    // Lets watches notice their time. Called by the owner about once a second.
    void tick();

    // Told when a node begins to watch its orders, and when that watch is gone; from any thread.
    // Set once, before requests come.
    using OnNode = std::function<void(const std::string& node, bool watches)>;
    void set_on_node(OnNode on_node) { on_node_ = std::move(on_node); }

    // Ends the watches that this user has open: they were refused since.
    void end_watches(const std::string& user);

    // Who asks: UNAUTHENTICATED when that is not known. Also for other routes of the same server.
    Result<api::Identity> authenticate(const http::Request& request);

    // PERMISSION_DENIED, in Kubernetes' words, unless allowed; a refusal is audited.
    Status authorize(const api::Identity& who, const api::AccessRequest& access);

    // For refusals of callers who are known that other routes of the same server decide.
    void audit_refusal(const api::Identity& who, const api::AccessRequest& asked,
                       const Status& refusal) {
        refusals_.note(who, asked, refusal);
    }

private:
    Result<api::Identity> by_certificate(const http::Request& request);

    Status decide(const api::Identity& who, const api::AccessRequest& access);

    // What a node may not say of itself, in an object or merge patch that it sends.
    Status check_sent(const api::Identity& who, const json::Value& sent);

    struct OpenWatch {
        std::string user;
        std::weak_ptr<Wakener> wakener;
    };

    // One request on its way: what it is about and who asks.
    struct Call {
        const http::Request& request;
        RequestPath path;
        std::string_view verb;
        api::Identity who;
        const api::Kind* kind = nullptr;
        Form form;

        About about() const;
        api::AccessRequest access() const;
        std::string_view query(std::string_view name) const;
    };
    // What a handler knows only after parsing; see verbs.cpp.
    Result<resources::WriteOptions> write_options(const Call& call, resources::Report& report);

    // The answer to a call that failed; audited when it was forbidden.
    http::Response refused(const Call& call, const Status& why, const About& about,
                           const std::vector<api::Cause>& causes = {});

    http::Response document(const http::Request& request);
    http::Response serve_resource(Call& call);
    http::Response dispatch_kind(const Call& call);

    // verbs.cpp
    http::Response get(const Call& call);
    http::Response list(const Call& call);
    http::Response watch(const Call& call);
    http::Response create(const Call& call);
    http::Response update(const Call& call);
    http::Response patch(const Call& call);
    http::Response remove(const Call& call);
    http::Response remove_collection(const Call& call);
    Result<std::shared_ptr<WatchStream>> open_watch(const Call& call);

    // reviews.cpp
    http::Response review(const Call& call);
    json::Value access_review(const Call& call, const json::Value& asked);
    json::Value rules_review(const Call& call, const json::Value& asked);
    http::Response create_token(const Call& call);
    http::Response namespaces(const Call& call);

    resources::Resources& resources_;
    Tokens& tokens_;
    OnNode on_node_;
    Enrolment* const enrolment_;  // may be null
    const std::string version_;
    const std::string openapi_v2_, openapi_v2_protobuf_, openapi_v3_;
    RefusalAudit refusals_;
    Mutex mutex_;
    std::vector<OpenWatch> watches_ HF_GUARDED_BY(mutex_);
};

// Adds all of the API's routes. REQUIRES: `server` outlives the HTTP server that the router goes
// into.
void add_api_routes(http::Router& router, ApiServer& server);

}  // namespace hf::control
