#include "control/apply/fenced_store.h"

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
    if (done.status().code() != Code::kAborted) return done;
    // Which compare was it? The key is written once for each leader, so it never comes back.
    const Result<store::KeyValue> now = inner_.get(fence->key);
    if (now.status().code() == Code::kNotFound) return not_leading();
    if (now.ok() && now->modified != fence->modified) return not_leading();
    return done;
}

Status FencedStore::compact(store::Revision revision) {
    // Not a transaction, and harmless twice: what is asked here only keeps it to one server.
    const std::optional<store::Compare> fence = fence_();
    if (!fence) return not_leading();
    return inner_.compact(revision);
}

}  // namespace hf::control
