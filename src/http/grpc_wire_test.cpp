#include "http/grpc_wire.h"

#include <gtest/gtest.h>

namespace hf::http::grpc {
namespace {

constexpr std::size_t kMax = 1000;

TEST(GrpcWire, MessagesAreCutHoweverTheyCome) {
    Bytes stream = frame(as_bytes("one"), false);
    for (const std::string_view text : {"", "three"}) {
        const Bytes next = frame(as_bytes(text), false);
        stream.insert(stream.end(), next.begin(), next.end());
    }
    for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
        MessageReader reader(kMax);
        std::string told;
        for (std::size_t at = 0; at < stream.size(); at += piece) {
            reader.add(ByteView(stream).subspan(at, std::min(piece, stream.size() - at)));
            Message message;
            while (*reader.next(message)) told += fmt::format("[{}]", as_text(message.bytes));
        }
        EXPECT_EQ(told, "[one][][three]") << piece;
        EXPECT_EQ(reader.held(), 0u);
    }
}

TEST(GrpcWire, WhatIsNoMessageIsRefusedAtOnce) {
    const auto refusal = [](std::string_view bytes) {
        MessageReader reader(kMax);
        reader.add(as_bytes(bytes));
        Message message;
        return reader.next(message).status().code();
    };
    EXPECT_EQ(refusal(std::string_view("\0\0\0\3\xe9", 5)), Code::kResourceExhausted);
    EXPECT_EQ(refusal(std::string_view("\0\xff\xff\xff\xff", 5)), Code::kResourceExhausted);
    EXPECT_EQ(refusal(std::string_view("\2\0\0\0\0", 5)), Code::kInternal);
    EXPECT_EQ(refusal(std::string_view("\0\0\0\3\xe8", 5)), Code::kOk);
    EXPECT_EQ(refusal(std::string_view("\2", 1)), Code::kOk) << "not all of its head is there";
}

TEST(GrpcWire, StatusIsInTrailersPercentEncoded) {
    Headers headers;
    add_status(headers, Status());
    EXPECT_EQ(headers.all().size(), 1u);
    EXPECT_EQ(headers.get("grpc-status"), "0");
    add_status(headers, not_found("100% of 'é'\n"));
    EXPECT_EQ(headers.get("grpc-status"), "5");
    EXPECT_EQ(headers.get("grpc-message"), "100%25 of '%C3%A9'%0A");
    add_status(headers, not_found("{}é", std::string(1023, 'a')));
    EXPECT_EQ(headers.get("grpc-message"), std::string(1023, 'a')) << "no half of a character";
}

TEST(GrpcWire, ContentTypes) {
    for (const char* type :
         {"application/grpc", "application/grpc+proto", "Application/gRPC; a=b"}) {
        EXPECT_TRUE(is_grpc(type)) << type;
    }
    for (const char* type :
         {"", "application/json", "application/grpc-web", "application/grpc+json"}) {
        EXPECT_FALSE(is_grpc(type)) << type;
    }
}

TEST(GrpcWire, StatusIsReadFromWhereverItIs) {
    const auto answer = [](int status, std::string_view number, std::string_view message) {
        Response response;
        response.status = status;
        if (!number.empty()) response.headers.set("grpc-status", std::string(number));
        response.headers.set("grpc-message", std::string(message));
        return response;
    };
    EXPECT_TRUE(status_of(answer(200, "0", "")).ok());
    const Status missing = status_of(answer(200, "5", "100%25 of '%C3%A9'%0A, %zz %2"));
    EXPECT_EQ(missing.code(), Code::kNotFound);
    EXPECT_EQ(missing.message(), "100% of 'é'\n, %zz %2");
    for (const char* strange : {"17", "-1", "x", "99999999999999999999"}) {
        EXPECT_EQ(status_of(answer(200, strange, "")).code(), Code::kUnknown) << strange;
    }
    EXPECT_EQ(status_of(answer(200, "", "")).code(), Code::kInternal);
    EXPECT_EQ(status_of(answer(404, "", "")).code(), Code::kUnimplemented);
    EXPECT_EQ(status_of(answer(503, "", "")).code(), Code::kUnavailable);
    EXPECT_EQ(status_of(answer(403, "7", "who")).message(), "who");
    Response trailers = answer(200, "0", "");
    trailers.trailers.set("grpc-status", "8");
    EXPECT_EQ(status_of(trailers).code(), Code::kResourceExhausted) << "what comes last counts";
}

}  // namespace
}  // namespace hf::http::grpc
