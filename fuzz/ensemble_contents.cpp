// The files of artifacts that hold ensembles: the first line is the path that is marked as what is
// to run; then files, each its path in a line and its bytes up to a zero byte. What is accepted is
// in order, and leaves no model out.

#include <algorithm>
#include <array>

#include "serve/ensemble/contents.h"
#include "serve/ensemble/plan.h"

namespace {

using hf::serve::ensemble::File;
using hf::serve::ensemble::Part;

constexpr std::array<std::string_view, 2> kBeside{".task.json", ".guard.json"};
constexpr std::size_t kFilesMax = 256;

// Up to the mark, which is taken away with it.
std::string_view take(std::string_view& text, char mark) {
    const std::size_t at = std::min(text.find(mark), text.size());
    const std::string_view part = text.substr(0, at);
    text.remove_prefix(std::min(at + 1, text.size()));
    return part;
}

void check(const std::vector<Part>& parts, const std::vector<File>& files, std::string_view entry) {
    namespace ensemble = hf::serve::ensemble;
    HF_CHECK(!parts.empty() && parts.size() <= ensemble::kPartsMax, "{} parts", parts.size());
    HF_CHECK(parts.back().file == entry && parts.back().declaration, "the last is another");
    for (const Part& part : parts) {
        HF_CHECK(part.file.find('/') == std::string::npos, "{} is not at the top", part.file);
        if (!part.declaration) continue;
        for (const std::string& member : part.declaration->models()) {
            const bool before = std::any_of(
                parts.data(), &part, [&](const Part& other) { return other.name == member; });
            HF_CHECK(before, "{} comes after {}", member, part.file);
        }
    }
    for (const File& file : files) {
        const bool loadable =
            std::any_of(ensemble::kMemberEndings.begin(), ensemble::kMemberEndings.end(),
                        [&](std::string_view ending) { return file.path.ends_with(ending); });
        const auto times = std::count_if(parts.begin(), parts.end(),
                                         [&](const Part& part) { return part.file == file.path; });
        HF_CHECK(times == (loadable ? 1 : 0), "{} is {} of the parts", file.path, times);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    std::string_view text = hf::as_text({data, size});
    const std::string_view entry = take(text, '\n');
    std::vector<File> files;
    while (!text.empty() && files.size() < kFilesMax) {
        const std::string_view path = take(text, '\n');
        files.push_back({path, hf::as_bytes(take(text, '\0'))});
    }
    const auto parts = hf::serve::ensemble::parts_of(files, entry, kBeside);
    if (parts.ok()) check(*parts, files, entry);
    return 0;
}
