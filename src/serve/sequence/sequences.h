// Sequences: the sequences of one version of a model while requests come: who runs now, with which
// state, and who waits. What is decided is decided by a Table (table.h); this is its lock and its
// callbacks.
//
// Thread-safety: all methods from any thread; no caller's function is called with the lock held.
// Errors: as Table.

#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <thread>

#include "base/mutex.h"
#include "env/clock.h"
#include "serve/sequence/state.h"
#include "serve/sequence/table.h"

namespace hf::serve::sequence {

class Sequences final {
public:
    // REQUIRES: the clock outlives it.
    Sequences(std::shared_ptr<const StatefulModel> model, const env::Clock& clock)
        : model_(std::move(model)), clock_(clock), table_(model_->options()) {}

    // The inputs that the model takes: `inputs` and the state after them.
    using Inputs = std::vector<Tensor>;
    using Turn = std::function<void(Result<Inputs> inputs)>;

    // Calls `turn` once: before it returns, or when those before it in the sequence have left, on
    // the thread of the last of them. With an error it has no turn; else it must leave().
    // INVALID_ARGUMENT for a request of no sequence. REQUIRES: the tensors stay until then.
    void enter(const SequenceMark& mark, std::span<const Tensor> inputs, Turn turn);

    // Takes the next state off what the model answered.
    State take_state(std::vector<Tensor>& outputs) const;

    // Ends the turn. `state`: the next; null: the request failed. Whoever is next has his turn on
    // this thread, before this returns; where a turn that leave() gave calls it again, after that
    // has returned, so that a sequence however long takes no more of the stack.
    void leave(const SequenceMark& mark, State* state);

    std::size_t size() const;

    // Those that have not rested for too long.
    std::size_t live();

private:
    struct Waiting {
        SequenceMark mark;
        std::span<const Tensor> inputs;
        Turn turn;
    };
    // A turn that has come, and with what: inputs, or why there are none.
    struct Ready {
        Turn turn;
        Result<Inputs> inputs;
    };
    Inputs inputs_of(const SequenceMark& mark, std::span<const Tensor> inputs) const
        HF_REQUIRES(mutex_);
    std::vector<Ready> after(const SequenceMark& mark, State* state) HF_REQUIRES(mutex_);
    std::optional<Ready> next_ready(std::thread::id thread);

    const std::shared_ptr<const StatefulModel> model_;
    const env::Clock& clock_;
    mutable Mutex mutex_;
    Table table_ HF_GUARDED_BY(mutex_);
    std::map<Ticket, Waiting> waiting_ HF_GUARDED_BY(mutex_);
    // Of the threads that are giving turns.
    std::map<std::thread::id, std::deque<Ready>> ready_ HF_GUARDED_BY(mutex_);
};

}  // namespace hf::serve::sequence
