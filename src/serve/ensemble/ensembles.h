// Ensembles: those that a server was started with, and what becomes of them when their members are
// loaded and unloaded.
//
// The idea: an ensemble's host has the hosts of its members (graph.h), so that a member that is
// loaded anew needs new hosts of what is made of it. They are made before anything changes, and
// answer from the same moment as the member. Where one cannot be made, because the member does not
// fit any more, the member is not loaded. An ensemble whose member is unloaded does not answer, and
// does again once the member does.
//
// Thread-safety: declare() before others know it; the rest from any thread, of which one at a time
// changes the repository.

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "serve/ensemble/graph.h"
#include "serve/model_repository.h"

namespace hf::serve::ensemble {

class Ensembles final : public Dependents {
public:
    // An ensemble's files as they are.
    struct Read {
        std::string declaration;
        std::string digest;  // of all of them

        // A host of it, which it makes ready itself.
        std::function<Result<Host>(const std::shared_ptr<const Graph>&)> make;
    };
    using Reader = std::function<Result<Read>()>;

    // REQUIRES: models outlives it.
    explicit Ensembles(Models& models) : models_(models) {}

    // Reads it for the first time; nothing is loaded.
    Status declare(const std::string& name, Reader reader);

    // Their names, those first that others are made of. INVALID_ARGUMENT where one is made of
    // itself.
    Result<std::vector<std::string>> in_order() const;

    // As ModelRepository::Load. FAILED_PRECONDITION while a member does not answer.
    Result<Host> load(const std::string& name, const ModelHost* now);

    Result<std::vector<std::string>> needs(std::string_view name) override;
    Result<std::vector<Host>> follow(const Host& next) override;
    std::vector<std::string> goes_with(std::string_view name) override;
    std::vector<std::string> alone_for(std::string_view name) const override;
    std::string why_not(std::string_view name) const override;

private:
    using Hosts = std::map<std::string, Host>;
    using Names = std::vector<std::string>;
    struct Known {
        Read read;
        Declaration declaration;
        Names members;
    };
    struct One {
        Reader reader;
        Known known;  // what was loaded last; before that, what was declared
        bool wanted = false;
    };

    Result<Known> read(const std::string& name, One& one) HF_REQUIRES(mutex_);
    Result<Names> order_with(One& one, const Names& members) HF_REQUIRES(mutex_);
    Result<Names> order() const HF_REQUIRES(mutex_);
    Status visit(const std::string& name, std::map<std::string, bool>& seen, Names& order) const
        HF_REQUIRES(mutex_);
    Hosts members_of(const Known& known, const Hosts& instead) const;
    Result<Host> make(const Known& known, const Hosts& members) const;
    Names above(std::string_view name) const HF_REQUIRES(mutex_);

    Models& models_;
    mutable Mutex mutex_;
    std::map<std::string, One, std::less<>> ones_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf::serve::ensemble
