#include "serve/sequence/table.h"

namespace hf::serve::sequence {

Status Table::not_here(std::string_view id) const {
    return not_found(
        "sequence '{}' is not here: it was not started, has ended, or has rested for longer than "
        "{} s; begin again, with sequence_start",
        id.substr(0, 64),
        std::chrono::duration_cast<std::chrono::seconds>(options_.idle_max).count());
}

void Table::expire(Duration now) {
    while (!resting_.empty() && now - resting_.begin()->first > options_.idle_max) {
        sequences_.erase(resting_.begin()->second);
        resting_.erase(resting_.begin());
    }
}

Result<Table::Sequences::iterator> Table::find(const SequenceMark& mark, Duration now) {
    expire(now);
    const auto found = sequences_.find(mark.id);
    if (found != sequences_.end()) return found;
    if (!mark.start) return not_here(mark.id);
    if (sequences_.size() == options_.sequences_max) {
        return resource_exhausted("{} sequences are under way; end some (sequence_end)",
                                  options_.sequences_max);
    }
    return sequences_.emplace(mark.id, Sequence()).first;
}

void Table::begin(Sequence& sequence, bool start) {
    sequence.busy = true;
    if (!start) return;
    sequence.alive = true;
    sequence.state.clear();
}

Result<std::optional<Ticket>> Table::admit(const SequenceMark& mark, Duration now) {
    const Sequences::iterator found = HF_TRY(find(mark, now));
    Sequence& sequence = found->second;
    if (!sequence.busy) {
        resting_.erase({sequence.last, mark.id});
        begin(sequence, mark.start);
        return std::optional<Ticket>();
    }
    if (sequence.waiting.size() == options_.waiting_max) {
        return resource_exhausted("{} requests of sequence '{}' wait already", options_.waiting_max,
                                  mark.id.substr(0, 64));
    }
    last_ticket_ = Ticket(last_ticket_.value() + 1);
    sequence.waiting.push_back({last_ticket_, mark.start});
    return std::optional<Ticket>(last_ticket_);
}

State Table::state(const std::string& id) const {
    return sequences_.at(id).state;
}

Table::After Table::done(const SequenceMark& mark, State* state, Duration now) {
    Sequence& sequence = sequences_.at(mark.id);
    if (state) sequence.state = std::move(*state);
    const bool began_badly = mark.start && !state;
    if (mark.end || began_badly) sequence.alive = false;
    sequence.busy = false;
    After after;
    while (!sequence.waiting.empty() && !after.next) {
        const Waiting next = sequence.waiting.front();
        sequence.waiting.pop_front();
        if (sequence.alive || next.start) {
            begin(sequence, next.start);
            after.next = next.ticket;
        } else {
            after.gone.push_back(next.ticket);
        }
    }
    if (after.next) return after;
    if (sequence.alive) {
        sequence.last = now;
        resting_.emplace(now, mark.id);
    } else {
        sequences_.erase(mark.id);
    }
    return after;
}

}  // namespace hf::serve::sequence
