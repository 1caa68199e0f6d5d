// ServedFile: one version of a model that `holdfast serve` serves from a file, and how a host is
// made of it: at the start, and whenever it is loaded again.
//
// Ownership: the world and the arguments outlive it and its hosts. Thread-safety: one thread at a
// time; its hosts as their classes say.

#pragma once

#include <memory>
#include <optional>
#include <string>

#include "cli/command.h"
#include "cli/model_file.h"
#include "serve/model_host.h"

namespace hf::cli {

class ServedFile final {
public:
    struct Options {
        std::string name;
        std::string version = "1";
        std::shared_ptr<runtime::Crew> crew = nullptr;
        std::optional<std::size_t> instances =
            {};  // at a time; nullopt: as many as there are places
        bool may_sleep = false;
    };

    ServedFile(World& world, const Arguments& arguments, std::string path, Options options)
        : world_(world),
          arguments_(arguments),
          path_(std::move(path)),
          options_(std::move(options)) {}

    const std::string& path() const { return path_; }
    double load_ms() const { return load_ms_; }  // of the last load

    // A host of the file as it is now; null: that is what `now` has been made from, which is null
    // where nothing is loaded.
    Result<std::shared_ptr<serve::ModelHost>> make_host(const serve::ModelHost* now);

private:
    // The last file that was loaded: its own digest, and the names of its external data.
    struct Last {
        Digest own;
        std::vector<std::string> data;
    };
    Result<serve::ModelHost::Identity> identify(const ModelFile& file) const;
    bool is_that(const serve::ModelHost& now, const ModelFile& file, const Digest& own,
                 serve::ModelHost::Identity& identity) const;

    World& world_;
    const Arguments& arguments_;
    const std::string path_;
    const Options options_;
    double load_ms_ = 0;
    std::optional<Last> last_;
};

}  // namespace hf::cli
