// A token bucket that keeps second attempts (retries and hedges) below a share of the requests, so
// that they cannot make an overload worse. Every request earns kRetryPercent hundredths of a token,
// a second attempt costs a whole one. Hedges leave kHedgeReserve alone: what is for comfort must
// not use up what is for failures.
//
// A value; pure.

#pragma once

#include <algorithm>
#include <cstdint>

namespace hf::serve::gateway {

inline constexpr std::int64_t kRetryPercent = 20;
inline constexpr std::int64_t kRetryTokensFirst = 10;  // before any request earned one
inline constexpr std::int64_t kRetryTokensMax = 100;
inline constexpr std::int64_t kHedgeReserve = 10;

class RetryBudget final {
public:
    void earn() { hundredths_ = std::min(hundredths_ + kRetryPercent, kRetryTokensMax * 100); }
    bool spend_on_retry() { return spend(0); }
    bool spend_on_hedge() { return spend(kHedgeReserve); }
    std::int64_t tokens() const { return hundredths_ / 100; }

private:
    bool spend(std::int64_t reserve) {
        if (hundredths_ < (reserve + 1) * 100) return false;
        hundredths_ -= 100;
        return true;
    }

    std::int64_t hundredths_ = kRetryTokensFirst * 100;
};

}  // namespace hf::serve::gateway
