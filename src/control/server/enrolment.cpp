#include "control/server/enrolment.h"

#include "api/names.h"
#include "base/text.h"
#include "control/server/answers.h"
#include "control/server/reasons.h"
#include "crypto/svid.h"
#include "resources/audit.h"

namespace hf::control {
namespace {

using reasons::refuse;

constexpr std::string_view kPrefix = "/enrolments/";
constexpr std::string_view kResource = "enrolments";
constexpr std::string_view kNodePath = "/node/";
constexpr std::string_view kTls13 = "TLSv1.3";
constexpr std::size_t kAuditIdBytes = 8;

// How often a decision is made again because somebody else wrote between.
constexpr int kMaxTries = 16;

std::string key_of(std::string_view node) {
    return fmt::format("{}{}", kPrefix, node);
}

Status too_busy(std::string_view node) {
    return unavailable("others change the enrolment of '{}' all the time; try again", node);
}

Result<std::string_view> bearer(const http::Request& request) {
    constexpr std::string_view kScheme = "bearer ";
    const std::string_view header = request.headers.get("Authorization").value_or("");
    if (to_lower(header.substr(0, kScheme.size())) != kScheme) {
        return refuse(Code::kUnauthenticated, reasons::kJoinTokenMissing,
                      "send 'Authorization: Bearer JOIN-TOKEN'");
    }
    return trim(header.substr(kScheme.size()));
}

Status malformed(const Status& status) {
    return refuse(Code::kInvalidArgument, reasons::kRequestMalformed, "{}", status.message());
}

Result<json::Value> parse_body(const http::Request& request) {
    Result<json::Value> body = json::parse(as_text(request.body), kMaxEnrolBodyBytes);
    if (!body.ok()) return malformed(body.status());
    return body;
}

Result<crypto::PublicKey> parse_csr(const json::Value& body) {
    const Result<std::string> pem = json::need_string(body, "csr");
    if (!pem.ok()) return malformed(pem.status());
    Result<crypto::PublicKey> key = crypto::read_signing_request(*pem);
    if (!key.ok()) return malformed(key.status().with_context("csr"));
    return key;
}

Result<std::string> parse_node(const json::Value& body) {
    Result<std::string> node = json::need_string(body, "node");
    if (!node.ok()) return malformed(node.status());
    const Status named = api::check_name(*node);
    if (!named.ok()) return malformed(named.with_context("node"));
    return node;
}

// NAME of "spiffe://TRUST-DOMAIN/node/NAME", which is the only URI there.
Result<std::string> node_of(const http::Request& request, std::string_view trust_domain) {
    if (request.client_serial.empty()) {
        return refuse(Code::kUnauthenticated, reasons::kSvidMissing,
                      "a node shows its certificate; join first");
    }
    if (request.client_uris.size() != 1) {
        return refuse(Code::kUnauthenticated, reasons::kSvidNotOneUri,
                      "the certificate has {} URIs as alternative names; want exactly one",
                      request.client_uris.size());
    }
    const Result<crypto::SpiffeId> id = crypto::SpiffeId::parse(request.client_uris.front());
    if (!id.ok()) {
        return refuse(Code::kUnauthenticated, reasons::kSvidNotANode, "{}", id.status().message());
    }
    if (id->trust_domain() != trust_domain) {
        return refuse(Code::kUnauthenticated, reasons::kSvidOtherTrustDomain,
                      "the certificate is of the trust domain '{}'; this is '{}'",
                      id->trust_domain(), trust_domain);
    }
    std::string_view name = id->path();
    const bool below = name.starts_with(kNodePath);
    if (below) name.remove_prefix(kNodePath.size());
    if (!below || !api::check_name(name).ok()) {
        return refuse(Code::kUnauthenticated, reasons::kSvidNotANode,
                      "'{}' is not a node's name: want spiffe://{}/node/NAME", id->text(),
                      trust_domain);
    }
    return std::string(name);
}

Status check_form(const http::Request& request) {
    if (request.client_is_authority) {
        return refuse(Code::kUnauthenticated, reasons::kSvidIsAuthority,
                      "the certificate could sign others; a node's cannot");
    }
    if (request.tls_version != kTls13) {
        return refuse(Code::kUnauthenticated, reasons::kSvidOldTls,
                      "a node speaks TLS 1.3 only; this is {}", request.tls_version);
    }
    return {};
}

http::Response answer(const Result<json::Value>& result) {
    if (!result.ok()) return failure(result.status());
    return json_answer(200, *result);
}

http::Response too_large() {
    return http_failure(413, fmt::format("the body's limit is {} bytes", kMaxEnrolBodyBytes));
}

}  // namespace

// What a machine asks for, with the key that it showed.
struct Enrolment::Asked {
    EnrolmentRequest request;
    crypto::PublicKey key;
};

api::Identity node_identity(std::string_view node) {
    return {fmt::format("{}{}", kNodeUserPrefix, node),
            {std::string(kNodesGroup), std::string(api::kAuthenticatedGroup)}};
}

Enrolment::Enrolment(Private, const Parts& parts, EnrolmentOptions options)
    : resources_(parts.resources),
      tokens_(parts.tokens),
      entropy_(parts.entropy),
      options_(std::move(options)) {}

Result<std::unique_ptr<Enrolment>> Enrolment::create(resources::Resources& resources,
                                                     JoinTokens& tokens, env::Entropy& entropy,
                                                     EnrolmentOptions options) {
    HF_TRY(crypto::SpiffeId::check_trust_domain(options.trust_domain));
    HF_TRY(crypto::check_authority(options.authority, options.root_pem));
    return std::make_unique<Enrolment>(Private{}, Parts{resources, tokens, entropy},
                                       std::move(options));
}

http::Response Enrolment::enrol(const http::Request& request) {
    if (request.body.size() > kMaxEnrolBodyBytes) return too_large();
    return answer(try_enrol(request));
}

http::Response Enrolment::renew(const http::Request& request) {
    if (request.body.size() > kMaxEnrolBodyBytes) return too_large();
    return answer(try_renew(request));
}

// The token is looked at first: reading a request's signature is work for those who have one.
Result<json::Value> Enrolment::try_enrol(const http::Request& request) {
    const std::string_view token = HF_TRY(bearer(request));
    JoinTokens::Open open = HF_TRY(tokens_.open(token));
    const json::Value body = HF_TRY(parse_body(request));
    const std::string node = HF_TRY(parse_node(body));
    crypto::PublicKey key = HF_TRY(parse_csr(body));
    const Digest digest = key.fingerprint();
    Asked asked{{node, digest, "", std::nullopt}, std::move(key)};
    for (int tries = 0; tries < kMaxTries; ++tries) {
        if (tries > 0) open = HF_TRY(tokens_.open(token));
        const Stored stored = HF_TRY(read(node));
        const Instant now = resources_.clock().now();
        const Result<JoinRecord> used = decide_join(open.record, {node, digest}, now);
        if (!used.ok()) return refused(asked, stored, {used.status()});
        asked.request.site = open.record.site;
        const EnrolmentDecision decision = decide_enrolment(stored.known(), asked.request, now);
        if (!decision.verdict.ok()) return refused(asked, stored, decision);
        store::Transaction transaction;
        tokens_.add_use(open, *used, transaction);
        json::Value issued = HF_TRY(issue(asked, stored, transaction));
        const Status done = resources_.store().commit(transaction).status();
        if (done.ok()) return issued;
        if (done.code() != Code::kAborted) return done;
    }
    return too_busy(node);
}

Result<json::Value> Enrolment::try_renew(const http::Request& request) {
    const Shown shown = HF_TRY(shown_by(request));
    const json::Value body = HF_TRY(parse_body(request));
    crypto::PublicKey key = HF_TRY(parse_csr(body));
    const Digest digest = key.fingerprint();
    const Asked asked{{shown.node, digest, "", shown.svid}, std::move(key)};
    for (int tries = 0; tries < kMaxTries; ++tries) {
        const Stored stored = HF_TRY(read(shown.node));
        const EnrolmentDecision decision =
            decide_enrolment(stored.known(), asked.request, resources_.clock().now());
        if (!decision.verdict.ok()) {
            const Status status = refused(asked, stored, decision);
            if (status.code() == Code::kAborted) continue;
            return status;
        }
        store::Transaction transaction;
        json::Value issued = HF_TRY(issue(asked, stored, transaction));
        const Status done = resources_.store().commit(transaction).status();
        if (done.ok()) return issued;
        if (done.code() != Code::kAborted) return done;
    }
    return too_busy(shown.node);
}

// The verdict, once what follows from it is stored; ABORTED when somebody else wrote between.
Status Enrolment::refused(const Asked& asked, const Stored& stored,
                          const EnrolmentDecision& decision) {
    HF_TRY(apply(stored, decision));
    audit_refusal(asked.request.node, decision.verdict);
    return decision.verdict;
}

Result<json::Value> Enrolment::issue(const Asked& asked, const Stored& stored,
                                     store::Transaction& transaction) {
    const Instant now = resources_.clock().now();
    const std::string& node = asked.request.node;
    crypto::SpiffeId id = HF_TRY(crypto::SpiffeId::parse(
        fmt::format("spiffe://{}{}{}", options_.trust_domain, kNodePath, node)));
    const crypto::SvidSubject subject{asked.key, std::move(id)};
    const std::string leaf =
        HF_TRY(crypto::issue_svid(options_.authority, subject, now, options_.validity));
    const crypto::CertificateFacts facts = HF_TRY(crypto::read_certificate(leaf));
    const EnrolmentRecord next =
        replaced(stored.known(), asked.request, {facts.serial_hex, facts.not_after}, now);
    add_change(stored, next, transaction);
    add_audit(node_identity(node), asked.request.shown ? "renew" : "create", node, transaction);
    return json::Object{{"node", node},
                        {"certificateChain", leaf + options_.authority.certificate_pem},
                        {"trustBundle", options_.root_pem},
                        {"site", next.site},
                        {"renewAfter", format_rfc3339(now + (facts.not_after - now) / 2)}};
}

Result<Enrolment::Shown> Enrolment::shown_by(const http::Request& request) {
    std::string node = HF_TRY(node_of(request, options_.trust_domain));
    const Status formed = check_form(request);
    if (!formed.ok()) {
        audit_refusal(node, formed);
        return formed;
    }
    return Shown{std::move(node),
                 {request.client_serial, request.client_key, request.client_not_after}};
}

Result<api::Identity> Enrolment::authenticate(const http::Request& request) {
    const Shown shown = HF_TRY(shown_by(request));
    for (int tries = 0; tries < kMaxTries; ++tries) {
        const Stored stored = HF_TRY(read(shown.node));
        const EnrolmentDecision decision =
            decide_use(stored.known(), shown.svid, resources_.clock().now());
        const Status applied = apply(stored, decision);
        if (applied.code() == Code::kAborted) continue;
        HF_TRY(applied);
        if (decision.verdict.ok()) return node_identity(shown.node);
        audit_refusal(shown.node, decision.verdict);
        return decision.verdict;
    }
    return too_busy(shown.node);
}

Result<Enrolment::Stored> Enrolment::read(std::string_view node) {
    const Result<store::KeyValue> found = resources_.store().get(key_of(node));
    if (found.status().code() == Code::kNotFound) return Stored();
    HF_TRY(found.status());
    Stored stored;
    stored.record = HF_TRY(decode_enrolment(found->value).context("node '{}'", node));
    stored.revision = found->modified;
    return stored;
}

Status Enrolment::apply(const Stored& stored, const EnrolmentDecision& decision) {
    if (decision.consequence == Consequence::kNone) return {};
    store::Transaction transaction;
    add_change(
        stored,
        after(*stored.record, decision.consequence, decision.verdict, resources_.clock().now()),
        transaction);
    if (decision.consequence == Consequence::kQuarantine) {
        const std::string& node = stored.record->node;
        add_audit(node_identity(node), "quarantine", node, transaction);
    }
    return resources_.store().commit(transaction).status();
}

Status Enrolment::change(std::string_view node, std::string_view verb, const api::Identity& by,
                         const std::function<Result<EnrolmentRecord>(EnrolmentRecord)>& edit) {
    for (int tries = 0; tries < kMaxTries; ++tries) {
        const Stored stored = HF_TRY(read(node));
        if (!stored.record) return not_found("no node '{}' is enrolled", node);
        const EnrolmentRecord next = HF_TRY(edit(*stored.record));
        store::Transaction transaction;
        add_change(stored, next, transaction);
        add_audit(by, verb, node, transaction);
        const Status done = resources_.store().commit(transaction).status();
        if (done.code() != Code::kAborted) return done;
    }
    return too_busy(node);
}

Status Enrolment::revoke(std::string_view node, std::string_view why, const api::Identity& by) {
    return change(node, "revoke", by, [&](EnrolmentRecord record) -> Result<EnrolmentRecord> {
        return revoked(std::move(record), why);
    });
}

Status Enrolment::clear(std::string_view node, const api::Identity& by) {
    return change(node, "clear", by, [](EnrolmentRecord record) -> Result<EnrolmentRecord> {
        return cleared(std::move(record));
    });
}

Result<EnrolmentRecord> Enrolment::get(std::string_view node) {
    const Stored stored = HF_TRY(read(node));
    if (!stored.record) return not_found("no node '{}' is enrolled", node);
    return *stored.record;
}

Result<std::vector<EnrolmentRecord>> Enrolment::list() {
    const store::ListResult all = HF_TRY(resources_.store().list(kPrefix, {}));
    std::vector<EnrolmentRecord> records;
    for (const store::KeyValue& item : all.items)
        records.push_back(HF_TRY(decode_enrolment(item.value).context("{}", item.key)));
    return records;
}

void Enrolment::add_change(const Stored& stored, const EnrolmentRecord& next,
                           store::Transaction& transaction) const {
    const std::string key = key_of(next.node);
    transaction.compares.push_back({key, stored.revision});
    transaction.puts.push_back({key, encode(next), {}});
}

void Enrolment::add_audit(const api::Identity& who, std::string_view verb, std::string_view node,
                          store::Transaction& transaction) {
    Bytes random(kAuditIdBytes);
    entropy_.fill(random);
    transaction.puts.push_back(resources::audit_entry({who, verb, kResource, "", node, ""},
                                                      resources_.clock().now(), to_hex(random)));
}

// Best effort: what is refused stays refused when the store cannot be written.
void Enrolment::audit_refusal(std::string_view node, const Status& refusal) {
    const std::string_view reason = reasons::of(refusal);
    if (!refusals_.is_news(node, reason, resources_.clock().now())) return;
    store::Transaction transaction;
    add_audit(node_identity(node), fmt::format("refuse/{}", reason), node, transaction);
    const Status ignored = resources_.store().commit(transaction).status();
    static_cast<void>(ignored);
}

void add_enrolment_routes(http::Router& router, Enrolment& enrolment) {
    router.add("POST", "/v1/enrol",
               [&enrolment](const http::Request& request) { return enrolment.enrol(request); });
    router.add("POST", "/v1/renew",
               [&enrolment](const http::Request& request) { return enrolment.renew(request); });
}

}  // namespace hf::control
