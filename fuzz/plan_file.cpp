// Plan files behind checksums that fit: what is opened stays in its memory when it runs once. The
// checksums are made to fit here, since a fuzzer seldom finds one.

#include <algorithm>

#include "base/checksum.h"
#include "runtime/plan_file.h"

namespace {

// Offsets in the header, as docs/reference/plan-file.md gives them.
constexpr std::size_t kFileBytesAt = 16, kListBytesAt = 24, kWeightsAt = 32, kWeightBytesAt = 40;
constexpr std::size_t kArenaBytesAt = 48;
constexpr std::size_t kListChecksumAt = 96, kHeaderChecksumAt = 124;
constexpr std::size_t kHeaderBytes = 128, kPage = 4096;

// Larger plans may be right, but take long to clear and to compute.
constexpr std::uint64_t kMostMemory = 1 << 22, kMostWork = 1 << 22;

void put(hf::Bytes& plan, std::size_t at, std::uint64_t value) {
    std::memcpy(plan.data() + at, &value, sizeof value);
}

void put_checksum(hf::Bytes& plan, std::size_t at, hf::ByteView bytes) {
    const std::uint32_t checksum = hf::crc32c(bytes);
    std::memcpy(plan.data() + at, &checksum, sizeof checksum);
}

// The input as a plan: its header's sizes and checksums made to fit the bytes that there are.
hf::Bytes sealed(const std::uint8_t* data, std::size_t size) {
    hf::Bytes plan(data, data + size);
    const auto weights = hf::load_le<std::uint64_t>(plan.data() + kWeightsAt);
    const auto list = hf::load_le<std::uint64_t>(plan.data() + kListBytesAt);
    if (weights % kPage == 0 && weights <= size) {
        put(plan, kFileBytesAt, size);
        put(plan, kWeightBytesAt, size - weights);
    }
    if (list <= size - kHeaderBytes) {
        put_checksum(plan, kListChecksumAt, hf::ByteView(plan).subspan(kHeaderBytes, list));
    }
    put_checksum(plan, kHeaderChecksumAt, hf::ByteView(plan).first(kHeaderChecksumAt));
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
