// RepositoryFolder: a folder of models as Triton and TensorFlow Serving lay it out,
// FOLDER/NAME/VERSION/model.onnx, of which each model's versions are served as a policy says.
//
// A model's folder is listed again at every load: versions come and go with their folders. Links
// are followed, as volumes of Kubernetes have them; nothing is looked for deeper than a version's
// folder, so that no loop can be walked. What begins with a dot, and a version that is no number,
// is left alone.
//
// Ownership: the world and the arguments outlive it; it outlives the repository's last load.
// Thread-safety: one thread at a time, but for names() and look_of(), which any may call.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "cli/per_model.h"
#include "cli/served_file.h"
#include "serve/model_repository.h"
#include "serve/version_policy.h"

namespace hf::cli {

class RepositoryFolder final {
public:
    // Neither a repository nor a model has more folders, as far as they are models or versions.
    static constexpr std::size_t kModelsMax = serve::kMaxModels;
    static constexpr std::size_t kVersionsMax = 10'000;

    struct Options {
        std::string folder;
        PerModel<serve::VersionPolicy> policies = {};
        std::function<ServedFile::Options(std::string name, std::string version)> of_file;
    };
    RepositoryFolder(World& world, const Arguments& arguments, Options options);
    ~RepositoryFolder();

    // The models that have folders. RESOURCE_EXHAUSTED beyond kModelsMax. `refused` is told of each
    // folder whose name cannot be a model's.
    Result<std::vector<std::string>> names(
        const std::function<void(const Status& why)>& refused = {}) const;

    // As serve::ModelRepository::Find.
    Result<serve::ModelRepository::Load> find(std::string_view name);

    // What a load of the model would find now: the versions that are wanted, with the names and
    // sizes of the files of each, and the contents of those versions that are not in `known`. Two
    // looks that are the same show that nobody writes.
    struct Look {
        std::vector<std::string> versions = {};
        std::string text = {};
        friend bool operator==(const Look&, const Look&) = default;
    };
    Result<Look> look_of(const std::string& name, const std::set<std::string>& known) const;

    // What is served of a model: the path of each version's file, and how long its load took.
    struct Served {
        std::string version;
        std::string path;
        double load_ms = 0;
    };
    std::vector<Served> served(const std::string& name) const;

private:
    class Model;

    World& world_;
    const Arguments& arguments_;
    const Options options_;
    std::map<std::string, std::unique_ptr<Model>> models_;  // that were loaded
};

// The file of a version, by the names in its folder: model.onnx, model.tflite or model.plan, or the
// only one with such an ending. Pure. An error says what is wanted; its caller names the folder.
Result<std::string> choose_model_file(const std::vector<env::DirectoryEntry>& entries);

// Whether a folder's name can be a model's: text of UTF-8 without control characters. Pure.
Status check_model_name(std::string_view name);

}  // namespace hf::cli
