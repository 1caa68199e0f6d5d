// The models of a simulated world: digests with properties, and the tags that stand for them, which
// move. What a policy says of a model is decided here a second time, from the same text, so that
// what runs can be judged by something other than what let it run.
//
// Owned by one thread.

#pragma once

#include <map>
#include <set>
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
    bool golden = true;      // reproduces its golden samples
    bool crashes = false;    // may take its machine's process down when it begins to answer
    bool loops = false;      // does so each time, kLoopsMax times on one machine
    int errors_percent = 0;  // of its answers
    std::int64_t latency_ms = 20;

    // Whether a machine that has another version to go back to keeps this one through its trial.
    bool stands_trial() const { return !crashes && !loops && errors_percent <= 50; }
    bool is_good() const {
        return format == "onnx" && is_signed && is_scanned && compiles_on_cpu && golden &&
               stands_trial();
    }
};

// After that it answers, or machines that have nothing else would never come to rest.
inline constexpr int kLoopsMax = 6;

class Models final {
public:
    explicit Models(Dice& dice);

    // A reference of a model: "m3:v1".
    std::string any_reference(Dice& dice) const;
    void move_a_tag(Dice& dice);
    std::string any_digest(Dice& dice) const;
    // Of a version that every machine and policy takes, if there is one.
    std::string any_good_digest(Dice& dice) const;
    // "m@sha256:...".
    static std::string pinned(const std::string& digest) { return "m@" + digest; }

    // Empty when there is none.
    std::string resolve(const std::string& reference) const;
    const Model* find(const std::string& digest) const;

    // Whether the reference has ever stood for the version.
    bool ever_meant(const std::string& reference, const std::string& digest) const;

    // OK, or FAILED_PRECONDITION as trust::judge_model() would refuse it.
    static Status judge(const Model& model, const std::string& policy_text);
    static bool compiles(const Model& model, const std::string& device) {
        return model.compiles_on_cpu || device != "cpu";
    }

private:
    void move(const std::string& reference, const std::string& digest);

    std::map<std::string, Model> models_;      // by digest
    std::map<std::string, std::string> tags_;  // reference -> digest
    std::set<std::pair<std::string, std::string>> meant_;
};

}  // namespace hf::sim
