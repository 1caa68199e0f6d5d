#include "serve/seen/observer.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/protobuf.h"
#include "crypto/hash.h"
#include "http/client.h"
#include "http/grpc_client.h"
#include "http/http2_client.h"
#include "serve/access.h"
#include "serve/fake_model_test.h"
#include "serve/gateway/door_test.h"
#include "serve/grpc/routes.h"
#include "serve/oip.h"
#include "serve/seen/collector_test.h"
#include "testing/memory_files.h"
#include "testing/real_clock.h"
#include "testing/seeded_entropy.h"

namespace hf::serve::seen {
namespace {

constexpr std::string_view kTrace = "0af7651916cd43dd8448eb211c80319c";
constexpr std::string_view kParent = "b7ad6b7169203331";
constexpr std::string_view kToken = "secret";

std::string traceparent(std::string_view flags) {
    return fmt::format("00-{}-{}-{}", kTrace, kParent, flags);
}

// A server of one model with receipts, observed.
class ObserverTest : public ::testing::Test {
protected:
    void start(double ratio, bool with_log = true, bool with_spans = true) {
        if (with_spans) {
            SpanExporterOptions options;
            options.endpoint = collector_.url();
            options.resource = {{"service.name", std::string("holdfast")}};
            options.batch_delay = std::chrono::milliseconds(5);
            exporter_ = std::move(*SpanExporter::start(std::move(options), clock_));
        }
        if (with_log) {
            log_ = std::make_unique<AccessLog>([this](std::string_view lines) -> Status {
                const MutexLock lock(mutex_);
                lines_ += lines;
                return {};
            });
        }
        observer_ = std::make_unique<Observer>(
            ObserverOptions{exporter_.get(), log_.get(), ratio, testing::seed()}, clock_);
        receipts_ = std::move(
            *Receipts::open({files_, clock_, entropy_}, {"data", "node-a", Duration::zero()}));
        ModelHost::Identity identity{.name = "m", .version = "3", .platform = "onnx"};
        identity.model_digest = "sha256:abc";
        ASSERT_TRUE(models_
                        .activate(std::make_shared<ModelHost>(
                            std::move(identity), std::make_shared<const FakeModel>(3.0f), clock_))
                        .ok());
        const OipExtras extras{receipts_.get(), nullptr, nullptr, nullptr, observer_.get()};
        http::ServerOptions options;
        options.observe = observer_->observe();
        if (access_) options.gate = access_->gate(limits_);
        http::Router router;
        add_oip_routes(router, models_, extras);
        grpc::add_grpc(router, options, {models_, extras}, clock_);
        server_ = std::move(*http::Server::start(std::move(options), std::move(router)));
        client_ = std::move(*http::Client::create({}));
    }

    std::string url() const { return fmt::format("http://127.0.0.1:{}", server_->port()); }

    http::Response ask(const std::string& method, const std::string& target,
                       std::string_view body = "", const http::Headers& headers = {}) {
        http::ClientRequest request;
        request.method = method;
        request.url = url() + target;
        request.body = to_bytes(body);
        request.headers = headers;
        Result<http::Response> response = client_->send(request);
        EXPECT_TRUE(response.ok()) << response.status().to_string();
        return response.ok() ? std::move(*response) : http::Response();
    }

    http::Response infer(const http::Headers& headers = {}) {
        return ask("POST", "/v2/models/m/infer?secret=1",
                   R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]})",
                   headers);
    }

    // The lines of the log, once there are so many.
    std::vector<json::Object> lines(std::size_t count) {
        std::vector<json::Object> all;
        EXPECT_TRUE(comes_true([&] { return log_->counts().written >= count; }));
        const MutexLock lock(mutex_);
        for (const std::string_view line : split(trim(lines_), '\n')) {
            const Result<json::Value> value = json::parse(line);
            EXPECT_TRUE(value.ok() && value->is_object()) << line;
            if (value.ok()) all.push_back(value->get_object());
        }
        EXPECT_EQ(all.size(), count);
        all.resize(count);
        // Each is written once its answer has gone, and so not always before the next one's.
        std::stable_sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
            return Collector::text_of(a, "time") < Collector::text_of(b, "time");
        });
        return all;
    }

    static json::Object named(const std::vector<json::Object>& spans, std::string_view name) {
        for (const json::Object& span : spans) {
            if (Collector::text_of(span, "name") == name) return span;
        }
        ADD_FAILURE() << "no span '" << name << "'";
        return {};
    }

    testing::MemoryFiles files_;
    testing::RealClock clock_;
    testing::SeededEntropy entropy_;
    Collector collector_;
    Mutex mutex_;
    std::string lines_ HF_GUARDED_BY(mutex_);
    std::unique_ptr<SpanExporter> exporter_;
    std::unique_ptr<AccessLog> log_;
    std::unique_ptr<Observer> observer_;
    std::unique_ptr<Access> access_;
    RateLimits limits_{clock_};
    Models models_;
    std::unique_ptr<Receipts> receipts_;
    std::unique_ptr<http::Server> server_;
    std::unique_ptr<http::Client> client_;
};

