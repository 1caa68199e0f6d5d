// Record: what is accounted for of one request while it is answered. When it goes, its line is in
// the log's buffer and its spans are in the exporter's queue.
//
// Threads: as http::Observation.

#pragma once

#include <functional>
#include <string>

#include "env/clock.h"
#include "http/trace_context.h"
#include "serve/account.h"
#include "serve/log_settings.h"
#include "serve/seen/access_log.h"
#include "serve/seen/log_line.h"
#include "serve/seen/span_exporter.h"

namespace hf::serve::seen {

struct RecordOptions {
    SpanExporter* spans = nullptr;  // null: no spans of this request
    AccessLog* log = nullptr;       // null: no line
    LogSettings logging = {};       // when the request came
    http::TraceContext own;         // with the request's own span
    http::SpanId parent{};          // zeros: none
};

class Record final : public Account {
public:
    struct World {
        const env::Clock& clock;
        std::function<http::SpanId()> new_span;
    };

    // REQUIRES: what the options and the world name outlives it.
    Record(RecordOptions options, const http::Request& request, World world);
    ~Record() override;

    void routed(std::string_view pattern) override { route_ = pattern; }
    void answered(const http::Response& response) override;
    void called_by(std::string_view name) override { line_.caller = name; }
    void visited(const ModelHost& host, const Visited& visit) override;

private:
    void add_child(std::string_view name, Instant start, Duration took);
    Span span() const;
    bool has_failed() const;
    LogLevel level() const;
    std::vector<Attribute> attributes() const;

    const RecordOptions options_;
    const World world_;
    const Duration began_;  // of the monotonic clock, when the request's header was there
    LogLine line_;
    std::string route_;
    std::string digest_;
    std::string user_agent_;
    std::string scheme_;
    bool grpc_ = false;  // a call of gRPC that reached its route
};

}  // namespace hf::serve::seen
