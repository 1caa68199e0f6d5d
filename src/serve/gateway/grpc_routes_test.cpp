#include "serve/gateway/grpc_routes.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "base/protobuf.h"
#include "http/grpc_client.h"
#include "http/http2_client.h"
#include "serve/fake_model_test.h"
#include "serve/gateway/door_test.h"
#include "serve/grpc/infer_message_test.h"
#include "serve/grpc/typed_contents.h"
#include "serve/grpc/wire.h"
#include "serve/oip.h"

namespace hf::serve::gateway {
namespace {

using namespace std::chrono_literals;
using Reader = protozero::pbf_reader;
using Writer = protozero::pbf_writer;

std::string infer_message(float x, bool raw = true, std::string_view service = "s") {
    return grpc::write_infer_message({.model = service, .x = x, .raw = raw});
}

// The raw output of an answer.
float output_of(std::string_view message) {
    Reader reader(message.data(), message.size());
    while (reader.next(6)) {
        const protozero::data_view raw = reader.get_view();
        return raw.size() == sizeof(float) ? load_le<float>(raw.data()) : -1;
    }
    return -1;
}

// A machine that serves the model s, which adds three, or another number.
struct Machine {
    testing::RealClock clock;
    Models models;
    http::Router router;
    TestReplica replica;

    explicit Machine(std::string node, std::string digest = "sha256:abc", float added = 3.0f)
        : replica(std::move(node)) {
        ModelHost::Identity identity{.name = "s", .version = "3", .platform = "onnx"};
        identity.model_digest = std::move(digest);
        auto host = std::make_shared<ModelHost>(std::move(identity),
                                                std::make_shared<const FakeModel>(added), clock);
        HF_CHECK(models.activate(std::move(host)).ok());
        add_oip_routes(router, models);
        replica.answer_with([this](const http::Request& request) { return answer(request); });
    }

    http::Response answer(const http::Request& request) const {
        http::Request own;
        own.method = request.method;
        own.target = request.target;
        own.headers = request.headers;
        own.body = request.body;
        return http::dispatch(router, std::move(own));
    }
};

struct GrpcDoor : Door {
    http::ServerOptions options;

    explicit GrpcDoor(GatewayOptions gateway_options = {}) : Door(std::move(gateway_options)) {
        add_gateway_grpc(router, options, *gateway, clock);
    }

    static http::Request request_of(std::string_view method, std::string_view message) {
        http::Request request;
        request.version = 2;
        request.method = "POST";
        request.target = method.starts_with('/')
                             ? std::string(method)
                             : "/inference.GRPCInferenceService/" + std::string(method);
        request.headers.set("content-type", "application/grpc");
        request.body = grpc::pack(as_bytes(message), grpc::Encoding::kIdentity);
        return request;
    }

    struct Outcome {
        Status status;
        std::string message;
        http::Headers headers;
    };
    Outcome send(http::Request request) {
        http::Response response =
            options.rephrase("application/grpc", http::dispatch(router, std::move(request)));
        Outcome outcome{http::grpc::status_of(response), "", response.headers};
        if (response.body.size() >= 5) outcome.message = as_text(response.body).substr(5);
        return outcome;
    }
    Outcome call(std::string_view method, std::string_view message) {
        return send(request_of(method, message));
    }

