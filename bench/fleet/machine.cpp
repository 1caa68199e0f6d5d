#include "machine.h"

#include <openssl/pem.h>

#include <array>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/ip/address_v4.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <fmt/format.h>

#include "base/text.h"
#include "crypto/ecdsa.h"
#include "crypto/svid.h"
#include "http/tls.h"

namespace hf::fleet {
namespace {

namespace asio = boost::asio;
using Tcp = asio::ip::tcp;
using ErrorCode = boost::system::error_code;
using namespace std::chrono_literals;

constexpr auto kAwait = asio::as_tuple(asio::use_awaitable);
constexpr std::size_t kAtATime = 64;
constexpr std::size_t kMachinesPerToken = 1000;
constexpr std::size_t kAddresses = 64;  // on loopback: an address has but 28,000 ports
constexpr std::size_t kReadBytes = 16u << 10;
constexpr Duration kPatience = 60s;

std::string request_of(std::string_view start, std::string_view headers, const json::Value* body) {
    const std::string text = body ? json::write(*body) : std::string();
    return fmt::format("{} HTTP/1.1\r\nHost: fleet\r\n{}Content-Length: {}\r\n\r\n{}", start,
                       headers, text.size(), text);
}

std::size_t length_in(const std::string& head) {
    constexpr std::string_view kName = "content-length: ";
    const std::string lower = to_lower(head);
    const std::size_t at = lower.find(kName);
    if (at == std::string::npos) return 0;
    return std::strtoul(lower.c_str() + at + kName.size(), nullptr, 10);
}

}  // namespace

Awaitable<void> Slots::take() {
    if (free_ > 0) {
        --free_;
        co_return;
    }
    auto turn = std::make_shared<asio::steady_timer>(loop_, asio::steady_timer::time_point::max());
    waiting_.push_back(turn);
    co_await turn->async_wait(kAwait);
}

void Slots::give() {
    if (waiting_.empty()) {
        ++free_;
    } else {
        waiting_.front()->cancel();
        waiting_.pop_front();
    }
}

Fleet::Fleet(Tcp::endpoint to, std::string root_pem, std::uint64_t seed)
    : server(std::move(to)),
      host(server.address().to_string()),
      joining(loop, kAtATime),
      connecting(loop, kAtATime),
      reporting(loop, 2 * kAtATime),
      rng(seed) {
    http::ClientOptions options;
    options.ca_pem = std::move(root_pem);
    options.tls13_only = true;
    tls = http::make_client_context(options, false).value();
}

Machine::Machine(Fleet& fleet, std::size_t index)
    : fleet_(fleet), index_(index), name_(fmt::format("m{:05}", index)), next_(fleet.loop) {}

Awaitable<void> Machine::pause(Duration least, Duration most) {
    const auto width = static_cast<std::uint64_t>((most - least).count());
    asio::steady_timer timer(fleet_.loop, least + Duration(fleet_.rng.below(width + 1)));
    co_await timer.async_wait(kAwait);
}

Awaitable<std::unique_ptr<Machine::Line>> Machine::connect(bool as_itself) {
    std::unique_ptr<Line> line;
    co_await fleet_.connecting.take();
    Tcp::socket socket(fleet_.loop);
    ErrorCode error;
    socket.open(Tcp::v4(), error);
    const std::array<unsigned char, 4> from{127, 0, 0,
                                            static_cast<unsigned char>(2 + index_ % kAddresses)};
    socket.set_option(
        asio::detail::socket_option::boolean<IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT>(true), error);
    const Tcp::endpoint own(asio::ip::address_v4(from), 0);
    socket.bind(own, error);
    const Tcp::endpoint server = fleet_.server;
    auto [refused] = co_await socket.async_connect(server, kAwait);
    if (!refused) {
        socket.set_option(Tcp::no_delay(true), error);
        line = std::make_unique<Line>(http::Transport(std::move(socket), fleet_.tls.get()));
        SSL* const ssl = line->transport.ssl();
        bool good = http::expect_host(ssl, fleet_.host).ok();
        if (as_itself) {
            good = good && SSL_use_certificate(ssl, certificate_.get()) == 1 &&
                   SSL_use_PrivateKey(ssl, key_.get()) == 1;
            for (const auto& each : chain_)
                good = good && SSL_add1_chain_cert(ssl, each.get()) == 1;
        }
        line->transport.expires_after(kPatience);
        const ErrorCode failed = co_await line->transport.handshake(asio::ssl::stream_base::client);
        if (failed || !good) line.reset();
    }
    fleet_.connecting.give();
    co_return line;
}

Awaitable<bool> Machine::fill(Line& line) {
    const ErrorCode waited = co_await line.transport.wait_readable();
    if (waited) co_return false;
    std::vector<char> piece(kReadBytes);
    const asio::mutable_buffer space(piece.data(), piece.size());
    const http::IoResult came = co_await line.transport.read_some(space);
    line.pending.append(piece.data(), came.bytes);
    co_return !came.error;
}

Awaitable<bool> Machine::send(Line& line, std::string text) {
    std::array<asio::const_buffer, 1> buffers{asio::buffer(text)};
    const ErrorCode error = co_await line.transport.write(buffers);
    co_return !error;
}

Awaitable<std::optional<std::string>> Machine::read_head(Line& line) {
    std::size_t end = line.pending.find("\r\n\r\n");
    while (end == std::string::npos) {
        const bool came = co_await fill(line);
        if (!came) co_return std::nullopt;
        end = line.pending.find("\r\n\r\n");
    }
    std::string head = line.pending.substr(0, end);
    line.pending.erase(0, end + 4);
    co_return head;
}

Awaitable<std::optional<Answer>> Machine::exchange(Line& line, std::string request) {
    line.transport.expires_after(kPatience);
    const bool sent = co_await send(line, std::move(request));
    if (!sent) co_return std::nullopt;
    const std::optional<std::string> head = co_await read_head(line);
    if (!head || head->size() < 12) co_return std::nullopt;
    const std::size_t size = length_in(*head);
    while (line.pending.size() < size) {
        const bool came = co_await fill(line);
        if (!came) co_return std::nullopt;
    }
    Answer answer{std::atoi(head->c_str() + 9), line.pending.substr(0, size)};
    line.pending = line.pending.substr(size);
    co_return answer;
}

Status Machine::take_certificate(const Answer& answer, const std::string& key_pem) {
    if (answer.status != 200) return unavailable("{}: {} {}", name_, answer.status, answer.body);
    const json::Value body = HF_TRY(json::parse(answer.body));
    const std::string chain = HF_TRY(json::need_string(body, "certificateChain"));
    const std::unique_ptr<BIO, decltype(&BIO_free)> pem(
        BIO_new_mem_buf(chain.data(), static_cast<int>(chain.size())), &BIO_free);
    certificate_.reset(PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr));
    while (X509* const next = PEM_read_bio_X509(pem.get(), nullptr, nullptr, nullptr))
        chain_.emplace_back(next);
    const std::unique_ptr<BIO, decltype(&BIO_free)> own(
        BIO_new_mem_buf(key_pem.data(), static_cast<int>(key_pem.size())), &BIO_free);
    key_.reset(PEM_read_bio_PrivateKey(own.get(), nullptr, nullptr, nullptr));
    if (!certificate_ || !key_) return data_loss("{}: no certificate came", name_);
    return {};
}

