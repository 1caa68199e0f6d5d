#include "serve/oip.h"

#include <atomic>
#include <thread>

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/text.h"
#include "http/client.h"
#include "serve/fake_model_test.h"
#include "testing/manual_clock.h"
#include "testing/memory_files.h"
#include "trust/receipt.h"

namespace hf::serve {
namespace {

class NoEntropy final : public env::Entropy {
public:
    void fill(std::span<std::uint8_t> bytes) override {
        for (std::uint8_t& byte : bytes) byte = 7;
    }
};

struct Service {
    testing::MemoryFiles files;
    testing::ManualClock clock;
    NoEntropy entropy;
    Models models;
    std::unique_ptr<Receipts> receipts;
    http::Router router;

    explicit Service(bool with_receipts = false) {
        if (with_receipts) {
            receipts = std::move(
                *Receipts::open({files, clock, entropy}, {"data", "node-a", Duration::zero()}));
        }
        add_oip_routes(router, models, {receipts.get()});
    }

    std::shared_ptr<const runtime::CompiledModel> put(int version, std::string name = "m") {
        auto model = std::make_shared<const FakeModel>(static_cast<float>(version));
        ModelHost::Identity identity{.name = std::move(name), .platform = "onnx"};
        identity.version = std::to_string(version);
        const Status status =
            models.activate(std::make_shared<ModelHost>(std::move(identity), model, clock));
        HF_CHECK(status.ok(), "{}", status.to_string());
        return model;
    }

    http::Response ask(std::string method, std::string target, std::string_view body = {},
                       const http::Headers& headers = {}) {
        http::Request request;
        request.method = std::move(method);
        request.target = std::move(target);
        request.body = to_bytes(body);
        request.headers = headers;
        return http::dispatch(router, std::move(request));
    }

