// env::SharedBlock over Linux: what shm_open(3) names are files of the folder /dev/shm, a file
// system in memory (tmpfs). A name is one component of a path and cannot lead out of the folder;
// symbolic links, pipes and whatever else is no regular file are refused.

#pragma once

#include <memory>
#include <string>

#include "env/shared_memory.h"

namespace hf::posix {

inline const std::string kSharedMemoryFolder = "/dev/shm";

// As env::OpenSharedBlock.
Result<std::shared_ptr<const env::SharedBlock>> open_shared_block(
    const std::string& name, const std::string& folder = kSharedMemoryFolder);

}  // namespace hf::posix
