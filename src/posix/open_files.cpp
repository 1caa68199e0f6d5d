#include "posix/open_files.h"

#include <sys/resource.h>

namespace hf::posix {

std::uint64_t raise_open_files() {
    constexpr std::uint64_t kUnknown = 1024;
    rlimit files{};
    if (::getrlimit(RLIMIT_NOFILE, &files) != 0) return kUnknown;
    const rlimit more{files.rlim_max, files.rlim_max};
    if (files.rlim_cur < files.rlim_max && ::setrlimit(RLIMIT_NOFILE, &more) == 0)
        return more.rlim_cur;
    return files.rlim_cur;
}

}  // namespace hf::posix
