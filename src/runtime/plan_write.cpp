#include <algorithm>

#include "base/checksum.h"
#include "crypto/hash.h"
#include "runtime/cpu/model.h"
#include "runtime/cpu/plan_codec.h"
#include "runtime/plan_file.h"
#include "runtime/plan_header.h"

namespace hf::runtime {

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
    PlanHeader header;
    header.list_bytes = list.size();
    header.weights_offset =
        (kPlanHeaderBytes + list.size() + kPlanPageBytes - 1) / kPlanPageBytes * kPlanPageBytes;
    header.weights_bytes = plan.weights.size();
    header.file_bytes = header.weights_offset + header.weights_bytes;
    header.arena_bytes = plan.arena_bytes;
    header.macs = plan.macs;
    header.list_checksum = crc32c(list);
    Bytes out(kPlanHeaderBytes);
    out.reserve(header.file_bytes);
    out.insert(out.end(), list.begin(), list.end());
    out.resize(header.weights_offset);
    out.insert(out.end(), plan.weights.begin(), plan.weights.end());
    const Digest digest = crypto::sha256(ByteView(out).subspan(kPlanHeaderBytes));
    header.content_digest = digest.bytes();
    const Bytes encoded = encode_plan_header(header);
    std::copy(encoded.begin(), encoded.end(), out.begin());
    return out;
}

Status verify_plan(ByteView bytes) {
    const PlanHeader header = HF_TRY(decode_plan_header(bytes));
    const Digest got = crypto::sha256(bytes.subspan(kPlanHeaderBytes));
    const ByteView want = header.content_digest;
    if (std::equal(want.begin(), want.end(), got.bytes().begin(), got.bytes().end())) return {};
    return data_loss(
        "the weights or the list of the plan file changed since it was written; compile the model "
        "again");
}

}  // namespace hf::runtime
