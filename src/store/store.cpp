#include "store/store.h"

namespace hf::store {

std::vector<Result<Revision>> Store::commit_each(const std::vector<Transaction>& transactions) {
    std::vector<Result<Revision>> results;
    results.reserve(transactions.size());
    for (const Transaction& each : transactions) results.push_back(commit(each));
    return results;
}

}  // namespace hf::store
