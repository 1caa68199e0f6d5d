#include "cli/data_folder.h"

namespace hf::cli {

Option data_option() {
    return {"--data", "Holdfast's folder; $HOLDFAST_DATA or ~/.local/share/holdfast unless given",
            "DIR"};
}

Result<std::string> data_folder(World& world, const Arguments& arguments) {
    const auto variable = [&](const char* name) { return world.environment(name).value_or(""); };
    if (arguments.has("data")) return arguments.get("data");
    if (const std::string named = variable("HOLDFAST_DATA"); !named.empty()) return named;
    if (const std::string shared = variable("XDG_DATA_HOME"); !shared.empty()) {
        return shared + "/holdfast";
    }
    if (const std::string home = variable("HOME"); !home.empty()) {
        return home + "/.local/share/holdfast";
    }
    return failed_precondition("there is no $HOME: name Holdfast's folder with --data DIR");
}

}  // namespace hf::cli
