#include "http/paced_client.h"

#include <chrono>
#include <optional>

#include "http/pace.h"

namespace hf::http {
namespace {

class PacedClient final : public Client {
public:
    PacedClient(std::unique_ptr<Client> client, std::size_t body_bytes_max, PaceOptions pace)
        : client_(std::move(client)), body_bytes_max_(body_bytes_max), pace_(pace) {}

    Result<Response> send(const ClientRequest& request) override {
        using Clock = std::chrono::steady_clock;
        ClientRequest paced = request;
        Pace pace(pace_.least_bytes_per_second, pace_.window);
        Bytes body;
        // How long an answer takes to begin is for the time-outs, and for the server's own work.
        std::optional<Clock::time_point> since;
        paced.sink = [&](ByteView piece) -> Status {
            const Clock::time_point now = Clock::now();
            HF_TRY(pace.add(piece.size(), now - since.value_or(now)));
            if (request.sink) {
                HF_TRY(request.sink(piece));
            } else if (piece.size() > body_bytes_max_ - body.size()) {
                return resource_exhausted("the answer's body exceeds the limit of {} bytes",
                                          body_bytes_max_);
            } else {
                body.insert(body.end(), piece.begin(), piece.end());
            }
            since = Clock::now();
            return {};
        };
        Result<Response> response = client_->send(paced);
        if (response.ok() && !body.empty()) response->body = std::move(body);
        return response;
    }

private:
    std::unique_ptr<Client> client_;
    const std::size_t body_bytes_max_;
    const PaceOptions pace_;
};

}  // namespace

Result<std::unique_ptr<Client>> create_paced_client(ClientOptions options, PaceOptions pace) {
    const std::size_t body_bytes_max = options.body_bytes_max;
    return std::make_unique<PacedClient>(HF_TRY(Client::create(std::move(options))), body_bytes_max,
                                         pace);
}

}  // namespace hf::http
