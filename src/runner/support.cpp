// What the C++ library would bring along to tell of the end of memory and of broken promises:
// exceptions, their unwinder and a decoder of names, a tenth of the program. The small runners are
// compiled without exceptions; where one would be thrown, they end with a sentence.
//
// These functions stand in for the library's own of the same names (bits/functexcept.h, new), in
// static linking by being found first.

#include <unistd.h>

#include <cstdlib>
#include <exception>
#include <new>

#include "base/check.h"

namespace hf::runner {
namespace {

void say(std::string_view text) {
    if (::write(STDERR_FILENO, text.data(), text.size()) < 0) return;
}

[[noreturn]] void stop(std::string_view why) {
    say("holdfast: ");
    say(why);
    say("\n");
    std::abort();
}

void* allocate(std::size_t size) {
    void* p = std::malloc(size > 0 ? size : 1);
    if (!p) stop("out of memory");
    return p;
}

}  // namespace
}  // namespace hf::runner

namespace hf::detail {

void check_failed(const char* condition, const std::string& message, std::source_location where) {
    runner::stop(
        fmt::format("internal check failed at {}:{} ({}): {}{}{}\nThis is a bug in "
                    "Holdfast; please report it with this text.",
                    where.file_name(), where.line(), where.function_name(), condition,
                    message.empty() ? "" : ": ", message));
}

std::string bug_message(const std::string& message, std::source_location where) {
    return fmt::format("bug at {}:{}: {}; please report it", where.file_name(), where.line(),
                       message);
}

}  // namespace hf::detail

// The C library's assertions are about itself; its own text for them is translated and formatted.
extern "C" void __assert_fail(const char* what, const char*, unsigned, const char*) noexcept {
    hf::runner::stop(what);
}

void* operator new(std::size_t size) {
    return hf::runner::allocate(size);
}
void operator delete(void* p) noexcept {
    std::free(p);
}
void operator delete(void* p, std::size_t) noexcept {
    std::free(p);
}

namespace __gnu_cxx {

void __verbose_terminate_handler() {
    hf::runner::stop("terminated");
}

}  // namespace __gnu_cxx

namespace std {

void __throw_bad_alloc() {
    hf::runner::stop("out of memory");
}
void __throw_bad_array_new_length() {
    hf::runner::stop("out of memory");
}
void __throw_bad_function_call() {
    hf::runner::stop("an empty function is called");
}
void __throw_length_error(const char* where) {
    hf::runner::stop(where);
}
void __throw_bad_exception() {
    hf::runner::stop("bad exception");
}
void __throw_bad_cast() {
    hf::runner::stop("bad cast");
}
void __throw_bad_typeid() {
    hf::runner::stop("bad typeid");
}
void __throw_domain_error(const char* where) {
    hf::runner::stop(where);
}
void __throw_range_error(const char* where) {
    hf::runner::stop(where);
}
void __throw_overflow_error(const char* where) {
    hf::runner::stop(where);
}
void __throw_underflow_error(const char* where) {
    hf::runner::stop(where);
}
void __throw_runtime_error(const char* where) {
    hf::runner::stop(where);
}
void __throw_logic_error(const char* where) {
    hf::runner::stop(where);
}
void __throw_invalid_argument(const char* where) {
    hf::runner::stop(where);
}
void __throw_out_of_range(const char* where) {
    hf::runner::stop(where);
}
void __throw_out_of_range_fmt(const char* format, ...) {
    hf::runner::stop(format);
}

}  // namespace std
