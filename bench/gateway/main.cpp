// What a gateway adds to a request: see run.sh.

#include <algorithm>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "base/protobuf.h"
#include "base/text.h"
#include "http/grpc_client.h"
#include "http/http2_client.h"
#include "posix/clock.h"
#include "serve/gateway/gateway.h"
#include "serve/gateway/grpc_routes.h"
#include "serve/grpc/routes.h"
#include "serve/oip.h"
#include "serve/oip_client.h"

namespace hf {
namespace {

struct Times {
    std::vector<Duration> direct;
    std::vector<Duration> through;
};

// y = x, over bytes.
class Echo final : public runtime::CompiledModel {
public:
    const runtime::Signature& signature() const override { return signature_; }
    std::string_view device() const override { return "none"; }
    Result<std::unique_ptr<runtime::Session>> new_session() const override {
        return std::make_unique<Run>();
    }

private:
    class Run final : public runtime::Session {
    public:
        Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
            return std::vector<Tensor>(inputs.begin(), inputs.end());
        }
    };

    const runtime::Signature signature_{{{"x", DType::kU8, Shape{Shape::kUnknown}}},
                                        {{"y", DType::kU8, Shape{Shape::kUnknown}}}};
};

std::unique_ptr<http::Server> start(http::Router router, http::ServerOptions options = {}) {
    options.workers = 16;
    auto server = http::Server::start(std::move(options), std::move(router));
    HF_CHECK(server.ok(), "{}", server.status().to_string());
    return std::move(*server);
}

// What answers, and what stands before it; the same machine is asked in both ways.
struct Doors {
    std::string replica;
    std::string gateway;
};

// Asks once, at a door; the client is the thread's own.
using Ask = std::function<void(const std::string& door)>;

Ask ask_by_rest(std::size_t bytes) {
    auto request = std::make_shared<http::ClientRequest>();
    request->method = "POST";
    const Tensor x(DType::kU8, Shape{static_cast<std::int64_t>(bytes)});
    serve::InferenceCall call = serve::write_inference(Echo().signature(), {x});
    request->headers.set("Inference-Header-Content-Length", fmt::format("{}", call.json_bytes));
    request->body = std::move(call.body);
    std::shared_ptr<http::Client> client = std::move(*http::Client::create({}));
    return [request, client](const std::string& door) {
        request->url = door + "/v2/models/s/infer";
        const Result<http::Response> response = client->send(*request);
        HF_CHECK(response.ok(), "{}", response.status().to_string());
        HF_CHECK(response->status == 200, "status {}", response->status);
    };
}

Ask ask_by_grpc(std::size_t bytes) {
    const std::int64_t shape[] = {static_cast<std::int64_t>(bytes)};
    std::string message;
    protozero::pbf_writer writer(message);
    writer.add_string(1, "s");
    {
        protozero::pbf_writer input(writer, 5);
        input.add_string(1, "x");
        input.add_string(2, "UINT8");
        input.add_packed_int64(3, std::begin(shape), std::end(shape));
    }
    writer.add_bytes(7, std::string(bytes, 'x'));
    auto call = std::make_shared<http::grpc::ClientCall>();
    call->message = to_bytes(message);
    std::shared_ptr<http::Client> client = std::move(*http::create_http2_client({}));
    return [call, client](const std::string& door) {
        call->url = door + "/inference.GRPCInferenceService/ModelInfer";
        const Result<Bytes> answer = http::grpc::call(*client, *call);
        HF_CHECK(answer.ok(), "{}", answer.status().to_string());
    };
}

Duration timed(const Ask& ask, const std::string& door, const env::Clock& clock) {
    const Duration start = clock.monotonic();
    ask(door);
    return clock.monotonic() - start;
}

Times ask_in_turns(const Doors& doors, const Ask& ask, std::int64_t requests) {
    const posix::RealClock clock;
    Times times;
    for (std::int64_t i = -10; i < requests; ++i) {
        const Duration direct = timed(ask, doors.replica, clock);
        const Duration through = timed(ask, doors.gateway, clock);
        if (i < 0) continue;  // connections are made
        times.direct.push_back(direct);
        times.through.push_back(through);
    }
    return times;
}

std::string url_of(const http::Server& server) {
    return fmt::format("http://127.0.0.1:{}", server.port());
}

double microseconds(std::vector<Duration>& times, std::size_t percent) {
    std::sort(times.begin(), times.end());
    const std::size_t at = std::min(times.size() - 1, times.size() * percent / 100);
    return std::chrono::duration<double, std::micro>(times[at]).count();
}

struct Load {
    bool grpc = false;
    std::size_t bytes = 0;
    std::size_t clients = 1;
    std::int64_t requests = 0;  // of all of them
};

void measure(const Doors& doors, const Load& load) {
    std::vector<Times> each(load.clients);
    std::vector<std::thread> threads;
    for (Times& times : each) {
        threads.emplace_back([&] {
            const Ask ask = load.grpc ? ask_by_grpc(load.bytes) : ask_by_rest(load.bytes);
            times =
                ask_in_turns(doors, ask, load.requests / static_cast<std::int64_t>(load.clients));
        });
    }
    for (std::thread& thread : threads) thread.join();
    Times all;
    for (const Times& times : each) {
        all.direct.insert(all.direct.end(), times.direct.begin(), times.direct.end());
        all.through.insert(all.through.end(), times.through.begin(), times.through.end());
    }
    std::string line = fmt::format("{:>4} {:>8} {:>9}", load.grpc ? "gRPC" : "REST", load.clients,
                                   format_bytes(load.bytes));
    for (const std::size_t percent : {50, 99}) {
        const double direct = microseconds(all.direct, percent);
        const double through = microseconds(all.through, percent);
        line += fmt::format(" | {:>9.0f} {:>9.0f} {:>9.0f}", direct, through, through - direct);
    }
    fmt::print("{}\n", line);
}

void run(std::int64_t requests) {
    posix::RealClock clock;
    serve::Models models;
    HF_CHECK(models
                 .activate(std::make_shared<serve::ModelHost>(
                     serve::ModelHost::Identity{.name = "s", .version = "1"},
                     std::make_shared<const Echo>(), clock))
                 .ok());
    http::Router answers;
    http::ServerOptions options;
    serve::add_oip_routes(answers, models);
    serve::grpc::add_grpc(answers, options, {models, {}}, clock);
    const auto replica = start(std::move(answers), options);
    const auto gateway = std::move(*serve::gateway::Gateway::create({}, clock));
    serve::gateway::Replica one;
    one.url = url_of(*replica);
    one.node = "replica";
    one.ready = true;
    HF_CHECK(gateway->set_routes({{"s", {one}, {}}}).ok());
    http::Router router;
    http::ServerOptions before;
    add_gateway_routes(router, *gateway);
    add_gateway_grpc(router, before, *gateway, clock);
    const auto door = start(std::move(router), before);
    fmt::print(
        "      clients      body | p50: direct   through     added | p99: direct   through  "
        "   added  (us)\n");
    const Doors doors{url_of(*replica), url_of(*door)};
    for (const bool grpc : {false, true}) {
        for (const std::size_t bytes : {std::size_t{1024}, std::size_t{1} << 20}) {
            const std::int64_t fewer = bytes > 1024 ? 10 : 1;
            for (const std::size_t clients : {1, 8}) {
                measure(doors,
                        {grpc, bytes, clients, std::max<std::int64_t>(requests / fewer, 100)});
            }
        }
    }
}

}  // namespace
}  // namespace hf

int main(int argc, char** argv) {
    constexpr std::int64_t kRequests = 4000;
    const hf::Result<std::int64_t> given = argc > 1 ? hf::parse_int(argv[1]) : kRequests;
    hf::run(given.ok() && *given > 0 ? *given : kRequests);
    return 0;
}
