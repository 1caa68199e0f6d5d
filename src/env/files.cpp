#include "env/files.h"

namespace hf::env {

Status Files::write(std::string_view path, ByteView bytes, Access access) {
    std::unique_ptr<FileWriter> writer = HF_TRY(create(path, access));
    HF_TRY(writer->append(bytes));
    return writer->commit();
}

}  // namespace hf::env
