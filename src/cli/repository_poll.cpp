#include "cli/repository_poll.h"

#include <algorithm>

namespace hf::cli {
namespace {

constexpr int kLooksGone = 2;

}  // namespace

RepositoryPoll::RepositoryPoll(RepositoryFolder& folder, serve::ModelRepository& repository,
                               const serve::Models& models,
                               std::function<void(std::string_view)> note)
    : folder_(folder), repository_(repository), models_(models), note_(std::move(note)) {
    const Result<std::vector<std::string>> names = folder_.names();
    if (!names.ok()) return;
    for (const std::string& name : *names) {
        Known& known = known_[name];
        known.loaded = loaded_versions(name);
        Result<RepositoryFolder::Look> now = folder_.look_of(name, known.loaded);
        if (now.ok()) known.seen = known.taken = std::move(*now);
    }
}

std::set<std::string> RepositoryPoll::loaded_versions(const std::string& name) const {
    std::set<std::string> versions;
    for (const auto& host : models_.versions(name)) versions.insert(host->identity().version);
    return versions;
}

void RepositoryPoll::say_once(std::string_view what) {
    if (what != said_ && !what.empty()) note_(fmt::format("{}\n", what));
    said_ = what;
}

void RepositoryPoll::look() {
    const Result<std::vector<std::string>> names = folder_.names();
    if (!names.ok()) return say_once(names.status().message());
    if (names->empty() && !known_.empty()) {
        return say_once("--repository: no model is left in the folder; what is loaded stays");
    }
    say_once("");
    for (const std::string& name : *names) look_at(name, known_[name]);
    unload_gone(*names);
}

void RepositoryPoll::look_at(const std::string& name, Known& known) {
    known.gone = 0;
    Result<RepositoryFolder::Look> now = folder_.look_of(name, known.loaded);
    // It is unreadable, or empty yet: what is loaded stays.
    if (!now.ok()) return;
    const bool steady = *now == known.seen;
    known.seen = std::move(*now);
    if (steady && known.seen != known.taken) load(name, known);
}

void RepositoryPoll::load(const std::string& name, Known& known) {
    const Status status = repository_.load(name);
    if (status.code() == Code::kUnavailable) return;  // another is being loaded
    known.loaded = loaded_versions(name);
    // Of what is loaded now the contents are not looked at any more.
    Result<RepositoryFolder::Look> now = folder_.look_of(name, known.loaded);
    const bool same = now.ok() && now->versions == known.seen.versions;
    known.taken = same ? std::move(*now) : known.seen;
    if (same) known.seen = known.taken;
    note_(status.ok() ? fmt::format("loaded {}: versions {}\n", name, fmt::join(known.loaded, ", "))
                      : fmt::format("warning: {}\n", status.message()));
}

void RepositoryPoll::unload_gone(const std::vector<std::string>& there) {
    for (auto entry = known_.begin(); entry != known_.end();) {
        auto& [name, known] = *entry;
        const bool gone = !std::binary_search(there.begin(), there.end(), name);
        if (!gone || ++known.gone < kLooksGone) {
            ++entry;
            continue;
        }
        const Status status = repository_.has(name) ? repository_.unload(name) : Status();
        if (status.code() == Code::kUnavailable) return;
        note_(fmt::format("unloaded {}: its folder is gone\n", name));
        entry = known_.erase(entry);
    }
}

}  // namespace hf::cli
