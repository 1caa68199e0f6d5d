#include "trust/tuf/refusal.h"

namespace hf::trust::tuf {

std::string reason_of(const Status& status) {
    const std::string_view message = status.message();
    const std::size_t begin = message.find("[tuf-");
    if (begin == std::string_view::npos) return {};
    const std::size_t end = message.find(']', begin);
    if (end == std::string_view::npos) return {};
    return std::string(message.substr(begin + 1, end - begin - 1));
}

}  // namespace hf::trust::tuf