    http::Response infer(std::string_view x) {
        return ask("POST", "/v2/models/m/infer",
                   fmt::format(R"({{"inputs":[{{"name":"x","datatype":"FP32","shape":[1],)"
                               R"("data":[{}]}}]}})",
                               x));
    }
};

std::string body_of(const http::Response& response) {
    return std::string(trim(as_text(response.body)));
}

TEST(Oip, MetadataHealthAndReadiness) {
    Service service;
    EXPECT_EQ(service.ask("GET", "/v2/health/ready").status, 200);
    service.put(3);
    EXPECT_EQ(body_of(service.ask("GET", "/v2")),
              R"({"name":"holdfast","version":"0.1.0","extensions":["binary_tensor_data",)"
              R"("statistics"]})");
    EXPECT_EQ(body_of(service.ask("GET", "/v2/health/live")), R"({"live":true})");
    const std::string metadata =
        R"({"name":"m","versions":["3"],"platform":"onnx","inputs":[{"name":"x","datatype":"FP32",)"
        R"("shape":[-1]}],"outputs":[{"name":"y","datatype":"FP32","shape":[-1]}],)"
        R"("properties":{"device":"cpu"}})";
    EXPECT_EQ(body_of(service.ask("GET", "/v2/models/m")), metadata);
    EXPECT_EQ(body_of(service.ask("GET", "/v2/models/m/versions/3")), metadata);
    EXPECT_EQ(body_of(service.ask("GET", "/v2/models/m/ready")), R"({"name":"m","ready":true})");
    EXPECT_EQ(body_of(service.ask("POST", "/v2/repository/index")),
              R"([{"name":"m","version":"3","state":"READY","reason":""}])");
    service.models.set_ready(false);
    EXPECT_EQ(service.ask("GET", "/v2/health/ready").status, 503);
    EXPECT_EQ(service.ask("GET", "/v2/models/m/ready").status, 503);
    EXPECT_EQ(service.ask("GET", "/v2/health/live").status, 200);
    EXPECT_EQ(service.infer("1").status, 200) << "what still comes is still answered";
}

TEST(Oip, AnswersWithTheVersionThatComputed) {
    Service service;
    service.put(3);
    const http::Response response = service.infer("1");
    EXPECT_EQ(response.status, 200);
    EXPECT_EQ(body_of(response), R"({"model_name":"m","model_version":"3","outputs":[{"name":"y",)"
                                 R"("datatype":"FP32","shape":[1],"data":[4.0]}]})");
    EXPECT_FALSE(response.headers.get("holdfast-receipt"));
}

TEST(Oip, RawAndBinaryAnswersTellTheirJsonLength) {
    Service service;
    service.put(1);
    http::Headers raw;
    raw.set("Inference-Header-Content-Length", "0");
    const http::Response response =
        service.ask("POST", "/v2/models/m/infer", std::string_view("\0\0\x80\x3f", 4), raw);
    ASSERT_EQ(response.status, 200) << body_of(response);
    EXPECT_EQ(response.headers.get("Content-Type"), "application/octet-stream");
    const auto length = parse_int(*response.headers.get("inference-header-content-length"));
    ASSERT_TRUE(length.ok());
    EXPECT_EQ(response.body.size(), static_cast<std::size_t>(*length) + 4);
    EXPECT_EQ(load_le<float>(response.body.data() + *length), 2.0f);
    for (std::string_view bad : {"-1", "x", "99999999999999999999", "5"}) {
        raw.set("Inference-Header-Content-Length", std::string(bad));
        EXPECT_EQ(service.ask("POST", "/v2/models/m/infer", "abcd", raw).status, 400) << bad;
    }
}

TEST(Oip, RefusalsHaveTheirStatus) {
    Service service;
    service.put(3);
    const auto with = [&](std::string name, std::string value) {
        http::Headers headers;
        headers.set(std::move(name), std::move(value));
        return service.ask("POST", "/v2/models/m/infer", "{", headers).status;
    };
    EXPECT_EQ(service.ask("GET", "/v2/models/z").status, 404);
    EXPECT_EQ(body_of(service.ask("POST", "/v2/models/z/infer", "{}")),
              R"({"error":"model 'z' is not served here; these are: m"})");
    EXPECT_EQ(body_of(service.ask("GET", "/v2/models/m/versions/2")),
              R"({"error":"model 'm' has no version '2'; it has '3'"})");
    EXPECT_EQ(service.ask("GET", "/v2/models/z/ready").status, 404);
    EXPECT_EQ(service.ask("GET", "/v2/models/m/infer").status, 405);
    EXPECT_EQ(service.ask("GET", "/v2/receipts/0-00").status, 404);
    EXPECT_EQ(with("Content-Type", "text/xml"), 415);
    EXPECT_EQ(with("Content-Type", "multipart/form-data; boundary=x"), 415);
    EXPECT_EQ(with("Content-Encoding", "gzip"), 415);
    EXPECT_EQ(with("Content-Type", "Application/JSON; charset=utf-8"), 400);
    EXPECT_EQ(service.infer("\"a\"").status, 400);
    EXPECT_EQ(body_of(service.infer("\"a\"")),
              R"({"error":"/inputs/0/data: element 0: want a number"})");
}

TEST(Oip, ReceiptsAreGivenAndVerify) {
    Service service(true);
    service.put(3);
    const http::Response answer = service.infer("1");
    const std::string id(answer.headers.get("holdfast-receipt").value_or(""));
    const http::Response receipt = service.ask("GET", "/v2/receipts/" + id);
    ASSERT_EQ(receipt.status, 200) << body_of(receipt);
    const auto verified = trust::verify_receipt_file(
        as_text(receipt.body), service.receipts->log().verifier().key(), "holdfast/node-a");
    ASSERT_TRUE(verified.ok()) << verified.status().to_string();
    const json::Value value = *json::parse(verified->receipt);
    const float in[] = {1.0f};
    const float out[] = {4.0f};
    const Tensor input = Tensor::of<float>(DType::kF32, {1}, in);
    const Tensor output = Tensor::of<float>(DType::kF32, {1}, out);
    const NamedTensor x{"x", input};
    const NamedTensor y{"y", output};
    EXPECT_EQ(json::get_string(value, "request"), tensors_digest({&x, 1}).to_string());
    EXPECT_EQ(json::get_string(value, "response"), tensors_digest({&y, 1}).to_string());
    EXPECT_FALSE(service.infer("\"a\"").headers.get("holdfast-receipt"));
    EXPECT_EQ(service.receipts->log().size(), 1u);
    service.files.die_after(0);
    EXPECT_EQ(service.infer("1").status, 503) << "no receipt, no answer";
}

TEST(Oip, MetricsAreBoundedByTheModelsServed) {
    Service service;
    service.put(3);
    service.infer("1");
    service.infer("\"a\"");
    const std::string before = body_of(service.ask("GET", "/metrics"));
    EXPECT_NE(before.find(R"(requests_total{model="m",version="3",outcome="succeeded"} 1)"),
              std::string::npos);
    EXPECT_NE(before.find(R"(requests_total{model="m",version="3",outcome="refused"} 1)"),
              std::string::npos);
    for (int i = 0; i < 100; ++i) service.ask("GET", fmt::format("/v2/models/unknown{}", i));
    const std::string after = body_of(service.ask("GET", "/metrics"));
    EXPECT_EQ(std::count(after.begin(), after.end(), '\n'),
              std::count(before.begin(), before.end(), '\n'));
    EXPECT_NE(after.find("holdfast_unknown_model_requests_total 100"), std::string::npos);
}

TEST(Models, NamesAndNumbersHaveBounds) {
    Service service;
    const auto add = [&](std::string name) {
        return service.models
            .activate(std::make_shared<ModelHost>(ModelHost::Identity{.name = std::move(name)},
                                                  std::make_shared<FakeModel>(1.0f), service.clock))
            .code();
    };
    EXPECT_EQ(add(""), Code::kInvalidArgument);
    EXPECT_EQ(add("a/b"), Code::kInvalidArgument);
    EXPECT_EQ(add("\xFF"), Code::kInvalidArgument);
    for (std::size_t i = 0; i < kMaxModels; ++i) ASSERT_EQ(add(fmt::format("m{}", i)), Code::kOk);
    EXPECT_EQ(add("one more"), Code::kResourceExhausted);
    EXPECT_EQ(add("m7"), Code::kOk);
    EXPECT_TRUE(service.models.remove("m7"));
    EXPECT_FALSE(service.models.remove("m7"));
    EXPECT_EQ(add("one more"), Code::kOk);
}

TEST(Models, ARequestKeepsItsModelAndTheLastOneFreesIt) {
    Service service;
    std::weak_ptr<const runtime::CompiledModel> old = service.put(1);
    std::shared_ptr<ModelHost> in_flight = service.models.find("m");
    service.put(2);
    EXPECT_EQ(service.models.find("m")->identity().version, "2");
    EXPECT_EQ(service.models.draining(), 1u);
    const float one[] = {1.0f};
    const Tensor x = Tensor::of<float>(DType::kF32, {1}, one);
    EXPECT_EQ(in_flight->infer({&x, 1})->outputs[0].values<float>()[0], 2.0f);
    EXPECT_FALSE(old.expired());
    in_flight.reset();
    EXPECT_EQ(service.models.draining(), 0u);
    EXPECT_TRUE(old.expired());
}

// One inference over the connection of `client`; whether it was answered, wholly and by one
// version.
bool answered_by_one_version(http::Client& client, std::uint16_t port) {
    http::ClientRequest request;
    request.method = "POST";
    request.url = fmt::format("http://127.0.0.1:{}/v2/models/m/infer", port);
    request.body =
        to_bytes(R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1],"data":[0]}]})");
    const Result<http::Response> response = client.send(request);
    if (!response.ok() || response->status != 200) return false;
    if (!response->headers.get("holdfast-receipt")) return false;
    const Result<json::Value> body = json::parse(as_text(response->body));
    const json::Array* outputs = body.ok() ? json::find_array(*body, "outputs") : nullptr;
    const json::Array* data = outputs ? json::find_array((*outputs)[0], "data") : nullptr;
    if (!data) return false;
    const std::string version(json::get_string(*body, "model_version"));
    return fmt::format("{}", (*data)[0].to_number<double>()) == version;
}

