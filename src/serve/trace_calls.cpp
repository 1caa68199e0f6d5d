#include "serve/trace_calls.h"

namespace hf::serve {
namespace {

Status check(const Services& services, std::string_view model) {
    if (!has_tracing(services)) {
        return unimplemented("nothing is traced here; start the server with --traces URL");
    }
    return model.empty() ? Status() : find_model(services, model, "").status();
}

}  // namespace

bool has_tracing(const Services& services) {
    const RequestObserver* const observer = services.with.observer;
    return observer && observer->traces();
}

Result<TraceSettings> trace_settings(const Services& services, std::string_view model) {
    HF_TRY(check(services, model));
    return services.with.observer->tracing(model);
}

Result<TraceSettings> change_trace_settings(const Services& services, std::string_view model,
                                            const TraceChange& change) {
    HF_TRY(check(services, model));
    return services.with.observer->change_tracing(model, change);
}

}  // namespace hf::serve