Awaitable<void> Machine::join() {
    co_await fleet_.joining.take();
    const crypto::PrivateKey key = crypto::PrivateKey::generate();
    const json::Value body =
        json::Object{{"node", name_}, {"csr", crypto::make_signing_request(key)}};
    const std::string token = fmt::format("Authorization: Bearer {}\r\nConnection: close\r\n",
                                          fleet_.tokens.at(index_ / kMachinesPerToken));
    Status joined = unavailable("not tried");
    for (int tries = 0; tries < 10 && !joined.ok(); ++tries) {
        const std::unique_ptr<Line> line = co_await connect(false);
        if (!line) continue;
        std::string request = request_of("POST /v1/enrol", token, &body);
        const std::optional<Answer> answer = co_await exchange(*line, std::move(request));
        if (answer) joined = take_certificate(*answer, key.pem());
    }
    HF_CHECK(joined.ok(), "{}", joined.to_string());
    fleet_.joining.give();
    if (fleet_.on_news) fleet_.on_news();
}

void Machine::set_open(bool open) {
    if (open == open_) return;
    open_ = open;
    fleet_.open += open ? 1 : static_cast<std::size_t>(-1);
    if (fleet_.on_news) fleet_.on_news();
}

// After a loss it comes again with a pause as the real agent has.
Awaitable<void> Machine::watch_for_ever() {
    Duration longest = 500ms;
    for (;;) {
        const std::unique_ptr<Line> line = co_await connect(true);
        bool opened = false;
        if (line) opened = co_await follow(*line);
        set_open(false);
        longest = opened ? Duration(500ms) : std::min<Duration>(2 * longest, 30s);
        co_await pause(longest / 2, longest);
    }
}

// Whether the watch was open at all.
Awaitable<bool> Machine::follow(Line& line) {
    std::string request =
        request_of(fmt::format("GET /apis/holdfast.dev/v1/nodes?watch=true&sendInitialEvents=true&"
                               "fieldSelector=metadata.name%3D{}",
                               name_),
                   "", nullptr);
    line.transport.expires_after(kPatience);
    const bool sent = co_await send(line, std::move(request));
    if (!sent) co_return false;
    const std::optional<std::string> head = co_await read_head(line);
    if (!head || head->find(" 200 ") == std::string::npos) co_return false;
    set_open(true);
    line.transport.expires_never();
    std::string lines;
    for (;;) {
        std::size_t end = line.pending.find("\r\n");
        if (end != std::string::npos) {
            const std::size_t size = std::strtoul(line.pending.c_str(), nullptr, 16);
            if (size == 0) co_return true;
            if (line.pending.size() >= end + 2 + size + 2) {
                lines.append(line.pending, end + 2, size);
                line.pending = line.pending.substr(end + 2 + size + 2);
                for (end = lines.find('\n'); end != std::string::npos; end = lines.find('\n')) {
                    const Result<json::Value> event = json::parse(lines.substr(0, end));
                    const bool tells = event.ok() && json::get_string(*event, "type") != "BOOKMARK";
                    const json::Value* node = tells ? json::find(*event, "object") : nullptr;
                    if (node) take(*node);
                    lines.erase(0, end + 1);
                }
                continue;
            }
        }
        const bool came = co_await fill(line);
        if (!came) co_return true;
    }
}