// Models are replaced all the time while clients ask over HTTP: every answer is whole, of one
// version, and nothing that was replaced stays in memory.
TEST(Models, SwapsUnderLoadFailNoRequest) {
    Service service(true);
    std::vector<std::weak_ptr<const runtime::CompiledModel>> all{service.put(0)};
    const auto server = http::Server::start({}, service.router);
    ASSERT_TRUE(server.ok()) << server.status().to_string();
    constexpr int kSwaps = 400;
    std::atomic<bool> stop{false};
    std::atomic<std::size_t> answered{0};
    std::atomic<std::size_t> failed{0};
    std::vector<std::thread> clients;
    for (int i = 0; i < 3; ++i) {
        clients.emplace_back([&] {
            const auto client = http::Client::create({});
            while (!stop) {
                const bool good =
                    client.ok() && answered_by_one_version(**client, (*server)->port());
                ++(good ? answered : failed);
            }
        });
    }
    for (int version = 1; version <= kSwaps; ++version) {
        const std::size_t before = answered;
        all.push_back(service.put(version));
        // Some swaps wait for an answer in between, others follow at once.
        while (version % 10 == 0 && answered == before && failed == 0) std::this_thread::yield();
    }
    stop = true;
    for (std::thread& client : clients) client.join();
    EXPECT_TRUE((*server)->drain(std::chrono::seconds(30)));
    EXPECT_EQ(failed, 0u);
    EXPECT_GE(answered, 40u);
    EXPECT_EQ(service.receipts->log().size(), answered);
    EXPECT_EQ(service.models.draining(), 0u);
    for (std::size_t i = 0; i + 1 < all.size(); ++i) EXPECT_TRUE(all[i].expired()) << i;
    EXPECT_TRUE(service.models.remove("m"));
    EXPECT_TRUE(all.back().expired());
}

}  // namespace
}  // namespace hf::serve
