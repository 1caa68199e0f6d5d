#include "serve/grpc/routes.h"

#include <gtest/gtest.h>

#include "base/protobuf.h"
#include "crypto/hash.h"
#include "http/http2.h"
#include "serve/fake_model_test.h"
#include "serve/grpc/call.h"
#include "serve/grpc/descriptors.h"
#include "serve/grpc/infer_message_test.h"
#include "serve/grpc/reflection.h"
#include "serve/grpc/wire.h"
#include "testing/manual_clock.h"
#include "testing/memory_files.h"
#include "testing/seeded_entropy.h"

namespace hf::serve::grpc {
namespace {

using Reader = protozero::pbf_reader;
using Writer = protozero::pbf_writer;

// What a call ended with: the status, and the message where there is one.
struct Outcome {
    std::string status;
    std::string text;
    std::string message;
    http::Response response;
};

class GrpcRoutes : public ::testing::Test {
protected:
    GrpcRoutes() {
        receipts_ = std::move(
            *Receipts::open({files_, clock_, entropy_}, {"data", "node-a", Duration::zero()}));
        const OipExtras extras{receipts_.get(), nullptr, &repository_};
        add_grpc(router_, door_, {models_, extras}, clock_);
        const auto make = [this](const ModelHost*) { return load(); };
        EXPECT_TRUE(repository_.add("m", ModelRepository::of_one(make)).ok());
    }

    Result<std::shared_ptr<ModelHost>> load() {
        ModelHost::Identity identity{.name = "m", .version = "3", .platform = "onnx"};
        identity.model_digest = "sha256:abc";
        return std::make_shared<ModelHost>(std::move(identity),
                                           std::make_shared<const FakeModel>(3.0f), clock_);
    }

    static http::Request request_of(std::string_view method) {
        http::Request request;
        request.version = 2;
        request.method = "POST";
        request.target = method.starts_with('/')
                             ? std::string(method)
                             : "/inference.GRPCInferenceService/" + std::string(method);
        request.headers.set("content-type", "application/grpc");
        return request;
    }

    Outcome send(http::Request request) {
        Outcome outcome;
        const std::string type(request.headers.get("content-type").value_or(""));
        outcome.response = door_.rephrase(type, http::dispatch(router_, std::move(request)));
        const http::Response& response = outcome.response;
        const auto status = response.trailers.get("grpc-status");
        outcome.status = status.value_or(response.headers.get("grpc-status").value_or("none"));
        outcome.text = response.headers.get("grpc-message").value_or("");
        if (response.body.size() >= 5) outcome.message = as_text(response.body).substr(5);
        return outcome;
    }

    Outcome call(std::string_view method, std::string_view message = "") {
        http::Request request = request_of(method);
        request.body = pack(as_bytes(message), Encoding::kIdentity);
        return send(std::move(request));
    }

    static std::string infer_message(float x, std::string_view model = "m") {
        return write_infer_message({.model = model, .x = x});
    }

    // Of a stream whose model answers at once.
    static http::Duplex::Step step_of(http::Duplex& duplex, ByteView came, bool ended) {
        std::optional<http::Duplex::Step> told;
        duplex.take(came, ended, [&told](http::Duplex::Step step) { told = std::move(step); });
        EXPECT_TRUE(told);
        return told ? std::move(*told) : http::Duplex::Step();
    }

    // The only raw output of an answer.
    static float output_of(std::string_view message) {
        Reader reader(message.data(), message.size());
        while (reader.next(6)) {
            const protozero::data_view raw = reader.get_view();
            return raw.size() == sizeof(float) ? load_le<float>(raw.data()) : -1;
        }
        return -1;
    }

