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

// Models that are made of others in the repository (ensemble/). Asked by one change at a time.
class Dependents {
public:
    using Host = std::shared_ptr<ModelHost>;

    virtual ~Dependents() = default;

    // What must be loaded before a load of that model: its members and theirs, those first that
    // others need. Empty of a model that stands alone. The model is wanted from now on.
    virtual Result<std::vector<std::string>> needs(std::string_view name) = 0;

    // That load has ended well, with this host or with the one that is there: the hosts of what is
    // made of it, made anew, which must answer as soon as it does. FAILED_PRECONDITION where one
    // that answers could not any more.
    virtual Result<std::vector<Host>> follow(const Host& next) = 0;

    // What of those that answer is made of the model, and goes when it is unloaded. The model is
    // not wanted from now on.
    virtual std::vector<std::string> goes_with(std::string_view name) = 0;

    // The members of it, and theirs, that answer for no other.
    virtual std::vector<std::string> alone_for(std::string_view name) const = 0;

    // Why it does not answer though it is wanted; empty: for no reason of its members'.
    virtual std::string why_not(std::string_view name) const = 0;
};

class ModelRepository final {
public:
    // A host of the model as its file is now. Null: that is what `now` has been made from; `now` is
    // null where nothing is loaded. Called by one thread at a time.
    using Load = std::function<Result<std::shared_ptr<ModelHost>>(const ModelHost* now)>;

    // REQUIRES: models outlives the repository.
    explicit ModelRepository(Models& models) : models_(models) {}

    // REQUIRES: before others know the repository; `dependents` outlives it.
    void set_dependents(Dependents* dependents) { dependents_ = dependents; }

    // Names a model and loads it. An error of the load is the answer, and the model is not added;
    // ALREADY_EXISTS for a name that is taken. REQUIRES: what is loaded has this name.
    Status add(const std::string& name, Load load);

    // Loads the model, or again when its file has changed; what it is made of before it, where that
    // is not loaded. After an error, what answered before still does. NOT_FOUND for a model that is
    // not in the repository.
    Status load(std::string_view name);

    // OK also when it was not loaded. What is made of it does not answer then. `with_members`: what
    // it is made of goes, too, but for what others are made of.
    Status unload(std::string_view name, bool with_members = false);

    // What would go so.
    std::vector<std::string> members_alone_for(std::string_view name) const;

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
    Status load_needs(std::string_view name);
    Status load_one(Entry& entry, std::string_view name);
    std::string reason_of(const std::string& name, const Entry& entry) const HF_REQUIRES(mutex_);

    Models& models_;
    Dependents* dependents_ = nullptr;
    mutable Mutex mutex_;
    std::map<std::string, Entry, std::less<>> entries_ HF_GUARDED_BY(mutex_);  // only added to
    const Entry* loading_ HF_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace hf::serve