    void listen_for_grpc() {
        options.workers = 8;
        server = std::move(*http::Server::start(options, router));
    }
    std::string url(std::string_view method) const {
        return fmt::format("http://127.0.0.1:{}/inference.GRPCInferenceService/{}", server->port(),
                           method);
    }
};

TEST(GatewayGrpc, AnInferenceIsAnsweredByAReplica) {
    Machine machine("node-a");
    GrpcDoor door;
    door.set({machine.replica.replica()});
    const auto raw = door.call("ModelInfer", infer_message(2));
    ASSERT_TRUE(raw.status.ok()) << raw.status.to_string();
    EXPECT_EQ(output_of(raw.message), 5.0f);
    EXPECT_EQ(raw.headers.get(kNodeHeader), "node-a");
    EXPECT_EQ(raw.headers.get(kModelHeader), "sha256:abc");
    EXPECT_NE(raw.message.find("sha256:abc"), std::string::npos) << "a parameter of it too";
    EXPECT_NE(raw.message.find("r7"), std::string::npos);
    const auto typed = door.call("ModelInfer", infer_message(2, false));
    ASSERT_TRUE(typed.status.ok()) << typed.status.to_string();
    EXPECT_EQ(output_of(typed.message), -1) << "as it came, typed";
    EXPECT_NE(typed.message.find(std::string("\x32\x04\0\0\xa0\x40", 6)), std::string::npos);
    EXPECT_EQ(door.gateway->view()[0].requests, 2u);
}

TEST(GatewayGrpc, WhatThereIs) {
    Machine machine("node-a");
    GrpcDoor door;
    const std::string truth("\x08\x01", 2);
    const std::string s("\x0a\x01s");
    EXPECT_EQ(door.call("ServerLive", "").message, truth);
    EXPECT_EQ(door.call("ServerReady", "").message, "") << "it has no table yet";
    EXPECT_EQ(door.call("/grpc.health.v1.Health/Check", "").message, std::string("\x08\x02", 2));
    Replica down = replica_at(1, "node-b");
    down.ready = false;
    ASSERT_TRUE(
        door.gateway->set_routes({{"s", {machine.replica.replica()}, {}}, {"u", {down}, {}}}).ok());
    EXPECT_EQ(door.call("ServerReady", "").message, truth);
    EXPECT_EQ(door.call("/grpc.health.v1.Health/Check", "").message, truth);
    EXPECT_EQ(door.call("/grpc.health.v1.Health/Check", "\x0a\x01z").status.code(),
              Code::kNotFound);
    EXPECT_EQ(door.call("/grpc.health.v1.Health/Check", s).message, truth);
    EXPECT_EQ(door.call("/grpc.health.v1.Health/Check", "\x0a\x01u").message,
              std::string("\x08\x02", 2));
    EXPECT_EQ(door.call("ModelReady", s).message, truth);
    EXPECT_EQ(door.call("ModelReady", s + "\x12\x01" + "9").status.to_string(),
              "NOT_FOUND: service 's' is not there in version '9'");
    EXPECT_EQ(door.call("ModelReady", "\x0a\x01u").message, "") << "no replica is ready";
    EXPECT_TRUE(door.call("ModelReady", "\x0a\x01u").status.ok());
    EXPECT_EQ(door.call("ModelReady", "\x0a\x01z").status.to_string(),
              "NOT_FOUND: service 'z' is not known here; these are: s, u");
    machine.models.set_ready(false);
    EXPECT_EQ(door.call("ModelReady", s).message, "");
    machine.models.set_ready(true);
    EXPECT_EQ(door.call("ServerMetadata", "").message,
              "\x0a\x08holdfast\x12\x05"
              "0.1.0\x1a\x12"
              "binary_tensor_data");
    const auto metadata = door.call("ModelMetadata", s);
    EXPECT_EQ(metadata.message.substr(0, 12), s + "\x12\x01" + "3\x1a\x04onnx");
    EXPECT_EQ(metadata.headers.get(kNodeHeader), "node-a");
    EXPECT_NE(door.call("RepositoryIndex", "").message.find("UNAVAILABLE"), std::string::npos);
    EXPECT_EQ(door.call("RepositoryIndex", "\x10\x01").message.find("UNAVAILABLE"),
              std::string::npos);
    EXPECT_EQ(door.call("ModelStatistics", s).status.code(), Code::kUnimplemented);
}

TEST(GatewayGrpc, RefusalsHaveTheirCodes) {
    Machine machine("node-a");
    GrpcDoor door;
    door.set({machine.replica.replica()});
    EXPECT_EQ(door.call("ModelInfer", infer_message(2, true, "x")).status.to_string(),
              "NOT_FOUND: service 'x' is not known here; these are: s");
    EXPECT_EQ(door.call("ModelInfer", "\xff").status.code(), Code::kInvalidArgument);
    std::string two = infer_message(2);
    Writer(two).add_bytes(7, "1234");
    EXPECT_EQ(door.call("ModelInfer", two).status.to_string(),
              "INVALID_ARGUMENT: /raw_input_contents: 2 entries for 1 inputs");
    std::string other = infer_message(2);
    other.replace(other.find("FP32"), 4, "INT8");
    EXPECT_EQ(door.call("ModelInfer", other).status.message().substr(0, 19), "/inputs/0/datatype:");
    http::Request circle = GrpcDoor::request_of("ModelInfer", infer_message(2));
    circle.headers.set(kHopsHeader, "4");
    EXPECT_EQ(door.send(circle).status.code(), Code::kFailedPrecondition);
    Replica abroad = machine.replica.replica();
    abroad.jurisdiction = "US";
    door.set({abroad}, {{"DE"}, {}});
    EXPECT_EQ(door.call("ModelInfer", infer_message(2)).status.code(), Code::kPermissionDenied);
    EXPECT_EQ(door.call("ModelReady", "\x0a\x01s").status.code(), Code::kPermissionDenied);
    http::Request older = GrpcDoor::request_of("ModelInfer", infer_message(2));
    older.version = 1;
    EXPECT_EQ(http::dispatch(door.router, older).status, 505);
}

TEST(GatewayGrpc, WhoIsTurnedAwayIsToldWhenToComeAgain) {
    Machine machine("node-a");
    GrpcDoor door;
    door.set({machine.replica.replica()});
    machine.replica.answer_with([](const http::Request&) {
        http::Response response = http::Response::error(429, "too many wait");
        response.headers.set("Retry-After", "7");
        return response;
    });
    const auto busy = door.call("ModelInfer", infer_message(2));
    EXPECT_EQ(busy.status.to_string(), "RESOURCE_EXHAUSTED: too many wait");
    EXPECT_EQ(busy.headers.get("grpc-retry-pushback-ms"), "7000");
    machine.replica.kill();
    const auto away = door.call("ModelInfer", infer_message(2));
    EXPECT_EQ(away.status.code(), Code::kUnavailable);
    EXPECT_EQ(away.headers.get("grpc-retry-pushback-ms"), "1000");
}

TEST(GatewayGrpc, AnswersThatAreNoneAreTheReplicasFault) {
    TestReplica odd("odd");
    GrpcDoor door;
    door.set({odd.replica()});
    odd.answer_with([](const http::Request&) { return http::Response::json(200, "{}"); });
    const auto nonsense = door.call("ModelInfer", infer_message(2));
    EXPECT_EQ(nonsense.status.to_string(),
              "INTERNAL: what the server answered is not of the protocol: it has no outputs");
    EXPECT_EQ(door.call("ModelMetadata", "\x0a\x01s").status.code(), Code::kInternal);
}

TEST(GatewayGrpc, TheTimeOfACallIsKeptAndHandedOn) {
    http::Headers seen;
    Machine machine("slow");
    GrpcDoor door;
    door.set({machine.replica.replica()});
    machine.replica.answer_with([&](const http::Request& request) {
        seen = request.headers;
        return machine.answer(request);
    });
    http::Request request = GrpcDoor::request_of("ModelInfer", infer_message(2));
    request.headers.set("grpc-timeout", "20S");
    request.headers.set("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    request.headers.set("Authorization", "Bearer secret");
    ASSERT_TRUE(door.send(request).status.ok());
    const auto left = parse_int(seen.get(kTimeoutHeader).value_or(""));
    ASSERT_TRUE(left.ok());
    EXPECT_LT(*left, 20'000);
    EXPECT_GT(*left, 1'000);
    EXPECT_EQ(seen.get("Content-Type"), "application/octet-stream");
    EXPECT_TRUE(seen.get("traceparent"));
    EXPECT_FALSE(seen.get("Authorization"));
    machine.replica.hold();
    request.headers.set("grpc-timeout", "50m");
    EXPECT_EQ(door.send(request).status.code(), Code::kDeadlineExceeded);
    EXPECT_TRUE(door.all_ended());
    const auto gone = std::make_shared<std::atomic<bool>>(true);
    request.headers.remove("grpc-timeout");
    request.given_up = gone;
    EXPECT_EQ(door.send(request).status.code(), Code::kCancelled);
}

TEST(GatewayGrpc, EachMessageOfAStreamIsAnInferenceOfItsOwn) {
    Machine machine("node-a");
    GrpcDoor door;
    door.set({machine.replica.replica()});
    door.listen_for_grpc();
    const auto client = *http::create_http2_client({});
    http::ClientRequest request;
    request.method = "POST";
    request.url = door.url("ModelStreamInfer");
    request.headers.set("Content-Type", "application/grpc");
    for (const std::string& message :
         {infer_message(1), infer_message(2, true, "x"), infer_message(3)}) {
        const Bytes framed = grpc::pack(as_bytes(message), grpc::Encoding::kIdentity);
        request.body.insert(request.body.end(), framed.begin(), framed.end());
    }
    const Result<http::Response> response = client->send(request);
    ASSERT_TRUE(response.ok()) << response.status().to_string();
    EXPECT_TRUE(http::grpc::status_of(*response).ok());
    grpc::MessageReader reader(1u << 20);
    reader.add(response->body);
    std::vector<std::string> answers;
    grpc::Message message;
    while (*reader.next(message)) answers.emplace_back(as_text(message.bytes));
    ASSERT_EQ(answers.size(), 3u);
    EXPECT_NE(answers[0].find(std::string("\0\0\x80\x40", 4)), std::string::npos) << "four";
    EXPECT_EQ(answers[1].substr(2), "NOT_FOUND: service 'x' is not known here; these are: s");
    EXPECT_NE(answers[2].find(std::string("\0\0\xc0\x40", 4)), std::string::npos) << "six";
}

// A roll-out looks at what callers of gRPC ask, too.
TEST(GatewayGrpc, VersionsAreComparedByCalls) {
    const std::string from = "sha256:" + std::string(64, '1');
    const std::string to = "sha256:" + std::string(64, '2');
    for (const float added : {3.0f, 4.0f}) {
        Machine before("before", from);
        Machine next("next", to, added);
        GrpcDoor door;
        std::vector<Replica> replicas{before.replica.replica(), next.replica.replica()};
        replicas[0].digest = from;
        replicas[1].digest = to;
        ASSERT_TRUE(
            door.gateway->set_routes({{"s", replicas, {}, Shadow{from, to, 100, {}}}}).ok());
        int by_before = 0;
        for (int i = 0; i < 20; ++i) {
            const auto outcome = door.call("ModelInfer", infer_message(2, i % 2 == 0));
            ASSERT_TRUE(outcome.status.ok()) << outcome.status.to_string();
            by_before += outcome.headers.get(kNodeHeader) == "before" ? 1 : 0;
        }
        ASSERT_GT(by_before, 0);
        const std::string said =
            fmt::format("outcome=\"{}\"}} {}\n", added == 3.0f ? "agreed" : "differed", by_before);
        const Duration end = door.clock.monotonic() + kPatience;
        while (door.gateway->metrics().find(said) == std::string::npos &&
               door.clock.monotonic() < end) {
            std::this_thread::yield();
        }
        EXPECT_NE(door.gateway->metrics().find(said), std::string::npos) << door.gateway->metrics();
    }
}

TEST(GatewayGrpc, AReplicaIsKilledUnderLoadAndNoCallFails) {
    Machine a("a");
    Machine b("b");
    GrpcDoor door;
    door.set({a.replica.replica(), b.replica.replica()});
    door.listen_for_grpc();
    constexpr int kCalls = 400;
    std::atomic<int> answered{0};
    std::thread caller([&] {
        const auto client = *http::create_http2_client({});
        http::grpc::ClientCall call;
        call.url = door.url("ModelInfer");
        for (int i = 0; i < kCalls; ++i) {
            call.message = to_bytes(infer_message(static_cast<float>(i)));
            const Result<Bytes> answer = http::grpc::call(*client, call);
            ASSERT_TRUE(answer.ok()) << answer.status().to_string();
            ASSERT_EQ(output_of(as_text(*answer)), static_cast<float>(i) + 3);
            ++answered;
        }
    });
    const auto wait_for = [&](int count) {
        const Duration end = door.clock.monotonic() + kPatience;
        while (answered < count && door.clock.monotonic() < end) std::this_thread::yield();
    };
    wait_for(kCalls / 3);
    b.replica.kill();
    wait_for(kCalls * 2 / 3);
    b.replica.revive();
    caller.join();
    EXPECT_EQ(answered, kCalls);
    EXPECT_TRUE(door.all_ended());
}

}  // namespace
}  // namespace hf::serve::gateway
