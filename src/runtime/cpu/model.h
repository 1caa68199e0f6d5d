// The cpu device's compiled model: a plan whose steps have been checked, and its sessions, each an
// arena. A run of vector kernels takes nothing from the heap but its output tensors; oneDNN's steps
// take a handle for each operand.
//
// With a crew, a session cuts the steps that are worth it into parts, which its threads compute
// together, each with scratch of its own. A step's parts make the same bits however many they are,
// so the results do not tell how many threads there were.
//
// Thread-safety: the model is immutable; a session is used by one thread at a time.

#pragma once

#include <memory>

#include "base/status.h"
#include "runtime/cpu/plan.h"
#include "runtime/crew.h"
#include "runtime/device.h"
#include "runtime/model.h"

namespace hf::runtime::cpu {

class WeightPool;  // weight_pool.h

class CpuModel final : public CompiledModel, public std::enable_shared_from_this<CpuModel> {
public:
    // Checks the plan as make_steps does.
    static Result<std::shared_ptr<const CpuModel>> create(Plan plan);

    const Signature& signature() const override { return plan_.signature; }
    std::string_view device() const override { return "cpu"; }
    Result<std::unique_ptr<Session>> new_session() const override;

    std::vector<StepInfo> steps() const override;

    const Plan& plan() const { return plan_; }
    const std::vector<MadeStep>& made_steps() const { return steps_; }

    // Names in the report the kernels of ours that run where the plan has the library's.
    void report_fallbacks(CompileReport& report) const;

    // Only create() has a key.
    class Key {
        friend class CpuModel;
        Key() = default;
    };
    CpuModel(Key, Plan plan, std::vector<MadeStep> steps)
        : plan_(std::move(plan)), steps_(std::move(steps)) {}

private:
    Plan plan_;
    std::vector<MadeStep> steps_;
};

class CpuSession final : public Session {
public:
    explicit CpuSession(std::shared_ptr<const CpuModel> model);

    Result<std::vector<Tensor>> run(std::span<const Tensor> inputs) override;
    void observe(StepObserver* observer) override { observer_ = observer; }
    void use(std::shared_ptr<Crew> crew) override;

    // Into memory that the caller keeps: one buffer an output, of the signature's size, aligned to
    // its element. Takes nothing from the heap when no step is a reference one.
    Status run_into(std::span<const Tensor> inputs, std::span<std::uint8_t* const> outputs);

private:
    class StepJob;

    std::shared_ptr<const CpuModel> model_;
    Tensor arena_;
    std::uint8_t* arena_data_ = nullptr;
    StepObserver* observer_ = nullptr;

    std::shared_ptr<Crew> crew_;
    std::vector<std::size_t> parts_;  // of each step, where there is a crew
    std::vector<Memory> memories_;    // one a thread
    Tensor scratch_;                  // of the threads but the first
};

// The parts that a step is cut into for so many threads; 1: it is not worth it. Exposed for tests.
std::size_t parts_of(const Cut& cut, std::size_t threads);

// The device itself, for the table in compile.cpp.
class CpuDevice final : public Device {
public:
    std::string_view name() const override { return "cpu"; }
    Result<std::shared_ptr<const CompiledModel>> compile(const graph::Graph& graph,
                                                         const CompileOptions& options,
                                                         CompileReport& report) const override;

    // The same, with what the model has in common with others of the pool kept once.
    static Result<std::shared_ptr<const CompiledModel>> compile_into(
        std::shared_ptr<WeightPool> pool, const graph::Graph& graph, const CompileOptions& options,
        CompileReport& report);
};

}  // namespace hf::runtime::cpu
