// RepositoryPoll: looks at a folder of models from time to time, and loads what has come, changed
// or gone.
//
// Half a copy must not be taken: a look that finds something new only notes it, and the next one
// loads it if it finds the same: the same files, of the same sizes and, in versions that are not
// loaded, of the same contents. Who renames a finished folder into its place is never waited for
// twice. What failed is tried again when something changes. In versions that are loaded, a file
// that is replaced by one of the same size is not seen: a load is for that, or a new version.
//
// A model whose folder is gone in two looks is unloaded, unless none is left: a volume that is not
// mounted looks like that. What a request unloaded stays so until its folder changes.
//
// Thread-safety: one thread.

#pragma once

#include <map>
#include <set>
#include <string>

#include "cli/repository_folder.h"
#include "serve/models.h"

namespace hf::cli {

class RepositoryPoll final {
public:
    // `note`: told what was done, in lines. REQUIRES: all outlive it; what is there now is loaded.
    RepositoryPoll(RepositoryFolder& folder, serve::ModelRepository& repository,
                   const serve::Models& models, std::function<void(std::string_view)> note);

    void look();

private:
    struct Known {
        RepositoryFolder::Look seen = {};   // in the last look
        RepositoryFolder::Look taken = {};  // when it was loaded last, or was tried
        std::set<std::string> loaded = {};  // versions
        int gone = 0;                       // looks in which its folder was not there
    };
    void look_at(const std::string& name, Known& known);
    void load(const std::string& name, Known& known);
    void unload_gone(const std::vector<std::string>& there);
    std::set<std::string> loaded_versions(const std::string& name) const;
    void say_once(std::string_view what);

    RepositoryFolder& folder_;
    serve::ModelRepository& repository_;
    const serve::Models& models_;
    const std::function<void(std::string_view)> note_;
    std::map<std::string, Known> known_;
    std::string said_;  // the last trouble with the folder as a whole
};

}  // namespace hf::cli
