#include "serve/grpc/statistics_message.h"

#include "base/protobuf.h"
#include "serve/statistics_route.h"

namespace hf::serve::grpc {
namespace {

using Writer = protozero::pbf_writer;

void add_total(Writer& to, std::uint32_t number, const Statistics::Total& total) {
    Writer entry(to, number);
    entry.add_uint64(1, total.count);
    entry.add_uint64(2, static_cast<std::uint64_t>(total.time.count()));
}

void add_times(Writer& to, const Statistics& statistics) {
    Writer times(to, 6);
    add_total(times, 1, statistics.succeeded);
    add_total(times, 2, statistics.failed);
    add_total(times, 3, statistics.queue);
    add_total(times, 4, statistics.input);
    add_total(times, 5, statistics.infer);
    add_total(times, 6, statistics.output);
    add_total(times, 7, statistics.cache_hit);
    add_total(times, 8, statistics.cache_miss);
}

void add_batch(Writer& to, const Statistics::Batch& batch) {
    Writer entry(to, 7);
    entry.add_uint64(1, batch.size);
    add_total(entry, 2, batch.input);
    add_total(entry, 3, batch.infer);
    add_total(entry, 4, batch.output);
}

void add_memory(Writer& to, std::uint64_t bytes) {
    Writer entry(to, 8);
    entry.add_string(1, "CPU");
    entry.add_int64(2, 0);
    entry.add_uint64(3, bytes);
}

void add_host(Writer& to, const ModelHost& host) {
    const Statistics statistics = host.statistics();
    Writer model(to, 1);
    model.add_string(1, host.identity().name);
    model.add_string(2, host.identity().version);
    model.add_uint64(3, last_inference_ms(statistics));
    model.add_uint64(4, statistics.inferences);
    model.add_uint64(5, statistics.infer.count);
    add_times(model, statistics);
    for (std::size_t i = 0; i < statistics.batch_sizes; ++i) {
        add_batch(model, statistics.batches[i]);
    }
    if (const std::uint64_t bytes = host.memory_bytes()) add_memory(model, bytes);
}

}  // namespace

Bytes write_statistics(const std::vector<std::shared_ptr<ModelHost>>& hosts) {
    std::string message;
    Writer writer(message);
    for (const std::shared_ptr<ModelHost>& host : hosts) add_host(writer, *host);
    return to_bytes(message);
}

}  // namespace hf::serve::grpc
