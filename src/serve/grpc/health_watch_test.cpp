#include "serve/grpc/health_watch.h"

#include <future>

#include <gtest/gtest.h>

#include "http/trailed_stream.h"
#include "serve/fake_model_test.h"
#include "serve/grpc/routes.h"
#include "serve/grpc/wire.h"
#include "testing/manual_clock.h"

namespace hf::serve::grpc {
namespace {

constexpr std::string_view kWatch = "/grpc.health.v1.Health/Watch";

class HealthWatchTest : public ::testing::Test {
protected:
    HealthWatchTest() {
        OipExtras extras;
        extras.repository = &repository_;
        services_.emplace(Services{models_, extras});
        const auto make = [this](const ModelHost*) { return load(); };
        EXPECT_TRUE(repository_.add("m", ModelRepository::of_one(make)).ok());
        add_grpc(router_, door_, *services_, clock_);
    }

    Result<std::shared_ptr<ModelHost>> load() {
        return std::make_shared<ModelHost>(ModelHost::Identity{.name = "m", .version = "3"},
                                           std::make_shared<const FakeModel>(3.0f), clock_);
    }

    http::Request request_of(std::string_view service, std::string_view timeout = "") const {
        http::Request request;
        request.version = 2;
        request.method = "POST";
        request.target = kWatch;
        request.headers.set("content-type", "application/grpc");
        if (!timeout.empty()) request.headers.set("grpc-timeout", std::string(timeout));
        std::string message;
        if (!service.empty()) {
            message = std::string("\x0a") + static_cast<char>(service.size());
            message += service;
        }
        request.body = pack(as_bytes(message), Encoding::kIdentity);
        return request;
    }

    std::shared_ptr<http::TrailedStream> watch(std::string_view service,
                                               std::string_view timeout = "") {
        const http::Response response = http::dispatch(router_, request_of(service, timeout));
        EXPECT_EQ(response.status, 200);
        return std::dynamic_pointer_cast<http::TrailedStream>(response.stream);
    }

    // The status in the stream's next message; 0: none now, -1: the end.
    static int next(http::BodyStream& stream) {
        const std::optional<Bytes> piece = stream.next();
        if (!piece) return -1;
        if (piece->empty()) return 0;
        EXPECT_EQ(piece->size(), 7u) << "one message, of one field";
        return piece->back();
    }

    testing::ManualClock clock_;
    Models models_;
    ModelRepository repository_{models_};
    std::optional<Services> services_;
    http::Router router_;
    http::ServerOptions door_;
};

TEST_F(HealthWatchTest, TheServerIsWatchedFromItsPresentHealthOn) {
    for (const char* service : {"", "inference.GRPCInferenceService"}) {
        const auto stream = watch(service);
        EXPECT_EQ(next(*stream), 1);
        EXPECT_EQ(next(*stream), 0) << "nothing has changed";
        models_.set_ready(false);
        EXPECT_EQ(next(*stream), 2);
        EXPECT_EQ(next(*stream), 0);
        models_.set_ready(true);
        EXPECT_EQ(next(*stream), 1);
        EXPECT_EQ(stream->trailers().get("grpc-status"), "14") << "UNAVAILABLE: a drain";
    }
}

TEST_F(HealthWatchTest, AModelComesAndGoes) {
    const auto stream = watch("m");
    EXPECT_EQ(next(*stream), 1);
    ASSERT_TRUE(repository_.unload("m").ok());
    EXPECT_EQ(next(*stream), 2) << "it is known and not loaded";
    ASSERT_TRUE(repository_.load("m").ok());
    EXPECT_EQ(next(*stream), 1);
    models_.set_ready(false);
    EXPECT_EQ(next(*stream), 2);
}

TEST_F(HealthWatchTest, WhatIsNotKnownMayComeToBe) {
    const auto stream = watch("later");
    EXPECT_EQ(next(*stream), 3) << "SERVICE_UNKNOWN, and no error";
    EXPECT_EQ(next(*stream), 0);
    auto host = std::make_shared<ModelHost>(ModelHost::Identity{.name = "later", .version = "1"},
                                            std::make_shared<const FakeModel>(3.0f), clock_);
    ASSERT_TRUE(models_.activate(std::move(host)).ok());
    EXPECT_EQ(next(*stream), 1);
    ASSERT_TRUE(models_.remove("later"));
    EXPECT_EQ(next(*stream), 3);
}

TEST_F(HealthWatchTest, WhoMayNotAskAModelDoesNotLearnOfIt) {
    const Result<Access> access =
        Access::parse("alice sha256:" + std::string(64, 'a') + " infer=m\n");
    ASSERT_TRUE(access.ok()) << access.status().to_string();
    OipExtras extras;
    extras.access = &*access;
    const Services guarded{models_, extras};
    EXPECT_EQ(health_of(guarded, {}, "m"), Health::kServiceUnknown);
    EXPECT_EQ(health_of(guarded, {}, ""), Health::kServing);
    EXPECT_EQ(health_of(*services_, {}, "m"), Health::kServing);
}

TEST_F(HealthWatchTest, ItEndsAtItsDeadline) {
    const auto stream = watch("", "5S");
    EXPECT_EQ(next(*stream), 1);
    clock_.advance(std::chrono::seconds(4));
    EXPECT_EQ(next(*stream), 0);
    clock_.advance(std::chrono::seconds(1));
    EXPECT_EQ(next(*stream), -1);
    EXPECT_EQ(stream->trailers().get("grpc-status"), "4");
}

TEST_F(HealthWatchTest, AChangeWakesItsWatchers) {
    const auto stream = watch("m");
    struct Woken {
        std::promise<void> by_now;
        std::atomic<bool> once{false};
    };
    const auto woken = std::make_shared<Woken>();
    stream->start([woken] {
        if (!woken->once.exchange(true)) woken->by_now.set_value();
    });
    EXPECT_EQ(next(*stream), 1);
    models_.remove("m");
    const auto waited = woken->by_now.get_future().wait_for(std::chrono::seconds(60));
    EXPECT_EQ(waited, std::future_status::ready);
    EXPECT_EQ(next(*stream), 2);
}

TEST_F(HealthWatchTest, ThereIsABoundAndWhoGoesMakesRoom) {
    std::vector<std::shared_ptr<http::BodyStream>> streams;
    for (std::size_t i = 0; i < HealthWatches::kMaxWatchers; ++i) streams.push_back(watch(""));
    http::Response refused = http::dispatch(router_, request_of(""));
    EXPECT_EQ(refused.stream, nullptr);
    EXPECT_EQ(refused.headers.get("grpc-status"), "8") << "RESOURCE_EXHAUSTED";
    streams.pop_back();
    EXPECT_EQ(next(*watch("")), 1);
}

}  // namespace
}  // namespace hf::serve::grpc
