#include "vault/delta/matcher.h"

#include <algorithm>
#include <bit>

#include "vault/delta/align.h"

namespace hf::vault::delta {
namespace {

constexpr std::uint64_t kWindow = 16;       // bytes that must be equal to begin a match
constexpr std::uint64_t kAdvantage = 8;     // more equal bytes than where we are: then change over
constexpr std::uint64_t kLookAhead = 4096;  // bytes that decide on it
constexpr std::uint64_t kMaxPlaces = std::uint64_t{1} << 24;
constexpr unsigned kMinBits = 8, kMaxBits = 25;

std::uint64_t hash(const std::uint8_t* window) {
    const auto low = load_le<std::uint64_t>(window);
    const auto high = load_le<std::uint64_t>(window + 8);
    const std::uint64_t mixed = low * 0x9E3779B97F4A7C15 ^ std::rotl(high * 0xC2B2AE3D27D4EB4F, 31);
    return mixed * 0x165667B19E3779F9;
}

}  // namespace

Matcher::Matcher(ByteView base, ByteView result, const std::vector<Range>& parts)
    : base_(base), result_(result) {
    std::uint64_t total = 0;
    for (const Range& part : parts) total += part.to - part.from;
    while (total / step_ > kMaxPlaces || base.size() / step_ > UINT32_MAX - 1) step_ *= 2;
    bits_ =
        std::clamp(static_cast<unsigned>(std::bit_width(2 * total / step_)), kMinBits, kMaxBits);
    places_.assign(std::size_t{1} << bits_, 0);
    for (const Range& part : parts) {
        const std::uint64_t first = (part.from + step_ - 1) / step_ * step_;
        for (std::uint64_t at = first; at + kWindow <= part.to; at += step_) {
            std::uint32_t& place = places_[hash(base.data() + at) >> (64 - bits_)];
            if (place == 0) place = static_cast<std::uint32_t>(at / step_ + 1);
        }
    }
}

std::optional<std::uint64_t> Matcher::look_up(std::uint64_t at) const {
    const std::uint32_t place = places_[hash(result_.data() + at) >> (64 - bits_)];
    if (place == 0) return std::nullopt;
    const std::uint64_t found = (place - 1) * step_;
    const bool equal = std::equal(result_.begin() + static_cast<std::ptrdiff_t>(at),
                                  result_.begin() + static_cast<std::ptrdiff_t>(at + kWindow),
                                  base_.begin() + static_cast<std::ptrdiff_t>(found));
    return equal ? std::optional(found) : std::nullopt;
}

// Whether the byte of the result equals its counterpart; false where there is none.
bool Matcher::same(std::uint64_t at, Shift shift) const {
    const std::uint64_t from = at + shift;
    return from < base_.size() && base_[from] == result_[at];
}

// How many bytes from `at` on, before `to`, equal their counterparts without a gap.
std::uint64_t Matcher::run(std::uint64_t at, std::uint64_t to, Shift shift) const {
    std::uint64_t end = at;
    while (end < to && same(end, shift)) ++end;
    return end - at;
}

// The first place from `at` on where another shift explains clearly more than this one.
std::optional<Matcher::Hit> Matcher::next_hit(std::uint64_t at, std::uint64_t to,
                                              Shift shift) const {
    while (at < to && to - at >= kWindow) {
        const std::uint64_t explained = run(at, to, shift);
        if (explained >= kWindow) {
            at += explained;
            continue;
        }
        if (const std::optional<std::uint64_t> found = look_up(at)) {
            const Shift other = *found - at;
            const std::uint64_t size = run(at, std::min(to, at + kLookAhead), other);
            std::uint64_t agree = 0;
            for (std::uint64_t i = at; i < at + size; ++i) agree += same(i, shift);
            if (size > agree + kAdvantage) return Hit{at, run(at, to, other), other};
        }
        ++at;
    }
    return std::nullopt;
}

// Where this shift ends to agree more often than not.
std::uint64_t Matcher::agreeing_end(Range range, Shift shift) const {
    std::uint64_t end = range.from;
    std::int64_t score = 0, best = 0;
    for (std::uint64_t at = range.from; at < range.to; ++at) {
        score += same(at, shift) ? 1 : -1;
        if (score > best) best = score, end = at + 1;
    }
    return end;
}

// Between `from` and a hit: where this shift ends, and from where on the hit's agrees more often
// than not. They meet at the best place where they would overlap.
std::pair<std::uint64_t, std::uint64_t> Matcher::boundary(std::uint64_t from, const Hit& hit,
                                                          Shift shift) const {
    const std::uint64_t end = agreeing_end({from, hit.at}, shift);
    std::uint64_t start = hit.at;
    std::int64_t score = 0, best = 0;
    for (std::uint64_t at = hit.at; at-- > from;) {
        score += same(at, hit.shift) ? 1 : -1;
        if (score > best) best = score, start = at;
    }
    if (end <= start) return {end, start};
    // From here on, what is gained by changing over later.
    std::uint64_t meet = start;
    score = best = 0;
    for (std::uint64_t at = start; at < end; ++at) {
        score += static_cast<int>(same(at, shift)) - static_cast<int>(same(at, hit.shift));
        if (score > best) best = score, meet = at + 1;
    }
    return {meet, meet};
}

// A stretch, without a counterpart where the base has none for it.
void Matcher::emit(Range range, Shift shift, std::vector<Stretch>& out) const {
    const auto add = [&](std::uint64_t from, std::uint64_t to, bool compared) {
        if (from >= to) return;
        out.push_back({from, to - from, compared ? std::optional(from + shift) : std::nullopt, {}});
    };
    // Places of the result whose counterparts are the first and the end of the base.
    const auto first = static_cast<std::int64_t>(0 - shift);
    const std::int64_t end = first + static_cast<std::int64_t>(base_.size());
    const auto inside = [&](std::int64_t at) {
        return std::clamp(static_cast<std::uint64_t>(std::max<std::int64_t>(at, 0)), range.from,
                          range.to);
    };
    add(range.from, inside(first), false);
    add(inside(first), inside(end), true);
    add(inside(end), range.to, false);
}

void Matcher::cover(Range range, std::uint64_t expected, std::vector<Stretch>& out) const {
    Shift shift = expected - range.from;
    std::uint64_t from = range.from;
    std::uint64_t scanned = range.from;
    while (const std::optional<Hit> hit = next_hit(scanned, range.to, shift)) {
        const auto [end, start] = boundary(from, *hit, shift);
        emit({from, end}, shift, out);
        emit({end, start}, shift, out);
        shift = hit->shift;
        from = start;
        scanned = hit->at + hit->size;
    }
    const std::uint64_t end = agreeing_end({from, range.to}, shift);
    emit({from, end}, shift, out);
    emit({end, range.to}, shift, out);
}

}  // namespace hf::vault::delta
