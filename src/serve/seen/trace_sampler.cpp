#include "serve/seen/trace_sampler.h"

#include "serve/models.h"

namespace hf::serve::seen {

const TraceSettings& TraceSampler::settings(std::string_view model) const {
    const auto found = models_.find(model);
    return found == models_.end() ? server_ : found->second;
}

Result<TraceSettings> TraceSampler::change(std::string_view model, const TraceChange& change) {
    if (model.empty()) {
        server_ = HF_TRY(change_trace(server_, start_, change));
        return server_;
    }
    if (change.empty()) {
        const auto found = models_.find(model);
        if (found != models_.end()) models_.erase(found);
        return server_;
    }
    if (models_.size() == kMaxModels && !models_.contains(model)) {
        return resource_exhausted("{} models have trace settings of their own; clear some",
                                  kMaxModels);
    }
    const TraceSettings next = HF_TRY(change_trace(settings(model), server_, change));
    models_.insert_or_assign(std::string(model), next);
    return next;
}

bool TraceSampler::begins(std::string_view model, double drawn) {
    const auto found = models_.find(model);
    TraceSettings& settings = found == models_.end() ? server_ : found->second;
    if (!settings.on || settings.left == 0 || drawn >= settings.ratio) return false;
    if (settings.left > 0) --settings.left;
    return true;
}

}  // namespace hf::serve::seen
