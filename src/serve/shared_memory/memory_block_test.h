// Shared memory for tests of this module, that is no more than a vector.

#pragma once

#include <memory>
#include <string>

#include "serve/shared_memory/regions.h"

namespace hf::serve {

class MemoryBlock final : public env::SharedBlock,
                          public std::enable_shared_from_this<MemoryBlock> {
public:
    explicit MemoryBlock(std::size_t size) : bytes(size) {}

    Result<std::uint64_t> size() const override { return std::uint64_t{bytes.size()}; }
    Status read(std::uint64_t offset, std::span<std::uint8_t> out) const override {
        HF_TRY(check(offset, out.size()));
        std::copy_n(bytes.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
        return {};
    }
    Status write(std::uint64_t offset, ByteView view) const override {
        HF_TRY(check(offset, view.size()));
        std::copy(view.begin(), view.end(), bytes.begin() + static_cast<std::ptrdiff_t>(offset));
        return {};
    }

    // Of a machine where this alone is shared, as "/k".
    env::OpenSharedBlock opener() {
        return [self = shared_from_this()](
                   const std::string& name) -> Result<std::shared_ptr<const env::SharedBlock>> {
            if (name != "/k") return not_found("open {}: no such file", name);
            return std::shared_ptr<const env::SharedBlock>(self);
        };
    }

    mutable Bytes bytes;  // whoever else has it may change and cut it

private:
    Status check(std::uint64_t offset, std::size_t size) const {
        if (offset <= bytes.size() && size <= bytes.size() - offset) return {};
        return failed_precondition("the block has become too short");
    }
};

}  // namespace hf::serve
