#include "cli/served_models.h"

#include "base/text.h"
#include "cli/sleep_option.h"

namespace hf::cli {
namespace {

constexpr std::int64_t kPollMost = 24 * 3600;  // seconds
constexpr std::int64_t kInstancesMost = 256;   // as --workers

// "pump" of "models/pump.onnx" and of "models/pump.ensemble.json".
std::string stem_of(const std::string& path) {
    const std::string file = path.substr(path.rfind('/') + 1);
    if (is_ensemble(file)) return file.substr(0, file.size() - kEnsembleEnding.size());
    return file.substr(0, file.rfind('.'));
}

Result<std::size_t> parse_instances(std::string_view text) {
    const Result<std::int64_t> count = parse_int(text);
    if (count.ok() && *count >= 1 && *count <= kInstancesMost) {
        return static_cast<std::size_t>(*count);
    }
    return invalid_argument("want NAME=N with N of 1 to {}, or N for all models", kInstancesMost);
}

Result<std::optional<Duration>> seconds_of(const Arguments& arguments, const std::string& option,
                                           std::int64_t most) {
    if (!arguments.has(option)) return std::optional<Duration>();
    const std::int64_t seconds = HF_TRY(arguments.integer(option, 1, most));
    return std::optional<Duration>(std::chrono::seconds(seconds));
}

}  // namespace

std::vector<Option> served_models_options() {
    return {
        {"--repository",
         "a folder of models with their versions, as Triton's: DIR/NAME/VERSION/model.onnx; each "
         "serves its latest version",
         "DIR"},
        {"--versions",
         "which versions of a model, or of all: latest, latest:N, all, or numbers: 1,3",
         "[NAME=]WHICH", "", true},
        {"--poll",
         "look at the folder of --repository so often, and load and unload what has come and gone",
         "SECONDS"},
        {"--instances",
         "no more inferences of this model, or of each, at a time; all of --workers unless given",
         "[NAME=]N", "", true},
        sleep_option()};
}

Status ServedModels::load() {
    HF_TRY(read_options());
    const std::vector<std::string>& paths = arguments_.all("FILE");
    if (paths.empty() && !folder_) {
        return invalid_argument(
            "no model is named: give files (holdfast serve model.onnx), or a folder of models "
            "(--repository DIR)");
    }
    if (arguments_.has("name") && (paths.size() > 1 || folder_)) {
        return invalid_argument("--name: is for one model, and {} are given; rename the files",
                                folder_ ? "a folder of them" : fmt::format("{}", paths.size()));
    }
    crew_ = HF_TRY(make_crew(world_, arguments_));
    for (const std::string& path : paths) {
        if (!is_ensemble(path)) HF_TRY(load_file(path));
    }
    if (folder_) HF_TRY(load_folder());
    HF_TRY(load_ensembles());
    HF_TRY(check_names());
    if (sleep_after_) {
        bedtime_ = std::make_unique<serve::sleep::Bedtime>(models_, *sleep_after_);
    }
    return {};
}

Status ServedModels::read_options() {
    instances_ = HF_TRY(
        PerModel<std::size_t>::parse("instances", arguments_.all("instances"), parse_instances));
    sleep_after_ = HF_TRY(sleep_after_of(arguments_));
    poll_every_ = HF_TRY(seconds_of(arguments_, "poll", kPollMost));
    RepositoryFolder::Options options;
    options.policies = HF_TRY(PerModel<serve::VersionPolicy>::parse(
        "versions", arguments_.all("versions"), serve::parse_version_policy));
    if (!arguments_.has("repository")) {
        for (const char* const option : {"versions", "poll"}) {
            if (!arguments_.has(option)) continue;
            return invalid_argument("--{}: is for --repository, which is not given", option);
        }
        return {};
    }
    options.folder = arguments_.get("repository");
    while (options.folder.size() > 1 && options.folder.back() == '/') options.folder.pop_back();
    options.of_file = [this](const std::string& name, const std::string& version) {
        return options_of(name, version);
    };
    folder_ = std::make_unique<RepositoryFolder>(world_, arguments_, std::move(options));
    return {};
}

ServedFile::Options ServedModels::options_of(const std::string& name,
                                             const std::string& version) const {
    ServedFile::Options options;
    options.name = name;
    options.version = version;
    options.crew = crew_;
    options.instances = instances_.of(name);
    options.may_sleep = sleep_after_.has_value();
    return options;
}

Status ServedModels::load_file(const std::string& path) {
    const std::string name = arguments_.has("name") ? arguments_.get("name") : stem_of(path);
    auto owned = std::make_unique<ServedFile>(world_, arguments_, path, options_of(name, "1"));
    ServedFile& file = *owned;
    files_.emplace_back(name, std::move(owned));
    return repository_.add(
        name, serve::ModelRepository::of_one(
                  [&file](const serve::ModelHost* now) { return file.make_host(now); }));
}

Status ServedModels::load_folder() {
    const auto warn = [this](const Status& why) {
        world_.note(fmt::format("warning: {}\n", why.message()));
    };
    const std::vector<std::string> names = HF_TRY(folder_->names(warn));
    repository_.set_find([this](std::string_view name) { return folder_->find(name); });
    for (const std::string& name : names) {
        if (repository_.has(name)) {
            return already_exists(
                "a file and a folder of --repository are both the model '{}'; rename one", name);
        }
        const Status loaded = repository_.load(name);
        if (!loaded.ok()) warn(loaded);
    }
    if (poll_every_) {
        poll_ = std::make_unique<RepositoryPoll>(*folder_, repository_, models_, world_.note);
        next_poll_ = world_.clock.monotonic() + *poll_every_;
    }
    return {};
}

// Once the models are there that they are made of.
Status ServedModels::load_ensembles() {
    for (const std::string& path : arguments_.all("FILE")) {
        if (!is_ensemble(path)) continue;
        const std::string name = stem_of(path);
        ensemble_paths_[name] = path;
        HF_TRY(ensembles_.declare(name, ensemble_reader(world_, path, name)).context("{}", path));
    }
    if (ensemble_paths_.empty()) return {};
    repository_.set_dependents(&ensembles_);
    for (const std::string& name : HF_TRY(ensembles_.in_order())) {
        const auto make = [this, name](const serve::ModelHost* now) {
            return ensembles_.load(name, now);
        };
        HF_TRY(repository_.add(name, serve::ModelRepository::of_one(make))
                   .context("{}", ensemble_paths_[name]));
    }
    return {};
}

// A name that is not there yet may come with its folder; without one it is a mistake.
Status ServedModels::check_names() const {
    for (const std::string& name : instances_.names()) {
        if (ensemble_paths_.contains(name)) {
            return invalid_argument(
                "--instances: '{}' is an ensemble; say it of the models that it is made of", name);
        }
        if (folder_ || repository_.has(name)) continue;
        std::vector<std::string> known;
        for (const auto& [model, file] : files_) known.push_back(model);
        return invalid_argument("--instances: no model is called '{}'{}", name,
                                suggestion(name, known, "models"));
    }
    return {};
}

std::vector<ServedModels::Line> ServedModels::lines() const {
    std::vector<Line> lines;
    const auto how = [](const serve::ModelHost& host, double load_ms) {
        return fmt::format("({} device, loaded in {:.1f} ms)", host.device(), load_ms);
    };
    for (const auto& [name, file] : files_) {
        lines.push_back({file->path(), name, how(*models_.find(name), file->load_ms())});
    }
    for (const auto& [name, path] : ensemble_paths_) lines.push_back({path, name, "(an ensemble)"});
    if (!folder_) return lines;
    for (const std::shared_ptr<serve::ModelHost>& host : models_.all()) {
        const serve::ModelHost::Identity& identity = host->identity();
        for (const RepositoryFolder::Served& served : folder_->served(identity.name)) {
            if (served.version != identity.version) continue;
            lines.push_back({served.path,
                             fmt::format("{}/versions/{}", identity.name, identity.version),
                             how(*host, served.load_ms)});
        }
    }
    return lines;
}

void ServedModels::look_after() {
    if (!poll_ || world_.clock.monotonic() < next_poll_) return;
    poll_->look();
    next_poll_ = world_.clock.monotonic() + *poll_every_;
}

}  // namespace hf::cli
