#include "cli/served_file.h"

#include "cli/companions.h"
#include "cli/returning_memory.h"
#include "crypto/hash.h"
#include "env/mapped_pages.h"
#include "graph/load.h"
#include "runtime/plan_file.h"
#include "serve/platform.h"
#include "serve/sleep/sleeping_model.h"
#include "trust/model_digest.h"

namespace hf::cli {
namespace {

using ModelPtr = std::shared_ptr<const runtime::CompiledModel>;

// A file as it was when it was mapped.
struct Known {
    Digest digest;
    bool is_plan = false;
};

// Whoever writes into a file meanwhile, instead of putting another in its place, must not have half
// of it served under the digest of what was there. A plan is used where it lies, and goes on being
// what is written there.
Status check_unchanged(const ModelFile& file, const Known& known) {
    if (known.is_plan) return {};
    const Result<Digest> digest = digest_of(*file.file);
    if (digest.ok() && *digest == known.digest) return {};
    return aborted("{}: the file changed while it was read; load it again", file.path);
}

// To the system, the pages of the file as well.
void return_memory(const env::MappedFile& file) {
    cli::return_memory();
    env::drop_pages(file);
}

// The model, whose memory goes back when the last who has it goes; its file stays mapped. What it
// took to make it goes at once.
ModelPtr returning_memory(ModelPtr model, std::shared_ptr<env::MappedFile> file) {
    if (!runtime::is_plan(file->bytes())) return_memory(*file);
    const runtime::CompiledModel* const it = model.get();
    return {it, [model = std::move(model), file = std::move(file)](const auto*) mutable {
                model.reset();
                return_memory(*file);
            }};
}

// The same model again, of the files that stayed mapped: what has come in their place meanwhile is
// for a load to take.
Result<ModelPtr> make_again(World& world, const Arguments& arguments, const ModelFile& file,
                            const Known& known) {
    const auto written_to = [](const std::string& path) {
        return unavailable(
            "the model slept, and its file {} has been written to meanwhile; load it "
            "(POST /v2/repository/models/NAME/load)",
            path);
    };
    if (!check_unchanged(file, known).ok()) return written_to(file.path);
    Result<LoadedModel> loaded = load_model(world, file, arguments);
    if (!file.data->changed().empty()) return written_to(file.data->changed());
    HF_TRY(loaded.status());
    HF_TRY(check_unchanged(file, known));
    return returning_memory(std::move(loaded->model), file.file);
}

}  // namespace

// Whether `identity` is that of `now`, as far as is known of a model that is not loaded yet: what
// it has beside it, where it is the file that was loaded last.
bool ServedFile::is_that(const serve::ModelHost& now, const ModelFile& file, const Digest& own,
                         serve::ModelHost::Identity& identity) const {
    if (!now.trouble().empty() || !last_ || last_->own != own) return false;
    // What cannot be read now is refused by the load.
    if (!file.data->look_at(last_->data).ok()) return false;
    identity.model_digest = trust::model_digest(own, file.data->digests()).to_string();
    return now.identity().model_digest == identity.model_digest &&
           now.identity().task_digest == identity.task_digest &&
           now.identity().sequence_digest == identity.sequence_digest &&
           now.identity().guard_digest == identity.guard_digest;
}

Result<std::shared_ptr<serve::ModelHost>> ServedFile::make_host(const serve::ModelHost* now) {
    ModelFile file = HF_TRY(map_model(world_, path_));
    file.data = std::make_shared<DataBeside>(world_.files, path_, DataBeside::Digests::kTaken);
    serve::ModelHost::Identity identity = HF_TRY(identify(file));
    const ByteView bytes = file.file->bytes();
    const Known known{crypto::sha256(bytes), runtime::is_plan(bytes)};
    const Companions companions = HF_TRY(companions_beside(world_, path_));
    companions.describe_in(identity);
    if (now && is_that(*now, file, known.digest, identity))
        return std::shared_ptr<serve::ModelHost>();
    file.layer = companions.hidden_layer();
    const LoadedModel loaded = HF_TRY(load_model(world_, file, arguments_));
    HF_TRY(check_unchanged(file, known));
    const std::map<std::string, Digest> data = file.data->digests();
    identity.model_digest = trust::model_digest(known.digest, data).to_string();
    last_.emplace(Last{known.digest, {}});
    for (const auto& [name, digest] : data) last_->data.push_back(name);
    CompiledParts parts{loaded.model, loaded.own_outputs, identity.model_digest, options_.crew};
    std::shared_ptr<serve::sleep::SleepingModel> sleeping;
    if (options_.may_sleep) {
        sleeping = std::make_shared<serve::sleep::SleepingModel>(
            returning_memory(std::move(parts.model), file.file),
            [&world = world_, &arguments = arguments_, file, known] {
                return make_again(world, arguments, file, known);
            },
            world_.clock);
        parts.model = sleeping;
    }
    load_ms_ = loaded.load_ms;
    std::shared_ptr<serve::ModelHost> host =
        HF_TRY(cli::make_host(std::move(identity), parts, companions, world_.clock));
    host->set_may_be_cached(true);
    host->set_resting(std::move(sleeping));
    if (options_.instances) host->set_instances(*options_.instances);
    if (loaded.model->device() == "cpu" && !loaded.report.by_shape) {
        host->set_memory({loaded.report.weight_bytes, loaded.report.arena_bytes});
    }
    return host;
}

// What receipts and metadata say of the file, but for the model's digest. A plan's weights are
// compared with their digest here, once, before anybody is answered.
Result<serve::ModelHost::Identity> ServedFile::identify(const ModelFile& file) const {
    const ByteView bytes = file.file->bytes();
    const bool is_plan = runtime::is_plan(bytes);
    if (is_plan) HF_TRY(runtime::verify_plan(bytes).context("{}", path_));
    serve::ModelHost::Identity identity;
    identity.name = options_.name;
    identity.version = options_.version;
    identity.platform =
        serve::platform_name(is_plan ? "plan" : graph::format_name(graph::detect_format(bytes)));
    return identity;
}

}  // namespace hf::cli
