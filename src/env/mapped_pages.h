// MappedPages: what a mapping of a file can do besides (files.h), where it is one of the operating
// system's: its pages may leave this process, and come back from the file when they are read.
//
// Thread-safety: any thread, also while others read the bytes.

#pragma once

#include "env/files.h"

namespace hf::env {

class MappedPages {
public:
    virtual ~MappedPages() = default;
    virtual void drop() const = 0;
};

// Nothing happens to what has no such pages.
inline void drop_pages(const MappedFile& file) {
    if (const auto* const pages = dynamic_cast<const MappedPages*>(&file)) pages->drop();
}

}  // namespace hf::env
