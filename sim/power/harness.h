// The harness: takes a subject through every way in which its disk can stop, and counts them.
//
//   power   the states that crash_states.h calls usual, after every operation of a first life (of
//           more than were asked for an even choice), and drawn ones; from some of these the power
//           goes once more while they recover
//   kill    the process alone is killed between two operations; a second life goes on, and the
//   power
//           goes while it does
//   full    the disk has no room from the k-th change on, and has again later
//
// Deterministic from the seed. A breach ends the subject's run and says how to see it again.

#pragma once

#include <optional>
#include <string>

#include "sim/power/subject.h"

namespace hf::power {

struct Plan {
    std::uint64_t seed = 1;
    std::size_t states = 2000;  // at least so many different ones that the power leaves
    std::size_t kills = 60;     // of first lives
    std::size_t fulls = 60;
    testing::Disk::Lie lie = testing::Disk::Lie::kNone;
};

struct Report {
    std::size_t operations = 0;    // of the first life
    std::size_t states = 0;        // different ones that the power left, each recovered from
    std::size_t again = 0;         // of these: while another was recovered from
    std::size_t second_lives = 0;  // of these: in a life after a kill or a full disk
    std::size_t kills = 0;
    std::size_t fulls = 0;
    std::optional<std::string> breach;
};

Report run(Subject& subject, const Plan& plan);

}  // namespace hf::power
