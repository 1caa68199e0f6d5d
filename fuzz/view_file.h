// Bytes as a file that is read in pieces. A read outside of them ends the process: whoever reads
// has promised not to.

#pragma once

#include <algorithm>

#include "env/files.h"

namespace hf::fuzz {

class ViewFile final : public env::ReadFile {
public:
    explicit ViewFile(ByteView bytes) : bytes_(bytes) {}
    std::uint64_t size() const override { return bytes_.size(); }
    Status read(std::uint64_t offset, std::span<std::uint8_t> out) const override {
        HF_CHECK(offset <= bytes_.size() && out.size() <= bytes_.size() - offset);
        std::copy_n(bytes_.begin() + static_cast<std::ptrdiff_t>(offset), out.size(), out.begin());
        return {};
    }

private:
    ByteView bytes_;
};

}  // namespace hf::fuzz
