// ModelRepository: the models that a server was started with, loaded or not: what the model
// repository extension of the Open Inference Protocol lists, loads and unloads.
//
// The idea: a model is a name and a function that makes a host from its file. The same function
// makes it at the start and at every load after it, so that nothing gets in by one way that would
// be refused by the other. What answers requests is the table of models.h, which a load swaps as
// every change does: requests under way keep the host that they began with, and the memory of an
// unloaded model goes with its last request.
//
// Thread-safety: add() before others know the repository; the rest from any thread. A load runs on
// the thread that asks for it, and holds no lock meanwhile. There is one change at a time: a second
// is UNAVAILABLE, so that loads cannot take all threads of a server, nor twice the memory.

#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "serve/models.h"

namespace hf::serve {

// A row of the extension's index.
struct IndexRow {
    std::string name;
    std::string version;
    std::string state;   // "READY", "UNAVAILABLE", "LOADING"
    std::string reason;  // why, where it is not ready
};

class ModelRepository final {
public:
    // A host of the model as its file is now. Null: that is what `now` has been made from; `now` is
    // null where nothing is loaded. Called by one thread at a time.
    using Load = std::function<Result<std::shared_ptr<ModelHost>>(const ModelHost* now)>;

    // REQUIRES: models outlives the repository.
    explicit ModelRepository(Models& models) : models_(models) {}

    // Names a model and loads it. An error of the load is the answer, and the model is not added;
    // ALREADY_EXISTS for a name that is taken. REQUIRES: what is loaded has this name.
    Status add(const std::string& name, Load load);

    // Loads the model, or again when its file has changed. After an error, what answered before
    // still does. NOT_FOUND for a model that is not in the repository.
    Status load(std::string_view name);

    // OK also when it was not loaded.
    Status unload(std::string_view name);

    // Why the model does not answer, though it is in the repository: "unloaded"; nullopt when it
    // does, or is not there.
    std::optional<std::string> why_not(std::string_view name) const;

    std::vector<IndexRow> index() const;  // by name

private:
    class Ending;  // of a load
    struct Entry {
        Load load;
        std::string version = {};  // of what was loaded last
        std::string reason = {};   // while nothing is loaded
    };
    // The entry of that name, where no model is being loaded.
    Result<Entry*> find_free(std::string_view name) HF_REQUIRES(mutex_);
    Status not_here(std::string_view name) const HF_REQUIRES(mutex_);
    Result<std::string> activate(const Load& load, std::string_view name);

    Models& models_;
    mutable Mutex mutex_;
    std::map<std::string, Entry, std::less<>> entries_ HF_GUARDED_BY(mutex_);  // only added to
    const Entry* loading_ HF_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace hf::serve
