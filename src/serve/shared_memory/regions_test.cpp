#include "serve/shared_memory/regions.h"

#include <limits>

#include <gtest/gtest.h>

#include "http/server.h"
#include "serve/fake_model_test.h"
#include "serve/oip.h"
#include "serve/shared_memory/memory_block_test.h"
#include "testing/manual_clock.h"

namespace hf::serve {
namespace {

constexpr std::uint64_t kMost = std::numeric_limits<std::uint64_t>::max();

class RegionsTest : public ::testing::Test {
protected:
    RegionsTest() : memory_(std::make_shared<MemoryBlock>(100)), regions_(memory_->opener()) {}

    std::shared_ptr<MemoryBlock> memory_;
    Regions regions_;
};

TEST_F(RegionsTest, WhatIsRegisteredIsListedUntilItIsUnregistered) {
    ASSERT_TRUE(regions_.add({"b", "/k", 10, 90}).ok());
    ASSERT_TRUE(regions_.add({"a", "/k", 0, 100}).ok());
    EXPECT_EQ(regions_.add({"a", "/k", 0, 1}).code(), Code::kAlreadyExists);
    ASSERT_EQ(regions_.rows()->size(), 2u);
    EXPECT_EQ(regions_.rows()->front().name, "a");
    EXPECT_EQ(regions_.rows("b")->front().offset, 10u);
    regions_.remove("a");
    regions_.remove("a");
    EXPECT_EQ(regions_.rows("a").status().code(), Code::kNotFound);
    regions_.remove_all();
    EXPECT_TRUE(regions_.rows()->empty());
}

TEST_F(RegionsTest, ARegionIsWithinItsMemoryWhateverItsNumbers) {
    for (const auto& [offset, size] : {std::pair<std::uint64_t, std::uint64_t>{0, 101},
                                       {100, 1},
                                       {101, 0},
                                       {kMost, 2},
                                       {kMost, 0},
                                       {99, 1u << 30}}) {
        EXPECT_EQ(regions_.add({"r", "/k", offset, size}).code(), Code::kInvalidArgument)
            << offset << " " << size;
    }
    EXPECT_EQ(regions_.add({"r", "/k", 2, kMost}).code(), Code::kResourceExhausted);
    EXPECT_EQ(regions_.add({"r", "/other", 0, 1}).code(), Code::kNotFound);
    EXPECT_EQ(regions_.add({"", "/k", 0, 1}).code(), Code::kInvalidArgument);
    EXPECT_EQ(regions_.add({std::string(257, 'r'), "/k", 0, 1}).code(), Code::kInvalidArgument);
    EXPECT_TRUE(regions_.add({"r", "/k", 100, 0}).ok());
    for (std::size_t i = 1; i < Regions::kRegionsMax; ++i) {
        ASSERT_TRUE(regions_.add({std::to_string(i), "/k", 0, 1}).ok());
    }
    EXPECT_EQ(regions_.add({"more", "/k", 0, 1}).code(), Code::kResourceExhausted);
}

TEST_F(RegionsTest, ASpanIsWithinItsRegionWhateverItsNumbers) {
    ASSERT_TRUE(regions_.add({"r", "/k", 10, 50}).ok());
    for (const auto& [offset, size] : {std::pair<std::uint64_t, std::uint64_t>{0, 51},
                                       {50, 1},
                                       {51, 0},
                                       {kMost, 11},
                                       {1, kMost}}) {
        EXPECT_EQ(regions_.check({"r", offset, size}).code(), Code::kInvalidArgument);
        EXPECT_EQ(regions_.read({"r", offset, size}).status().code(), Code::kInvalidArgument);
        EXPECT_EQ(regions_.write({"r", offset, size}, {}).code(), Code::kInvalidArgument);
    }
    ASSERT_TRUE(regions_.write({"r", 2, 4}, as_bytes("abc")).ok());
    EXPECT_EQ(as_text(regions_.read({"r", 2, 3}).value()), "abc");
    EXPECT_EQ(memory_->bytes[12], 'a');
    EXPECT_EQ(regions_.write({"r", 0, 2}, as_bytes("abc")).code(), Code::kInvalidArgument);
    EXPECT_EQ(regions_.read({"s", 0, 1}).status().code(), Code::kNotFound);
}

TEST_F(RegionsTest, MemoryThatIsCutUnderUsIsAnError) {
    ASSERT_TRUE(regions_.add({"r", "/k", 0, 100}).ok());
    memory_->bytes.resize(7);
    EXPECT_EQ(regions_.read({"r", 0, 8}).status().code(), Code::kFailedPrecondition);
    EXPECT_EQ(regions_.write({"r", 0, 8}, as_bytes("12345678")).code(), Code::kFailedPrecondition);
    EXPECT_TRUE(regions_.read({"r", 0, 7}).ok());
}

TEST_F(RegionsTest, AnInputIsReadOnlyWhereItsShapeFits) {
    ASSERT_TRUE(regions_.add({"r", "/k", 0, 100}).ok());
    const Shape two{2};
    EXPECT_TRUE(read_region(&regions_, {"r", 0, 8}, DType::kF32, two).ok());
    EXPECT_EQ(read_region(&regions_, {"r", 0, 12}, DType::kF32, two).status().message(),
              "/parameters/shared_memory_byte_size: is 12, and shape 2 of FP32 needs 8 bytes");
    EXPECT_EQ(read_region(nullptr, {"r", 0, 8}, DType::kF32, two).status().code(),
              Code::kInvalidArgument);
    constexpr std::string_view kTexts("\1\0\0\0a\0\0\0\0", 9);
    ASSERT_TRUE(regions_.write({"r", 0, 9}, as_bytes(kTexts)).ok());
    const auto texts = read_region(&regions_, {"r", 0, 9}, DType::kString, two);
    ASSERT_TRUE(texts.ok()) << texts.status().to_string();
    EXPECT_EQ(texts->strings()[0], "a");
    EXPECT_FALSE(read_region(&regions_, {"r", 0, 10}, DType::kString, two).ok());
}

// Through the doors of a server.
class RegionsOverRest : public RegionsTest {
protected:
    RegionsOverRest() {
        OipExtras extras;
        extras.regions = &regions_;
        add_oip_routes(router_, models_, extras);
        EXPECT_TRUE(models_
                        .activate(std::make_shared<ModelHost>(
                            ModelHost::Identity{.name = "m"},
                            std::make_shared<const FakeModel>(1.0f), clock_))
                        .ok());
    }

