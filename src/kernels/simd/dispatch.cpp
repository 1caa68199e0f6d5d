#include "kernels/simd/dispatch.h"

#include <atomic>

#include "kernels/simd/targets.h"

#include <hwy/targets.h>

#if HWY_ARCH_X86
#include <cpuid.h>
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

// Highway numbers better targets lower.
std::vector<std::int64_t> each(std::int64_t targets) {
    std::vector<std::int64_t> single;
    for (; targets != 0; targets &= targets - 1) single.push_back(targets & -targets);
    return single;
}

}  // namespace

std::vector<std::string_view> instruction_sets() {
    std::vector<std::string_view> names;
    for (const std::int64_t target : each(found_targets())) {
        names.emplace_back(hwy::TargetName(target));
    }
    return names;
}

bool use_instruction_set(std::string_view name) {
    for (const std::int64_t target : each(found_targets())) {
        if (!name.empty() && name != hwy::TargetName(target)) continue;
        limited_to = name.empty() ? 0 : target;
        hwy::GetChosenTarget().DeInit();
        return true;
    }
    return false;
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
