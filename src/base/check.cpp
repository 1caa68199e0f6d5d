#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace hf::detail {

void check_failed(const char* condition, const std::string& message, std::source_location where) {
    std::fprintf(stderr, "holdfast: internal check failed at %s:%u (%s): %s%s%s\n",
                 where.file_name(), static_cast<unsigned>(where.line()), where.function_name(),
                 condition, message.empty() ? "" : ": ", message.c_str());
    std::fprintf(stderr, "This is a bug in Holdfast; please report it with this text.\n");
    std::abort();
}

std::string bug_message(const std::string& message, std::source_location where) {
    return fmt::format("bug at {}:{}: {}; please report it", where.file_name(), where.line(),
                       message);
}

}  // namespace hf::detail
