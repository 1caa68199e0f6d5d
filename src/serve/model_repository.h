// ModelRepository: the models that a server has files of, loaded or not: what the model repository
// extension of the Open Inference Protocol lists, loads and unloads.
//
// The idea: a model is a name and a function that makes hosts from its files, one for each version
// that is to be served. The same function makes them at the start and at every load after it, so
// that nothing gets in by one way that would be refused by the other. What answers requests is the
// table of models.h, which a load swaps as every change does: versions come and go in one step,
// requests under way keep the host that they began with, and the memory of what was unloaded goes
// with its last request.
//
// A version that cannot be loaded is the load's error, and keeps none of the others from being
// loaded; but then no version that answered before leaves.
//
// Thread-safety: set_find(), set_dependents() and add() before others know the repository; the rest
// from any thread. A load runs on the thread that asks for it, and holds no lock meanwhile. There
// is one change at a time: a second is UNAVAILABLE, so that loads cannot take all threads of a
// server, nor twice the memory.

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

// A row of the extension's index: a version of a model.
struct IndexRow {
    std::string name;
    std::string version;  // empty where none is known
    std::string state;    // "READY", "UNAVAILABLE", "LOADING"
    std::string reason;   // why, where it is not ready; or that it sleeps
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
    // A version that is not served, and why.
    struct Failed {
        std::string version;
        Status why;
    };

    // What a load makes of a model's files as they are now: hosts, the lowest version first, those
    // that answer already and have not changed among them.
    struct Loaded {
        Hosts hosts = {};
        std::vector<Failed> failed = {};
    };

    // `now`: what answers. An error: nothing could be loaded. Called by one thread at a time.
    using Load = std::function<Result<Loaded>(const Hosts& now)>;

    // The load of a model that has one version at a time. Null: that is what `now` has been made
    // from; `now` is null where nothing is loaded.
    using Make = std::function<Result<std::shared_ptr<ModelHost>>(const ModelHost* now)>;
    static Load of_one(Make make);

    // How to load a model that is not in the repository, where there are files of it now. NOT_FOUND
    // where there are none.
    using Find = std::function<Result<Load>(std::string_view name)>;

    // REQUIRES: models outlives the repository.
    explicit ModelRepository(Models& models) : models_(models) {}

    // For models that come while the server runs.
    void set_find(Find find) { find_ = std::move(find); }

    // REQUIRES: `dependents` outlives it.
    void set_dependents(Dependents* dependents) { dependents_ = dependents; }

    // Names a model and loads it. An error of the load is the answer, and the model is not added;
    // ALREADY_EXISTS for a name that is taken. REQUIRES: what is loaded has this name.
    Status add(const std::string& name, Load load);

    bool has(std::string_view name) const;

    // Loads the model, or again what of it has changed; what it is made of before it, where that is
    // not loaded. After an error, what answered before still does. NOT_FOUND for a model that is
    // not in the repository and cannot be found.
    Status load(std::string_view name);

    // All its versions. OK also when it was not loaded. What is made of it does not answer then.
    // `with_members`: what it is made of goes, too, but for what others are made of.
    Status unload(std::string_view name, bool with_members = false);

    // What would go so.
    std::vector<std::string> members_alone_for(std::string_view name) const;

    // Why the model, or that version of it where one is named, does not answer, though it is in the
    // repository: "unloaded"; nullopt when it does, or is not there.
    std::optional<std::string> why_not(std::string_view name, std::string_view version = "") const;

    std::vector<IndexRow> index() const;  // by name and version

private:
    class Ending;  // of a load
    struct Version {
        std::string name;
        std::string reason = {};  // where it could not be loaded
    };
    struct Entry {
        Load load;
        std::vector<Version> versions = {};  // of what was loaded last, or tried; the lowest first
        std::string reason = {};             // while nothing is loaded
    };
    struct Outcome {
        Status status = {};
        std::vector<Version> versions = {};  // none: as before
    };
    Status check_free() const HF_REQUIRES(mutex_);
    Status not_here(std::string_view name) const HF_REQUIRES(mutex_);
    Result<Entry*> find_entry(std::string_view name);
    Status load_alone(std::string_view name);
    Status load_needs(std::string_view name);
    Status activate_with_followers(Hosts hosts, const Hosts& now);
    std::string reason_of(const std::string& name, const Entry& entry) const HF_REQUIRES(mutex_);
    Outcome activate(const Load& load, std::string_view name);
    void warm_new(Loaded& loaded, const Hosts& now, std::string_view name) const;
    std::vector<IndexRow> rows_of(const std::string& name, const Entry& entry) const
        HF_REQUIRES(mutex_);

    Models& models_;
    Find find_;
    Dependents* dependents_ = nullptr;
    mutable Mutex mutex_;
    std::map<std::string, Entry, std::less<>> entries_ HF_GUARDED_BY(mutex_);  // only added to
    bool busy_ HF_GUARDED_BY(mutex_) = false;                                  // with a load
    const Entry* loading_ HF_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace hf::serve
