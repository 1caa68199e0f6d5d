// ScaleSpec: how a Service's number of replicas follows what it is asked: spec.scale in place of
// spec.replicas (api/kinds/service.cpp). Pure; values.

#pragma once

#include <cstdint>
#include <optional>

#include "api/object.h"
#include "base/time.h"

namespace hf::control::scale {

inline constexpr std::int64_t kTargetConcurrency = 4;
inline constexpr std::int64_t kDownAfterSeconds = 300;

struct ScaleSpec {
    std::int64_t min = 1;
    std::int64_t max = 1;
    std::int64_t concurrency = kTargetConcurrency;  // requests there, waiting ones too; a replica
    Duration queue{};                               // that a request may wait; zero: any
    Duration down_after = std::chrono::seconds(kDownAfterSeconds);
    friend bool operator==(const ScaleSpec&, const ScaleSpec&) = default;
};

// Nullopt: the service has a fixed number. What its table does not admit is read as the nearest
// that it does.
std::optional<ScaleSpec> scale_spec_of(const api::Object& service);

// What may be written beyond what the table says: OK for other kinds. INVALID_ARGUMENT names the
// field, what is wrong and the remedy.
Status admit_scale(const api::Object& now);

}  // namespace hf::control::scale
