// What a gateway adds to a request: see run.sh.

#include <algorithm>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "base/text.h"
#include "http/client.h"
#include "posix/clock.h"
#include "serve/gateway/gateway.h"

namespace hf {
namespace {

struct Times {
    std::vector<Duration> direct;
    std::vector<Duration> through;
};

std::unique_ptr<http::Server> start(http::Router router) {
    http::ServerOptions options;
    options.workers = 16;
    auto server = http::Server::start(std::move(options), std::move(router));
    HF_CHECK(server.ok(), "{}", server.status().to_string());
    return std::move(*server);
}

std::string url_of(const http::Server& server) {
    return fmt::format("http://127.0.0.1:{}", server.port());
}

Duration timed(http::Client& client, const http::ClientRequest& request, const env::Clock& clock) {
    const Duration start = clock.monotonic();
    const Result<http::Response> response = client.send(request);
    const Duration took = clock.monotonic() - start;
    HF_CHECK(response.ok(), "{}", response.status().to_string());
    HF_CHECK(response->status == 200, "status {}", response->status);
    return took;
}

Times ask_in_turns(const std::string& replica, const std::string& gateway, std::size_t bytes,
                   std::int64_t requests) {
    const posix::RealClock clock;
    const std::unique_ptr<http::Client> client = std::move(*http::Client::create({}));
    http::ClientRequest request;
    request.method = "POST";
    request.body = Bytes(bytes, 7);
    Times times;
    for (std::int64_t i = -10; i < requests; ++i) {
        request.url = replica + "/v2/models/s/infer";
        const Duration direct = timed(*client, request, clock);
        request.url = gateway + "/v2/models/s/infer";
        const Duration through = timed(*client, request, clock);
        if (i < 0) continue;  // connections are made
        times.direct.push_back(direct);
        times.through.push_back(through);
    }
    return times;
}

double microseconds(std::vector<Duration>& times, std::size_t percent) {
    std::sort(times.begin(), times.end());
    const std::size_t at = std::min(times.size() - 1, times.size() * percent / 100);
    return std::chrono::duration<double, std::micro>(times[at]).count();
}

void measure(const std::string& replica, const std::string& gateway, std::size_t bytes,
             std::pair<std::size_t, std::int64_t> clients_and_requests) {
    const auto [clients, requests] = clients_and_requests;
    std::vector<Times> each(clients);
    std::vector<std::thread> threads;
    for (Times& times : each) {
        threads.emplace_back([&, of = requests / static_cast<std::int64_t>(clients)] {
            times = ask_in_turns(replica, gateway, bytes, of);
        });
    }
    for (std::thread& thread : threads) thread.join();
    Times all;
    for (const Times& times : each) {
        all.direct.insert(all.direct.end(), times.direct.begin(), times.direct.end());
        all.through.insert(all.through.end(), times.through.begin(), times.through.end());
    }
    std::string line = fmt::format("{:>8} {:>9}", clients, format_bytes(bytes));
    for (const std::size_t percent : {50, 99}) {
        const double direct = microseconds(all.direct, percent);
        const double through = microseconds(all.through, percent);
        line += fmt::format(" | {:>9.0f} {:>9.0f} {:>9.0f}", direct, through, through - direct);
    }
    fmt::print("{}\n", line);
}

void run(std::int64_t requests) {
    http::Router answers;
    answers.add("POST", "/v2/models/{model}/infer", [](const http::Request& request) {
        http::Response response;
        response.body = request.body;
        return response;
    });
    const auto replica = start(std::move(answers));
    const posix::RealClock clock;
    const auto gateway = std::move(*serve::gateway::Gateway::create({}, clock));
    serve::gateway::Replica one;
    one.url = url_of(*replica);
    one.node = "replica";
    one.ready = true;
    HF_CHECK(gateway->set_routes({{"s", {one}, {}}}).ok());
    http::Router router;
    add_gateway_routes(router, *gateway);
    const auto door = start(std::move(router));
    fmt::print(
        " clients      body | p50: direct   through     added | p99: direct   through  "
        "   added  (us)\n");
    for (const std::size_t bytes : {std::size_t{1024}, std::size_t{1} << 20}) {
        const std::int64_t fewer = bytes > 1024 ? 10 : 1;
        for (const std::size_t clients : {1, 8}) {
            measure(url_of(*replica), url_of(*door), bytes,
                    {clients, std::max<std::int64_t>(requests / fewer, 100)});
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
