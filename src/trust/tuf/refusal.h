// Why metadata of The Update Framework is refused: a stable reason, for logs, tests and people. A
// refusal is PERMISSION_DENIED and its message begins with the reason in brackets.

#pragma once

#include <string>
#include <string_view>

#include "base/status.h"

namespace hf::trust::tuf {

inline constexpr std::string_view kBadFormat = "tuf-format";
inline constexpr std::string_view kWrongType = "tuf-type";
inline constexpr std::string_view kThreshold = "tuf-threshold";
inline constexpr std::string_view kDuplicateKey = "tuf-duplicate-key";
inline constexpr std::string_view kRootVersion = "tuf-root-version";
inline constexpr std::string_view kExpired = "tuf-expired";
inline constexpr std::string_view kRollback = "tuf-rollback";
inline constexpr std::string_view kMixed = "tuf-mixed";  // not the version or bytes promised
inline constexpr std::string_view kTooLarge = "tuf-too-large";
inline constexpr std::string_view kMissing = "tuf-missing";
inline constexpr std::string_view kTooManyRoots = "tuf-too-many-roots";
inline constexpr std::string_view kTooManyRoles = "tuf-too-many-roles";
inline constexpr std::string_view kNotInSnapshot = "tuf-not-in-snapshot";
inline constexpr std::string_view kNoTarget = "tuf-no-target";
inline constexpr std::string_view kTargetMismatch = "tuf-target-mismatch";
inline constexpr std::string_view kRootPin = "tuf-root-pin";  // not the root that was named
inline constexpr std::string_view kRelease = "tuf-release";
inline constexpr std::string_view kHardwareId = "tuf-hardware-id";
inline constexpr std::string_view kOtherDevice = "tuf-other-device";

template <typename... Args>
Status refusal(std::string_view reason, fmt::format_string<Args...> format, Args&&... args) {
    return permission_denied("[{}] {}", reason, fmt::format(format, std::forward<Args>(args)...));
}

// The reason of a refusal; empty for other errors.
std::string reason_of(const Status& status);

}  // namespace hf::trust::tuf
