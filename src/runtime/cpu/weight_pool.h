// WeightPool: the constants and packed weights of one or several plans in one block of memory, each
// piece of bytes once. Plans of one model for several shapes (by_shape.h) differ in few of them.
//
// What was added stays where it is: a plan keeps a view of the pool as it was when the plan was
// made, and others may add behind its end meanwhile.
//
// Thread-safety: all methods from any thread.

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>

#include "base/bytes.h"
#include "base/mutex.h"

namespace hf::runtime::cpu {

class WeightPool final {
public:
    static constexpr std::uint64_t kAlignment = 64;

    // What so many bytes take at most, as one piece.
    static constexpr std::uint64_t room_for(std::uint64_t bytes) {
        return (bytes + kAlignment - 1) / kAlignment * kAlignment;
    }

    // Memory that is never written to is asked for, and not used.
    explicit WeightPool(std::uint64_t capacity);

    // The offset of bytes that are the same, at a multiple of kAlignment. Nullopt: there is no room
    // for them.
    std::optional<std::uint64_t> add(ByteView bytes);

    ByteView bytes() const;  // what was added so far, and zeros between

private:
    struct Free {
        void operator()(std::uint8_t* p) const;
    };
    struct Piece {
        std::uint64_t offset = 0;
        std::uint64_t size = 0;
    };

    const std::uint64_t capacity_;
    std::unique_ptr<std::uint8_t, Free> block_;

    mutable Mutex mutex_;
    std::uint64_t end_ HF_GUARDED_BY(mutex_) = 0;
    std::unordered_multimap<std::size_t, Piece> pieces_ HF_GUARDED_BY(mutex_);  // by hash
};

}  // namespace hf::runtime::cpu