TEST_F(ObserverTest, AnInferenceOfASampledTraceHasThreeSpans) {
    start(0);
    http::Headers headers = gateway::with("traceparent", traceparent("01"));
    headers.set("tracestate", "foo=1");
    headers.set("User-Agent", "test/1");
    const http::Response response = infer(headers);
    EXPECT_EQ(response.status, 200);
    const std::vector<json::Object> spans = collector_.wait_for(3);
    const json::Object own = named(spans, "POST /v2/models/{model}/infer");
    for (const json::Object& span : spans) {
        EXPECT_EQ(Collector::text_of(span, "traceId"), kTrace);
        EXPECT_EQ(Collector::text_of(span, "traceState"), "foo=1");
    }
    EXPECT_EQ(Collector::text_of(own, "parentSpanId"), kParent);
    EXPECT_EQ(own.at("kind").to_number<int>(), 2);
    const std::vector<std::pair<const char*, std::string>> wanted{
        {"http.request.method", "POST"},
        {"url.scheme", "http"},
        {"url.path", "/v2/models/m/infer"},
        {"http.route", "/v2/models/{model}/infer"},
        {"http.response.status_code", "200"},
        {"network.protocol.version", "1.1"},
        {"client.address", "127.0.0.1"},
        {"user_agent.original", "test/1"},
        {"holdfast.model.name", "m"},
        {"holdfast.model.version", "3"},
        {"holdfast.model.digest", "sha256:abc"},
        {"holdfast.receipt", std::string(response.headers.get("holdfast-receipt").value_or("?"))},
    };
    for (const auto& [key, value] : wanted) EXPECT_EQ(Collector::attribute(own, key), value) << key;
    EXPECT_NE(Collector::attribute(own, "holdfast.compute.duration"), "");
    for (const char* name : {"queue", "compute"}) {
        const json::Object child = named(spans, name);
        EXPECT_EQ(Collector::text_of(child, "parentSpanId"), Collector::text_of(own, "spanId"));
        EXPECT_EQ(child.at("kind").to_number<int>(), 1);
        EXPECT_GE(Collector::text_of(child, "startTimeUnixNano"),
                  Collector::text_of(own, "startTimeUnixNano"));
        EXPECT_EQ(Collector::attribute(child, "holdfast.model.name"), "m");
    }
}

TEST_F(ObserverTest, TheFlagDecidesElseTheRatio) {
    start(0);
    infer(gateway::with("traceparent", traceparent("00")));
    infer();
    infer(gateway::with("traceparent", "garbage"));
    infer(gateway::with("traceparent", traceparent("01")));
    collector_.wait_for(3);
    const std::vector<json::Object> all = lines(4);
    EXPECT_EQ(Collector::text_of(all[0], "trace_id"), kTrace) << "not sampled, and still known";
    for (const std::size_t i : {1, 2}) {
        EXPECT_TRUE(is_hex(Collector::text_of(all[i], "trace_id"), 32));
        EXPECT_NE(Collector::text_of(all[i], "trace_id"), kTrace);
    }
    EXPECT_NE(Collector::text_of(all[1], "trace_id"), Collector::text_of(all[2], "trace_id"));
    EXPECT_EQ(collector_.spans().size(), 3u);
}

TEST_F(ObserverTest, ANewTraceBeginsWithoutAParent) {
    start(1);
    infer(gateway::with("traceparent", traceparent("00")));
    EXPECT_EQ(ask("GET", "/v2/nothing").status, 404);
    const std::vector<json::Object> spans = collector_.wait_for(1);
    EXPECT_EQ(spans.size(), 1u) << "a trace that is not sampled stays so";
    const json::Object own = named(spans, "GET");
    EXPECT_FALSE(own.contains("parentSpanId"));
    EXPECT_EQ(Collector::attribute(own, "http.response.status_code"), "404");
    EXPECT_EQ(Collector::attribute(own, "http.route"), "");
    EXPECT_FALSE(json::find_object(own, "status")->contains("code")) << "the client's fault";
}

