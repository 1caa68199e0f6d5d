#include "posix/errors.h"

#include <cerrno>
#include <system_error>

namespace hf::posix {

Status errno_status(int error, std::string_view what, std::string_view path) {
    const std::string message =
        fmt::format("{} {}: {}", what, path, std::generic_category().message(error));
    switch (error) {
        case ENOENT: return Status(Code::kNotFound, message);
        case EACCES:
        case EPERM:
        case EROFS: return Status(Code::kPermissionDenied, message);
        case ENOSPC:
        case EDQUOT:
            return Status(Code::kResourceExhausted, message + "; free some space and try again");
        case EFBIG:
        case EMFILE:
        case ENFILE:
        case ENOMEM: return Status(Code::kResourceExhausted, message);
        case EEXIST: return Status(Code::kAlreadyExists, message);
        case ELOOP:
            return Status(Code::kInvalidArgument, message + "; symbolic links are refused here");
        case ENOTDIR:
        case EISDIR:
        case ENOTEMPTY: return Status(Code::kFailedPrecondition, message);
        default: return Status(Code::kInternal, message);
    }
}

}  // namespace hf::posix
