#include "cli/commands.h"
#include "cli/model_folder.h"
#include "cli/model_scan.h"

namespace hf::cli {
namespace {

Status run(World& world, const Arguments& arguments) {
    const std::string path = arguments.get("MODEL");
    const ModelFiles model = HF_TRY(open_model_files(world, path, default_ignored_paths()));
    const trust::ScanResult result = trust::scan_model(model.files, {});
    if (arguments.flag("json")) {
        world.out(json::write(trust::scan_to_json(result)) + "\n");
    } else {
        world.out(describe_scan(result));
    }
    return result.status();
}

}  // namespace

Command scan_command() {
    return {"scan",
            "Says what a model's files are, by content, and refuses what it cannot vouch for",
            {{"MODEL", "the file or folder"}},
            {{"--json", "as JSON", ""}},
            {"holdfast scan model.onnx", "holdfast scan models/pump --json"},
            run};
}

}  // namespace hf::cli