TEST_F(ObserverTest, OneLineARequest) {
    const std::string digest = crypto::sha256(as_bytes(kToken)).to_string();
    access_ = std::make_unique<Access>(*Access::parse(fmt::format("alice {} infer=m", digest)));
    start(0, true, false);
    const http::Headers token = gateway::with("Authorization", fmt::format("Bearer {}", kToken));
    const http::Response answered = infer(token);
    EXPECT_EQ(infer().status, 401);
    EXPECT_EQ(ask("POST", "/v2/models/other/infer", "{}", token).status, 403);
    EXPECT_EQ(ask("GET", "/v2/health/live").status, 200);
    const std::vector<json::Object> all = lines(4);
    const json::Object& first = all[0];
    const std::vector<std::pair<const char*, std::string>> wanted{
        {"method", "POST"},
        {"path", "/v2/models/m/infer"},
        {"protocol", "HTTP/1.1"},
        {"model", "m"},
        {"version", "3"},
        {"caller", "alice"},
        {"receipt", std::string(answered.headers.get("holdfast-receipt").value_or("?"))},
    };
    for (const auto& [key, value] : wanted) EXPECT_EQ(Collector::text_of(first, key), value) << key;
    EXPECT_TRUE(parse_rfc3339(Collector::text_of(first, "time")).ok());
    EXPECT_EQ(json::get_int(first, "status"), 200);
    EXPECT_EQ(json::get_int(first, "bytes_out"), static_cast<int>(answered.body.size()));
    EXPECT_GT(json::get_int(first, "bytes_in"), 0);
    EXPECT_GE(json::get_int(first, "duration_us"), json::get_int(first, "queue_us"));
    EXPECT_GE(json::get_int(first, "compute_us", -1), 0);
    EXPECT_EQ(json::get_int(all[1], "status"), 401);
    EXPECT_FALSE(all[1].contains("caller"));
    EXPECT_FALSE(all[1].contains("model"));
    EXPECT_EQ(json::get_int(all[2], "status"), 403);
    EXPECT_EQ(Collector::text_of(all[2], "caller"), "alice") << "known, though he may not";
    EXPECT_EQ(Collector::text_of(all[3], "path"), "/v2/health/live");
    EXPECT_TRUE(is_hex(Collector::text_of(first, "trace_id"), 32));
}

std::string infer_message() {
    std::string message;
    protozero::pbf_writer writer(message);
    writer.add_string(1, "m");
    {
        protozero::pbf_writer tensor(writer, 5);
        tensor.add_string(1, "x");
        tensor.add_string(2, "FP32");
        const std::int64_t shape[] = {1};
        tensor.add_packed_int64(3, std::begin(shape), std::end(shape));
    }
    const float x = 1;
    writer.add_bytes(7, reinterpret_cast<const char*>(&x), sizeof x);
    return message;
}

TEST_F(ObserverTest, CallsOfGrpcAndTheirStreams) {
    start(1);
    const auto client = std::move(*http::create_http2_client({}));
    http::grpc::ClientCall call;
    call.url = url() + "/inference.GRPCInferenceService/ModelInfer";
    call.message = to_bytes(infer_message());
    EXPECT_TRUE(http::grpc::call(*client, call).ok());
    call.url = url() + "/inference.GRPCInferenceService/ModelMetadata";
    call.message = to_bytes("\n\x05other");
    EXPECT_EQ(http::grpc::call(*client, call).status().code(), Code::kNotFound);
    call.url = url() + "/inference.GRPCInferenceService/ModelStreamInfer";
    call.message = to_bytes(infer_message());
    std::size_t answers = 0;
    const Status status = http::grpc::call(*client, call, [&](ByteView) -> Status {
        ++answers;
        return {};
    });
    EXPECT_TRUE(status.ok() && answers == 1) << status.to_string();
    const std::vector<json::Object> spans = collector_.wait_for(6);
    const json::Object own = named(spans, "inference.GRPCInferenceService/ModelInfer");
    EXPECT_EQ(Collector::attribute(own, "rpc.system"), "grpc");
    EXPECT_EQ(Collector::attribute(own, "rpc.service"), "inference.GRPCInferenceService");
    EXPECT_EQ(Collector::attribute(own, "rpc.method"), "ModelInfer");
    EXPECT_EQ(Collector::attribute(own, "rpc.grpc.status_code"), "0");
    EXPECT_EQ(Collector::attribute(own, "network.protocol.version"), "2");
    EXPECT_NE(Collector::attribute(own, "holdfast.receipt"), "");
    const json::Object stream = named(spans, "inference.GRPCInferenceService/ModelStreamInfer");
    EXPECT_EQ(Collector::attribute(stream, "holdfast.model.name"), "m");
    const std::vector<json::Object> all = lines(3);
    EXPECT_EQ(Collector::text_of(all[0], "protocol"), "HTTP/2");
    EXPECT_EQ(Collector::text_of(all[0], "grpc_status"), "0");
    EXPECT_EQ(Collector::text_of(all[1], "grpc_status"), "5");
    EXPECT_EQ(Collector::text_of(all[2], "model"), "m");
    EXPECT_FALSE(all[2].contains("bytes_out"));
}

