#include "kernels/simd/dispatch.h"

#include <atomic>

#include "kernels/simd/targets.h"

#include <hwy/targets.h>

#if HWY_ARCH_X86
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace hf::kernels {
namespace {

#if HWY_ARCH_X86
// Clang's __builtin_cpu_supports does not know this one. Registers that it needs are those of AVX,
// which is asked for elsewhere.
bool has_f16c() {
    unsigned a = 0, b = 0, c = 0, d = 0;
    return __get_cpuid(1, &a, &b, &c, &d) != 0 && (c & bit_F16C) != 0;
}
#endif

std::atomic<std::int64_t> limited_to{0};  // a single target, or 0
// What AVX3 code may use beside it.
enum class Extension : std::uint8_t { kNone, kDotProduct, kBf16Pairs, kTiles };
std::atomic<Extension> allowed{Extension::kTiles};

// The bits of Highway's targets; the one compiled without dispatch is always there.
std::int64_t found_targets() {
    std::int64_t targets = HWY_STATIC_TARGET;
#if HWY_ARCH_X86
    __builtin_cpu_init();
    if (__builtin_cpu_supports("sse4.1") && __builtin_cpu_supports("sse4.2")) targets |= HWY_SSE4;
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
                      __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && has_f16c();
    if (avx2) targets |= HWY_AVX2;
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512cd") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512vl")) {
        targets |= HWY_AVX3;
    }
#endif
    return targets & HWY_TARGETS;
}

// Only code of AVX3 has a use for it, which some programs leave out.
bool found_dot_product() {
#if HWY_ARCH_X86
    return (found_targets() & HWY_AVX3) != 0 && __builtin_cpu_supports("avx512vnni") != 0;
#else
    return false;
#endif
}

// Processors with pairs or tiles have the dot product of bytes.
bool found_bf16_pairs() {
#if HWY_ARCH_X86
    return found_dot_product() && __builtin_cpu_supports("avx512bf16") != 0;
#else
    return false;
#endif
}

// The processor has tiles, and Linux, which switches their registers off for all who do not ask
// (Documentation/arch/x86/xstate.rst), lets us have them.
bool found_tiles() {
#if HWY_ARCH_X86 && defined(__linux__)
    constexpr unsigned kWanted = 1U << 22 | 1U << 24 | 1U << 25;  // bf16, tiles, bytes
    constexpr long kRequestPermission = 0x1023, kTileData = 18;
    unsigned a = 0, b = 0, c = 0, d = 0;
    return found_bf16_pairs() && __get_cpuid_count(7, 0, &a, &b, &c, &d) != 0 &&
           (d & kWanted) == kWanted && syscall(SYS_arch_prctl, kRequestPermission, kTileData) == 0;
#else
    return false;
#endif
}

struct InstructionSet {
    std::string_view name;
    std::int64_t target = 0;
    Extension extension = Extension::kNone;
};

// Best first: Highway numbers better targets lower.
std::vector<InstructionSet> found_sets() {
    std::vector<InstructionSet> sets;
    for (std::int64_t targets = found_targets(); targets != 0; targets &= targets - 1) {
        const std::int64_t target = targets & -targets;
        if (target == HWY_AVX3) {
            if (found_tiles()) sets.push_back({"AVX3_AMX", target, Extension::kTiles});
            if (found_bf16_pairs()) sets.push_back({"AVX3_BF16", target, Extension::kBf16Pairs});
            if (found_dot_product()) sets.push_back({"AVX3_VNNI", target, Extension::kDotProduct});
        }
        sets.push_back({hwy::TargetName(target), target});
    }
    return sets;
}

}  // namespace

std::vector<std::string_view> instruction_sets() {
    std::vector<std::string_view> names;
    for (const InstructionSet& set : found_sets()) names.push_back(set.name);
    return names;
}

bool use_instruction_set(std::string_view name) {
    for (const InstructionSet& set : found_sets()) {
        if (!name.empty() && name != set.name) continue;
        limited_to = name.empty() ? 0 : set.target;
        allowed = set.extension;
        hwy::GetChosenTarget().DeInit();
        return true;
    }
    return false;
}

bool has_avx3() {
    static const std::int64_t found = found_targets();
    const std::int64_t limit = limited_to.load(std::memory_order_relaxed);
    return ((limit != 0 ? limit : found) & HWY_AVX3) != 0;
}

bool has_dot_product() {
    static const bool found = found_dot_product();
    return found && allowed.load(std::memory_order_relaxed) >= Extension::kDotProduct;
}

bool has_bf16_pairs() {
    static const bool found = found_bf16_pairs();
    return found && allowed.load(std::memory_order_relaxed) >= Extension::kBf16Pairs;
}

bool has_tiles() {
    static const bool found = found_tiles();
    return found && allowed.load(std::memory_order_relaxed) >= Extension::kTiles;
}

}  // namespace hf::kernels

namespace hwy {

std::int64_t SupportedTargets() {
    const std::int64_t limit = hf::kernels::limited_to.load();
    return limit != 0 ? limit : hf::kernels::found_targets();
}

ChosenTarget& GetChosenTarget() {
    static constinit ChosenTarget chosen;
    return chosen;
}

}  // namespace hwy