void Machine::take(const json::Value& node) {
    const json::Value* metadata = json::find(node, "metadata");
    const json::Array* services = nullptr;
    if (const json::Value* spec = json::find(node, "spec"))
        services = json::find_array(*spec, "services");
    std::map<std::string, Order> orders;
    for (const json::Value& each : services ? *services : json::Array()) {
        std::string version(json::get_string(each, "digest"));
        if (version.empty()) {
            const std::string model(json::get_string(each, "model"));
            version = model.substr(model.find('@') + 1);
        }
        const json::Value* rollout = json::find(each, "rollout");
        orders[std::string(json::get_string(each, "name"))] = {
            each, std::move(version), rollout ? json::write(*rollout) : std::string()};
    }
    const auto same = [](const auto& a, const auto& b) {
        return a.first == b.first && a.second.version == b.second.version &&
               a.second.rollout == b.second.rollout;
    };
    if (std::equal(orders.begin(), orders.end(), orders_.begin(), orders_.end(), same)) return;
    orders_ = std::move(orders);
    if (metadata) generation_ = json::get_int(*metadata, "generation");
    to_report_ = true;
    next_.cancel();
}

json::Value Machine::status() const {
    json::Array services;
    for (const auto& [name, order] : orders_) {
        const json::Value& value = order.value;
        json::Object ready{{"type", "Ready"},
                           {"status", "True"},
                           {"reason", "Serving"},
                           {"message", "simulated"},
                           {"lastTransitionTime", "2026-01-01T00:00:00Z"}};
        json::Object service{{"namespace", json::get_string(value, "namespace")},
                             {"name", name},
                             {"digest", order.version},
                             {"settled", true},
                             {"epoch", json::get_int(value, "epoch")},
                             {"observedGeneration", json::get_int(value, "generation")},
                             {"url", "http://127.0.0.1:1/v2/models/x"},
                             {"conditions", json::Array{std::move(ready)}}};
        if (const json::Value* rollout = json::find(value, "rollout"))
            service["rollout"] = *rollout;
        services.emplace_back(std::move(service));
    }
    return json::Object{{"capacity", {{"cpus", 2}, {"memoryBytes", std::int64_t{4} << 30}}},
                        {"services", std::move(services)},
                        {"observedGeneration", generation_}};
}

// Over a connection that is kept, as the agent has it.
Awaitable<std::optional<Answer>> Machine::say(std::string request) {
    if (!line_) line_ = co_await connect(true);
    if (!line_) co_return std::nullopt;
    std::optional<Answer> answer = co_await exchange(*line_, std::move(request));
    if (!answer) line_.reset();
    co_return answer;
}

Awaitable<bool> Machine::report() {
    co_await fleet_.reporting.take();
    std::map<std::string, std::string> versions;
    for (const auto& [name, order] : orders_) versions[name] = order.version;
    to_report_ = false;
    const json::Value body = json::Object{{"status", status()}};
    std::string request =
        request_of(fmt::format("PATCH /apis/holdfast.dev/v1/nodes/{}/status", name_),
                   "Content-Type: application/merge-patch+json\r\n", &body);
    const std::optional<Answer> answer = co_await say(std::move(request));
    fleet_.reporting.give();
    const bool done = answer && answer->status == 200;
    if (!done) {
        to_report_ = true;
        if (answer && ++fleet_.refused <= 3)
            fmt::print(stderr, "{}: {} {}\n", name_, answer->status, answer->body.substr(0, 300));
        co_return false;
    }
    if (!std::exchange(has_reported_, true)) ++fleet_.said;
    if (!versions.empty() && versions != reported_) ++fleet_.reports;
    reported_ = std::move(versions);
    if (fleet_.on_news) fleet_.on_news();
    co_return true;
}

Awaitable<void> Machine::speak_for_ever() {
    co_await pause(0ms, 500ms);
    for (;;) {
        Duration wait = 500ms;
        if (to_report_) {
            const bool done = co_await report();
            if (!done) co_await pause(500ms, 2s);
            continue;
        }
        const json::Value nothing = json::Object();
        std::string request = request_of("POST /v1/node/heartbeat", "", &nothing);
        const std::optional<Answer> answer = co_await say(std::move(request));
        const Result<json::Value> body = answer && answer->status == 200
                                             ? json::parse(answer->body)
                                             : Result<json::Value>(unavailable("no answer"));
        if (body.ok()) {
            wait = std::chrono::milliseconds(json::get_int(*body, "nextMilliseconds", 500));
        } else {
            co_await pause(500ms, 2s);
            continue;
        }
        if (to_report_) continue;
        next_.expires_after(wait);
        co_await next_.async_wait(kAwait);
    }
}

}  // namespace hf::fleet
