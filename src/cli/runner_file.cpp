#include "cli/runner_file.h"

#include "base/text.h"
#include "runtime/executable.h"

namespace hf::cli {
namespace {

// Where this program may lie: the folder it was called in, or those of PATH.
std::vector<std::string> folders(const World& world) {
    const std::size_t slash = world.program.rfind('/');
    if (slash != std::string::npos) return {world.program.substr(0, slash)};
    std::vector<std::string> found;
    for (const std::string_view folder : split(world.environment("PATH").value_or(""), ':')) {
        if (!folder.empty()) found.emplace_back(folder);
    }
    return found;
}

}  // namespace

Result<Bytes> read_runner(World& world, const runtime::CompiledModel& model) {
    const std::string name = runtime::fits_micro(model) ? "holdfast-micro" : "holdfast-run";
    const std::vector<std::string> looked = folders(world);
    for (const std::string& folder : looked) {
        const std::string path = fmt::format("{}/{}", folder, name);
        if (world.files.exists(path)) return world.files.read(path, kMaxRunnerBytes);
    }
    return not_found("{} is not in {}: install it beside holdfast, or name it with --runner", name,
                     looked.empty() ? "PATH" : join(looked, ":"));
}

}  // namespace hf::cli
