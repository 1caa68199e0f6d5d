// Plans round-trip to the bit; anything else than a whole, unchanged plan is refused, and a plan
// whose digests were made to fit hostile bytes is refused or runs inside its memory.

#include "runtime/plan_file.h"

#include <algorithm>

#include <gtest/gtest.h>

#include "base/checksum.h"
#include "testing/script.h"

namespace hf::runtime {
namespace {

// Offsets in the header, as docs/reference/plan-file.md gives them.
constexpr std::size_t kListBytesAt = 24, kWeightsAt = 32, kArenaBytesAt = 48;
constexpr std::size_t kDigestAt = 64, kListChecksumAt = 96, kHeaderChecksumAt = 124;
constexpr std::size_t kHeaderBytes = 128;

Tensor ramp(const Shape& shape, float scale) {
    Tensor tensor(DType::kF32, shape);
    float value = -1;
    for (float& x : tensor.mutable_values<float>()) x = (value += scale);
    return tensor;
}

// A convolution, a product, and two nodes that only the reference device computes.
graph::Graph small_graph() {
    graph::Graph graph;
    const auto value = [&](const char* name, Shape shape) {
        graph::Value made;
        made.name = name;
        made.dtype = DType::kF32;
        made.shape = std::move(shape);
        return graph.add_value(std::move(made));
    };
    const graph::ValueId x = value("x", {1, 5, 6, 3}), conv = value("conv", {1, 5, 6, 4});
    const graph::ValueId flat = value("flat", {1, 120}), dense = value("dense", {1, 7});
    const graph::ValueId floor = value("floor", {1, 7}), y = value("y", {1, 7});
    const graph::ValueId filters = graph.add_constant("filters", ramp({4, 3, 3, 3}, 0.02f));
    const graph::ValueId weights = graph.add_constant("weights", ramp({7, 120}, 0.002f));
    graph.nodes = {
        {"c",
         "tflite",
         "CONV_2D",
         0,
         {x, filters, graph::kNoValue},
         {conv},
         {{"padding", std::string("SAME")},
          {"fused_activation", std::string("RELU")},
          {"stride_h", std::int64_t{1}},
          {"stride_w", std::int64_t{1}}}},
        {"r", "tflite", "RESHAPE", 0, {conv}, {flat}, {}},
        {"f", "tflite", "FULLY_CONNECTED", 0, {flat, weights, graph::kNoValue}, {dense}, {}},
        {"e", "", "Elu", 17, {dense}, {floor}, {{"alpha", 0.5f}}},
        {"s", "", "Softplus", 17, {floor}, {y}, {}}};
    graph.inputs = {x};
    graph.outputs = {y};
    return graph;
}

std::shared_ptr<const CompiledModel> compiled() {
    CompileOptions options;
    options.device = "cpu";
    auto model = compile(small_graph(), options, nullptr);
    HF_CHECK(model.ok(), "{}", model.status().to_string());
    return *model;
}

Bytes plan_bytes() {
    Result<Bytes> bytes = write_plan(*compiled());
    HF_CHECK(bytes.ok(), "{}", bytes.status().to_string());
    return *bytes;
}

Result<Tensor> run_once(const CompiledModel& model) {
    std::vector<Tensor> inputs;
    for (const Port& port : model.signature().inputs) {
        inputs.emplace_back(port.dtype, port.shape);
        if (port.dtype == DType::kF32) inputs.back() = ramp(port.shape, 0.01f);
    }
    std::unique_ptr<Session> session = HF_TRY(model.new_session());
    std::vector<Tensor> outputs = HF_TRY(session->run(inputs));
    return outputs.empty() ? Tensor() : outputs[0];
}

Status open_status(const Bytes& bytes) {
    return open_plan(bytes, nullptr, nullptr).status();
}

void put_checksum(Bytes& plan, std::size_t at, ByteView bytes) {
    const std::uint32_t checksum = crc32c(bytes);
    std::memcpy(plan.data() + at, &checksum, sizeof checksum);
}

// Makes the checksums that opening looks at fit whatever the bytes are now.
void seal(Bytes& plan) {
    const ByteView all(plan);
    const auto list = load_le<std::uint64_t>(plan.data() + kListBytesAt);
    if (kHeaderBytes + list <= plan.size()) {
        put_checksum(plan, kListChecksumAt, all.subspan(kHeaderBytes, list));
    }
    put_checksum(plan, kHeaderChecksumAt, all.first(kHeaderChecksumAt));
}

TEST(PlanFile, GivesTheSameBitsAsTheModelItWasMadeFrom) {
    const Bytes bytes = plan_bytes();
    EXPECT_TRUE(is_plan(bytes));
    CompileReport report;
    const auto opened = open_plan(bytes, nullptr, &report);
    ASSERT_TRUE(opened.ok()) << opened.status().to_string();
    const auto want = run_once(*compiled()), got = run_once(**opened);
    ASSERT_TRUE(want.ok() && got.ok()) << got.status().to_string();
    EXPECT_TRUE(std::equal(want->bytes().begin(), want->bytes().end(), got->bytes().begin()));
    EXPECT_EQ((*opened)->signature().outputs[0].name, "y");
    EXPECT_EQ(report.macs, 30u * 4 * 27 + 7 * 120);
    ASSERT_EQ(report.nodes.size(), 4u) << "the reshape is no operation";
    EXPECT_EQ(report.nodes[2].kernel, "ref.Elu");
}

TEST(PlanFile, IsTheSameBytesEveryTime) {
    const Bytes first = plan_bytes();
    EXPECT_EQ(first, plan_bytes());
    const auto opened = open_plan(first, nullptr, nullptr);
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(*write_plan(**opened), first);
}

TEST(PlanFile, EveryTruncationIsRefused) {
    const Bytes whole = plan_bytes();
    for (std::size_t size = 0; size < whole.size(); size += size < 600 ? 1 : 61) {
        const Status status =
            open_status(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
        ASSERT_FALSE(status.ok()) << size;
    }
    Bytes longer = whole;
    longer.push_back(0);
    EXPECT_EQ(open_status(longer).code(), Code::kDataLoss);
}

TEST(PlanFile, EveryChangedByteIsNoticed) {
    const Bytes whole = plan_bytes();
    ASSERT_TRUE(verify_plan(whole).ok());
    const auto list_end = kHeaderBytes + load_le<std::uint64_t>(whole.data() + kListBytesAt);
    for (std::size_t at = 0; at < whole.size(); at += at < 900 ? 1 : 37) {
        Bytes changed = whole;
        changed[at] ^= 0x10;
        ASSERT_FALSE(verify_plan(changed).ok()) << at;
        // Opening reads neither the weights nor what lies between them and the list.
        ASSERT_EQ(open_status(changed).ok(), at >= list_end) << at;
    }
}

TEST(PlanFile, ChangedWeightsAreFoundByVerifying) {
    Bytes changed = plan_bytes();
    changed.back() ^= 1;
    EXPECT_TRUE(open_status(changed).ok());
    const Status status = verify_plan(changed);
    EXPECT_EQ(status.code(), Code::kDataLoss);
    EXPECT_NE(status.message().find("compile the model again"), std::string::npos);
    EXPECT_EQ(verify_plan(Bytes(10)).code(), Code::kInvalidArgument);
}

TEST(PlanFile, WhateverItsWeightsAreItStaysInItsMemory) {
    const Bytes whole = plan_bytes();
    const auto weights = load_le<std::uint64_t>(whole.data() + kWeightsAt);
    Rng rng(testing::seed());
    for (int round = 0; round < 50; ++round) {
        Bytes hostile = whole;
        for (std::size_t at = weights; at < hostile.size(); ++at) {
            hostile[at] = static_cast<std::uint8_t>(rng.next());
        }
        const auto model = open_plan(hostile, nullptr, nullptr);
        ASSERT_TRUE(model.ok()) << model.status().to_string();
        EXPECT_TRUE(run_once(**model).ok());
    }
}

TEST(PlanFile, OtherVersionsAndKernelsAreNamed) {
    Bytes other = plan_bytes();
    other[8] = 9;
    EXPECT_EQ(open_status(other).code(), Code::kUnimplemented);
    EXPECT_NE(open_status(other).message().find("version 9"), std::string::npos);
    other[8] = 1;
    EXPECT_EQ(open_status(other).code(), Code::kUnimplemented);
    EXPECT_NE(open_status(other).message().find("compile the model again"), std::string::npos);

    Bytes kernel = plan_bytes();
    const std::string_view name = "simd.conv_f32";
    const auto at = std::search(kernel.begin(), kernel.end(), name.begin(), name.end());
    ASSERT_NE(at, kernel.end());
    *at = 'z';
    seal(kernel);
    EXPECT_EQ(open_status(kernel).code(), Code::kUnimplemented);
    EXPECT_NE(open_status(kernel).message().find("zimd.conv_f32"), std::string::npos);
}

constexpr std::uint64_t kMostMemory = 1 << 22;

std::uint64_t memory_bytes(const Bytes& plan, const CompiledModel& model) {
    auto total = load_le<std::uint64_t>(plan.data() + kArenaBytesAt);
    for (const auto* ports : {&model.signature().inputs, &model.signature().outputs}) {
        for (const Port& port : *ports) {
            total += static_cast<std::uint64_t>(port.shape.elements()) * dtype_size(port.dtype);
        }
    }
    return total;
}

TEST(PlanFile, HostileListsAreRefusedOrStayInTheirMemory) {
    const Bytes whole = plan_bytes();
    const auto list = load_le<std::uint64_t>(whole.data() + kListBytesAt);
    Rng rng(testing::seed());
    int opened = 0;
    for (int round = 0; round < 4000; ++round) {
        Bytes hostile = whole;
        const std::size_t changes = 1 + rng.below(3);
        for (std::size_t i = 0; i < changes; ++i) {
            const std::size_t at =
                rng.chance(1, 10) ? 8 + rng.below(kDigestAt - 8) : kHeaderBytes + rng.below(list);
            constexpr std::uint8_t kInteresting[] = {0, 1, 2, 4, 16, 64, 127, 128, 255};
            hostile[at] = rng.chance(1, 2) ? kInteresting[rng.below(std::size(kInteresting))]
                                           : static_cast<std::uint8_t>(rng.next());
        }
        seal(hostile);
        const auto model = open_plan(hostile, nullptr, nullptr);
        if (!model.ok()) continue;
        ++opened;
        if (memory_bytes(hostile, **model) > kMostMemory) continue;  // allowed, but slow to clear
        // Whatever it computes or refuses, it reads and writes only what is its own.
        (void)run_once(**model);
    }
    EXPECT_GT(opened, 0) << "every change was refused: the test reaches no kernel";
    EXPECT_LT(opened, 4000);
}

TEST(PlanFile, ModelsOfTheReferenceDeviceHaveNone) {
    CompileOptions options;
    options.device = "ref";
    const auto model = compile(small_graph(), options, nullptr);
    ASSERT_TRUE(model.ok()) << model.status().to_string();
    EXPECT_EQ(write_plan(**model).status().code(), Code::kUnimplemented);
}

}  // namespace
}  // namespace hf::runtime
