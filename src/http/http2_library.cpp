#include "http/http2_library.h"

#include <algorithm>

namespace hf::http {
namespace {

constexpr std::size_t kOutputBytes = 64u << 10;
constexpr std::size_t kUsualBytes = 512;  // of the frames of a small answer

}  // namespace

std::vector<nghttp2_nv> views_of(const HeaderList& list) {
    std::vector<nghttp2_nv> views;
    views.reserve(list.size());
    for (const auto& [name, value] : list) {
        // The library's type is not const; it copies what it is given.
        auto* const name_at = reinterpret_cast<std::uint8_t*>(const_cast<char*>(name.data()));
        auto* const value_at = reinterpret_cast<std::uint8_t*>(const_cast<char*>(value.data()));
        views.push_back({name_at, value_at, name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
    }
    return views;
}

Bytes take_output_of(nghttp2_session* session, bool& broken) {
    Bytes output;
    while (output.size() < kOutputBytes) {
        const std::uint8_t* data = nullptr;
        const ssize_t count = nghttp2_session_mem_send(session, &data);
        if (count < 0) broken = true;
        if (count <= 0) break;
        if (output.empty()) output.reserve(std::max(kUsualBytes, static_cast<std::size_t>(count)));
        output.insert(output.end(), data, data + count);
    }
    return output;
}

}  // namespace hf::http
