// What keeps a cascade from an upstream that fails, and to its share.
//
// Circuit: closed until a request fails; then nobody asks for kOpenFirst, then one request is the
// probe. If it fails too, twice as long, kOpenMax at most; if it is answered, the circuit is closed
// and all is forgotten. Requests that were under way when it opened change nothing.
//
// ShareBudget: a token bucket of rows. Each row that the small model answers earns `percent`
// hundredths of one, each row that goes up costs a whole one; kSpareFirst are there at first,
// kSpareMax can be saved. With 0 percent nothing goes up.
//
// Values; pure. Time is handed in and never goes back.

#pragma once

#include <algorithm>
#include <cstdint>

#include "base/time.h"

namespace hf::serve::cascade {

inline constexpr Duration kOpenFirst = std::chrono::milliseconds(500);
inline constexpr Duration kOpenMax = std::chrono::seconds(30);

class Circuit final {
public:
    enum class Leave : unsigned char { kNo, kGo, kProbe };

    // Every leave but kNo is to be answered by exactly one of the three below.
    Leave ask(Instant now) {
        if (!open_) return Leave::kGo;
        if (probing_ || now < until_) return Leave::kNo;
        probing_ = true;
        return Leave::kProbe;
    }
    void succeeded(Leave leave) {
        if (leave == Leave::kProbe) *this = Circuit();
    }
    void failed(Leave leave, Instant now) {
        if (leave == Leave::kGo && open_) return;
        wait_ = open_ ? std::min(wait_ * 2, kOpenMax) : kOpenFirst;
        open_ = true;
        probing_ = false;
        until_ = now + wait_;
    }
    // It ended for a reason that is not the upstream's.
    void abandoned(Leave leave) {
        if (leave == Leave::kProbe) probing_ = false;
    }
    bool is_open() const { return open_; }

private:
    bool open_ = false;
    bool probing_ = false;
    Duration wait_{};
    Instant until_{};
};

inline constexpr std::int64_t kSpareFirst = 10;
inline constexpr std::int64_t kSpareMax = 100;

class ShareBudget final {
public:
    explicit ShareBudget(std::int64_t percent)
        : percent_(percent), hundredths_(percent > 0 ? kSpareFirst * 100 : 0) {}

    // Not capped until the rows that earned it had their turn: a large request may use its own.
    void earn(std::size_t rows) {
        hundredths_ =
            std::min(hundredths_, kSpareMax * 100) + percent_ * static_cast<std::int64_t>(rows);
    }
    // How many of `rows` may go up; they are paid for.
    std::size_t spend(std::size_t rows) {
        const auto granted = std::min(rows, static_cast<std::size_t>(hundredths_ / 100));
        hundredths_ -= static_cast<std::int64_t>(granted) * 100;
        return granted;
    }
    // They did not go up after all.
    void give_back(std::size_t rows) { hundredths_ += static_cast<std::int64_t>(rows) * 100; }

private:
    std::int64_t percent_;
    std::int64_t hundredths_;
};

}  // namespace hf::serve::cascade
