// Trace: what happened in a run, as a hash of all lines, by which two runs of one seed are
// compared, and the last lines, which tell of a failure. And the first breach of an invariant, if
// any.
//
// Owned by one thread.

#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>

#include <fmt/format.h>

#include "sim/timeline.h"

namespace hf::sim {

inline constexpr std::size_t kTraceKept = 100;  // lines

struct Breach {
    std::string invariant;  // one word
    std::string what;
};

class Trace final {
public:
    explicit Trace(const Timeline& time) : time_(time) {}

    template <typename... Parts>
    void note(fmt::format_string<Parts...> text, Parts&&... parts) {
        add(fmt::format(text, std::forward<Parts>(parts)...));
    }

    // Only the first counts.
    template <typename... Parts>
    void breach(std::string_view invariant, fmt::format_string<Parts...> text, Parts&&... parts) {
        if (breach_) return;
        breach_ = Breach{std::string(invariant), fmt::format(text, std::forward<Parts>(parts)...)};
        add(fmt::format("BREACH {}: {}", invariant, breach_->what));
    }

    // Counts one look at an invariant.
    void checked() { ++checks_; }

    std::uint64_t digest() const { return digest_; }
    std::uint64_t checks() const { return checks_; }
    const std::optional<Breach>& first_breach() const { return breach_; }
    const std::deque<std::string>& last() const { return last_; }

private:
    // FNV-1a, 64 bits (Fowler, Noll, Vo).
    void add(std::string text) {
        std::string line = fmt::format("{:>12.6f} {}", seconds(), text);
        for (const char c : line) {
            digest_ = (digest_ ^ static_cast<unsigned char>(c)) * 1099511628211u;
        }
        last_.push_back(std::move(line));
        if (last_.size() > kTraceKept) last_.pop_front();
    }
    double seconds() const { return std::chrono::duration<double>(time_.monotonic()).count(); }

    const Timeline& time_;
    std::uint64_t digest_ = 14695981039346656037u;
    std::uint64_t checks_ = 0;
    std::optional<Breach> breach_;
    std::deque<std::string> last_;
};

}  // namespace hf::sim
