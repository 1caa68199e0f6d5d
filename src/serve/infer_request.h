// An inference request and its response as the Open Inference Protocol writes them (REST, version
// 2, with the extensions binary tensor data and system shared memory). Pure but for the shared
// memory: bytes to tensors and back; every error names the place in the request as a JSON pointer.

#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/json.h"
#include "base/status.h"
#include "base/time.h"
#include "runtime/model.h"
#include "serve/sequence/mark.h"
#include "serve/shared_memory/region_span.h"

namespace hf::serve {

class Regions;  // shared_memory/regions.h

struct InferRequest {
    std::string id;              // echoed; empty when the client gave none
    std::vector<Tensor> inputs;  // in signature order

    struct Wanted {
        std::size_t output;  // index in the signature
        bool binary = false;
        RegionSpan region = {};  // where to put it, instead of into the answer
    };
    std::vector<Wanted> outputs;  // all when the client named none

    // By the schedule policy extension: 1 goes first, 0 as if nothing was said; and how long it may
    // wait for its turn.
    std::uint64_t priority = 0;
    Duration patience = Duration::max();

    SequenceMark sequence = {};  // that it belongs to
};

// The parameters of a request by which it says so: a number, and microseconds.
inline constexpr std::string_view kPriority = "priority";
inline constexpr std::string_view kTimeout = "timeout";
void take_policy(InferRequest& request, std::string_view name, std::uint64_t value);

// `json_bytes` is the header Inference-Header-Content-Length: how much of the body is JSON; the
// rest is binary tensor data. Nullopt: all of it is JSON. Inputs that lie in shared memory are read
// from `regions`; null: there is none.
Result<InferRequest> parse_infer_request(ByteView body, std::optional<std::size_t> json_bytes,
                                         const runtime::Signature& signature,
                                         const Regions* regions = nullptr);

struct OutputTensor {
    std::string name;
    Tensor tensor;
};

// What a model answered, as the protocol writes it; the bounds are those of requests.
Result<std::vector<OutputTensor>> parse_infer_response(ByteView body,
                                                       std::optional<std::size_t> json_bytes);

struct InferBody {
    Bytes bytes;
    std::optional<std::size_t> json_bytes;  // set when binary data follows the JSON
};

// Borrows what it points at.
struct Answer {
    std::string_view model_name;
    std::string_view model_version;
    std::span<const Tensor> outputs;  // in signature order
    json::Object parameters = {};     // what else there is to say; left out when empty
};

// Outputs that go to shared memory are there by now (write_regions()).
Result<InferBody> write_infer_response(const InferRequest& request, const Answer& answer,
                                       const runtime::Signature& signature);

}  // namespace hf::serve
