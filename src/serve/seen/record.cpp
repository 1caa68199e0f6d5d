#include "serve/seen/record.h"

#include <algorithm>
#include <array>

#include "base/bytes.h"
#include "base/text.h"
#include "serve/gateway/forwarding.h"
#include "serve/inference.h"
#include "serve/model_host.h"
#include "serve/oip_client.h"

namespace hf::serve::seen {
namespace {

constexpr std::string_view kGrpcPrefix = "application/grpc";

// The codes of gRPC by which a server says that it has failed, and not its client: UNKNOWN,
// DEADLINE_EXCEEDED, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS.
constexpr std::array<std::string_view, 6> kServersFault{"2", "4", "12", "13", "14", "15"};

std::string text_of(const http::Headers& headers, std::string_view name) {
    return std::string(headers.get(name).value_or("").substr(0, kLogTextMax));
}

// A name of bounded number: whatever clients make up is one word.
std::string_view method_of(std::string_view method) {
    constexpr std::array<std::string_view, 9> kKnown{
        "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH"};
    const bool known = std::find(kKnown.begin(), kKnown.end(), method) != kKnown.end();
    return known ? method : "_OTHER";
}

double seconds(Duration duration) {
    return std::chrono::duration<double>(duration).count();
}

// "127.0.0.1" and 50123 of "127.0.0.1:50123"; "[::1]:50123" too.
void add_peer(std::string_view peer, std::vector<Attribute>& to) {
    const std::size_t colon = std::min(peer.rfind(':'), peer.size());
    std::string_view address = peer.substr(0, colon);
    if (address.starts_with('[')) address = address.substr(1, address.size() - 2);
    if (address.empty()) return;
    to.emplace_back("client.address", std::string(address));
    const Result<std::int64_t> port = parse_int(peer.substr(std::min(colon + 1, peer.size())));
    if (port.ok()) to.emplace_back("client.port", *port);
}

}  // namespace

Record::Record(RecordOptions options, const http::Request& request, World world)
    : options_(std::move(options)),
      world_(std::move(world)),
      began_(world_.clock.monotonic() - request.waited),
      scheme_(request.tls_version.empty() ? "http" : "https") {
    const std::string_view target = request.target;
    const std::size_t question = std::min(target.find('?'), target.size());
    line_.time = world_.clock.now() - request.waited;
    line_.method = request.method.substr(0, kLogTextMax);
    line_.path = target.substr(0, std::min(question, kLogTextMax + 1));
    line_.protocol = request.version == 2 ? "HTTP/2" : "HTTP/1.1";
    line_.bytes_in = request.body.size();
    line_.queue = request.waited;
    line_.caller = request.client_name.substr(0, kLogTextMax);
    line_.peer = request.peer;
    line_.trace_id = to_hex(options_.own.trace);
    if (options_.spans) user_agent_ = text_of(request.headers, "User-Agent");
}

Record::~Record() {
    line_.duration = world_.clock.monotonic() - began_;
    if (options_.log && options_.logging.tells_of(level())) {
        options_.log->offer(write_log_line(line_));
    }
    if (options_.spans) options_.spans->offer(span());
}

void Record::answered(const http::Response& response) {
    line_.status = response.status;
    line_.bytes_out = response.body.size();
    if (response.stream) line_.bytes_out.reset();
    line_.receipt = text_of(response.headers, kReceiptHeader);
    line_.node = text_of(response.headers, gateway::kNodeHeader);
    digest_ = text_of(response.headers, kModelDigestHeader);
    const std::string status = text_of(response.trailers, "grpc-status");
    line_.grpc_status = status.empty() ? text_of(response.headers, "grpc-status") : status;
    const bool grpc = text_of(response.headers, "Content-Type").starts_with(kGrpcPrefix);
    grpc_ = grpc && !route_.empty();
    if (grpc && line_.grpc_status.empty()) line_.bytes_out.reset();  // a stream follows
}

void Record::visited(const ModelHost& host, const Visited& visit) {
    line_.model = host.identity().name;
    line_.version = host.identity().version;
    if (digest_.empty()) digest_ = host.identity().model_digest;
    ++line_.inferences;
    line_.queue = std::max(line_.queue, visit.times.queue);  // its turn came later
    if (visit.succeeded) {
        line_.compute = line_.compute.value_or(Duration::zero()) + visit.times.infer;
    }
    if (!options_.spans) return;
    if (visit.times.queue > Duration::zero()) add_child("queue", line_.time, visit.times.queue);
    if (!visit.succeeded) return;
    const Instant start = visit.came + visit.times.queue + visit.times.input;
    add_child("compute", std::max(line_.time, start), visit.times.infer);
}

void Record::add_child(std::string_view name, Instant start, Duration took) {
    Span child;
    child.trace = options_.own.trace;
    child.id = world_.new_span();
    child.parent = options_.own.span;
    child.state = options_.own.state;
    child.name = name;
    child.start = start;
    child.end = start + took;
    child.attributes.emplace_back("holdfast.model.name", line_.model);
    child.attributes.emplace_back("holdfast.model.version", line_.version);
    options_.spans->offer(std::move(child));
}

Span Record::span() const {
    Span span;
    span.trace = options_.own.trace;
    span.id = options_.own.span;
    span.parent = options_.parent;
    span.state = options_.own.state;
    const std::string method(method_of(line_.method) == "_OTHER" ? "HTTP" : line_.method);
    span.name = grpc_ ? route_.substr(1) : route_.empty() ? method : method + " " + route_;
    span.kind = SpanKind::kServer;
    span.start = line_.time;
    span.end = line_.time + line_.duration;
    span.attributes = attributes();
    span.failed = has_failed();
    return span;
}

LogLevel Record::level() const {
    if (has_failed()) return LogLevel::kError;
    const bool refused = line_.grpc_status.empty() ? line_.status >= 400 : line_.grpc_status != "0";
    return refused ? LogLevel::kWarning : LogLevel::kInfo;
}

bool Record::has_failed() const {
    const auto end = kServersFault.end();
    return line_.status >= 500 || line_.status == 0 ||
           std::find(kServersFault.begin(), end, line_.grpc_status) != end;
}

std::vector<Attribute> Record::attributes() const {
    std::vector<Attribute> all;
    const auto text = [&all](std::string_view key, std::string_view value) {
        if (!value.empty()) all.emplace_back(std::string(key), std::string(value));
    };
    const auto whole = [&all](std::string_view key, std::uint64_t value) {
        all.emplace_back(std::string(key), static_cast<std::int64_t>(value));
    };
    text("http.request.method", method_of(line_.method));
    if (method_of(line_.method) == "_OTHER") text("http.request.method_original", line_.method);
    text("url.scheme", scheme_);
    text("url.path", line_.path);
    text("http.route", route_);
    if (line_.status != 0) {
        whole("http.response.status_code", static_cast<std::uint64_t>(line_.status));
    }
    if (line_.status >= 500) text("error.type", fmt::format("{}", line_.status));
    whole("http.request.body.size", line_.bytes_in);
    if (line_.bytes_out) whole("http.response.body.size", *line_.bytes_out);
    text("network.protocol.name", "http");
    text("network.protocol.version", line_.protocol.substr(5));
    add_peer(line_.peer, all);
    text("user_agent.original", user_agent_);
    if (grpc_) {
        const std::size_t slash = route_.rfind('/');
        text("rpc.system", "grpc");
        text("rpc.service", std::string_view(route_).substr(1, slash - 1));
        text("rpc.method", std::string_view(route_).substr(slash + 1));
        const Result<std::int64_t> code = parse_int(line_.grpc_status);
        if (code.ok()) all.emplace_back("rpc.grpc.status_code", *code);
    }
    text("holdfast.caller", line_.caller);
    text("holdfast.receipt", line_.receipt);
    text("holdfast.node", line_.node);
    text("holdfast.model.name", line_.model);
    text("holdfast.model.version", line_.version);
    text("holdfast.model.digest", digest_);
    if (line_.compute) {
        all.emplace_back("holdfast.queue.duration", seconds(line_.queue));
        all.emplace_back("holdfast.compute.duration", seconds(*line_.compute));
    }
    return all;
}

}  // namespace hf::serve::seen
