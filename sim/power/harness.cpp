#include "sim/power/harness.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "testing/crash_states.h"

namespace hf::power {
namespace {

using testing::CrashState;
using testing::CrashStates;
using testing::Disk;

constexpr std::uint64_t kAgainOneIn = 3;
// The drawn states repeat each other in the end: then there are no more.
constexpr std::size_t kRepeatsMax = 2000;

std::string fingerprint(const testing::DiskImage& image, const History& history) {
    std::string text = fmt::format("{};", history.promises());
    for (const std::string& folder : image.folders) text += folder + ";";
    for (const auto& [name, file] : image.names) {
        const Bytes& bytes = image.files.at(file);
        text += fmt::format("{}:{}:{:x};", name, bytes.size(),
                            std::hash<std::string_view>()(as_text(bytes)));
    }
    return text;
}

class Run final {
public:
    Run(Subject& subject, const Plan& plan) : subject_(subject), plan_(plan), rng_(plan.seed) {}

    Report report() {
        first_life();
        if (!report_.breach) usual_states();
        if (!report_.breach) killed_lives();
        if (!report_.breach) drawn_states();
        if (!report_.breach) full_disks();
        return report_;
    }

private:
    struct Life {
        std::shared_ptr<Disk> disk;
        History history;
    };

    Life new_life(const testing::DiskImage& image = {}) const {
        auto disk = std::make_shared<Disk>(image);
        disk->lie(plan_.lie);
        disk->record();
        return {disk, History(disk)};
    }

    void fail(const std::string& where, const Status& why) {
        if (report_.breach) return;
        report_.breach = fmt::format("{}: {}: {} (HF_SEED={})", subject_.name(), where,
                                     why.to_string(), plan_.seed);
    }

    void first_life() {
        subject_.begin();
        Life life = new_life();
        const Status status = subject_.live(life.disk, life.history);
        if (!status.ok()) return fail("the first life", status);
        report_.operations = life.disk->operation_count();
        first_.emplace(std::move(life));
        states_.emplace(*first_->disk);
    }

    // Recovers from one state; false when it was tried before.
    bool try_state(const CrashStates& states, const CrashState& state, const History& history,
                   bool may_again) {
        const testing::DiskImage image = states.build(state);
        Life life = new_life(image);
        life.history = history.at(state.operations, life.disk);
        if (!seen_.insert(fingerprint(image, life.history)).second) return false;
        ++report_.states;
        const Status status = subject_.live(life.disk, life.history);
        if (!status.ok()) {
            fail(states.describe(state), status);
            return true;
        }
        if (!may_again || !rng_.chance(1, kAgainOneIn)) return true;
        const CrashStates next(*life.disk);
        if (next.operations() == 0) return true;
        const CrashState again = next.draw(rng_.below(next.operations() + 1), rng_);
        const std::size_t before = report_.states;
        try_state(next, again, life.history, false);
        report_.again += report_.states - before;
        if (report_.breach) report_.breach->append("; before that: " + states.describe(state));
        return true;
    }

    void usual_states() {
        std::vector<CrashState> all;
        for (std::size_t at = 0; at <= states_->operations(); ++at) {
            for (CrashState& state : states_->usual(at)) all.push_back(std::move(state));
        }
        // Of more than were asked for, some: then the drawn ones have a third.
        const std::size_t most = plan_.states == 0 ? all.size() : plan_.states * 2 / 3;
        for (std::size_t left = all.size(), i = 0; i < all.size() && !report_.breach; ++i, --left) {
            const std::size_t wanted = most - std::min(most, report_.states);
            if (wanted < left && !rng_.chance(wanted, left)) continue;
            try_state(*states_, all[i], first_->history, true);
        }
    }

    void drawn_states() {
        std::size_t repeats = 0;
        while (report_.states < plan_.states && repeats < kRepeatsMax && !report_.breach) {
            const std::size_t at = rng_.below(states_->operations() + 1);
            const bool fresh = try_state(*states_, states_->draw(at, rng_), first_->history, true);
            repeats = fresh ? 0 : repeats + 1;
        }
    }

    void killed_lives() {
        for (std::size_t i = 0; i < plan_.kills && !report_.breach; ++i) {
            // Evenly over the first life.
            const std::size_t at = report_.operations * i / std::max<std::size_t>(plan_.kills, 1);
            subject_.begin();
            Life life = new_life();
            life.disk->die_after_operations(at);
            const Status killed = subject_.live(life.disk, life.history);
            // What a dying process says is nobody's to hear, unless it saw a promise broken.
            if (killed.code() == Code::kDataLoss) {
                return fail(fmt::format("killed after {} operations", at), killed);
            }
            life.disk->restart();
            ++report_.kills;
            const Status status = subject_.live(life.disk, life.history);
            if (!status.ok()) {
                return fail(fmt::format("a second life, killed after {} operations", at), status);
            }
            lose_power_in_second_life(life, at, "killed first");
        }
    }

    // At some points after the first `begin` operations, and at the end with nothing unsafe left.
    void lose_power_in_second_life(const Life& life, std::size_t begin, std::string_view before) {
        constexpr int kDraws = 10;
        const CrashStates states(*life.disk);
        const std::size_t all = states.operations();
        for (int draw = 0; draw < kDraws && !report_.breach; ++draw) {
            const std::size_t at =
                std::min(begin, all) + rng_.below(all - std::min(begin, all) + 1);
            const CrashState state =
                draw == 0 ? CrashState{all, all_missing(states)} : states.draw(at, rng_);
            const std::size_t tried = report_.states;
            try_state(states, state, life.history, true);
            report_.second_lives += report_.states - tried;
        }
        if (report_.breach) {
            report_.breach->append(fmt::format("; {} after {} operations", before, begin));
        }
    }

    static std::vector<testing::Damage> all_missing(const CrashStates& states) {
        std::vector<testing::Damage> all;
        for (std::size_t at : states.unsafe(states.operations())) all.push_back({at});
        return all;
    }

    void full_disks() {
        for (std::uint64_t at = 0, step = 1; report_.fulls < plan_.fulls; at += step) {
            subject_.begin();
            Life life = new_life();
            life.disk->stay_full_after(at);
            const Status status = subject_.live(life.disk, life.history);
            const bool was_full = life.disk->is_full() || status.ok();
            if (!status.ok() && (status.code() != Code::kResourceExhausted || !was_full)) {
                return fail(fmt::format("full after {} changes", at), status);
            }
            const bool through = status.ok() && !life.disk->was_ever_full();
            const std::size_t full_at = life.disk->operation_count();
            life.disk->make_room();
            life.disk->restart();
            ++report_.fulls;
            const Status again = subject_.live(life.disk, life.history);
            if (!again.ok()) {
                return fail(fmt::format("room again, full after {} changes", at), again);
            }
            lose_power_in_second_life(life, full_at, "full first");
            if (through || report_.breach) return;
            step = 1 + at / 20;
        }
    }

    Subject& subject_;
    const Plan plan_;
    Rng rng_;
    Report report_;
    std::optional<Life> first_;
    std::optional<CrashStates> states_;
    std::set<std::string> seen_;
};

}  // namespace

Report run(Subject& subject, const Plan& plan) {
    return Run(subject, plan).report();
}

}  // namespace hf::power
