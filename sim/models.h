// The models of a simulated world: digests with properties, and the tags that stand for them, which
// move. What a policy says of a model is decided here a second time, from the same text, so that
// what runs can be judged by something other than what let it run.
//
// Owned by one thread.

#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/status.h"
#include "sim/dice.h"

namespace hf::sim {

struct Model {
    std::string digest;
    std::string format = "onnx";
    bool is_signed = true;
    bool is_scanned = true;
    bool compiles_on_cpu = true;
    bool golden = true;    // reproduces its golden samples
    bool crashes = false;  // may take its machine's process down when it begins to answer
};

class Models final {
public:
    explicit Models(Dice& dice);

    // A reference of a model: "m3:v1".
    std::string any_reference(Dice& dice) const;
    void move_a_tag(Dice& dice);

    // Empty when there is none.
    std::string resolve(const std::string& reference) const;
    const Model* find(const std::string& digest) const;

    // OK, or FAILED_PRECONDITION as trust::judge_model() would refuse it.
    static Status judge(const Model& model, const std::string& policy_text);
    static bool compiles(const Model& model, const std::string& device) {
        return model.compiles_on_cpu || device != "cpu";
    }

private:
    std::map<std::string, Model> models_;      // by digest
    std::map<std::string, std::string> tags_;  // reference -> digest
};

}  // namespace hf::sim
