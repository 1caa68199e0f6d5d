// What a node remembers (node/desired.h): orders of growing generations, what answers, trials and
// refusals, decided by the node's own brain and written as its agent writes them.

#include <fmt/format.h>

#include "node/brain.h"
#include "sim/power/subject.h"

namespace hf::power {
namespace {

using node::Brain;
using node::Step;

constexpr std::int64_t kLast = 30;  // generations
const std::string kPath = "/data/node.json";

std::string digest_of(std::int64_t generation) {
    return "sha256:" + std::string(64, static_cast<char>('a' + generation % 6));
}

std::string orders(std::int64_t generation) {
    return fmt::format("orders {}", generation);
}

api::Object node_of(std::int64_t generation) {
    api::Object object = api::Object::make("Node", "", "here");
    object.edit_metadata()["uid"] = "u";
    object.edit_metadata()["generation"] = generation;
    json::Array services;
    for (const char* name : {"pump", "fan"}) {
        if (*name == 'f' && generation % 3 == 0) continue;
        services.push_back({{"namespace", "default"},
                            {"name", name},
                            {"uid", name},
                            {"model", "m:v1"},
                            {"digest", digest_of(generation)}});
    }
    object.edit_spec()["services"] = std::move(services);
    return object;
}

class MemorySubject final : public Subject {
public:
    std::string_view name() const override { return "memory"; }

    Status live(const std::shared_ptr<testing::Disk>& disk, History& history) override {
        testing::MemoryFiles files(disk);
        HF_TRY(files.create_directories("/data"));
        Machine machine{files, Brain(Brain::Options{}), Instant(std::chrono::hours(1)), {}};
        const std::int64_t kept = HF_TRY(recall(files, history, &machine.brain));
        HF_TRY(machine.step({}));
        for (std::int64_t generation = kept + 1; generation <= kLast; ++generation) {
            const Status status = history.act(orders(generation),
                                              [&] { return machine.follow(node_of(generation)); });
            if (status.code() == Code::kResourceExhausted && disk->is_full()) {
                // The agent goes on, and tries again by itself.
                HF_TRY(recall(files, history, nullptr));
                disk->make_room();
                machine.now += node::kKeepAgainAfter;
                HF_TRY(machine.step({}));
                history.finish(orders(generation));
            } else {
                HF_TRY(Status(status));
            }
        }
        return recall(files, history, nullptr).status();
    }

private:
    struct Machine {
        testing::MemoryFiles& files;
        Brain brain;
        Instant now;
        Status lost;  // of the last memory that the disk did not take

        Status step(Brain::Input input) {
            node::Actions work = HF_TRY(carry_out(brain.step(std::move(input), now)));
            while (!work.empty()) {
                const node::Action action = work.front();
                work.erase(work.begin());
                if (action.kind != node::Action::Kind::kRun) continue;
                const std::string digest = action.wish.digest;
                node::Finished done{{action.service, action.step, action.run, {}, digest},
                                    action.wish,
                                    std::nullopt};
                const bool refused = action.step == Step::kVerify && digest == digest_of(3);
                if (refused) done.done.status = permission_denied("[unsigned] no");
                const node::Actions more =
                    HF_TRY(carry_out(brain.step({{done}, std::nullopt, {}}, now)));
                work.insert(work.end(), more.begin(), more.end());
            }
            return lost;
        }

        Status follow(const api::Object& node) {
            lost = {};
            return step({{}, node, {}});
        }

        Result<node::Actions> carry_out(node::Effects effects) {
            if (effects.memory) {
                lost = files.write(kPath, as_bytes(*effects.memory), env::Access::kPrivate);
                if (lost.code() == Code::kUnavailable) return lost;
                if (!lost.ok()) brain.note_memory_not_kept(now);
            }
            for (const Status& trouble : effects.troubles) {
                return internal_error("{}", trouble.to_string());
            }
            return std::move(effects.work);
        }
    };

    // The generation that was kept; what was promised must be there.
    static Result<std::int64_t> recall(testing::MemoryFiles& files, const History& history,
                                       Brain* brain) {
        std::int64_t kept = 0;
        const Result<Bytes> bytes = files.read(kPath, node::kMaxMemoryBytes);
        if (bytes.ok()) {
            Result<node::Memory> memory = node::read_memory(as_text(*bytes));
            if (!memory.ok()) return data_loss("{}", memory.status().to_string());
            kept = memory->node.generation();
            if (memory->node.json() != node_of(kept).json()) return data_loss("other orders");
            for (const auto& [service, refusals] : memory->refusals) {
                for (const node::Refusal& refusal : refusals) {
                    // Every life ends before a version has stood its trial.
                    const bool trial = refusal.why.message().starts_with("[trial]");
                    if (refusal.digest == digest_of(3) || trial) continue;
                    return data_loss("a made-up refusal: {}", refusal.why.to_string());
                }
            }
            if (brain) brain->recall(std::move(*memory), Instant(std::chrono::hours(1)));
        } else if (bytes.status().code() != Code::kNotFound) {
            return bytes.status();
        }
        for (std::int64_t generation = 1; generation <= kLast; ++generation) {
            if (generation > kept && history.promised(orders(generation))) {
                return data_loss("orders {} were followed; {} are kept", generation, kept);
            }
            if (generation <= kept && !history.begun(orders(generation))) {
                return data_loss("orders {} are kept; {} never came", kept, generation);
            }
        }
        return kept;
    }
};

}  // namespace

std::unique_ptr<Subject> memory_subject() {
    return std::make_unique<MemorySubject>();
}

}  // namespace hf::power
