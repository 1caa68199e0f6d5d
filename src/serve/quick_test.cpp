#include "serve/quick.h"

#include <gtest/gtest.h>

#include "serve/fake_model_test.h"
#include "testing/manual_clock.h"

namespace hf::serve {
namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;

http::Request asking(std::string target, std::string_view body = "") {
    http::Request request;
    request.target = std::move(target);
    request.body = to_bytes(body);
    return request;
}

constexpr const char* kGrpc = "/inference.GRPCInferenceService/ModelInfer";

TEST(Quick, FindsTheModelThatIsNamed) {
    const auto name_of = [](const http::Request& request) {
        return std::string(named_model(request));
    };
    EXPECT_EQ(name_of(asking("/v2/models/pump/infer")), "pump");
    EXPECT_EQ(name_of(asking(kGrpc, "\0\0\0\0\x06\x0a\x04pump"s)), "pump");
    for (const char* target :
         {"/v2/models//infer", "/v2/models/infer", "/v2/models/pump", "/v2/models/a/b/infer",
          "/v2/models/pu%6dp/infer", "/v2/models/pump/infer?x", "/infer", ""}) {
        EXPECT_EQ(name_of(asking(target)), "") << target;
    }
    for (const std::string& body :
         {""s, "\0\0\0\0\x06"s, "\0\0\0\0\x06\x0a\x05pump"s, "\1\0\0\0\x06\x0a\x04pump"s,
          "\0\0\0\0\x06\x12\x04pump"s, "\0\0\0\0\x06\x0a\xff"s}) {
        EXPECT_EQ(name_of(asking(kGrpc, body)), "") << to_hex(to_bytes(body));
    }
}

// A model that takes as long as the test says.
class Slow final : public runtime::CompiledModel {
public:
    explicit Slow(testing::ManualClock& clock) : clock_(clock) {}

    const runtime::Signature& signature() const override { return model_.signature(); }
    std::string_view device() const override { return "cpu"; }
    Result<std::unique_ptr<runtime::Session>> new_session() const override {
        return std::make_unique<Run>(*this, HF_TRY(model_.new_session()));
    }
    Duration takes = 5us;

private:
    class Run final : public runtime::Session {
    public:
        Run(const Slow& slow, std::unique_ptr<runtime::Session> session)
            : slow_(slow), session_(std::move(session)) {}
        Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
            slow_.clock_.advance(slow_.takes);
            return session_->run(inputs);
        }

    private:
        const Slow& slow_;
        const std::unique_ptr<runtime::Session> session_;
    };

    testing::ManualClock& clock_;
    const FakeModel model_{1};
};

TEST(Quick, IsWhatHasBeenQuick) {
    testing::ManualClock clock;
    Models models;
    const auto model = std::make_shared<Slow>(clock);
    const auto host = std::make_shared<ModelHost>(ModelHost::Identity{.name = "m"}, model, clock);
    ASSERT_TRUE(models.activate(host).ok());
    const http::Quick quick = quick_requests({models, {}});
    EXPECT_TRUE(quick(asking("/v2/health/live")));
    EXPECT_FALSE(quick(asking("/v2/models/m/infer"))) << "it has not run yet";
    const std::vector<Tensor> inputs{Tensor(DType::kF32, Shape{1})};
    ASSERT_TRUE(host->infer(inputs).ok());
    EXPECT_TRUE(quick(asking("/v2/models/m/infer")));
    EXPECT_FALSE(quick(asking("/v2/models/other/infer")));
    EXPECT_FALSE(quick(asking("/v2/models/m/infer", std::string(kQuickBytesMax + 1, ' '))));
    model->takes = 1ms;
    ASSERT_TRUE(host->infer(inputs).ok());
    EXPECT_FALSE(quick(asking("/v2/models/m/infer")));
}

// A message of gRPC may name a version behind all else, and who is limited needs a turn.
TEST(Quick, IsNotWhatMayBeAnotherVersionOrMustWait) {
    testing::ManualClock clock;
    Models models;
    const auto host_of = [&](std::string version) {
        const auto host =
            std::make_shared<ModelHost>(ModelHost::Identity{.name = "m", .version = version},
                                        std::make_shared<Slow>(clock), clock);
        const std::vector<Tensor> inputs{Tensor(DType::kF32, Shape{1})};
        EXPECT_TRUE(host->infer(inputs).ok());
        return host;
    };
    const http::Quick quick = quick_requests({models, {}});
    const http::Request grpc = asking(kGrpc, "\0\0\0\0\x03\x0a\x01m"s);
    const http::Request rest = asking("/v2/models/m/infer");
    const auto first = host_of("1");
    ASSERT_TRUE(models.activate(first).ok());
    EXPECT_TRUE(quick(grpc));
    ASSERT_TRUE(models.activate(Hosts{first, host_of("2")}).ok());
    EXPECT_FALSE(quick(grpc));
    EXPECT_TRUE(quick(rest));
    const auto limited = host_of("3");
    limited->set_instances(1);
    ASSERT_TRUE(models.activate(limited).ok());
    EXPECT_FALSE(quick(rest));
}

}  // namespace
}  // namespace hf::serve
