#include "serve/response_cache.h"

#include <utility>

namespace hf::serve {
namespace {

// What an entry takes beside its tensors, about.
constexpr std::uint64_t kEntryBytes = 512;
constexpr std::uint64_t kTensorBytes = 128;

std::uint64_t bytes_of(const std::vector<Tensor>& outputs) {
    std::uint64_t bytes = kEntryBytes;
    for (const Tensor& tensor : outputs) {
        bytes += kTensorBytes + tensor.bytes().size();
        if (tensor.dtype() != DType::kString) continue;
        for (const std::string& text : tensor.strings()) bytes += sizeof text + text.size();
    }
    return bytes;
}

}  // namespace

ResponseCache::Outputs ResponseCache::find_entry(const Digest& key) {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return nullptr;
    entries_.splice(entries_.begin(), entries_, found->second);
    ++counts_.hits;
    return found->second->outputs;
}

void ResponseCache::evict(Entries::iterator entry) {
    counts_.bytes -= entry->bytes;
    by_key_.erase(entry->key);
    entries_.erase(entry);
}

void ResponseCache::keep(const Digest& key, Outputs outputs) {
    const std::uint64_t bytes = bytes_of(*outputs);
    if (bytes > bytes_max_ || by_key_.contains(key)) return;
    while (counts_.bytes + bytes > bytes_max_) {
        evict(std::prev(entries_.end()));
        ++counts_.evicted;
    }
    entries_.push_front({key, std::move(outputs), bytes});
    by_key_.emplace(key, entries_.begin());
    counts_.bytes += bytes;
}

ResponseCache::Seen ResponseCache::look(const Digest& key, Waiter waiter) {
    const MutexLock lock(mutex_);
    if (Outputs outputs = find_entry(key)) return {Look::kHit, std::move(outputs)};
    const auto [flight, leads] = flights_.try_emplace(key);
    if (!leads && flight->second.size() < kWaitersMax) {
        flight->second.push_back(std::move(waiter));
        return {Look::kWait};
    }
    ++counts_.misses;
    return {leads ? Look::kLead : Look::kCompute};
}

void ResponseCache::land(const Digest& key, Outputs outputs) {
    std::vector<Waiter> waiters;
    {
        const MutexLock lock(mutex_);
        const auto flight = flights_.find(key);
        if (flight != flights_.end()) {
            waiters = std::move(flight->second);
            flights_.erase(flight);
        }
        (outputs ? counts_.hits : counts_.misses) += waiters.size();
        if (outputs) keep(key, outputs);
    }
    for (const Waiter& waiter : waiters) waiter(outputs);
}

ResponseCache::Counts ResponseCache::counts() const {
    const MutexLock lock(mutex_);
    Counts counts = counts_;
    counts.entries = entries_.size();
    return counts;
}

std::string ResponseCache::metrics() const {
    const Counts counts = this->counts();
    return fmt::format(
        "# HELP holdfast_response_cache_requests_total Requests that could be answered from the "
        "cache, by whether they were.\n"
        "# TYPE holdfast_response_cache_requests_total counter\n"
        "holdfast_response_cache_requests_total{{outcome=\"hit\"}} {}\n"
        "holdfast_response_cache_requests_total{{outcome=\"miss\"}} {}\n"
        "# HELP holdfast_response_cache_evictions_total Answers that made room for others.\n"
        "# TYPE holdfast_response_cache_evictions_total counter\n"
        "holdfast_response_cache_evictions_total {}\n"
        "# HELP holdfast_response_cache_entries Answers that are kept.\n"
        "# TYPE holdfast_response_cache_entries gauge\n"
        "holdfast_response_cache_entries {}\n"
        "# HELP holdfast_response_cache_bytes Memory that they take, about.\n"
        "# TYPE holdfast_response_cache_bytes gauge\n"
        "holdfast_response_cache_bytes {}\n",
        counts.hits, counts.misses, counts.evicted, counts.entries, counts.bytes);
}

}  // namespace hf::serve
