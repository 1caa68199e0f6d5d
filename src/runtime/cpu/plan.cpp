#include "runtime/cpu/plan.h"

#include "runtime/cpu/steps/library.h"

namespace hf::runtime::cpu {
namespace {

constexpr std::uint64_t kWeightAlignment = 64;

Status check_port(const Operand& operand, const std::vector<Port>& ports) {
    if (operand.offset >= ports.size())
        return invalid_argument("there is no port {}", operand.offset);
    const Port& port = ports[operand.offset];
    if (operand.dtype != port.dtype || operand.shape.elements() != port.shape.elements()) {
        return invalid_argument("{}[{}] is not what port '{}' holds", dtype_name(operand.dtype),
                                operand.shape.to_string(), port.name);
    }
    return {};
}

Status check_range(const Operand& operand, std::uint64_t size) {
    if (operand.offset % kWeightAlignment != 0) {
        return invalid_argument("offset {} is not a multiple of {}", operand.offset,
                                kWeightAlignment);
    }
    if (operand.offset > size || size - operand.offset < operand.size_bytes()) {
        return invalid_argument("{} bytes at {} lie outside of {} bytes", operand.size_bytes(),
                                operand.offset, size);
    }
    return {};
}

Status check_operand(const Plan& plan, const Operand& operand, bool written) {
    if (operand.place == Place::kNone) return {};
    HF_TRY(operand.shape.check());
    if (dtype_size(operand.dtype) == 0) {
        return unimplemented("{} tensors have no fixed size", dtype_name(operand.dtype));
    }
    switch (operand.place) {
        case Place::kArena: return check_range(operand, plan.arena_bytes);
        case Place::kOutput: return check_port(operand, plan.signature.outputs);
        case Place::kInput:
            if (written) return invalid_argument("an input is written");
            return check_port(operand, plan.signature.inputs);
        case Place::kWeights:
            if (written) return invalid_argument("weights are written");
            return check_range(operand, plan.weights.size());
        case Place::kNone: break;
    }
    return invalid_argument("place {} is unknown", static_cast<int>(operand.place));
}

Status check_operands(const Plan& plan, const Operation& operation) {
    for (std::size_t i = 0; i < operation.inputs.size(); ++i) {
        HF_TRY(check_operand(plan, operation.inputs[i], false).context("input {}", i));
    }
    for (std::size_t i = 0; i < operation.outputs.size(); ++i) {
        HF_TRY(check_operand(plan, operation.outputs[i], true).context("output {}", i));
    }
    if (operation.scratch.place != Place::kNone && operation.scratch.place != Place::kArena) {
        return invalid_argument("scratch lies in the arena");
    }
    return check_operand(plan, operation.scratch, true).context("scratch");
}

bool same_bytes(const Operand& a, const Operand& b) {
    return a.place == b.place && a.offset == b.offset && a.size_bytes() == b.size_bytes();
}

bool overlap(const Operand& a, const Operand& b) {
    if (a.place != b.place || (a.place != Place::kArena && a.place != Place::kOutput)) return false;
    if (a.size_bytes() == 0 || b.size_bytes() == 0) return false;
    if (a.place == Place::kOutput) return a.offset == b.offset;
    return a.offset < b.offset + b.size_bytes() && b.offset < a.offset + a.size_bytes();
}

// What is written overlaps nothing else, but for an output that takes its input's place.
Status check_overlap(const Operation& operation) {
    std::vector<const Operand*> written;
    for (const Operand& output : operation.outputs) written.push_back(&output);
    written.push_back(&operation.scratch);
    for (std::size_t i = 0; i < written.size(); ++i) {
        const bool is_output = written[i] != &operation.scratch;
        for (const Operand& input : operation.inputs) {
            if (!overlap(*written[i], input)) continue;
            if (is_output && operation.kernel->in_place && same_bytes(*written[i], input)) continue;
            return invalid_argument("what it writes overlaps an input");
        }
        for (std::size_t j = 0; j < i; ++j) {
            if (overlap(*written[i], *written[j])) {
                return invalid_argument("what it writes overlaps");
            }
        }
    }
    return {};
}

Status check_signature(const std::vector<Port>& ports) {
    for (const Port& port : ports) {
        HF_TRY(port.shape.check().context("port '{}'", port.name));
        if (dtype_size(port.dtype) == 0) {
            return unimplemented("port '{}': strings have no fixed size", port.name);
        }
    }
    return {};
}

}  // namespace

Result<std::vector<MadeStep>> make_steps(const Plan& plan) {
    if (plan.arena_bytes > kMaxArenaBytes) {
        return resource_exhausted("the arena takes {} bytes; the limit is {}", plan.arena_bytes,
                                  kMaxArenaBytes);
    }
    HF_TRY(check_signature(plan.signature.inputs));
    HF_TRY(check_signature(plan.signature.outputs));
    std::vector<MadeStep> steps;
    for (const Operation& operation : plan.operations) {
        HF_TRY(check_operands(plan, operation).context("{}", operation.name));
        HF_TRY(check_overlap(operation).context("{}", operation.name));
        MadeStep made;
        made.step = HF_TRY(operation.kernel->make(operation).context("{}: {}", operation.name,
                                                                     operation.kernel->name));
        if (operation.kernel->verify) {
            HF_TRY(operation.kernel->verify(operation, plan.weights.data())
                       .context("{}: {}", operation.name, operation.kernel->name));
        }
        if (operation.kernel->by_library && plan.own_kernels_only) {
            made.library_refused = "switched off";
        } else if (operation.kernel->by_library) {
            Result<StepPtr> faster = make_library_step(operation, plan.weights.data());
            made.library_refused = std::string(faster.status().message());
            if (faster.ok()) made.step = std::move(faster).value();
        }
        steps.push_back(std::move(made));
    }
    return steps;
}

}  // namespace hf::runtime::cpu