    testing::MemoryFiles files_;
    testing::ManualClock clock_;
    testing::SeededEntropy entropy_;
    Models models_;
    ModelRepository repository_{models_};
    std::unique_ptr<Receipts> receipts_;
    http::Router router_;
    http::ServerOptions door_;
};

TEST_F(GrpcRoutes, HealthAndReadiness) {
    const std::string truth("\x08\x01", 2);
    EXPECT_EQ(door_.http2, &http::http2());
    EXPECT_EQ(call("ServerLive").message, truth);
    EXPECT_EQ(call("ServerReady").message, truth);
    EXPECT_EQ(call("ModelReady", "\x0a\x01m").message, truth);
    EXPECT_EQ(call("ModelReady", "\x0a\x01z").status, "5");
    EXPECT_EQ(call("/grpc.health.v1.Health/Check").message, truth);
    EXPECT_EQ(call("/grpc.health.v1.Health/Check", "\x0a\x01z").status, "5");
    models_.set_ready(false);
    EXPECT_EQ(call("ServerReady").message, "");
    EXPECT_EQ(call("ServerReady").status, "0");
    EXPECT_EQ(call("ModelReady", "\x0a\x01m").message, "");
    EXPECT_EQ(call("/grpc.health.v1.Health/Check").message, std::string("\x08\x02", 2));
    EXPECT_EQ(call("ServerLive").message, truth);
}

TEST_F(GrpcRoutes, Metadata) {
    EXPECT_EQ(call("ServerMetadata").message,
              "\x0a\x08holdfast\x12\x05"
              "0.1.0\x1a\x12"
              "binary_tensor_data\x1a\x10model_repository\x1a\x0astatistics");
    const Outcome metadata = call("ModelMetadata", "\x0a\x01m");
    EXPECT_NE(metadata.message.find("\x0a\x01m\x12\x01"
                                    "3\x1a\x04onnx"),
              std::string::npos);
    EXPECT_NE(metadata.message.find("sha256:abc"), std::string::npos);
    EXPECT_EQ(call("ModelMetadata",
                   "\x0a\x01m\x12\x01"
                   "9")
                  .status,
              "5");
    EXPECT_NE(call("RepositoryIndex").message.find("READY"), std::string::npos);
}

TEST_F(GrpcRoutes, EachVersionAnswersForItself) {
    const auto next = std::make_shared<ModelHost>(ModelHost::Identity{.name = "m", .version = "4"},
                                                  std::make_shared<const FakeModel>(7.0f), clock_);
    ASSERT_TRUE(models_.activate(Hosts{models_.find("m"), next}).ok());
    const std::string third =
        "\x0a\x01m\x12\x01"
        "3";
    for (const std::string& asked : {std::string("\x0a\x01m"), third}) {
        EXPECT_NE(call("ModelMetadata", asked)
                      .message.find("\x0a\x01m\x12\x01"
                                    "3\x12\x01"
                                    "4"),
                  std::string::npos);
    }
    EXPECT_EQ(output_of(call("ModelInfer", infer_message(1)).message), 8.0f);
    // The version comes behind all else, as proto3 allows.
    EXPECT_EQ(output_of(call("ModelInfer", infer_message(1) + third.substr(3)).message), 4.0f);
    EXPECT_EQ(call("ModelReady", third).message, std::string("\x08\x01", 2));
}

TEST_F(GrpcRoutes, InferencesAreAnsweredAndAccountedFor) {
    const Outcome outcome = call("ModelInfer", infer_message(1));
    EXPECT_EQ(outcome.status, "0");
    EXPECT_EQ(output_of(outcome.message), 4.0f);
    EXPECT_NE(outcome.message.find("r7"), std::string::npos);
    const std::string id(outcome.response.headers.get("holdfast-receipt").value_or(""));
    EXPECT_TRUE(receipts_->file(id).ok());
    EXPECT_NE(outcome.message.find(id), std::string::npos) << "for clients that see no metadata";
    EXPECT_EQ(outcome.response.headers.get("holdfast-model-digest"), "sha256:abc");
    EXPECT_EQ(models_.find("m")->counts().succeeded, 1u);
}

TEST_F(GrpcRoutes, RefusalsHaveTheirStatus) {
    EXPECT_EQ(call("ModelInfer", infer_message(1, "z")).status, "5");
    const Outcome misfit = call("ModelInfer", "\x0a\x01m");
    EXPECT_EQ(misfit.status, "3");
    EXPECT_EQ(misfit.text, "/inputs: 'x' is missing; the model takes: x");
    EXPECT_EQ(misfit.response.status, 200);
    EXPECT_EQ(models_.find("m")->counts().refused, 1u);
    EXPECT_EQ(call("ModelInfer", "\xff").status, "3");
    EXPECT_EQ(call("RepositoryIndex", "\x10").status, "3") << "a bool, and no value";
    EXPECT_EQ(call("NoSuch").status, "12");
    http::Request request = request_of("ServerLive");
    EXPECT_EQ(send(request).status, "12") << "no message";
    request.body.assign(10, 0);
    EXPECT_EQ(send(request).status, "12") << "two messages";
    request.body = to_bytes(std::string_view("\0\x04\0\0\1", 5));
    EXPECT_EQ(send(request).status, "8") << "above the limit";
    request.body = to_bytes(std::string_view("\1\0\0\0\0", 5));
    EXPECT_EQ(send(request).status, "13") << "compressed, and not said how";
    request.body.assign(5, 0);
    request.headers.set("grpc-encoding", "snappy");
    const Outcome encoding = send(request);
    EXPECT_EQ(encoding.status, "12");
    EXPECT_EQ(encoding.response.headers.get("grpc-accept-encoding"), "identity,gzip");
    request.headers.remove("grpc-encoding");
    request.headers.set("content-type", "application/json");
    EXPECT_EQ(send(request).response.status, 415);
    request.headers.set("content-type", "application/grpc");
    request.version = 1;
    EXPECT_EQ(http::dispatch(router_, request).status, 505);
}

TEST_F(GrpcRoutes, CallersMayWhatIsListedForThem) {
    const std::string token = crypto::sha256(as_bytes("t")).to_string();
    const Access access = Access::parse(fmt::format("alice {} infer=m load=other", token)).value();
    http::Router router;
    http::ServerOptions door;
    const OipExtras extras{receipts_.get(), nullptr, &repository_, &access};
    RateLimits limits(clock_);
    add_grpc(router, door, {models_, extras}, clock_);
    const auto status_of = [&](std::string_view method, std::string_view message, bool known) {
        http::Request request = request_of(method);
        request.body = pack(as_bytes(message), Encoding::kIdentity);
        if (known) request.headers.set("authorization", "Bearer t");
        const http::Response answer =
            door.rephrase("application/grpc", http::dispatch(router, request, access.gate(limits)));
        const auto trailer = answer.trailers.get("grpc-status");
        return std::string(trailer.value_or(answer.headers.get("grpc-status").value_or("none")));
    };
    EXPECT_EQ(status_of("ServerReady", "", false), "0");
    for (const char* method :
         {"ServerMetadata", "ModelReady", "ModelMetadata", "ModelInfer", "ModelStatistics",
          "RepositoryIndex", "RepositoryModelLoad", "RepositoryModelUnload"}) {
        EXPECT_EQ(status_of(method, "", false), "16") << method;
    }
    EXPECT_EQ(status_of("ServerMetadata", "", true), "0");
    EXPECT_EQ(status_of("ModelInfer", infer_message(1), true), "0");
    EXPECT_EQ(status_of("ModelMetadata", "\x0a\x01m", true), "0");
    EXPECT_EQ(status_of("ModelReady", "\x0a\x01m", true), "0");
    EXPECT_EQ(status_of("ModelInfer", infer_message(1, "z"), true), "7");
    EXPECT_EQ(status_of("ModelReady", "\x0a\x01z", true), "7");
    EXPECT_EQ(status_of("ModelStatistics", "\x0a\x01m", true), "7");
    EXPECT_EQ(status_of("RepositoryIndex", "", true), "7");
    EXPECT_EQ(status_of("RepositoryModelUnload", "\x12\x01m", true), "7");
    EXPECT_EQ(status_of("RepositoryModelUnload", "\x0a\x01m", true), "7") << "KServe's";
    EXPECT_TRUE(models_.find("m")) << "it was not unloaded";
}

TEST_F(GrpcRoutes, ModelsAreUnloadedAndLoaded) {
    // RepositoryModelLoadRequest, with one parameter: the field of its value, and the value.
    const auto asks = [](std::string_view model, std::string_view parameter = {},
                         std::string_view value = {}) {
        std::string message;
        Writer writer(message);
        writer.add_string(2, std::string(model));
        if (!parameter.empty()) {
            Writer entry(writer, 3);
            entry.add_string(1, std::string(parameter));
            entry.add_message(2, std::string(value));
        }
        return message;
    };
    EXPECT_EQ(call("RepositoryModelUnload", asks("m")).status, "0");
    EXPECT_EQ(call("ModelReady", "\x0a\x01m").status, "0");
    EXPECT_EQ(call("ModelReady", "\x0a\x01m").message, "");
    const Outcome refused = call("ModelInfer", infer_message(1));
    EXPECT_EQ(refused.status, "5");
    EXPECT_NE(refused.text.find("model 'm' is not ready: unloaded"), std::string::npos);
    EXPECT_NE(call("RepositoryIndex").message.find("UNAVAILABLE\x22\x08unloaded"),
              std::string::npos);
    EXPECT_EQ(call("RepositoryIndex", "\x10\x01").message, "");
    EXPECT_EQ(call("RepositoryModelLoad", asks("m")).status, "0");
    EXPECT_EQ(call("ModelInfer", infer_message(1)).status, "0");
    EXPECT_EQ(call("RepositoryModelLoad", asks("z")).status, "5");
    EXPECT_EQ(call("RepositoryModelLoad", asks("m", "config", "\x1a\x02{}")).status, "3");
    EXPECT_EQ(call("RepositoryModelLoad", asks("m", "file:a",
                                               "\x22\x01"
                                               "a"))
                  .status,
              "3");
    EXPECT_EQ(call("RepositoryModelUnload", asks("m", "unload_dependents", "\x1a\x01y")).status,
              "3");
    EXPECT_EQ(call("RepositoryModelLoad", "\x0a\x01r\x12\x01m").status, "3");
    EXPECT_EQ(call("RepositoryIndex", "\x0a\x01r").status, "3");
    EXPECT_EQ(call("ModelInfer", infer_message(1)).status, "0") << "none of these unloads it";
    const std::string no(std::string_view("\x08\x00", 2));
    EXPECT_EQ(call("RepositoryModelUnload", asks("m", "unload_dependents", no)).status, "0");
    EXPECT_EQ(call("ModelInfer", infer_message(1)).status, "5");
    EXPECT_EQ(call("RepositoryModelUnload", asks("m", "unload_dependents", "\x08\x01")).status,
              "0");
}

// KServe has the model's name where Triton has the repository's, and an answer with fields.
TEST_F(GrpcRoutes, ModelsAreUnloadedAndLoadedByKServesMessages) {
    const std::string_view m("\x0a\x01m");
    const Outcome unloaded = call("RepositoryModelUnload", m);
    EXPECT_EQ(unloaded.status, "0");
    EXPECT_EQ(unloaded.message, "\x0a\x01m\x10\x01");
    EXPECT_EQ(call("ModelInfer", infer_message(1)).status, "5");
    const Outcome loaded = call("RepositoryModelLoad", m);
    EXPECT_EQ(loaded.status, "0");
    EXPECT_EQ(loaded.message, "\x0a\x01m\x10\x01");
    EXPECT_EQ(call("ModelInfer", infer_message(1)).status, "0");
    EXPECT_EQ(call("RepositoryModelLoad", "\x0a\x01z").status, "5");
    EXPECT_EQ(call("RepositoryModelUnload", "\x12\x01m").message, "") << "Triton's has no fields";
    const std::string parameter("\x1a\x17\x0a\x11unload_dependents\x12\x02\x08\x00", 25);
    const Outcome mixed = call("RepositoryModelUnload", std::string(m) + parameter);
    EXPECT_EQ(mixed.status, "3");
    EXPECT_NE(mixed.text.find("/repository_name"), std::string::npos);
}

TEST_F(GrpcRoutes, DeclaredModelsAreNotLoadedByCalls) {
    http::Router router;
    http::ServerOptions door;
    add_grpc(router, door, {models_, {receipts_.get()}}, clock_);
    http::Request request = request_of("RepositoryModelUnload");
    request.body = pack(as_bytes("\x12\x01m"), Encoding::kIdentity);
    const http::Response response = http::dispatch(router, request);
    EXPECT_EQ(response.headers.get("grpc-status"), "9");
    EXPECT_TRUE(models_.find("m"));
}

TEST_F(GrpcRoutes, StatisticsAreThoseOfTheRequests) {
    call("ModelInfer", infer_message(1));
    call("ModelInfer", infer_message(2));
    call("ModelInfer", "\x0a\x01m");
    const Outcome outcome = call("ModelStatistics", "\x0a\x01m");
    EXPECT_EQ(outcome.status, "0");
    Reader answer(outcome.message.data(), outcome.message.size());
    ASSERT_TRUE(answer.next(1));
    const std::string row = answer.get_string();
    EXPECT_FALSE(answer.next());
    Reader model(row.data(), row.size());
    ASSERT_TRUE(model.next(1));
    EXPECT_EQ(model.get_string(), "m");
    ASSERT_TRUE(model.next(4));
    EXPECT_EQ(model.get_uint64(), 2u) << "inferences";
    ASSERT_TRUE(model.next(5));
    EXPECT_EQ(model.get_uint64(), 2u) << "executions";
    ASSERT_TRUE(model.next(6));
    // success and fail: two and one, in no time of this clock.
    EXPECT_TRUE(
        model.get_string().starts_with(std::string_view("\x0a\x04\x08\x02\x10\x00"
                                                        "\x12\x04\x08\x01\x10\x00",
                                                        12)));
    ASSERT_TRUE(model.next(7));
    EXPECT_TRUE(model.get_string().starts_with("\x08\x01")) << "a batch of one";
    EXPECT_EQ(call("ModelStatistics").message, outcome.message) << "all models";
    EXPECT_EQ(call("ModelStatistics", "\x0a\x01z").status, "5");
    EXPECT_EQ(call("ModelStatistics",
                   "\x12\x01"
                   "3")
                  .status,
              "3");
}

TEST_F(GrpcRoutes, NoReceiptNoAnswer) {
    files_.die_after(0);
    EXPECT_EQ(call("ModelInfer", infer_message(1)).status, "14");
}

TEST_F(GrpcRoutes, GzipIsAnsweredByGzip) {
    http::Request request = request_of("ModelInfer");
    request.headers.set("grpc-encoding", "gzip");
    request.headers.set("grpc-accept-encoding", "identity, deflate, gzip");
    request.body = pack(as_bytes(infer_message(1)), Encoding::kGzip);
    const Outcome outcome = send(request);
    EXPECT_EQ(outcome.status, "0");
    EXPECT_EQ(outcome.response.headers.get("grpc-encoding"), "gzip");
    MessageReader reader(1000);
    reader.add(outcome.response.body);
    Message message;
    ASSERT_TRUE(*reader.next(message));
    const Result<Bytes> answer = unpack(std::move(message), Encoding::kGzip, 1000);
    ASSERT_TRUE(answer.ok());
    EXPECT_EQ(output_of(as_text(*answer)), 4.0f);
}

TEST_F(GrpcRoutes, DeadlinesCountFromWhenTheRequestCame) {
    http::Request request = request_of("ModelInfer");
    request.headers.set("grpc-timeout", "100m");
    request.body = pack(as_bytes(infer_message(1)), Encoding::kIdentity);
    request.waited = std::chrono::milliseconds(99);
    EXPECT_EQ(send(request).status, "0");
    request.waited = std::chrono::milliseconds(100);
    EXPECT_EQ(send(request).status, "4");
    EXPECT_EQ(models_.find("m")->counts().succeeded, 1u) << "what is late is not computed";
    request.headers.set("grpc-timeout", "soon");
    EXPECT_EQ(send(request).status, "3");
    request.headers.remove("grpc-timeout");
    request.given_up = std::make_shared<std::atomic<bool>>(true);
    EXPECT_EQ(send(request).status, "1");
}

TEST_F(GrpcRoutes, StreamsAnswerEachMessage) {
    http::Request request = request_of("ModelStreamInfer");
    EXPECT_TRUE(router_.is_duplex("POST", request.target));
    http::Opening opening = http::open_duplex(router_, request);
    ASSERT_TRUE(opening.duplex);
    EXPECT_EQ(opening.head.headers.get("content-type"), "application/grpc");
    Bytes asked = pack(as_bytes(infer_message(1)), Encoding::kIdentity);
    for (const auto& message : {infer_message(2), infer_message(3, "z")}) {
        const Bytes more = pack(as_bytes(message), Encoding::kIdentity);
        asked.insert(asked.end(), more.begin(), more.end());
    }
    const ByteView all(asked);
    const auto float_in = [](const Bytes& send) {
        Reader reader(reinterpret_cast<const char*>(send.data()) + 5, send.size() - 5);
        return reader.next(2) ? output_of(std::string(reader.get_string())) : -1;
    };
    http::Duplex::Step step = step_of(*opening.duplex, all.first(all.size() - 1), false);
    EXPECT_EQ(float_in(step.send), 4.0f);
    EXPECT_TRUE(step.again);
    step = step_of(*opening.duplex, {}, false);
    EXPECT_EQ(float_in(step.send), 5.0f);
    step = step_of(*opening.duplex, {}, false);
    EXPECT_TRUE(step.send.empty() && !step.again && !step.trailers);
    EXPECT_GT(step.kept, 0u);
    step = step_of(*opening.duplex, all.last(1), true);
    EXPECT_NE(as_text(step.send).find("NOT_FOUND: model 'z'"), std::string::npos);
    EXPECT_TRUE(step.again);
    step = step_of(*opening.duplex, {}, true);
    ASSERT_TRUE(step.trailers);
    EXPECT_EQ(step.trailers->get("grpc-status"), "0");
    EXPECT_EQ(opening.duplex->stop().get("grpc-status"), "14");
}

TEST_F(GrpcRoutes, StreamsEndWithTheirDeadlineOrABrokenMessage) {
    http::Request request = request_of("ModelStreamInfer");
    request.headers.set("grpc-timeout", "1S");
    http::Opening opening = http::open_duplex(router_, request);
    ASSERT_TRUE(opening.duplex);
    clock_.advance(std::chrono::seconds(1));
    const Bytes asked = pack(as_bytes(infer_message(1)), Encoding::kIdentity);
    EXPECT_EQ(step_of(*opening.duplex, asked, false).trailers->get("grpc-status"), "4");
    opening = http::open_duplex(router_, request_of("ModelStreamInfer"));
    EXPECT_EQ(step_of(*opening.duplex, ByteView(asked).first(9), true).trailers->get("grpc-status"),
              "13");
    request.headers.set("grpc-encoding", "snappy");
    opening = http::open_duplex(router_, request);
    EXPECT_FALSE(opening.duplex);
    EXPECT_EQ(opening.head.headers.get("grpc-status"), "12");
}

TEST_F(GrpcRoutes, ReflectionTellsOfEveryRoute) {
    const auto ask = [&](std::uint32_t field, std::string_view text) {
        std::string question;
        Writer(question).add_string(field, std::string(text));
        const http::Request request;
        const Call call{request, as_bytes(question), clock_, Duration::max()};
        const Result<Reply> reply = reflect(call);
        return reply.ok() ? std::string(as_text(reply->message)) : "refused";
    };
    const std::string list = ask(7, "");
    for (const DescribedFile& file : described_files()) {
        for (const std::string& service : file.services) {
            EXPECT_NE(list.find(service), std::string::npos);
            EXPECT_NE(ask(4, service).find(file.descriptor), std::string::npos);
        }
        EXPECT_NE(ask(3, file.name).find(file.descriptor), std::string::npos);
        for (const std::string& name : file.names) {
            const std::size_t dot = name.rfind('.');
            if (!is_service(name.substr(0, dot))) continue;
            const std::string path = "/" + name.substr(0, dot) + "/" + name.substr(dot + 1);
            EXPECT_EQ(router_.match("POST", path).pattern, path);
        }
    }
    EXPECT_EQ(described_files().size(), 4u);
    EXPECT_NE(ask(4, "inference.ModelInferRequest.InferInputTensor").find("InferInputTensor"),
              std::string::npos);
    EXPECT_NE(ask(4, "no.such").find("is not described here"), std::string::npos);
    EXPECT_NE(ask(6, "no.such").find("no message has extensions"), std::string::npos);
}

}  // namespace
}  // namespace hf::serve::grpc
