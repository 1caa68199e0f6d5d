#include "cli/remote_scorer.h"

#include <limits>

#include "base/json.h"
#include "http/client.h"

namespace hf::cli {
namespace {

constexpr std::string_view kReceiptHeader = "holdfast-receipt";

// A service name is put into a URL as it is.
Status check_name(const std::string& name) {
    constexpr std::string_view kAllowed =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    if (!name.empty() && name.find_first_not_of(kAllowed) == std::string::npos) return {};
    return invalid_argument("--service: '{}' is no name of a service", name);
}

std::string error_text(const http::Response& response) {
    const Result<json::Value> body = json::parse(as_text(response.body));
    const std::string_view error = body.ok() ? json::get_string(*body, "error") : "";
    return error.empty() ? std::string("without a reason") : std::string(error);
}

json::Object tensor(std::string_view name, std::string_view datatype, json::Array shape,
                    json::Array data) {
    return {{"name", name}, {"datatype", datatype}, {"shape", shape}, {"data", std::move(data)}};
}

// Asks a server that speaks the Open Inference Protocol.
class RemoteScorer final : public Scorer {
public:
    static Result<RemoteScorer> connect(const ScorerAddress& address) {
        HF_TRY(check_name(address.service));
        std::string url = address.server;
        while (url.ends_with('/')) url.pop_back();
        http::ClientOptions options;
        options.ca_pem = address.ca_pem;
        RemoteScorer scorer(HF_TRY(http::Client::create(std::move(options))),
                            url + "/v2/models/" + address.service);
        scorer.token_ = address.token;
        const json::Value model =
            HF_TRY(scorer.ask("GET", scorer.url_, {}).context("service '{}'", address.service))
                .body;
        const json::Array* inputs = json::find_array(model, "inputs");
        if (!inputs) return invalid_argument("{}: the answer names no inputs", scorer.url_);
        std::vector<DetectorPort> ports;
        for (const json::Value& input : *inputs) {
            DetectorPort port{std::string(json::get_string(input, "name")), {}};
            if (const json::Array* shape = json::find_array(input, "shape")) {
                for (const json::Value& extent : *shape) {
                    port.extents.push_back(extent.is_int64() ? extent.get_int64() : -1);
                }
            }
            ports.push_back(std::move(port));
        }
        scorer.ports_ = HF_TRY(detector_ports(ports).context("service '{}'", address.service));
        return scorer;
    }

    std::size_t window() const override { return ports_.window; }

    Result<BatchScores> score(const WindowBatch& batch) override {
        const Answer answer = HF_TRY(ask("POST", url_ + "/infer", json::write(request_for(batch))));
        BatchScores scores;
        scores.receipt = answer.receipt;
        const json::Array* outputs = json::find_array(answer.body, "outputs");
        for (const json::Value& output : outputs ? *outputs : json::Array()) {
            if (json::get_string(output, "name") != "score") continue;
            const json::Array* data = json::find_array(output, "data");
            for (const json::Value& value : data ? *data : json::Array()) {
                scores.scores.push_back(number(value));
            }
        }
        return scores;
    }

private:
    struct Answer {
        json::Value body;
        std::string receipt;
    };

    RemoteScorer(std::unique_ptr<http::Client> client, std::string url)
        : client_(std::move(client)), url_(std::move(url)) {}

    // Scores are f32, which the decimal digits of the answer may miss by less than one. What is no
    // number (null stands for NaN) must not pass for a low score.
    static double number(const json::Value& value) {
        if (value.is_double()) return double{static_cast<float>(value.get_double())};
        if (value.is_int64()) return static_cast<double>(value.get_int64());
        if (value.is_uint64()) return static_cast<double>(value.get_uint64());
        return std::numeric_limits<double>::quiet_NaN();
    }

    json::Object request_for(const WindowBatch& batch) const {
        json::Array values(batch.values.begin(), batch.values.end());
        json::Array inputs{
            tensor("window", "FP32", {batch.times.size(), ports_.window}, std::move(values))};
        if (ports_.needs_time) {
            json::Array times;
            for (Instant time : batch.times) times.push_back(to_milliseconds(time));
            inputs.push_back(tensor("time_ms", "INT64", {batch.times.size()}, std::move(times)));
        }
        json::Array outputs{json::Object{{"name", "score"}}};
        return {{"inputs", std::move(inputs)}, {"outputs", std::move(outputs)}};
    }

    Result<Answer> ask(const std::string& method, const std::string& url, std::string body) {
        http::ClientRequest request;
        request.method = method;
        request.url = url;
        request.body = to_bytes(body);
        if (!token_.empty()) request.headers.set("Authorization", "Bearer " + token_);
        if (!body.empty()) request.headers.set("Content-Type", "application/json");
        const http::Response response = HF_TRY(client_->send(request).context("{}", url));
        if (response.status != 200) {
            return unavailable("{} answered {}: {}", url, response.status, error_text(response));
        }
        Answer answer;
        answer.body = HF_TRY(json::parse(as_text(response.body)).context("{}", url));
        answer.receipt = response.headers.get(kReceiptHeader).value_or("");
        return answer;
    }

    std::unique_ptr<http::Client> client_;
    std::string url_;
    std::string token_;
    DetectorPorts ports_;
};

}  // namespace

Result<std::unique_ptr<Scorer>> connect_scorer(const ScorerAddress& address) {
    return std::make_unique<RemoteScorer>(HF_TRY(RemoteScorer::connect(address)));
}

}  // namespace hf::cli
