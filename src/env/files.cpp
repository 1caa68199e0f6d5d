#include "env/files.h"

namespace hf::env {

Status Files::write(std::string_view path, ByteView bytes, Access access) {
    std::unique_ptr<FileWriter> writer = HF_TRY(create(path, access));
    HF_TRY(writer->append(bytes));
    return writer->commit();
}

Result<std::unique_ptr<FileLock>> Files::lock_within(std::string_view path, Duration) {
    return lock(path);
}

}  // namespace hf::env
