#include "store/store.h"

namespace hf::store {

std::vector<Result<Revision>> Store::commit_each(const std::vector<Transaction>& transactions) {
    std::vector<Result<Revision>> results;
    results.reserve(transactions.size());
    Status gone;  // a store that does not answer now will not a moment later
    for (const Transaction& each : transactions) {
        if (!gone.ok()) {
            results.emplace_back(gone);
            continue;
        }
        results.push_back(commit(each));
        const Status& said = results.back().status();
        if (said.code() == Code::kUnavailable || said.code() == Code::kDeadlineExceeded) {
            gone = unavailable("not tried, as a write before it had no answer: {}", said.message());
        }
    }
    return results;
}

}  // namespace hf::store
