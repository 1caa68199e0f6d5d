#include "serve/grpc/wire.h"

#include <gtest/gtest.h>

#include "serve/grpc/gzip.h"

namespace hf::serve::grpc {
namespace {

constexpr std::size_t kMax = 1000;

Bytes bytes_of(std::string_view text) {
    return to_bytes(text);
}

http::Headers with(std::string name, std::string value) {
    http::Headers headers;
    headers.set(std::move(name), std::move(value));
    return headers;
}

TEST(GrpcWire, GzipGoesThereAndBack) {
    for (const std::size_t size : {0u, 1u, 1000u, 300000u}) {
        Bytes bytes(size);
        for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * i >> 7);
        const Bytes packed = gzip(bytes);
        const Result<Bytes> back = gunzip(packed, size);
        ASSERT_TRUE(back.ok()) << back.status().to_string();
        EXPECT_EQ(*back, bytes);
        if (size == 0) continue;
        EXPECT_EQ(gunzip(packed, size - 1).status().code(), Code::kResourceExhausted);
        EXPECT_EQ(gunzip(ByteView(packed).first(packed.size() - 1), size).status().code(),
                  Code::kInvalidArgument);
    }
    EXPECT_EQ(gunzip(bytes_of("not gzip"), kMax).status().code(), Code::kInvalidArgument);
    EXPECT_EQ(gunzip({}, kMax).status().code(), Code::kInvalidArgument);
    Bytes twice = gzip(bytes_of("a"));
    twice.push_back(0);
    EXPECT_EQ(gunzip(twice, kMax).status().code(), Code::kInvalidArgument);
    const Bytes bomb = gzip(Bytes(50u << 20));
    EXPECT_EQ(gunzip(bomb, kMax).status().code(), Code::kResourceExhausted);
}

TEST(GrpcWire, CompressionIsAgreedOn) {
    EXPECT_EQ(*encoding_of({}), Encoding::kIdentity);
    EXPECT_EQ(*encoding_of(with("grpc-encoding", "gzip")), Encoding::kGzip);
    EXPECT_EQ(encoding_of(with("grpc-encoding", "snappy")).status().code(), Code::kUnimplemented);
    const http::Headers takes = with("grpc-accept-encoding", "identity, deflate, gzip");
    EXPECT_EQ(answer_encoding(takes, Encoding::kGzip), Encoding::kGzip);
    EXPECT_EQ(answer_encoding(takes, Encoding::kIdentity), Encoding::kIdentity);
    EXPECT_EQ(answer_encoding({}, Encoding::kGzip), Encoding::kIdentity);
    EXPECT_EQ(unpack({true, bytes_of("x")}, Encoding::kIdentity, kMax).status().code(),
              Code::kInternal);
    EXPECT_EQ(as_text(*unpack({false, bytes_of("x")}, Encoding::kGzip, kMax)), "x");
}

TEST(GrpcWire, TimeoutsHaveUnits) {
    const auto timeout = [](std::string value) {
        return timeout_of(with("grpc-timeout", std::move(value)));
    };
    using namespace std::chrono_literals;
    EXPECT_EQ(*timeout_of({}), Duration::max());
    EXPECT_EQ(*timeout("250m"), Duration(250ms));
    EXPECT_EQ(*timeout("2H"), Duration(2h));
    EXPECT_EQ(*timeout("3M"), Duration(3min));
    EXPECT_EQ(*timeout("4S"), Duration(4s));
    EXPECT_EQ(*timeout("5u"), Duration(5us));
    EXPECT_EQ(*timeout("6n"), Duration(6ns));
    EXPECT_EQ(*timeout("99999999H"), Duration(24h * 365)) << "cut, and nothing overflows";
    for (const char* bad : {"", "5", "m", "-1m", "+1m", "123456789m", "1.5S", "1 m", "1s", "5mm"}) {
        EXPECT_EQ(timeout(bad).status().code(), Code::kInvalidArgument) << bad;
    }
}

}  // namespace
}  // namespace hf::serve::grpc
