#include "runtime/plan_file.h"

#include <algorithm>

#include "crypto/hash.h"
#include "runtime/cpu/model.h"
#include "runtime/cpu/plan_codec.h"

namespace hf::runtime {
namespace {

// "HFPLAN", a byte that no text has, and a line end that a text transfer would change.
constexpr std::string_view kMagic("HFPLAN\xff\n", 8);
constexpr std::uint32_t kVersion = 1;

// After the magic: numbers, then three digests; the last is of the header before it.
constexpr std::size_t kHeaderBytes = 8 + 2 * 4 + 6 * 8 + 3 * Digest::kSize;

struct Header {
    std::uint32_t version = kVersion;
    std::uint32_t header_bytes = kHeaderBytes;
    std::uint64_t file_bytes = 0;
    std::uint64_t list_bytes = 0;  // the list follows the header
    std::uint64_t weights_offset = 0;
    std::uint64_t weights_bytes = 0;
    std::uint64_t arena_bytes = 0;
    std::uint64_t macs = 0;
    ByteView list_digest, weights_digest, header_digest;
};

void append_bytes(Bytes& out, ByteView bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
}

Bytes encode_header(const Header& header) {
    Bytes out = to_bytes(kMagic);
    append_le(out, header.version);
    append_le(out, header.header_bytes);
    append_le(out, header.file_bytes);
    append_le(out, header.list_bytes);
    append_le(out, header.weights_offset);
    append_le(out, header.weights_bytes);
    append_le(out, header.arena_bytes);
    append_le(out, header.macs);
    append_bytes(out, header.list_digest);
    append_bytes(out, header.weights_digest);
    append_bytes(out, crypto::sha256(out).bytes());
    return out;
}

Status expect_digest(ByteView want, ByteView bytes, std::string_view what) {
    const Digest got = crypto::sha256(bytes);
    if (std::equal(want.begin(), want.end(), got.bytes().begin(), got.bytes().end())) return {};
    return data_loss("the {} of the plan file changed since it was written; compile it again",
                     what);
}

Result<Header> decode_header(ByteView bytes) {
    ByteReader reader(bytes);
    HF_TRY(reader.skip(kMagic.size()));
    Header header;
    header.version = HF_TRY(reader.read<std::uint32_t>());
    if (header.version != kVersion) {
        return unimplemented("plan file version {}; this build reads version {}: compile it again",
                             header.version, kVersion);
    }
    header.header_bytes = HF_TRY(reader.read<std::uint32_t>());
    for (std::uint64_t* field : {&header.file_bytes, &header.list_bytes, &header.weights_offset,
                                 &header.weights_bytes, &header.arena_bytes, &header.macs}) {
        *field = HF_TRY(reader.read<std::uint64_t>());
    }
    header.list_digest = HF_TRY(reader.take(Digest::kSize));
    header.weights_digest = HF_TRY(reader.take(Digest::kSize));
    const std::size_t signed_bytes = reader.offset();
    header.header_digest = HF_TRY(reader.take(Digest::kSize));
    HF_TRY(expect_digest(header.header_digest, bytes.first(signed_bytes), "header"));
    return header;
}

Status check_layout(const Header& header, std::uint64_t size) {
    if (header.file_bytes != size) {
        return data_loss("the plan file has {} bytes and says {}", size, header.file_bytes);
    }
    if (header.header_bytes != kHeaderBytes || header.list_bytes > size - kHeaderBytes ||
        header.weights_offset < kHeaderBytes + header.list_bytes || header.weights_offset > size ||
        header.weights_offset % kPlanPageBytes != 0 ||
        header.weights_bytes != size - header.weights_offset) {
        return invalid_argument("the parts of the plan file do not fit its {} bytes", size);
    }
    return {};
}

// Kernels read weights at their own alignment: a buffer that is no mapping may need a copy.
void place_weights(ByteView weights, std::shared_ptr<const void> owner, cpu::Plan& plan) {
    plan.weights = weights;
    plan.weights_owner = std::move(owner);
    if (reinterpret_cast<std::uintptr_t>(weights.data()) % Tensor::kAlignment == 0) return;
    const auto copy = std::make_shared<const Tensor>(Tensor::of<std::uint8_t>(
        DType::kU8, Shape{static_cast<std::int64_t>(weights.size())}, weights));
    plan.weights = copy->bytes();
    plan.weights_owner = copy;
}

void fill_report(const cpu::CpuModel& model, CompileReport& report) {
    const cpu::Plan& plan = model.plan();
    report.device = "cpu";
    report.arena_bytes = plan.arena_bytes;
    report.weight_bytes = plan.weights.size();
    report.macs = plan.macs;
    for (const StepInfo& step : model.steps()) {
        report.nodes.push_back({step.node, step.kernel, ""});
    }
    model.report_fallbacks(report);
}

}  // namespace

bool is_plan(ByteView bytes) {
    return as_text(bytes).starts_with(kMagic);
}

Result<Bytes> write_plan(const CompiledModel& model) {
    const auto* compiled = dynamic_cast<const cpu::CpuModel*>(&model);
    if (!compiled && model.device() == "cpu") {
        return unimplemented("a plan has one shape; fix the open extents of inputs (--shape)");
    }
    if (!compiled) {
        return unimplemented("device '{}' has no plans: it runs the model file itself",
                             model.device());
    }
    const cpu::Plan& plan = compiled->plan();
    const Bytes list = HF_TRY(cpu::encode_list(plan));
    const Digest list_digest = crypto::sha256(list), weights_digest = crypto::sha256(plan.weights);
    Header header;
    header.list_bytes = list.size();
    header.weights_offset =
        (kHeaderBytes + list.size() + kPlanPageBytes - 1) / kPlanPageBytes * kPlanPageBytes;
    header.weights_bytes = plan.weights.size();
    header.file_bytes = header.weights_offset + header.weights_bytes;
    header.arena_bytes = plan.arena_bytes;
    header.macs = plan.macs;
    header.list_digest = list_digest.bytes();
    header.weights_digest = weights_digest.bytes();
    Bytes out = encode_header(header);
    append_bytes(out, list);
    out.resize(header.weights_offset);
    append_bytes(out, plan.weights);
    return out;
}

Result<std::shared_ptr<const CompiledModel>> open_plan(ByteView bytes,
                                                       std::shared_ptr<const void> owner,
                                                       CompileReport* report) {
    if (!is_plan(bytes)) return invalid_argument("this is no plan file");
    const Header header = HF_TRY(decode_header(bytes));
    HF_TRY(check_layout(header, bytes.size()));
    const ByteView list = bytes.subspan(kHeaderBytes, header.list_bytes);
    const ByteView weights = bytes.subspan(header.weights_offset, header.weights_bytes);
    HF_TRY(expect_digest(header.list_digest, list, "list of operations"));
    HF_TRY(expect_digest(header.weights_digest, weights, "weights"));
    cpu::Plan plan;
    plan.arena_bytes = header.arena_bytes;
    plan.macs = header.macs;
    HF_TRY(cpu::decode_list(list, plan));
    place_weights(weights, std::move(owner), plan);
    std::shared_ptr<const cpu::CpuModel> model = HF_TRY(cpu::CpuModel::create(std::move(plan)));
    if (report) fill_report(*model, *report);
    return model;
}

}  // namespace hf::runtime
