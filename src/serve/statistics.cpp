#include "serve/statistics.h"

#include <algorithm>

namespace hf::serve {

Statistics::Batch* Statistics::find_batch(std::uint64_t size) {
    const auto end = batches.begin() + static_cast<std::ptrdiff_t>(batch_sizes);
    const auto found =
        std::find_if(batches.begin(), end, [size](const Batch& one) { return one.size == size; });
    if (found != end) return &*found;
    if (batch_sizes == kBatchSizesMax) return nullptr;
    ++batch_sizes;
    end->size = size;
    return &*end;
}

void Statistics::add_success(const Share& share, const RequestTimes& times) {
    inferences += share.rows;
    succeeded.add(times.all);
    queue.add(times.queue);
    input.add(times.input);
    infer.add(times.infer);
    output.add(times.output);
    if (!share.leads) return;
    ++executions;
    Batch* const row = find_batch(share.batch);
    if (!row) return;
    row->input.add(times.input);
    row->infer.add(times.infer);
    row->output.add(times.output);
}

void Statistics::add_hit(const RequestTimes& times) {
    succeeded.add(times.all);
    queue.add(times.queue);
    cache_hit.add(times.cache);
}

void Statistics::add_failure(const RequestTimes& times) {
    failed.add(times.all);
}

std::uint64_t batch_of(const runtime::Signature& signature, std::span<const Tensor> inputs) {
    std::int64_t batch = -1;
    for (std::size_t i = 0; i < inputs.size() && i < signature.inputs.size(); ++i) {
        const Shape& shape = signature.inputs[i].shape;
        if (shape.rank() == 0 || shape[0] != Shape::kUnknown) return 1;
        const std::int64_t extent = inputs[i].shape()[0];
        if (batch >= 0 && extent != batch) return 1;
        batch = extent;
    }
    return batch < 0 ? 1 : static_cast<std::uint64_t>(batch);
}

}  // namespace hf::serve
