// Files on disk as the scanner and push see them: mapped once, so that what was scanned is what is
// packed.

#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "cli/world.h"
#include "trust/scan.h"

namespace hf::cli {

struct ModelFiles {
    std::vector<trust::FileToScan> files;  // their bytes point into `maps`
    std::vector<std::unique_ptr<env::MappedFile>> maps;
};

// A folder: everything below it, but for `ignored` (exact relative paths). A file: it, and what it
// names as external data beside it, and what lies there under its name and one of these `endings`.
// Links and special files are listed, not followed.
Result<ModelFiles> open_model_files(World& world, const std::string& path,
                                    const std::vector<std::string>& ignored,
                                    std::span<const std::string_view> endings = {});

// One line a finding, and a verdict.
std::string describe_scan(const trust::ScanResult& result);

}  // namespace hf::cli
