// The API's answers, request by request, without a network. Real clients are in tests/kubectl.sh.

#include "control/server/api_server.h"

#include <gtest/gtest.h>

#include "api/openapi.h"
#include "api/yaml.h"
#include "base/rng.h"
#include "base/text.h"
#include "control/server/review_body.h"
#include "store/memory.h"
#include "store/transaction.h"
#include "testing/manual_clock.h"
#include "testing/script.h"
#include "testing/seeded_entropy.h"

namespace hf::control {
namespace {

using namespace std::chrono_literals;

using testing::SeededEntropy;

constexpr std::string_view kServices = "/apis/holdfast.dev/v1/namespaces/default/services";
constexpr std::string_view kPump =
    R"({"apiVersion":"holdfast.dev/v1","kind":"Service","metadata":{"name":"pump"},)"
    R"("spec":{"model":"pump:v1"}})";

class ApiServerTest : public ::testing::Test {
protected:
    ApiServerTest() {
        add_api_routes(router_, server_);
        token_ = *tokens_.issue(admin_identity(), admin_identity());
    }

    http::Response send(std::string_view method, std::string_view target,
                        std::string_view body = "", std::string_view type = "application/json") {
        http::Request request;
        request.method = std::string(method);
        request.target = std::string(target);
        request.body = to_bytes(body);
        request.headers.add("Content-Type", std::string(type));
        if (!token_.empty()) request.headers.add("Authorization", "Bearer " + token_);
        if (!accept_.empty()) request.headers.add("Accept", accept_);
        return http::dispatch(router_, std::move(request));
    }

    static json::Value body(const http::Response& response) {
        return json::parse(as_text(response.body)).value();
    }

    // "409 AlreadyExists: message".
    std::string refusal(const http::Response& response) {
        const json::Value status = body(response);
        EXPECT_EQ(json::get_string(status, "kind"), "Status");
        EXPECT_EQ(json::get_int(status, "code"), response.status);
        return fmt::format("{} {}: {}", response.status, json::get_string(status, "reason"),
                           json::get_string(status, "message"));
    }

    std::string lines(WatchStream& stream) {
        std::string text;
        const std::optional<Bytes> piece = stream.next();
        if (!piece) return "end";
        for (std::string_view line : split(as_text(*piece), '\n')) {
            if (line.empty()) continue;
            const json::Value event = *json::parse(line);
            const json::Value* metadata = json::find_path(event, {"object", "metadata"});
            text += fmt::format("{} {};", json::get_string(event, "type"),
                                metadata ? json::get_string(*metadata, "name") : "");
        }
        return text;
    }

    testing::ManualClock clock_;
    SeededEntropy entropy_;
    std::unique_ptr<store::Store> store_ = store::make_memory_store(clock_);
    resources::Resources resources_{*store_, clock_, entropy_};
    Tokens tokens_{resources_, entropy_};
    ApiServer server_{resources_, tokens_, "0.0.0"};
    http::Router router_;
    std::string token_;
    std::string accept_;
};

// A store that cannot be reached for a while, and answers from a copy.
class StaleStore final : public store::Store {
public:
    explicit StaleStore(store::Store& inner) : inner_(inner) {}
    store::Revision revision() override { return inner_.revision(); }
    Result<store::KeyValue> get(std::string_view key) override { return inner_.get(key); }
    Result<store::ListResult> list(std::string_view prefix,
                                   const store::ListOptions& options) override {
        return inner_.list(prefix, options);
    }
    Result<store::Revision> commit(const store::Transaction&) override {
        return unavailable("etcd does not answer");
    }
    Result<std::unique_ptr<store::Watch>> watch(std::string_view prefix, store::Revision after,
                                                std::function<void()> on_events) override {
        return inner_.watch(prefix, after, std::move(on_events));
    }
    Status compact(store::Revision revision) override { return inner_.compact(revision); }
    Result<store::LeaseId> grant(Duration ttl) override { return inner_.grant(ttl); }
    Status keep_alive(store::LeaseId lease) override { return inner_.keep_alive(lease); }
    Status revoke(store::LeaseId lease) override { return inner_.revoke(lease); }
    Status expire_leases() override { return inner_.expire_leases(); }
    Duration staleness() override { return 6500ms; }

private:
    store::Store& inner_;
};

// A store without room for writes.
class FullStore final : public store::Store {
public:
    explicit FullStore(store::Store& inner) : inner_(inner) {}
    bool full = true;

