#include "base/json.h"
#include "base/text.h"
#include "cli/commands.h"
#include "cli/vault_folder.h"

namespace hf::cli {
namespace {

// Unlike push and pull, these make no vault where there is none.
Result<std::unique_ptr<vault::Vault>> find_vault(World& world, const Arguments& arguments) {
    return vault::Vault::open_existing(world.files,
                                       HF_TRY(data_folder(world, arguments)) + "/vault");
}

Status run_list(World& world, const Arguments& arguments) {
    const std::unique_ptr<vault::Vault> vault = HF_TRY(find_vault(world, arguments));
    json::Array list;
    for (const vault::Descriptor& entry : HF_TRY(vault->list())) {
        const std::string name(entry.annotation(std::string(vault::kNameAnnotation)));
        if (arguments.flag("json")) {
            list.push_back(json::Object{{"name", name}, {"digest", entry.digest.to_string()}});
        } else {
            world.out(
                fmt::format("{:30} {}\n", name.empty() ? "-" : name, entry.digest.to_string()));
        }
    }
    if (arguments.flag("json")) world.out(json::write(list) + "\n");
    return {};
}

Status run_check(World& world, const Arguments& arguments) {
    const std::unique_ptr<vault::Vault> vault = HF_TRY(find_vault(world, arguments));
    const vault::CheckReport report = HF_TRY(vault->check());
    for (const std::string& problem : report.problems) world.note(problem + "\n");
    world.out(fmt::format("{} references, {} blobs, {} problems\n", report.references, report.blobs,
                          report.problems.size()));
    if (report.problems.empty()) return {};
    return data_loss("{} is damaged: push or pull the models named above again", vault->folder());
}

Status run_gc(World& world, const Arguments& arguments) {
    const std::unique_ptr<vault::Vault> vault = HF_TRY(find_vault(world, arguments));
    const vault::GarbageReport report = HF_TRY(vault->collect_garbage());
    if (report.push_under_way) {
        return unavailable("a push into {} is under way: nothing was removed", vault->folder());
    }
    world.out(fmt::format("removed {} blobs and {} unfinished files ({}), kept {} blobs\n",
                          report.blobs_removed, report.temporaries_removed,
                          format_bytes(report.bytes_removed), report.blobs_kept));
    return {};
}

}  // namespace

Command vault_list_command() {
    return {"vault list",
            "What the vault holds, by name and digest",
            {},
            {data_option(), {"--json", "as JSON", ""}},
            {"holdfast vault list"},
            run_list};
}

Command vault_check_command() {
    return {"vault check",
            "Reads and hashes everything in the vault",
            {},
            {data_option()},
            {"holdfast vault check"},
            run_check};
}

Command vault_gc_command() {
    return {"vault gc",
            "Removes what no name in the vault leads to",
            {},
            {data_option()},
            {"holdfast vault gc"},
            run_gc};
}

}  // namespace hf::cli
