// Hand-over: a server that is to be replaced, by a newer program or the same with other options,
// gives its listening socket to the one that replaces it. Both may take connections from the one
// queue of the system, and what waits in it belongs to neither: no connection is refused in
// between.
//
// They talk over a socket of the Unix domain, at a path:
//
//     new  connects
//     old  "holdfast hand-over 1\n", with the listening socket (SCM_RIGHTS)
//     new  "ready\n", when it can answer
//     old  answers what it has and ends, which closes the connection
//
// If the new one goes before it is ready, nothing has happened. Only processes of one user are
// listened to (SO_PEERCRED), and the file is its owner's alone.
//
// Thread-safety: a Predecessor is its owner's; Heirs have a thread ("hf-hand-over").

#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "base/time.h"

namespace hf::http {

// The server that is replaced, in the eyes of the one that replaces it.
class Predecessor {
public:
    virtual ~Predecessor() = default;

    // Null when nobody is there: no file, or one that a server left when it was killed.
    // FAILED_PRECONDITION when what is there is no socket, or its process another user's;
    // UNAVAILABLE when it gives no socket within 5 s.
    static Result<std::unique_ptr<Predecessor>> find(const std::string& path);

    // Its listening socket, for ServerOptions::listener. Good as long as this is.
    virtual int listener() const = 0;

    // It need not take connections any more: it answers what it has and ends.
    virtual Status let_go() = 0;

    // Until it has ended. DEADLINE_EXCEEDED when that takes longer.
    virtual Status wait_for_end(Duration patience) = 0;
};

// The servers that may replace this one. Destroyed, it tells the one that did so that all of what
// this server held is free: destroy it last.
class Heirs {
public:
    virtual ~Heirs() = default;

    // Takes the path over from whoever had it. `listener` is good as long as this is.
    // `replaced` is called once, on the thread of its own.
    static Result<std::unique_ptr<Heirs>> await(const std::string& path, int listener,
                                                std::function<void()> replaced);
};

}  // namespace hf::http
