// Whatever door a request comes through, it waits for its turn in the one schedule.

#include <gtest/gtest.h>

#include "http/http2.h"
#include "serve/grpc/infer_message_test.h"
#include "serve/grpc/routes.h"
#include "serve/grpc/wire.h"
#include "serve/inference.h"
#include "serve/oip.h"
#include "serve/tasks/routes.h"
#include "serve/tasks/task.h"
#include "testing/manual_clock.h"

namespace hf::serve {
namespace {

// Answers what it is asked, a column, and tells when it is about to.
class Echo final : public runtime::CompiledModel {
public:
    explicit Echo(std::function<void()> before) : before_(std::move(before)) {}

    const runtime::Signature& signature() const override { return signature_; }
    std::string_view device() const override { return "cpu"; }
    Result<std::unique_ptr<runtime::Session>> new_session() const override {
        return std::make_unique<Run>(before_);
    }

private:
    class Run final : public runtime::Session {
    public:
        explicit Run(const std::function<void()>& before) : before_(before) {}
        Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override {
            before_();
            return std::vector<Tensor>(inputs.begin(), inputs.end());
        }

    private:
        const std::function<void()>& before_;
    };

    const std::function<void()> before_;
    const runtime::Signature signature_{{{"x", DType::kF32, Shape{Shape::kUnknown, 1}}},
                                        {{"y", DType::kF32, Shape{Shape::kUnknown, 1}}}};
};

// A server with one place and room for one that waits. While its model runs, `meanwhile` is called
// once.
class InTurn : public ::testing::Test {
protected:
    InTurn() {
        OipExtras extras;
        extras.scheduler = &scheduler_;
        const Services services{models_, extras};
        add_oip_routes(router_, models_, extras);
        tasks::add_task_routes(router_, services);
        grpc::add_grpc(router_, door_, services, clock_);
        const auto model = std::make_shared<const Echo>([this] {
            if (const auto now = std::exchange(meanwhile_, nullptr)) now();
        });
        auto host = std::make_shared<ModelHost>(ModelHost::Identity{.name = "m"}, model, clock_);
        auto task = tasks::Task::make({R"({"kind":"rows"})"}, model->signature());
        HF_CHECK(task.ok(), "{}", task.status().to_string());
        host->set_task(*task);
        EXPECT_TRUE(models_.activate(std::move(host)).ok());
    }

    static http::Request post(std::string target, std::string_view body) {
        http::Request request;
        request.method = "POST";
        request.target = std::move(target);
        request.body = to_bytes(body);
        return request;
    }

    // Where the answer will be.
    using Answer = std::shared_ptr<std::optional<http::Response>>;
    Answer ask(http::Request request) {
        const auto answer = std::make_shared<std::optional<http::Response>>();
        const http::Reply reply(
            [answer](http::Response response) { *answer = std::move(response); });
        http::dispatch(router_, std::move(request), nullptr, reply);
        return answer;
    }
    Answer ask_tensors() {
        return ask(post("/v2/models/m/infer",
                        R"({"inputs":[{"name":"x","datatype":"FP32","shape":[1,1],"data":[1]}]})"));
    }
    Answer ask_task() { return ask(post("/v1/tasks/m", "[[7]]")); }

    static Bytes stream_message() {
        const std::string message = grpc::write_infer_message({.x = 7, .shape = {1, 1}});
        return grpc::pack(as_bytes(message), grpc::Encoding::kIdentity);
    }

    std::unique_ptr<http::Duplex> open_stream() {
        http::Request request = post("/inference.GRPCInferenceService/ModelStreamInfer", "");
        request.version = 2;
        request.headers.set("content-type", "application/grpc");
        return http::open_duplex(router_, request).duplex;
    }

    testing::ManualClock clock_;
    Scheduler scheduler_{clock_, {.places = 1, .queued_max = 1}};
    Models models_;
    http::Router router_;
    http::ServerOptions door_;
    std::function<void()> meanwhile_;
};

TEST_F(InTurn, ATaskWaitsAndIsTurnedAwayLikeTensors) {
    Answer waits;
    Answer turned_away;
    meanwhile_ = [&] {
        waits = ask_task();
        EXPECT_FALSE(*waits) << "the only place is taken";
        turned_away = ask_task();
    };
    const Answer first = ask_tensors();
    ASSERT_TRUE(*first && *waits && *turned_away);
    EXPECT_EQ((*first)->status, 200);
    EXPECT_EQ((*waits)->status, 200) << as_text((*waits)->body);
    EXPECT_NE(as_text((*waits)->body).find(R"("outputs":[{"y":7E0}])"), std::string::npos)
        << as_text((*waits)->body);
    EXPECT_EQ((*turned_away)->status, 429) << as_text((*turned_away)->body);
    EXPECT_EQ((*turned_away)->headers.get("Retry-After"), "1");
}

TEST_F(InTurn, AMessageOfAStreamWaitsAndItsStreamGoesOn) {
    const std::unique_ptr<http::Duplex> waits = open_stream();
    const std::unique_ptr<http::Duplex> turned_away = open_stream();
    ASSERT_TRUE(waits && turned_away);
    std::optional<http::Duplex::Step> answered;
    std::optional<http::Duplex::Step> refused;
    meanwhile_ = [&] {
        waits->take(stream_message(), false,
                    [&](http::Duplex::Step step) { answered = std::move(step); });
        EXPECT_FALSE(answered) << "the only place is taken";
        turned_away->take(stream_message(), false,
                          [&](http::Duplex::Step step) { refused = std::move(step); });
    };
    ask_tensors();
    ASSERT_TRUE(answered && refused);
    EXPECT_TRUE(answered->again && !answered->trailers);
    EXPECT_TRUE(refused->again && !refused->trailers) << "one message fails, not the stream";
    EXPECT_NE(as_text(refused->send).find("RESOURCE_EXHAUSTED"), std::string::npos);
    EXPECT_EQ(as_text(answered->send).find("RESOURCE_EXHAUSTED"), std::string::npos);
}

}  // namespace
}  // namespace hf::serve
