#include "http/pace.h"

#include <gtest/gtest.h>

#include "http/paced_client.h"
#include "http/peers_test.h"

namespace hf::http {
namespace {

using namespace std::chrono_literals;

TEST(Pace, ATrickleEndsWithTheWindow) {
    Pace pace(100, 10s);
    EXPECT_EQ(pace.add(1, 5s), Status());
    EXPECT_EQ(pace.add(1, 4s), Status());
    EXPECT_EQ(pace.add(1, 1s).code(), Code::kDeadlineExceeded);
}

TEST(Pace, AStopInAGoodTransferEndsNothing) {
    Pace pace(100, 10s);
    for (int i = 0; i < 5; ++i) {
        EXPECT_EQ(pace.add(1000, 1ms), Status());
        EXPECT_EQ(pace.add(1, 9s), Status());
        EXPECT_EQ(pace.add(0, 999ms), Status());
    }
}

TEST(Pace, EachWindowCountsForItself) {
    Pace pace(100, 10s);
    EXPECT_EQ(pace.add(1'000'000, 10s), Status());
    EXPECT_EQ(pace.add(999, 10s).code(), Code::kDeadlineExceeded);
}

TEST(Pace, NoneIsAskedForUnlessItIsSaid) {
    Pace pace(0, 10s);
    EXPECT_EQ(pace.add(0, 24h), Status());
}

// What `client` gets of a server that sends a byte for every byte that arrives: never silent, and
// never done.
Result<Response> get_trickle(PaceOptions pace, bool collected) {
    auto feed = std::make_shared<Feed>();
    Router streams;
    streams.add("GET", "/model", [&](const Request&) {
        Response response;
        response.stream = feed->stream();
        return response;
    });
    const std::unique_ptr<Server> server = start(std::move(streams));
    ClientOptions options;
    options.body_bytes_max = 3;
    const std::unique_ptr<Client> client = create_paced_client(options, pace).value();
    ClientRequest request;
    request.url = url_of(*server, "/model");
    request.sink = [&](ByteView) -> Status {
        feed->push("x");
        return {};
    };
    if (collected) {
        request.sink = nullptr;
        feed->push("xxxx");
        feed->end();
    } else {
        feed->push("x");
    }
    return client->send(request);
}

TEST(PacedClient, A27ATrickleEnds) {
    const Result<Response> response =
        get_trickle({1'000'000, std::chrono::milliseconds(20)}, false);
    EXPECT_EQ(response.status().code(), Code::kDeadlineExceeded);
    EXPECT_NE(response.status().message().find("[slow-transfer]"), std::string_view::npos);
}

// Of what is no success no sink judges the pace.
TEST(PacedClient, ARefusalThatTricklesEndsToo) {
    const auto feed = std::make_shared<Feed>();
    Router streams;
    streams.add("GET", "/model", [&](const Request&) {
        Response response;
        response.status = 404;
        response.stream = feed->stream();
        return response;
    });
    const std::unique_ptr<Server> server = start(std::move(streams));
    ClientOptions options;
    options.read_timeout = std::chrono::milliseconds(400);
    const std::unique_ptr<Client> client = create_paced_client(options, {}).value();
    ClientRequest request;
    request.url = url_of(*server, "/model");
    request.sink = [](ByteView) { return Status(); };
    int bytes = 0;
    request.pulse = [&]() -> Status {
        ++bytes < 50 ? feed->push("x") : feed->end();
        return {};
    };
    feed->push("x");
    EXPECT_EQ(client->send(request).status().code(), Code::kDeadlineExceeded);
}

TEST(PacedClient, WhatIsCollectedIsBoundedAsBefore) {
    EXPECT_EQ(get_trickle({}, true).status().code(), Code::kResourceExhausted);
}

TEST(PacedClient, AWholeBodyComesAsItIs) {
    Router router;
    router.add("GET", "/", [](const Request&) { return Response::text(200, "body"); });
    router.add("GET", "/no", [](const Request&) { return Response::text(404, "none"); });
    const std::unique_ptr<Server> server = start(std::move(router));
    const std::unique_ptr<Client> client = create_paced_client({}, {}).value();
    ClientRequest request;
    request.url = url_of(*server, "/");
    EXPECT_EQ(as_text(client->send(request)->body), "body");
    request.url = url_of(*server, "/no");
    EXPECT_EQ(as_text(client->send(request)->body), "none");
}

}  // namespace
}  // namespace hf::http
