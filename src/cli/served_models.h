// ServedModels: the models of `holdfast serve`, from files that it was given and from a folder of
// versions: what is loaded at the start, and what is done for them while the server runs: those
// that nobody asks for are put to sleep, and the folder is looked at for changes.
//
// Ownership: all that it is given outlives it; it outlives the server. Thread-safety: one thread,
// but for the functions that it gives to the repository, which have one at a time.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "cli/ensemble_file.h"
#include "cli/repository_folder.h"
#include "cli/repository_poll.h"
#include "serve/model_repository.h"
#include "serve/sleep/bedtime.h"

namespace hf::cli {

// --repository, --versions, --poll, --instances and --sleep-after.
std::vector<Option> served_models_options();

class ServedModels final {
public:
    ServedModels(World& world, const Arguments& arguments, serve::Models& models,
                 serve::ModelRepository& repository)
        : world_(world),
          arguments_(arguments),
          models_(models),
          repository_(repository),
          ensembles_(models) {}

    // A FILE that cannot be loaded is an error; a model of the folder that cannot is noted, and the
    // others go on.
    Status load();

    struct Line {
        std::string path;
        std::string model;  // and version, as its path has them
        std::string how;    // it was loaded
    };
    std::vector<Line> lines() const;

    // How many ensembles there are among them.
    std::size_t ensembles() const { return ensemble_paths_.size(); }

    // How long the thread that waits for the end may wait before it looks after the models;
    // nullopt: there is nothing to do.
    std::optional<Duration> pause() const { return poll_every_; }
    void look_after();

private:
    Status read_options();
    Status check_names() const;
    Status load_file(const std::string& path);
    Status load_folder();
    Status load_ensembles();
    ServedFile::Options options_of(const std::string& name, const std::string& version) const;

    World& world_;
    const Arguments& arguments_;
    serve::Models& models_;
    serve::ModelRepository& repository_;
    serve::ensemble::Ensembles ensembles_;
    std::map<std::string, std::string> ensemble_paths_;  // by their names
    std::shared_ptr<runtime::Crew> crew_;
    PerModel<std::size_t> instances_;
    std::optional<Duration> sleep_after_;
    std::optional<Duration> poll_every_;
    Duration next_poll_{};  // of the monotonic clock
    std::vector<std::pair<std::string, std::unique_ptr<ServedFile>>> files_;  // by their models
    std::unique_ptr<RepositoryFolder> folder_;
    std::unique_ptr<RepositoryPoll> poll_;
    std::unique_ptr<serve::sleep::Bedtime> bedtime_;
};

}  // namespace hf::cli