TEST_F(ObserverTest, TheLogTellsOfWhatItsSettingsSay) {
    start(0, true, false);
    const auto set = [this](std::string_view body) {
        return ask("POST", "/v2/logging", body).status;
    };
    EXPECT_EQ(as_text(ask("GET", "/v2/logging").body),
              R"({"log_file":"","log_info":true,"log_warning":true,"log_error":true,)"
              R"("log_verbose_level":0,"log_format":"JSON"})"
              "\n");
    EXPECT_EQ(set(R"({"log_info":false})"), 200);  // the last line of its kind
    infer();
    EXPECT_EQ(ask("GET", "/v2/models/other").status, 404);
    EXPECT_EQ(set(R"({"log_info":1})"), 400);
    EXPECT_EQ(set(R"({"log_warning":false,"log_verbose_level":2})"), 400) << "all or nothing";
    EXPECT_EQ(set(R"({"log_warning":false})"), 200);
    EXPECT_EQ(ask("GET", "/v2/models/other").status, 404);
    models_.set_ready(false);
    EXPECT_EQ(ask("GET", "/v2/health/ready").status, 503);
    EXPECT_EQ(set(R"({"log_info":null})"), 200);
    EXPECT_EQ(ask("GET", "/v2/health/live").status, 200);
    std::string told;
    for (const json::Object& line : lines(7)) {
        told +=
            fmt::format("{} {}\n", Collector::text_of(line, "path"), json::get_int(line, "status"));
    }
    EXPECT_EQ(told,
              "/v2/logging 200\n/v2/logging 200\n/v2/models/other 404\n/v2/logging 400\n"
              "/v2/logging 400\n/v2/health/ready 503\n/v2/health/live 200\n");
}

TEST_F(ObserverTest, NoPageInABrowserChangesWhatIsLogged) {
    start(0, true, false);
    const http::Headers page = gateway::with("Origin", "http://elsewhere");
    EXPECT_EQ(ask("POST", "/v2/logging", "{}", page).status, 403);
    EXPECT_EQ(ask("GET", "/v2/logging", "", page).status, 200);
}

TEST_F(ObserverTest, WithoutALogThereIsNothingToSet) {
    start(1, false);
    for (const char* method : {"GET", "POST"}) {
        const http::Response response = ask(method, "/v2/logging", "{}");
        EXPECT_EQ(response.status, 501);
        EXPECT_NE(as_text(response.body).find("--access-log FILE"), std::string_view::npos);
    }
    EXPECT_EQ(as_text(ask("GET", "/v2").body).find("logging"), std::string_view::npos);
}

TEST_F(ObserverTest, CallsOfGrpcThatAreRefusedAreWarnings) {
    start(0, true, false);
    const auto client = std::move(*http::create_http2_client({}));
    http::grpc::ClientCall call;
    call.url = url() + "/inference.GRPCInferenceService/LogSettings";
    call.message = to_bytes(std::string_view("\x0a\x0e\x0a\x08log_info\x12\x02\x08\x00", 16));
    const Result<Bytes> changed = http::grpc::call(*client, call);
    ASSERT_TRUE(changed.ok()) << changed.status().to_string();
    EXPECT_NE(as_text(*changed).find(std::string("log_info\x12\x02\x08\x00", 12)),
              std::string_view::npos);
    call.url = url() + "/inference.GRPCInferenceService/ServerLive";
    call.message = {};
    EXPECT_TRUE(http::grpc::call(*client, call).ok());
    call.url = url() + "/inference.GRPCInferenceService/ModelMetadata";
    call.message = to_bytes("\n\x05other");
    EXPECT_EQ(http::grpc::call(*client, call).status().code(), Code::kNotFound);
    const std::vector<json::Object> all = lines(2);
    EXPECT_EQ(Collector::text_of(all[0], "grpc_status"), "0") << "which switched them off";
    EXPECT_EQ(Collector::text_of(all[1], "grpc_status"), "5");
}

