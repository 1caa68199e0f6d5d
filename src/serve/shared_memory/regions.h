// Regions: the parts of shared memory that clients have registered, by name, from which inputs are
// read and to which outputs are written: the system shared memory extension of the Open Inference
// Protocol, as Triton has it (docs/protocol/extension_shared_memory.md).
//
// The idea: bytes are copied, by read and write calls, and nothing is mapped (env/shared_memory.h):
// a client that cuts its memory while it is registered gets an error, and nobody else anything.
//
// Errors: NOT_FOUND for a region that is not registered, INVALID_ARGUMENT for a span beyond one,
// RESOURCE_EXHAUSTED beyond the bounds below, else as the block says.
//
// Thread-safety: all methods from any thread. A region that is unregistered stays until the reads
// and writes under way have ended.

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mutex.h"
#include "base/status.h"
#include "env/shared_memory.h"
#include "serve/infer_request.h"
#include "serve/shared_memory/region_span.h"
#include "tensor/tensor.h"

namespace hf::serve {

class Regions final {
public:
    static constexpr std::size_t kRegionsMax = 256;
    static constexpr std::size_t kNameBytesMax = 256;
    static constexpr std::uint64_t kRegionBytesMax = std::uint64_t{1} << 30;
    static constexpr std::uint64_t kTensorBytesMax = std::uint64_t{64} << 20;  // as a body

    struct Row {
        std::string name;
        std::string key;           // of the shared memory: "/frames"
        std::uint64_t offset = 0;  // where in that the region begins
        std::uint64_t byte_size = 0;
    };

    explicit Regions(env::OpenSharedBlock open) : open_(std::move(open)) {}

    // INVALID_ARGUMENT for a region that is not within its memory; ALREADY_EXISTS for a name that
    // is taken.
    Status add(Row row);

    // OK also when it was not there.
    void remove(std::string_view name);
    void remove_all();

    // The region of that name, or all by name. NOT_FOUND.
    Result<std::vector<Row>> rows(std::string_view name = "") const;

    Status check(const RegionSpan& span) const;  // that it is within its region
    Result<Bytes> read(const RegionSpan& span) const;
    Status write(const RegionSpan& span, ByteView bytes) const;  // from its beginning on

private:
    struct Region {
        Row row;
        std::shared_ptr<const env::SharedBlock> block;
    };
    // The region's block, with the span's place in that.
    struct Place {
        std::shared_ptr<const env::SharedBlock> block;
        std::uint64_t offset = 0;
    };
    Result<Place> find(const RegionSpan& span) const;

    const env::OpenSharedBlock open_;
    mutable Mutex mutex_;
    std::map<std::string, Region, std::less<>> regions_ HF_GUARDED_BY(mutex_);
};

// What requests say of regions; `regions`: null where the extension is off, which is
// INVALID_ARGUMENT. Errors begin with the place below the tensor: "/parameters/...".

Status check_region(const Regions* regions, const RegionSpan& span);

// The input that lies there. What the type and shape do not need is refused before it is read.
Result<Tensor> read_region(const Regions* regions, const RegionSpan& span, DType dtype,
                           const Shape& shape);

// Puts each output of the request that is to lie in a region there; an error begins with the
// place in the request. `outputs`: in signature order.
Status write_regions(const Regions* regions, const InferRequest& request,
                     const std::vector<Tensor>& outputs);

}  // namespace hf::serve
