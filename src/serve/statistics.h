// What a version of a model was asked so far, and where the time went, as the statistics extension
// of the Open Inference Protocol tells it. Of bounded size; counting takes nothing from the heap.
//
// A value; whoever shares one guards it.

#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "base/time.h"
#include "runtime/model.h"

namespace hf::serve {

// Sizes of batches that are told apart. Requests of further sizes count in all else.
inline constexpr std::size_t kBatchSizesMax = 64;

// Where the time of one request went.
struct RequestTimes {
    Duration queue{};   // from its header to a worker, the arrival of its body included, and
                        // until its turn in the schedule came
    Duration input{};   // from bytes to tensors
    Duration infer{};   // in the model
    Duration output{};  // from tensors to the answer and its receipt
    Duration cache{};   // to find the answer in the cache, or that it is not there
    Duration all{};     // these, and what is none of them: a cascade's question
};

struct Statistics {
    struct Total {
        std::uint64_t count = 0;
        Duration time{};

        void add(Duration one) {
            ++count;
            time += one;
        }
    };

    struct Batch {
        std::uint64_t size = 0;
        Total input;
        Total infer;
        Total output;
    };

    Instant last{};                // when the latest request came; the epoch when none did
    std::uint64_t inferences = 0;  // rows of the requests that succeeded by the model
    std::uint64_t executions = 0;  // of the model for these, which several may share
    Total succeeded;
    Total failed;  // also those that did not reach the model
    Total queue;   // of what succeeded
    Total input;   // these three of what succeeded, and was not in the cache
    Total infer;
    Total output;
    Total cache_hit;
    Total cache_miss;
    std::size_t batch_sizes = 0;                  // how many of these are used
    std::array<Batch, kBatchSizesMax> batches{};  // in the order in which their sizes first came

    // What a request had of the execution that answered it.
    struct Share {
        std::uint64_t rows = 1;   // its own
        std::uint64_t batch = 1;  // of the execution
        bool leads = true;        // it is the one of those who shared it that stands for all
    };
    void add_success(const Share& share, const RequestTimes& times);
    void add_hit(const RequestTimes& times);  // a success without the model
    void add_failure(const RequestTimes& times);

private:
    Batch* find_batch(std::uint64_t size);
};

// How many inferences one request is: the extent that all inputs have first, where the model leaves
// it open in each of them; else one.
std::uint64_t batch_of(const runtime::Signature& signature, std::span<const Tensor> inputs);

}  // namespace hf::serve
