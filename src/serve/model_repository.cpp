#include "serve/model_repository.h"

#include "base/text.h"

namespace hf::serve {
namespace {

constexpr std::string_view kUnloaded = "unloaded";
constexpr std::string_view kLoading = "it is being loaded";

}  // namespace

Status ModelRepository::add(const std::string& name, Load load) {
    {
        const MutexLock lock(mutex_);
        if (entries_.contains(name)) {
            return already_exists("two models have the name '{}'; rename the file of one", name);
        }
    }
    std::string version = HF_TRY(activate(load, name));
    const MutexLock lock(mutex_);
    entries_.emplace(name, Entry{std::move(load), std::move(version), {}});
    return {};
}

// The version that answers from now on.
Result<std::string> ModelRepository::activate(const Load& load, std::string_view name) {
    const std::shared_ptr<ModelHost> now = models_.find(name);
    std::shared_ptr<ModelHost> next = HF_TRY(load(now.get()));
    if (!next) return now->identity().version;
    HF_CHECK(next->identity().name == name, "'{}' was loaded as '{}'", next->identity().name, name);
    HF_TRY(next->warm().context("{}", name));
    std::string version = next->identity().version;
    HF_TRY(models_.activate(std::move(next)));
    return version;
}

class ModelRepository::Ending final {
public:
    explicit Ending(ModelRepository& repository) : repository_(repository) {}
    ~Ending() {
        const MutexLock lock(repository_.mutex_);
        repository_.loading_ = nullptr;
    }
    Ending(const Ending&) = delete;
    Ending& operator=(const Ending&) = delete;

private:
    ModelRepository& repository_;
};

Status ModelRepository::load(std::string_view name) {
    Entry* entry = nullptr;
    {
        const MutexLock lock(mutex_);
        entry = HF_TRY(find_free(name));
        loading_ = entry;
    }
    const Result<std::string> version = [&] {
        const Ending ending(*this);  // also where a load leaves by an exception
        return activate(entry->load, name);
    }();
    const MutexLock lock(mutex_);
    if (version.ok()) {
        entry->version = *version;
    } else {
        entry->reason = version.status().message();
    }
    return version.status().context("model '{}' is not loaded", name);
}

Status ModelRepository::unload(std::string_view name) {
    // Its memory goes after the lock.
    const std::shared_ptr<ModelHost> last = models_.find(name);
    const MutexLock lock(mutex_);
    Entry* const entry = HF_TRY(find_free(name));
    entry->reason = kUnloaded;
    models_.remove(name);
    return {};
}

Result<ModelRepository::Entry*> ModelRepository::find_free(std::string_view name) {
    const auto found = entries_.find(name);
    if (found == entries_.end()) return not_here(name);
    if (loading_) return unavailable("a model is being loaded; ask again when that has ended");
    return &found->second;
}

Status ModelRepository::not_here(std::string_view name) const {
    constexpr std::size_t kNamesShown = 10;
    std::vector<std::string> names;
    for (const auto& [known, entry] : entries_) {
        if (names.size() == kNamesShown) {
            names.emplace_back("...");
            break;
        }
        names.push_back(known);
    }
    return not_found(
        "model '{}' is not among those that the server was started with, which are: {}", name,
        join(names, ", "));
}

std::optional<std::string> ModelRepository::why_not(std::string_view name) const {
    const MutexLock lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end() || models_.find(name)) return std::nullopt;
    return loading_ == &found->second ? std::string(kLoading) : found->second.reason;
}

std::vector<IndexRow> ModelRepository::index() const {
    std::vector<IndexRow> rows;
    const MutexLock lock(mutex_);
    for (const auto& [name, entry] : entries_) {
        IndexRow row{name, entry.version, "READY", ""};
        const std::shared_ptr<ModelHost> host = models_.find(name);
        if (!host) {
            const bool loading = loading_ == &entry;
            row.state = loading ? "LOADING" : "UNAVAILABLE";
            row.reason = loading ? std::string(kLoading) : entry.reason;
        } else if (!host->ready()) {
            row.state = "UNAVAILABLE";
        }
        rows.push_back(std::move(row));
    }
    return rows;
}

}  // namespace hf::serve
