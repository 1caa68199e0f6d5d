#include "http/request_reader.h"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/vector_body.hpp>
#include <gtest/gtest.h>

#include "base/rng.h"

namespace hf::http {
namespace {

// What came of the bytes, when pieces of so many come one after the other.
struct Outcome {
    std::string text;
    std::size_t used = 0;

    friend bool operator==(const Outcome&, const Outcome&) = default;
};

Outcome read_in_pieces(std::string_view bytes, const Limits& limits,
                       const std::function<std::size_t()>& next_size) {
    RequestReader reader(limits);
    std::size_t used = 0;
    std::size_t come = 0;
    while (!reader.done() && !reader.refusal() && come < bytes.size()) {
        come = std::min(bytes.size(), come + next_size());
        used += reader.take(as_bytes(bytes.substr(used, come - used)));
    }
    Outcome outcome;
    outcome.used = used;
    if (reader.refusal()) {
        outcome.text =
            fmt::format("{} {}", reader.refusal()->status, as_text(reader.refusal()->body));
        outcome.used = 0;  // nobody asks
        return outcome;
    }
    if (!reader.done()) {
        outcome.text = "more";
        outcome.used = 0;
        return outcome;
    }
    const Request& request = reader.request();
    outcome.text = fmt::format("{} {} {}\n", request.method, request.target,
                               reader.wants_more() ? "goes on" : "ends");
    for (const auto& [name, value] : request.headers.all()) {
        outcome.text += fmt::format("{}: {}\n", name, value);
    }
    outcome.text += fmt::format("\n{}", as_text(request.body));
    return outcome;
}

Outcome read_whole(std::string_view bytes, const Limits& limits = {}) {
    return read_in_pieces(bytes, limits, [&] { return bytes.size(); });
}

constexpr std::string_view kPost = "POST /a?b=%20 HTTP/1.1\r\nHost: x\r\n";

std::vector<std::string> requests() {
    const std::string post(kPost);
    return {
        "GET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nConnection: foo, Close\r\n\r\n",
        "\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n",
        "HEAD /x HTTP/1.1\r\nhost:x\r\nA:\r\nB: \t c d \t\r\n\r\nGET",
        "M-SEARCH * HTTP/1.1\r\nHost: x\r\n\r\n",
        post + "Content-Length: 5\r\n\r\nhelloGET / HTTP/1.1",
        post + "Content-Length: 0\r\n\r\n",
        post +
            "Transfer-Encoding: "
            "chunked\r\n\r\n5\r\nhello\r\n00A;x=\"y\"\r\n0123456789\r\n0\r\n\r\nrest",
        post + "Transfer-Encoding: Chunked\r\n\r\n1\r\na\r\n0\r\nTrailer: x\r\n\r\n",
        post + "Expect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
    };
}

std::vector<std::string> refused() {
    const std::string post(kPost);
    return {
        "\x16\x03\x01\x02\x01\x01\xfc\x03\x03",
        "GET /\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.2\r\n\r\n",
        "GET / HTTP/2.0\r\n\r\n",
        "GET / HTTP/1.1 \r\n\r\n",
        "GET /\x01 HTTP/1.1\r\n\r\n",
        "GET / http/1.1\r\n\r\n",
        "G@T / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\n\n",
        "GET / HTTP/1.1\r\nHost: x\r\n\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\n: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: x\r\nno colon\r\n\r\n",
        std::string("GET / HTTP/1.1\r\nHost: x\r\nA: \0b\r\n\r\n", 35),
        "GET / HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        post + "Host: y\r\n\r\n",
        post + "Content-Length: 5\r\nContent-Length: 5\r\n\r\n",
        post + "Content-Length: 5, 5\r\n\r\n",
        post + "Content-Length: \r\n\r\n",
        post + "Content-Length: 0x5\r\n\r\n",
        post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        post + "Transfer-Encoding: gzip, chunked\r\n\r\n",
        post + "Transfer-Encoding: chunked\r\n\r\n\r\n",
        post + "Transfer-Encoding: chunked\r\n\r\n 5\r\nhello",
        post + "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello",
        post + "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello",
        post + "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloo\r\n0\r\n\r\n",
        post + "Transfer-Encoding: chunked\r\n\r\n10000000000000000\r\n",
    };
}

TEST(RequestReader, ReadsTheSameHoweverItComes) {
    std::vector<std::string> all = requests();
    for (const std::string& bad : refused()) all.push_back(bad);
    Rng rng(5);
    for (const std::string& bytes : all) {
        const Outcome whole = read_whole(bytes);
        EXPECT_EQ(read_in_pieces(bytes, {}, [] { return std::size_t{1}; }), whole) << bytes;
        for (int i = 0; i < 20; ++i) {
            const auto size = [&] { return std::size_t{1} + rng.next() % 20; };
            EXPECT_EQ(read_in_pieces(bytes, {}, size), whole) << bytes;
        }
    }
}

TEST(RequestReader, RefusesWhatTwoReadersCouldReadDifferently) {
    for (const std::string& bytes : refused()) {
        EXPECT_TRUE(read_whole(bytes).text.starts_with("400 ")) << bytes << read_whole(bytes).text;
    }
}

// Another reader of the same requests: Boost.Beast's.
TEST(RequestReader, ReadsWhatAnotherReaderReads) {
    namespace beast = boost::beast;
    for (const std::string& bytes : requests()) {
        if (bytes.starts_with("\r\n")) continue;  // that one takes no empty lines
        beast::http::request_parser<beast::http::vector_body<std::uint8_t>> parser;
        parser.eager(true);
        boost::system::error_code error;
        const std::size_t used = parser.put(boost::asio::buffer(bytes), error);
        ASSERT_FALSE(error) << bytes << error.message();
        ASSERT_TRUE(parser.is_done()) << bytes;
        const auto& message = parser.get();
        Outcome outcome;
        outcome.used = used;
        outcome.text =
            fmt::format("{} {} {}\n", std::string(message.method_string()),
                        std::string(message.target()), message.keep_alive() ? "goes on" : "ends");
        for (const auto& field : message) {
            if (field.name_string() == "Trailer") continue;  // as a header, which it is not
            outcome.text += fmt::format("{}: {}\n", std::string(field.name_string()),
                                        std::string(field.value()));
        }
        outcome.text += fmt::format("\n{}", as_text(message.body()));
        EXPECT_EQ(read_whole(bytes).text, outcome.text);
        EXPECT_EQ(read_whole(bytes).used, outcome.used);
    }
}

TEST(RequestReader, WhoExpectsToBeToldToGoOnIsOnceTheHeadIsWhole) {
    const Limits limits;
    RequestReader reader(limits);
    const std::string head =
        std::string(kPost) + "Expect: 100-Continue\r\nContent-Length: 2\r\n\r\n";
    const std::size_t used = reader.take(as_bytes(head).first(head.size() - 2));
    EXPECT_FALSE(reader.expects_continue());
    reader.take(as_bytes(head).subspan(used));
    EXPECT_TRUE(reader.expects_continue());
    reader.take(as_bytes(std::string_view("ab")));
    EXPECT_FALSE(reader.expects_continue());
}

TEST(RequestReader, SaysWhichLimitIsPassed) {
    Limits limits;
    limits.header_bytes = 100;
    limits.body_bytes = 10;
    const std::string post(kPost);
    const auto status_of = [&](const std::string& bytes) {
        return read_whole(bytes, limits).text.substr(0, 4);
    };
    EXPECT_EQ(status_of(post + "A: " + std::string(100, 'a')), "431 ");
    EXPECT_EQ(status_of(std::string(101, 'A')), "431 ");
    EXPECT_EQ(status_of(post + "Content-Length: 11\r\n\r\n"), "413 ");
    EXPECT_EQ(status_of(post + "Content-Length: 10\r\n\r\n0123456789"), "POST");
    EXPECT_EQ(status_of(post + "Transfer-Encoding: chunked\r\n\r\nb\r\n"), "413 ");
    EXPECT_EQ(status_of(post + "Transfer-Encoding: chunked\r\n\r\n6\r\n012345\r\n5\r\n"), "413 ");
    EXPECT_EQ(status_of(post + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(100, 'e')),
              "400 ");
    std::string trailers = post + "Transfer-Encoding: chunked\r\n\r\n0\r\n";
    for (int i = 0; i < 50; ++i) trailers += "A: b\r\n";
    EXPECT_EQ(status_of(trailers), "400 ");
}

TEST(RequestReader, TakesALargeBodyWhereItIsToLie) {
    constexpr std::size_t kSize = 300'000;
    const Limits limits;
    RequestReader reader(limits);
    const std::string head = fmt::format("{}Content-Length: {}\r\n\r\n", kPost, kSize);
    EXPECT_EQ(reader.take(as_bytes(head)), head.size());
    EXPECT_TRUE(reader.has_head());
    EXPECT_TRUE(reader.body_space().empty());  // announced is not come
    const std::string begin(100'000, 'b');
    EXPECT_EQ(reader.take(as_bytes(begin)), begin.size());
    std::size_t come = begin.size();
    while (!reader.done()) {
        const std::span<std::uint8_t> space = reader.body_space();
        ASSERT_FALSE(space.empty());
        EXPECT_LE(space.size(), come);  // memory is taken as it comes
        const std::size_t count = std::min<std::size_t>(space.size(), 1000);
        std::fill_n(space.begin(), count, 'c');
        reader.body_came(count);
        come += count;
    }
    EXPECT_EQ(come, kSize);
    EXPECT_EQ(as_text(reader.request().body), begin + std::string(kSize - begin.size(), 'c'));
    EXPECT_TRUE(reader.body_space().empty());
}

}  // namespace
}  // namespace hf::http
