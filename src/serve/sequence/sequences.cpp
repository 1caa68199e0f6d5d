#include "serve/sequence/sequences.h"

namespace hf::serve::sequence {
namespace {

Status check(const SequenceMark& mark) {
    if (!mark.id.empty()) return {};
    return invalid_argument(
        "/parameters/{}: must be given, as a number or a text: the model keeps state from one "
        "request of a sequence to the next",
        kSequenceId);
}

}  // namespace

Sequences::Inputs Sequences::inputs_of(const SequenceMark& mark,
                                       std::span<const Tensor> inputs) const {
    Inputs all(inputs.begin(), inputs.end());
    State state = table_.state(mark.id);
    if (state.empty()) state = model_->zeros(inputs);
    all.insert(all.end(), std::make_move_iterator(state.begin()),
               std::make_move_iterator(state.end()));
    return all;
}

void Sequences::enter(const SequenceMark& mark, std::span<const Tensor> inputs, Turn turn) {
    if (Status refused = check(mark); !refused.ok()) return turn(std::move(refused));
    Inputs now;
    Status refused;
    {
        const MutexLock lock(mutex_);
        const Result<std::optional<Ticket>> ticket = table_.admit(mark, clock_.monotonic());
        if (ticket.ok() && *ticket) {
            waiting_.emplace(**ticket, Waiting{mark, inputs, std::move(turn)});
            return;
        }
        refused = ticket.status();
        if (refused.ok()) now = inputs_of(mark, inputs);
    }
    if (!refused.ok()) return turn(std::move(refused));
    turn(std::move(now));
}

State Sequences::take_state(std::vector<Tensor>& outputs) const {
    const auto own = static_cast<std::ptrdiff_t>(model_->signature().outputs.size());
    State state(std::make_move_iterator(outputs.begin() + own),
                std::make_move_iterator(outputs.end()));
    outputs.erase(outputs.begin() + own, outputs.end());
    return state;
}

std::vector<Sequences::Ready> Sequences::after(const SequenceMark& mark, State* state) {
    std::vector<Ready> ready;
    const Table::After after = table_.done(mark, state, clock_.monotonic());
    for (const Ticket ticket : after.gone) {
        Waiting gone = std::move(waiting_.extract(ticket).mapped());
        ready.push_back({std::move(gone.turn), table_.not_here(mark.id)});
    }
    if (after.next) {
        Waiting next = std::move(waiting_.extract(*after.next).mapped());
        Inputs inputs = inputs_of(next.mark, next.inputs);
        ready.push_back({std::move(next.turn), std::move(inputs)});
    }
    return ready;
}

std::optional<Sequences::Ready> Sequences::next_ready(std::thread::id thread) {
    const MutexLock lock(mutex_);
    const auto mine = ready_.find(thread);
    if (mine->second.empty()) {
        ready_.erase(mine);
        return std::nullopt;
    }
    Ready next = std::move(mine->second.front());
    mine->second.pop_front();
    return next;
}

void Sequences::leave(const SequenceMark& mark, State* state) {
    const std::thread::id thread = std::this_thread::get_id();
    {
        const MutexLock lock(mutex_);
        std::vector<Ready> ready = after(mark, state);
        const auto [mine, first] = ready_.try_emplace(thread);
        mine->second.insert(mine->second.end(), std::make_move_iterator(ready.begin()),
                            std::make_move_iterator(ready.end()));
        if (!first) return;
    }
    while (std::optional<Ready> next = next_ready(thread)) {
        next->turn(std::move(next->inputs));
    }
}

std::size_t Sequences::size() const {
    const MutexLock lock(mutex_);
    return table_.size();
}

std::size_t Sequences::live() {
    const Duration now = clock_.monotonic();
    const MutexLock lock(mutex_);
    table_.expire(now);
    return table_.size();
}

}  // namespace hf::serve::sequence
