// Plan files behind digests that fit: what is opened stays in its memory when it runs once. The
// digests are made to fit here, since no fuzzer finds a SHA-256.

#include <algorithm>

#include "crypto/hash.h"
#include "runtime/plan_file.h"

namespace {

// Offsets in the header, as docs/reference/plan-file.md gives them.
constexpr std::size_t kFileBytesAt = 16, kListBytesAt = 24, kWeightsAt = 32, kWeightBytesAt = 40;
constexpr std::size_t kArenaBytesAt = 48;
constexpr std::size_t kListDigestAt = 64, kWeightsDigestAt = 96, kHeaderDigestAt = 128;
constexpr std::size_t kHeaderBytes = 160, kPage = 4096;

// Larger plans may be right, but take long to clear and to compute.
constexpr std::uint64_t kMostMemory = 1 << 22, kMostWork = 1 << 22;

void put_digest(hf::Bytes& plan, std::size_t at, hf::ByteView bytes) {
    const hf::Digest digest = hf::crypto::sha256(bytes);
    std::copy(digest.bytes().begin(), digest.bytes().end(),
              plan.begin() + static_cast<std::ptrdiff_t>(at));
}

void put(hf::Bytes& plan, std::size_t at, std::uint64_t value) {
    std::memcpy(plan.data() + at, &value, sizeof value);
}

// The input as a plan: its header's sizes and digests made to fit the bytes that there are.
hf::Bytes sealed(const std::uint8_t* data, std::size_t size) {
    hf::Bytes plan(data, data + size);
    const auto weights = hf::load_le<std::uint64_t>(plan.data() + kWeightsAt);
    const auto list = hf::load_le<std::uint64_t>(plan.data() + kListBytesAt);
    if (weights % kPage == 0 && weights <= size) {
        put(plan, kFileBytesAt, size);
        put(plan, kWeightBytesAt, size - weights);
        put_digest(plan, kWeightsDigestAt, hf::ByteView(plan).subspan(weights));
    }
    if (list <= size - kHeaderBytes) {
        put_digest(plan, kListDigestAt, hf::ByteView(plan).subspan(kHeaderBytes, list));
    }
    put_digest(plan, kHeaderDigestAt, hf::ByteView(plan).first(kHeaderDigestAt));
    return plan;
}

std::uint64_t memory_bytes(const hf::Bytes& plan, const hf::runtime::Signature& signature) {
    auto total = hf::load_le<std::uint64_t>(plan.data() + kArenaBytesAt);
    for (const auto* ports : {&signature.inputs, &signature.outputs}) {
        for (const hf::runtime::Port& port : *ports) {
            const auto elements = static_cast<std::uint64_t>(port.shape.elements());
            total += std::min(elements, kMostMemory) * hf::dtype_size(port.dtype);
        }
    }
    return total;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < kHeaderBytes) return 0;
    const hf::Bytes plan = sealed(data, size);
    hf::runtime::CompileReport report;
    const auto model = hf::runtime::open_plan(plan, nullptr, &report);
    if (!model.ok() || report.macs > kMostWork) return 0;
    if (memory_bytes(plan, (*model)->signature()) > kMostMemory) return 0;
    hf::Rng rng(size);
    std::vector<hf::Tensor> inputs;
    for (const hf::runtime::Port& port : (*model)->signature().inputs) {
        inputs.push_back(hf::random_tensor(port.dtype, port.shape, rng));
    }
    const auto session = (*model)->new_session();
    if (session.ok()) (void)(*session)->run(inputs);
    return 0;
}
