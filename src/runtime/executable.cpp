#include "runtime/executable.h"

#include <algorithm>

#include "runtime/plan_file.h"

namespace hf::runtime {
namespace {

constexpr std::string_view kMagic("HFSELF\xff\n", 8);
constexpr std::size_t kTailBytes = 2 * sizeof(std::uint64_t) + kMagic.size();

// The rows of src/runner/micro_kernels.cpp; tests/start.sh holds the two together.
constexpr std::string_view kMicroKernels[] = {
    "simd.conv_i8",         "simd.depthwise_i8",  "simd.dense_i8",    "simd.max_pool_i8",
    "simd.average_pool_i8", "simd.add_i8",        "simd.add_real_i8", "simd.mean_i8",
    "simd.quantize_i8",     "simd.dequantize_i8", "simd.softmax_i8",  "move.copy"};

}  // namespace

Bytes make_executable(ByteView runner, ByteView plan) {
    Bytes out(runner.begin(), runner.end());
    out.resize((out.size() + kPlanPageBytes - 1) / kPlanPageBytes * kPlanPageBytes);
    const std::uint64_t start = out.size();
    out.insert(out.end(), plan.begin(), plan.end());
    append_le(out, start);
    append_le(out, std::uint64_t{plan.size()});
    const ByteView magic = as_bytes(kMagic);
    out.insert(out.end(), magic.begin(), magic.end());
    return out;
}

Result<ByteView> plan_within(ByteView file) {
    if (!as_text(file).ends_with(kMagic)) return not_found("no plan follows the program");
    if (file.size() < kTailBytes) return data_loss("the file is too short for its tail");
    const std::size_t tail = file.size() - kTailBytes;
    const auto start = load_le<std::uint64_t>(file.data() + tail);
    const auto size = load_le<std::uint64_t>(file.data() + tail + sizeof start);
    if (start % kPlanPageBytes != 0 || start > tail || size != tail - start) {
        return data_loss("{} bytes of plan at {} do not fit the file: make it again", size, start);
    }
    return file.subspan(start, size);
}

bool fits_micro(const CompiledModel& model) {
    const std::vector<StepInfo> steps = model.steps();
    return !steps.empty() && std::all_of(steps.begin(), steps.end(), [](const StepInfo& step) {
        return std::find(std::begin(kMicroKernels), std::end(kMicroKernels), step.kernel) !=
               std::end(kMicroKernels);
    });
}

}  // namespace hf::runtime