    std::string ask(std::string method, std::string target, std::string_view body = {}) {
        http::Request request;
        request.method = std::move(method);
        request.target = std::move(target);
        request.body = to_bytes(body);
        const http::Response response = http::dispatch(router_, std::move(request));
        return fmt::format("{} {}", response.status, as_text(response.body));
    }
    std::string infer(std::string_view parameters, std::string_view outputs) {
        return ask("POST", "/v2/models/m/infer",
                   fmt::format(R"({{"inputs":[{{"name":"x","datatype":"FP32","shape":[2],)"
                               R"("parameters":{{{}}}}}],"outputs":[{}]}})",
                               parameters, outputs));
    }

    testing::ManualClock clock_;
    Models models_;
    http::Router router_;
};

constexpr std::string_view kOne = "/v2/systemsharedmemory/region/r";

TEST_F(RegionsOverRest, ATensorGoesInAndOutWithoutABody) {
    EXPECT_EQ(ask("POST", fmt::format("{}/register", kOne), R"({"key":"/k","byte_size":64})"),
              "200 {}\n");
    EXPECT_EQ(ask("GET", fmt::format("{}/status", kOne)),
              "200 [{\"name\":\"r\",\"key\":\"/k\",\"offset\":0,\"byte_size\":64}]\n");
    const float x[] = {1, 2};
    std::memcpy(memory_->bytes.data() + 8, x, sizeof x);
    EXPECT_EQ(infer(R"("shared_memory_region":"r","shared_memory_offset":8,)"
                    R"("shared_memory_byte_size":8)",
                    R"({"name":"y","parameters":{"shared_memory_region":"r",)"
                    R"("shared_memory_offset":16,"shared_memory_byte_size":32}})"),
              R"(200 {"model_name":"m","model_version":"1","outputs":[{"name":"y",)"
              R"("datatype":"FP32","shape":[2],"parameters":{"shared_memory_region":"r",)"
              R"("shared_memory_offset":16,"shared_memory_byte_size":8}}]})");
    EXPECT_EQ(load_le<float>(memory_->bytes.data() + 16), 2.0f);
    EXPECT_EQ(load_le<float>(memory_->bytes.data() + 20), 3.0f);
    EXPECT_EQ(ask("POST", "/v2/systemsharedmemory/unregister"), "200 {}\n");
    EXPECT_EQ(ask("GET", "/v2/systemsharedmemory/status"), "200 []\n");
}

TEST_F(RegionsOverRest, WhatCannotBeIsRefusedByItsPlace) {
    const auto register_with = [&](std::string_view body) {
        return ask("POST", fmt::format("{}/register", kOne), body);
    };
    EXPECT_TRUE(register_with("{}").starts_with("400 {\"error\":\"/key: "));
    EXPECT_TRUE(register_with(R"({"key":"/k"})").starts_with("400 {\"error\":\"/byte_size: "));
    EXPECT_TRUE(register_with(R"({"key":"/k","byte_size":-1})").starts_with("400"));
    EXPECT_TRUE(register_with(R"({"key":"/k","byte_size":8,"offset":1.5})")
                    .starts_with("400 {\"error\":\"/offset: "));
    EXPECT_TRUE(register_with(R"({"key":"/j","byte_size":8})").starts_with("404"));
    EXPECT_TRUE(register_with("[").starts_with("400"));
    ASSERT_EQ(register_with(R"({"key":"/k","byte_size":8})"), "200 {}\n");
    EXPECT_TRUE(register_with(R"({"key":"/k","byte_size":8})").starts_with("409"));

    const std::string whole = R"("shared_memory_region":"r","shared_memory_byte_size":8)";
    EXPECT_TRUE(infer(whole, "").starts_with("200"));
    EXPECT_TRUE(infer(whole + R"(,"binary_data_size":8)", "").starts_with("400"));
    EXPECT_TRUE(infer(R"("shared_memory_region":"r")", "")
                    .starts_with("400 {\"error\":\"/inputs/0/parameters/shared_memory_byte_size"));
    EXPECT_TRUE(infer(R"("shared_memory_byte_size":8)", "")
                    .starts_with("400 {\"error\":\"/inputs/0/parameters/shared_memory_region"));
    EXPECT_TRUE(infer(R"("shared_memory_region":"s","shared_memory_byte_size":8)", "")
                    .starts_with("404 {\"error\":\"/inputs/0/parameters/shared_memory_region"));
    EXPECT_TRUE(
        infer(R"("shared_memory_region":7,"shared_memory_byte_size":8)", "").starts_with("400"));
    EXPECT_TRUE(infer(whole, R"({"name":"y","parameters":{"shared_memory_region":"r",)"
                             R"("shared_memory_byte_size":9}})")
                    .starts_with("400 {\"error\":\"/outputs/0/parameters/shared_memory_region"));
    EXPECT_TRUE(infer(whole, R"({"name":"y","parameters":{"shared_memory_region":"r",)"
                             R"("shared_memory_byte_size":4}})")
                    .starts_with("400 {\"error\":\"/outputs/0/parameters/shared_memory_region"));
    EXPECT_TRUE(ask("POST", fmt::format("/v2/systemsharedmemory/region/{}/unregister",
                                        std::string(257, 'r')))
                    .starts_with("400"));
    memory_->bytes.resize(4);
    EXPECT_TRUE(infer(whole, "").starts_with("412"));
}

TEST_F(RegionsOverRest, CudaHasNoneAndSaysSo) {
    EXPECT_EQ(ask("GET", "/v2/cudasharedmemory/status"), "200 []\n");
    EXPECT_TRUE(ask("GET", "/v2/cudasharedmemory/region/r/status").starts_with("404"));
    EXPECT_EQ(ask("POST", "/v2/cudasharedmemory/unregister"), "200 {}\n");
    EXPECT_TRUE(ask("POST", "/v2/cudasharedmemory/region/r/register", "{}").starts_with("501"));
}

TEST_F(RegionsOverRest, PagesInBrowsersChangeNothing) {
    http::Request request;
    request.method = "POST";
    request.target = "/v2/systemsharedmemory/unregister";
    request.headers.set("Origin", "http://example.org");
    EXPECT_EQ(http::dispatch(router_, std::move(request)).status, 403);
}

TEST(RegionsOff, AServerWithoutSharedMemorySaysHowToHaveIt) {
    Models models;
    http::Router router;
    add_oip_routes(router, models);
    http::Request request;
    request.method = "GET";
    request.target = "/v2/systemsharedmemory/status";
    const http::Response response = http::dispatch(router, std::move(request));
    EXPECT_EQ(response.status, 501);
    EXPECT_NE(as_text(response.body).find("--shared-memory"), std::string_view::npos);
}

}  // namespace
}  // namespace hf::serve
