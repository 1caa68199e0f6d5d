// DataMeter: the account of a data budget (data_budget.h) on the disk, around one fetch at a time:
//
//     begin(limit, digest), reserve(bytes)..., received(bytes)..., end(fetched)
//
// Errors: RESOURCE_EXHAUSTED where the budget does not allow it; what Files says where the account
// cannot be kept, for then nothing may be fetched. An account that does not read is as if all of
// the period's budget were used: DATA_LOSS says so once, and the next period begins a new one.
//
// Owned by one thread.

#pragma once

#include <optional>
#include <string>

#include "env/clock.h"
#include "env/files.h"
#include "node/data_budget.h"

namespace hf::node {

class DataMeter final {
public:
    // REQUIRES: files and clock outlive it.
    DataMeter(env::Files& files, const env::Clock& clock, std::string path)
        : files_(files), clock_(clock), path_(std::move(path)) {}

    // Of the version `digest`. Refuses at once what did not fit before and still does not.
    Status begin(const std::optional<DataLimit>& limit, const std::string& digest);
    Status reserve(std::uint64_t bytes);
    void received(std::uint64_t bytes) { received_ += bytes; }
    // `fetched`: all of it came, which changes what the next version takes.
    Status end(bool fetched);

    const DataAccount& account() const { return account_; }

private:
    Status read();
    Status write();

    env::Files& files_;
    const env::Clock& clock_;
    const std::string path_;
    bool known_ = false;  // the account is that of the disk
    DataAccount account_;
    std::optional<DataLimit> limit_;  // of the fetch under way
    std::string digest_;
    std::uint64_t received_ = 0;
};

}  // namespace hf::node
