// HF_CHECK: the impossible did not happen. It stays on in production and ends the process with a
// message and the place, because going on would serve wrong answers. It never judges input: what
// the world may send is answered with a Status. HF_BUG is for a fault confined to one request: it
// yields an INTERNAL Status that says where, so that the request fails and the process lives.

#pragma once

#include <source_location>
#include <string>

#include <fmt/format.h>

namespace hf::detail {

[[noreturn]] void check_failed(const char* condition, const std::string& message,
                               std::source_location where);

std::string bug_message(const std::string& message, std::source_location where);

}  // namespace hf::detail

// HF_CHECK(condition) or HF_CHECK(condition, "format {}", arguments...).
#define HF_CHECK(condition, ...)                                                          \
    do {                                                                                  \
        if (!(condition)) [[unlikely]]                                                    \
            ::hf::detail::check_failed(#condition, ::hf::detail::check_text(__VA_ARGS__), \
                                       std::source_location::current());                  \
    } while (false)

// `return HF_BUG("op {} has no kernel", name);` in a function returning Status or Result.
#define HF_BUG(...)                                                               \
    ::hf::Status(::hf::Code::kInternal,                                           \
                 ::hf::detail::bug_message(::hf::detail::check_text(__VA_ARGS__), \
                                           std::source_location::current()))

namespace hf::detail {

inline std::string check_text() {
    return {};
}

template <typename... Args>
std::string check_text(fmt::format_string<Args...> format, Args&&... args) {
    return fmt::format(format, std::forward<Args>(args)...);
}

}  // namespace hf::detail
