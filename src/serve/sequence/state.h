// State: which outputs of a model are inputs of its next inference, by a declaration (JSON) beside
// the model's file, and the model as clients see it then: without these (docs/reference/
// sequences.md).
//
// Immutable once made; from any thread. Errors of make(): INVALID_ARGUMENT with the place in the
// declaration.

#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "base/time.h"
#include "runtime/model.h"
#include "serve/sequence/table.h"

namespace hf::serve::sequence {

inline constexpr std::size_t kMaxDeclarationBytes = 64u << 10;

// A model whose state its sessions do not have, but get and give: they take the inputs that clients
// send, with the tensors of the state after them, and answer outputs, with those of the next state
// after them. Without the state they begin with zeros, and keep what comes of it to themselves.
class StatefulModel final : public runtime::CompiledModel {
    struct Private {
        explicit Private() = default;
    };

public:
    // Holds the declaration against the model's signature.
    static Result<std::shared_ptr<const StatefulModel>> make(
        std::string_view declaration, std::shared_ptr<const runtime::CompiledModel> model);

    struct Layout {
        // Of the model's inputs and outputs, by index: those of clients in signature order, and a
        // pair for each tensor of the state, as declared.
        std::vector<std::size_t> inputs, outputs;
        std::vector<std::size_t> state_inputs, state_outputs;
    };
    StatefulModel(Private, std::shared_ptr<const runtime::CompiledModel> model, Layout layout,
                  Table::Options options);

    // What clients send and get.
    const runtime::Signature& signature() const override { return signature_; }
    std::string_view device() const override { return model_->device(); }
    Result<std::unique_ptr<runtime::Session>> new_session() const override;
    std::vector<runtime::StepInfo> steps() const override { return model_->steps(); }

    // How many sequences there may be, and for how long.
    const Table::Options& options() const { return options_; }

    // With which a sequence begins that has these inputs: zeros. An open first extent is the
    // inputs' batch.
    std::vector<Tensor> zeros(std::span<const Tensor> inputs) const;

private:
    class Run;

    // Of the tensor of the state, for a request with these inputs.
    Shape state_shape(std::size_t index, std::span<const Tensor> inputs) const;

    const std::shared_ptr<const runtime::CompiledModel> model_;
    const Layout layout_;
    const Table::Options options_;
    runtime::Signature signature_;
};

}  // namespace hf::serve::sequence
