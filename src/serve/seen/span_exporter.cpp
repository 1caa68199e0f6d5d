#include "serve/seen/span_exporter.h"

#include <pthread.h>

#include <algorithm>

#include "http/url.h"

namespace hf::serve::seen {
namespace {

constexpr Duration kConnectTimeout = std::chrono::seconds(5);
constexpr Duration kAnswerTimeout = std::chrono::seconds(10);
constexpr std::size_t kAnswerBytesMax = 64u << 10;

// The URL to send to.
Result<std::string> url_of(std::string_view endpoint) {
    HF_TRY(http::parse_url(endpoint).status());
    if (endpoint.find_first_of("?#") != std::string_view::npos) {
        return invalid_argument("'{}': want a base URL, as in http://127.0.0.1:4318", endpoint);
    }
    while (endpoint.ends_with('/')) endpoint.remove_suffix(1);
    return std::string(endpoint).append(kTracesPath);
}

}  // namespace

Duration pause_after(std::size_t failures, const SpanExporterOptions& options) {
    if (failures < 2) return Duration::zero();
    Duration pause = options.pause_min;
    for (std::size_t i = 2; i < failures && pause < options.pause_max; ++i) pause *= 2;
    return std::min(pause, options.pause_max);
}

Result<std::unique_ptr<SpanExporter>> SpanExporter::start(SpanExporterOptions options,
                                                          const env::Clock& clock) {
    options.endpoint = HF_TRY(url_of(options.endpoint));
    http::ClientOptions client;
    client.connect_timeout = kConnectTimeout;
    client.read_timeout = kAnswerTimeout;
    client.body_bytes_max = kAnswerBytesMax;
    std::unique_ptr<http::Client> made = HF_TRY(http::Client::create(std::move(client)));
    return std::make_unique<SpanExporter>(Private(), std::move(options), std::move(made), clock);
}

SpanExporter::SpanExporter(Private, SpanExporterOptions options,
                           std::unique_ptr<http::Client> client, const env::Clock& clock)
    : options_(std::move(options)),
      clock_(clock),
      client_(std::move(client)),
      rng_(options_.seed),
      instance_(options_.instance) {
    thread_ = std::thread([this] {
        pthread_setname_np(pthread_self(), "hf-traces");
        for (std::vector<Span> batch = take(); !batch.empty(); batch = take()) deliver(batch);
    });
}

SpanExporter::~SpanExporter() {
    {
        const MutexLock lock(mutex_);
        ending_ = true;
        end_at_ = clock_.monotonic() + kGoodbye;
    }
    news_.notify_all();
    thread_.join();
}

void SpanExporter::offer(Span span) {
    bool is_news = false;
    {
        const MutexLock lock(mutex_);
        if (queue_.size() >= options_.queue_max) {
            ++counts_.dropped;
            return;
        }
        queue_.push_back(std::move(span));
        is_news = queue_.size() == 1 || queue_.size() == options_.batch_max;
    }
    if (is_news) news_.notify_one();
}

void SpanExporter::name_instance(std::string name) {
    const MutexLock lock(mutex_);
    instance_ = std::move(name);
}

std::vector<Attribute> SpanExporter::resource() const {
    std::vector<Attribute> resource = options_.resource;
    const MutexLock lock(mutex_);
    if (!instance_.empty()) resource.emplace_back("service.instance.id", instance_);
    return resource;
}

std::vector<Span> SpanExporter::take() {
    MutexLock lock(mutex_);
    news_.wait(lock, [this]() HF_REQUIRES(mutex_) { return ending_ || !queue_.empty(); });
    news_.wait_for(lock, options_.batch_delay, [this]() HF_REQUIRES(mutex_) {
        return ending_ || queue_.size() >= options_.batch_max;
    });
    std::vector<Span> batch;
    while (!queue_.empty() && batch.size() < options_.batch_max) {
        batch.push_back(std::move(queue_.front()));
        queue_.pop_front();
    }
    return batch;
}

void SpanExporter::deliver(const std::vector<Span>& batch) {
    http::ClientRequest request;
    request.method = "POST";
    request.url = options_.endpoint;
    request.headers.set("Content-Type", "application/json");
    request.body = to_bytes(write_spans(resource(), batch));
    request.pulse = [this] { return pulse(); };
    Delivery delivery = Delivery::kAgain;
    std::uint64_t rejected = 0;
    for (std::size_t i = 0; i < kTriesMax && delivery == Delivery::kAgain; ++i) {
        if (!pause()) break;
        delivery = post(request, rejected);
        failures_ = delivery == Delivery::kAgain ? failures_ + 1 : 0;
    }
    const MutexLock lock(mutex_);
    if (delivery == Delivery::kAgain) counts_.dropped += batch.size();
    if (delivery == Delivery::kRefused) counts_.refused += batch.size();
    if (delivery != Delivery::kTaken) return;
    rejected = std::min<std::uint64_t>(rejected, batch.size());
    counts_.refused += rejected;
    counts_.sent += batch.size() - rejected;
}

Delivery SpanExporter::post(const http::ClientRequest& request, std::uint64_t& rejected) {
    const Result<http::Response> response = client_->send(request);
    if (!response.ok()) return Delivery::kAgain;
    const Delivery delivery = delivery_of(response->status);
    if (delivery == Delivery::kTaken) rejected = rejected_spans(as_text(response->body));
    return delivery;
}

bool SpanExporter::pause() {
    const Duration most = pause_after(failures_, options_);
    const Duration wait =
        most / 2 + std::chrono::duration_cast<Duration>(most / 2 * rng_.uniform());
    MutexLock lock(mutex_);
    news_.wait_for(lock, wait, [this]() HF_REQUIRES(mutex_) { return ending_; });
    return !ending_ || (failures_ < 2 && clock_.monotonic() < end_at_);
}

Status SpanExporter::pulse() const {
    const MutexLock lock(mutex_);
    return clock_.monotonic() < end_at_ ? Status() : cancelled("the server ends");
}

SpanExporter::Counts SpanExporter::counts() const {
    const MutexLock lock(mutex_);
    Counts counts = counts_;
    counts.waiting = queue_.size();
    return counts;
}

std::string SpanExporter::metrics() const {
    const Counts now = counts();
    return fmt::format(
        "# HELP holdfast_trace_spans_total Spans of traces, by what became of them.\n"
        "# TYPE holdfast_trace_spans_total counter\n"
        "holdfast_trace_spans_total{{outcome=\"sent\"}} {}\n"
        "holdfast_trace_spans_total{{outcome=\"refused\"}} {}\n"
        "holdfast_trace_spans_total{{outcome=\"dropped\"}} {}\n"
        "# HELP holdfast_trace_spans_waiting Spans that wait to be sent.\n"
        "# TYPE holdfast_trace_spans_waiting gauge\n"
        "holdfast_trace_spans_waiting {}\n",
        now.sent, now.refused, now.dropped, now.waiting);
}

}  // namespace hf::serve::seen