TEST_F(ObserverTest, WhatAClientSendsStaysInItsText) {
    start(0, true, false);
    ask("GET", "/v2/%0a%22%7d?x=%0a");
    ask("GET", "/v2/models/%0A%7B/ready");
    const std::vector<json::Object> all = lines(2);
    EXPECT_EQ(Collector::text_of(all[0], "path"), "/v2/%0a%22%7d");
}

TEST_F(ObserverTest, TheMetricsTellOfBoth) {
    start(1);
    infer();
    collector_.wait_for(3);
    lines(1);
    const http::Response response = ask("GET", "/metrics");
    const std::string_view text = as_text(response.body);
    for (const char* name :
         {"holdfast_trace_spans_total{outcome=\"sent\"} ", "holdfast_trace_spans_waiting ",
          "holdfast_access_log_lines_total{outcome=\"written\"} 1\n"}) {
        EXPECT_NE(text.find(name), std::string_view::npos) << name;
    }
}

// A gateway that is observed passes its own span on; the replica's spans hang below it.
TEST_F(ObserverTest, AGatewaysSpanIsTheParentOfItsReplicas) {
    start(0);
    gateway::Door door;
    gateway::Replica replica;
    replica.url = url();
    replica.node = "node-a";
    replica.ready = true;
    ASSERT_TRUE(door.gateway->set_routes({{"m", {replica}, {}}}).ok());
    http::ServerOptions options;
    options.observe = observer_->observe();
    const auto front = std::move(*http::Server::start(std::move(options), door.router));
    http::ClientRequest request;
    request.method = "POST";
    request.url = fmt::format("http://127.0.0.1:{}/v2/models/m/infer", front->port());
    request.body =
        to_bytes(R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[1]}]})");
    request.headers.set("traceparent", traceparent("01"));
    const Result<http::Response> response = client_->send(request);
    ASSERT_TRUE(response.ok() && response->status == 200);
    const std::vector<json::Object> spans = collector_.wait_for(4);
    const json::Object outer = named(spans, "POST /v2/models/{service}/infer");
    const json::Object inner = named(spans, "POST /v2/models/{model}/infer");
    EXPECT_EQ(Collector::text_of(outer, "parentSpanId"), kParent);
    EXPECT_EQ(Collector::text_of(inner, "parentSpanId"), Collector::text_of(outer, "spanId"));
    EXPECT_EQ(Collector::text_of(inner, "traceId"), kTrace);
    EXPECT_EQ(Collector::attribute(outer, "holdfast.node"), "node-a");
    for (const json::Object& line : lines(2)) {
        EXPECT_EQ(Collector::text_of(line, "trace_id"), kTrace);
    }
}

// Who records nothing stays out of the trace; what is no context goes no further.
TEST_F(ObserverTest, WithoutObserverTheContextGoesOnAsItCame) {
    gateway::TestReplica replica("node-a");
    gateway::Door door;
    door.set({replica.replica()});
    http::Headers seen;
    replica.answer_with([&](const http::Request& request) {
        seen = request.headers;
        return http::Response::text(200, "");
    });
    http::Headers headers = gateway::with("traceparent", traceparent("01"));
    headers.add("tracestate", "foo=1");
    headers.add("tracestate", "bar=2");
    EXPECT_EQ(door.infer("x", headers).status, 200);
    EXPECT_EQ(seen.get("traceparent"), traceparent("01"));
    EXPECT_EQ(seen.get("tracestate"), "foo=1,bar=2");
    headers.set("traceparent", "00-garbage");
    EXPECT_EQ(door.infer("x", headers).status, 200);
    EXPECT_FALSE(seen.get("traceparent"));
    EXPECT_FALSE(seen.get("tracestate"));
}

}  // namespace
}  // namespace hf::serve::seen
