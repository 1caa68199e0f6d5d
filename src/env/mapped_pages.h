// MappedPages: what a mapping of a file can do besides (files.h), where it is one of the operating
// system's: its pages may leave this process, and come back from the file when they are read.
//
// Thread-safety: any thread, also while others read the bytes.

#pragma once

#include <cstring>
#include <span>

#include "env/files.h"

namespace hf::env {

class MappedPages {
public:
    virtual ~MappedPages() = default;
    virtual void drop() const = 0;

    // Fills `out` from `offset` on. DATA_LOSS where the file has been cut since it was mapped:
    // whoever reads those bytes in the mapping itself ends the process (SIGBUS).
    // REQUIRES: they are inside the mapping.
    virtual Status copy(std::uint64_t offset, std::span<std::uint8_t> out) const = 0;
};

// Nothing happens to what has no such pages.
inline void drop_pages(const MappedFile& file) {
    if (const auto* const pages = dynamic_cast<const MappedPages*>(&file)) pages->drop();
}

// As MappedPages::copy(); of what has no such pages, plainly.
inline Status copy_bytes(const MappedFile& file, std::uint64_t offset,
                         std::span<std::uint8_t> out) {
    if (const auto* const pages = dynamic_cast<const MappedPages*>(&file)) {
        return pages->copy(offset, out);
    }
    const ByteView from = file.bytes().subspan(static_cast<std::size_t>(offset), out.size());
    if (!out.empty()) std::memcpy(out.data(), from.data(), out.size());
    return {};
}

}  // namespace hf::env
