// Status and Result<T>: how every fallible function in Holdfast answers.
//
// A Status is either OK (one null pointer, no allocation) or one of the sixteen canonical codes
// under their gRPC names, with a message and a chain of contexts added on the way up, outermost
// first. A Result<T> is a Status or a T. Exceptions do not cross module boundaries; see STYLE.md,
// "Errors".
//
//     Result<Plan> load(std::string_view path) {
//         Bytes bytes = HF_TRY(files.read(path));               // passes the error on
//         return parse(bytes).context("plan file {}", path);    // says where it happened
//     }
//
// Thread-safety: values; distinct objects may be used from distinct threads. Copies share the
// immutable error record.

#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <fmt/format.h>

#include "base/check.h"

namespace hf {

// The canonical codes; numbers and meanings are gRPC's (google/rpc/code.proto).
enum class Code : unsigned char {
    kOk = 0,
    kCancelled = 1,
    kUnknown = 2,
    kInvalidArgument = 3,  // The input is wrong whatever the state of the system.
    kDeadlineExceeded = 4,
    kNotFound = 5,
    kAlreadyExists = 6,
    kPermissionDenied = 7,   // The caller is known, and may not.
    kResourceExhausted = 8,  // A named bound was reached: quota, queue, disk, memory.
    kFailedPrecondition =
        9,                // Right input, wrong state; retrying does not help until that changes.
    kAborted = 10,        // A compare-and-set lost; read again and retry.
    kOutOfRange = 11,     // Beyond what exists now: a compacted revision, an offset past the end.
    kUnimplemented = 12,  // Not built; says so instead of pretending.
    kInternal = 13,
    kUnavailable = 14,      // Try again later; nothing was done.
    kDataLoss = 15,         // Stored bytes are not what they were.
    kUnauthenticated = 16,  // The caller is not known.
};

// The gRPC name, for example "INVALID_ARGUMENT".
std::string_view code_name(Code code);

class [[nodiscard]] Status final {
public:
    Status() = default;  // OK

    // REQUIRES: code != Code::kOk.
    Status(Code code, std::string message);

    bool ok() const { return error_ == nullptr; }
    Code code() const { return error_ ? error_->code : Code::kOk; }

    // The whole story on one line: contexts outermost first, then the message, joined by ": ".
    // Empty when OK.
    std::string_view message() const { return error_ ? std::string_view(error_->message) : ""; }

    // "NOT_FOUND: model mnist: no such alias" or "OK".
    std::string to_string() const;

    // Puts where or what in front of the message. No effect on OK.
    Status with_context(std::string_view context) const;

    template <typename... Args>
    Status context(fmt::format_string<Args...> format, Args&&... args) const {
        return ok() ? *this : with_context(fmt::format(format, std::forward<Args>(args)...));
    }

    friend bool operator==(const Status& a, const Status& b) {
        return a.code() == b.code() && a.message() == b.message();
    }

private:
    struct Error {
        Code code;
        std::string message;
    };
    std::shared_ptr<const Error> error_;
};

// One constructor function a code: not_found("model {} has no alias {}", name, alias).
#define HF_STATUS_FACTORY(function, code)                                            \
    template <typename... Args>                                                      \
    Status function(fmt::format_string<Args...> format, Args&&... args) {            \
        return Status(Code::code, fmt::format(format, std::forward<Args>(args)...)); \
    }
HF_STATUS_FACTORY(cancelled, kCancelled)
HF_STATUS_FACTORY(unknown_error, kUnknown)
HF_STATUS_FACTORY(invalid_argument, kInvalidArgument)
HF_STATUS_FACTORY(deadline_exceeded, kDeadlineExceeded)
HF_STATUS_FACTORY(not_found, kNotFound)
HF_STATUS_FACTORY(already_exists, kAlreadyExists)
HF_STATUS_FACTORY(permission_denied, kPermissionDenied)
HF_STATUS_FACTORY(resource_exhausted, kResourceExhausted)
HF_STATUS_FACTORY(failed_precondition, kFailedPrecondition)
HF_STATUS_FACTORY(aborted, kAborted)
HF_STATUS_FACTORY(out_of_range, kOutOfRange)
HF_STATUS_FACTORY(unimplemented, kUnimplemented)
HF_STATUS_FACTORY(internal_error, kInternal)
HF_STATUS_FACTORY(unavailable, kUnavailable)
HF_STATUS_FACTORY(data_loss, kDataLoss)
HF_STATUS_FACTORY(unauthenticated, kUnauthenticated)
#undef HF_STATUS_FACTORY

template <typename T>
class [[nodiscard]] Result final {
    static_assert(!std::is_reference_v<T>, "a Result holds a value; return a pointer instead");
    static_assert(!std::is_same_v<T, Status>, "return Status itself");

public:
    using value_type = T;

    Result(T value)
        : value_(std::move(value)) {}  // NOLINT: implicit, so that functions `return x;`
    template <typename U>  // NOLINTNEXTLINE: implicit, so that a unique_ptr<Derived> may be
                           // returned
    requires(std::is_convertible_v<U, T> && !std::is_same_v<std::remove_cvref_t<U>, T> &&
             !std::is_same_v<std::remove_cvref_t<U>, Status> &&
             !std::is_same_v<std::remove_cvref_t<U>, Result>) Result(U&& value)
        : value_(std::forward<U>(value)) {}
    Result(Status status) : status_(std::move(status)) {  // NOLINT: implicit, as above
        HF_CHECK(!status_.ok(), "a Result without a value needs an error");
    }

    bool ok() const { return value_.has_value(); }
    const Status& status() const { return status_; }

    // REQUIRES: ok(). Checked in every build.
    T& value() & {
        check_ok();
        return *value_;
    }
    const T& value() const& {
        check_ok();
        return *value_;
    }
    T&& value() && {
        check_ok();
        return std::move(*value_);
    }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T&& operator*() && { return std::move(*this).value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    T value_or(T fallback) && { return ok() ? std::move(*value_) : std::move(fallback); }

    template <typename... Args>
    Result context(fmt::format_string<Args...> format, Args&&... args) && {
        if (ok()) return std::move(*this);
        return status_.context(format, std::forward<Args>(args)...);
    }

private:
    void check_ok() const { HF_CHECK(ok(), "value() of an error: {}", status_.to_string()); }

    std::optional<T> value_;
    Status status_;
};

namespace detail {
inline const Status& status_of(const Status& status) {
    return status;
}
template <typename T>
const Status& status_of(const Result<T>& result) {
    return result.status();
}
inline void value_of(Status&&) {}
template <typename T>
T value_of(Result<T>&& result) {
    return std::move(result).value();
}
}  // namespace detail

// Evaluates a Status or Result; on error returns its Status from the enclosing function, else
// yields the value: `Plan plan = HF_TRY(load(path));`. Add context with `.context(...)` inside.
//
// Not inside braces behind another element, `Pair{name, HF_TRY(...)}`: GCC and Clang then leak that
// element when it returns. Name the value first; tools/tidy.py sees to it.
#define HF_TRY(...)                                        \
    __extension__({                                        \
        auto hf_try_result = (__VA_ARGS__);                \
        if (!hf_try_result.ok()) [[unlikely]]              \
            return ::hf::detail::status_of(hf_try_result); \
        ::hf::detail::value_of(std::move(hf_try_result));  \
    })

}  // namespace hf
