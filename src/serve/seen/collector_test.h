// A collector of spans on loopback, for the tests: a real server that reads what it gets as
// OTLP's JSON encoding wants it, and fails the test where a field that must be there is not. Used
// by tests only.

#pragma once

#include <algorithm>
#include <atomic>
#include <memory>
#include <regex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/mutex.h"
#include "base/text.h"
#include "http/server.h"
#include "testing/real_clock.h"

namespace hf::serve::seen {

// How long a test waits for what must happen.
inline constexpr auto kPatience = std::chrono::seconds(30);

// True as soon as `ready` is, false when that lasts too long.
template <typename Ready>
bool comes_true(Ready ready) {
    const testing::RealClock clock;
    const Duration end = clock.monotonic() + kPatience;
    while (!ready()) {
        if (clock.monotonic() > end) return false;
        std::this_thread::yield();
    }
    return true;
}

inline bool is_hex(std::string_view text, std::size_t size) {
    return text.size() == size && text.find_first_not_of("0123456789abcdef") == text.npos;
}

class Collector final {
public:
    Collector() { listen(0); }

    std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }

    void answer_with(http::Response response) {
        const MutexLock lock(mutex_);
        answer_ = std::move(response);
    }

    void kill() { server_.reset(); }
    void revive() { listen(port_); }

    std::uint64_t batches() const { return batches_; }

    // All that were in batches which were answered 200.
    std::vector<json::Object> spans() const {
        const MutexLock lock(mutex_);
        return spans_;
    }

    std::vector<json::Object> wait_for(std::size_t count) const {
        EXPECT_TRUE(comes_true([&] { return spans().size() >= count; }));
        return spans();
    }

    static std::string text_of(const json::Object& span, std::string_view key) {
        return std::string(json::get_string(span, key));
    }

    // An attribute's value; "" when there is none. Numbers as they are written.
    static std::string attribute(const json::Object& object, std::string_view key) {
        const json::Value whole(object);
        for (const json::Value& entry : *json::find_array(whole, "attributes")) {
            if (json::get_string(entry, "key") != key) continue;
            const json::Object& value = *json::find_object(entry, "value");
            for (const auto& [type, content] : value) {
                if (content.is_string()) return std::string(json::as_view(content.get_string()));
                return json::write(content);
            }
        }
        return {};
    }

private:
    void listen(std::uint16_t port) {
        http::ServerOptions options;
        options.port = port;
        http::Router router;
        router.add("POST", "/v1/traces", [this](const http::Request& r) { return take(r); });
        auto server = http::Server::start(std::move(options), std::move(router));
        HF_CHECK(server.ok(), "{}", server.status().to_string());
        server_ = std::move(*server);
        port_ = server_->port();
    }

    http::Response take(const http::Request& request) {
        ++batches_;
        EXPECT_EQ(request.headers.get("Content-Type"), "application/json");
        const Result<json::Value> body = json::parse(as_text(request.body));
        EXPECT_TRUE(body.ok()) << body.status().to_string();
        const MutexLock lock(mutex_);
        if (answer_.status != 200 || !body.ok()) return answer_;
        for (const json::Value& resource : *json::find_array(*body, "resourceSpans")) {
            EXPECT_EQ(attribute(*json::find_object(resource, "resource"), "service.name"),
                      "holdfast");
            for (const json::Value& scope : *json::find_array(resource, "scopeSpans")) {
                EXPECT_EQ(json::get_string(*json::find_object(scope, "scope"), "name"), "holdfast");
                for (const json::Value& span : *json::find_array(scope, "spans")) {
                    check(span.get_object());
                    spans_.push_back(span.get_object());
                }
            }
        }
        return answer_;
    }

    static void check(const json::Object& span) {
        EXPECT_TRUE(is_hex(text_of(span, "traceId"), 32)) << json::write(span);
        EXPECT_TRUE(is_hex(text_of(span, "spanId"), 16)) << json::write(span);
        if (span.contains("parentSpanId")) {
            EXPECT_TRUE(is_hex(text_of(span, "parentSpanId"), 16)) << json::write(span);
        }
        EXPECT_FALSE(text_of(span, "name").empty());
        EXPECT_TRUE(span.contains("kind") && span.at("kind").is_int64());
        const auto start = parse_int(text_of(span, "startTimeUnixNano"));
        const auto end = parse_int(text_of(span, "endTimeUnixNano"));
        EXPECT_TRUE(start.ok() && end.ok() && *start <= *end && *start > 0) << json::write(span);
    }

    std::atomic<std::uint64_t> batches_{0};
    mutable Mutex mutex_;
    http::Response answer_ HF_GUARDED_BY(mutex_) = http::Response::json(200, "{}");
    std::vector<json::Object> spans_ HF_GUARDED_BY(mutex_);
    std::uint16_t port_ = 0;
    std::unique_ptr<http::Server> server_;
};

}  // namespace hf::serve::seen
