// An ensemble as clients ask it: over REST and gRPC, with receipts, and a member that has a guard.

#include <gtest/gtest.h>

#include "base/json.h"
#include "base/protobuf.h"
#include "http/http2.h"
#include "serve/ensemble/adding_test.h"
#include "serve/grpc/routes.h"
#include "serve/grpc/wire.h"
#include "serve/oip.h"
#include "testing/memory_files.h"
#include "testing/seeded_entropy.h"

namespace hf::serve::ensemble {
namespace {

class AskedEnsemble : public ::testing::Test {
protected:
    AskedEnsemble() {
        receipts_ = std::move(
            *Receipts::open({files_, clock_, entropy_}, {"data", "node-a", Duration::zero()}));
        guard::Guard declared;
        declared.mode = guard::Mode::kRefuse;
        declared.inputs.push_back({"x", true, {-10}, {50}, 0});
        const auto large = adding("large", 100, clock_);
        large->set_guard(std::make_shared<const guard::Guard>(
            guard::bind(declared, large->signature(), 1).value()));
        const std::map<std::string, std::shared_ptr<ModelHost>> hosts{
            {"small", adding("small", 1, clock_)}, {"large", large}};
        const auto graph = Graph::make(Declaration::parse(kEither).value(), hosts).value();
        EXPECT_FALSE(graph->may_be_cached()) << "a guard looks at each request";
        for (const auto& [name, host] : hosts) EXPECT_TRUE(models_.activate(host).ok());
        EXPECT_TRUE(models_.activate(host_of("both", graph, clock_)).ok());
        OipExtras extras{receipts_.get()};
        extras.scheduler = &scheduler_;
        add_oip_routes(router_, models_, extras);
        grpc::add_grpc(router_, door_, {models_, extras}, clock_);
    }

    // "large" is asked about what is 4 and more.
    static constexpr std::string_view kEither = R"({"inputs": ["x"], "steps": [
        {"model": "small", "inputs": {"x": "x"}, "outputs": {"y": "a"}},
        {"model": "large", "inputs": {"x": "x"}, "outputs": {"y": "b"},
         "when": {"value": "a", "measure": "value", "confidence_at_least": 5}}],
        "outputs": {"y": ["b", "a"]}})";

    http::Response ask(std::string_view data, int rows) {
        http::Request request;
        request.method = "POST";
        request.target = "/v2/models/both/infer";
        const std::string body =
            fmt::format(R"({{"inputs":[{{"name":"x","datatype":"FP32","shape":[{}],"data":{}}}]}})",
                        rows, data);
        request.body = Bytes(body.begin(), body.end());
        return http::dispatch(router_, std::move(request));
    }

    testing::MemoryFiles files_;
    testing::ManualClock clock_;
    testing::SeededEntropy entropy_;
    Models models_;
    Scheduler scheduler_{clock_, {.places = 1}};
    std::unique_ptr<Receipts> receipts_;
    http::Router router_;
    http::ServerOptions door_;
};

TEST_F(AskedEnsemble, AnswersAndItsReceiptNamesWhoAnswered) {
    const http::Response response = ask("[1,7]", 2);
    ASSERT_EQ(response.status, 200) << as_text(response.body);
    EXPECT_NE(as_text(response.body).find("[2.0,107.0]"), std::string::npos)
        << as_text(response.body);
    EXPECT_EQ(response.headers.get("holdfast-steps"), "small=2, large=1");
    const std::string id(response.headers.get("holdfast-receipt").value_or(""));
    const Result<std::string> file = receipts_->file(id);
    ASSERT_TRUE(file.ok());
    const Result<json::Value> parsed = json::parse(*file);
    ASSERT_TRUE(parsed.ok());
    const json::Value& receipt = *json::find(*parsed, "receipt");
    const json::Array* const steps = json::find_array(receipt, "steps");
    ASSERT_TRUE(steps && steps->size() == 2);
    EXPECT_EQ(json::as_view(json::find_path((*steps)[1], {"model", "digest"})->get_string()),
              "sha256:100");
    EXPECT_TRUE(json::find((*steps)[1], "guard"));
    EXPECT_FALSE(json::find((*steps)[0], "guard"));
    EXPECT_EQ(json::write_canonical(receipt), json::write(receipt)) << "not canonical";
    EXPECT_EQ(models_.find("large")->statistics().inferences, 1u);
    EXPECT_EQ(models_.find("both")->statistics().inferences, 2u);
}

TEST_F(AskedEnsemble, WhatAMembersGuardRefusesIsRefused) {
    const http::Response refused = ask("[1,70]", 2);
    EXPECT_EQ(refused.status, 422);
    EXPECT_NE(refused.headers.get("holdfast-guard").value_or(""), "");
    EXPECT_EQ(models_.find("both")->counts().refused, 1u);
    EXPECT_EQ(models_.find("large")->counts().succeeded, 0u);
    EXPECT_EQ(models_.find("small")->counts().succeeded, 1u);
    // A row that goes another way is not its business.
    EXPECT_EQ(ask("[-70]", 1).status, 200);
}

TEST_F(AskedEnsemble, AnswersOverGrpc) {
    std::string message;
    protozero::pbf_writer writer(message);
    writer.add_string(1, "both");
    {
        protozero::pbf_writer tensor(writer, 5);
        tensor.add_string(1, "x");
        tensor.add_string(2, "FP32");
        const std::int64_t shape[] = {1};
        tensor.add_packed_int64(3, std::begin(shape), std::end(shape));
    }
    const float x = 9;
    writer.add_bytes(7, reinterpret_cast<const char*>(&x), sizeof x);
    http::Request request;
    request.version = 2;
    request.method = "POST";
    request.target = "/inference.GRPCInferenceService/ModelInfer";
    request.headers.set("content-type", "application/grpc");
    request.body = grpc::pack(as_bytes(message), grpc::Encoding::kIdentity);
    const http::Response response =
        door_.rephrase("application/grpc", http::dispatch(router_, std::move(request)));
    EXPECT_EQ(response.headers.get("holdfast-steps"), "small=1, large=1");
    const std::string_view answer = as_text(response.body).substr(5);
    protozero::pbf_reader reader(answer.data(), answer.size());
    ASSERT_TRUE(reader.next(6));
    EXPECT_EQ(load_le<float>(reader.get_view().data()), 109);
}

}  // namespace
}  // namespace hf::serve::ensemble
