#include "control/apply/fenced_store.h"

#include <algorithm>

namespace hf::control {
namespace {

Status not_leading() {
    return failed_precondition("this server does not lead, or no longer; another decides");
}

}  // namespace

FencedStore::FencedStore(store::Store& inner, std::function<std::optional<store::Compare>()> fence)
    : inner_(inner), fence_(std::move(fence)) {}

Result<store::Revision> FencedStore::commit(const store::Transaction& transaction) {
    const std::optional<store::Compare> fence = fence_();
    if (!fence) return not_leading();
    store::Transaction fenced = transaction;
    fenced.compares.push_back(*fence);
    Result<store::Revision> done = inner_.commit(fenced);
    if (done.status().code() == Code::kAborted && is_deposed(*fence)) return not_leading();
    return done;
}

std::vector<Result<store::Revision>> FencedStore::commit_each(
    const std::vector<store::Transaction>& transactions) {
    const std::optional<store::Compare> fence = fence_();
    if (!fence) {
        return std::vector<Result<store::Revision>>(transactions.size(), not_leading());
    }
    std::vector<store::Transaction> fenced = transactions;
    for (store::Transaction& each : fenced) each.compares.push_back(*fence);
    std::vector<Result<store::Revision>> results = inner_.commit_each(fenced);
    const auto lost = [](const auto& each) { return each.status().code() == Code::kAborted; };
    if (!std::any_of(results.begin(), results.end(), lost) || !is_deposed(*fence)) return results;
    for (Result<store::Revision>& each : results) {
        if (lost(each)) each = not_leading();
    }
    return results;
}

// Which compare was it that failed? The key is written once for each leader, so it never comes
// back.
bool FencedStore::is_deposed(const store::Compare& fence) {
    const Result<store::KeyValue> now = inner_.get(fence.key);
    if (now.status().code() == Code::kNotFound) return true;
    return now.ok() && now->modified != fence.modified;
}

Status FencedStore::compact(store::Revision revision) {
    // Not a transaction, and harmless twice: what is asked here only keeps it to one server.
    const std::optional<store::Compare> fence = fence_();
    if (!fence) return not_leading();
    return inner_.compact(revision);
}

}  // namespace hf::control
