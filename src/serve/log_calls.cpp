#include "serve/log_calls.h"

namespace hf::serve {
namespace {

Status check(const Services& services) {
    if (has_logging(services)) return {};
    return unimplemented("there is no log here; start the server with --access-log FILE");
}

}  // namespace

bool has_logging(const Services& services) {
    const RequestObserver* const observer = services.with.observer;
    return observer && observer->logs();
}

Result<LogDescription> log_settings(const Services& services) {
    HF_TRY(check(services));
    return services.with.observer->logging();
}

Result<LogDescription> change_log_settings(const Services& services, const LogChange& change) {
    HF_TRY(check(services));
    return services.with.observer->change_logging(change);
}

}  // namespace hf::serve
