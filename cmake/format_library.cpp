// fmt's library part, linked into the program where the system has it as a shared library only.
// Without the C++ library's locales, which are larger than what fmt does and which nothing here
// asks for ("{:L}").
//
// HF_WITHOUT_STDIO, of the small runners: fmt calls fprintf when an assertion of its own fails and
// snprintf for "{:a}"; neither happens in them, and both end the process. Nor does it throw. Its
// functions are inline there, so that only those that are used come along: one that nothing calls
// would bring the system's error messages in every language.

#include <cstdio>
#include <cstdlib>

#ifdef HF_WITHOUT_STDIO
namespace {

int no_snprintf(char*, std::size_t, const char*, ...) {
    std::abort();
}

}  // namespace

#define snprintf no_snprintf
#define fprintf(...) abort()
#define FMT_THROW(x) std::abort()
#define FMT_HEADER_ONLY
#endif

#define FMT_STATIC_THOUSANDS_SEPARATOR ','
#include <fmt/format-inl.h>

#ifdef HF_WITHOUT_STDIO
namespace {

// Named here, they are written out for the other files.
[[gnu::used]] auto* const kVformat =
    static_cast<std::string (*)(fmt::string_view, fmt::format_args)>(&fmt::vformat);
[[gnu::used]] auto* const kAssert = &fmt::detail::assert_fail;
[[gnu::used]] auto* const kThrow = &fmt::detail::throw_format_error;

}  // namespace
#endif

FMT_BEGIN_NAMESPACE
namespace detail {

template FMT_API auto dragonbox::to_decimal(float x) noexcept -> dragonbox::decimal_fp<float>;
template FMT_API auto dragonbox::to_decimal(double x) noexcept -> dragonbox::decimal_fp<double>;
template FMT_API auto thousands_sep_impl(locale_ref) -> thousands_sep_result<char>;
template FMT_API auto decimal_point_impl(locale_ref) -> char;
template FMT_API void buffer<char>::append(const char*, const char*);
template FMT_API void vformat_to(buffer<char>&, string_view,
                                 basic_format_args<FMT_BUFFER_CONTEXT(char)>, locale_ref);

}  // namespace detail
FMT_END_NAMESPACE