    store::Revision revision() override { return inner_.revision(); }
    Result<store::KeyValue> get(std::string_view key) override { return inner_.get(key); }
    Result<store::ListResult> list(std::string_view prefix,
                                   const store::ListOptions& options) override {
        return inner_.list(prefix, options);
    }
    Result<store::Revision> commit(const store::Transaction& transaction) override {
        if (full) return resource_exhausted("{}the disk is full", store::kNoRoom);
        return inner_.commit(transaction);
    }
    Result<std::unique_ptr<store::Watch>> watch(std::string_view prefix, store::Revision after,
                                                std::function<void()> on_events) override {
        return inner_.watch(prefix, after, std::move(on_events));
    }
    Status compact(store::Revision revision) override { return inner_.compact(revision); }
    Result<store::LeaseId> grant(Duration ttl) override { return inner_.grant(ttl); }
    Status keep_alive(store::LeaseId lease) override { return inner_.keep_alive(lease); }
    Status revoke(store::LeaseId lease) override { return inner_.revoke(lease); }
    Status expire_leases() override { return inner_.expire_leases(); }

private:
    store::Store& inner_;
};

TEST_F(ApiServerTest, WithoutRoomItRefusesWritesAndAnswersReads) {
    const std::string one = fmt::format("{}/pump", kServices);
    ASSERT_EQ(send("POST", kServices, kPump).status, 201);
    FullStore full(*store_);
    resources::Resources resources(full, clock_, entropy_);
    Tokens tokens(resources, entropy_);
    ApiServer server(resources, tokens, "0.0.0");
    router_ = {};
    add_api_routes(router_, server);
    EXPECT_EQ(refusal(send("DELETE", one)),
              "507 InsufficientStorage: store-full: the disk is full");
    EXPECT_EQ(send("GET", one).status, 200);
    full.full = false;
    EXPECT_EQ(send("DELETE", one).status, 200);
}

TEST_F(ApiServerTest, SaysWhenItsAnswersMayBeOld) {
    send("POST", kServices, kPump);
    const std::string one = fmt::format("{}/pump", kServices);
    EXPECT_EQ(send("GET", one).headers.get(kStaleHeader), std::nullopt);
    StaleStore stale(*store_);
    resources::Resources resources(stale, clock_, entropy_);
    Tokens tokens(resources, entropy_);
    ApiServer server(resources, tokens, "0.0.0");
    http::Router router;
    add_api_routes(router, server);
    const auto ask = [&](std::string_view method, const std::string& target,
                         std::string_view body) {
        http::Request request;
        request.method = std::string(method);
        request.target = target;
        request.body = to_bytes(body);
        request.headers.add("Authorization", "Bearer " + token_);
        return http::dispatch(router, std::move(request));
    };
    for (const std::string& target : {one, std::string(kServices)}) {
        const http::Response old = ask("GET", target, "");
        EXPECT_EQ(old.status, 200);
        EXPECT_EQ(old.headers.get(kStaleHeader), "7");
        EXPECT_TRUE(old.headers.get("Warning")->starts_with("110 "));
    }
    const http::Response refused = ask("DELETE", one, "");
    EXPECT_EQ(refused.status, 503);
    EXPECT_EQ(refused.headers.get(kStaleHeader), std::nullopt);
}

TEST_F(ApiServerTest, NobodyUnknownGetsAnythingButHealth) {
    for (const std::string& token :
         {std::string(), std::string("x"), token_ + "x", "hf." + std::string(16, 'a') + ".b",
          std::string(100'000, 'a')}) {
        token_ = token;
        for (std::string_view path :
             {kServices, std::string_view("/api"), std::string_view("/apis"),
              std::string_view("/version"), std::string_view("/openapi/v2")}) {
            const http::Response response = send("GET", path);
            EXPECT_EQ(response.status, 401) << path;
            EXPECT_EQ(response.headers.get("WWW-Authenticate"), "Bearer");
        }
        EXPECT_EQ(send("POST", kServices, kPump).status, 401);
        EXPECT_EQ(send("GET", "/readyz").status, 200);
    }
    EXPECT_TRUE(resources_.list(api::service_kind(), "", {})->items.empty());
}

TEST_F(ApiServerTest, TheStoreNeverHoldsAToken) {
    const std::string secret = token_.substr(token_.rfind('.') + 1);
    const store::ListResult all = *store_->list("", {});
    EXPECT_FALSE(all.items.empty());
    for (const store::KeyValue& item : all.items) {
        EXPECT_EQ(item.value.find(secret), std::string::npos) << item.key;
        EXPECT_EQ(item.key.find(secret), std::string::npos);
    }
}

TEST_F(ApiServerTest, TokensExpireEndWithTheirAccountAndAreRevoked) {
    const std::string admin = token_;
    const std::string account =
        R"({"apiVersion":"holdfast.dev/v1","kind":"ServiceAccount","metadata":{"name":"ci"}})";
    const std::string accounts = "/apis/holdfast.dev/v1/namespaces/default/serviceaccounts";
    ASSERT_EQ(send("POST", accounts, account).status, 201);
    const auto issue = [&] {
        token_ = admin;
        const json::Value answer = body(send("POST", accounts + "/ci/token", "{}"));
        return std::string(json::get_string(*json::find(answer, "status"), "token"));
    };
    token_ = issue();
    EXPECT_EQ(send("GET", "/apis").status, 200);
    clock_.advance(61min);
    EXPECT_EQ(send("GET", "/apis").status, 401);
    const std::string fresh = issue();
    ASSERT_EQ(send("DELETE", accounts + "/ci").status, 200);
    ASSERT_EQ(send("POST", accounts, account).status, 201);
    token_ = fresh;
    EXPECT_EQ(send("GET", "/apis").status, 401) << "an account of the same name is another account";
    ASSERT_TRUE(tokens_.revoke(admin, admin_identity()).ok());
    token_ = admin;
    EXPECT_EQ(send("GET", "/apis").status, 401);
}

TEST_F(ApiServerTest, WithoutARoleNothingIsAllowedAndTheAnswerNamesWhat) {
    token_ = *tokens_.issue({"ada", {"system:authenticated"}}, admin_identity());
    EXPECT_EQ(refusal(send("GET", std::string(kServices) + "/pump")),
              "403 Forbidden: services.holdfast.dev \"pump\" is forbidden: User \"ada\" cannot get "
              "resource \"services\" in API group \"holdfast.dev\" in the namespace \"default\"");
    EXPECT_EQ(send("GET", "/apis").status, 200);
    for (std::string_view method : {"POST", "DELETE"})
        EXPECT_EQ(send(method, kServices, kPump).status, 403);
    for (std::string_view method : {"PUT", "PATCH", "DELETE"})
        EXPECT_EQ(send(method, std::string(kServices) + "/pump", kPump).status, 403);
    EXPECT_EQ(send("GET", "/api/v1/namespaces/default/events").status, 403);
    EXPECT_EQ(send("GET", "/api/v1/namespaces").status, 200);
}

TEST_F(ApiServerTest, EveryRefusalIsAStatusWithItsReason) {
    ASSERT_EQ(send("POST", kServices, kPump).status, 201);
    const std::string pump = std::string(kServices) + "/pump";
    const std::vector<std::pair<http::Response, std::string>> cases{
        {send("POST", kServices, kPump),
         "409 AlreadyExists: services.holdfast.dev \"pump\" already"},
        {send("GET", std::string(kServices) + "/fan"),
         "404 NotFound: services.holdfast.dev \"fan\""},
        {send("GET", "/apis/holdfast.dev/v1/servces"), "404 NotFound: the server could not find"},
        {send("GET", "/apis/holdfast.dev/v2/services"), "404 NotFound: "},
        {send("GET", "/apis/holdfast.dev/v1/namespaces/default/nodes"), "404 NotFound: "},
        {send("GET", "/apis/holdfast.dev/v1/services/pump"), "404 NotFound: "},
        {send("GET", pump + "/scale"), "404 NotFound: "},
        {send("GET", "/apis/a/b/c/d/e/f/g/h/i"), "404 NotFound: "},
        {send("POST", kServices, "{"), "400 BadRequest: JSON: "},
        {send("POST", kServices, ""), "400 BadRequest: JSON: "},
        {send("POST", kServices, "[]"), "400 BadRequest: a resource must be an object"},
        {send("POST", kServices, "a: &a [*a]", "application/yaml"), "400 BadRequest: YAML: "},
        {send("POST", kServices, kPump, "application/xml"), "415 UnsupportedMediaType: "},
        {send("POST", kServices, std::string(kMaxRequestBodyBytes + 1, ' ')), "413 Request"},
        {send("POST", "/apis/holdfast.dev/v1/namespaces/default/models", kPump),
         "400 BadRequest: the object is a Service"},
        {send("POST", "/apis/holdfast.dev/v1/namespaces/x/services", kPump), "404 NotFound: names"},
        {send("PUT", std::string(kServices) + "/fan", kPump),
         "400 BadRequest: the name of the obj"},
        {send("PUT", pump, kPump),
         "422 Invalid: Service.holdfast.dev \"pump\" is invalid: metadata"},
        {send("PATCH", pump, "{}", "application/apply-patch+yaml"),
         "415 UnsupportedMediaType: server"},
        {send("PATCH", pump, "{}", "application/strategic-merge-patch+json"), "415 Unsupported"},
        {send("PATCH", pump, "[]", "application/merge-patch+json"),
         "400 BadRequest: a merge patch"},
        {send("PATCH", pump, R"([{"op":"test","path":"/kind","value":"x"}])",
              "application/json-patch+json"),
         "422 Invalid: operation 0 of the patch"},
        {send("POST", std::string(kServices) + "?dryRun=Some", kPump), "400 BadRequest: dryRun"},
        {send("POST", std::string(kServices) + "?fieldValidation=x", kPump),
         "400 BadRequest: field"},
        {send("GET", std::string(kServices) + "?labelSelector=a%20b"), "400 BadRequest: selector"},
        {send("GET", std::string(kServices) + "?limit=x"), "400 BadRequest: limit"},
        {send("GET", std::string(kServices) + "?continue=x"), "400 BadRequest: continue"},
        {send("GET", std::string(kServices) + "?watch=1&resourceVersion=x"), "400 BadRequest: res"},
        {send("GET", std::string(kServices) + "?watch=1&resourceVersion=999"), "410 Expired: "},
        {send("DELETE", pump + "?propagationPolicy=x"), "400 BadRequest: propagationPolicy"},
        {send("DELETE", pump, R"({"preconditions":{"uid":"x"}})"),
         "409 Conflict: Operation cannot"},
        {send("DELETE", "/api/v1/namespaces/default"),
         "405 MethodNotAllowed: namespaces are built"},
        {send("POST", "/api/v1/namespaces/default/events", "{}"), "405 MethodNotAllowed: events"},
        {send("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", "k8s"), "400 Bad"},
    };
    for (const auto& [response, want] : cases) {
        const std::string got = refusal(response);
        EXPECT_TRUE(got.starts_with(want)) << got << "\nwant " << want;
    }
    EXPECT_EQ(resources_.list(api::service_kind(), "", {})->items.size(), 1u);
}

TEST_F(ApiServerTest, WhatIsInvalidNamesItsFieldsAsCauses) {
    const http::Response response = send(
        "POST", kServices,
        R"({"apiVersion":"holdfast.dev/v1","kind":"Service","metadata":{"name":"a"},"spec":{}})");
    EXPECT_EQ(response.status, 422);
    const json::Value status = body(response);
    const json::Value* details = json::find(status, "details");
    const json::Array* causes = json::find_array(*details, "causes");
    ASSERT_TRUE(causes && causes->size() == 1);
    EXPECT_EQ(json::get_string(causes->front(), "field"), "spec.model");
    EXPECT_EQ(json::get_string(causes->front(), "reason"), "FieldValueRequired");
}

TEST_F(ApiServerTest, UnknownFieldsWarnWhenAskedTo) {
    const std::string odd(kPump.substr(0, kPump.size() - 1));
    const std::string target = std::string(kServices) + "?fieldValidation=Warn";
    const http::Response response = send("POST", target, odd + R"(,"extra":1})");
    EXPECT_EQ(response.status, 201);
    EXPECT_EQ(response.headers.get("Warning"), R"(299 - "unknown field \"extra\"")");
}

TEST_F(ApiServerTest, TablesAreGivenWhereAskedFor) {
    ASSERT_EQ(send("POST", kServices, kPump).status, 201);
    accept_ = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";
    const json::Value table = body(send("GET", kServices));
    EXPECT_EQ(json::get_string(table, "kind"), "Table");
    EXPECT_EQ(json::find_array(table, "rows")->size(), 1u);
    accept_ = "application/vnd.kubernetes.protobuf";
    EXPECT_EQ(send("GET", kServices).status, 406);
    accept_ = "application/vnd.kubernetes.protobuf,application/json";
    EXPECT_EQ(json::get_string(body(send("GET", kServices)), "kind"), "ServiceList");
}

TEST_F(ApiServerTest, AWatchStreamsWakesBookmarksAndEnds) {
    const http::Response response =
        send("GET", std::string(kServices) +
                        "?watch=true&allowWatchBookmarks=true&timeoutSeconds=90&resourceVersion=1");
    ASSERT_EQ(response.status, 200);
    auto& stream = dynamic_cast<WatchStream&>(*response.stream);
    int wakes = 0;
    stream.start([&] { ++wakes; });
    EXPECT_EQ(lines(stream), "");
    ASSERT_EQ(send("POST", kServices, kPump).status, 201);
    EXPECT_GE(wakes, 1);
    EXPECT_EQ(lines(stream), "ADDED pump;");
    clock_.advance(61s);
    wakes = 0;
    server_.tick();
    EXPECT_EQ(wakes, 1);
    EXPECT_EQ(lines(stream), "BOOKMARK ;");
    EXPECT_EQ(lines(stream), "");
    clock_.advance(30s);
    EXPECT_EQ(lines(stream), "BOOKMARK ;");
    EXPECT_EQ(lines(stream), "end");
}

TEST_F(ApiServerTest, AWatchThatFellBehindSaysSo) {
    ASSERT_EQ(send("POST", kServices, kPump).status, 201);
    ASSERT_EQ(send("DELETE", std::string(kServices) + "/pump").status, 200);
    ASSERT_TRUE(store_->compact(store_->revision()).ok());
    EXPECT_EQ(
        refusal(send("GET", std::string(kServices) + "?watch=1&resourceVersion=1")).substr(0, 12),
        "410 Expired:");
}

TEST_F(ApiServerTest, MoreWatchesThanTheBoundAreRefused) {
    const std::string watch = fmt::format("{}?watch=1", kServices);
    std::vector<http::Response> kept;
    for (std::size_t i = 0; i < kMaxWatches; ++i) kept.push_back(send("GET", watch));
    EXPECT_EQ(kept.back().status, 200);
    EXPECT_EQ(send("GET", watch).status, 503);
    kept.pop_back();
    EXPECT_EQ(send("GET", watch).status, 200);
}

TEST_F(ApiServerTest, CoreEventsAreOursUnderV1) {
    ASSERT_EQ(send("POST", kServices, kPump).status, 201);
    const api::Object pump = *resources_.get({&api::service_kind(), "default", "pump"});
    resources::EventNote note;
    note.reason = "Pulled";
    ASSERT_TRUE(resources_.record_event(pump, note).ok());
    const std::string target = fmt::format(
        "/api/v1/namespaces/default/events?fieldSelector=involvedObject.uid%3D{}", pump.uid());
    const json::Value list = body(send("GET", target));
    EXPECT_EQ(json::get_string(list, "apiVersion"), "v1");
    ASSERT_EQ(json::find_array(list, "items")->size(), 1u);
    EXPECT_EQ(json::get_string(json::find_array(list, "items")->front(), "apiVersion"), "v1");
}

TEST(RequestPath, Shapes) {
    const auto shape = [](std::string_view text) -> std::string {
        const std::optional<RequestPath> path = parse_request_path(text);
        if (!path) return "none";
        return fmt::format("{}|{}|{}|{}|{}|{}", path->group, path->version, path->ns,
                           path->resource, path->name, path->subresource);
    };
    EXPECT_EQ(shape("/apis"), "|||||");
    EXPECT_EQ(shape("/apis/"), "|||||");
    EXPECT_EQ(shape("/apis/g/v1"), "g|v1||||");
    EXPECT_EQ(shape("/apis/g/v1/nodes"), "g|v1||nodes||");
    EXPECT_EQ(shape("/apis/g/v1/nodes/a/status"), "g|v1||nodes|a|status");
    EXPECT_EQ(shape("/apis/g/v1/namespaces/n/services/a/status"), "g|v1|n|services|a|status");
    EXPECT_EQ(shape("/api/v1/namespaces"), "|v1||namespaces||");
    EXPECT_EQ(shape("/api/v1/namespaces/n"), "|v1||namespaces|n|");
    EXPECT_EQ(shape("/api/v1/namespaces/n/events"), "|v1|n|events||");
    EXPECT_EQ(shape("/apis/g/v1/namespaces/n/services/a/status/more"), "none");
    EXPECT_EQ(shape("/apis//v1"), "none");
    EXPECT_EQ(shape("/other"), "none");
    EXPECT_EQ(shape(""), "none");
}

// What kubectl 1.32 sends for `kubectl auth can-i get services -n default`, cut at every byte.
TEST(ReviewBody, ReadsKubernetesProtobufAndRefusesEveryTruncation) {
    const std::string attributes = std::string("\x0a\x07") + "default" + "\x12\x03" + "get" +
                                   "\x1a\x0c" + "holdfast.dev" + "\x2a\x08" + "services";
    const std::string access =
        "\x0a" + std::string(1, static_cast<char>(attributes.size())) + attributes;
    const std::string spec = "\x12" + std::string(1, static_cast<char>(access.size())) + access;
    const std::string type = std::string("\x0a\x17") + "authorization.k8s.io/v1" + "\x12\x17" +
                             "SelfSubjectAccessReview";
    const std::string body = std::string("k8s\0", 4) + "\x0a" +
                             std::string(1, static_cast<char>(type.size())) + type + "\x12" +
                             std::string(1, static_cast<char>(spec.size())) + spec;
    const Result<json::Value> value = parse_protobuf_review(as_bytes(body));
    ASSERT_TRUE(value.ok()) << value.status().to_string();
    EXPECT_EQ(
        json::write(*json::find_path(*value, {"spec", "resourceAttributes"})),
        R"({"namespace":"default","verb":"get","group":"holdfast.dev","resource":"services"})");
    const std::size_t envelope = 4 + 2 + type.size();
    for (std::size_t size = 0; size < body.size(); ++size) {
        // Between the two fields the message is whole, only with nothing asked.
        if (size == envelope) continue;
        EXPECT_FALSE(parse_protobuf_review(as_bytes(body.substr(0, size))).ok()) << size;
    }
}

}  // namespace
}  // namespace hf::control
