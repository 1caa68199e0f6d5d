#include "serve/seen/observer.h"

#include <cstring>

#include "serve/access.h"
#include "serve/quick.h"
#include "serve/seen/record.h"

namespace hf::serve::seen {
namespace {

// Never all zeros.
template <std::size_t N>
void fill(Rng& rng, std::array<std::uint8_t, N>& id) {
    static_assert(N % sizeof(std::uint64_t) == 0);
    do {
        for (std::size_t i = 0; i < N; i += sizeof(std::uint64_t)) {
            const std::uint64_t bits = rng.next();
            std::memcpy(id.data() + i, &bits, sizeof bits);
        }
    } while (id == std::array<std::uint8_t, N>{});
}

}  // namespace

Observer::Observer(ObserverOptions options, const env::Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      sampler_({true, options_.ratio, -1}),
      rng_(options_.seed) {}

http::Observe Observer::observe() {
    return [this](http::Request& request) { return begin(request); };
}

void Observer::name_instance(std::string name) {
    if (options_.spans) options_.spans->name_instance(std::move(name));
}

http::SpanId Observer::new_span() {
    http::SpanId id;
    const MutexLock lock(mutex_);
    fill(rng_, id);
    return id;
}

http::TraceContext Observer::new_trace(const http::Request& request) {
    http::TraceContext context;
    const MutexLock lock(mutex_);
    fill(rng_, context.trace);
    fill(rng_, context.span);
    context.sampled = options_.spans && sampler_.begins(model_of(request), rng_.uniform());
    return context;
}

// Of an inference, as far as it is plainly written; needed only where models differ.
std::string Observer::model_of(const http::Request& request) const {
    if (!sampler_.has_models()) return {};
    if (const std::string_view named = named_model(request); !named.empty()) {
        return std::string(named);
    }
    const std::string_view target = request.target;
    return need_of(target.substr(0, target.find('?'))).model;
}

bool Observer::records(const http::Request& request) const {
    const MutexLock lock(mutex_);
    return sampler_.records(model_of(request));
}

TraceSettings Observer::tracing(std::string_view model) const {
    const MutexLock lock(mutex_);
    return sampler_.settings(model);
}

Result<TraceSettings> Observer::change_tracing(std::string_view model, const TraceChange& change) {
    const MutexLock lock(mutex_);
    return sampler_.change(model, change);
}

LogSettings Observer::log_settings() const {
    const MutexLock lock(mutex_);
    return logging_;
}

std::vector<std::pair<std::string, LogValue>> Observer::logging() const {
    return describe_log(log_settings(), options_.log_file);
}

Result<std::vector<std::pair<std::string, LogValue>>> Observer::change_logging(
    const LogChange& change) {
    const MutexLock lock(mutex_);
    logging_ = HF_TRY(change_log(logging_, options_.log_file, change));
    return describe_log(logging_, options_.log_file);
}

std::shared_ptr<http::Observation> Observer::begin(http::Request& request) {
    const std::optional<http::TraceContext> came = http::trace_context_of(request.headers);
    http::TraceContext own = came ? *came : new_trace(request);
    const bool recorded = options_.spans && own.sampled && records(request);
    if (came && recorded) own.span = new_span();
    http::set_trace_context(request.headers, own);
    if (!recorded && !options_.log) return nullptr;
    RecordOptions options;
    options.spans = recorded ? options_.spans : nullptr;
    options.log = options_.log;
    if (options_.log) options.logging = log_settings();
    options.own = std::move(own);
    if (came) options.parent = came->span;
    return std::make_shared<Record>(std::move(options), request,
                                    Record::World{clock_, [this] { return new_span(); }});
}

std::string Observer::metrics() const {
    std::string text;
    if (options_.spans) text += options_.spans->metrics();
    if (options_.log) text += options_.log->metrics();
    return text;
}

}  // namespace hf::serve::seen
