#include "runtime/cpu/weight_pool.h"

#include <sys/mman.h>

#include <cstdlib>
#include <cstring>
#include <string_view>

#include "base/check.h"

namespace hf::runtime::cpu {
namespace {

// As Tensor has it: larger blocks ask for large pages.
constexpr std::size_t kLargePage = std::size_t{2} << 20;

}  // namespace

void WeightPool::Free::operator()(std::uint8_t* p) const {
    std::free(p);
}

WeightPool::WeightPool(std::uint64_t capacity) : capacity_(capacity) {
    const std::size_t alignment = capacity >= 2 * kLargePage ? kLargePage : kAlignment;
    const std::size_t rounded = (capacity + alignment) / alignment * alignment;
    block_.reset(static_cast<std::uint8_t*>(std::aligned_alloc(alignment, rounded)));
    HF_CHECK(block_ != nullptr, "out of memory for {} bytes of weights", capacity);
#ifdef MADV_HUGEPAGE
    // A hint; without such pages, memory is as it was.
    if (alignment == kLargePage) ::madvise(block_.get(), rounded, MADV_HUGEPAGE);
#endif
}

std::optional<std::uint64_t> WeightPool::add(ByteView bytes) {
    const std::size_t hash = std::hash<std::string_view>()(as_text(bytes));
    const MutexLock lock(mutex_);
    const auto [first, last] = pieces_.equal_range(hash);
    for (auto at = first; at != last; ++at) {
        const Piece& piece = at->second;
        if (piece.size != bytes.size()) continue;
        if (bytes.empty() ||
            std::memcmp(block_.get() + piece.offset, bytes.data(), bytes.size()) == 0) {
            return piece.offset;
        }
    }
    const std::uint64_t offset = room_for(end_);
    if (offset > capacity_ || bytes.size() > capacity_ - offset) return std::nullopt;
    std::memset(block_.get() + end_, 0, offset - end_);
    if (!bytes.empty()) std::memcpy(block_.get() + offset, bytes.data(), bytes.size());
    end_ = offset + bytes.size();
    pieces_.emplace(hash, Piece{offset, bytes.size()});
    return offset;
}

ByteView WeightPool::bytes() const {
    const MutexLock lock(mutex_);
    return {block_.get(), static_cast<std::size_t>(end_)};
}

}  // namespace hf::runtime::cpu
