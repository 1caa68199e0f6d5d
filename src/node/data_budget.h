// The data budget of a machine whose link is paid by the byte: how much it may fetch in a period,
// and the account of what it has. What is about to be fetched is reserved, on the disk, before it
// is; what came instead takes its place at the end. After a crash the reservation counts as
// fetched, so that the account is never too low.
//
// Periods are counted from 1970 on, not from the first start: no restart begins one anew, and no
// clock that goes back by up to a period. One that was further ahead was wrong: what is used stays
// used, and counts for the period that is now.
//
// Pure values; the time is handed in. DataMeter is the account on the disk.

#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "base/json.h"
#include "base/status.h"
#include "base/time.h"

namespace hf::node {

inline constexpr std::uint64_t kDataBytesMax = std::uint64_t{1} << 62;  // more counts as this

struct DataLimit {
    std::uint64_t bytes = 0;
    Duration period = std::chrono::hours(24);
    friend bool operator==(const DataLimit&, const DataLimit&) = default;
};

struct DataAccount {
    Instant began;               // when the period did
    std::uint64_t used = 0;      // in it
    std::uint64_t reserved = 0;  // besides, by what is under way

    // What did not fit: it is not asked for again, which would cost bytes too, before it does.
    std::string refused;  // a digest
    std::uint64_t refused_bytes = 0;
    friend bool operator==(const DataAccount&, const DataAccount&) = default;
};

// Begins a new period where the last one is over. REQUIRES: limit.period > 0.
void bring_up_to_date(DataAccount& account, const DataLimit& limit, Instant now);

// OK, or RESOURCE_EXHAUSTED with the numbers and when it will fit, marked "[data-budget]".
// REQUIRES: the account is up to date.
Status check_fits(const DataAccount& account, const DataLimit& limit, std::uint64_t bytes);

std::string write_account(const DataAccount& account);

// INVALID_ARGUMENT when these are not the bytes of write_account(). What was reserved counts as
// used.
Result<DataAccount> read_account(std::string_view text);

}  // namespace hf::node
