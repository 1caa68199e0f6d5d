#include "testing/temp_dir.h"

#include <cstdlib>
#include <filesystem>

#include "base/check.h"

namespace hf::testing {

TempDir::TempDir() {
    std::string pattern =
        (std::filesystem::temp_directory_path() / "holdfast-test-XXXXXX").string();
    HF_CHECK(::mkdtemp(pattern.data()) != nullptr, "cannot create {}", pattern);
    path_ = pattern;
}

TempDir::~TempDir() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
}

}  // namespace hf::testing
